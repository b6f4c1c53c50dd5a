/* Logging in at a real Synapse that has handed its logins to a real OAuth 2.0 server (login/provider.mjs): at a
 * terminal, with a browser that the user has. */
#include <criterion/criterion.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <sys/wait.h>
#include <unistd.h>

#include "interop/synapse.h"
#include "json/json.h"
#include "system/terminal.h"

#define LOGIN TEST_INTEROP_DIR "/login/"
#define USER  "@alice:busyd.test"

static struct world *world;
static struct terminal *terminal;
static pid_t rig;
static char *homeserver;

/* The rig says a line once all is up. */
static void start_rig(const char *option) {
        const char *modules = getenv("BUSYD_LOGIN_MODULES");
        SCOPED(json_decref) json_t *said = NULL;
        char folder[192], line[1024];
        const char *argv[] = { "python3",        LOGIN "rig.py", "mas",   folder,  "--python",
                               synapse_python(), "--modules",    modules, "--set", "INTERVAL=1",
                               "--set",          option,         NULL };
        int out[2];
        FILE *f;

        cr_assert_not_null(modules, "BUSYD_LOGIN_MODULES is not set: scripts/test interop does that");
        world = world_new(&(struct world_options){ .no_homeserver = true });
        (void) snprintf(folder, sizeof(folder), "%s/rig", world->dir);
        cr_assert_eq(pipe2(out, O_CLOEXEC), 0);
        rig = world_program(world, argv, out[1], "rig.log");
        close(out[1]);
        f = fdopen(out[0], "r");
        cr_assert(f && fgets(line, sizeof(line), f), "the rig does not start: see %s/rig.log", world->dir);
        fclose(f);
        cr_assert_eq(json_parse(line, strlen(line), &said), 0);
        homeserver = strdup(json_member_string(said, "homeserver"));
}

static void tear_down(void) {
        terminal = terminal_free(terminal);
        if (rig > 0 && kill(rig, SIGTERM) == 0)
                (void) process_wait(rig, patience());
        free(homeserver);
        world_end(world);
}

#define LOGIN_TEST(name) Test(login, name, .fini = tear_down)

static void log_in(void) {
        terminal = terminal_start(
                world, (const char *const[]){ BUSYCTL_PROGRAM, "login", USER, "--homeserver", homeserver, NULL });
}

/* What stands alone in a line, indented, after `before`. The caller frees. */
static char *shown_after(const char *before) {
        const char *s = strstr(terminal_expect(terminal, "Ctrl-C ends this"), before);

        check(world, s, "%s", terminal_text(terminal));
        s = strstr(s, "\r\n\r\n    ");
        check(world, s, "%s", terminal_text(terminal));
        s += strlen("\r\n\r\n    ");
        return strndup(s, strcspn(s, "\r"));
}

/* The user opens the address somewhere, types the code, and says yes or, with `more`, no. */
static void browse(const char *user, const char *more) {
        SCOPED(free) char *address = strdup("");
        SCOPED(free) char *code = NULL;
        struct run run;

        code = shown_after("this code:");
        free(address);
        address = strndup(strstr(terminal_text(terminal), "    http") + 4,
                          strcspn(strstr(terminal_text(terminal), "    http") + 4, "\r"));
        run = world_run(world, NULL,
                        (const char *const[]){ "python3", LOGIN "browser.py", address, "--user", user, "--code", code,
                                               more, NULL });
        check(world, run.code == 0, "the browser: %d %s%s", run.code, run.out, run.err);
        run_done(&run);
}

static char *session(void) {
        return file_text(world_state_path(world, "session-default.json"));
}

LOGIN_TEST(by_a_code_of_the_device_grant) {
        SCOPED(free) char *kept = NULL;

        start_rig("COMPLETE=0");
        log_in();
        browse("alice", NULL);
        terminal_expect(terminal, "Logged in as " USER);
        check(world, terminal_end(terminal) == 0, "%s", terminal_text(terminal));
        check(world, strstr(terminal_text(terminal), "▀▀▀▀▀▀▀") || !BUSYD_HAS_QR, "no QR code: %s",
              terminal_text(terminal));
        kept = session();
        check(world, strstr(kept, "\"refresh_token\"") && strstr(kept, "\"client_id\""), "%zu", strlen(kept));
}

/* Each login by OAuth is a device of its own: the one of before does not stay behind. */
LOGIN_TEST(again_it_ends_the_session_of_before) {
        SCOPED(free) char *first = NULL, *second = NULL, *log = NULL;

        start_rig("COMPLETE=0");
        log_in();
        browse("alice", NULL);
        check(world, terminal_end(terminal) == 0, "%s", terminal_text(terminal));
        first = session();
        terminal = terminal_free(terminal);
        log_in();
        browse("alice", NULL);
        check(world, terminal_end(terminal) == 0, "%s", terminal_text(terminal));
        second = session();
        check(world, strcmp(first, second) != 0, "the same session");
        log = file_text(world_path(world, "rig/provider.out"));
        check(world, strstr(log, " grant.revoked "), "%s", log);
}

/* The address has the code in it; who says yes there is somebody else first, then refuses. */
LOGIN_TEST(nobody_else_and_nobody_at_all) {
        SCOPED(free) char *kept = NULL;

        start_rig("COMPLETE=1");
        log_in();
        browse("mallory", NULL);
        check(world, terminal_end(terminal) == 1 && strstr(terminal_text(terminal), "logged in @mallory:busyd.test"),
              "%s", terminal_text(terminal));
        terminal = terminal_free(terminal);
        log_in();
        browse("alice", "--deny");
        check(world, terminal_end(terminal) == 1 && strstr(terminal_text(terminal), "refused in the browser"), "%s",
              terminal_text(terminal));
        kept = session();
        check(world, !*kept, "a session was kept");
}
