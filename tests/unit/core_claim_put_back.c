/* Words that another machine has put back which heard nothing of our claim: it says so, and they are no person's. */
#include "core_claim.h"

/* Who hears nothing puts back what was there before its own call, also over our words: it knows nothing of what was
 * written within that, and found by us. It tells. */
Test(core_claim_put_back, who_has_never_heard_of_our_claim_puts_back_what_is_older) {
        enum { BEFORE, BEFORE_A_CLIENT, AFTER, LONG_AFTER, NEVER };
        static const struct row {
                const char *what;
                bool known;     /* when ours begins */
                unsigned order; /* ours is 2, or 1 where it is not */
                const char *says, *text;
                int shows; /* ... that, as it is told of */
                const char *between;
                enum claim_phase phase;
        } rows[] = {
                { "it shows, and is told of", true, 1, "In a call", "Lunch", BEFORE, NULL, CLAIM_HELD },
                { "... when a client has come up", true, 1, "In a call", "Lunch", BEFORE_A_CLIENT, NULL, CLAIM_HELD },
                { "it is told of, and shows", true, 1, "In a call", "Lunch", AFTER, NULL, CLAIM_HELD },
                { "it shows when it must have shown long before", true, 1, "In a call", "Lunch", LONG_AFTER, NULL,
                  CLAIM_YIELDED },
                { "it was a person, who has written the same", true, 1, "In a call", "Lunch", NEVER, NULL,
                  CLAIM_YIELDED },
                { "... and other words before", true, 1, "In a call", "Lunch", AFTER, "New", CLAIM_YIELDED },
                { "it cannot have taken our words for its own", true, 1, "On the phone", "Lunch", BEFORE, NULL,
                  CLAIM_YIELDED },
                { "it may have found what came later", false, 1, "In a call", "Lunch", BEFORE, NULL, CLAIM_YIELDED },
                { "perhaps it has", true, 0, "In a call", "Lunch", BEFORE, NULL, CLAIM_YIELDED },
                { "it has found other words", true, 1, "In a call", "New", BEFORE, NULL, CLAIM_YIELDED },
        };
        static const struct claim_traits *const traits[] = { &single_value, &per_device };

        for (size_t i = 0; i < ARRAY_SIZE(rows) * 2; i++) {
                const struct row *row = &rows[i / 2];
                struct claim_other other = machine(1, "offline", "Lunch", "busy", row->says);

                begin(traits[i % 2], "unavailable", "Reading");
                push();
                if (row->known)
                        told_live(&other);
                enter("busy", "In a call");
                push();
                run_for(2 * USEC_PER_MIN);
                other.owed.order = row->order;
                told_live(&other);
                other.live = false;
                told(&other);
                if (row->shows <= BEFORE_A_CLIENT) {
                        push_shown("offline", row->text);
                        run_for(SEC);
                        expect_phase(CLAIM_YIELDED);
                }
                if (row->shows == BEFORE_A_CLIENT)
                        push_shown("online", row->text);
                if (row->between)
                        push_shown("offline", row->between);
                other.put_back = row->shows != NEVER;
                told_done(&other);
                if (row->shows == LONG_AFTER)
                        run_for(2 * CLAIM_ASK_AFTER);
                if (row->shows > BEFORE_A_CLIENT)
                        push_shown("offline", row->text);
                run_for(USEC_PER_MIN);
                cr_expect_eq(claim_phase(&claim), row->phase, "%s: %s", row->what,
                             claim_phase_to_string(claim_phase(&claim)));
                cr_expect_str_eq(shown.text, row->phase == CLAIM_HELD ? "In a call" : row->text, "%s", row->what);
                claim_set_want(&claim, NULL);
                run_for(USEC_PER_MIN);
                cr_expect_str_eq(shown.text, row->phase == CLAIM_HELD ? "Reading" : row->text, "%s", row->what);
                claim_done(&claim);
        }
}

/* Who knows of none before ours leaves none. Another client that comes up after that brings a state of its own, and
 * takes no words away: they are gone by then. Who takes ours away in person comes with a state, and be it that another
 * client brings one after that. */
Test(core_claim_put_back, none_were_left_with_the_state_that_came_as_ours_went) {
        static const struct row {
                const char *with, *later;
                bool by_person;
        } rows[] = {
                { "offline", "online", false },
                { "offline", "unavailable", false },
                { "online", "offline", true },
                { "online", "unavailable", true },
        };

        for (unsigned i = 0; i < 3 * ARRAY_SIZE(rows); i++) {
                struct claim_other other = machine(0, "busy", "In a call", "busy", "In a call");
                const struct row *row = &rows[i / 3];
                bool in_call = i % 3, once_more = i % 3 == 2;

                begin(&single_value, "online", "Lunch");
                push();
                /* What showed before ours tells nothing. */
                push_shown("offline", "");
                push_shown("online", "Lunch");
                enter("busy", "In a call");
                push();
                told_live(&other);
                run_for(USEC_PER_MIN);
                if (!in_call)
                        claim_set_want(&claim, NULL);
                push_shown(row->with, "");
                run_for(SEC);
                push_shown(row->later, "");
                if (once_more)
                        push();
                run_for(3 * USEC_PER_MIN);
                other.done_for = 3 * USEC_PER_MIN;
                other.put_back = !row->by_person;
                told_done(&other);
                run_for(20 * SEC);
                if (in_call)
                        expect_phase(row->by_person ? CLAIM_YIELDED : CLAIM_HELD);
                expect_given_back(USEC_PER_MIN, row->by_person ? row->later : "online", row->by_person ? "" : "Lunch");
                claim_done(&claim);
        }
}

/* What is seen first after a start came with the state that is seen then. */
Test(core_claim_put_back, none_that_are_there_at_a_start_came_with_the_state_beside_them) {
        static const char *const states[] = { "offline", "online" };

        for (unsigned i = 0; i < ARRAY_SIZE(states); i++) {
                struct claim_other other = machine(0, "busy", "In a call", "busy", "In a call");

                hold(&single_value, "online", "Lunch");
                restart(&single_value);
                told_live(&other);
                push_shown(states[i], "");
                told_done(&other);
                run_for(USEC_PER_MIN);
                expect_phase(CLAIM_FREE);
                expect_shown("online", i == 0 ? "Lunch" : "");
                claim_done(&claim);
        }
}

/* Once ours stand there again, the same is a person's. */
Test(core_claim_put_back, what_was_put_back_unheard_is_put_back_once) {
        struct claim_other other = machine(1, "offline", "Lunch", "busy", "In a call");

        begin(&single_value, "unavailable", "Reading");
        push();
        told_live(&other);
        enter("busy", "In a call");
        run_for(2 * USEC_PER_MIN);
        push_shown("offline", "Lunch");
        other.put_back = true;
        told_done(&other);
        shown = run_to_write();
        claim_on_written(&claim, now);
        push();
        expect_phase(CLAIM_HELD);
        run_for(SEC);
        push_shown("offline", "Lunch");
        run_for(USEC_PER_MIN);
        expect_phase(CLAIM_YIELDED);
        expect_given_back(USEC_PER_MIN, "offline", "Lunch");
        claim_done(&claim);
}

/* ... also where we end as it does so, and the write that takes it away again has to wait. */
Test(core_claim_put_back, what_is_older_is_taken_away_again_as_we_end) {
        static const struct claim_traits *const traits[] = { &single_value, &per_device };

        for (size_t i = 0; i < ARRAY_SIZE(traits) * 4; i++) {
                const struct claim_traits *t = traits[i % 2];
                struct claim_other other = machine(1, "offline", "Lunch", "busy", "In a call");
                bool in_call = i / 2 % 2, waits = i / 4;
                struct claim_value back;

                begin(t, "unavailable", "Reading");
                push();
                told_live(&other);
                enter("busy", "In a call");
                run_for(2 * USEC_PER_MIN);
                other.live = false;
                told(&other);
                if (!in_call)
                        claim_set_want(&claim, NULL);
                push_shown(t->per_device ? "busy" : "offline", "Lunch");
                if (in_call)
                        run_for(SEC);
                claim_set_want(&claim, NULL);
                if (t->per_device) {
                        back = run_to_write();
                        cr_expect_str_eq(back.text, "Lunch");
                        if (waits)
                                claim_on_failure(&claim, CLAIM_FAILED_NOT_APPLIED, now + USEC_PER_MIN, now, 500);
                        else {
                                shown = back;
                                claim_on_written(&claim, now);
                        }
                }
                other.put_back = true;
                told_done(&other);
                run_for(2 * USEC_PER_MIN);
                expect_phase(CLAIM_FREE);
                expect_shown(t->per_device ? "offline" : "unavailable", "Reading");
                claim_done(&claim);
        }
}

/* That is told of words that were put back, and while nothing is heard. */
Test(core_claim_put_back, who_puts_words_back_unheard_tells) {
        for (unsigned i = 0; i < 3; i++) {
                struct claim_other ours;

                hold(&single_value, "online", "Lunch");
                claim_set_deaf(&claim, i != 1);
                cr_assert(claim_tell_others(&claim, &ours));
                cr_expect_not(ours.put_back);
                if (i == 2)
                        set_shown("online", "New");
                claim_set_want(&claim, NULL);
                claim_on_unsure(&claim);
                for (unsigned n = 0; n < 100 && claim_phase(&claim) == CLAIM_LEAVING && !claim.in.leaving.confirmed;
                     n++) {
                        struct claim_request r = decide();

                        if (r.step == CLAIM_NOTHING)
                                now = r.wake_at;
                        if (r.step == CLAIM_FORGET)
                                break;
                        carry_out(&r);
                }
                cr_assert(claim_tell_others(&claim, &ours));
                cr_expect_eq(ours.put_back, i == 0, "%u", i);
                claim_done(&claim);
        }
}

/* It has found our words, was never told what was before them, and so has put back none. It may say so late. */
Test(core_claim_put_back, none_that_a_machine_puts_back_unheard_are_no_persons) {
        static const struct row {
                const char *what, *found, *state, *text; /* what shows */
                bool tells, persons;
        } rows[] = {
                { "it could not know", "In a call", "offline", "", true, false },
                { "it knew of nothing there", "", "offline", "", true, true },
                { "it has heard us", "In a call", "offline", "", false, true },
                { "others stand there", "In a call", "offline", "New", true, true },
                { "a person has chosen a state with it", "In a call", "online", "", true, true },
        };

        for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
                const struct row *row = &rows[i];
                struct claim_other other = machine(0, "busy", row->found, "busy", "In a call");

                hold(&single_value, "unavailable", "Reading");
                told_live(&other);
                run_for(2 * USEC_PER_MIN);
                push_shown(row->state, row->text);
                run_for(5 * USEC_PER_MIN);
                expect_phase(CLAIM_YIELDED);
                other.put_back = row->tells;
                told_done(&other);
                run_for(10 * SEC);
                cr_expect_eq(claim_phase(&claim), row->persons ? CLAIM_YIELDED : CLAIM_HELD, "%s", row->what);
                claim_set_want(&claim, NULL);
                run_for(USEC_PER_MIN);
                cr_expect_str_eq(shown.text, row->persons ? row->text : "Reading", "%s", row->what);
                claim_done(&claim);
        }
}

/* Who has left none that way, and finds none as its next call begins, knows no more than before: who does know has
 * perhaps not been heard yet. */
Test(core_claim_put_back, none_that_were_left_unknowing_are_not_found) {
        static const struct row {
                const char *what, *text, *state; /* which show before the next call */
                const char *then;
                bool known, alone;
                unsigned order;
        } rows[] = {
                { "they are what was left", "", "online", "", false, false, 0 },
                { "somebody has put a state there", "", "unavailable", "", false, false, 0 },
                { "words have stood there since", "New", "online", "", false, false, 2 },
                { "words stand there", "New", "online", "New", false, false, 2 },
                { "it was known that there were none", "", "online", "", true, false, 2 },
                { "nobody is there to know", "", "online", "", false, true, 1 },
        };
        for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
                struct claim_other other = machine(1, "online", "Reading", "busy", "At the dentist"), ours;
                const struct row *row = &rows[i];

                begin(&single_value, "online", row->known ? "" : "In a call");
                push();
                enter("busy", "In a call");
                if (!row->alone)
                        told_done(&other);
                expect_given_back(USEC_PER_MIN, "online", "");
                push();
                push_shown(row->state, row->text);
                push_shown(row->state, row->then);
                run_for(2 * USEC_PER_MIN);
                push();
                enter("busy", "On the phone");
                cr_assert(claim_tell_others(&claim, &ours));
                cr_expect_eq(ours.owed.order, row->order, "%s: %u", row->what, ours.owed.order);
                cr_expect_str_eq(ours.owed.prior.text, row->order > 0 ? row->then : "On the phone", "%s", row->what);
                expect_given_back(USEC_PER_MIN, row->state, row->then);
                claim_done(&claim);
        }
}
