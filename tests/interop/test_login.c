/* Logging in at a real Synapse that has handed its logins to a real OAuth 2.0 server, or that has one behind its
 * single sign-on (login/provider.mjs): at a terminal, with a browser that the user has. */
#include <criterion/criterion.h>
#include <stdio.h>
#include <sys/stat.h>

#include "interop/login_rig.h"
#include "json/json.h"

#define USER "@alice:busyd.test"

static const char browser_py[] = TEST_INTEROP_DIR "/login/browser.py";

static struct login_rig *rig;
static struct world *world; /* the rig's */
static struct terminal *terminal;
static const char *homeserver;

static void start_rig(const char *kind, const char *option) {
        rig = login_rig_start(kind, (const char *const[]){ "--set", option, NULL });
        world = rig->world;
        homeserver = rig->homeserver;
}

static void tear_down(void) {
        terminal = terminal_free(terminal);
        rig = login_rig_free(rig);
}

#define LOGIN_TEST(name) Test(login, name, .fini = tear_down)

static void log_in_by(const char *way) {
        terminal = login_rig_terminal(rig, world, NULL, USER, way);
}

static void log_in(void) {
        log_in_by(NULL);
}

/* The user opens the address somewhere, types the code, and says yes or, with `more`, no. */
static void browse(const char *user, const char *more) {
        SCOPED(free) char *code = login_shown_code(world, terminal);
        SCOPED(free) char *address = login_shown_address(world, terminal);

        free(login_browse(world, address, code, user, more));
}

/* The user logs in there, in a browser on this machine, and ends at a page of busyctl's. */
static void browse_here(const char *address, const char *user, const char *more, const char *page) {
        SCOPED(free) char *last = login_browse(world, address, NULL, user, more);

        check(world, strstr(last, page), "the browser is at: %s", last);
}

static char *session(void) {
        return file_text(world_state_path(world, "session-default.json"));
}

LOGIN_TEST(by_a_code_of_the_device_grant) {
        SCOPED(free) char *kept = NULL;

        start_rig("mas", "COMPLETE=0");
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

        start_rig("mas", "COMPLETE=0");
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

        start_rig("mas", "COMPLETE=1");
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

/* ---- a browser on this machine ---- */

#define DONE    "You can close this window"
#define REFUSED "busyd has not been let in"

LOGIN_TEST(in_a_browser_where_there_is_no_device_grant) {
        SCOPED(free) char *address = NULL, *kept = NULL;

        start_rig("mas", "NO_DEVICE_GRANT=1");
        log_in();
        address = login_shown_address(world, terminal);
        check(world, !strstr(terminal_text(terminal), "has been asked to open it"), "there is no desktop");
        browse_here(address, "alice", NULL, DONE);
        terminal_expect(terminal, "Logged in as " USER);
        check(world, terminal_end(terminal) == 0, "%s", terminal_text(terminal));
        kept = session();
        check(world, strstr(kept, "\"refresh_token\"") && strstr(kept, "\"client_id\""), "%zu", strlen(kept));
        check(world, !strstr(terminal_text(terminal), "code="), "the code is shown: %s", terminal_text(terminal));
}

/* A desktop's way of opening addresses, which is the user as well. */
static void make_desktop(const char *user) {
        const char *path = world_path(world, "xdg-open");
        FILE *f = fopen(path, "we");

        check(world, f, "%s", path);
        fprintf(f, "#!/bin/sh\nexec python3 %s \"$1\" --user %s >%s/browser.log 2>&1\n", browser_py, user, world->dir);
        fclose(f);
        chmod(path, 0755);
}

LOGIN_TEST(the_browser_of_the_desktop_is_opened) {
        SCOPED(free) char *path = NULL;

        start_rig("mas", "COMPLETE=0");
        make_desktop("alice");
        cr_assert_gt(asprintf(&path, "PATH=%s:%s", world->dir, getenv("PATH")), 0);
        terminal = terminal_start(world, (const char *const[]){ "env", "-u", "SSH_CONNECTION", "DISPLAY=:7", path,
                                                                BUSYCTL_PROGRAM, "login", USER, "--homeserver",
                                                                homeserver, "--with", "browser", NULL });
        terminal_expect(terminal, "Your browser has been asked to open it.");
        terminal_expect(terminal, "Logged in as " USER);
        check(world, terminal_end(terminal) == 0, "%s", terminal_text(terminal));
}

LOGIN_TEST(over_ssh_it_says_how_the_browser_gets_here) {
        SCOPED(free) char *kept = NULL;

        start_rig("mas", "NO_DEVICE_GRANT=1");
        terminal = terminal_start(world, (const char *const[]){ "env", "SSH_CONNECTION=192.0.2.1 1 192.0.2.2 22",
                                                                "DISPLAY=:7", BUSYCTL_PROGRAM, "login", USER,
                                                                "--homeserver", homeserver, NULL });
        terminal_expect(terminal, "ssh -L ");
        terminal_expect(terminal, "Ctrl-C ends this");
        terminal_type(terminal, "\003");
        check(world, terminal_end(terminal) == 1, "%s", terminal_text(terminal));
        check(world, strstr(terminal_text(terminal), "interrupted; nothing has been kept"), "%s",
              terminal_text(terminal));
        check(world, !strstr(terminal_text(terminal), "asked to open"), "%s", terminal_text(terminal));
        kept = session();
        check(world, !*kept, "a session was kept");
}

LOGIN_TEST(in_a_browser_nobody_else_and_nobody_at_all) {
        SCOPED(free) char *address = NULL, *again = NULL, *kept = NULL;

        start_rig("mas", "NO_DEVICE_GRANT=1");
        log_in();
        address = login_shown_address(world, terminal);
        browse_here(address, "mallory", NULL, DONE);
        check(world, terminal_end(terminal) == 1 && strstr(terminal_text(terminal), "logged in @mallory:busyd.test"),
              "%s", terminal_text(terminal));
        terminal = terminal_free(terminal);
        log_in();
        again = login_shown_address(world, terminal);
        browse_here(again, "alice", "--deny", REFUSED);
        check(world, terminal_end(terminal) == 1 && strstr(terminal_text(terminal), "refused in the browser"), "%s",
              terminal_text(terminal));
        kept = session();
        check(world, !*kept, "a session was kept");
}

/* For scripts: a line that says what to open. */
LOGIN_TEST(in_a_browser_that_a_script_has) {
        SCOPED(json_decref) json_t *said = NULL;
        const char *line, *end;

        start_rig("mas", "COMPLETE=0");
        terminal =
                terminal_start(world, (const char *const[]){ BUSYCTL_PROGRAM, "--json", "login", USER, "--homeserver",
                                                             homeserver, "--with", "browser", NULL });
        line = strstr(terminal_expect(terminal, "\"expires_in\":600}"), "{\"authorization_uri\"");
        check(world, line, "%s", terminal_text(terminal));
        end = strchr(line, '}') + 1;
        cr_assert_eq(json_parse(line, (size_t) (end - line), &said), 0);
        browse_here(json_member_string(said, "authorization_uri"), "alice", NULL, DONE);
        terminal_expect(terminal, "\"user_id\": \"" USER "\"");
        check(world, terminal_end(terminal) == 0, "%s", terminal_text(terminal));
}

/* ---- single sign-on ---- */

LOGIN_TEST(by_single_sign_on_where_there_is_nothing_else) {
        SCOPED(free) char *address = NULL, *kept = NULL;

        start_rig("sso", "COMPLETE=0");
        log_in();
        address = login_shown_address(world, terminal);
        browse_here(address, "alice", NULL, DONE);
        terminal_expect(terminal, "Logged in as " USER);
        check(world, terminal_end(terminal) == 0, "%s", terminal_text(terminal));
        kept = session();
        check(world, strstr(kept, "\"refresh_token\"") && strstr(kept, "\"expires_at\"") && !strstr(kept, "client_id"),
              "%zu", strlen(kept));
        check(world, !strstr(terminal_text(terminal), "loginToken"), "%s", terminal_text(terminal));
}

/* The name of a user who logs in by password is taken: the provider's Alice becomes somebody else. */
LOGIN_TEST(by_single_sign_on_nobody_becomes_somebody_else) {
        SCOPED(free) char *address = NULL, *kept = NULL;

        start_rig("both", "COMPLETE=0");
        log_in_by("sso");
        address = login_shown_address(world, terminal);
        browse_here(address, "alice", NULL, DONE);
        check(world, terminal_end(terminal) == 1 && strstr(terminal_text(terminal), "logged in @alice1:busyd.test"),
              "%s", terminal_text(terminal));
        kept = session();
        check(world, !*kept, "a session was kept");
}
