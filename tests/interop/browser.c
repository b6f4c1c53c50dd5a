/* See browser.h. The driver writes a line of JSON for everything that happens; lines that nobody has asked for yet are
 * kept until somebody does. */
#include "interop/browser.h"

#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "util/clock.h"

#define LOG "browser.log"

struct browser {
        struct desk *desk;
        pid_t pid;
        int in;    /* the driver's standard input */
        FILE *out; /* its standard output */
        json_t *lines;
};

static const char *modules(void) {
        const char *path = getenv("BUSYD_BROWSER_MODULES");

        cr_assert(path && *path, "BUSYD_BROWSER_MODULES must name the folder into which tests/interop/browser/"
                                 "package-lock.json was installed (scripts/setup does it)");
        return path;
}

__attribute__((format(printf, 2, 3), noreturn)) static void give_up(struct browser *b, const char *format, ...) {
        SCOPED(free) char *log = file_text(world_path(b->desk->world, LOG)), *lines = json_dumps(b->lines, 0);
        char problem[512];
        va_list ap;

        va_start(ap, format);
        (void) vsnprintf(problem, sizeof(problem), format, ap);
        va_end(ap);
        fprintf(stderr, "---- the browser's log\n%s\n---- what it reported, and nobody asked for\n%s\n", log, lines);
        desk_check(b->desk, false, "%s", problem);
        abort();
}

/* One more line within the deadline. */
static void read_line(struct browser *b, usec_t deadline, const char *what) {
        struct pollfd p = { .fd = fileno(b->out), .events = POLLIN };
        usec_t now = clock_now();
        SCOPED(free) char *line = NULL;
        size_t size = 0;
        json_t *object;

        if (now >= deadline || poll(&p, 1, (int) ((deadline - now) / USEC_PER_MSEC) + 1) <= 0)
                give_up(b, "in the browser nothing came of: %s", what);
        if (getline(&line, &size, b->out) <= 0)
                give_up(b, "the browser ended, or did not start (are node and chromium installed?); wanted: %s", what);
        object = json_loads(line, 0, NULL);
        if (!object)
                give_up(b, "the driver wrote: %s", line);
        cr_assert_eq(json_array_append_new(b->lines, object), 0);
}

static bool has(const json_t *line, const char *key, const char *value) {
        const char *found = json_string_value(json_object_get(line, key));

        return found && streq(found, value);
}

/* Takes the first line of the client in which one of two keys has the value. The caller drops it. */
static json_t *take(struct browser *b, const char *client, const char *key, const char *or_key, const char *value) {
        json_t *line;
        size_t i;

        json_array_foreach(b->lines, i, line) {
                if (!has(line, "client", client) || (!has(line, key, value) && !has(line, or_key, value)))
                        continue;
                json_incref(line);
                json_array_remove(b->lines, i);
                return line;
        }
        return NULL;
}

static usec_t deadline_from_now(void) {
        return interop_deadline();
}

/* Carries out a command whose arguments are `arguments` (taken), and waits until it is done; the caller frees what it
 * answers, "" if that is no text. */
static char *carry_out(struct browser *b, const char *client, const char *command, json_t *arguments) {
        usec_t deadline = deadline_from_now();
        char *text, *value;
        json_t *line;

        cr_assert_not_null(arguments);
        json_object_set_new(arguments, "client", json_string(client));
        json_object_set_new(arguments, "do", json_string(command));
        text = json_dumps(arguments, JSON_COMPACT);
        cr_assert_geq(dprintf(b->in, "%s\n", text), 0, "the browser has ended");
        free(text);
        json_decref(arguments);

        while (!(line = take(b, client, "done", "failed", command)))
                read_line(b, deadline, command);
        if (json_object_get(line, "failed"))
                give_up(b, "%s cannot %s: %s", client, command, json_string_value(json_object_get(line, "why")));
        value = strdup(json_string_value(json_object_get(line, "value")) ?: "");
        json_decref(line);
        return value;
}

void browser_expect(struct browser *b, const char *client, const char *event, const char *value) {
        usec_t deadline = deadline_from_now();
        char what[128];

        (void) snprintf(what, sizeof(what), "%s: %s %s", client, event, value);
        for (;;) {
                json_t *line;

                while ((line = take(b, client, "event", "event", event))) {
                        bool is_it = has(line, "value", value);

                        json_decref(line);
                        if (is_it)
                                return;
                }
                read_line(b, deadline, what);
        }
}

static pid_t spawn_driver(struct desk *d, int in, int out) {
        const char *const argv[] = { "node", TEST_INTEROP_DIR "/browser/driver.mjs", modules(), NULL };
        const char *chromium = getenv("BUSYD_CHROMIUM");
        char path[4096], home[256], temp[256], browser[4096];
        const char *const env[] = { path, home, temp, chromium ? browser : NULL, NULL };
        int log = open(world_path(d->world, LOG), O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600);
        pid_t pid;

        cr_assert_geq(log, 0);
        (void) snprintf(path, sizeof(path), "PATH=%s", getenv("PATH"));
        (void) snprintf(home, sizeof(home), "HOME=%s", d->world->dir);
        (void) snprintf(temp, sizeof(temp), "TMPDIR=%s", d->world->dir);
        (void) snprintf(browser, sizeof(browser), "BUSYD_CHROMIUM=%s", chromium ? chromium : "");
        pid = process_start(
                &(struct process_options){ .argv = argv, .env = env, .in = in, .out = out, .err = log, .pass = -1 });
        close(log);
        cr_assert_gt(pid, 0);
        return pid;
}

struct browser *browser_start(struct desk *d) {
        struct browser *b = calloc(1, sizeof(*b));
        int in[2], out[2];

        cr_assert_not_null(b);
        cr_assert_eq(pipe2(in, O_CLOEXEC), 0);
        cr_assert_eq(pipe2(out, O_CLOEXEC), 0);
        *b = (struct browser){ .desk = d, .in = in[1], .out = fdopen(out[0], "r"), .lines = json_array() };
        cr_assert_not_null(b->out);
        /* A line is handed over as soon as it is there. */
        setvbuf(b->out, NULL, _IONBF, 0);
        (void) signal(SIGPIPE, SIG_IGN);
        b->pid = spawn_driver(d, in[0], out[1]);
        close(in[0]);
        close(out[1]);
        return b;
}

static struct browser *drop(struct browser *b) {
        close(b->in);
        (void) fclose(b->out);
        json_decref(b->lines);
        free(b);
        return NULL;
}

struct browser *browser_close(struct browser *b) {
        if (!b)
                return NULL;
        close(b->in);
        b->in = -1;
        if (process_wait(b->pid, interop_deadline_msec()) != 0)
                give_up(b, "the browser does not end");
        return drop(b);
}

struct browser *browser_kill(struct browser *b) {
        process_kill(b->pid);
        return drop(b);
}

static void log_in(struct browser *b, const char *client, const char *user, bool encrypting) {
        free(carry_out(b, client, "login",
                       json_pack("{s:s, s:s, s:s, s:b}", "url", synapse_url(b->desk->synapse), "user", user,
                                 "password", SYNAPSE_PASSWORD, "crypto", encrypting)));
}

void browser_log_in(struct browser *b, const char *client, const char *user) {
        log_in(b, client, user, false);
}

void browser_log_in_encrypting(struct browser *b, const char *client, const char *user) {
        log_in(b, client, user, true);
}

void browser_verify(struct browser *b, const char *client, const char *recovery_key) {
        free(carry_out(b, client, "verify", json_pack("{s:s}", "key", recovery_key)));
}

char *browser_new_room(struct browser *b, const char *client, bool encrypted) {
        return carry_out(b, client, "createRoom", json_pack("{s:b}", "encrypted", encrypted));
}

void browser_place_call(struct browser *b, const char *client, const char *room) {
        free(carry_out(b, client, "placeCall", json_pack("{s:s}", "room", room)));
}

void browser_answer(struct browser *b, const char *client) {
        free(carry_out(b, client, "answer", json_object()));
}

void browser_reject(struct browser *b, const char *client) {
        free(carry_out(b, client, "reject", json_object()));
}

void browser_hang_up(struct browser *b, const char *client) {
        free(carry_out(b, client, "hangup", json_object()));
}

void browser_join(struct browser *b, const char *client, const char *room, const struct rtc_options *options) {
        const struct rtc_options none = { 0 }, *o = options ? options : &none;
        json_t *arguments = json_pack("{s:s, s:b, s:b}", "room", room, "sticky", o->sticky, "keys", o->keys);
        SCOPED(free) char *ending = NULL;

        if (o->expires_msec > 0)
                json_object_set_new(arguments, "expires", json_integer(o->expires_msec));
        ending = carry_out(b, client, "joinRTC", arguments);
        if (o->delayed && !streq(ending, "delayed"))
                give_up(b, "the server has not promised %s to end its membership", client);
}

void browser_leave(struct browser *b, const char *client, const char *room) {
        free(carry_out(b, client, "leaveRTC", json_pack("{s:s}", "room", room)));
}

void browser_join_element_call(struct browser *b, const char *client, const char *room) {
        free(carry_out(b, client, "joinElementCall", json_pack("{s:s}", "room", room)));
}

void browser_leave_element_call(struct browser *b, const char *client, const char *room) {
        free(carry_out(b, client, "leaveElementCall", json_pack("{s:s}", "room", room)));
}
