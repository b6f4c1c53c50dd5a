/* The claim machine, one scene a test: the entry that is kept for a late write, once all was given back. */
#include "core_claim.h"

/* An earlier run died before it wrote, and this one adds a message. */
static void begin_to_grow(void) {
        begin_after_state();
        want("busy", "In a call");
        (void) run_to_write();
}

/* Everything works, up to the entry that is kept. */
static void run_to_keep(void) {
        struct claim_request r;

        for (r = decide(); r.step != CLAIM_JOURNAL || !claim_entry(&claim)->given_back; r = decide()) {
                cr_assert(claim_owed(&claim), "nothing is kept");
                carry_out(&r);
                if (r.step == CLAIM_NOTHING)
                        now = r.wake_at;
        }
}

static void expect_persons(void) {
        run_for(2 * CLAIM_LANDS_WITHIN);
        expect_phase(CLAIM_FREE);
        expect_shown("busy", "Lunch");
        cr_expect_not(on_disk);
}

Test(core_claim_kept, the_busy_of_a_person_stays_where_the_disk_fails_to_keep_it) {
        for (unsigned lost = 0; lost < 2; lost++) {
                begin_to_grow();
                if (lost)
                        claim_on_failure(&claim, CLAIM_FAILED_UNSURE, USEC_NEVER, now, 500);
                else
                        claim_on_written(&claim, now);
                claim_set_want(&claim, NULL);
                push_shown("busy", "Lunch");
                run_to_keep();
                claim_on_failure(&claim, CLAIM_FAILED_NOT_APPLIED, USEC_NEVER, now, 500);
                expect_persons();
        }
}

Test(core_claim_kept, the_busy_of_a_person_stays_after_a_restart) {
        for (unsigned called = 0; called < 2; called++) {
                begin_to_grow();
                claim_on_written(&claim, now);
                claim_set_want(&claim, NULL);
                push_shown("busy", "Lunch");
                run_to_keep();
                answer_journal();
                restart(&single_value);
                if (called)
                        want("busy", "In a call");
                push();
                run_for(10 * SEC);
                if (called)
                        expect_phase(CLAIM_YIELDED);
                expect_shown("busy", "Lunch");
                claim_set_want(&claim, NULL);
                expect_persons();
        }
}

/* It repeats the words of before, where a person has others meanwhile. */
Test(core_claim_kept, a_late_state_from_before_a_message_came_does_not_stay) {
        for (unsigned killed = 0; killed < 2; killed++) {
                begin_to_grow();
                shown = value("busy", "In a call");
                claim_on_written(&claim, now);
                claim_set_want(&claim, NULL);
                push_shown("online", "Lunch");
                run_to_keep();
                answer_journal();
                if (killed)
                        restart(&single_value);
                push_shown("busy", "Working");
                run_for(2 * CLAIM_LANDS_WITHIN);
                expect_phase(CLAIM_FREE);
                expect_shown("online", "Working");
                cr_expect_not(on_disk);
        }
}
