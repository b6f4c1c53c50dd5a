/* When tokens are renewed, and what an answer to that means: on a virtual clock, and on bodies as servers send them.
 */
#include <criterion/criterion.h>
#include <errno.h>

#include "matrix/client/renew.h"
#include "matrix/client/tokens.h"

#define WALL (UINT64_C(1795000000) * USEC_PER_SEC)

static struct instant at(usec_t sec) {
        return (struct instant){ .now = sec * USEC_PER_SEC, .wall = WALL + sec * USEC_PER_SEC };
}

/* A token of five minutes, had at 0. */
static struct tokens fresh(void) {
        const struct instant now = at(0);
        struct tokens t;

        tokens_begin(&t, true, WALL + 300 * USEC_PER_SEC, &now);
        return t;
}

static bool renews(struct tokens *t, usec_t sec) {
        const struct instant now = at(sec);

        return tokens_renew(t, &now);
}

static bool holds(const struct tokens *t, usec_t sec) {
        const struct instant now = at(sec);

        return tokens_hold(t, &now);
}

Test(tokens, renewed_within_the_margin_and_once) {
        struct tokens t = fresh();

        cr_assert_not(renews(&t, 269));
        cr_assert_not(holds(&t, 269));
        cr_assert(renews(&t, 270));
        cr_assert(holds(&t, 270), "all that want to send wait");
        cr_assert_not(renews(&t, 271), "one at a time");
        cr_assert_eq(tokens_deadline(&t), USEC_NEVER, "nobody is woken");
}

Test(tokens, the_margin_of_a_short_life_is_short) {
        const struct instant now = at(0);
        struct tokens t;

        tokens_begin(&t, true, WALL + 20 * USEC_PER_SEC, &now);
        cr_assert_not(renews(&t, 17));
        cr_assert(renews(&t, 18));
}

/* It is used as long as it lasts; that one is over as soon as it is there brings no loop of renewals, whoever says so.
 */
Test(tokens, one_that_lasts_for_a_moment_is_not_renewed_at_once) {
        static const usec_t lives[] = { 1, USEC_PER_MSEC, USEC_PER_SEC / 2 };

        for (size_t i = 0; i < ARRAY_SIZE(lives); i++) {
                struct tokens t = fresh();
                unsigned n = 0;

                for (usec_t msec = 270000; msec < 330000; msec += 10) {
                        const struct instant now = { .now = msec * USEC_PER_MSEC,
                                                     .wall = WALL + msec * USEC_PER_MSEC };

                        (void) tokens_rejected(&t, now.now);
                        if (!tokens_renew(&t, &now))
                                continue;
                        n++;
                        tokens_renewed(&t, now.wall + lives[i], &now);
                        cr_assert_not(tokens_hold(&t, &now), "not used");
                        cr_assert_eq(tokens_deadline(&t), now.now + 5 * USEC_PER_SEC);
                }
                cr_assert_eq(n, 12);
        }
}

Test(tokens, without_an_end_only_a_401_renews) {
        const struct instant now = at(0);
        struct tokens t;

        tokens_begin(&t, true, 0, &now);
        cr_assert_not(renews(&t, 1000000));
        cr_assert(tokens_rejected(&t, at(1000000).now));
        cr_assert(renews(&t, 1000000));
}

Test(tokens, what_nothing_renews_is_left_alone) {
        const struct instant now = at(0);
        struct tokens t;

        tokens_begin(&t, false, WALL + 300 * USEC_PER_SEC, &now);
        cr_assert_not(tokens_rejected(&t, at(400).now), "the server's word stands");
        cr_assert_not(renews(&t, 400));
        cr_assert_not(holds(&t, 400));
}

Test(tokens, either_clock_says_that_it_is_over) {
        struct tokens t = fresh();
        struct instant now = at(10);

        now.wall = WALL + 400 * USEC_PER_SEC; /* set forward */
        cr_assert(tokens_renew(&t, &now));
        t = fresh();
        now = at(280);
        now.wall = WALL - USEC_PER_HOUR; /* set back */
        cr_assert(tokens_renew(&t, &now));
}

Test(tokens, a_failure_is_repeated_within_15_seconds_and_then_more_rarely) {
        struct tokens t = fresh();
        usec_t last;

        cr_assert(tokens_rejected(&t, at(100).now));
        cr_assert(renews(&t, 100));
        tokens_failed(&t, USEC_NEVER, at(100).now, UINT32_MAX);
        cr_assert(holds(&t, 100));
        cr_assert_leq(tokens_deadline(&t), at(103).now);
        cr_assert(renews(&t, 103));
        tokens_failed(&t, USEC_NEVER, at(103).now, UINT32_MAX);
        cr_assert_leq(tokens_deadline(&t), at(108).now);
        for (int i = 0; i < 20; i++) {
                usec_t now = 1000 * (usec_t) (i + 1);

                cr_assert(renews(&t, now));
                tokens_failed(&t, USEC_NEVER, at(now).now, 0);
        }
        last = tokens_deadline(&t);
        cr_assert_geq(last, at(20100).now);
        cr_assert_leq(last, at(20300).now);
}

Test(tokens, a_server_that_asks_to_wait_is_waited_for) {
        struct tokens t = fresh();

        cr_assert(renews(&t, 280));
        tokens_failed(&t, 60 * USEC_PER_SEC, at(280).now, 0);
        cr_assert_eq(tokens_deadline(&t), at(340).now);
        cr_assert_not(holds(&t, 290), "what is left serves");
        cr_assert(holds(&t, 300));
}

Test(tokens, refused_for_good_is_the_servers_word_until_it_is_tried_again) {
        struct tokens t = fresh();

        cr_assert(tokens_rejected(&t, at(100).now));
        cr_assert(renews(&t, 100));
        tokens_refused(&t, at(100).now);
        cr_assert_not(holds(&t, 100));
        cr_assert_not(tokens_rejected(&t, at(101).now), "now it has ended");
        cr_assert_not(renews(&t, 101));
        cr_assert_not(tokens_rejected(&t, at(399).now));
        cr_assert(tokens_rejected(&t, at(400).now), "no state is final: each time that the server is asked at last");
        cr_assert(renews(&t, 400));
        tokens_refused(&t, at(400).now);
        tokens_retry(&t);
        cr_assert(tokens_rejected(&t, at(401).now), "a person asks");
        cr_assert(renews(&t, 401));
}

/* Whoever has taken the token again may have forgotten it for a moment only, and would renew it now. */
Test(tokens, what_was_refused_is_tried_again_once_the_token_was_taken) {
        struct tokens t = fresh();

        tokens_worked(&t);
        cr_assert(tokens_rejected(&t, at(100).now));
        cr_assert(renews(&t, 100));
        tokens_worked(&t);
        cr_assert_not(renews(&t, 100), "one is under way");
        tokens_refused(&t, at(100).now);
        cr_assert_not(tokens_rejected(&t, at(101).now));
        tokens_worked(&t);
        cr_assert_not(renews(&t, 102), "it is good as long as it is taken");
        cr_assert(tokens_rejected(&t, at(103).now));
        cr_assert(renews(&t, 103));
}

/* Some servers refuse one request so, and take all others: no new token changes that. */
Test(tokens, a_401_to_a_fresh_token_is_the_servers_word) {
        struct tokens t = fresh();
        const struct instant now = at(100);

        cr_assert(tokens_rejected(&t, now.now));
        cr_assert(renews(&t, 100));
        tokens_renewed(&t, WALL + 400 * USEC_PER_SEC, &now);
        cr_assert_not(tokens_rejected(&t, at(101).now));
        cr_assert_not(tokens_rejected(&t, at(159).now));
        cr_assert_not(renews(&t, 159));
        cr_assert(tokens_rejected(&t, at(160).now));
        cr_assert(renews(&t, 160));
}

Test(tokens, what_somebody_else_renews_is_waited_for_a_moment) {
        struct tokens t = fresh();

        cr_assert(renews(&t, 290));
        tokens_taken(&t, at(290).now);
        cr_assert_eq(tokens_deadline(&t), at(290).now + TOKENS_BUSY_WAIT);
}

/* ---- answers ---- */

static const struct {
        const char *what;
        bool oauth;
        int error;
        long status;
        const char *body;
        enum renew_outcome outcome;
        const char *refresh;
        usec_t lives;
} answers[] = {
        { "Synapse", false, 0, 200, "{\"access_token\":\"A\",\"refresh_token\":\"R\",\"expires_in_ms\":300000}",
          RENEW_DONE, "R", 300 * USEC_PER_SEC },
        { "MAS", true, 0, 200,
          "{\"access_token\":\"A\",\"token_type\":\"bearer\",\"expires_in\":300,\"refresh_token\":\"R\"}", RENEW_DONE,
          "R", 300 * USEC_PER_SEC },
        { "without an end", true, 0, 200, "{\"access_token\":\"A\",\"refresh_token\":\"R\"}", RENEW_DONE, "R", 0 },
        { "the old one stands", true, 0, 200, "{\"access_token\":\"A\",\"expires_in\":60}", RENEW_DONE, "old",
          60 * USEC_PER_SEC },
        { "an absurd end", true, 0, 200, "{\"access_token\":\"A\",\"expires_in\":9223372036854775807}", RENEW_DONE,
          "old", 0 },
        { "an end in the past", true, 0, 200, "{\"access_token\":\"A\",\"expires_in\":-5}", RENEW_DONE, "old", 0 },
        { "no token", true, 0, 200, "{\"token_type\":\"bearer\"}", RENEW_FAILED, NULL, 0 },
        { "an empty token", false, 0, 200, "{\"access_token\":\"\"}", RENEW_FAILED, NULL, 0 },
        { "a web page", true, 0, 200, "<html>", RENEW_FAILED, NULL, 0 },
        { "Synapse, used", false, 0, 403, "{\"errcode\":\"M_FORBIDDEN\"}", RENEW_REFUSED, NULL, 0 },
        { "Synapse, after logout", false, 0, 401, "{\"errcode\":\"M_UNKNOWN_TOKEN\"}", RENEW_REFUSED, NULL, 0 },
        { "a locked account", false, 0, 401, "{\"errcode\":\"M_USER_LOCKED\"}", RENEW_FAILED, NULL, 0 },
        { "a proxy's 403", false, 0, 403, "<html>", RENEW_FAILED, NULL, 0 },
        { "a proxy's 401", true, 0, 401, "", RENEW_FAILED, NULL, 0 },
        { "MAS, over", true, 0, 400, "{\"error\":\"invalid_grant\"}", RENEW_REFUSED, NULL, 0 },
        { "the client is forgotten", true, 0, 401, "{\"error\":\"invalid_client\"}", RENEW_REFUSED, NULL, 0 },
        { "not for this client", true, 0, 400, "{\"error\":\"unauthorized_client\"}", RENEW_REFUSED, NULL, 0 },
        { "our mistake", true, 0, 400, "{\"error\":\"invalid_request\"}", RENEW_FAILED, NULL, 0 },
        { "Tuwunel is asked too often", true, 0, 429, "{\"error\":\"slow_down\"}", RENEW_FAILED, NULL, 0 },
        { "trouble, in the right words", true, 0, 500, "{\"error\":\"invalid_grant\"}", RENEW_FAILED, NULL, 0 },
        { "Synapse cannot reach MAS", false, 0, 503, "{\"errcode\":\"M_UNKNOWN\"}", RENEW_FAILED, NULL, 0 },
        { "a timeout", true, 0, 408, "{\"error\":\"invalid_grant\"}", RENEW_FAILED, NULL, 0 },
        { "the connection is cut", true, -ECONNRESET, 0, "", RENEW_FAILED, NULL, 0 },
};

Test(tokens, what_an_answer_means) {
        for (size_t i = 0; i < ARRAY_SIZE(answers); i++) {
                const struct http_reply http = { .error = answers[i].error,
                                                 .sent = true,
                                                 .problem = "connection reset",
                                                 .status = answers[i].status,
                                                 .body = answers[i].body,
                                                 .size = strlen(answers[i].body),
                                                 .retry_after = USEC_NEVER,
                                                 .now = USEC_PER_SEC,
                                                 .wall = WALL };
                struct renew_answer a;
                json_t *body;

                renew_read(&a, &http, answers[i].oauth, "old", &body);
                cr_expect_eq(a.outcome, answers[i].outcome, "%s", answers[i].what);
                cr_expect_eq(a.problem[0] == '\0', a.outcome == RENEW_DONE, "%s", answers[i].what);
                if (a.outcome == RENEW_DONE) {
                        cr_expect_str_eq(a.pair.access_token, "A", "%s", answers[i].what);
                        cr_expect_str_eq(a.pair.refresh_token, answers[i].refresh, "%s", answers[i].what);
                        cr_expect_eq(a.pair.expires_wall, answers[i].lives ? WALL + answers[i].lives : 0, "%s",
                                     answers[i].what);
                }
                renew_body_free(body);
        }
}
