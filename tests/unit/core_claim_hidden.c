/* The claim machine, one scene a test: words of others that a write of ours hides, where each device has its own. */
#include "core_claim.h"

/* What takes our device's away is lost on the way back, and shows them no more. The call that begins then finds none.
 */
static void leave_and_lose(void) {
        struct claim_traits traits = per_device;

        traits.text_per_device = true;
        traits.pushed = false;
        begin(&traits, "offline", "Lunch");
        want("busy", NULL);
        run_for(10 * SEC);
        expect_phase(CLAIM_HELD);
        set_shown("busy", "In the garden");
        claim_set_want(&claim, NULL);
        (void) run_to_write();
        set_shown("offline", "");
        claim_on_failure(&claim, CLAIM_FAILED_UNSURE, USEC_NEVER, now, 500);
}

Test(core_claim_hidden, words_that_a_lost_way_back_has_hidden_come_back_after_the_next_call) {
        static const char *const in_the_next[] = { "", "Back at two" };

        for (unsigned i = 0; i < ARRAY_SIZE(in_the_next); i++) {
                leave_and_lose();
                want("busy", NULL);
                run_for(10 * USEC_PER_MIN);
                expect_phase(CLAIM_HELD);
                set_shown("busy", in_the_next[i]);
                push();
                claim_set_want(&claim, NULL);
                run_for(10 * SEC);
                expect_phase(CLAIM_FREE);
                expect_shown("offline", in_the_next[i][0] ? in_the_next[i] : "In the garden");
        }
}

/* ... also where that has words of its own, which cover none. */
Test(core_claim_hidden, and_after_one_with_a_message) {
        leave_and_lose();
        want("busy", "In a call");
        run_for(10 * USEC_PER_MIN);
        expect_phase(CLAIM_HELD);
        expect_shown("busy", "In a call");
        claim_set_want(&claim, NULL);
        run_for(10 * SEC);
        expect_phase(CLAIM_FREE);
        expect_shown("offline", "In the garden");
}
