/* Answers read without memory: what is there is never taken for something else or for nothing. */
#include <errno.h>

#include "json/json.h"
#include "matrix/outputs/profile.h"
#include "scarce/scarce.h"

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
