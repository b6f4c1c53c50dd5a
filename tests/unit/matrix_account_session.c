/* The session of an account: tokens that end, and what becomes of it where the server ends it. */
#include "unit/matrix_account_stage.h"

/* ---- tokens that end ---- */

static struct world *renewable_world(enum hs_renewal renewal) {
        const struct hs_options options = { .renewal = renewal, .token_msec = 5 * 60 * 1000 };
        struct world *w = world_new(&options);

        if (renewal == HS_RENEWAL_OAUTH)
                w->token_endpoint = "http://localhost:8008" HS_TOKEN_PATH;
        return w;
}

static const enum hs_renewal renewals[] = { HS_RENEWAL_SYNAPSE, HS_RENEWAL_OAUTH, HS_RENEWAL_COMPAT };

Test(matrix_account_session, tokens_are_renewed_before_they_end_and_nobody_notices) {
        for (size_t i = 0; i < ARRAY_SIZE(renewals); i++) {
                struct world *w = renewable_world(renewals[i]);

                start(w);
                expect_online(w);
                for (int n = 0; n < 3; n++) {
                        call(w, true);
                        pass(w, 7 * USEC_PER_MIN);
                        cr_assert_str_eq(shown(w), HS_BUSY, "%zu", i);
                        call(w, false);
                        pass(w, 7 * USEC_PER_MIN);
                        cr_assert_str_eq(shown(w), "offline", "%zu", i);
                }
                cr_assert_eq(account_state(w->account), CONNECTION_ONLINE);
                cr_assert_geq(w->n_puts, 4);
                cr_assert_eq(w->n_puts, model_renewals(w->http.model), "one request each");
                cr_assert_eq(asked(w, 0, "whoami"), 1, "%zu: the server has never been in doubt", i);
                expect_nothing_owed(w);
        }
}

/* The first that is heard of it is the write at the start of a call. */
Test(matrix_account_session, a_token_that_ended_beneath_a_long_poll_is_renewed_before_the_write) {
        struct world *w = renewable_world(HS_RENEWAL_SYNAPSE);
        size_t mark;

        start(w);
        expect_online(w);
        pass(w, 9 * USEC_PER_MIN);
        mark = w->http.n_log;
        w->http.n_refused = 0;
        call(w, true);
        pass(w, 2 * USEC_PER_SEC);
        cr_assert_str_eq(shown(w), HS_BUSY);
        cr_assert_eq(w->http.n_refused, 0, "not felt at all");
        cr_assert_eq(model_renewals(w->http.model), 1);
        cr_assert_geq(asked(w, mark, "PUT /"), 1);
}

Test(matrix_account_session, nobody_is_woken_to_renew) {
        struct world *w = renewable_world(HS_RENEWAL_SYNAPSE);

        start(w);
        expect_online(w);
        pass(w, 2 * USEC_PER_HOUR);
        cr_assert_leq(model_renewals(w->http.model), 13, "the ends of the polls do it");
}

/* Whatever soft_logout says: the clock may be wrong, or the server has ended it early. */
Test(matrix_account_session, a_401_within_a_call_renews_and_the_claim_goes_on) {
        for (size_t i = 0; i < ARRAY_SIZE(renewals); i++) {
                struct world *w = renewable_world(renewals[i]);

                start(w);
                expect_online(w);
                call(w, true);
                pass(w, 20 * USEC_PER_SEC);
                model_expire(w->http.model, SELF);
                call(w, false);
                cr_assert_neq(account_state(w->account), CONNECTION_SIGNED_OUT, "%zu", i);
                pass(w, 2 * USEC_PER_SEC);
                cr_assert_str_eq(shown(w), "offline", "%zu: given back at once", i);
                cr_assert_eq(model_renewals(w->http.model), 1, "%zu", i);
                pass(w, USEC_PER_MIN);
                cr_assert_eq(account_state(w->account), CONNECTION_ONLINE, "%zu", i);
                expect_nothing_owed(w);
        }
}

Test(matrix_account_session, a_request_that_is_refused_whatever_the_token_makes_no_storm) {
        struct world *w = renewable_world(HS_RENEWAL_SYNAPSE);
        size_t mark;

        start(w);
        expect_online(w);
        mark = w->http.n_log;
        w->http.fault =
                (struct fault){ "PUT", "/presence/", 401, "{\"errcode\":\"M_UNKNOWN_TOKEN\"}", UINT_MAX, false };
        call(w, true);
        pass(w, 10 * USEC_PER_MIN);
        cr_assert_leq(model_renewals(w->http.model), 12);
        cr_assert_leq(asked(w, mark, "PUT /"), 300, "more than where nothing can be renewed");
        w->http.fault.times = 0;
        call(w, false);
        pass(w, 10 * USEC_PER_MIN);
        cr_assert_eq(account_state(w->account), CONNECTION_ONLINE);
        expect_nothing_owed(w);
}

static void lose_answers(struct world *w, const char *path, unsigned times) {
        w->http.fault = (struct fault){ "POST", path, 502, "<html>Bad gateway</html>", times, true };
}

/* Where the authorization server forgives it; the old one is sent again within its time for that. */
Test(matrix_account_session, a_lost_answer_to_a_renewal_is_asked_for_again_in_time) {
        static const char *const paths[] = { "/refresh", HS_TOKEN_PATH };

        for (size_t i = 0; i < ARRAY_SIZE(paths); i++) {
                struct world *w = renewable_world(renewals[i]);

                start(w);
                expect_online(w);
                call(w, true);
                pass(w, 20 * USEC_PER_SEC);
                model_expire(w->http.model, SELF);
                lose_answers(w, paths[i], 2);
                call(w, false);
                cr_assert_eq(account_state(w->account), CONNECTION_WAITING, "%zu", i);
                cr_assert_str_eq(shown(w), HS_BUSY);
                pass(w, 14 * USEC_PER_SEC);
                cr_assert_str_eq(shown(w), "offline", "%zu", i);
                pass(w, USEC_PER_MIN);
                cr_assert_eq(account_state(w->account), CONNECTION_ONLINE, "%zu: %s", i, account_problem(w->account));
                expect_nothing_owed(w);
        }
}

Test(matrix_account_session, where_a_lost_answer_loses_the_session_it_says_so_and_keeps_what_is_owed) {
        struct world *w = renewable_world(HS_RENEWAL_COMPAT);

        start(w);
        expect_online(w);
        call(w, true);
        pass(w, 20 * USEC_PER_SEC);
        model_expire(w->http.model, SELF);
        lose_answers(w, "/refresh", 1);
        call(w, false);
        pass(w, USEC_PER_MIN);
        cr_assert_eq(account_state(w->account), CONNECTION_SIGNED_OUT);
        cr_assert(strstr(account_problem(w->account), "busyctl login home"));
        cr_assert(account_owes(w->account));
}

/* A proxy, a login page, a server in trouble: none of them ends a session. */
Test(matrix_account_session, only_who_knows_the_session_can_end_it) {
        static const struct {
                long status;
                const char *body;
        } rows[] = {
                { 403, "<html>Forbidden</html>" },
                { 401, "" },
                { 503, "{\"errcode\":\"M_UNKNOWN\"}" },
                { 429, "{\"errcode\":\"M_LIMIT_EXCEEDED\"}" },
                { 200, "<html>Sign in to the network</html>" },
                { 404, "{\"errcode\":\"M_UNRECOGNIZED\"}" },
        };

        for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
                struct world *w = renewable_world(HS_RENEWAL_SYNAPSE);

                start(w);
                expect_online(w);
                call(w, true);
                pass(w, 20 * USEC_PER_SEC);
                model_expire(w->http.model, SELF);
                w->http.fault = (struct fault){ "POST", "/refresh", rows[i].status, rows[i].body, 4, false };
                call(w, false);
                cr_assert_eq(account_state(w->account), CONNECTION_WAITING, "%ld", rows[i].status);
                cr_assert_neq(account_problem(w->account)[0], '\0', "%ld", rows[i].status);
                pass(w, 5 * USEC_PER_MIN);
                cr_assert_eq(account_state(w->account), CONNECTION_ONLINE, "%ld", rows[i].status);
                cr_assert_str_eq(shown(w), "offline", "%ld", rows[i].status);
                expect_nothing_owed(w);
        }
}

/* The last that was told before is that nobody is there. */
Test(matrix_account_session, nothing_is_seen_while_no_poll_may_begin) {
        struct world *w = renewable_world(HS_RENEWAL_OAUTH);

        model_client_polls(w->http.model, PHONE, "online", msec(&w->http));
        start(w);
        pass(w, 9 * USEC_PER_MIN);
        call(w, true);
        cr_assert_str_eq(message(w), "In a call");
        lose_answers(w, HS_TOKEN_PATH, 1000);
        pass(w, 6 * USEC_PER_MIN);
        model_restart(w->http.model, msec(&w->http));
        (void) turn(w);
        cr_assert_str_eq(shown(w), "offline");
        model_client_polls(w->http.model, PHONE, "online", msec(&w->http));
        pass(w, 10 * USEC_PER_MIN);
        cr_assert_eq(account_state(w->account), CONNECTION_WAITING);
        w->http.fault.times = 0;
        pass(w, 6 * USEC_PER_MIN);
        cr_assert_eq(account_state(w->account), CONNECTION_ONLINE);
        cr_assert_eq(w->times_busy, 0);
}

/* What is left of the token serves meanwhile. */
Test(matrix_account_session, a_failed_renewal_in_time_stops_nothing) {
        struct world *w = renewable_world(HS_RENEWAL_SYNAPSE);

        start(w);
        expect_online(w);
        pass(w, 4 * USEC_PER_MIN + 22 * USEC_PER_SEC);
        w->http.fault = (struct fault){ "POST", "/refresh", 502, "", 1, false };
        call(w, true);
        cr_assert_str_eq(shown(w), HS_BUSY);
        cr_assert_eq(account_state(w->account), CONNECTION_ONLINE);
        pass(w, 10 * USEC_PER_SEC);
        cr_assert_eq(w->n_puts, 1);
}

Test(matrix_account_session, a_session_that_was_ended_while_away_is_told_at_the_start) {
        struct world *w = renewable_world(HS_RENEWAL_OAUTH);

        (void) model_login(w->http.model, SELF);
        model_make_renewable(w->http.model, SELF, msec(&w->http));
        store_tokens(w);
        model_revoke(w->http.model, SELF, false);
        pass_time(w, 20 * USEC_PER_MIN);
        start(w);
        (void) turn(w);
        cr_assert_eq(account_state(w->account), CONNECTION_SIGNED_OUT);
}

Test(matrix_account_session, a_token_that_ended_while_busyd_was_away_is_renewed_before_anything_is_asked) {
        struct world *w = renewable_world(HS_RENEWAL_OAUTH);

        (void) model_login(w->http.model, SELF);
        model_make_renewable(w->http.model, SELF, msec(&w->http));
        store_tokens(w);
        pass_time(w, 20 * USEC_PER_MIN);
        start(w);
        expect_online(w);
        cr_assert(strstr(w->http.log[0].what, HS_TOKEN_PATH), "%s", w->http.log[0].what);
}

Test(matrix_account_session, what_another_process_has_renewed_is_taken_up_without_a_request) {
        struct world *w = renewable_world(HS_RENEWAL_COMPAT);

        start(w);
        expect_online(w);
        model_make_renewable(w->http.model, SELF, msec(&w->http));
        store_tokens(w);
        w->keeper_error = 1;
        call(w, true);
        pass(w, 2 * USEC_PER_SEC);
        cr_assert_str_eq(shown(w), HS_BUSY);
        cr_assert_eq(model_renewals(w->http.model), 0);
}

Test(matrix_account_session, while_another_process_renews_it_is_waited_for) {
        struct world *w = renewable_world(HS_RENEWAL_COMPAT);

        start(w);
        expect_online(w);
        model_expire(w->http.model, SELF);
        w->keeper_error = -EBUSY;
        call(w, true);
        cr_assert_eq(model_renewals(w->http.model), 0);
        model_make_renewable(w->http.model, SELF, msec(&w->http));
        store_tokens(w);
        w->keeper_error = 1;
        pass(w, USEC_PER_SEC);
        cr_assert_str_eq(shown(w), HS_BUSY);
        cr_assert_eq(model_renewals(w->http.model), 0);
}

/* Where there is no grace, a crash between the two would lose the session. */
Test(matrix_account_session, a_new_pair_is_stored_before_it_is_used) {
        struct world *w = renewable_world(HS_RENEWAL_COMPAT);
        struct model_tokens tokens;

        start(w);
        expect_online(w);
        w->put_fails = true;
        model_expire(w->http.model, SELF);
        call(w, true);
        pass(w, 2 * USEC_PER_SEC);
        cr_assert_str_eq(shown(w), HS_BUSY, "what cannot be stored is used all the same");
        cr_assert_eq(w->n_puts, 0);
        w->put_fails = false;
        pass(w, 2 * USEC_PER_MIN);
        cr_assert_eq(w->n_puts, 1);
        cr_assert(model_tokens(w->http.model, SELF, &tokens));
        cr_assert_str_eq(w->refresh, tokens.refresh);
        cr_assert_not(w->is_kept);
}

/* Else it would go round until that is answered. */
Test(matrix_account_session, what_could_not_be_stored_waits_for_a_renewal_that_is_out) {
        struct world *w = renewable_world(HS_RENEWAL_COMPAT);

        start(w);
        expect_online(w);
        w->put_fails = true;
        model_expire(w->http.model, SELF);
        call(w, true);
        pass(w, 6 * USEC_PER_MIN + 55 * USEC_PER_SEC);
        cr_assert_str_eq(shown(w), HS_BUSY);
        model_expire(w->http.model, SELF);
        w->http.fault = (struct fault){ "POST", "/refresh", 0, NULL, 1, false };
        call(w, false);
        pass(w, 20 * USEC_PER_SEC);
        cr_assert_eq(w->http.fault.times, 0, "it is not asked for");
        cr_assert_eq(w->n_puts, 0);
        http_cut(&w->http);
        w->put_fails = false;
        pass(w, 2 * USEC_PER_MIN);
        cr_assert_gt(w->n_puts, 0);
        cr_assert_str_eq(shown(w), "offline");
}

/* ---- the session (A8, A9, E16) ---- */

Test(matrix_account_session, a_single_401_on_a_write_is_asked_about) {
        struct world *w = world_online(NULL);

        w->http.fault = (struct fault){ "PUT", "/presence/", 401, "{\"errcode\":\"M_UNKNOWN_TOKEN\"}", 1, false };
        call(w, true);
        pass(w, 20 * USEC_PER_SEC);
        cr_assert_eq(account_state(w->account), CONNECTION_ONLINE);
        cr_assert_str_eq(shown(w), HS_BUSY);
        w->http.fault = (struct fault){ "PUT", "/presence/", 401, "{\"errcode\":\"M_UNKNOWN_TOKEN\"}", 1, false };
        call(w, false);
        cr_assert_not(account_is_at_rest(w->account), "counts as done");
        pass(w, 20 * USEC_PER_SEC);
        cr_assert_str_eq(shown(w), "offline");
        expect_nothing_owed(w);
}

Test(matrix_account_session, the_end_of_the_session_is_told_at_once) {
        struct world *w = world_online(NULL);

        w->situation.busy = true;
        model_revoke(w->http.model, SELF, false);
        (void) turn(w);
        cr_assert_eq(account_state(w->account), CONNECTION_SIGNED_OUT, "%s",
                     connection_state_to_string(account_state(w->account)));
        cr_assert(strstr(account_problem(w->account), "busyctl login home"));
}

static struct world *signed_out_in_a_call(void) {
        struct world *w = world_online(NULL);

        call(w, true);
        pass(w, 10 * USEC_PER_SEC);
        cr_assert_str_eq(shown(w), HS_BUSY);
        model_revoke(w->http.model, SELF, false);
        call(w, false);
        pass(w, 10 * USEC_PER_SEC);
        cr_assert_eq(account_state(w->account), CONNECTION_SIGNED_OUT);
        return w;
}

static void expect_back_within(struct world *w, usec_t span) {
        pass(w, span);
        cr_assert_eq(account_state(w->account), CONNECTION_ONLINE);
        cr_assert_str_neq(message(w), "In a call");
        expect_nothing_owed(w);
}

Test(matrix_account_session, while_something_is_owed_a_signed_out_account_is_asked_now_and_then) {
        struct world *w = signed_out_in_a_call();
        size_t mark = w->http.n_log;

        cr_assert_neq(account_retry_at(w->account), USEC_NEVER, "not told");
        pass(w, 5 * USEC_PER_HOUR);
        cr_assert_geq(asked(w, mark, "/account/whoami"), 5);
        cr_assert_leq(asked(w, mark, "/account/whoami"), 65);
        cr_assert_eq(asked(w, mark, "PUT /"), 0);
        model_unrevoke(w->http.model, SELF);
        expect_back_within(w, USEC_PER_HOUR + USEC_PER_MIN);
}

Test(matrix_account_session, and_when_a_person_asks_for_it) {
        struct world *w = signed_out_in_a_call();

        model_unrevoke(w->http.model, SELF);
        account_retry_now(w->account);
        expect_back_within(w, 10 * USEC_PER_SEC);
}

Test(matrix_account_session, and_after_a_sleep) {
        struct world *w = signed_out_in_a_call();

        model_unrevoke(w->http.model, SELF);
        account_wake(w->account, true);
        expect_back_within(w, 10 * USEC_PER_SEC);
}

Test(matrix_account_session, what_was_told_before_a_sleep_is_in_doubt_until_the_server_has_answered) {
        struct world *w = world_online(NULL);

        fail_polls(w, 1);
        account_wake(w->account, true);
        cr_assert(w->doubted);
        (void) turn(w);
        cr_assert(account_state(w->account) == CONNECTION_WAITING && w->doubted);
        pass(w, 10 * USEC_PER_SEC);
        cr_assert(account_state(w->account) == CONNECTION_ONLINE && !w->doubted);
        account_wake(w->account, false);
        cr_assert_not(w->doubted, "another network tells nothing of the calls");
        pass(w, 10 * USEC_PER_SEC);
}

Test(matrix_account_session, what_was_told_is_in_doubt_when_nothing_has_come_for_minutes) {
        struct world *w = world_online(NULL);

        w->situation.n_calls = 1;
        pass(w, 9 * USEC_PER_MIN);
        fail_polls(w, 1);
        account_wake(w->account, false);
        pass(w, 15 * USEC_PER_SEC);
        cr_assert(account_state(w->account) == CONNECTION_ONLINE && !w->doubted, "a moment is nothing");

        fail_polls(w, 1000);
        account_wake(w->account, false);
        pass(w, 4 * USEC_PER_MIN);
        cr_assert_not(w->doubted);
        pass(w, 2 * USEC_PER_MIN);
        cr_assert(w->doubted);
        w->http.fault.times = 0;
        pass(w, 10 * USEC_PER_MIN);
        cr_assert(account_state(w->account) == CONNECTION_ONLINE && !w->doubted);
}
