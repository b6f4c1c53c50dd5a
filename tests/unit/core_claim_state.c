/* Claims of the state alone (`message =`), with one presence for the user: the words go with it as they are, and
 * others come with a state of their own, though it be the same. */
#include "core_claim.h"

static const struct row {
        const char *what;
        const char *then; /* the words after that; NULL: none come */
        bool dies;        /* busyd, before the end of the call */
        const char *state, *text;
} rows[] = {
        { "new words", NULL, false, "unavailable", "New" },
        { "new words, and those of before again", "Lunch", false, "unavailable", "Lunch" },
        { "new words twice", "Newer", false, "unavailable", "Newer" },
        { "none any more", "", false, "unavailable", "" },
        { "new words before a crash", NULL, true, "unavailable", "New" },
};

static void say(const char *text) {
        run_for(20 * SEC);
        set_shown("unavailable", text);
        push();
        run_for(10 * SEC);
}

static void hold_idle(void) {
        begin(&single_value, "online", "Lunch");
        push();
        want("unavailable", NULL);
        run_for(10 * SEC);
        expect_phase(CLAIM_HELD);
        expect_shown("unavailable", "Lunch");
}

Test(core_claim_state, new_words_with_the_same_state_are_a_persons) {
        for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
                hold_idle();
                say("New");
                expect_phase(CLAIM_YIELDED);
                if (rows[i].then)
                        say(rows[i].then);
                if (rows[i].dies)
                        restart(&single_value);
                claim_set_want(&claim, NULL);
                run_for(USEC_PER_MIN);
                cr_expect(streq(shown.state, rows[i].state) && streq(shown.text, rows[i].text), "%s: '%s' '%s'",
                          rows[i].what, shown.state, shown.text);
                cr_expect_eq(writes, 1, "%s", rows[i].what);
                claim_done(&claim);
        }
}

Test(core_claim_state, the_words_that_were_there_are_nobodys_change) {
        hold_idle();
        say("Lunch");
        expect_phase(CLAIM_HELD);
        claim_set_want(&claim, NULL);
        run_for(USEC_PER_MIN);
        expect_shown("online", "Lunch");
}

/* It has found what the person wrote, and puts that back. */
Test(core_claim_state, words_of_a_person_stay_beside_a_call_on_another_machine) {
        for (unsigned first = 0; first < 2; first++) {
                struct claim_other other = machine(2, "unavailable", "New", "unavailable", "In a call");

                hold_idle();
                say("New");
                other.live = true;
                cr_assert_geq(claim_on_others(&claim, &other, 1, now), 0);
                say("In a call");
                if (first) {
                        claim_set_want(&claim, NULL);
                        run_for(10 * SEC);
                }
                set_shown("unavailable", "New");
                push();
                other.live = false;
                other.done = true;
                cr_assert_geq(claim_on_others(&claim, &other, 1, now), 0);
                run_for(USEC_PER_MIN);
                claim_set_want(&claim, NULL);
                run_for(USEC_PER_MIN);
                expect_phase(CLAIM_FREE);
                expect_shown("unavailable", "New");
                claim_done(&claim);
        }
}

/* It claims the words alone, and has repeated the state that it has found when both calls ended at once. */
Test(core_claim_state, what_another_machine_repeats_while_it_is_given_back_goes_as_well) {
        struct claim_other other = machine(2, "online", "Lunch", "unavailable", "In a call");

        hold_idle();
        other.owed.state_claimed = false;
        told_live(&other);
        say("In a call");
        expect_phase(CLAIM_HELD);
        other.live = false;
        told(&other);
        claim_set_want(&claim, NULL);
        shown = run_to_write();
        cr_assert_str_eq(shown.state, "online");
        claim_on_written(&claim, now);
        other.done = true;
        told(&other);
        set_shown("unavailable", "Lunch");
        run_for(USEC_PER_MIN);
        expect_phase(CLAIM_FREE);
        expect_shown("online", "Lunch");
}

/* It has found its own words there, put back by a write of ours that came late, and leaves none. */
static struct claim_other who_has_lost_what_was_before(const char *state) {
        return machine(0, state, "In a call", "busy", "In a call");
}

/* A write of this claim, which repeats the words of another machine, is lost and lands after the end of both. */
static void land_after_both(const struct claim_traits *traits, const char *words, const char *since) {
        struct claim_other other = who_has_lost_what_was_before("online");
        struct claim_value late;

        begin(traits, "online", words);
        push();
        want("busy", NULL);
        run_for(10 * SEC);
        told_live(&other);
        push_shown("busy", "In a call");
        run_for(10 * SEC);
        expect_phase(CLAIM_HELD);
        claim_on_erased(&claim);
        set_shown("online", "In a call");
        late = run_to_write();
        cr_assert_str_eq(late.text, "In a call");
        claim_on_failure(&claim, CLAIM_FAILED_UNSURE, USEC_NEVER, now, 500);
        claim_set_want(&claim, NULL);
        other.live = false;
        told(&other);
        push_shown("online", since);
        run_for(10 * SEC);
        told_done(&other);
        run_for(10 * SEC);
        expect_phase(CLAIM_FREE);
        expect_shown(traits->per_device ? "offline" : "online", since);
        shown = late;
        push();
        run_for(2 * CLAIM_LANDS_WITHIN);
        expect_phase(CLAIM_FREE);
        cr_expect_not(on_disk);
}

Test(core_claim_state, words_that_a_late_state_has_repeated_do_not_stay) {
        land_after_both(&single_value, "", "");
        expect_shown("online", "");
        land_after_both(&per_device, "", "");
        expect_shown("offline", "");
}

/* ... and what was there before them comes back. */
Test(core_claim_state, words_that_a_late_state_has_hidden_come_back) {
        land_after_both(&single_value, "Lunch", "Lunch");
        expect_shown("online", "Lunch");
        land_after_both(&per_device, "Lunch", "Lunch");
        expect_shown("offline", "Lunch");
        land_after_both(&per_device, "Lunch", "New");
        expect_shown("offline", "New");
}

/* What stands there now a client has put there since. A later run hears of that machine anew. */
Test(core_claim_state, a_later_run_knows_who_was_done_long_before) {
        for (unsigned i = 0; i < 4; i++) {
                struct claim_other gone = machine(1, "offline", "", "unavailable", NULL);

                begin(&single_value, "unavailable", "");
                told_live(&gone);
                if (i > 0)
                        told_done(&gone);
                now += i < 2 ? SEC : USEC_PER_HOUR;
                push();
                enter("unavailable", NULL);
                if (i == 3)
                        gone.owed.order = 0;
                told_done(&gone);
                restart(&single_value);
                now += USEC_PER_HOUR;
                gone.done_for = 2 * USEC_PER_HOUR;
                told_done(&gone);
                push();
                run_for(USEC_PER_MIN);
                expect_phase(CLAIM_FREE);
                expect_shown(i != 2 ? "offline" : "unavailable", "");
                claim_done(&claim);
        }
}

/* It would have waited before it writes again, so a client has come to the state of ours: unless something is on its
 * way there. */
Test(core_claim_state, a_state_like_ours_right_after_another_is_no_other_machines) {
        for (unsigned i = 0; i < 5; i++) {
                struct claim_other other = machine(1, "online", "Lunch", "unavailable", "In a call"), news;

                begin(&single_value, "online", "Lunch");
                push();
                enter("unavailable", "In a call");
                told_live(&other);
                if (i != 1)
                        run_for(10 * SEC);
                push_shown("offline", "In a call");
                run_for(i == 2 ? 2 * SEC : SEC);
                if (i == 3)
                        told_live(&other);
                push_shown("unavailable", i == 4 ? "New" : "In a call");
                run_for(10 * SEC);
                cr_assert(claim_tell_others(&claim, &news));
                cr_expect_str_eq(news.owed.prior.state, i == 0 ? "unavailable" : "online", "%u", i);
                if (i == 0)
                        cr_expect_gt(news.owed.order, other.owed.order);
                claim_done(&claim);
        }
}

/* It has taken our words for a person's, not having heard of us. What it has taken away itself a client has come to
 * since, and a person who has written before us has chosen it. */
Test(core_claim_state, a_state_that_a_machine_has_left_beside_our_words_goes_with_them) {
        for (unsigned i = 0; i < 4; i++) {
                struct claim_other other = machine(1, "offline", "Lunch", "unavailable", NULL);

                begin(&single_value, "unavailable", i == 2 ? "New" : "Lunch");
                push();
                told_live(&other);
                want(NULL, "In a call");
                run_for(10 * SEC);
                push();
                expect_phase(CLAIM_HELD);
                if (i == 1) {
                        push_shown("offline", "In a call");
                        run_for(10 * SEC);
                        push_shown("unavailable", "In a call");
                }
                if (i == 3)
                        told_live(&other);
                else
                        told_done(&other);
                run_for(10 * SEC);
                claim_set_want(&claim, NULL);
                run_for(10 * SEC);
                expect_shown(i == 0 ? "offline" : "unavailable", i == 2 ? "New" : "Lunch");
                claim_done(&claim);
        }
}

/* ... and who gives back at the same time is waited for, once. */
Test(core_claim_state, a_state_that_was_repeated_before_its_machine_was_done_goes_as_well) {
        for (unsigned i = 0; i < 3; i++) {
                struct claim_other other = machine(1, "offline", "Lunch", "unavailable", NULL);

                begin(&single_value, "unavailable", "Lunch");
                push();
                told_live(&other);
                want(NULL, "In a call");
                run_for(10 * SEC);
                push();
                claim_set_want(&claim, NULL);
                shown = run_to_write();
                expect_shown("unavailable", "Lunch");
                push();
                claim_on_written(&claim, now);
                other.live = false;
                told(&other);
                if (i > 0)
                        run_for(4 * SEC);
                if (i < 2)
                        told_done(&other);
                run_for(10 * SEC);
                expect_phase(CLAIM_FREE);
                expect_shown(i < 2 ? "offline" : "unavailable", "Lunch");
                claim_done(&claim);
        }
}

/* ---- another machine's claim that a person has written over ---- */

/* What it claims the person may set as well: that is no claim any more, and what it has found is older. */
Test(core_claim_state, the_state_of_a_claim_that_was_written_over_is_the_persons) {
        static const char *const words[] = { NULL, "", "On the phone" };

        for (size_t i = 0; i < 2 * ARRAY_SIZE(words); i++) {
                struct claim_other other = machine(1, "online", "Lunch", "unavailable", words[i / 2]);

                other.overwritten = true;
                begin(&single_value, "unavailable", i / 2 == 1 ? "" : "New");
                push();
                told(&other);
                enter("unavailable", "In a call");
                if (i % 2)
                        told_done(&other);
                expect_given_back(USEC_PER_MIN, "unavailable", i / 2 == 1 ? "" : "New");
                claim_done(&claim);
        }
}

/* ... but its own words tell: a write of it was lost, and has landed since. */
Test(core_claim_state, the_words_of_a_claim_that_was_written_over_are_its_own) {
        struct claim_other other = machine(1, "online", "Lunch", "unavailable", "On the phone");

        other.overwritten = true;
        begin(&single_value, "unavailable", "On the phone");
        push();
        told(&other);
        enter("unavailable", "In a call");
        expect_given_back(USEC_PER_MIN, "online", "Lunch");
}

/* It gives nothing back: who sets what was there before it is a person. */
Test(core_claim_state, a_claim_that_was_written_over_puts_nothing_back) {
        for (unsigned i = 0; i < 4; i++) {
                struct claim_other other = machine(1, "offline", "", "unavailable", "In a call");
                bool overwritten = i % 2;

                begin(&single_value, "online", "New");
                push();
                want("unavailable", "In a call");
                run_for(SEC);
                told_live(&other); /* it may not have heard of ours yet */
                run_for(i / 2 ? USEC_PER_MIN : 10 * SEC);
                other.live = false;
                other.overwritten = overwritten;
                told(&other);
                push_shown("offline", "");
                run_for(10 * SEC);
                expect_phase(overwritten ? CLAIM_YIELDED : CLAIM_HELD);
                claim_done(&claim);
        }
}

/* ... and where it has claimed none, who takes the words away is a person, too. */
Test(core_claim_state, no_words_are_a_persons_beside_a_claim_that_was_written_over) {
        struct claim_other other = machine(1, "offline", "Lunch", "busy", "");

        other.overwritten = true;
        hold(&single_value, "online", "New");
        told(&other);
        push_shown("away", "");
        run_for(10 * SEC);
        expect_phase(CLAIM_YIELDED);
}

/* ... nor has it left anything to us, though the person has come back to the words that it has found. */
Test(core_claim_state, a_claim_that_was_written_over_leaves_nothing) {
        struct claim_other other = machine(1, "online", "New", "busy", NULL);

        other.overwritten = true;
        begin(&single_value, "busy", "New");
        push();
        told_done(&other);
        claim_on_told_over(&claim);
        run_for(USEC_PER_MIN);
        expect_phase(CLAIM_FREE);
        expect_shown("busy", "New");
        cr_expect_eq(writes, 0);
}

/* As it is told to them. */
static bool is_told_overwritten(void) {
        struct claim_other ours;

        cr_assert(claim_tell_others(&claim, &ours));
        return ours.overwritten;
}

Test(core_claim_state, others_are_told_that_it_was_written_over) {
        hold(&single_value, "online", "Lunch");
        cr_expect_not(is_told_overwritten());
        push_shown("busy", "New");
        run_for(10 * SEC);
        expect_phase(CLAIM_YIELDED);
        cr_expect(is_told_overwritten());
        /* Another machine says the same as we did, and leaves that to us. */
        push_shown("busy", "In a call");
        run_for(10 * SEC);
        claim_set_want(&claim, NULL);
        cr_expect(is_told_overwritten());
        (void) run_to_write();
        cr_expect_not(is_told_overwritten(), "it gives back after all");
}

Test(core_claim_state, a_message_of_a_device_of_its_own_is_not_written_over) {
        hold(&per_device, "online", "Lunch");
        push_shown("busy", "New");
        run_for(10 * SEC);
        expect_phase(CLAIM_YIELDED);
        cr_expect_not(is_told_overwritten());
}

/* Another one has found what the person wrote, and says so: that explains nothing to a claim that was written over,
 * nor does one that claimed the same state and was done long before. */
Test(core_claim_state, a_claim_that_was_written_over_does_not_begin_anew) {
        struct claim_other former = machine(1, "online", "", "unavailable", NULL);
        struct claim_other other = machine(3, "unavailable", "New", "unavailable", "In a call");

        begin(&single_value, "offline", "");
        former.done = true;
        former.done_for = USEC_PER_MIN * 10;
        told(&former);
        push();
        want("unavailable", NULL);
        run_for(10 * SEC);
        expect_phase(CLAIM_HELD);
        say("New");
        expect_phase(CLAIM_YIELDED);
        other.live = true;
        told_by(former, other);
        run_for(SEC);
        expect_phase(CLAIM_YIELDED);
        cr_expect(is_told_overwritten());
}
