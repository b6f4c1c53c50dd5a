/* busyctl logout and login: what is owed comes first, whatever stands in the configuration. */
#include <limits.h>
#include <signal.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

#include "system/harness.h"

#define LOGOUT                                                                                                        \
        (struct hs_match) {                                                                                           \
                .method = "POST", .path = "*/logout"                                                                  \
        }

static void begin_call(struct world *w) {
        hs_client_polls(w->hs, PHONE, "online");
        hs_person_sets(w->hs, PHONE, "online", "Reading");
        world_start_online(w);
        call_starts(w, ROOM, "c1");
        expect_claim(w, "held");
}

static bool has_session(const struct world *w) {
        return access(world_state_path(w, "session-" ACCOUNT ".json"), F_OK) == 0;
}

static void expect_logged_out(struct world *w, const struct run *r) {
        check(w, r->code == 0, "%d %s", r->code, r->err);
        check(w, hs_count(w->hs, LOGOUT, 0) > 0, "the server was not told");
        check(w, !has_session(w), "the session is kept");
}

static void expect_refused(struct world *w, const struct run *r, const char *why) {
        check(w, r->code == 1, "%d %s", r->code, r->err);
        check(w, strstr(r->err, why) && strstr(r->err, "--force"), "not why, or not what to do: %s", r->err);
        check(w, hs_count(w->hs, LOGOUT, 0) == 0, "the server was told");
        check(w, has_session(w), "the session is forgotten");
}

WORLD_TEST(logout, an_account_may_be_meant_by_its_user) {
        SCOPED_RUN nobody = { 0 }, nobodys_cure = { 0 }, cure = { 0 }, r = { 0 };

        world_start_online(w);
        nobody = world_busyctl(w, NULL, "logout", "@nobody:test", NULL);
        check(w, nobody.code == 1 && strstr(nobody.err, "no account \"@nobody:test\""), "%d %s", nobody.code,
              nobody.err);
        nobodys_cure = world_busyctl(w, NULL, "cure", "print-registration", "@nobody:test", NULL);
        check(w, nobodys_cure.code == 1 && strstr(nobodys_cure.err, "no account \"@nobody:test\""), "%d %s",
              nobodys_cure.code, nobodys_cure.err);
        cure = world_busyctl(w, NULL, "cure", "print-registration", HS_USER, NULL);
        check(w, cure.code == 0, "%d %s", cure.code, cure.err);
        r = world_busyctl(w, NULL, "logout", HS_USER, NULL);
        expect_logged_out(w, &r);
}

/* Longer than busyd gives itself at its own end. */
WORLD_TEST(logout, waits_as_long_as_the_server_asks) {
        SCOPED_RUN r = { 0 };

        begin_call(w);
        hs_fault(w->hs, &(struct hs_fault){ .match = HS_PRESENCE_PUT,
                                            .times = 1,
                                            .kind = HS_ANSWER,
                                            .status = 429,
                                            .body = "{\"errcode\":\"M_LIMIT_EXCEEDED\",\"error\":\"slowly\"}",
                                            .retry_after = "7" });
        r = world_busyctl(w, NULL, "logout", ACCOUNT, NULL);
        expect_logged_out(w, &r);
        expect_presence(w, "online", "Reading");
        check(w, strstr(r.err, "gives back"), "no word of what it waits for: %s", r.err);
}

/* Another session of the user has caught busy: nothing can be done about it from here, and it is not left unsaid. */
WORLD_TEST(logout, says_what_others_still_see) {
        SCOPED_RUN r = { 0 };
        SCOPED(free) char *log = NULL;

        hs_person_sets(w->hs, PHONE, "online", "Reading");
        world_start_online(w);
        call_starts(w, ROOM, "c1");
        expect_claim(w, "held");
        hs_client_polls(w->hs, PHONE, "online");
        call_hangup(w, ROOM, "c1");
        expect_claim(w, "stuck");
        log = world_log(w);
        check(w, strstr(log, "stuck: another session") && !strstr(log, "stuck: stuck"), "says a word twice");
        r = world_busyctl(w, NULL, "logout", ACCOUNT, NULL);
        expect_logged_out(w, &r);
        check(w, strstr(r.err, "still see " HS_USER " as busy") && strstr(r.err, "choose another status"),
              "not told: %s", r.err);
        expect_presence(w, HS_BUSY, NULL);
}

/* Not until the end: it refuses, and the account goes on. */
WORLD_TEST(logout, refuses_what_would_stay_behind) {
        SCOPED_RUN r = { 0 }, forced = { 0 };

        begin_call(w);
        hs_fault(w->hs, &(struct hs_fault){ .kind = HS_ANSWER,
                                            .status = 401,
                                            .body = "{\"errcode\":\"M_UNKNOWN_TOKEN\",\"error\":\"who\"}" });
        call_hangup(w, ROOM, "c1");
        check(w, peer_wait_is(w->peer, ACCOUNT_PATH, BUSYD_ACCOUNT, "State", "signed-out"), "not signed out");
        r = world_busyctl(w, NULL, "logout", ACCOUNT, NULL);
        expect_refused(w, &r, "cannot give back");
        check(w, peer_wait_is(w->peer, ACCOUNT_PATH, BUSYD_ACCOUNT, "State", "signed-out"), "the account is gone");
        forced = world_busyctl(w, NULL, "logout", "--force", ACCOUNT, NULL);
        check(w, forced.code == 0 && !has_session(w), "%d %s", forced.code, forced.err);
}

WORLD_TEST(logout, does_not_depend_on_the_configuration) {
        SCOPED_RUN r = { 0 };

        begin_call(w);
        world_config(w, "[busyd]\nnonsense = 1\n");
        r = world_busyctl(w, NULL, "logout", ACCOUNT, NULL);
        expect_logged_out(w, &r);
        expect_presence(w, "online", "Reading");
}

WORLD_TEST(logout, without_a_daemon_leaves_nothing_behind) {
        SCOPED_RUN owed = { 0 }, healed = { 0 };

        begin_call(w);
        world_kill(w);
        owed = world_busyctl(w, NULL, "logout", ACCOUNT, NULL);
        expect_refused(w, &owed, "systemctl --user start busyd");
        call_hangup(w, ROOM, "c1");
        world_start_online(w);
        expect_nothing_owed(w);
        cr_assert_eq(world_stop(w), 0);
        healed = world_busyctl(w, NULL, "logout", ACCOUNT, NULL);
        expect_logged_out(w, &healed);
}

WORLD_TEST(login, does_not_depend_on_the_configuration, .no_session = true) {
        SCOPED_RUN r = { 0 };

        world_start(w);
        world_config(w, "[busyd]\nnonsense = 1\n");
        r = world_busyctl(w, HS_PASSWORD "\n", "login", "--homeserver", hs_url(w->hs), "--password-stdin", "--user",
                          HS_USER, ACCOUNT, NULL);
        check(w, r.code == 0 && !strstr(r.err, "could not") && !strstr(r.out, "not running"), "%d %s%s", r.code, r.out,
              r.err);
        check(w, peer_wait_is(w->peer, ACCOUNT_PATH, BUSYD_ACCOUNT, "State", "online"), "not taken up");
}

/* Sessions are one thing, what is configured another. */
WORLD_TEST(login, is_taken_up_by_a_reload_that_keeps_the_configuration, .no_session = true) {
        SCOPED_RUN r = { 0 };

        world_start(w);
        world_session(w);
        world_config(w, "[busyd]\nnonsense = 1\n");
        r = world_busyctl(w, NULL, "reload", NULL);
        check(w, r.code == 1 && strstr(r.err, "nonsense"), "%d %s", r.code, r.err);
        check(w, peer_wait_is(w->peer, ACCOUNT_PATH, BUSYD_ACCOUNT, "State", "online"), "not taken up");
}

/* ---- a session that is refused ---- */

static void let_others_read(const char *path) {
        cr_assert_eq(chmod(path, 0644), 0);
}

static void make_link(const char *path) {
        char to[PATH_MAX];

        cr_assert_lt(snprintf(to, sizeof(to), "%s.kept", path), (int) sizeof(to));
        cr_assert_eq(rename(path, to), 0);
        cr_assert_eq(symlink(to, path), 0);
}

static void make_folder(const char *path) {
        cr_assert_eq(unlink(path), 0);
        cr_assert_eq(mkdir(path, 0700), 0);
}

static void (*const refused[])(const char *path) = { let_others_read, make_link, make_folder };

/* busyd has died in a call, and starts with such a session. */
static void start_refused(struct world *w, void (*spoil)(const char *path)) {
        SCOPED_RUN status = { 0 }, out = { 0 };
        SCOPED(free) char *file = strdup(world_state_path(w, "session-" ACCOUNT ".json"));

        begin_call(w);
        world_kill(w);
        call_hangup(w, ROOM, "c1");
        spoil(file);
        world_start(w);
        check(w, peer_wait_is(w->peer, ACCOUNT_PATH, BUSYD_ACCOUNT, "State", "broken"), "it is not shown");
        status = world_busyctl(w, NULL, "--json", "status", NULL);
        check(w, strstr(status.out, file) && strstr(status.out, "0600") && !strstr(status.out, "busyctl login"),
              "not what helps: %s", status.out);
        out = world_busyctl(w, NULL, "logout", ACCOUNT, NULL);
        expect_refused(w, &out, "with mode 0600");
}

Test(logout, forgets_a_session_that_is_refused_when_told_twice) {
        for (size_t i = 0; i < ARRAY_SIZE(refused); i++) {
                struct world *w = world_new(NULL);
                SCOPED_RUN r = { 0 }, accounts = { 0 };

                start_refused(w, refused[i]);
                r = world_busyctl(w, NULL, "logout", "--force", ACCOUNT, NULL);
                check(w, r.code == 0 && !has_session(w), "%d %s", r.code, r.err);
                accounts = world_busyctl(w, NULL, "accounts", NULL);
                check(w, strstr(accounts.out, "No Matrix account"), "it is still there: %s", accounts.out);
                world_end(w);
        }
}

Test(login, takes_the_place_of_a_session_that_is_refused) {
        for (size_t i = 0; i < ARRAY_SIZE(refused); i++) {
                struct world *w = world_new(NULL);
                SCOPED_RUN r = { 0 };

                start_refused(w, refused[i]);
                r = world_busyctl(w, HS_PASSWORD "\n", "login", ACCOUNT, "--user", HS_USER, "--homeserver",
                                  hs_url(w->hs), "--password-stdin", "--keep-in", "file", NULL);
                check(w, r.code == 0 && has_session(w), "%d %s", r.code, r.err);
                check(w, peer_wait_is(w->peer, ACCOUNT_PATH, BUSYD_ACCOUNT, "State", "online"), "not taken up");
                world_end(w);
        }
}

WORLD_TEST(logout, what_helps_a_session_that_is_refused_does) {
        start_refused(w, let_others_read);
        cr_assert_eq(chmod(world_state_path(w, "session-" ACCOUNT ".json"), 0600), 0);
        world_signal(w, SIGHUP);
        expect_presence(w, "online", "Reading");
        expect_nothing_owed(w);
}
