/* The claim machine, one scene a test: words of others that a write of ours hides, or that go with one,
 * where each device has its own. */
#include "core_claim.h"

/* The answer to a write is lost, behind which this shows. */
static void lose(const char *state, const char *text) {
        (void) run_to_write();
        set_shown(state, text);
        claim_on_failure(&claim, CLAIM_FAILED_UNSURE, USEC_NEVER, now, 500);
}

/* What takes our device's away is lost on the way back, and shows them no more. The call that begins then finds none.
 */
static void leave_and_lose(void) {
        begin(&text_per_device, "offline", "Lunch");
        want("busy", NULL);
        run_for(10 * SEC);
        expect_phase(CLAIM_HELD);
        set_shown("busy", "In the garden");
        claim_set_want(&claim, NULL);
        lose("offline", "");
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
        begin(&text_per_device, "online", words);
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

/* ---- words that go with a write ---- */

/* Acknowledged, and not there. */
Test(core_claim_hidden, words_that_should_be_back_and_do_not_show_are_written_again) {
        begin(&text_per_device, "offline", "Lunch");
        enter("busy", "In a call");
        claim_set_want(&claim, NULL);
        (void) run_to_write();
        set_shown("offline", "");
        claim_on_written(&claim, now);
        run_for(USEC_PER_MIN);
        expect_phase(CLAIM_FREE);
        expect_shown("offline", "Lunch");
}

/* The server works out what shows with each write, and words of a device that was silent for long do not count then.
 */
Test(core_claim_hidden, words_that_go_with_a_late_write_come_back) {
        for (unsigned claimed = 0; claimed < 2; claimed++)
                for (unsigned killed = 0; killed < 2; killed++) {
                        begin(&text_per_device, "offline", "Lunch");
                        enter("busy", claimed ? "In a call" : NULL);
                        claim_set_want(&claim, NULL);
                        lose("busy", claimed ? "In a call" : "Lunch");
                        run_for(20 * SEC);
                        expect_phase(CLAIM_FREE);
                        expect_shown("offline", "Lunch");
                        cr_expect(on_disk);
                        set_shown("offline", "");
                        if (killed)
                                restart(&text_per_device);
                        run_for(2 * CLAIM_LANDS_WITHIN);
                        expect_phase(CLAIM_FREE);
                        expect_shown("offline", "Lunch");
                        cr_expect_not(on_disk);
                }
}

Test(core_claim_hidden, words_that_are_not_ours_and_go_with_a_lost_write_come_back) {
        begin(&text_per_device, "offline", "Lunch");
        enter("busy", NULL);
        claim_set_want(&claim, NULL);
        lose("offline", "");
        run_for(USEC_PER_MIN);
        expect_shown("offline", "Lunch");

        begin(&text_per_device, "offline", "");
        want("busy", "In a call");
        run_for(10 * SEC);
        set_shown("busy", "Lunch");
        claim_on_doubt(&claim, /* released= */ false, now);
        lose("offline", "");
        expect_phase(CLAIM_YIELDED);
        push();
        claim_on_unsure(&claim);
        expect_given_back(2 * CLAIM_LANDS_WITHIN, "offline", "Lunch");
}

/* A page in place of the answers, as in a train: that is asked by and by, not again and again. */
Test(core_claim_hidden, a_look_for_what_may_still_come_back_that_fails_is_not_repeated_at_once) {
        unsigned n = 0;

        begin(&text_per_device, "offline", "Lunch");
        enter("busy", "In a call");
        restart(&text_per_device);
        run_for(5 * SEC);
        expect_phase(CLAIM_FREE);
        cr_assert(on_disk, "words may come back");
        for (usec_t end = now + USEC_PER_MIN; now < end; now += SEC / 10) {
                struct claim_request r = decide();

                if (r.step != CLAIM_READ) {
                        carry_out(&r);
                        continue;
                }
                n++;
                claim_on_failure(&claim, CLAIM_FAILED_UNSURE, USEC_NEVER, now, 500);
        }
        cr_assert(n > 0 && n < 10, "%u times a minute", n);
}

/* Where each device has words of its own, none at all show once ours are away and the others' have been silent. */
Test(core_claim_hidden, words_that_half_a_give_back_has_taken_away_come_back) {
        hold(&text_per_device, "offline", "Lunch");
        claim_set_want(&claim, NULL);
        lose("offline", "");
        run_for(5 * USEC_PER_MIN);
        expect_phase(CLAIM_FREE);
        expect_shown("offline", "Lunch");
}

/* Likewise where the claim has only repeated them, and the run that took them away has died. */
Test(core_claim_hidden, repeated_words_that_an_earlier_run_has_half_given_back_come_back) {
        begin(&text_per_device, "offline", "Lunch");
        want("busy", NULL);
        run_for(10 * SEC);
        expect_shown("busy", "Lunch");
        claim_set_want(&claim, NULL);
        (void) run_to_write();
        set_shown("offline", "");
        restart(&text_per_device);
        run_for(5 * USEC_PER_MIN);
        expect_phase(CLAIM_FREE);
        expect_shown("offline", "Lunch");
}

/* Where each device has words of its own: a machine that has left all to us took its own away, and has begun again. */
Test(core_claim_hidden, words_found_by_ourselves_are_not_forgotten_for_none) {
        struct claim_other other = machine(2, "offline", "", "busy", "In a call");
        struct claim_traits traits = text_per_device;

        traits.pushed = true;
        other.live = true;
        hold(&traits, "offline", "Lunch");
        told_by(other, other);
        other.live = false;
        other.done = true;
        set_shown("offline", "");
        told_by(other, other);
        expect_given_back(5 * USEC_PER_MIN, "offline", "Lunch");
}

static void yield_to_new(void) {
        begin(&text_per_device, "online", "Lunch");
        enter("busy", "In a call");
        set_shown("busy", "New");
        claim_on_doubt(&claim, false, now);
        for (unsigned i = 0; i < 20 && claim_phase(&claim) != CLAIM_YIELDED; i++) {
                struct claim_request r = decide();

                carry_out(&r);
                now += r.step == CLAIM_NOTHING ? SEC : 0;
        }
        expect_phase(CLAIM_YIELDED);
}

/* It dies between the word that its own are not claimed any more and what takes them away, and the poll that was under
 * way hides the person's behind them: nobody else knows these any more. */
Test(core_claim_hidden, own_words_that_are_not_claimed_any_more_are_nobodys) {
        yield_to_new();
        expect_step(CLAIM_JOURNAL);
        answer_journal();
        cr_assert_not(disk.text_claimed);
        set_shown("offline", "In a call");
        restart(&text_per_device);
        run_for(5 * USEC_PER_MIN);
        expect_phase(CLAIM_FREE);
        expect_shown("offline", "New");
}

/* ... nor what the person has written after that. */
Test(core_claim_hidden, the_last_word_of_a_person_outlives_a_crash) {
        yield_to_new();
        run_for(SEC);
        push_shown("busy", "Newer");
        run_for(SEC);
        set_shown("offline", "");
        restart(&text_per_device);
        run_for(5 * USEC_PER_MIN);
        expect_phase(CLAIM_FREE);
        expect_shown("offline", "Newer");
}

/* Another device was heard of last, before ours was seen for the first time: the state beside its words is ours. */
Test(core_claim_hidden, the_words_of_before_that_show_beside_our_state_are_another_devices) {
        begin(&text_per_device, "unavailable", "Lunch");
        want("busy", "In a call");
        (void) run_to_write();
        claim_on_written(&claim, now);
        set_shown("busy", "Lunch");
        run_for(60 * SEC);
        expect_phase(CLAIM_HELD);
        expect_shown("busy", "In a call");
}

/* ... and without it nothing shows that the server has taken anything. */
Test(core_claim_hidden, the_words_of_before_beside_another_state_are_no_effect) {
        begin(&text_per_device, "unavailable", "Lunch");
        want("busy", "In a call");
        (void) run_to_write();
        claim_on_written(&claim, now);
        set_shown("online", "Lunch");
        run_for(60 * SEC);
        expect_phase(CLAIM_NO_EFFECT);
}

/* What gives back has taken away what showed on no device any more, and has not seen that yet. */
Test(core_claim_hidden, words_that_another_machine_has_just_taken_away_are_owed_back) {
        static const struct row {
                const char *shows, *found, *owed;
                bool live, done, by_user;
        } rows[] = {
                { "", "Lunch", "Lunch", false, false, false }, { "New", "Lunch", "New", false, false, false },
                { "", "Lunch", "", true, false, false },       { "", "Lunch", "", false, true, false },
                { "", "", "", false, false, false },           { "", "In a call", "Old", false, false, false },
                { "", "Lunch", "", false, false, true },
        };

        for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
                struct claim_other other = machine(2, "offline", rows[i].found, "busy", "In a call");
                struct claim_other former = machine(1, "offline", "Old", "busy", "In a call");

                other.live = rows[i].live;
                other.done = rows[i].done;
                former.live = rows[i].live;
                former.done = rows[i].done;
                begin(rows[i].by_user ? &per_device : &text_per_device, "offline", rows[i].shows);
                told_by(other, former);
                want("busy", "Busy");
                run_for(10 * SEC);
                cr_assert_str_eq(claim.debt.is.prior.text, rows[i].owed, "%zu: %s", i, claim.debt.is.prior.text);
                claim_done(&claim);
        }
}
