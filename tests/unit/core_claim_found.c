/* What a claim has found before its first write, when our own words come to stand there in the meantime. */
#include "core_claim.h"

static unsigned order_told(void) {
        struct claim_other own;

        cr_assert(claim_tell_others(&claim, &own));
        return own.owed.order;
}

/* One that could not tell of its claim begins before the first write of ours, which has found what was there already.
 * What a person has written since, and it alone has found, it tells in the end. */
Test(core_claim_found, what_was_there_before_another_machine_said_our_words_is_put_back) {
        static const struct claim_traits *const traits[] = { &single_value, &per_device, &text_per_device };
        static const struct row {
                const char *what, *want, *shown;
                int told; /* of the other machine: after so many times ten seconds */
                const char *state, *text;
        } rows[] = {
                { "words alone", NULL, "unavailable", -1, "unavailable", "Lunch" },
                { "words beside a state that is not ours", "busy", "unavailable", -1, "unavailable", "Lunch" },
                { "both", "busy", "busy", -1, "online", "Lunch" },
                { "it is told at once what was before them", "busy", "busy", 0, "online", "New" },
                { "... or later", "busy", "busy", 1, "online", "New" },
        };

        for (size_t i = 0; i < ARRAY_SIZE(rows) * ARRAY_SIZE(traits); i++) {
                const struct row *row = &rows[i % ARRAY_SIZE(rows)];
                const struct claim_traits *t = traits[i / ARRAY_SIZE(rows)];
                struct claim_other other = machine(1, "online", "New", "busy", "In a call");

                begin(t, "online", "Lunch");
                push();
                want(row->want, "In a call");
                (void) run_to_write();
                cr_assert_neq(order_told(), 0, "%s", row->what);
                claim_on_failure(&claim, CLAIM_FAILED_NOT_APPLIED, USEC_NEVER, now, 500);
                push_shown(row->shown, "In a call");
                for (int after = 0; after < 2; after++) {
                        if (after == row->told) {
                                told_live(&other);
                                told_done(&other);
                        }
                        run_for(10 * SEC);
                        expect_phase(CLAIM_HELD);
                }
                cr_expect_eq(order_told(), 0, "%s", row->what);
                claim_set_want(&claim, NULL);
                run_for(2 * USEC_PER_MIN);
                expect_phase(CLAIM_FREE);
                cr_expect(streq(shown.state, t->per_device ? "offline" : row->state) && streq(shown.text, row->text),
                          "%s: '%s' '%s'", row->what, shown.state, shown.text);
                claim_done(&claim);
        }
}
