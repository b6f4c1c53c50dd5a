/* The claim machine, one scene a test: a busy that another session has caught, and what takes it from there. */
#include "core_claim.h"

static void hold_caught(bool curable) {
        struct claim_traits traits = per_device;

        traits.curable = curable;
        hold(&traits, "offline", "");
        caught = true;
}

/* Up to the look for what was given back. */
static void give_back(void) {
        claim_set_want(&claim, NULL);
        carry_out(&(struct claim_request){ .step = CLAIM_WRITE, .value = run_to_write() });
        writes = 0;
}

/* The state is also another machine's when it is pushed, and ours alone by the time that it is looked at. */
static void leave_with_another(bool curable) {
        struct claim_other other = machine(1, "offline", "", "busy", "In a call");

        hold_caught(curable);
        told_live(&other);
        other.live = false;
        told(&other);
        give_back();
        push();
        other.withdrawn = true;
        told(&other);
        now += CLAIM_VERIFY_AFTER;
        (void) expect_step(CLAIM_READ);
        answer_read();
        told_done(&other);
}

Test(core_claim_caught, two_machines_that_end_together_try_no_cure_where_there_is_none) {
        leave_with_another(/* curable= */ false);
        run_for(USEC_PER_MIN);
        expect_phase(CLAIM_STUCK);
        cr_expect_eq(writes, 0);
        cr_expect_not(on_disk);
}

/* What was pushed may be from before the other machine has taken its own away. */
Test(core_claim_caught, two_machines_that_end_together_look_before_they_cure) {
        leave_with_another(/* curable= */ true);
        caught = false;
        carry_out(&(struct claim_request){ .step = CLAIM_CURE, .value = expect_step(CLAIM_CURE) });
        run_for(USEC_PER_MIN);
        expect_phase(CLAIM_FREE);
        expect_shown("offline", "");
        cr_expect_eq(writes, 1);
        cr_expect_not(on_disk);
}

/* Between the look that calls for it and its next try. */
Test(core_claim_caught, a_cure_that_is_configured_no_more_is_not_tried_again) {
        hold_caught(/* curable= */ true);
        give_back();
        push();
        now += CLAIM_VERIFY_AFTER;
        (void) expect_step(CLAIM_READ);
        answer_read();
        (void) expect_step(CLAIM_CURE);
        claim_set_traits(&claim, &per_device);
        claim_on_failure(&claim, CLAIM_FAILED_NOT_APPLIED, USEC_NEVER, now, 500);
        run_for(USEC_PER_MIN);
        expect_phase(CLAIM_STUCK);
        cr_expect_eq(writes, 0);
        cr_expect_not(on_disk);
}
