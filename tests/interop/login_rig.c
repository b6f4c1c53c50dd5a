/* See login_rig.h. */
#include "interop/login_rig.h"

#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <sys/wait.h>
#include <unistd.h>

#include "interop/web.h"
#include "json/json.h"
#include "state/session.h"
#include "util/clock.h"

#define OPTIONS_MAX 24

static const char rig_py[] = TEST_INTEROP_DIR "/login/rig.py", browser_py[] = TEST_INTEROP_DIR "/login/browser.py";

static void add(const char **argv, const char *const *more) {
        size_t n = 0;

        while (argv[n])
                n++;
        for (; more && *more; more++) {
                cr_assert_lt(n + 1, OPTIONS_MAX);
                argv[n++] = *more;
        }
}

static char *without_slash(const char *url) {
        size_t n = url ? strlen(url) : 0;

        return url ? strndup(url, n - (n > 0 && url[n - 1] == '/')) : NULL;
}

/* The rig says a line once all is up. */
static json_t *read_line(const struct login_rig *r, int fd) {
        char line[1024];
        json_t *said = NULL;
        FILE *f = fdopen(fd, "r");

        cr_assert(f && fgets(line, sizeof(line), f), "the rig does not start: see %s/rig.log", r->world->dir);
        fclose(f);
        cr_assert_eq(json_parse(line, strlen(line), &said), 0);
        return said;
}

struct login_rig *login_rig_start(const char *kind, const char *const *options) {
        struct login_rig *r = calloc(1, sizeof(*r));
        const char *modules = getenv("BUSYD_LOGIN_MODULES");
        SCOPED(json_decref) json_t *said = NULL;
        SCOPED(free) char *folder = NULL;
        const char *argv[OPTIONS_MAX] = { NULL };
        int out[2];

        cr_assert(r && modules, "BUSYD_LOGIN_MODULES is not set: scripts/test interop does that");
        r->world = world_new(&(struct world_options){ .no_homeserver = true });
        folder = strdup(world_path(r->world, "rig"));
        add(argv, (const char *const[]){ "python3", rig_py, kind, folder, "--python", synapse_python(), "--modules",
                                         modules, "--set", "INTERVAL=1", NULL });
        add(argv, options);
        cr_assert_eq(pipe2(out, O_CLOEXEC), 0);
        r->pid = world_program(r->world, argv, out[1], "rig.log");
        close(out[1]);
        said = read_line(r, out[0]);
        r->homeserver = strdup(json_member_string(said, "homeserver"));
        r->provider = without_slash(json_member_string(said, "provider"));
        r->synapse = synapse_elsewhere(folder, r->homeserver);
        return r;
}

struct login_rig *login_rig_free(struct login_rig *r) {
        if (!r)
                return NULL;
        if (r->world->busyd > 0)
                check(r->world, world_stop(r->world) == 0, "busyd does not end well");
        synapse_free(r->synapse);
        if (r->pid > 0 && kill(r->pid, SIGTERM) == 0)
                (void) process_wait(r->pid, patience());
        free(r->homeserver);
        free(r->provider);
        world_end(r->world);
        free(r);
        return NULL;
}

/* ---- logging in ---- */

struct terminal *login_rig_terminal(struct login_rig *r, struct world *w, const char *account, const char *user_id,
                                    const char *way) {
        const char *argv[OPTIONS_MAX] = { BUSYCTL_PROGRAM, "login" };

        add(argv, account ? (const char *const[]){ account, "--user", user_id, NULL }
                          : (const char *const[]){ user_id, NULL });
        add(argv, (const char *const[]){ "--homeserver", r->homeserver, NULL });
        if (way)
                add(argv, (const char *const[]){ "--with", way, NULL });
        return terminal_start(w, argv);
}

/* What stands alone in a line, indented, after `before`. */
static char *shown_after(struct world *w, struct terminal *t, const char *before) {
        const char *s = strstr(terminal_expect(t, "Ctrl-C ends this"), before);

        check(w, s, "%s", terminal_text(t));
        s = strstr(s, "\r\n\r\n    ");
        check(w, s, "%s", terminal_text(t));
        s += strlen("\r\n\r\n    ");
        return strndup(s, strcspn(s, "\r"));
}

char *login_shown_code(struct world *w, struct terminal *t) {
        return shown_after(w, t, "this code:");
}

char *login_shown_address(struct world *w, struct terminal *t) {
        const char *s = strstr(terminal_text(t), "    http");

        if (!s)
                s = strstr(terminal_expect(t, "Ctrl-C ends this"), "    http");
        check(w, s, "%s", terminal_text(t));
        return strndup(s + 4, strcspn(s + 4, "\r"));
}

char *login_browse(struct world *w, const char *address, const char *code, const char *user, const char *more) {
        const char *argv[OPTIONS_MAX] = { "python3", browser_py, address, "--user", user };
        SCOPED_RUN run = { 0 };

        if (code)
                add(argv, (const char *const[]){ "--code", code, NULL });
        add(argv, (const char *const[]){ more, NULL });
        run = world_run(w, NULL, argv);
        check(w, run.code == 0, "the browser: %d %s%s", run.code, run.out, run.err);
        return strdup(run.out);
}

void login_rig_log_in(struct login_rig *r, struct world *w, const char *account, const char *user) {
        SCOPED(free) char *user_id = NULL, *code = NULL, *address = NULL;
        SCOPED(terminal_free) struct terminal *t = NULL;

        cr_assert_gt(asprintf(&user_id, "@%s:busyd.test", user), 0);
        t = login_rig_terminal(r, w, account, user_id, "device");
        code = login_shown_code(w, t);
        address = login_shown_address(w, t);
        free(login_browse(w, address, code, user, NULL));
        check(w, terminal_end(t) == 0, "%s", terminal_text(t));
}

struct device *login_rig_device(struct login_rig *r, const char *user) {
        struct world *w = world_new(&(struct world_options){ .no_homeserver = true });
        struct device *d;
        struct session s;

        login_rig_log_in(r, w, NULL, user);
        cr_assert_eq(session_load(world_state_path(w, ""), "default", &s), 0);
        d = device_of(r->synapse, s.user_id, s.device_id, s.access_token);
        session_done(&s);
        world_end(w);
        return d;
}

/* ---- the provider ---- */

void login_rig_order(struct login_rig *r, const char *what, const char *json) {
        SCOPED(free) char *url = NULL;
        struct web_reply reply;

        cr_assert_gt(asprintf(&url, "%s/rig/%s", r->provider, what), 0);
        reply = web_request_text("POST", url, NULL, json, 10000);
        json_decref(reply.body);
        cr_assert_eq(reply.status, 200, "%s: %ld", url, reply.status);
}

static char *read_log(const struct login_rig *r) {
        return file_text(world_path(r->world, "rig/provider.out"));
}

long login_rig_log_end(const struct login_rig *r) {
        SCOPED(free) char *log = read_log(r);

        return (long) strlen(log);
}

unsigned login_rig_count(const struct login_rig *r, long from, const char *part) {
        SCOPED(free) char *log = read_log(r);
        unsigned n = 0;

        for (const char *at = log + from; (at = strstr(at, part)); at++)
                n++;
        return n;
}

void login_rig_wait(struct login_rig *r, long from, const char *part, unsigned n) {
        usec_t deadline = interop_deadline();

        while (login_rig_count(r, from, part) < n) {
                SCOPED(free) char *log = read_log(r);

                check(r->world, clock_now() < deadline, "not %u times \"%s\" in the provider's log:\n%s", n, part,
                      log);
                world_look_again(r->world);
        }
}
