/* Answers read without memory: what is there is never taken for something else or for nothing. */
#include <errno.h>

#include "json/json.h"
#include "matrix/client/client.h"
#include "matrix/outputs/profile.h"
#include "scarce/scarce.h"

/* Each has something odd in it, which takes memory to mend. */
static const struct {
        long status;
        const char *body;
        enum matrix_outcome outcome;
} answers[] = {
        { 200, "{\"a\":1e999}", MATRIX_OK },
        { 401, "{\"errcode\":\"M_UNKNOWN_TOKEN\",\"a\":1e999}", MATRIX_SIGNED_OUT },
        { 404, "{\"errcode\":\"M_NOT_FOUND\",\"a\":1e999}", MATRIX_NOT_FOUND },
        { 404, "{\"errcode\":\"M_UNRECOGNIZED\",\"a\":1e999}", MATRIX_UNRECOGNIZED },
        { 200, "[1e999]", MATRIX_NOT_MATRIX },
};

Test(matrix_answers_scarce, an_answer_that_cannot_be_read_says_nothing) {
        for (size_t i = 0; i < ARRAY_SIZE(answers); i++) {
                struct http_reply http = { .status = answers[i].status,
                                           .body = answers[i].body,
                                           .size = strlen(answers[i].body),
                                           .retry_after = USEC_NEVER };

                for (struct scarce s = scarce(); scarce_again(&s);) {
                        struct matrix_reply reply;
                        char text[512];

                        scarce_begin(&s);
                        matrix_reply_read(&reply, &http, /* sync= */ false, text, sizeof(text));
                        scarce_end(&s);
                        cr_assert_eq(reply.outcome, s.refused > 0 ? MATRIX_UNSURE : answers[i].outcome,
                                     "%ld %s: %s, %s", answers[i].status, answers[i].body,
                                     matrix_outcome_to_string(reply.outcome), scarce_where(&s));
                        cr_assert(reply.problem[0] || reply.outcome == MATRIX_OK);
                        json_decref(reply.body);
                }
        }
}

Test(matrix_answers_scarce, a_profile_field_is_itself_or_unknown) {
        static const char value[] = "{\"call_joined_ts\":1790043461}",
                          text[] = "{\"field\":{\"call_joined_ts\":1790043461}}";
        SCOPED(json_decref) json_t *body = NULL;

        cr_assert_eq(json_parse(text, sizeof(text) - 1, &body), 0);
        for (struct scarce s = scarce(); scarce_again(&s);) {
                struct claim_value v = { .state = "as before" };
                struct stand_in longer = { 0 };
                int r;

                scarce_begin(&s);
                r = profile_value(&v, &longer, body, "field");
                scarce_end(&s);
                cr_assert_eq(r, s.refused > 0 ? -ENOMEM : 0, "%s: %s", scarce_where(&s), v.state);
                cr_assert_str_eq(v.state, r < 0 ? "as before" : value, "%s", scarce_where(&s));
                stand_in_done(&longer);
        }
}
