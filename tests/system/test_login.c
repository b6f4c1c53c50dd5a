/* busyctl login as a person sees it, at a terminal. */
#include <sys/stat.h>

#include "system/terminal.h"

static bool is_logged_in(struct world *w) {
        SCOPED(free) char *session = file_text(world_state_path(w, "session-default.json"));

        return strstr(session, HS_USER);
}

/* It asks how the server lets people in before it asks for anything. */
WORLD_TEST(login, a_password_is_asked_for_and_not_shown, .no_session = true) {
        SCOPED(terminal_free) struct terminal *t = terminal_login(w, HS_USER);

        terminal_expect(t, "Asking how to log in");
        terminal_expect(t, "Password: ");
        terminal_type(t, HS_PASSWORD "\n");
        terminal_expect(t, "Logged in as " HS_USER);
        check(w, terminal_end(t) == 0 && is_logged_in(w), "%s", terminal_text(t));
        check(w,
              strstr(terminal_text(t), "what is written during a call comes back") ||
                      strstr(terminal_text(t), "busy would stick"),
              "not what works: %s", terminal_text(t));
        check(w, !strstr(terminal_text(t), HS_PASSWORD), "%s", terminal_text(t));
}

#define NAME40 "a234567890b234567890c234567890d234567890"

/* A longer one has no section in busyd.conf; who has it already goes on with it. */
WORLD_TEST(login, a_name_is_no_longer_than_its_section_may_be, .no_session = true) {
        SCOPED(free) char *text = NULL;
        SCOPED_RUN longer = world_busyctl(w, HS_PASSWORD "\n", "login", NAME40 "e", "--user", HS_USER, "--homeserver",
                                          hs_url(w->hs), "--password-stdin", NULL),
                   just = world_busyctl(w, HS_PASSWORD "\n", "login", NAME40, "--user", HS_USER, "--homeserver",
                                        hs_url(w->hs), "--password-stdin", NULL),
                   again = { 0 }, checked = { 0 };

        check(w, longer.code == 2 && strstr(longer.err, "at most 40"), "%d %s", longer.code, longer.err);
        check(w, just.code == 0, "%d %s", just.code, just.err);
        text = file_text(world_state_path(w, "session-" NAME40 ".json"));
        file_put(world_state_path(w, "session-" NAME40 "e.json"), text);
        cr_assert_eq(chmod(world_state_path(w, "session-" NAME40 "e.json"), 0600), 0);
        again = world_busyctl(w, HS_PASSWORD "\n", "login", NAME40 "e", "--user", HS_USER, "--homeserver",
                              hs_url(w->hs), "--password-stdin", NULL);
        check(w, again.code == 0, "%d %s", again.code, again.err);
        world_config(w, "[account " NAME40 "]\npresence = off\n");
        checked = world_run(w, NULL, (const char *const[]){ BUSYD_PROGRAM, "--check", NULL });
        check(w, checked.code == 0, "%d %s", checked.code, checked.err);
}

/* What people type or paste in place of one, and what it says of where a server may be. */
WORLD_TEST(login, what_is_nearly_a_matrix_id_is_told, .no_session = true) {
        static const char *const nearly[] = { "me@test", "me:test", "https://matrix.to/#/@me:test",
                                              "matrix:u/me:test" };
        SCOPED_RUN away = { 0 }, nobody = { 0 };

        for (size_t i = 0; i < ARRAY_SIZE(nearly); i++) {
                SCOPED_RUN r = world_busyctl(w, HS_PASSWORD "\n", "login", "--password-stdin", nearly[i], NULL);

                check(w, r.code == 2 && strstr(r.err, "is no Matrix ID: write it as @me:"), "%s: %d %s", nearly[i],
                      r.code, r.err);
        }
        away = world_busyctl(w, HS_PASSWORD "\n", "login", "--password-stdin", "@me:127.0.0.1:1", NULL);
        check(w, away.code == 1 && strstr(away.err, "--homeserver"), "%d %s", away.code, away.err);
        nobody = world_busyctl(w, HS_PASSWORD "\n", "login", "--password-stdin", "@:127.0.0.1:1", NULL);
        check(w, nobody.code == 2 && strstr(nobody.err, "is no Matrix ID"), "%d %s", nobody.code, nobody.err);
}

WORLD_TEST(login, an_interrupted_one_changes_nothing_and_may_be_repeated, .no_session = true) {
        SCOPED(terminal_free) struct terminal *t = terminal_login(w, HS_USER);
        SCOPED(terminal_free) struct terminal *again = NULL;

        terminal_expect(t, "Password: ");
        terminal_type(t, "\003");
        check(w, terminal_end(t) != 0 && !is_logged_in(w), "%s", terminal_text(t));
        again = terminal_login(w, HS_USER);
        terminal_expect(again, "Password: ");
        terminal_type(again, HS_PASSWORD "\n");
        check(w, terminal_end(again) == 0 && is_logged_in(w), "%s", terminal_text(again));
}

/* The name of an account stands for its user. */
WORLD_TEST(login, again_by_the_name_of_the_account) {
        SCOPED(terminal_free)
        struct terminal *t = terminal_start(w, (const char *const[]){ BUSYCTL_PROGRAM, "login", ACCOUNT, NULL });

        terminal_expect(t, "Password: ");
        terminal_type(t, HS_PASSWORD "\n");
        terminal_expect(t, "Logged in as " HS_USER ", device " DEVICE);
        check(w, terminal_end(t) == 0, "%s", terminal_text(t));
}

static void end_session_in_a_call(struct world *w) {
        world_start_online(w);
        call_starts(w, ROOM, "c1");
        expect_claim(w, "held");
        hs_revoke(w->hs, w->device, false);
        by_hand(w, "reload");
        check(w, peer_wait_is(w->peer, ACCOUNT_PATH, BUSYD_ACCOUNT, "State", "signed-out"), "not signed out");
}

static void expect_online(struct world *w) {
        check(w, peer_wait_is(w->peer, ACCOUNT_PATH, BUSYD_ACCOUNT, "State", "online"), "not online");
}

WORLD_TEST(login, again_in_a_call_finds_it_again) {
        struct run r;

        end_session_in_a_call(w);
        r = world_busyctl(w, HS_PASSWORD "\n", "login", "--password-stdin", ACCOUNT, NULL);
        check(w, r.code == 0, "%s", r.err);
        run_done(&r);
        expect_online(w);
        expect_claim(w, "held");
        expect_availability(w, "busy");
        call_hangup(w, ROOM, "c1");
        expect_availability(w, "free");
        expect_nothing_owed(w);
}

/* As by OAuth, where each login is a device of its own. */
static void log_in_anew(struct world *w) {
        w->device = OTHER_DEVICE;
        world_session(w);
}

WORLD_TEST(login, of_another_device_in_a_call_finds_it_too) {
        end_session_in_a_call(w);
        log_in_anew(w);
        by_hand(w, "reload");
        expect_online(w);
        expect_claim(w, "held");
        call_hangup(w, ROOM, "c1");
        expect_availability(w, "free");
}

WORLD_TEST(login, while_busyd_is_down_finds_a_call_that_began_before) {
        world_start_online(w);
        call_starts(w, ROOM, "c1");
        expect_claim(w, "held");
        check(w, world_stop(w) == 0, "busyd ended with %#x", (unsigned) w->status);
        log_in_anew(w);
        world_start_online(w);
        expect_claim(w, "held");
}

WORLD_TEST(login, again_does_not_take_a_call_for_one_that_goes_on_which_has_ended_meanwhile) {
        end_session_in_a_call(w);
        call_hangup(w, ROOM, "c1");
        log_in_anew(w);
        by_hand(w, "reload");
        expect_online(w);
        expect_availability(w, "free");
}

/* The session that the server makes of what it has been sent is ended again. */
WORLD_TEST(login, interrupted_while_the_server_is_at_it_leaves_no_session, .no_session = true) {
        struct hs_match login = { .method = "POST", .path = "*/login" },
                        logout = { .method = "POST", .path = "*/logout" };
        SCOPED(terminal_free) struct terminal *t = NULL;

        hs_fault(w->hs, &(struct hs_fault){ .match = login, .kind = HS_HOLD_AFTER });
        t = terminal_login(w, HS_USER);
        terminal_expect(t, "Password: ");
        terminal_type(t, HS_PASSWORD "\n");
        check(w, hs_wait_request(w->hs, login, 0, patience(), NULL), "%s", terminal_text(t));
        terminal_type(t, "\003");
        terminal_expect(t, "Waiting for the server's answer");
        hs_clear_faults(w->hs);
        terminal_expect(t, "interrupted; nothing has been kept");
        check(w, terminal_end(t) != 0 && !is_logged_in(w), "%s", terminal_text(t));
        check(w, hs_wait_answered(w->hs, logout, 0, patience(), NULL), "the session stays");
}

/* A session that ends by itself is one that busyd renews. */
WORLD_TEST(login, tokens_that_end_come_with_what_renews_them, .no_session = true,
           .homeserver = { .renewal = HS_RENEWAL_SYNAPSE, .token_msec = 300000 }) {
        SCOPED(terminal_free) struct terminal *t = terminal_login(w, HS_USER);
        SCOPED(free) char *session = NULL;

        terminal_expect(t, "Password: ");
        terminal_type(t, HS_PASSWORD "\n");
        check(w, terminal_end(t) == 0, "%s", terminal_text(t));
        session = file_text(world_state_path(w, "session-default.json"));
        check(w, strstr(session, "\"refresh_token\"") && strstr(session, "\"expires_at\""), "%zu", strlen(session));
}
