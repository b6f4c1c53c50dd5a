/* What a browser brings back to this machine: what counts, what does not, and what the user is told. */
#include <criterion/criterion.h>

#include "matrix/client/pkce.h"
#include "matrix/client/trip.h"

/* RFC 7636, appendix B. */
Test(trip, proof_key) {
        char challenge[SECRET_WORD_SIZE];

        cr_assert_eq(pkce_challenge("dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk", challenge), 0);
        cr_assert_str_eq(challenge, "E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM");
}

Test(trip, words_differ_and_stand_in_addresses) {
        char one[SECRET_WORD_SIZE], other[SECRET_WORD_SIZE];

        cr_assert(secret_word(one) == 0 && secret_word(other) == 0);
        cr_assert_str_neq(one, other);
        cr_assert_eq(strlen(one), SECRET_WORD_SIZE - 1);
        cr_assert_eq(one[strspn(one, "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_")], '\0', "%s",
                     one);
}

/* What a request has in its query; NULL: not there. */
struct request {
        const char *state, *code, *error, *iss, *token;
};

static const char *value(void *request, const char *name) {
        const struct request *r = request;

        return streq(name, "state")        ? r->state
               : streq(name, "code")       ? r->code
               : streq(name, "error")      ? r->error
               : streq(name, "iss")        ? r->iss
               : streq(name, "loginToken") ? r->token
                                           : NULL;
}

#define ISSUER "https://id.test/"
#define OURS   "(the word of this trip)"

static const struct row {
        const char *what;
        struct request request;
        enum trip_answer answer;
        const char *says; /* NULL: the code is brought */
} rows[] = {
        { "a code", { .state = OURS, .code = "c0de", .iss = ISSUER }, TRIP_BACK, NULL },
        { "by one that does not say who it is", { .state = OURS, .code = "c0de" }, TRIP_BACK, NULL },
        { "another word", { .state = "x", .code = "c0de" }, TRIP_STRANGE, "" },
        { "no word", { .code = "c0de" }, TRIP_STRANGE, "" },
        { "neither code nor error", { .state = OURS }, TRIP_STRANGE, "" },
        { "an empty code", { .state = OURS, .code = "" }, TRIP_STRANGE, "" },
        { "another word with an error", { .state = "x", .error = "access_denied" }, TRIP_STRANGE, "" },
        { "refused by the user",
          { .state = OURS, .error = "access_denied" },
          TRIP_REFUSED,
          "was refused in the browser" },
        { "refused by the server",
          { .state = OURS, .error = "server_error" },
          TRIP_REFUSED,
          "has ended the login (server_error)" },
        { "with an error that is no word",
          { .state = OURS, .error = "<b>\033[31m" },
          TRIP_REFUSED,
          "has ended the login: try" },
        { "by another login server",
          { .state = OURS, .code = "c0de", .iss = "https://evil.test/" },
          TRIP_REFUSED,
          "another login server" },
        { "with a login token", { .state = OURS, .token = "t" }, TRIP_STRANGE, "" },
};

Test(trip, what_comes_back_with_a_code) {
        for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
                const struct row *row = &rows[i];
                SCOPED(trip_free) struct trip *t = NULL;
                struct request request = row->request, again = { .code = "other" };
                const char *problem, *brought;

                cr_assert_eq(trip_new(&t, TRIP_CODE, ISSUER), 0);
                cr_assert_str_eq(trip_path(t), "/done");
                if (request.state && streq(request.state, OURS))
                        request.state = trip_state(t);
                cr_assert_eq(trip_take(t, value, &request), TRIP_STRANGE, "%s: before anything was asked", row->what);
                cr_assert_eq(trip_set_origin(t, "http://127.0.0.1:7"), 0);
                cr_assert_str_eq(trip_redirect(t), "http://127.0.0.1:7/done");
                cr_assert_eq(trip_take(t, value, &request), row->answer, "%s", row->what);
                brought = trip_brought(t, &problem);
                cr_assert_eq(brought != NULL, !row->says, "%s", row->what);
                cr_assert(!brought || streq(brought, "c0de"), "%s", row->what);
                cr_assert(!row->says || strstr(problem, row->says), "%s: %s", row->what, problem);
                /* Only one is taken. */
                again.state = trip_state(t);
                cr_assert_eq(trip_take(t, value, &again), row->answer == TRIP_STRANGE ? TRIP_BACK : TRIP_STRANGE, "%s",
                             row->what);
        }
}

Test(trip, a_login_token_comes_to_an_address_that_nobody_guesses) {
        SCOPED(trip_free) struct trip *t = NULL;
        struct request nothing = { .code = "c" }, token = { .token = "t0ken" };
        const char *problem;

        cr_assert_eq(trip_new(&t, TRIP_TOKEN, NULL), 0);
        cr_assert_eq(trip_set_origin(t, "http://127.0.0.1:7"), 0);
        cr_assert_eq(strlen(trip_path(t)), SECRET_WORD_SIZE);
        cr_assert_eq(trip_take(t, value, &nothing), TRIP_STRANGE);
        cr_assert_eq(trip_take(t, value, &token), TRIP_BACK);
        cr_assert_str_eq(trip_brought(t, &problem), "t0ken");
        cr_assert_eq(trip_take(t, value, &token), TRIP_STRANGE);
}

Test(trip, nobody_is_waited_for_without_end) {
        SCOPED(trip_free) struct trip *t = NULL;
        struct request request = { .code = "c" };
        usec_t now = 5 * USEC_PER_MIN, next;

        cr_assert_eq(trip_new(&t, TRIP_CODE, NULL), 0);
        cr_assert(trip_run(t, now, &next) == 0 && next == USEC_NEVER, "nobody has been sent yet");
        cr_assert_eq(trip_set_origin(t, "http://127.0.0.1:7"), 0);
        cr_assert(trip_run(t, now, &next) == 0 && next == now + TRIP_TIME_MAX);
        cr_assert_eq(trip_run(t, next, &next), 1);
        cr_assert(trip_run(t, now + TRIP_TIME_MAX, &next) == 0 && next == USEC_NEVER, "once");
        request.state = trip_state(t);
        cr_assert_eq(trip_set_origin(t, "http://127.0.0.1:7"), 0);
        cr_assert_eq(trip_take(t, value, &request), TRIP_BACK);
        cr_assert(trip_run(t, now + 2 * TRIP_TIME_MAX, &next) == 0 && next == USEC_NEVER, "who is back is not late");
}
