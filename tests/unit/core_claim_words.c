/* The claim machine, one scene a test: whose word a value is that it finds, a person's, another client's, or another
 * machine's of the user. */
#include "core_claim.h"

/* ---- whose word ---- */

/* The server copies busy, though it is not known to. */
Test(core_claim_words, words_that_we_put_back_are_no_persons) {
        hold(&single_value, "online", "");
        claim_set_want(&claim, NULL);
        shown = run_to_write();
        claim_on_written(&claim, now);
        set_shown("busy", "");
        now += CLAIM_VERIFY_AFTER;
        expect_step(CLAIM_READ);
        answer_read();
        run_for(20 * SEC);
        expect_shown("online", "");
        expect_phase(CLAIM_FREE);
}

/* On another device an empty text hides behind ours: where none shows, the server has lost ours, or half of what gave
 * back has come through. */
Test(core_claim_words, an_empty_text_is_no_persons_word_where_each_device_has_one) {
        struct claim_traits traits = per_device;

        traits.text_per_device = true;
        hold(&traits, "offline", "Lunch");
        push_shown("offline", "");
        run_for(10 * SEC);
        expect_phase(CLAIM_HELD);
        expect_shown("busy", "In a call");
        expect_given_back(10 * SEC, "offline", "Lunch");
}

/* Busyd has died, a person has written, and the next run sees it until its first poll brings ours back. */
Test(core_claim_words, words_of_a_person_that_hide_behind_ours_come_back_after_a_crash) {
        for (unsigned in_call = 0; in_call < 2; in_call++) {
                hold(&text_per_device, "offline", "Reading");
                restart(&text_per_device);
                push_shown("online", "Lunch");
                claim_on_unsure(&claim);
                set_shown("unavailable", "In a call");
                if (in_call) {
                        want("busy", "In a call");
                        run_for(20 * SEC);
                        restart(&text_per_device);
                }
                run_for(20 * SEC);
                expect_phase(CLAIM_FREE);
                expect_shown("offline", "Lunch");
        }
}

/* Ours had none either since `message =`. */
Test(core_claim_words, a_message_that_is_set_and_taken_away_again_in_the_call_stays_away) {
        hold(&single_value, "offline", "");
        want("busy", "");
        run_for(10 * SEC);
        push_shown("online", "Reading");
        run_for(SEC);
        expect_phase(CLAIM_YIELDED);
        push_shown("unavailable", "");
        expect_given_back(20 * SEC, "unavailable", "");
}

Test(core_claim_words, a_message_changed_in_the_call_stays) {
        hold(&single_value, "online", "Working");
        push_shown("online", "Lunch");
        cr_expect_not(claim_is_standing(&claim), "what keeps ours alive would write over it");
        run_for(SEC);
        expect_phase(CLAIM_YIELDED);
        expect_given_back(20 * SEC, "online", "Lunch");
        cr_expect_eq(writes, 1);
}

/* Where the message was taken out of the configuration within the call. */
Test(core_claim_words, a_message_taken_away_again_stays_away_where_none_is_ours) {
        struct claim_other other = machine(1, "online", "Working", "busy", "");

        for (unsigned others = 0; others < 2; others++) {
                hold(&per_device, "online", "Working");
                want("busy", "");
                run_for(10 * SEC);
                other.live = true;
                if (others)
                        told(&other);
                push_shown("busy", "Lunch");
                run_for(10 * SEC);
                expect_phase(CLAIM_YIELDED);
                push_shown("busy", "");
                run_for(USEC_PER_MIN);
                other.live = false;
                other.done = true;
                if (others)
                        told(&other);
                expect_given_back(20 * SEC, "offline", others ? "Lunch" : "");
                claim_done(&claim);
        }
}

Test(core_claim_words, what_was_sent_is_ours_before_it_is_acknowledged) {
        begin(&per_device, "online", "");
        push();
        want("busy", "In a call");
        shown = run_to_write();
        cr_assert_not_null(claim_written(&claim));
        cr_expect(claim_value_equal(claim_written(&claim), &shown));
        push();
        claim_on_written(&claim, now);
        expect_phase(CLAIM_HELD);
        run_for(10 * SEC);
        expect_phase(CLAIM_HELD);
        cr_expect_eq(reads, 0, "seen already");
}

/* Ours shows again: the person's device has gone, or a write has landed late. */
Test(core_claim_words, what_a_person_wrote_in_the_call_is_owed_back) {
        hold(&per_device, "online", "Working");
        push_shown("busy", "Lunch");
        run_for(SEC);
        expect_phase(CLAIM_YIELDED);
        push_shown("busy", "In a call");
        expect_given_back(20 * SEC, "offline", "Lunch");
}

/* The state alone is ours, and words came with a state that equals it. */
Test(core_claim_words, words_of_a_person_over_a_state_of_ours_stay) {
        begin(&single_value, "online", "Lunch");
        push();
        want("unavailable", NULL);
        run_for(10 * SEC);
        push_shown("unavailable", "In the garden");
        run_for(SEC);
        claim_set_want(&claim, NULL);
        reads = 0;
        run_for(20 * SEC);
        expect_phase(CLAIM_FREE);
        expect_shown("unavailable", "In the garden");
        cr_expect_leq(reads, 2, "%u reads", reads);
}

Test(core_claim_words, a_state_that_others_release_is_taken) {
        begin(&single_value, "busy", "");
        push();
        want("busy", "In a call");
        run_for(10 * SEC);
        expect_phase(CLAIM_FOREIGN);
        push_shown("online", "");
        run_for(10 * SEC);
        expect_phase(CLAIM_HELD);
        expect_given_back(10 * SEC, "online", "");
}

/* ---- other machines ---- */

/* A device that has logged out long ago and one that is on a call have the same words. */
Test(core_claim_words, what_was_before_words_is_known_by_who_wrote_them_last) {
        for (unsigned i = 0; i < 2; i++) {
                struct claim_other gone = machine(1, "offline", "", "busy", "In a call");
                struct claim_other live = machine(2, "online", "Lunch", "busy", "In a call");

                begin(&single_value, "busy", "In a call");
                gone.done = true;
                live.live = true;
                if (i == 0)
                        told_by(live, gone);
                else
                        told_by(gone, live);
                push();
                enter("busy", "In a call");
                live.live = false;
                live.done = true;
                told_by(live, gone);
                expect_given_back(20 * SEC, "online", "Lunch");
        }
}

/* A machine that gives its words up for a person's, changes them, or is not heard of again, has put them there all the
 * same. */
Test(core_claim_words, what_was_told_to_be_before_words_is_known_when_it_is_told_no_more) {
        const struct claim_other none = machine(0, "", "", NULL, NULL);
        const struct claim_other after[] = { machine(1, "offline", "Lunch", "busy", NULL),
                                             machine(1, "offline", "Lunch", "busy", "At the dentist"), none };
        struct claim_traits traits = per_device;

        traits.text_per_device = true;
        for (size_t i = 0; i < ARRAY_SIZE(after); i++) {
                struct claim_other other = machine(1, "offline", "Lunch", "busy", "On the phone"), then = after[i];

                begin(&traits, "busy", "On the phone");
                other.live = true;
                told_by(other, none);
                push();
                enter("busy", "In a call");
                then.live = then.owed.n_ours > 0 && i < 2;
                told_by(then, none);
                cr_expect_str_eq(claim_prior(&claim).text, "Lunch", "%zu: %s", i, claim_prior(&claim).text);
                run_for(SEC);
                cr_expect_str_eq(disk.prior.text, "Lunch", "%zu: also for the next run", i);
        }
}

/* A machine that came later, while this one was dead, has left it to this one in turn. */
Test(core_claim_words, what_a_machine_that_came_later_has_found_is_newer_also_once_it_is_done) {
        struct claim_other other = machine(2, "unavailable", "", "busy", "In a call"),
                           none = machine(0, "", "", NULL, NULL);

        none.done = other.done = true;
        hold(&single_value, "offline", "Reading");
        restart(&single_value);
        claim_set_want(&claim, NULL);
        told_by(other, none);
        push();
        run_for(20 * SEC);
        expect_phase(CLAIM_FREE);
        expect_shown("unavailable", "");
}

/* Both have taken their own away, and it shows: nobody's of us, and so it is named. */
Test(core_claim_words, a_busy_that_neither_machine_holds_is_stuck) {
        struct claim_other other = machine(1, "online", "", "busy", "In a call"),
                           none = machine(0, "", "", NULL, NULL);

        none.done = true;
        hold(&per_device, "online", "");
        other.live = true;
        told_by(other, none);
        other.live = false;
        told_by(other, none);
        claim_set_want(&claim, NULL);
        caught = true;
        run_for(4 * SEC);
        expect_phase(CLAIM_SHARED);
        other.withdrawn = true;
        told_by(other, none);
        run_for(30 * SEC);
        other.done = true;
        told_by(other, none);
        run_for(30 * SEC);
        expect_phase(CLAIM_STUCK);
}

/* Other machines come and go, and each call has a value of its own. */
Test(core_claim_words, a_value_of_a_call_that_is_over_is_no_prior) {
        struct claim_other before = machine(1, "", "", "{theirs}", NULL), none = machine(0, "", "", NULL, NULL);

        none.done = true;
        begin(&field, "{theirs}", "");
        before.live = true;
        told_by(before, none);
        enter("{ours}", NULL);
        told_by(machine(3, "{ours}", "", "{new}", NULL), none);
        claim_set_want(&claim, NULL);
        run_for(10 * SEC);
        told_by(none, none);
        run_for(30 * SEC);
        expect_phase(CLAIM_FREE);
        expect_shown("", "");
}

/* Its write was under way when it had yet to hear of our claim. Later it is a person who has put that back. */
Test(core_claim_words, what_another_machine_gives_back_not_knowing_of_us_is_no_persons_word) {
        struct claim_other other = machine(1, "online", "Working", "busy", "In a call"),
                           none = machine(0, "", "", NULL, NULL);

        none.done = true;
        begin(&single_value, "online", "Working");
        push();
        told_by(other, none);
        enter("busy", "In a call");
        push_shown("online", "Working");
        run_for(10 * SEC);
        expect_phase(CLAIM_HELD);
        expect_shown("busy", "In a call");
        run_for(CLAIM_LANDS_WITHIN);
        push_shown("online", "Working");
        run_for(10 * SEC);
        expect_phase(CLAIM_YIELDED);
        expect_shown("online", "Working");
}

/* It gave back an earlier claim and began again, and only the last was heard of. */
Test(core_claim_words, what_a_machine_that_begins_anew_has_given_back_is_no_persons_word) {
        struct claim_other other = machine(1, "online", "Working", "busy", "In a call"),
                           none = machine(0, "", "", NULL, NULL);

        none.live = other.live = true;
        begin(&per_device, "online", "Working");
        push();
        want("busy", "In a call");
        run_for(SEC);
        expect_shown("busy", "In a call");
        push();
        expect_phase(CLAIM_HELD);
        told_by(other, none);
        push_shown("busy", "Working");
        run_for(10 * SEC);
        expect_phase(CLAIM_HELD);
        expect_shown("busy", "In a call");
}

/* As such a crossing, and then it is none: who ends later has heard of us. */
Test(core_claim_words, what_a_person_restores_when_another_machine_has_ended_is_their_word) {
        struct claim_other other = machine(1, "online", "Working", "busy", "In a call"),
                           none = machine(0, "", "", NULL, NULL);

        none.done = other.live = true;
        begin(&single_value, "online", "Working");
        push();
        told_by(other, none);
        want("busy", "In a call");
        run_for(30 * SEC);
        expect_phase(CLAIM_HELD);
        other.live = false;
        told_by(other, none);
        run_for(10 * SEC);
        push_shown("online", "Working");
        run_for(10 * SEC);
        expect_phase(CLAIM_YIELDED);
        expect_shown("online", "Working");
}

/* Each would take its prior from the other's, and tell it again, for ever. */
Test(core_claim_words, what_is_told_of_a_prior_state_does_not_follow_what_is_told_of_it) {
        struct claim_other other = machine(1, "busy", "Lunch", "busy", "On the phone"),
                           none = machine(0, "", "", NULL, NULL), first, second;

        none.done = true;
        other.live = true;
        begin(&per_device, "busy", "Lunch");
        push();
        told_by(other, none);
        enter("busy", "In a call");
        cr_assert(claim_tell_others(&claim, &first));
        told_by(machine(1, "online", "Lunch", "busy", "On the phone"), none);
        cr_assert(claim_tell_others(&claim, &second));
        cr_expect(claim_value_equal(&first.owed.prior, &second.owed.prior));
}

/* Whoever ends last gives back what was there before all of them. */
Test(core_claim_words, what_is_told_of_prior_words_is_what_another_machine_has_found) {
        struct claim_other other = machine(1, "offline", "Lunch", "busy", "On the phone"),
                           none = machine(0, "", "", NULL, NULL), told;

        none.live = other.live = true;
        begin(&per_device, "busy", "On the phone");
        push();
        told_by(other, none);
        enter("busy", "In a call");
        cr_assert(claim_tell_others(&claim, &told));
        cr_expect_str_eq(told.owed.prior.text, "Lunch");
}

/* Whoever writes the state repeats the words: not those that somebody gives back meanwhile. */
Test(core_claim_words, words_that_another_machine_gives_back_are_not_repeated) {
        struct claim_other other = machine(1, "offline", "Lunch", NULL, "In a call"),
                           none = machine(0, "", "", NULL, NULL);

        none.done = true;
        begin(&per_device, "online", "In a call");
        other.live = true;
        told_by(other, none);
        push();
        want("busy", NULL);
        run_for(10 * SEC);
        expect_shown("busy", "In a call");
        other.live = false;
        told_by(other, none);
        claim_set_want(&claim, NULL);
        cr_expect_str_eq(run_to_write().text, "Lunch");
}

/* It went on here, as far as the other machine knew, though nothing was ever written here. */
Test(core_claim_words, what_another_machine_has_left_to_this_one_is_given_back_unwritten) {
        struct claim_other other = machine(1, "offline", "Lunch", "busy", "In a call"),
                           none = machine(0, "", "", NULL, NULL), told;
        struct claim_traits kinds[] = { single_value, per_device, per_device };

        kinds[2].text_per_device = true;
        for (size_t i = 0; i < ARRAY_SIZE(kinds); i++) {
                kinds[i].pushed = false;
                none.done = other.live = true;
                begin(&kinds[i], "busy", "In a call");
                told_by(other, none);
                want("busy", "In a call");
                expect_step(CLAIM_READ);
                answer_read();
                expect_step(CLAIM_JOURNAL);
                answer_journal();
                cr_assert(claim_tell_others(&claim, &told) && told.live);
                now += CLAIM_VIEW_LASTS;
                expect_step(CLAIM_READ);
                claim_on_failure(&claim, CLAIM_FAILED_UNSURE, USEC_NEVER, now, 500);
                set_shown("offline", i < 2 ? "In a call" : "");
                other.live = false;
                other.done = true;
                told_by(other, none);
                other.done = false;
                claim_set_want(&claim, NULL);
                run_for(5 * USEC_PER_MIN);
                expect_phase(CLAIM_FREE);
                cr_expect_str_eq(shown.text, "Lunch", "%zu", i);
        }
}

/* What was taken for a person's word turns out to be another machine's while ours is taken away. */
Test(core_claim_words, the_own_words_are_taken_away_once) {
        struct claim_other other = machine(1, "offline", "", "busy", "In a call"),
                           none = machine(0, "", "", NULL, NULL);
        struct claim_traits traits = per_device;

        none.done = other.live = true;
        traits.text_per_device = true;
        hold(&traits, "offline", "");
        told_by(other, none);
        push_shown("busy", "Lunch");
        cr_expect_str_eq(run_to_write().text, "");
        expect_phase(CLAIM_YIELDED);
        other.text_lost = true;
        other.owed.text_claimed = false;
        told_by(other, none);
        claim_on_written(&claim, now);
        writes = 0;
        run_for(5 * USEC_PER_MIN);
        cr_expect(writes <= 1, "%u writes", writes);
        expect_shown("busy", "Lunch");
}

/* Another machine's state explains no words of a person: whoever began again would take the words that this one has
 * yet to take away for what was there before. */
static void yield_beside_another(bool one_is_over) {
        struct claim_other other = machine(1, "offline", "", "busy", "On the phone"),
                           none = machine(0, "", "", NULL, NULL);

        other.live = true;
        none.done = one_is_over;
        none.live = !one_is_over;
        begin(&text_per_device, "busy", "On the phone");
        told_by(other, none);
        enter("busy", "In a call");
        set_shown("busy", "Lunch");
        claim_on_doubt(&claim, /* released= */ false, now);
        cr_expect_str_eq(run_to_write().text, "");
        claim_on_written(&claim, now);
        expect_phase(CLAIM_YIELDED);
        other.text_lost = true;
        other.owed.text_claimed = false;
        told_by(other, none);
        expect_phase(CLAIM_YIELDED);
        set_shown("unavailable", "On the phone");
        writes = 0;
        run_for(5 * USEC_PER_MIN);
        expect_phase(CLAIM_YIELDED);
        cr_expect_eq(writes, 0, "%u writes", writes);
}

Test(core_claim_words, a_persons_words_are_not_explained_by_the_state_of_another_machine) {
        yield_beside_another(/* one_is_over= */ false);
}

Test(core_claim_words, a_persons_words_are_not_explained_by_a_claim_that_is_over) {
        yield_beside_another(/* one_is_over= */ true);
}

/* With one text for all, two machines of different settings would overwrite each other with each refresh. */
Test(core_claim_words, who_says_nothing_leaves_the_words_of_another_machine) {
        struct claim_other other = machine(1, "offline", "Lunch", "unavailable", "In a call"),
                           none = machine(0, "", "", NULL, NULL);

        none.done = other.live = true;
        begin(&single_value, "unavailable", "In a call");
        told_by(other, none);
        push();
        enter("busy", "");
        expect_shown("busy", "In a call");
        other.live = false;
        told_by(other, none);
        expect_given_back(30 * SEC, "offline", "Lunch");
}

/* A connection that has died in silence. */
Test(core_claim_words, what_was_told_long_ago_is_read_before_it_is_written_over) {
        begin(&single_value, "online", "Working");
        push();
        now += 2 * USEC_PER_MIN;
        set_shown("online", "Lunch");
        want("busy", "In a call");
        run_for(10 * SEC);
        expect_shown("busy", "In a call");
        expect_given_back(20 * SEC, "online", "Lunch");
}

/* A connection that has died in silence. */
Test(core_claim_words, what_was_told_long_ago_is_read_before_it_is_given_back) {
        hold(&per_device, "online", "Working");
        now += 2 * USEC_PER_MIN;
        set_shown("busy", "Lunch");
        expect_given_back(20 * SEC, "offline", "Lunch");
}

/* The phone was the last that was active: with our next poll our words show again, without a write. */
Test(core_claim_words, words_of_before_in_front_of_ours_are_nothing_to_write_over) {
        struct claim_traits traits = per_device;
        unsigned before;

        traits.text_per_device = true;
        hold(&traits, "online", "Lunch");
        before = writes;
        push_shown("busy", "Lunch");
        run_for(30 * SEC);
        expect_phase(CLAIM_HELD);
        cr_expect_eq(writes, before);
        push_shown("busy", "In the garden");
        run_for(30 * SEC);
        expect_phase(CLAIM_YIELDED);
}

/* A client of the user is there by now, which a state of ours would write over. */
Test(core_claim_words, words_alone_bring_no_state_back_that_was_left_to_another_machine) {
        struct claim_other other = machine(1, "online", "", "busy", "In a call"),
                           none = machine(0, "", "", NULL, NULL);

        none.done = true;
        other.live = true;
        hold(&per_device, "online", "");
        told_by(other, none);
        claim_set_want(&claim, NULL);
        run_for(10 * SEC);
        expect_phase(CLAIM_SHARED);
        push_shown("online", "In a call");
        want(NULL, "In a call");
        run_for(30 * SEC);
        expect_shown("online", "In a call");
        other.live = false;
        other.done = true;
        push_shown("online", "");
        told_by(other, none);
        run_for(30 * SEC);
        expect_phase(CLAIM_HELD);
        expect_shown("offline", "In a call");
}

/* Each would leave it to the other: whoever logs out has to stay until it is known that the other one goes on, or has
 * given back. */
Test(core_claim_words, only_what_goes_on_elsewhere_lets_one_rest) {
        struct claim_other other = machine(1, "online", "Lunch", "unavailable", "In a call"),
                           none = machine(0, "", "", NULL, NULL);

        none.done = true;
        other.live = other.first = true;
        begin(&single_value, "unavailable", "In a call");
        push();
        told_by(other, none);
        enter("unavailable", "In a call");
        claim_set_want(&claim, NULL);
        run_for(10 * SEC);
        expect_phase(CLAIM_SHARED);
        cr_expect(claim_is_at_rest(&claim), "it goes on there");
        other.live = false;
        told_by(other, none);
        cr_expect_not(claim_is_at_rest(&claim), "it is about to be given back");
        other.waits = true;
        told_by(other, none);
        run_for(20 * SEC);
        expect_phase(CLAIM_FREE);
        expect_shown("online", "Lunch");
        cr_expect(claim_is_at_rest(&claim));
}

/* An earlier write of ours lands late, or a machine that nobody has heard writes the same words. */
Test(core_claim_words, what_a_person_wrote_before_the_end_goes_back_once_ours_show_again) {
        hold(&per_device, "online", "Working");
        push_shown("busy", "Lunch");
        claim_set_want(&claim, NULL);
        cr_expect_str_eq(run_to_write().text, "Lunch");
        claim_on_written(&claim, now);
        set_shown("busy", "In a call");
        run_for(20 * SEC);
        expect_phase(CLAIM_FREE);
        expect_shown("offline", "Lunch");
}

/* Another machine that says nothing, and tells so before, writes that over a person's words. */
Test(core_claim_words, a_persons_words_are_not_taken_away_by_a_machine_that_says_nothing) {
        struct claim_other other = machine(0, "busy", "In a call", "busy", "");

        hold(&single_value, "online", "Working");
        told_live(&other);
        push_shown("online", "Lunch");
        run_for(10 * SEC);
        expect_phase(CLAIM_YIELDED);
        push_shown("busy", "");
        run_for(10 * SEC);
        claim_set_want(&claim, NULL);
        run_for(10 * SEC);
        told_done(&other);
        expect_given_back(30 * SEC, "online", "Lunch");
}

/* That one has found what is newer, and puts it back: a copy of older words would hide it. */
Test(core_claim_words, what_a_person_wrote_first_does_not_go_over_the_words_of_another_machine) {
        struct claim_other other = machine(2, "online", "Gone", "busy", "In a call"),
                           none = machine(0, "", "", NULL, NULL);
        struct claim_traits traits = text_per_device;

        traits.refresh_interval = 4 * USEC_PER_MIN;
        hold(&traits, "online", "Working");
        set_shown("busy", "Lunch");
        run_for(5 * USEC_PER_MIN);
        expect_phase(CLAIM_YIELDED);
        none.done = other.live = true;
        set_shown("busy", "In a call");
        told_by(other, none);
        claim_set_want(&claim, NULL);
        cr_expect_str_empty(run_to_write().text, "%s", claim_written(&claim)->text);
}

/* ---- one state for all ---- */

/* A client that has come within the call is what is owed back, by whichever machine is the last. */
Test(core_claim_words, a_state_found_within_the_call_is_told_as_the_newest) {
        struct claim_other other = machine(1, "offline", "", "unavailable", "In a call"),
                           none = machine(0, "", "", NULL, NULL), news;

        none.done = true;
        other.live = true;
        begin(&single_value, "offline", "");
        push();
        want("unavailable", "In a call");
        run_for(10 * SEC);
        told_by(other, none);
        push_shown("online", "In a call");
        run_for(30 * SEC);
        expect_shown("unavailable", "In a call");
        cr_assert(claim_tell_others(&claim, &news));
        cr_expect_str_eq(news.owed.prior.state, "online");
        cr_expect_gt(news.owed.order, other.owed.order);

        begin(&single_value, "offline", "");
        push();
        want("unavailable", "In a call");
        run_for(10 * SEC);
        told_by(news, none);
        news.live = false;
        news.done = true;
        told_by(news, none);
        expect_given_back(30 * SEC, "online", "");
}

/* ... also where a machine that has just begun writes over it first. Beside one that goes on, or where ours was not
 * told, the client may by then have come to the state of ours. */
Test(core_claim_words, a_state_found_within_the_call_is_owed_back_before_it_is_written_over) {
        for (unsigned i = 0; i < 3; i++) {
                struct claim_other other = machine(0, "unavailable", "", "unavailable", "In a call"), news;
                bool goes_on = i == 1, is_told = i < 2;

                begin(&single_value, "unavailable", "");
                push();
                enter("unavailable", "In a call");
                if (is_told)
                        push();
                if (goes_on)
                        told_live(&other);
                push_shown("online", "In a call");
                expect_step(CLAIM_READ);
                answer_read();
                expect_step(CLAIM_NOTHING);
                other.owed.prior = value("online", "");
                if (!goes_on)
                        told_live(&other);
                push_shown("unavailable", "In a call");
                run_for(30 * SEC);
                expect_phase(CLAIM_HELD);
                cr_assert(claim_tell_others(&claim, &news));
                cr_expect_str_eq(news.owed.prior.state, i > 0 ? "unavailable" : "online");
                other.owed.prior = news.owed.prior;
                told_done(&other);
                expect_given_back(30 * SEC, i > 0 ? "unavailable" : "online", "");
                claim_done(&claim);
        }
}

Test(core_claim_words, a_state_repeated_by_who_puts_back_words_alone_is_not_a_persons) {
        struct claim_other other = machine(1, "online", "", NULL, "In a call"), none = machine(0, "", "", NULL, NULL);

        none.done = true;
        other.live = true;
        begin(&single_value, "online", "");
        push();
        told_by(other, none);
        enter("unavailable", "In a call");
        other.live = false;
        other.first = true;
        told_by(other, none);
        claim_set_want(&claim, NULL);
        run_for(SEC);
        push_shown("unavailable", "");
        other.done = true;
        told_by(other, none);
        run_for(30 * SEC);
        expect_phase(CLAIM_FREE);
        expect_shown("online", "");
}

/* What stands there now a client has put there since. */
Test(core_claim_words, who_was_done_long_before_has_put_nothing_there) {
        for (unsigned i = 0; i < 4; i++) {
                struct claim_other gone = machine(i < 3, "offline", "", "unavailable", NULL),
                                   none = machine(0, "", "", NULL, NULL),
                                   live = machine(1, "unavailable", "", NULL, "In a call");

                live.live = none.done = gone.done = true;
                begin(&single_value, "unavailable", "");
                told_by(gone, none);
                if (i == 2)
                        told_by(gone, live);
                now += i != 1 ? USEC_PER_HOUR : SEC;
                push();
                enter("unavailable", NULL);
                expect_given_back(30 * SEC, i != 1 ? "unavailable" : "offline", "");
        }
}

/* A client that goes away and comes back idle; or only an older state that is told late. */
Test(core_claim_words, a_state_like_ours_that_comes_after_another_is_not_ours) {
        for (unsigned i = 0; i < 2; i++) {
                begin(&single_value, "offline", "");
                push();
                want("unavailable", "In a call");
                run_for(SEC);
                if (i == 0)
                        push();
                push_shown("offline", "In a call");
                push_shown("unavailable", "In a call");
                run_for(30 * SEC);
                expect_phase(CLAIM_HELD);
                expect_given_back(30 * SEC, i != 1 ? "unavailable" : "offline", "");
        }
}
