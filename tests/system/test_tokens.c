/* Sessions whose tokens end: renewed in the middle of a call, by one program at a time, stored before use. */
#include <errno.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

#include "homeserver/model.h"
#include "system/harness.h"

#include "state/session.h"

#define RENEWAL                                                                                                       \
        (struct hs_match) {                                                                                           \
                .method = "POST", .path = "*/refresh"                                                                 \
        }
#define OAUTH_RENEWAL                                                                                                 \
        (struct hs_match) {                                                                                           \
                .method = "POST", .path = HS_TOKEN_PATH                                                               \
        }

static void expect_stored(struct world *w, const char *before) {
        struct session session;

        cr_assert_eq(session_load(world_state_path(w, ""), ACCOUNT, &session), 0);
        check(w, !streq(session.access_token, before), "the new token is not on disk");
        check(w, session.refresh_token && session.expires_at > 0, "not all of it is on disk");
        session_done(&session);
}

static char *stored_token(struct world *w) {
        struct session session;
        char *token;

        cr_assert_eq(session_load(world_state_path(w, ""), ACCOUNT, &session), 0);
        token = strdup(session.access_token);
        session_done(&session);
        return token;
}

/* Renewed by so many requests. */
static void token_ends_in_a_call(struct world *w, struct hs_match renewal, unsigned n) {
        SCOPED(free) char *before = stored_token(w);

        hs_person_sets(w->hs, PHONE, "online", "Reading");
        world_start_online(w);
        call_starts(w, ROOM, "c1");
        expect_claim(w, "held");
        hs_expire(w->hs, DEVICE);
        call_hangup(w, ROOM, "c1");
        expect_nothing_owed(w);
        check(w, hs_count(w->hs, renewal, 0) == n, "not renewed by %u requests", n);
        expect_stored(w, before);
        check(w, peer_wait_is(w->peer, ACCOUNT_PATH, BUSYD_ACCOUNT, "State", "online"), "not online");
}

WORLD_TEST(tokens, one_that_ends_in_a_call_is_renewed_and_the_claim_goes_on,
           .homeserver = { .renewal = HS_RENEWAL_SYNAPSE, .token_msec = 300000 }, .no_session = true) {
        world_session_renewable(w, false);
        token_ends_in_a_call(w, RENEWAL, 1);
}

WORLD_TEST(tokens, the_same_at_an_authorization_server,
           .homeserver = { .renewal = HS_RENEWAL_OAUTH, .token_msec = 300000 }, .no_session = true) {
        world_session_renewable(w, true);
        token_ends_in_a_call(w, OAUTH_RENEWAL, 1);
}

/* The old one is good for another try while nobody has used the new one. */
WORLD_TEST(tokens, an_answer_lost_on_the_way_is_asked_for_again_in_a_call,
           .homeserver = { .renewal = HS_RENEWAL_SYNAPSE, .token_msec = 300000 }, .no_session = true) {
        world_session_renewable(w, false);
        hs_fault(w->hs, &(struct hs_fault){ .match = RENEWAL, .times = 1, .kind = HS_DROP_AFTER });
        token_ends_in_a_call(w, RENEWAL, 2);
}

WORLD_TEST(tokens, an_answer_of_an_authorization_server_lost_on_the_way_too,
           .homeserver = { .renewal = HS_RENEWAL_OAUTH, .token_msec = 300000 }, .no_session = true) {
        world_session_renewable(w, true);
        hs_fault(w->hs, &(struct hs_fault){ .match = OAUTH_RENEWAL, .times = 1, .kind = HS_DROP_AFTER });
        token_ends_in_a_call(w, OAUTH_RENEWAL, 2);
}

/* Refused for good; what is owed waits for the next login. */
static void signed_out_in_a_call(struct world *w, bool oauth, const struct hs_fault *fault) {
        world_session_renewable(w, oauth);
        hs_person_sets(w->hs, PHONE, "online", "Reading");
        world_start_online(w);
        call_starts(w, ROOM, "c1");
        expect_claim(w, "held");
        hs_fault(w->hs, fault);
        hs_expire(w->hs, DEVICE);
        call_hangup(w, ROOM, "c1");
        check(w, peer_wait_is(w->peer, ACCOUNT_PATH, BUSYD_ACCOUNT, "State", "signed-out"), "not signed out");
        check(w, world_owes(w, /* kept_too= */ false), "what is owed is forgotten");
        hs_clear_faults(w->hs);
        world_session_renewable(w, oauth);
        by_hand(w, "reload");
        expect_nothing_owed(w);
        check(w, peer_wait_is(w->peer, ACCOUNT_PATH, BUSYD_ACCOUNT, "State", "online"), "not online");
}

/* A server without that grace takes the second try for a thief's. */
WORLD_TEST(tokens, where_the_second_try_ends_the_session_the_claim_waits_for_the_next,
           .homeserver = { .renewal = HS_RENEWAL_COMPAT, .token_msec = 300000 }, .no_session = true) {
        signed_out_in_a_call(w, false, &(struct hs_fault){ .match = RENEWAL, .times = 1, .kind = HS_DROP_AFTER });
}

WORLD_TEST(tokens, one_that_is_too_old_to_be_renewed_too,
           .homeserver = { .renewal = HS_RENEWAL_SYNAPSE, .token_msec = 300000 }, .no_session = true) {
        signed_out_in_a_call(w, false,
                             &(struct hs_fault){ .match = RENEWAL,
                                                 .status = 403,
                                                 .body = "{\"errcode\":\"M_FORBIDDEN\",\"error\":\"The supplied "
                                                         "refresh token has expired\"}" });
}

WORLD_TEST(tokens, a_client_that_the_authorization_server_has_forgotten_too,
           .homeserver = { .renewal = HS_RENEWAL_OAUTH, .token_msec = 300000 }, .no_session = true) {
        signed_out_in_a_call(
                w, true,
                &(struct hs_fault){ .match = OAUTH_RENEWAL, .status = 401, .body = "{\"error\":\"invalid_client\"}" });
}

/* As a Synapse says it whose authentication service cannot be reached, of every token. */
WORLD_TEST(tokens, a_server_that_cannot_ask_whose_they_are_is_waited_for_in_a_call,
           .homeserver = { .renewal = HS_RENEWAL_OAUTH, .token_msec = 300000 }, .no_session = true) {
        const struct hs_fault cannot_ask = { .match = { .path = "/_matrix/*" },
                                             .status = 503,
                                             .body = "{\"errcode\":\"M_UNKNOWN\",\"error\":\"Unable to introspect "
                                                     "the access token\"}" };

        world_session_renewable(w, true);
        hs_person_sets(w->hs, PHONE, "online", "Reading");
        world_start_online(w);
        call_starts(w, ROOM, "c1");
        expect_claim(w, "held");
        hs_fault(w->hs, &cannot_ask);
        call_hangup(w, ROOM, "c1");
        check(w, peer_wait_is(w->peer, ACCOUNT_PATH, BUSYD_ACCOUNT, "State", "waiting"), "it did not notice");
        check(w, hs_count(w->hs, OAUTH_RENEWAL, 0) == 0, "renewed for nothing");
        check(w, world_owes(w, /* kept_too= */ false), "what is owed is forgotten");
        hs_clear_faults(w->hs);
        expect_nothing_owed(w);
        expect_presence(w, "online", "Reading");
}

/* Where whoever repeats a renewal loses the session, what was stored is what is used after a crash. */
WORLD_TEST(tokens, a_crash_after_a_renewal_loses_nothing,
           .homeserver = { .renewal = HS_RENEWAL_COMPAT, .token_msec = 300000 }, .no_session = true) {
        world_session_renewable(w, false);
        world_start_online(w);
        hs_expire(w->hs, DEVICE);
        call_starts(w, ROOM, "c1");
        expect_claim(w, "held");
        world_kill(w);
        hs_expire(w->hs, DEVICE);
        call_hangup(w, ROOM, "c1");
        world_start_online(w);
        expect_nothing_owed(w);
        check(w, hs_n_renewals(w->hs) == 2, "%u renewals", hs_n_renewals(w->hs));
}

/* What is in the way is gone again when busyd ends. */
WORLD_TEST(tokens, what_could_not_be_stored_is_stored_at_the_end,
           .homeserver = { .renewal = HS_RENEWAL_COMPAT, .token_msec = 300000 }, .no_session = true) {
        SCOPED(free) char *file = strdup(world_state_path(w, "session-" ACCOUNT ".json"));
        SCOPED(free) char *away = strdup(world_path(w, "away")), *inside = NULL, *before = NULL;

        world_session_renewable(w, false);
        before = stored_token(w);
        world_start_online(w);
        cr_assert_eq(rename(file, away), 0);
        cr_assert_eq(mkdir(file, 0700), 0);
        cr_assert_gt(asprintf(&inside, "%s/in-the-way", file), 0);
        file_put(inside, "");
        hs_expire(w->hs, DEVICE);
        call_starts(w, ROOM, "c1");
        expect_claim(w, "held");
        check(w, world_wait_log(w, "cannot be stored"), "not said");
        cr_assert_eq(unlink(inside), 0);
        cr_assert_eq(rmdir(file), 0);
        cr_assert_eq(rename(away, file), 0);
        cr_assert_eq(world_stop(w), 0);
        expect_stored(w, before);
}

/* Another program has it, and stores what is new: there is no second renewal, which would lose the session here. */
WORLD_TEST(tokens, two_processes_want_one_renewal,
           .homeserver = { .renewal = HS_RENEWAL_COMPAT, .token_msec = 300000 }, .no_session = true) {
        int lock;

        world_session_renewable(w, false);
        world_start_online(w);
        lock = session_lock(world_state_path(w, ""), ACCOUNT);
        cr_assert_geq(lock, 0);
        world_session_renewable(w, false); /* the new pair; the one before is void */
        call_starts(w, ROOM, "c1");
        check(w, world_wait_log(w, "online -> waiting"), "not refused");
        check(w, hs_n_renewals(w->hs) == 0, "renewed beside the other one");
        session_unlock(lock);
        expect_claim(w, "held");
        check(w, hs_n_renewals(w->hs) == 0, "renewed again");
}

WORLD_TEST(tokens, nothing_of_them_is_told, .homeserver = { .renewal = HS_RENEWAL_SYNAPSE, .token_msec = 300000 },
           .no_session = true) {
        SCOPED(free) char *before = NULL, *after = NULL, *log = NULL;

        world_session_renewable(w, false);
        before = stored_token(w);
        world_start_online(w);
        hs_expire(w->hs, DEVICE);
        call_starts(w, ROOM, "c1");
        expect_claim(w, "held");
        after = stored_token(w);
        log = world_log(w);
        check(w, !strstr(log, before) && !strstr(log, after) && !strstr(log, "ref_"), "a token in the log");
        check(w, !hs_saw_token_in_url(w->hs), "a token in a URL");
}

static void log_out_after_the_end(struct world *w, struct hs_match end) {
        SCOPED_RUN r = { 0 };

        hs_expire(w->hs, DEVICE);
        r = world_busyctl(w, NULL, "logout", ACCOUNT, NULL);
        check(w, r.code == 0, "%d %s", r.code, r.err);
        check(w, hs_count(w->hs, end, 0) == 1, "the session was not ended");
        check(w, access(world_state_path(w, "session-" ACCOUNT ".json"), F_OK) != 0, "the session is kept");
}

WORLD_TEST(tokens, logout_renews_one_that_has_ended,
           .homeserver = { .renewal = HS_RENEWAL_COMPAT, .token_msec = 300000 }, .no_session = true) {
        world_session_renewable(w, false);
        log_out_after_the_end(w, (struct hs_match){ .method = "POST", .path = "*/logout" });
}

WORLD_TEST(tokens, logout_revokes_at_the_authorization_server,
           .homeserver = { .renewal = HS_RENEWAL_OAUTH, .token_msec = 300000 }, .no_session = true) {
        world_session_renewable(w, true);
        world_start_online(w);
        log_out_after_the_end(w, (struct hs_match){ .method = "POST", .path = HS_REVOKE_PATH, .body = "token=ref_" });
}

/* busyd has renewed it since busyctl began: the session that ends is the one that is. */
WORLD_TEST(tokens, logout_in_a_call_ends_what_busyd_has_renewed,
           .homeserver = { .renewal = HS_RENEWAL_OAUTH, .token_msec = 300000 }, .no_session = true) {
        world_session_renewable(w, true);
        hs_person_sets(w->hs, PHONE, "online", "Reading");
        world_start_online(w);
        call_starts(w, ROOM, "c1");
        expect_claim(w, "held");
        log_out_after_the_end(w, (struct hs_match){ .method = "POST", .path = HS_REVOKE_PATH });
        check(w, hs_is_over(w->hs, DEVICE), "the session lives on");
        expect_presence(w, "online", "Reading");
}

static void revoke_token(struct model *m, int64_t now, void *userdata) {
        model_revoke_token(m, userdata);
}

/* The session on disk has another token than the one that the command prints. */
WORLD_TEST(tokens, a_command_is_asked_once_more_when_its_token_has_ended) {
        SCOPED(free) char *first = stored_token(w), *second = NULL;

        file_put(world_path(w, "token"), first);
        world_config(w, "[account " ACCOUNT "]\ntoken-command = cat \"$HOME/../token\"\n");
        hs_person_sets(w->hs, PHONE, "online", "Reading");
        world_start_online(w);
        call_starts(w, ROOM, "c1");
        expect_claim(w, "held");
        second = hs_login(w->hs, DEVICE);
        file_put(world_path(w, "token"), second);
        hs_with_model(w->hs, revoke_token, first);
        call_hangup(w, ROOM, "c1");
        expect_nothing_owed(w);
        expect_presence(w, "online", "Reading");
        check(w, peer_wait_is(w->peer, ACCOUNT_PATH, BUSYD_ACCOUNT, "State", "online"), "not online");
}

/* ... and no login, which would not help. */
static void expect_in_status(struct world *w, const char *part) {
        SCOPED_RUN status = world_busyctl(w, NULL, "status", NULL);

        check(w,
              strcasestr(status.out, part) && strstr(status.out, "busyctl reload") &&
                      !strcasestr(status.out, "log in again"),
              "%s", status.out);
}

WORLD_TEST(tokens, a_command_with_nothing_newer_is_asked_once_and_the_end_is_told) {
        SCOPED(free) char *token = stored_token(w), *asked = NULL;

        file_put(world_path(w, "token"), token);
        world_config(w,
                     "[account " ACCOUNT "]\ntoken-command = echo x >>\"$HOME/../asked\"; cat \"$HOME/../token\"\n");
        world_start_online(w);
        hs_revoke(w->hs, DEVICE, false);
        call_starts(w, ROOM, "c1");
        check(w, peer_wait_is(w->peer, ACCOUNT_PATH, BUSYD_ACCOUNT, "State", "signed-out"), "not told");
        asked = file_text(world_path(w, "asked"));
        check(w, streq(asked, "x\nx\n"), "asked: %s", asked);
        expect_in_status(w, "does not take the token that token-command prints");
}

WORLD_TEST(tokens, a_command_that_fails_when_it_is_asked_once_more_is_named) {
        SCOPED(free) char *token = stored_token(w);

        file_put(world_path(w, "token"), token);
        world_config(w, "[account " ACCOUNT "]\ntoken-command = cat \"$HOME/../token\"\n");
        world_start_online(w);
        cr_assert_eq(unlink(world_path(w, "token")), 0);
        hs_revoke(w->hs, DEVICE, false);
        call_starts(w, ROOM, "c1");
        check(w, peer_wait_is(w->peer, ACCOUNT_PATH, BUSYD_ACCOUNT, "State", "signed-out"), "not told");
        expect_in_status(w, "token-command is of no use");
}
