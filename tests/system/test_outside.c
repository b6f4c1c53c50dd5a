/* Accounts that have no session on disk: their token comes from the service manager or from a command. */
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

#include "system/harness.h"

/* As systemd hands one over; busyd gets it by its environment. */
static void give_credential(struct world *w, const char *token) {
        SCOPED(free) char *wrapper = NULL, *dir = strdup(world_path(w, "credentials"));

        (void) mkdir(dir, 0700);
        file_put(world_path(w, "credentials/busyd-" ACCOUNT ".token"), token);
        cr_assert(asprintf(&wrapper, "env CREDENTIALS_DIRECTORY=%s", dir) > 0);
        cr_assert_eq(setenv("BUSYD_WRAPPER", wrapper, 1), 0);
}

static void configure(struct world *w, const char *more) {
        SCOPED(free) char *text = NULL;

        cr_assert(asprintf(&text,
                           "[busyd]\nend-grace = 0s\n[account " ACCOUNT "]\npresence = busy\npoll-pause = 0s\n"
                           "homeserver = %s\n%s",
                           hs_url(w->hs), more) > 0);
        world_config(w, text);
}

static void busy_and_back(struct world *w) {
        hs_person_sets(w->hs, PHONE, "online", "Reading");
        call_starts(w, ROOM, "c1");
        expect_claim(w, "held");
        expect_presence(w, HS_BUSY, NULL);
        call_hangup(w, ROOM, "c1");
        expect_nothing_owed(w);
        expect_presence(w, "online", "Reading");
}

static void expect_no_session(struct world *w) {
        check(w, access(world_state_path(w, "session-" ACCOUNT ".json"), F_OK) < 0, "the token is on disk");
}

static void expect_problem(struct world *w, const char *part) {
        check(w, peer_wait_is(w->peer, ACCOUNT_PATH, BUSYD_ACCOUNT, "State", "waiting"), "it does not wait");
        check(w, peer_wait_has(w->peer, ACCOUNT_PATH, BUSYD_ACCOUNT, "Problem", part), "not told: %s", part);
}

static void expect_online(struct world *w) {
        check(w, peer_wait_is(w->peer, ACCOUNT_PATH, BUSYD_ACCOUNT, "State", "online"), "not online");
}

/* `more` may be NULL. */
static void expect_said(struct world *w, int code, const char *part, const char *verb, const char *more) {
        SCOPED_RUN run = world_busyctl(w, NULL, verb, more, NULL);

        check(w, run.code == code && (strstr(run.out, part) || strstr(run.err, part)), "%d: %s%s", run.code, run.out,
              run.err);
}

static bool is_there(struct world *w) {
        SCOPED(free) char *state = peer_get(w->peer, ACCOUNT_PATH, BUSYD_ACCOUNT, "State");

        return state != NULL;
}

WORLD_TEST(outside, a_credential_alone_is_an_account, .no_session = true) {
        SCOPED(free) char *token = hs_login(w->hs, DEVICE);

        give_credential(w, token);
        configure(w, "");
        world_start_online(w);
        busy_and_back(w);
        expect_no_session(w);
        expect_said(w, 0, "busyd is online there", "doctor", NULL);
        expect_said(w, 1, "is a credential of the unit", "logout", ACCOUNT);
}

WORLD_TEST(outside, a_command_alone_is_an_account, .no_session = true) {
        SCOPED(free) char *token = hs_login(w->hs, DEVICE);

        file_put(world_path(w, "token"), token);
        configure(w, "token-command = cat \"$HOME/../token\"\n");
        world_start_online(w);
        busy_and_back(w);
        expect_no_session(w);
}

WORLD_TEST(outside, what_was_owed_at_a_death_is_given_back_by_the_next_run, .no_session = true) {
        SCOPED(free) char *token = hs_login(w->hs, DEVICE), *log = NULL;

        give_credential(w, token);
        configure(w, "");
        hs_person_sets(w->hs, PHONE, "online", "Reading");
        world_start_online(w);
        call_starts(w, ROOM, "c1");
        expect_claim(w, "held");
        world_kill(w);
        call_hangup(w, ROOM, "c1");
        world_start_online(w);
        expect_nothing_owed(w);
        expect_presence(w, "online", "Reading");
        log = world_log(w);
        check(w, !strstr(log, "its session is gone"), "a login is asked for");
}

WORLD_TEST(outside, a_server_that_is_away_is_asked_again, .no_session = true) {
        SCOPED(free) char *token = hs_login(w->hs, DEVICE);

        give_credential(w, token);
        configure(w, "");
        hs_stop(w->hs);
        world_start(w);
        expect_problem(w, "connect");
        expect_availability(w, "free");
        hs_start(w->hs, HS_KEEPS);
        expect_online(w);
}

WORLD_TEST(outside, nobody_becomes_somebody_else, .no_session = true) {
        SCOPED(free) char *token = hs_login(w->hs, DEVICE);

        give_credential(w, token);
        configure(w, "user-id = @boss:test\n");
        world_start(w);
        expect_problem(w, "user-id = @boss:test");
        configure(w, "user-id = " HS_USER "\n");
        by_hand(w, "reload");
        expect_online(w);
}

WORLD_TEST(outside, one_whose_homeserver_nobody_knows_says_what_is_missing, .no_session = true) {
        SCOPED(free) char *token = hs_login(w->hs, DEVICE);

        give_credential(w, token);
        world_config(w, "");
        world_start(w);
        expect_problem(w, "where is its homeserver?");
        configure(w, "");
        by_hand(w, "reload");
        expect_online(w);
}

/* As when the network comes long after the start. */
WORLD_TEST(outside, a_command_is_asked_again_when_its_token_has_ended_before_it_was_used, .no_session = true) {
        SCOPED(free) char *first = hs_login(w->hs, DEVICE), *second = NULL;

        file_put(world_path(w, "token"), first);
        configure(w, "token-command = cat \"$HOME/../token\"\n");
        hs_stop(w->hs);
        world_start(w);
        expect_problem(w, "connect");
        hs_revoke(w->hs, DEVICE, false);
        second = hs_login(w->hs, DEVICE);
        file_put(world_path(w, "token"), second);
        hs_start(w->hs, HS_KEEPS);
        expect_online(w);
}

WORLD_TEST(outside, a_token_of_no_use_is_told, .no_session = true) {
        give_credential(w, "of-no-use");
        configure(w, "");
        world_start(w);
        expect_problem(w, "does not take its token");
        expect_said(w, 1, "does not take its token", "doctor", NULL);
        expect_availability(w, "free");
}

/* By the configuration alone: no token, no account. */
WORLD_TEST(outside, a_section_without_a_token_is_no_account, .no_session = true) {
        configure(w, "");
        world_start(w);
        expect_availability(w, "free");
        check(w, !is_there(w), "it is there");
}

WORLD_TEST(outside, it_goes_with_its_section, .no_session = true) {
        SCOPED(free) char *token = hs_login(w->hs, DEVICE);

        file_put(world_path(w, "token"), token);
        configure(w, "token-command = cat \"$HOME/../token\"\n");
        world_start_online(w);
        hs_person_sets(w->hs, PHONE, "online", "Reading");
        call_starts(w, ROOM, "c1");
        expect_claim(w, "held");
        world_config(w, "");
        by_hand(w, "reload");
        expect_presence(w, "online", "Reading");
        while (is_there(w))
                world_look_again(w);
}
