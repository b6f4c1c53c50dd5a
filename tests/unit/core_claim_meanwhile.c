/* Words of a person that are told while what gives back is under way, which may come after them and hide them. */
#include "core_claim.h"

static const struct claim_traits *const with_one_text[] = { &single_value, &per_device };

static struct claim_value tell_while_giving_back(const struct claim_traits *traits, const char *text) {
        struct claim_value back;

        hold(traits, "online", "Lunch");
        claim_set_want(&claim, NULL);
        back = run_to_write();
        push_shown(traits->per_device ? "busy" : "unavailable", text);
        return back;
}

static void expect_persons_in_the_end(const char *text) {
        bool own = claim.traits.per_device;

        run_for(2 * USEC_PER_MIN);
        expect_phase(CLAIM_FREE);
        expect_shown(own ? "offline" : "unavailable", text);
        cr_expect_not(on_disk);
        claim_done(&claim);
}

Test(core_claim_meanwhile, words_that_giving_back_has_hidden_come_back) {
        for (size_t i = 0; i < ARRAY_SIZE(with_one_text); i++)
                for (unsigned way = 0; way < 5; way++) {
                        struct claim_value back, told;

                        back = tell_while_giving_back(with_one_text[i], way == 4 ? "In a call" : "Reading");
                        told = shown;
                        shown = back;
                        if (way == 3)
                                push();
                        claim_on_written(&claim, now);
                        if (way == 4) {
                                claim_value_put_text(&told, "Reading");
                                claim_on_seen(&claim, &told, now);
                        }
                        if (way == 1)
                                push();
                        if (way == 2)
                                want("busy", "In a call");
                        run_for(10 * SEC);
                        claim_set_want(&claim, NULL);
                        expect_persons_in_the_end("Reading");
                }
}

Test(core_claim_meanwhile, words_that_came_after_what_gives_back_are_left_alone) {
        for (size_t i = 0; i < ARRAY_SIZE(with_one_text); i++) {
                unsigned before;

                (void) tell_while_giving_back(with_one_text[i], "Reading");
                if (with_one_text[i]->per_device)
                        set_shown("offline", "Reading");
                before = writes;
                claim_on_written(&claim, now);
                expect_persons_in_the_end("Reading");
                cr_expect_eq(writes, before);
        }
}

/* With one value per user they may be a machine's that has told nothing yet, as the state says. */
Test(core_claim_meanwhile, words_beside_a_state_that_is_taken_are_not_put_back) {
        shown = tell_while_giving_back(&single_value, "In a call");
        claim_on_seen(&claim, &(struct claim_value){ "busy", "On the phone" }, now);
        claim_on_written(&claim, now);
        run_for(2 * USEC_PER_MIN);
        expect_phase(CLAIM_FREE);
        expect_shown("online", "Lunch");
        claim_done(&claim);
}

Test(core_claim_meanwhile, who_releases_it_beside_such_words_does_not_hold_it) {
        (void) tell_while_giving_back(&per_device, "Reading");
        claim_on_written(&claim, now);
        for (struct claim_request r = decide(); r.step != CLAIM_FORGET; r = decide()) {
                carry_out(&r);
                now = r.step == CLAIM_NOTHING ? r.wake_at : now;
        }
        push_shown("offline", "Reading");
        claim_on_forgotten(&claim);
        expect_phase(CLAIM_FREE);
        claim_done(&claim);
}

Test(core_claim_meanwhile, newer_words_than_those_that_are_hidden_stay) {
        for (size_t i = 0; i < ARRAY_SIZE(with_one_text); i++) {
                shown = tell_while_giving_back(with_one_text[i], "Reading");
                claim_on_written(&claim, now);
                push();
                push_shown(with_one_text[i]->per_device ? "offline" : "unavailable", "Newer");
                expect_persons_in_the_end("Newer");
        }
}

/* ... also where the answers to what gives back, or to what puts them back, are lost or bad. */
Test(core_claim_meanwhile, words_that_are_hidden_come_back_after_failures) {
        static const enum claim_failure failures[] = { CLAIM_FAILED_UNSURE, CLAIM_FAILED_NOT_APPLIED };

        for (size_t i = 0; i < ARRAY_SIZE(with_one_text); i++)
                for (size_t f = 0; f < ARRAY_SIZE(failures); f++)
                        for (unsigned again = 0; again < 2; again++) {
                                shown = tell_while_giving_back(with_one_text[i], "Reading");
                                if (f == 0)
                                        claim_on_failure(&claim, failures[f], USEC_NEVER, now, 500);
                                else
                                        claim_on_written(&claim, now);
                                (void) run_to_write();
                                claim_on_failure(&claim, failures[f], USEC_NEVER, now, 500);
                                if (again)
                                        want("busy", "In a call");
                                run_for(USEC_PER_MIN);
                                claim_set_want(&claim, NULL);
                                expect_persons_in_the_end("Reading");
                        }
}

/* Nobody knows whose they are while other machines are not heard, and those of one that was heard are its own. */
Test(core_claim_meanwhile, words_of_another_machine_that_giving_back_has_hidden_are_its_own) {
        for (size_t i = 0; i < ARRAY_SIZE(with_one_text); i++)
                for (unsigned deaf = 0; deaf < 2; deaf++) {
                        struct claim_other other = machine(2, "online", "Lunch", "busy", "Reading");

                        hold(with_one_text[i], "online", "Lunch");
                        claim_set_deaf(&claim, deaf);
                        claim_set_want(&claim, NULL);
                        shown = run_to_write();
                        claim_on_seen(&claim, &other.owed.ours[0], now);
                        claim_on_written(&claim, now);
                        if (!deaf)
                                told_done(&other);
                        run_for(2 * USEC_PER_MIN);
                        expect_phase(CLAIM_FREE);
                        expect_shown(with_one_text[i]->per_device ? "offline" : "online", "Lunch");
                        claim_done(&claim);
                }
}

/* While those are put back, what gave back is told, or the person writes once more. */
Test(core_claim_meanwhile, what_is_told_while_hidden_words_are_put_back) {
        for (size_t i = 0; i < ARRAY_SIZE(with_one_text); i++)
                for (unsigned newer = 0; newer < 3; newer++) {
                        static const char *const last[] = { "Reading", "Newer", "Lunch" };
                        struct claim_value back, again;

                        back = shown = tell_while_giving_back(with_one_text[i], "Reading");
                        claim_on_written(&claim, now);
                        again = run_to_write();
                        cr_assert_str_eq(again.text, "Reading");
                        claim_on_seen(&claim, &back, now);
                        if (newer == 1)
                                push_shown(back.state, "Newer");
                        shown = again;
                        claim_on_written(&claim, now);
                        if (newer == 2)
                                set_shown(back.state, "Lunch");
                        run_for(2 * USEC_PER_MIN);
                        expect_phase(CLAIM_FREE);
                        cr_expect_str_eq(shown.text, last[newer]);
                        claim_done(&claim);
                }
}

/* As above, where ours did not last. The connection dies right after it has told of that. */
Test(core_claim_meanwhile, what_a_person_wrote_unheard_before_ours_is_written_again_stays) {
        hold(&single_value, "online", "Working");
        push();
        run_for(2 * USEC_PER_MIN);
        push_shown("online", "In a call");
        (void) expect_step(CLAIM_READ);
        answer_read();
        expect_phase(CLAIM_ENTERING);
        set_shown("online", "Lunch");
        run_for(USEC_PER_MIN);
        expect_shown("online", "Lunch");
        expect_phase(CLAIM_YIELDED);
        claim_done(&claim);
}
