#include "manager/service.h"

#include <ctype.h>
#include <stdarg.h>
#include <stdio.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define HOME    "/home/tester"
#define WORLD   HOME "/world"
#define DROP_IN HOME "/.config/systemd/user/" UNIT ".d/test.conf"

/* As tests/system has it. */
static const char *const default_config = "[busyd]\n"
                                          "hint-delay = 0s\n"
                                          "end-grace = 0s\n"
                                          "hint-end-grace = 0s\n"
                                          "[account " ACCOUNT "]\n"
                                          "presence = busy\n"
                                          "poll-pause = 0s\n";

static int64_t now_msec(void) {
        struct timespec t;

        clock_gettime(CLOCK_MONOTONIC, &t);
        return t.tv_sec * 1000 + t.tv_nsec / 1000000;
}

static char *shell(int *ret_code, const char *format, va_list arguments) {
        SCOPED(free) char *command = NULL, *whole = NULL;
        char *text = NULL, buffer[4096];
        size_t size, n;
        int status;
        FILE *in, *out = open_memstream(&text, &size);

        cr_assert(vasprintf(&command, format, arguments) > 0 && asprintf(&whole, "{ %s\n} 2>&1", command) > 0);
        in = popen(whole, "re");
        cr_assert(in && out);
        while ((n = fread(buffer, 1, sizeof(buffer), in)) > 0)
                fwrite(buffer, 1, n, out);
        status = pclose(in);
        fclose(out);
        while (size > 0 && text[size - 1] == '\n')
                text[--size] = '\0';
        *ret_code = WIFEXITED(status) ? WEXITSTATUS(status) : -1;
        return text;
}

char *service_shell(int *ret_code, const char *format, ...) {
        va_list arguments;
        char *text;

        va_start(arguments, format);
        text = shell(ret_code, format, arguments);
        va_end(arguments);
        return text;
}

void service_do(const char *format, ...) {
        SCOPED(free) char *said = NULL;
        va_list arguments;
        int code;

        va_start(arguments, format);
        said = shell(&code, format, arguments);
        va_end(arguments);
        cr_assert(code == 0, "\"%s\" ended with %d: %s", format, code, said);
}

char *service_property(const char *property) {
        int code;

        return service_shell(&code, "systemctl --user show --value --property=%s " UNIT, property);
}

pid_t service_pid(void) {
        SCOPED(free) char *pid = service_property("MainPID");

        return (pid_t) strtol(pid, NULL, 10);
}

char *service_journal(const char *format) {
        int code;

        return service_shell(&code,
                             "journalctl --quiet --user-unit " UNIT " --no-pager -o %s --since=$(cat " WORLD "/began)",
                             format);
}

/* world_show() shows this file. */
static void keep_log(void) {
        SCOPED(free) char *journal = service_journal("short-precise"), *status = NULL, *whole = NULL;
        int code;

        status = service_shell(&code, "systemctl --user status --no-pager " UNIT);
        if (asprintf(&whole, "%s\n%s\n", journal, status) > 0)
                file_put(WORLD "/busyd.log", whole);
}

void service_expect(struct world *w, const char *property, const char *value) {
        int64_t until = now_msec() + patience();

        for (;;) {
                SCOPED(free) char *now = service_property(property);

                if (streq(now, value))
                        return;
                if (now_msec() >= until) {
                        keep_log();
                        check(w, false, "%s is \"%s\", not \"%s\"", property, now, value);
                }
                peer_wait(w->peer, 100);
        }
}

void service_expect_another(struct world *w, pid_t before) {
        int64_t until = now_msec() + patience();

        for (;;) {
                pid_t now = service_pid();

                if (now > 0 && now != before && peer_sees_name(w->peer, BUSYD_NAME))
                        return;
                if (now_msec() >= until) {
                        keep_log();
                        check(w, false, "it was not started anew");
                }
                peer_wait(w->peer, 100);
        }
}

void service_expect_journal(struct world *w, const char *part) {
        int64_t until = now_msec() + patience();

        for (;;) {
                SCOPED(free) char *journal = service_journal("cat");

                if (strstr(journal, part))
                        return;
                if (now_msec() >= until) {
                        keep_log();
                        check(w, false, "the journal never said \"%s\"", part);
                }
                peer_wait(w->peer, 100);
        }
}

void service_drop_in(const char *text) {
        service_do("mkdir -p $(dirname " DROP_IN ")");
        file_put(DROP_IN, text);
        service_do("systemctl --user daemon-reload");
}

void service_start_online(struct world *w) {
        int code;
        SCOPED(free) char *said = service_shell(&code, "systemctl --user start " UNIT);

        if (code != 0 || !peer_wait_is(w->peer, ACCOUNT_PATH, BUSYD_ACCOUNT, "State", "online")) {
                keep_log();
                check(w, false, "it does not start: %s", said);
        }
}

void service_reconnect(struct world *w) {
        peer_free(w->peer);
        /* The socket is systemd's, which listens whether the bus runs or not. */
        w->peer = peer_new_at(getenv("DBUS_SESSION_BUS_ADDRESS"));
        cr_assert_not_null(w->peer, "there is no bus");
}

/* Where systemd keeps the state of user units depends on its version: so do the words of the harness. */
static void link_folders(void) {
        service_do("rm -rf " WORLD "; mkdir -p " WORLD " " HOME "/.config/busyd");
        service_do("cd " WORLD "; ln -s " HOME "/.config config; "
                   "version=$(systemctl --version | sed -n '1s/systemd \\([0-9]*\\).*/\\1/p'); "
                   "if [ $version -lt 254 ]; then ln -s " HOME "/.config state; "
                   "else mkdir -p " HOME "/.local/state; ln -s " HOME "/.local/state state; fi; "
                   "mkdir -p -m 700 state/busyd; chmod 700 state/busyd");
}

struct world *service_world_new(void) {
        struct world *w = calloc(1, sizeof(*w));

        /* Anywhere else it would act on somebody's own service. */
        cr_assert(getenv("BUSYD_TEST_RIG"), "only for tests/manager/run");
        service_do("systemctl --user stop " UNIT "; systemctl --user reset-failed " UNIT " 2>/dev/null; "
                   "rm -rf " HOME "/.config/systemd " HOME "/.config/busyd " HOME "/.local; "
                   "systemctl --user daemon-reload");
        link_folders();
        service_do("date +@%%s.%%6N >" WORLD "/began");
        snprintf(w->dir, sizeof(w->dir), WORLD);
        w->device = DEVICE;
        service_reconnect(w);
        cr_assert_eq(hs_new(&w->hs, NULL), 0);
        world_session(w);
        world_config(w, default_config);
        hs_client_polls(w->hs, PHONE, "online");
        hs_person_sets(w->hs, PHONE, "online", "Reading");
        return w;
}

void service_world_end(struct world *w) {
        service_do("systemctl --user stop " UNIT);
        check(w, !hs_saw_token_in_url(w->hs), "a token in a URL");
        peer_free(w->peer);
        hs_free(w->hs);
        free(w);
}
