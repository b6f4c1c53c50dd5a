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

/* A call whose last write was lost, and may land after what takes our device's words away. */
static void hold_and_lose(const char *words) {
        struct claim_traits traits = per_device;

        traits.text_per_device = true;
        traits.pushed = false;
        begin(&traits, "online", words);
        enter("busy", "In a call");
        claim_on_erased(&claim);
        set_shown("online", "In a call");
        (void) run_to_write();
        claim_on_failure(&claim, CLAIM_FAILED_UNSURE, USEC_NEVER, now, 500);
}

static void expect_taken_away_again(unsigned before) {
        cr_expect_eq(writes, before + 1, "%u instead of %u", writes, before + 1);
        expect_shown("offline", "In the garden");
        run_for(60 * USEC_PER_MIN);
        expect_phase(CLAIM_FREE);
        cr_expect_not(on_disk);
        cr_expect_eq(writes, before + 1, "%u instead of %u", writes, before + 1);
}

/* Words that show say nothing about ours, which come up with our next poll. */
Test(core_claim_hidden, what_landed_behind_words_that_another_machine_has_put_back_is_taken_away) {
        struct claim_other other = machine(1, "online", "In the garden", "busy", "In a call");
        unsigned before;

        hold_and_lose("In the garden");
        told_live(&other);
        claim_set_want(&claim, NULL);
        (void) run_to_write();
        set_shown("busy", "In a call");
        claim_on_written(&claim, now);
        run_for(2 * USEC_PER_MIN);
        expect_phase(CLAIM_SHARED);
        before = writes;
        set_shown("online", "In the garden");
        told_done(&other);
        run_for(10 * SEC);
        expect_phase(CLAIM_FREE);
        expect_taken_away_again(before);
}

Test(core_claim_hidden, so_is_what_landed_behind_anybody_elses) {
        unsigned before;

        hold_and_lose("In the garden");
        claim_set_want(&claim, NULL);
        run_for(10 * SEC);
        expect_phase(CLAIM_FREE);
        expect_shown("offline", "In the garden");
        before = writes;
        set_shown("online", "In the garden");
        run_for(CLAIM_LANDS_WITHIN + 20 * SEC);
        expect_taken_away_again(before);
}

/* ... as it is where it landed before what took ours away was looked at. */
Test(core_claim_hidden, what_landed_before_the_look_is_taken_away) {
        unsigned before;

        hold_and_lose("In the garden");
        claim_set_want(&claim, NULL);
        (void) run_to_write();
        set_shown("online", "In the garden");
        claim_on_written(&claim, now);
        before = writes;
        now += 2 * CLAIM_LANDS_WITHIN;
        run_for(10 * SEC);
        expect_phase(CLAIM_FREE);
        expect_taken_away_again(before);
}

/* ... while no words at all hide none. */
Test(core_claim_hidden, nothing_is_taken_away_again_where_no_words_show) {
        static const usec_t slept[] = { 0, 2 * CLAIM_LANDS_WITHIN };

        for (unsigned i = 0; i < ARRAY_SIZE(slept); i++) {
                unsigned before;

                hold_and_lose("");
                claim_set_want(&claim, NULL);
                (void) run_to_write();
                set_shown("online", "");
                claim_on_written(&claim, now);
                before = writes;
                now += slept[i];
                run_for(5 * USEC_PER_MIN);
                expect_phase(CLAIM_FREE);
                cr_expect_not(on_disk);
                cr_expect_eq(writes, before);
        }
}
