/* The command line, against the daemon. */
#include "system/mock.h"

#define ok(w, run, ...) check(w, (run).code == 0, __VA_ARGS__)

WORLD_TEST(busyctl, login_by_password_needs_no_daemon, .no_session = true) {
        SCOPED_RUN r = world_busyctl(w, HS_PASSWORD "\n", "login", "--homeserver", hs_url(w->hs), "--password-stdin",
                                     "--user", HS_USER, ACCOUNT, NULL);

        check(w, r.code == 0, "%d %s%s", r.code, r.out, r.err);
        check(w, !strstr(r.out, HS_PASSWORD) && !strstr(r.err, HS_PASSWORD), "the password is shown");
        world_start(w);
        check(w, hs_wait_answered(w->hs, HS_SYNC, 0, patience(), NULL), "the account is not used");
}

WORLD_TEST(busyctl, login_with_a_wrong_password, .no_session = true) {
        SCOPED_RUN r = world_busyctl(w, "guess\n", "login", "--homeserver", hs_url(w->hs), "--password-stdin",
                                     "--user", HS_USER, ACCOUNT, NULL);

        cr_assert_eq(r.code, 1);
        check(w, r.err[0], "nothing said");
}

WORLD_TEST(busyctl, is_busy_answers_by_exit_code) {
        SCOPED_RUN before = { 0 }, during = { 0 };

        world_start_online(w);
        before = world_busyctl(w, NULL, "is-busy", NULL);
        cr_assert_eq(before.code, 1);
        call_starts(w, ROOM, "c1");
        expect_availability(w, "busy");
        during = world_busyctl(w, NULL, "is-busy", NULL);
        cr_assert_eq(during.code, 0);
        cr_assert_str_eq(during.out, "");
}

/* Asked while a server has not told yet what goes on there. */
WORLD_TEST(busyctl, is_busy_waits_until_it_is_known) {
        SCOPED_RUN r = { 0 };
        const char *app = "tests", *reason = "trying";
        bool ok;

        hs_fault(w->hs, &(struct hs_fault){ .match = HS_SYNC, .kind = HS_HANG });
        world_start(w);
        free(peer_call(w->peer, BUSYD_PATH, BUSYD_MANAGER, "Hold", &ok, DBUS_TYPE_STRING, &app, DBUS_TYPE_STRING,
                       &reason, DBUS_TYPE_INVALID));
        check(w, peer_wait_is(w->peer, BUSYD_PATH, BUSYD_MANAGER, "Settled", "false"), "settled already");
        r = world_busyctl(w, NULL, "is-busy", NULL);
        check(w, r.code == 0, "%d %s", r.code, r.err);
}

WORLD_TEST(busyctl, why_names_evidence_and_what_comes_back) {
        SCOPED_RUN why = { 0 };

        hs_person_sets(w->hs, PHONE, "offline", "Reading");
        world_start_online(w);
        call_starts(w, ROOM, "c1");
        expect_claim(w, "held");
        why = world_busyctl(w, NULL, "why", NULL);
        cr_assert_eq(why.code, 0);
        check(w, strstr(why.out, "matrix"), "no source: %s", why.out);
        check(w, strstr(why.out, "Reading"), "not what comes back: %s", why.out);
        check(w, !strstr(why.out, OTHER_USER) && !strstr(why.out, ROOM), "names somebody: %s", why.out);
}

static const char *const json_commands[] = { "status", "why", "history", "accounts", "sources" };

WORLD_TEST(busyctl, prints_json) {
        world_start_online(w);
        for (size_t i = 0; i < ARRAY_SIZE(json_commands); i++) {
                SCOPED_RUN r = world_busyctl(w, NULL, "--json", json_commands[i], NULL);
                json_t *value = json_loads(r.out, 0, NULL);

                check(w, r.code == 0 && value, "%s: %d %s%s", json_commands[i], r.code, r.out, r.err);
                json_decref(value);
        }
}

WORLD_TEST(busyctl, run_is_busy_while_the_command_lives, .no_homeserver = true) {
        SCOPED_RUN r = { 0 };

        world_start(w);
        r = world_busyctl(w, NULL, "run", "--", BUSYCTL_PROGRAM, "is-busy", NULL);
        check(w, r.code == 0, "not busy inside: %s", r.err);
        expect_availability(w, "free");
        run_done(&r);
        r = world_busyctl(w, NULL, "run", "--", "/bin/sh", "-c", "exit 7", NULL);
        cr_assert_eq(r.code, 7);
}

/* As typed on a terminal of another encoding: the bus takes none of it. */
WORLD_TEST(busyctl, words_that_are_no_text_are_named, .no_homeserver = true) {
        SCOPED_RUN message = { 0 }, app = { 0 }, run = { 0 };

        world_start(w);
        message = world_busyctl(w, NULL, "busy", "-m", "caf\351", NULL);
        check(w, message.code == 2 && strstr(message.err, "\"caf?\" is not in UTF-8"), "%d: %s", message.code,
              message.err);
        app = world_busyctl(w, NULL, "ignore", "caf\351", NULL);
        check(w, app.code == 2 && strstr(app.err, "\"caf?\" is not in UTF-8"), "%d: %s", app.code, app.err);
        run = world_busyctl(w, NULL, "run", "--", "sh", "-c", "printf 'caf\351'", NULL);
        check(w, run.code == 0 && streq(run.out, "caf\351"), "a command may say what it likes: %d %s", run.code,
              run.err);
}

WORLD_TEST(busyctl, busy_and_free_and_auto, .no_homeserver = true) {
        SCOPED_RUN busy = { 0 }, free_ = { 0 }, wrong = { 0 };

        world_start(w);
        busy = world_busyctl(w, NULL, "busy", "--for", "1h", NULL);
        ok(w, busy, "%s", busy.err);
        expect_availability(w, "busy");
        free_ = world_busyctl(w, NULL, "auto", NULL);
        ok(w, free_, "%s", free_.err);
        expect_availability(w, "free");
        wrong = world_busyctl(w, NULL, "busy", "--for", "soon", NULL);
        cr_assert_eq(wrong.code, 2);
        check(w, strstr(wrong.err, "soon"), "%s", wrong.err);
}

WORLD_TEST(busyctl, without_a_daemon_says_so, .no_homeserver = true) {
        SCOPED_RUN r = world_busyctl(w, NULL, "status", NULL);

        cr_assert_eq(r.code, 3);
        check(w, strstr(r.err, "busyd is not running"), "%s", r.err);
}

WORLD_TEST(busyctl, reload_takes_all_or_nothing) {
        SCOPED_RUN r = { 0 }, bad = { 0 };

        world_start_online(w);
        world_config(w, "[busyd]\nend-grace = 0s\nringing = all\n");
        r = world_busyctl(w, NULL, "reload", NULL);
        ok(w, r, "%s", r.err);
        call_invite(w, ROOM, "c1");
        expect_availability(w, "busy");
        world_config(w, "[busyd]\nend-grace = 0s\nringing = maybe\n");
        bad = world_busyctl(w, NULL, "reload", NULL);
        cr_assert_eq(bad.code, 1);
        check(w, strstr(bad.err, "maybe") && strstr(bad.err, "Nothing of the file is taken"), "%s", bad.err);
        expect_availability(w, "busy");
        run_done(&bad);
        /* That it is ignored is not all. */
        world_config(w, "[busyd]\nend-grace = 0s\nringing = no\nof-a-newer-one = 1\n");
        bad = world_busyctl(w, NULL, "reload", NULL);
        cr_assert_eq(bad.code, 1);
        check(w, strstr(bad.err, "of-a-newer-one") && strstr(bad.err, "Nothing of the file is taken"), "%s", bad.err);
        expect_availability(w, "busy");
}

WORLD_TEST(busyctl, logout_ends_the_session) {
        SCOPED_RUN r = { 0 };

        world_start_online(w);
        r = world_busyctl(w, NULL, "logout", ACCOUNT, NULL);
        ok(w, r, "%s", r.err);
        cr_assert(hs_wait_request(w->hs, (struct hs_match){ .method = "POST", .path = "*/logout" }, 0, patience(),
                                  NULL));
}

WORLD_TEST(busyctl, logout_mid_call_gives_back_first) {
        SCOPED_RUN r = { 0 };

        hs_client_polls(w->hs, PHONE, "online");
        hs_person_sets(w->hs, PHONE, "online", "Reading");
        world_start_online(w);
        call_starts(w, ROOM, "c1");
        expect_claim(w, "held");
        r = world_busyctl(w, NULL, "logout", ACCOUNT, NULL);
        ok(w, r, "%s", r.err);
        expect_presence(w, "online", "Reading");
}

static const struct {
        const char *verb, *option;
} options_in_help[] = {
        { "busy", "--until T" },  { "free", "--until-call-ends" },     { "run", "--reason TEXT" },
        { "history", "--lines" }, { "login", "--access-token-stdin" }, { "logout", "--force" },
};

WORLD_TEST(busyctl, help_of_a_verb_names_its_options, .no_session = true) {
        for (size_t i = 0; i < ARRAY_SIZE(options_in_help); i++) {
                SCOPED_RUN r = world_busyctl(w, NULL, "help", options_in_help[i].verb, NULL);
                SCOPED_RUN same = world_busyctl(w, NULL, options_in_help[i].verb, "--help", NULL);

                check(w, r.code == 0 && strstr(r.out, options_in_help[i].option), "%s: %s", options_in_help[i].verb,
                      r.out);
                check(w, streq(r.out, same.out), "%s: %s", options_in_help[i].verb, same.out);
        }
}

WORLD_TEST(busyctl, help_without_a_verb_lists_them, .no_session = true) {
        SCOPED_RUN r = world_busyctl(w, NULL, "help", NULL);
        SCOPED_RUN unknown = world_busyctl(w, NULL, "help", "statsu", NULL);

        check(w, r.code == 0 && strstr(r.out, "is-busy") && strstr(r.out, "help "), "%s", r.out);
        check(w, unknown.code == 2 && strstr(unknown.err, "\"status\""), "%d %s", unknown.code, unknown.err);
}

WORLD_TEST(busyctl, login_takes_a_matrix_id_as_its_argument, .no_session = true) {
        SCOPED_RUN r = world_busyctl(w, HS_PASSWORD "\n", "--json", "login", "--homeserver", hs_url(w->hs),
                                     "--password-stdin", HS_USER, NULL);

        check(w, r.code == 0 && strstr(r.out, HS_USER), "%d %s%s", r.code, r.out, r.err);
}

WORLD_TEST(busyctl, busy_until_a_time_that_is_over_is_refused) {
        SCOPED_RUN r = { 0 };

        world_start_online(w);
        r = world_busyctl(w, NULL, "busy", "--until", "2020-01-01 12:00", NULL);
        check(w, r.code == 2 && strstr(r.err, "no time to come"), "%d %s", r.code, r.err);
        expect_availability(w, "free");
}

/* One from before there were effects, as it runs on after an upgrade. */
WORLD_TEST(busyctl, an_older_busyd_is_to_be_started_anew, .no_session = true) {
        struct mock *older =
                mock_new(w, w->bus,
                         &(struct mock_options){ .name = "org.busyd.Busyd1",
                                                 .path = BUSYD_PATH,
                                                 .interface = BUSYD_MANAGER,
                                                 .setup = "mock.AddMethod('', 'History', 'u', 'a(tss)', 'ret = "
                                                          "dbus.Array([], signature=\"(tss)\")')\n" });
        SCOPED_RUN r = world_busyctl(w, NULL, "history", NULL);

        check(w, r.code == 1 && strstr(r.err, "older than busyctl") && strstr(r.err, "systemctl --user restart busyd"),
              "%d %s", r.code, r.err);
        mock_free(older);
}
