/* The claim machine, one scene a test: what it does while the user's other machines are not heard. */
#include "core_claim.h"

/* They alone know what was there before them. */
static void begin_deaf(const struct claim_traits *traits, const char *state, const char *text, const char *message) {
        begin(traits, state, text);
        claim_set_deaf(&claim, true);
        want("busy", message);
        run_for(10 * SEC);
        expect_phase(CLAIM_FOREIGN);
        cr_expect(claim_waits_to_hear(&claim));
        cr_expect_null(claim_owed(&claim));
}

Test(core_claim_deaf, who_hears_nothing_leaves_its_own_words_to_another_machine) {
        begin_deaf(&single_value, "unavailable", "In a call", "In a call");
        begin_deaf(&single_value, "busy", "In a call", "");
        begin_deaf(&per_device, "busy", "In a call", "In a call");
        expect_given_back(60 * SEC, "busy", "In a call");
        cr_expect_eq(writes, 0, "%u writes", writes);
}

Test(core_claim_deaf, who_hears_nothing_begins_once_that_is_gone) {
        begin_deaf(&single_value, "busy", "In a call", "In a call");
        run_for(5 * USEC_PER_MIN);
        expect_phase(CLAIM_FOREIGN);
        cr_expect(reads <= 17, "%u reads", reads);
        set_shown("online", "Lunch");
        run_for(CLAIM_LOOK_EVERY + 5 * SEC);
        expect_phase(CLAIM_HELD);
        expect_shown("busy", "In a call");
        expect_given_back(20 * SEC, "online", "Lunch");
}

/* What was told before that is long over. */
Test(core_claim_deaf, who_hears_nothing_believes_nothing_that_was_told) {
        struct claim_other before = machine(1, "online", "Lunch", "unavailable", "On the phone"),
                           none = machine(0, "", "", NULL, NULL), now_told = before;

        none.done = before.done = true;
        begin(&single_value, "unavailable", "On the phone");
        told_by(before, none);
        claim_set_deaf(&claim, true);
        want("busy", "In a call");
        run_for(10 * SEC);
        expect_phase(CLAIM_FOREIGN);
        claim_value_put_text(&now_told.owed.prior, "Reading");
        now_told.owed.order = 2;
        now_told.live = true;
        told_by(now_told, none);
        claim_set_deaf(&claim, false);
        run_for(10 * SEC);
        expect_phase(CLAIM_HELD);
        now_told.live = false;
        now_told.done = true;
        told_by(now_told, none);
        expect_given_back(30 * SEC, "online", "Reading");
}

/* A late write of its own explains them. */
Test(core_claim_deaf, who_hears_nothing_knows_its_own_late_write) {
        hold(&single_value, "online", "Working");
        claim_set_want(&claim, NULL);
        run_for(20 * SEC);
        want("busy", "In a call");
        (void) run_to_write();
        claim_on_failure(&claim, CLAIM_FAILED_UNSURE, USEC_NEVER, now, 500);
        claim_set_want(&claim, NULL);
        run_for(20 * SEC);
        expect_phase(CLAIM_FREE);
        claim_on_unsure(&claim);
        claim_set_deaf(&claim, true);
        set_shown("busy", "In a call");
        enter("busy", "In a call");
        expect_given_back(30 * SEC, "online", "Working");
}

/* What it was told last is old by then: the other one may have ended, and left all to this one. */
Test(core_claim_deaf, what_was_never_written_is_not_forgotten_before_other_machines_are_heard) {
        struct claim_other other = machine(1, "offline", "Lunch", "busy", "In a call"),
                           none = machine(0, "", "", NULL, NULL);

        none.done = other.live = true;
        begin(&single_value, "busy", "In a call");
        told_by(other, none);
        want("busy", "In a call");
        expect_step(CLAIM_READ);
        answer_read();
        expect_step(CLAIM_JOURNAL);
        answer_journal();
        claim_set_deaf(&claim, true);
        now += CLAIM_VIEW_LASTS;
        claim_set_want(&claim, NULL);
        run_for(5 * USEC_PER_MIN);
        expect_phase(CLAIM_LEAVING);
        cr_expect(on_disk);
        other.live = false;
        other.done = true;
        told_by(other, none);
        claim_set_deaf(&claim, false);
        run_for(USEC_PER_MIN);
        expect_phase(CLAIM_FREE);
        expect_shown("offline", "Lunch");
}

/* Where each device has a state of its own, what shows once ours was taken away may be another machine's. */
Test(core_claim_deaf, who_hears_nothing_learns_nothing_of_a_busy_that_remains) {
        for (unsigned deaf = 0; deaf < 2; deaf++) {
                hold(&per_device, "online", "Lunch");
                claim_set_deaf(&claim, deaf);
                caught = true;
                claim_set_want(&claim, NULL);
                run_for(30 * SEC);
                expect_phase(CLAIM_STUCK);
                cr_expect_eq(claim_is_known_to_stick(&claim), !deaf);
                claim_set_deaf(&claim, false);
                run_for(30 * SEC);
                expect_phase(CLAIM_STUCK);
                cr_expect_eq(claim_is_known_to_stick(&claim), !deaf, "learned of what was judged before");
        }
}

/* A person has written within the call, so nothing of ours is left to give back; and the disk fails to cross that out.
 * Then the call of another machine begins, with the same words. */
static void fail_to_forget(const struct claim_traits *traits, const char *state) {
        hold(traits, "online", "Working");
        push_shown("online", "Lunch");
        claim_set_want(&claim, NULL);
        for (unsigned i = 0; claim_in_flight(&claim) != CLAIM_FORGET; i++) {
                struct claim_request r = decide();

                cr_assert_lt(i, 20);
                if (r.step == CLAIM_NOTHING)
                        now = r.wake_at;
                else if (r.step != CLAIM_FORGET)
                        carry_out(&r);
        }
        claim_on_failure(&claim, CLAIM_FAILED_NOT_APPLIED, USEC_NEVER, now, 500);
        claim_on_unsure(&claim);
        claim_set_deaf(&claim, true);
        set_shown(state, "In a call");
        writes = 0;
}

Test(core_claim_deaf, what_was_given_back_is_not_taken_up_again) {
        fail_to_forget(&single_value, "busy");
        run_for(30 * SEC);
        expect_phase(CLAIM_FREE);
        cr_expect_not(on_disk);
        cr_expect_eq(writes, 0, "%u writes", writes);
        fail_to_forget(&per_device, "busy");
        run_for(30 * SEC);
        expect_phase(CLAIM_FREE);
        cr_expect_eq(writes, 0, "%u writes", writes);
}

Test(core_claim_deaf, a_call_that_begins_before_that_is_crossed_out_owes_nothing_of_it) {
        fail_to_forget(&single_value, "busy");
        want("busy", "In a call");
        run_for(30 * SEC);
        expect_phase(CLAIM_FOREIGN);
        cr_expect_eq(writes, 0, "%u writes", writes);
        set_shown("online", "Lunch");
        run_for(60 * SEC);
        expect_phase(CLAIM_HELD);
        expect_given_back(30 * SEC, "online", "Lunch");
}

/* ... and has taken ours for what was there before it, which it could not put back: it has left none. A person may
 * have done so as well, and that is known once others are heard. */
Test(core_claim_deaf, who_finds_no_words_in_place_of_its_own_hears_first_whose_doing_that_is) {
        static const struct claim_traits *const traits[] = { &single_value, &per_device };

        for (unsigned i = 0; i < 2 * ARRAY_SIZE(traits); i++) {
                struct claim_other other = machine(1, "offline", "In a call", "busy", "In a call");
                bool by_person = i % 2;

                hold(traits[i / 2], "offline", "In the garden");
                claim_on_unsure(&claim);
                claim_set_deaf(&claim, true);
                claim_set_want(&claim, NULL);
                set_shown("offline", "");
                run_for(5 * USEC_PER_MIN);
                expect_phase(CLAIM_LEAVING);
                cr_assert_leq(reads, 3, "%u reads", reads);
                cr_assert_leq(writes, 2, "what is ours is withdrawn, once");
                if (!by_person)
                        told_done(&other);
                claim_set_deaf(&claim, false);
                run_for(USEC_PER_MIN);
                expect_phase(CLAIM_FREE);
                expect_shown("offline", by_person ? "" : "In the garden");
                claim_done(&claim);
        }
}

/* ... and has put its own there, which it has left to us when it went. Where a state alone tells, there is no other
 * sign of that. */
Test(core_claim_deaf, who_finds_another_state_in_place_of_its_own_hears_first_whose_that_is) {
        for (unsigned by_machine = 0; by_machine < 2; by_machine++) {
                struct claim_other other = machine(2, "", "", "theirs", NULL);

                hold(&field, "", "");
                claim_set_deaf(&claim, true);
                claim_set_want(&claim, NULL);
                set_shown("theirs", "");
                writes = reads = 0;
                run_for(5 * USEC_PER_MIN);
                expect_phase(CLAIM_LEAVING);
                cr_assert(on_disk);
                cr_assert_leq(reads, 3, "%u reads", reads);
                if (by_machine)
                        told_done(&other);
                claim_set_deaf(&claim, false);
                run_for(USEC_PER_MIN);
                expect_phase(CLAIM_FREE);
                expect_shown(by_machine ? "" : "theirs", "");
                cr_assert_eq(writes, by_machine);
                claim_done(&claim);
        }
}

/* What was taken away, or is none that keeps others out, is nobody's to give back. */
Test(core_claim_deaf, who_finds_no_state_has_nothing_to_hear) {
        hold(&field, "", "");
        claim_set_deaf(&claim, true);
        claim_set_want(&claim, NULL);
        set_shown("", "");
        run_for(USEC_PER_MIN);
        expect_phase(CLAIM_FREE);
        claim_done(&claim);
}

/* Words, and our own, tell by themselves; and what nobody had said before us is not missed. */
Test(core_claim_deaf, who_finds_words_gives_back_at_once) {
        static const struct row {
                const char *before, *found, *state, *back;
        } rows[] = {
                { "In the garden", "In a call", "offline", "In the garden" },
                { "In the garden", "Lunch", "offline", "Lunch" },
                { "", "", "offline", "" },
                { "In the garden", "", "busy", "" }, /* busy is not left standing */
        };

        for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
                const struct row *row = &rows[i];

                hold(&single_value, "offline", row->before);
                claim_on_unsure(&claim);
                claim_set_deaf(&claim, true);
                claim_set_want(&claim, NULL);
                set_shown(row->state, row->found);
                run_for(USEC_PER_MIN);
                expect_phase(CLAIM_FREE);
                cr_assert_str_eq(shown.text, row->back, "%zu: %s", i, shown.text);
                claim_done(&claim);
        }
}

/* It waits for us in turn, and sleeps: nothing is heard of it, and its state may be what shows. */
Test(core_claim_deaf, a_state_of_a_machine_that_sleeps_is_not_looked_for_without_a_pause) {
        struct claim_other other = machine(1, "online", "Lunch", "busy", "In a call");
        unsigned before;

        hold(&per_device, "online", "Lunch");
        other.waits = true;
        told(&other);
        claim_set_want(&claim, NULL);
        run_for(1 * SEC);
        set_shown("busy", "Lunch");
        run_for(10 * SEC);
        before = reads;
        run_for(USEC_PER_MIN);
        cr_expect_leq(reads, before + 20, "%u reads", reads - before);
        other.done = true;
        told(&other);
        set_shown("online", "Lunch");
        run_for(USEC_PER_MIN);
        expect_phase(CLAIM_FREE);
}
