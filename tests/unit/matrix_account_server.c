/* What an account takes for an answer of its server, and what it takes that for. */
#include "unit/matrix_account_stage.h"

/* ---- answers (A10, B7) ---- */

static const struct no_answer {
        const char *what, *path;
        long status;
        const char *body;
} no_answers[] = {
        { "1: nothing of presence", "/presence/", 200, "{}" },
        { "2: presence of another type", "/presence/", 200, "{\"presence\":7}" },
        { "3: a page", "/presence/", 200, "<html>" },
        { "4: nothing of the profile field", "/profile/", 200, "{}" },
        { "5: a profile without it", "/profile/", 200, "{\"displayname\":\"Me\"}" },
        { "6: a 404 of something in between", "/profile/", 404, "<html>not found</html>" },
        { "7: a 404 without a word", "/profile/", 404, "{}" },
        { "8: a 404 of something in between", "/presence/", 404, "<html>not found</html>" },
};

Test(matrix_account_server, an_answer_that_lacks_what_was_asked_for_is_none) {
        for (size_t i = 0; i < ARRAY_SIZE(no_answers); i++) {
                const struct no_answer *row = &no_answers[i];
                struct world *w = world_new(&(struct hs_options){ .kind = HS_TUWUNEL });

                model_person_sets(w->http.model, PHONE, "online", "Reading", msec(&w->http));
                start(w);
                expect_online(w);
                call(w, true);
                pass(w, USEC_PER_MIN);
                cr_assert_str_eq(message(w), "In a call", "%s", row->what);
                w->http.fault = (struct fault){ "GET", row->path, row->status, row->body, 3, false };
                call(w, false);
                pass(w, 5 * USEC_PER_MIN);
                cr_assert_str_eq(message(w), "Reading", "%s", row->what);
                cr_assert_null(model_profile(w->http.model, "m.call"), "%s", row->what);
                cr_assert_null(model_profile(w->http.model, "org.matrix.msc4426.call"), "%s", row->what);
                expect_nothing_owed(w);
        }
}

Test(matrix_account_server, a_page_says_nothing_for_the_server) {
        struct world *w = world_online(NULL);

        w->http.fault = (struct fault){ "PUT", "/presence/", 403, "<html>blocked</html>", 2, false };
        call(w, true);
        pass(w, USEC_PER_MIN);
        cr_assert_str_eq(report(w).claim, "held");
        cr_assert_str_eq(shown(w), HS_BUSY);
}

/* ---- what the server is (C9) ---- */

/* A firewall's page is nobody's word, as little as silence. */
Test(matrix_account_server, what_a_page_says_in_place_of_the_server_changes_nothing_of_what_it_can) {
        static const char *const questions[] = { "/client/versions", "/federation/v1/version", "/whoami",
                                                 "/capabilities" };

        for (size_t i = 0; i < ARRAY_SIZE(questions); i++) {
                struct world *w = world_new(NULL);
                struct driver_report profile;

                start(w);
                expect_online(w);
                cr_assert_str_eq(account_server(w->account), "Synapse 1.160.0");
                w->http.fault = (struct fault){ "GET", questions[i], 403, "<html>Blocked</html>", 1, false };
                account_retry_now(w->account);
                pass(w, 10 * USEC_PER_SEC);
                cr_assert_eq(w->http.fault.times, 0, "%s was not asked", questions[i]);
                cr_assert_eq(account_state(w->account), CONNECTION_ONLINE, "%s", questions[i]);
                cr_assert_str_eq(account_server(w->account), "Synapse 1.160.0", "%s", questions[i]);
                call(w, true);
                pass(w, 10 * USEC_PER_SEC);
                cr_assert_str_eq(shown(w), HS_BUSY, "%s", questions[i]);
                cr_assert(account_report(w->account, 1, &profile));
                cr_assert_str_eq(profile.claim, "held", "%s: %s", questions[i], profile.note);
                call(w, false);
                pass(w, 10 * USEC_PER_SEC);
        }
}

Test(matrix_account_server, what_the_server_is_is_asked_again_by_hand_and_now_and_then) {
        struct world *w = world_online(NULL);
        size_t mark;

        mark = w->http.n_log;
        account_retry_now(w->account);
        pass(w, 10 * USEC_PER_SEC);
        cr_assert_eq(asked(w, mark, "/_matrix/client/versions"), 1);
        cr_assert_eq(asked(w, mark, "/sync"), 0, "the poll is given up for it");
        pass(w, 24 * USEC_PER_HOUR);
        cr_assert_geq(asked(w, mark, "/_matrix/client/versions"), 4);
        cr_assert_leq(asked(w, mark, "/_matrix/client/versions"), 6);
}
