/* The claim machine, one scene a test: what is under way, or is lost on the way, and lands late. */
#include "core_claim.h"

Test(core_claim_lost, the_journal_says_while_a_write_is_under_way) {
        begin(&single_value, "online", "Working");
        want("busy", "In a call");
        (void) run_to_write();
        cr_expect(disk.unsure);
        shown = value("busy", "In a call");
        claim_on_written(&claim, now);
        run_for(SEC);
        cr_expect(on_disk && !disk.unsure, "acknowledged, and that is on disk");
}

static void expect_taken_back(const struct claim_traits *traits, usec_t after, const char *state, const char *text) {
        struct claim_value late;

        begin(traits, state, text);
        want("busy", traits->text_tells_person ? "In a call" : NULL);
        late = run_to_write();
        restart(traits);
        run_for(after);
        cr_assert_eq(writes, 1, "what may land is written over");
        if (after > 2 * SEC)
                expect_phase(CLAIM_FREE);

        shown = late;
        if (traits->pushed)
                push();
        run_for(CLAIM_LANDS_WITHIN);
        expect_shown(traits->per_device ? traits->withdrawn : state, text);
        run_for(CLAIM_LANDS_WITHIN);
        expect_phase(CLAIM_FREE);
        cr_expect_not(on_disk);
}

Test(core_claim_lost, what_lands_after_a_restart_is_taken_back) {
        expect_taken_back(&single_value, 400 * USEC_PER_MSEC, "online", "Working");
        expect_taken_back(&single_value, 30 * SEC, "online", "Working");
        expect_taken_back(&per_device, 3 * SEC, "online", "Working");
        expect_taken_back(&per_device, 50 * SEC, "online", "");
        expect_taken_back(&field, 3 * SEC, "", "");
        expect_taken_back(&field, 59 * SEC, "", "");
}

Test(core_claim_lost, what_lands_after_a_cut_is_taken_back) {
        struct claim_value late;

        begin(&single_value, "online", "Working");
        push();
        want("busy", "In a call");
        late = run_to_write();
        claim_on_failure(&claim, CLAIM_FAILED_UNSURE, USEC_NEVER, now, 500);
        expect_given_back(20 * SEC, "online", "Working");
        shown = late;
        push();
        run_for(20 * SEC);
        expect_shown("online", "Working");
}

/* A claim grows by a message, and that write never arrives. */
static void lose_growth(const struct claim_traits *traits, const char *words) {
        begin(traits, "online", words);
        push();
        want("busy", NULL);
        run_for(10 * SEC);
        want("busy", "In a call");
        (void) run_to_write();
        claim_on_failure(&claim, CLAIM_FAILED_UNSURE, USEC_NEVER, now, 500);
        run_for(60 * SEC);
        expect_phase(CLAIM_HELD);
        expect_shown("busy", "In a call");
        expect_given_back(60 * SEC, traits->per_device ? "offline" : "online", words);
}

Test(core_claim_lost, a_message_that_is_added_and_lost_is_written_again) {
        lose_growth(&single_value, "Working");
        lose_growth(&single_value, "");
        lose_growth(&per_device, "Working");
        lose_growth(&per_device, "");
}

Test(core_claim_lost, what_is_known_to_have_landed_is_not_watched) {
        hold(&single_value, "online", "Working");
        restart(&single_value);
        run_for(10 * SEC);
        expect_phase(CLAIM_FREE);
        expect_shown("online", "Working");
        cr_expect_not(on_disk);
}

Test(core_claim_lost, what_lands_when_nothing_is_owed_is_taken_back) {
        struct claim_value late;

        begin(&single_value, "online", "Working");
        late = die_over_write(&single_value, "busy", "In a call");
        push();
        run_for(2 * CLAIM_LANDS_WITHIN);
        expect_phase(CLAIM_FREE);
        shown = late;
        push();
        expect_step(CLAIM_READ);
        answer_read();
        expect_phase(CLAIM_LEAVING);
        run_for(20 * SEC);
        expect_phase(CLAIM_FREE);
        expect_shown("online", "Working");
        cr_expect_not(on_disk);
}

Test(core_claim_lost, a_call_after_a_late_write_keeps_the_message) {
        struct claim_value late;

        begin(&single_value, "online", "Working");
        late = die_over_write(&single_value, "busy", "In a call");
        push();
        run_for(10 * SEC);
        expect_phase(CLAIM_FREE);
        shown = late;
        want("busy", "In a call");
        push();
        run_for(10 * SEC);
        expect_phase(CLAIM_HELD);
        expect_given_back(2 * CLAIM_LANDS_WITHIN, "online", "Working");
}

/* What another session shows in earnest looks the same, and loses nothing: on our device ours alone is withdrawn. */
Test(core_claim_lost, a_late_state_behind_a_persons_words_is_nobody_elses) {
        begin(&per_device, "online", "Working");
        push();
        want("busy", "In a call");
        (void) run_to_write();
        claim_on_failure(&claim, CLAIM_FAILED_UNSURE, USEC_NEVER, now, 500);
        claim_set_want(&claim, NULL);
        run_for(20 * SEC);
        expect_phase(CLAIM_FREE);
        set_shown("busy", "Lunch");
        want("busy", "In a call");
        push();
        run_for(10 * SEC);
        expect_phase(CLAIM_HELD);
        expect_shown("busy", "In a call");
        expect_given_back(2 * CLAIM_LANDS_WITHIN, "offline", "Lunch");
}

Test(core_claim_lost, a_late_value_of_ours_is_nobody_elses) {
        struct claim_value late;

        begin(&field, "", "");
        late = die_over_write(&field, "{ours}", NULL);
        run_for(10 * SEC);
        expect_phase(CLAIM_FREE);
        shown = late;
        enter("{ours}", NULL);
        expect_given_back(2 * CLAIM_LANDS_WITHIN, "", "");
}

Test(core_claim_lost, what_gives_back_and_lands_late_is_no_persons_word) {
        hold(&single_value, "online", "Working");
        claim_set_want(&claim, NULL);
        (void) run_to_write();
        claim_on_failure(&claim, CLAIM_FAILED_UNSURE, USEC_NEVER, now, 500);
        want("busy", "In a call");
        run_for(20 * SEC);
        expect_phase(CLAIM_HELD);
        push_shown("online", "Working");
        run_for(20 * SEC);
        expect_phase(CLAIM_HELD);
        expect_shown("busy", "In a call");
}

/* As long as it may land, the entry stays: nobody else would know of it. */
Test(core_claim_lost, what_lands_after_another_restart_is_taken_back) {
        struct claim_value late;

        begin(&single_value, "online", "Working");
        late = die_over_write(&single_value, "busy", "In a call");
        run_for(20 * SEC);
        expect_phase(CLAIM_FREE);
        cr_expect_null(claim_owed(&claim), "it is given back");
        cr_assert(on_disk && disk.unsure && disk.given_back, "it may still land");
        restart(&single_value);
        run_for(10 * SEC);
        shown = late;
        push();
        run_for(20 * SEC);
        expect_shown("online", "Working");
        run_for(2 * CLAIM_LANDS_WITHIN);
        cr_expect_not(on_disk);
}

/* The machine has slept meanwhile: nobody has looked since it could. */
Test(core_claim_lost, what_lands_in_a_sleep_is_taken_back) {
        for (unsigned call = 0; call < 2; call++) {
                struct claim_value late;

                begin(&single_value, "online", "Working");
                late = die_over_write(&single_value, "busy", "In a call");
                run_for(20 * SEC);
                expect_phase(CLAIM_FREE);
                cr_assert(on_disk && disk.given_back);
                now += USEC_PER_HOUR;
                shown = late;
                push();
                if (call) {
                        enter("busy", "In a call");
                        claim_set_want(&claim, NULL);
                }
                run_for(2 * CLAIM_LANDS_WITHIN);
                expect_phase(CLAIM_FREE);
                expect_shown("online", "Working");
                cr_expect_not(on_disk);
                claim_done(&claim);
        }
}

/* Who reads the journal is not told that nothing is owed while something is. */
Test(core_claim_lost, what_is_kept_is_owed_again_with_the_next_write) {
        begin(&single_value, "online", "Working");
        (void) die_over_write(&single_value, "busy", "In a call");
        run_for(20 * SEC);
        cr_assert(on_disk && disk.given_back);
        restart(&single_value);
        want("busy", "In a call");
        run_for(20 * SEC);
        expect_phase(CLAIM_HELD);
        cr_expect(on_disk && !disk.given_back);
}

Test(core_claim_lost, a_late_message_is_ours_in_a_claim_of_more) {
        struct claim_value late;

        begin(&single_value, "online", "Working");
        late = die_over_write(&single_value, NULL, "In a call");
        run_for(10 * SEC);
        expect_phase(CLAIM_FREE);
        enter("busy", "On the phone");
        shown = late;
        push();
        run_for(20 * SEC);
        expect_shown("busy", "On the phone");
        expect_given_back(2 * CLAIM_LANDS_WITHIN, "online", "Working");
}

static void expect_message_to_wait_for(const struct claim_value *late) {
        want(NULL, "In a call");
        run_for(10 * SEC);
        shown = *late;
        push();
        run_for(10 * SEC);
        expect_shown("online", "Working");
        run_for(CLAIM_LANDS_WITHIN);
        expect_phase(CLAIM_HELD);
        expect_shown("online", "In a call");
        expect_given_back(10 * SEC, "online", "Working");
}

/* Else the late state would be nobody's: a claim of the message alone repeats whatever state is there. */
Test(core_claim_lost, a_message_alone_waits_for_a_lost_write_of_more) {
        struct claim_value late;

        begin(&single_value, "online", "Working");
        push();
        want("busy", "In a call");
        late = run_to_write();
        claim_on_failure(&claim, CLAIM_FAILED_UNSURE, USEC_NEVER, now, 500);
        claim_set_want(&claim, NULL);
        run_for(20 * SEC);
        expect_phase(CLAIM_FREE);
        expect_message_to_wait_for(&late);
}

/* ... also of an earlier run. */
Test(core_claim_lost, a_message_alone_waits_for_a_lost_write_of_an_earlier_run) {
        struct claim_value late;

        begin(&single_value, "online", "Working");
        late = die_over_write(&single_value, "busy", "In a call");
        run_for(20 * SEC);
        cr_assert(on_disk && disk.given_back);
        restart(&single_value);
        push();
        expect_message_to_wait_for(&late);
}

Test(core_claim_lost, a_third_message_waits_for_no_lost_one) {
        struct claim_value late;

        begin(&single_value, "online", "Working");
        push();
        want("busy", "In a call");
        late = run_to_write();
        claim_on_failure(&claim, CLAIM_FAILED_UNSURE, USEC_NEVER, now, 500);
        want("busy", "On the phone");
        run_for(20 * SEC);
        enter("busy", "In a meeting");
        expect_shown("busy", "In a meeting");
        shown = late;
        push();
        run_for(10 * SEC);
        expect_shown("busy", "In a meeting");
        expect_given_back(2 * CLAIM_LANDS_WITHIN, "online", "Working");
}

/* The journal was lost, and a call goes on: what stands there is no answer to a claim that may never have been. */
Test(core_claim_lost, a_debt_that_is_only_suspected_keeps_no_call_from_being_shown) {
        struct claim_owed suspected = { .prior = value("offline", ""),
                                        .ours = { value("busy", "In a call") },
                                        .n_ours = 1,
                                        .state_claimed = true,
                                        .text_claimed = true };

        begin(&per_device, "online", "Reading");
        claim_resume(&claim, &suspected);
        claim_suspect(&claim);
        on_disk = true;
        want("busy", "In a call");
        push();
        run_for(10 * SEC);
        expect_phase(CLAIM_HELD);
        expect_given_back(10 * SEC, "offline", "Reading");
}

/* A write of the state alone, which may land late, repeats the words of before. */
Test(core_claim_lost, who_says_busy_with_other_words_is_no_late_write_of_a_state) {
        begin_after_state();
        run_for(5 * SEC);
        expect_phase(CLAIM_FREE);
        push_shown("busy", "Lunch");
        want("busy", NULL);
        run_for(10 * SEC);
        expect_phase(CLAIM_FOREIGN);
        expect_given_back(2 * USEC_PER_MIN, "busy", "Lunch");
}

/* What a person has said in the call is what stands there without us by now. */
Test(core_claim_lost, what_was_left_to_a_person_is_no_late_write) {
        begin_after_state();
        want("busy", "In a call");
        expect_step(CLAIM_JOURNAL);
        push_shown("busy", "Lunch");
        claim_set_want(&claim, NULL);
        answer_journal();
        run_for(2 * USEC_PER_MIN);
        expect_phase(CLAIM_FREE);
        expect_shown("busy", "Lunch");
}

/* ---- claims that grow ---- */

/* A push from before the last call was given back. */
Test(core_claim_lost, an_old_state_of_ours_is_nobody_elses) {
        begin(&per_device, "online", "Working");
        push();
        enter("busy", NULL);
        claim_set_want(&claim, NULL);
        run_for(10 * SEC);
        expect_phase(CLAIM_FREE);
        push_shown("busy", "Working");
        set_shown("online", "Working");
        enter("busy", NULL);
}

/* Between its journal entry and its write. */
Test(core_claim_lost, a_claim_that_was_to_grow_by_words_is_given_back_after_a_restart) {
        begin(&single_value, "online", "Working");
        push();
        enter("busy", NULL);
        (void) die_over_write(&single_value, "busy", "In a call");
        push();
        run_for(10 * SEC);
        expect_phase(CLAIM_FREE);
        expect_shown("online", "Working");
}

/* It repeats the words that stood there before the claim grew by words. */
Test(core_claim_lost, a_late_write_of_before_a_claim_grew_is_not_the_servers_doing) {
        begin(&per_device, "online", "Working");
        push();
        want("busy", NULL);
        (void) run_to_write();
        want("busy", "In a call");
        claim_on_failure(&claim, CLAIM_FAILED_UNSURE, USEC_NEVER, now, 500);
        (void) run_to_write();
        claim_on_written(&claim, now);
        set_shown("busy", "Working");
        run_for(2 * USEC_PER_MIN);
        expect_phase(CLAIM_HELD);
        expect_shown("busy", "In a call");
}

Test(core_claim_lost, a_late_write_of_before_a_claim_grew_is_given_back) {
        begin_after_state();
        want("busy", "In a call");
        run_for(SEC);
        push();
        expect_phase(CLAIM_HELD);
        push_shown("busy", "Working");
        expect_given_back(2 * USEC_PER_MIN, "online", "Working");
}

/* The connection on which changes are told has died in silence. */
Test(core_claim_lost, what_a_person_wrote_unheard_is_not_written_over_by_a_refresh) {
        struct claim_traits traits = per_device;

        traits.refresh_interval = 4 * USEC_PER_MIN;
        for (unsigned fails = 0; fails < 2; fails++) {
                hold(&traits, "offline", "Working");
                push();
                run_for(3 * USEC_PER_MIN);
                if (fails) {
                        (void) run_to_write();
                        claim_on_failure(&claim, CLAIM_FAILED_UNSURE, USEC_NEVER, now, 500);
                }
                set_shown("busy", "Lunch");
                run_for(10 * USEC_PER_MIN);
                expect_phase(CLAIM_YIELDED);
                expect_shown("busy", "Lunch");
                expect_given_back(2 * USEC_PER_MIN, "offline", "Lunch");
        }
}

/* ... nor by a write that is tried again after a while. */
Test(core_claim_lost, what_a_person_wrote_unheard_is_not_written_over_by_a_late_try) {
        hold(&per_device, "offline", "Working");
        push();
        want("busy", "On the phone");
        (void) run_to_write();
        claim_on_failure(&claim, CLAIM_FAILED_NOT_APPLIED, now + 5 * USEC_PER_MIN, now, 500);
        set_shown("busy", "Lunch");
        run_for(10 * USEC_PER_MIN);
        expect_phase(CLAIM_YIELDED);
        expect_shown("busy", "Lunch");
}

/* On a device of its own nobody else's state is repeated beside them. */
Test(core_claim_lost, words_alone_are_written_after_a_growth_to_busy_was_refused) {
        begin(&per_device, "online", "Working");
        push();
        want(NULL, "In a call");
        run_for(10 * SEC);
        want("busy", "In a call");
        (void) run_to_write();
        claim_on_failure(&claim, CLAIM_FAILED_REFUSED, USEC_NEVER, now, 500);
        want(NULL, "On the phone");
        run_for(10 * SEC);
        expect_shown("offline", "On the phone");
        expect_phase(CLAIM_HELD);
}

/* Until it was seen, a write that was acknowledged may have had no effect, and what stands there is from before it. */
Test(core_claim_lost, words_are_ours_until_newer_ones_were_seen) {
        begin(&single_value, "online", "Working");
        push();
        want(NULL, "In a call");
        run_for(10 * SEC);
        want(NULL, "On the phone");
        (void) run_to_write();
        claim_on_written(&claim, now);
        want(NULL, "In a meeting");
        (void) run_to_write();
        claim_on_written(&claim, now);
        expect_given_back(2 * USEC_PER_MIN, "online", "Working");
}

/* Its write may have been sent by the earlier run. */
Test(core_claim_lost, a_growth_that_is_refused_after_a_restart_is_owed_still) {
        begin(&per_device, "online", "Working");
        push();
        want("busy", NULL);
        run_for(10 * SEC);
        shown = die_over_write(&per_device, "busy", "In a call");
        want("busy", "In a call");
        push_shown("busy", "Working");
        (void) run_to_write();
        claim_on_failure(&claim, CLAIM_FAILED_REFUSED, USEC_NEVER, now, 500);
        push_shown("busy", "In a call");
        expect_given_back(2 * USEC_PER_MIN, "offline", "Working");
}

/* It repeats the words of before, also those that a later claim gives back. */
Test(core_claim_lost, a_late_state_is_nobody_elses_in_a_claim_of_more) {
        begin_after_state();
        run_for(5 * SEC);
        expect_phase(CLAIM_FREE);
        want("busy", "In a call");
        expect_step(CLAIM_JOURNAL);
        push_shown("busy", "Working");
        answer_journal();
        run_for(10 * SEC);
        expect_phase(CLAIM_HELD);
        expect_given_back(2 * USEC_PER_MIN, "online", "Working");
}

/* With one value per user, what keeps ours alive would write over the prior value. */
Test(core_claim_lost, what_an_earlier_run_died_before_is_not_kept_alive) {
        begin(&single_value, "online", "Working");
        push();
        want("busy", "In a call");
        expect_step(CLAIM_JOURNAL);
        answer_journal();
        restart(&single_value);
        want("busy", "In a call");
        cr_expect_not(claim_is_standing(&claim), "nobody knows yet");
        push();
        cr_expect_not(claim_is_standing(&claim), "it was never written");
        run_for(SEC);
        cr_expect(claim_is_standing(&claim));
}

/* They may have put there what it would go back to. */
Test(core_claim_lost, what_is_kept_for_a_late_write_is_not_told_to_other_machines) {
        struct claim_other news;
        struct claim_request r;

        begin(&single_value, "online", "Working");
        push();
        want("busy", "In a call");
        (void) run_to_write();
        claim_on_failure(&claim, CLAIM_FAILED_UNSURE, USEC_NEVER, now, 500);
        cr_assert(claim_tell_others(&claim, &news));
        claim_set_want(&claim, NULL);
        set_shown("busy", "On the phone");
        for (r = decide(); r.step != CLAIM_JOURNAL || !claim_owed(&claim)->given_back; r = decide()) {
                carry_out(&r);
                if (r.step == CLAIM_NOTHING)
                        now = r.wake_at;
        }
        cr_expect_not(claim_tell_others(&claim, &news));
        disk = *claim_owed(&claim);
        on_disk = true;
        restart(&single_value);
        cr_expect_not(claim_tell_others(&claim, &news));
}

/* The state alone was given back, beside words that another machine went on to say. */
Test(core_claim_lost, words_that_were_left_to_another_machine_and_land_late_are_taken_back) {
        struct claim_other other = { .owed = { .prior = value("offline", "Lunch"),
                                               .ours = { value("busy", "In a call") },
                                               .n_ours = 1,
                                               .order = 1,
                                               .state_claimed = true,
                                               .text_claimed = true },
                                     .live = true };

        begin(&per_device, "offline", "Lunch");
        push();
        want("busy", "In a call");
        run_for(10 * SEC);
        told(&other);
        run_for(10 * SEC);
        claim_set_want(&claim, NULL);
        cr_expect_str_eq(run_to_write().text, "In a call");
        claim_on_failure(&claim, CLAIM_FAILED_UNSURE, USEC_NEVER, now, 500);
        other.live = false;
        other.done = true;
        push_shown("offline", "Lunch");
        told(&other);
        run_for(20 * SEC);
        expect_phase(CLAIM_FREE);
        push_shown("offline", "In a call");
        run_for(2 * CLAIM_LANDS_WITHIN);
        expect_phase(CLAIM_FREE);
        expect_shown("offline", "Lunch");
        cr_expect_not(on_disk);
}

/* A machine that claims the state alone has repeated the words that it had read before ours came, and is heard late.
 */
Test(core_claim_lost, words_that_another_machine_has_overwritten_unaware_are_written_again) {
        struct claim_other other = machine(1, "offline", "", "unavailable", NULL);

        other.live = true;
        begin(&per_device, "offline", "");
        want("unavailable", "In a call");
        (void) run_to_write();
        claim_on_written(&claim, now);
        set_shown("unavailable", "");
        run_for(5 * SEC);
        expect_phase(CLAIM_NO_EFFECT);
        told_by(other, other);
        run_for(10 * SEC);
        expect_phase(CLAIM_HELD);
        expect_shown("unavailable", "In a call");
}

/* Between what gave back and the look at it. */
Test(core_claim_lost, what_a_person_wrote_meanwhile_is_what_a_late_write_goes_back_to) {
        static const struct claim_traits *const all[] = { &single_value, &per_device };

        for (size_t i = 0; i < ARRAY_SIZE(all); i++) {
                struct claim_value late;

                begin(all[i], "online", "Working");
                push();
                want("busy", "In a call");
                late = run_to_write();
                set_shown("busy", "In a call");
                restart(all[i]);
                (void) run_to_write();
                claim_on_written(&claim, now);
                set_shown("unavailable", "Lunch");
                run_for(10 * SEC);
                expect_phase(CLAIM_FREE);
                cr_expect_str_eq(disk.prior.text, "Lunch", "%s", disk.prior.text);
                shown = late;
                push();
                run_for(10 * SEC);
                expect_shown(all[i]->per_device ? "offline" : "unavailable", "Lunch");
        }
}
