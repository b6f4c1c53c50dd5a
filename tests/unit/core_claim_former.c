/* The claim machine, one scene a test: words of ours from before they were changed within the call, and what was taken
 * for a person's before something that was not. */
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

/* A person has written over ours. Words that come over those look like the person's until their machine is heard: that
 * one has begun since, and has found what we have given way to. */
Test(core_claim_former, words_of_a_machine_over_a_persons_are_no_reason_to_begin_again) {
        static const struct claim_traits *const traits[] = { &single_value, &per_device };
        static const struct row {
                const char *what, *persons; /* NULL: none were there */
                const char *found;          /* by the other machine */
                bool ends_first, begins;
        } rows[] = {
                { "a person's, and it ends first", "Reading", "Reading", true, false },
                { "a person's, and we end first", "Reading", "Reading", false, false },
                { "a person's that it has not found", "Reading", "In a call", true, false },
                { "its own alone", NULL, "Lunch", true, true },
                { "its own both, the first beside a state of another client", "Back soon", "Lunch", true, true },
        };

        for (size_t i = 0; i < ARRAY_SIZE(rows) * 2; i++) {
                const struct claim_traits *t = traits[i % 2];
                const struct row *row = &rows[i / 2];
                struct claim_other other = machine(2, t->per_device ? "busy" : "unavailable", row->found,
                                                   "unavailable", "At the dentist");
                const char *last = row->begins ? "Lunch" : row->persons;

                begin(t, "online", "Lunch");
                push();
                enter("unavailable", "In a call");
                run_for(USEC_PER_MIN);
                if (row->persons) {
                        push_shown(row->begins ? "online" : "unavailable", row->persons);
                        run_for(USEC_PER_MIN);
                        expect_phase(CLAIM_YIELDED);
                }
                push_shown("unavailable", "At the dentist");
                run_for(SEC);
                expect_phase(CLAIM_YIELDED);
                if (row->begins && row->persons)
                        cr_assert(claim_owed_add(&other.owed, &(struct claim_value){ "unavailable", "Back soon" }));
                told_live(&other);
                run_for(10 * SEC);
                cr_expect_eq(claim_phase(&claim), row->begins ? CLAIM_HELD : CLAIM_YIELDED, "%s: %s", row->what,
                             claim_phase_to_string(claim_phase(&claim)));
                cr_expect_str_eq(shown.text, row->begins ? "In a call" : "At the dentist", "%s", row->what);
                if (!row->ends_first) {
                        claim_set_want(&claim, NULL);
                        run_for(USEC_PER_MIN);
                }
                other.live = false;
                told(&other);
                push_shown("unavailable", last);
                told_done(&other);
                run_for(10 * SEC);
                claim_set_want(&claim, NULL);
                run_for(2 * USEC_PER_MIN);
                expect_phase(CLAIM_FREE);
                cr_expect_str_eq(shown.text, last, "%s", row->what);
                if (!t->per_device && !row->begins)
                        cr_expect_str_eq(shown.state, "unavailable", "%s", row->what);
                claim_done(&claim);
        }
}
