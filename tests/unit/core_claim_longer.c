/* Values that stand in for longer ones, which a later run could not put back. */
#include "core_claim.h"

static bool stands_in(const struct claim_value *v) {
        return v->text[0] == '+';
}

static struct claim_traits longer(const struct claim_traits *traits) {
        struct claim_traits t = *traits;

        t.stands_in = stands_in;
        return t;
}

/* Whoever pushes it need not say why nothing is done: it is read. */
Test(core_claim_longer, nothing_begins_over_it) {
        const struct claim_traits traits[] = { longer(&per_device), longer(&text_per_device), longer(&single_value) };

        for (size_t i = 0; i < ARRAY_SIZE(traits); i++) {
                begin(&traits[i], "online", "+");
                push();
                want("busy", "In a call");
                (void) expect_step(CLAIM_READ);
                claim_on_read(&claim, &shown, now, 0);
                (void) expect_step(CLAIM_NOTHING);
                cr_assert_eq(claim_phase(&claim), CLAIM_REFUSED);
                cr_assert_null(claim_owed(&claim));
                claim_set_want(&claim, NULL);
                cr_assert_eq(claim_phase(&claim), CLAIM_FREE);
        }
}

/* ... also if it came when all was ready for the first write. */
Test(core_claim_longer, nothing_is_written_over_what_has_come_before_the_first_write) {
        const struct claim_traits traits = longer(&single_value);

        begin(&traits, "online", "Reading");
        push();
        want("busy", "In a call");
        (void) expect_step(CLAIM_JOURNAL);
        claim_on_journalled(&claim);
        push_shown("online", "+");
        (void) expect_step(CLAIM_READ);
        claim_on_read(&claim, &shown, now, 0);
        (void) expect_step(CLAIM_NOTHING);
        cr_assert_eq(claim_phase(&claim), CLAIM_REFUSED);
        claim_set_want(&claim, NULL);
        (void) expect_step(CLAIM_FORGET);
        claim_on_forgotten(&claim);
        cr_assert_eq(claim_phase(&claim), CLAIM_FREE);
}

Test(core_claim_longer, it_is_not_put_on_disk_ahead_of_a_call) {
        const struct claim_traits traits = longer(&per_device);
        struct claim_want w = { .value = value("busy", "In a call"), .state_claimed = true, .text_claimed = true };

        begin(&traits, "online", "+");
        push();
        claim_expect(&claim, &w);
        (void) expect_step(CLAIM_NOTHING);
        push_shown("online", "Reading");
        (void) expect_step(CLAIM_JOURNAL);
}
