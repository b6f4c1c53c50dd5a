/* The claim machine, one scene a test: words of ours from before they were changed within the call. */
#include "core_claim.h"

/* A machine that claims the state alone repeats the words that it has read, which we have changed meanwhile. It may be
 * heard of later than what it does, and be slow, but not for ever. */
Test(core_claim_former, former_words_that_another_machine_repeats_are_no_persons) {
        enum { GOES_ON, GIVES_BACK, HAS_JUST_BEGUN, IS_DONE, HAS_WORDS };
        static const struct row {
                unsigned other;
                bool again; /* changed once more, before they show */
                usec_t after;
                bool persons;
        } rows[] = {
                { GOES_ON, false, SEC, false },
                { GOES_ON, true, SEC, false },
                { GIVES_BACK, false, SEC, false },
                { GOES_ON, false, USEC_PER_MIN, false },
                { GOES_ON, false, 2 * USEC_PER_MIN, true },
                { HAS_JUST_BEGUN, false, SEC, false },
                { IS_DONE, false, 10 * SEC, true },
                { HAS_WORDS, false, 10 * SEC, true },
        };

        for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
                struct claim_other other = machine(2, "online", "Lunch", "busy", NULL);
                const struct row *row = &rows[i];

                hold(&single_value, "online", "Lunch");
                other.done = row->other == IS_DONE || row->other == HAS_JUST_BEGUN;
                other.owed.text_claimed = row->other == HAS_WORDS;
                claim_value_put_text(&other.owed.ours[0], other.owed.text_claimed ? "On the phone" : "Lunch");
                other.live = !other.done;
                told(&other);
                want("busy", "At the dentist");
                run_for(2 * USEC_PER_MIN);
                push();
                want("busy", "In a call");
                run_for(0);
                push();
                expect_phase(CLAIM_HELD);
                if (row->again) {
                        want("busy", "Back soon");
                        run_for(0);
                        push();
                        expect_phase(CLAIM_HELD);
                }
                if (row->other == GIVES_BACK) {
                        other.live = false;
                        told(&other);
                }
                run_for(row->after);
                push_shown(row->persons ? "online" : "busy", "At the dentist");
                if (row->other == HAS_JUST_BEGUN) {
                        other.owed.order = 3;
                        other.done = false;
                        told_live(&other);
                }
                run_for(10 * SEC);
                cr_expect_eq(claim_phase(&claim), row->persons ? CLAIM_YIELDED : CLAIM_HELD, "%zu: %s", i,
                             claim_phase_to_string(claim_phase(&claim)));
                cr_expect_str_eq(shown.text,
                                 row->persons ? "At the dentist"
                                 : row->again ? "Back soon"
                                              : "In a call",
                                 "%zu: %s", i, shown.text);
                claim_done(&claim);
        }
}

/* However many there were before them. */
Test(core_claim_former, words_that_change_again_and_again_beside_another_machine_stand) {
        struct claim_other other = machine(2, "online", "Lunch", "busy", NULL);
        char words[] = "a";

        hold(&single_value, "online", "Lunch");
        claim_value_put_text(&other.owed.ours[0], "Lunch");
        told_live(&other);
        for (; words[0] < 'a' + 2 * CLAIM_OURS_MAX; words[0]++) {
                want("busy", words);
                run_for(SEC);
                expect_shown("busy", words);
                push();
        }
        told_done(&other);
        expect_given_back(USEC_PER_MIN, "online", "Lunch");
}
