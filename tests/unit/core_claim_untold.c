/* The claim machine, one scene a test: what one machine of the user could not tell another, since it was cut off or
 * dead. */
#include "core_claim.h"

/* It has found our words, and could put back none: nobody but us knows what was there before. Where each device has a
 * state of its own, and one text is everybody's, no state tells of that. */
Test(core_claim_untold, words_that_a_machine_could_not_know_are_put_back_for_it) {
        static const struct row {
                const char *prior, *state, *text;
        } rows[] = {
                { "In a call", "online", "In the garden" },
                { "In a call", "busy", "In the garden" }, /* on another device still */
                { "In the garden", "online", "" },        /* as a person says who takes words away */
        };

        for (unsigned i = 0; i < 3 * ARRAY_SIZE(rows); i++) {
                const struct row *row = &rows[i / 3];
                struct claim_other other = machine(0, "online", row->prior, NULL, "In a call");
                bool in_call = i % 3, heard_late = i % 3 == 2;

                hold(&per_device, "online", "In the garden");
                other.live = true;
                cr_assert_geq(claim_on_others(&claim, &other, 1, now), 0);
                run_for(10 * SEC);
                if (!in_call)
                        claim_set_want(&claim, NULL);
                run_for(10 * SEC);
                if (heard_late) {
                        push_shown(row->state, "");
                        run_for(SEC);
                        expect_phase(CLAIM_YIELDED);
                }
                told_done(&other);
                if (!heard_late)
                        push_shown(row->state, "");
                run_for(10 * SEC);
                claim_set_want(&claim, NULL);
                run_for(USEC_PER_MIN);
                expect_phase(CLAIM_FREE);
                cr_assert_str_eq(shown.text, row->text, "%u", i);
                claim_done(&claim);
        }
}

/* It has found our words beside a state of ours, and another client has set one since: that one it leaves as it is, so
 * nothing but our words goes. Who takes words away in person comes with a state, and be it the one that was there
 * before us. */
Test(core_claim_untold, none_are_left_beside_the_state_that_another_client_has_set) {
        static const struct row {
                const char *state, *text; /* shown before none are */
                const char *beside;       /* ... and then */
                bool by_person, wordless; /* we have none any more in the same call */
        } rows[] = {
                { "online", "On the phone", "online", false, false },
                { "online", "On the phone", "dnd", true, false },
                { "unavailable", "On the phone", "online", true, false },
                { "online", "Lunch", "online", true, false },
                { "dnd", "", "dnd", false, true },
        };

        for (unsigned i = 0; i < 2 * ARRAY_SIZE(rows); i++) {
                struct claim_other other = machine(0, "unavailable", "On the phone", "unavailable", "On the phone");
                const struct row *row = &rows[i / 2];
                bool on_the_way_back = i % 2;

                begin(&single_value, "online", "In the garden");
                push();
                enter("unavailable", "On the phone");
                told_live(&other);
                if (row->wordless) {
                        want("unavailable", "");
                        (void) run_to_write(); /* both may stand there for now */
                        claim_on_failure(&claim, CLAIM_FAILED_UNSURE, USEC_NEVER, now, 500);
                }
                run_for(10 * SEC);
                if (on_the_way_back)
                        claim_set_want(&claim, NULL);
                run_for(10 * SEC);
                push_shown(row->state, row->text);
                other.live = false;
                told(&other);
                push_shown(row->beside, "");
                push(); /* again, as on a new connection */
                run_for(SEC);
                told_done(&other);
                run_for(10 * SEC);
                if (!on_the_way_back)
                        expect_phase(row->by_person ? CLAIM_YIELDED : CLAIM_HELD);
                expect_given_back(USEC_PER_MIN, row->beside, row->by_person ? "" : "In the garden");
                claim_done(&claim);
        }
}

/* ... as it does the one that our own poll has put there since, also on its way before anything was known. */
Test(core_claim_untold, none_are_left_beside_the_state_that_our_polls_bring_about) {
        for (unsigned i = 0; i < 4; i++) {
                bool on_the_way_back = i % 2, by_person = i / 2;
                struct claim_other other = machine(0, "busy", "In a call", "busy", "In a call");
                struct claim_traits traits = single_value;

                traits.kept_as = by_person ? NULL : "unavailable";
                hold(&traits, "offline", "In the garden");
                told_live(&other);
                run_for(10 * SEC);
                other.live = false;
                told(&other);
                if (on_the_way_back)
                        claim_set_want(&claim, NULL);
                push_shown("unavailable", "");
                run_for(SEC);
                told_done(&other);
                run_for(10 * SEC);
                expect_given_back(USEC_PER_MIN, by_person ? "unavailable" : "offline",
                                  by_person ? "" : "In the garden");
                claim_done(&claim);
        }
}

/* ... or while nothing was told here, be that known or not: the machine that could not know has ended between the last
 * time that ours were seen and the first time that they were not. */
Test(core_claim_untold, none_are_left_by_who_has_ended_while_nothing_was_told) {
        for (unsigned i = 0; i < 8; i++) {
                struct claim_other other = machine(0, "unavailable", "In a call", "unavailable", "In a call");
                bool heard_first = i % 2, by_person = i / 2 % 2, in_silence = i / 4;

                begin(&single_value, "unavailable", "Lunch");
                push();
                enter("unavailable", "In a call");
                run_for(20 * USEC_PER_MIN);
                push();
                if (!in_silence)
                        claim_on_unsure(&claim);
                now += 10 * USEC_PER_MIN;
                other.done_for = by_person ? 15 * USEC_PER_MIN : 5 * USEC_PER_MIN;
                if (heard_first)
                        told_done(&other);
                set_shown("unavailable", "");
                if (in_silence)
                        claim_on_doubt(&claim, /* released= */ false, now);
                else
                        push();
                run_for(20 * SEC);
                if (!heard_first) {
                        expect_phase(CLAIM_YIELDED);
                        push();
                        told_done(&other);
                        run_for(20 * SEC);
                }
                expect_phase(by_person ? CLAIM_YIELDED : CLAIM_HELD);
                expect_given_back(USEC_PER_MIN, "unavailable", by_person ? "" : "Lunch");
                claim_done(&claim);
        }
}

/* It has left its words to a machine that goes on, which says others: that one knows what was before, and whoever has
 * come since does not. */
Test(core_claim_untold, words_left_to_a_machine_that_says_others_are_known_by_that) {
        static const struct row {
                const char *what, *state, *text; /* which go back */
                const char *known, *claimed;     /* by the machine that goes on: words, and its state */
                bool unknown;                    /* ... to the other one, which has not gone */
        } rows[] = {
                { "left", "offline", "Reading", "Reading", "unavailable", false },
                { "left to who claims words alone", "unavailable", "Reading", "Reading", NULL, false },
                { "left to who knows nothing", "unavailable", "", "In a call", "unavailable", false },
                { "not left", "offline", "", "Reading", "unavailable", true },
        };

        for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
                const struct row *row = &rows[i];
                struct claim_other goes_on = machine(0, "offline", row->known, row->claimed, "In a call"),
                                   other = machine(1, "offline", row->unknown ? "At the dentist" : "Lunch",
                                                   "unavailable", "At the dentist");

                goes_on.live = true;
                other.done = !row->unknown;
                begin(&single_value, "unavailable", "At the dentist");
                told_by(goes_on, other);
                run_for(10 * USEC_PER_MIN);
                push();
                enter("unavailable", "In a call");
                goes_on.live = false;
                goes_on.waits = other.waits = true;
                told_by(goes_on, other);
                claim_set_want(&claim, NULL);
                run_for(USEC_PER_MIN);
                cr_expect(streq(shown.state, row->state) && streq(shown.text, row->text), "%s: '%s' '%s'", row->what,
                          shown.state, shown.text);
                claim_done(&claim);
        }
}

/* Ours stood there before we wrote them, and nobody has told: another machine knows what was before, and is to be told
 * that we do not, also after somebody else has changed the state. */
Test(core_claim_untold, what_was_not_known_is_told_as_not_known) {
        for (unsigned changed = 0; changed < 2; changed++) {
                struct claim_other told;

                begin(&single_value, "online", "In a call");
                push();
                want("unavailable", "In a call");
                run_for(10 * SEC);
                if (changed) {
                        set_shown("online", "In a call");
                        push();
                        run_for(20 * SEC);
                }
                expect_shown("unavailable", "In a call");
                cr_assert(claim_tell_others(&claim, &told));
                cr_assert_eq(told.owed.order, 0);
                cr_assert_str_eq(told.owed.prior.text, "In a call");
                claim_done(&claim);
        }
}

/* It is known from the other machine, which is to learn in turn what another client has set within the call: that is
 * found by us, and newer than all it knows. */
Test(core_claim_untold, what_is_known_from_another_machine_is_told_with_what_we_have_found_since) {
        static const char *const texts[] = { "", "Lunch" };

        for (size_t i = 0; i < ARRAY_SIZE(texts); i++) {
                struct claim_other other = machine(1, "offline", texts[i], "unavailable", "In a call"), ours;

                begin(&single_value, "unavailable", "In a call");
                push();
                told_live(&other);
                enter("unavailable", "In a call");
                cr_assert(claim_tell_others(&claim, &ours));
                cr_assert_eq(ours.owed.order, 0);
                push_shown("online", "In a call");
                run_for(20 * SEC);
                expect_phase(CLAIM_HELD);
                expect_shown("unavailable", "In a call");
                cr_assert(claim_tell_others(&claim, &ours));
                cr_assert_eq(ours.owed.order, 2);
                cr_assert_str_eq(ours.owed.prior.state, "online");
                cr_assert_str_eq(ours.owed.prior.text, texts[i]);
                claim_done(&claim);
        }
}

/* It was put on disk before a call, in which this machine died; then a person wrote, and a call began on another. */
Test(core_claim_untold, what_was_put_on_disk_ahead_is_older_than_what_another_machine_has_found) {
        static const struct row {
                unsigned order;
                const char *found;
                bool text_lost, done;
                const char *text;
        } rows[] = {
                { 1, "Reading", false, false, "Reading" },
                { 1, "", false, false, "" },
                { 0, "Reading", false, false, "Working" },   /* told to it, not found */
                { 1, "In a call", false, false, "Working" }, /* ours, perhaps */
                { 1, "On the phone", false, false, "Working" },
                { 1, "Reading", true, false, "Working" }, /* somebody has written since: who if not we */
                { 1, "Reading", false, true, "Working" },
        };

        for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
                const struct row *row = &rows[i];
                struct claim_owed ahead = { .prior = value("offline", "Working"),
                                            .ours = { value("busy", "On the phone"), value("busy", "In a call") },
                                            .n_ours = 2,
                                            .order = 1,
                                            .state_claimed = true,
                                            .text_claimed = true,
                                            .unsure = true,
                                            .given_back = true,
                                            .ahead = true };
                struct claim_other other = machine(row->order, "offline", row->found, "busy", "In a call");

                begin(&per_device, "busy", "In a call");
                on_disk = true;
                disk = ahead;
                claim_resume(&claim, &ahead);
                other.live = true;
                other.text_lost = row->text_lost;
                cr_assert_geq(claim_on_others(&claim, &other, 1, now), 0);
                push();
                run_for(500 * USEC_PER_MSEC);
                set_shown("offline", "In a call");
                other.live = false;
                other.done = other.withdrawn = row->done;
                cr_assert_geq(claim_on_others(&claim, &other, 1, now), 0);
                push();
                run_for(USEC_PER_MIN);
                cr_assert_str_eq(shown.text, row->text, "%zu", i);
                claim_done(&claim);
        }
}

/* It has told what was there before both of us, then gave way to what we said, and began anew with that: what it takes
 * for a person's is ours. */
Test(core_claim_untold, our_own_words_are_not_what_was_there_before_us) {
        static const struct row {
                const struct claim_traits *traits;
                const char *state, *back; /* where each device has its own, ours goes away */
        } rows[] = { { &per_device, NULL, "offline" }, { &single_value, "busy", "online" } };

        for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
                const struct row *row = &rows[i];
                const char *theirs = row->state ? "unavailable" : NULL;
                struct claim_other other = machine(1, "online", "Reading", theirs, "On the phone");

                begin(row->traits, theirs ?: "online", "On the phone");
                push();
                told_live(&other);
                want(row->state, "In a call");
                run_for(10 * SEC);
                expect_phase(CLAIM_HELD);
                other = machine(2, row->state ?: "online", "In a call", theirs, "On the phone");
                told_live(&other);
                run_for(10 * SEC);
                told_done(&other);
                expect_given_back(USEC_PER_MIN, row->back, "Reading");
                claim_done(&claim);
        }
}

/* What another machine had put there was explained by what that told, until we ended; now it has begun anew, with
 * other words. */
Test(core_claim_untold, after_a_restart_what_was_not_found_at_first_hand_is_not_told_as_if) {
        struct claim_other other = machine(1, "offline", "", "unavailable", "On the phone"), ours;

        begin(&single_value, "unavailable", "On the phone");
        push();
        told_live(&other);
        want("unavailable", "In a call");
        run_for(10 * SEC);
        expect_phase(CLAIM_HELD);
        restart(&single_value);
        other = machine(1, "offline", "", "unavailable", "In a call");
        told_live(&other);
        push();
        run_for(SEC);
        cr_assert(!claim_tell_others(&claim, &ours) || ours.owed.order == 0 || !ours.owed.prior.text[0]);
        told_done(&other);
        run_for(USEC_PER_MIN);
        expect_phase(CLAIM_FREE);
        expect_shown("offline", "");
        claim_done(&claim);
}

/* It is newer than all it had heard of all the same: what one has found that was over before is nothing new. */
Test(core_claim_untold, what_was_not_found_at_first_hand_is_newer_than_what_was_over_before) {
        struct claim_other before = machine(1, "offline", "", "unavailable", "On the phone"),
                           other = machine(2, "unavailable", "", "unavailable", "In a call");

        before.done = other.live = true;
        begin(&single_value, "unavailable", "In a call");
        push();
        told_by(before, other);
        enter("unavailable", "In a call");
        other.live = false;
        other.waits = true;
        told_by(before, other);
        run_for(SEC);
        expect_given_back(USEC_PER_MIN, "unavailable", "");
        claim_done(&claim);
}

/* It was taken for a person's until that machine was heard. */
Test(core_claim_untold, what_another_machine_turns_out_to_have_put_there_was_not_found_at_first_hand) {
        struct claim_other other = machine(1, "offline", "Lunch", "unavailable", "On the phone"), ours;

        begin(&single_value, "unavailable", "On the phone");
        push();
        enter("unavailable", "In a call");
        cr_assert(claim_tell_others(&claim, &ours));
        cr_assert_eq(ours.owed.order, 1);
        told_live(&other);
        cr_assert(claim_tell_others(&claim, &ours));
        cr_assert_eq(ours.owed.order, 0);
        cr_assert_str_eq(ours.owed.prior.text, "Lunch");
        claim_done(&claim);
}

/* It has left them to us while it could not know that we never wrote, and is gone for good; or it never says so. */
Test(core_claim_untold, words_left_to_a_machine_that_had_yet_to_write_are_put_back_by_it) {
        static const struct claim_traits *const traits[] = { &per_device, &single_value };

        for (unsigned i = 0; i < 2 * ARRAY_SIZE(traits); i++) {
                struct claim_other other = machine(1, "offline", "", "busy", "In a call");
                bool silent = i % 2;

                begin(traits[i / 2], "offline", "");
                push();
                want("busy", "In a call");
                (void) run_to_write();
                told_live(&other);
                claim_on_failure(&claim, CLAIM_FAILED_NOT_APPLIED, now + 10 * SEC, now, 500);
                push_shown("busy", "In a call");
                run_for(8 * SEC);
                other.live = false;
                told(&other);
                claim_set_want(&claim, NULL);
                run_for(4 * SEC);
                expect_phase(CLAIM_SHARED);
                push_shown(i / 2 ? "busy" : "offline", "In a call");
                if (silent)
                        told(&other);
                else
                        told_done(&other);
                run_for(4 * SEC);
                expect_phase(CLAIM_FREE);
                expect_shown(silent && i / 2 ? "busy" : "offline", silent ? "In a call" : "");
                claim_done(&claim);
        }
}

/* It goes on, and we have found what it put there: that it tells what was before is nothing to be put on disk first.
 * Where we end right then, it would take us for one that was never told, and what a person takes away for our doing.
 */
Test(core_claim_untold, what_explains_our_prior_is_known_to_us_at_once) {
        for (unsigned of_words = 0; of_words < 2; of_words++) {
                const struct claim_traits *traits = of_words ? &per_device : &field;
                const char *words = of_words ? "In a call" : NULL;
                struct claim_other other = machine(1, "", of_words ? "Working" : "", "busy", words), ours;

                begin(traits, "busy", words);
                if (of_words)
                        push();
                else
                        told_live(&other);
                want(of_words ? "busy" : "{ours}", words);
                for (struct claim_request r = decide(); r.step != CLAIM_WRITE; r = decide())
                        carry_out(&r);
                claim_on_failure(&claim, CLAIM_FAILED_NOT_APPLIED, USEC_NEVER, now, 500);
                told_live(&other);
                cr_assert(claim_tell_others(&claim, &ours));
                cr_assert_eq(ours.owed.order, 0);
                cr_assert_str_eq(ours.owed.prior.text, of_words ? "Working" : "");
                cr_assert_str_eq(ours.owed.prior.state, of_words ? "busy" : "");
                claim_done(&claim);
        }
}

/* Nobody else tells it any more once that call is over, though what it owes is not given back yet. */
Test(core_claim_untold, what_explained_our_prior_is_taken_over_once_its_call_is_over) {
        struct claim_other other = machine(1, "", "Working", "busy", "In a call");

        begin(&per_device, "busy", "In a call");
        push();
        want("busy", "In a call");
        run_for(10 * SEC);
        told_live(&other);
        run_for(10 * SEC);
        cr_assert_str_eq(disk.prior.text, "In a call");
        other.live = false;
        told(&other);
        run_for(10 * SEC);
        cr_assert_str_eq(disk.prior.text, "Working");
        claim_done(&claim);
}

/* Of two that have put our very words there and are done, one was done already when our claim began: since when is not
 * known, as where its clock was ahead of ours. It has taken its own away, and the other one knows what was before. */
Test(core_claim_untold, what_was_before_is_known_by_who_was_done_later) {
        for (unsigned i = 0; i < 2; i++) {
                struct claim_other old = machine(3, "online", "Lunch", "busy", "In a call");
                struct claim_other later = machine(0, "online", "In the garden", "busy", "In a call");

                old.done = later.live = true;
                begin(&per_device, "busy", "In a call");
                if (i == 0)
                        told_by(old, later);
                else
                        told_by(later, old);
                push();
                enter("busy", "In a call");
                later.live = false;
                later.done = later.withdrawn = true;
                if (i == 0)
                        told_by(old, later);
                else
                        told_by(later, old);
                push();
                expect_given_back(USEC_PER_MIN, "offline", "In the garden");
                claim_done(&claim);
        }
}

Test(core_claim_untold, what_was_before_is_known_by_who_goes_on) {
        struct claim_other first = machine(3, "online", "Lunch", "busy", "In a call");
        struct claim_other other = machine(0, "online", "In the garden", "busy", "In a call");

        first.live = other.live = true;
        begin(&per_device, "busy", "In a call");
        told_by(first, other);
        push();
        enter("busy", "In a call");
        first.live = false;
        first.done = first.withdrawn = true;
        told_by(first, other);
        cr_assert_str_eq(claim_prior(&claim).text, "In the garden");
        claim_done(&claim);
}

/* The end of our call could not be told, nothing is owed any more, and another machine has ended in a later call and
 * left its own to us. */
static void be_told_over(const struct claim_traits *traits, struct claim_other *other, const char *state,
                         const char *text) {
        begin(traits, state, text);
        told_done(other);
        claim_on_told_over(&claim);
        run_for(USEC_PER_MIN);
        expect_phase(CLAIM_FREE);
        cr_expect_not(on_disk);
}

Test(core_claim_untold, what_was_left_to_a_call_that_was_over_is_given_back) {
        struct claim_other words = machine(1, "offline", "Lunch", "busy", "On the phone"),
                           state = machine(1, "", "", "theirs", NULL),
                           blind = machine(0, "offline", "On the phone", "busy", "On the phone");

        be_told_over(&single_value, &words, "busy", "On the phone");
        expect_shown("offline", "Lunch");
        be_told_over(&single_value, &words, "offline", "On the phone");
        expect_shown("offline", "Lunch");
        be_told_over(&per_device, &words, "online", "On the phone");
        cr_expect_str_eq(shown.text, "Lunch");
        be_told_over(&field, &state, "theirs", "");
        expect_shown("", "");
        be_told_over(&single_value, &words, "busy", "Reading");
        expect_shown("busy", "Reading");
        be_told_over(&field, &state, "somebody's", "");
        expect_shown("somebody's", "");
        be_told_over(&single_value, &blind, "busy", "On the phone");
        expect_shown("busy", "On the phone");
}

Test(core_claim_untold, what_is_left_to_nobody_is_left_alone) {
        struct claim_other other = machine(1, "offline", "Lunch", "busy", "On the phone");

        begin(&single_value, "busy", "On the phone");
        told_done(&other);
        run_for(USEC_PER_MIN);
        expect_shown("busy", "On the phone");
        other.done = false;
        other.live = true;
        told(&other);
        claim_on_told_over(&claim);
        run_for(USEC_PER_MIN);
        told_done(&other);
        run_for(USEC_PER_MIN);
        expect_shown("busy", "On the phone");
        cr_expect_eq(writes, 0);
}

/* What is owed is given back as ever, and nothing is looked for after that. */
Test(core_claim_untold, what_is_owed_was_left_to_nobody) {
        hold(&field, "", "");
        claim_on_told_over(&claim);
        cr_expect_not(claim.left);
        expect_given_back(USEC_PER_MIN, "", "");
}

/* Who goes on with a call gives it back. */
Test(core_claim_untold, what_another_machine_goes_on_with_was_left_to_that) {
        struct claim_other other = machine(1, "offline", "Lunch", "busy", "On the phone"), third = other;

        begin(&single_value, "busy", "On the phone");
        other.done = third.live = true;
        told_by(other, third);
        claim_on_told_over(&claim);
        run_for(USEC_PER_MIN);
        expect_phase(CLAIM_FREE);
}

/* As long as nothing is heard, it may be that of a machine which goes on. */
Test(core_claim_untold, what_may_have_been_left_is_looked_at_once_others_are_heard) {
        struct claim_other other = machine(1, "", "", "theirs", NULL);

        begin(&field, "theirs", "");
        told_done(&other);
        claim_set_deaf(&claim, true);
        claim_on_told_over(&claim);
        run_for(USEC_PER_MIN);
        cr_expect_eq(reads, 0);
        claim_set_deaf(&claim, false);
        expect_step(CLAIM_READ);
        claim_on_failure(&claim, CLAIM_FAILED_UNSURE, USEC_NEVER, now, 500);
        expect_step(CLAIM_NOTHING);
        run_for(USEC_PER_MIN);
        expect_phase(CLAIM_FREE);
        expect_shown("", "");
}

/* It was killed before it could tell, and its claim began above our last one, which it knew, and before this one. */
Test(core_claim_untold, what_an_untold_claim_found_before_ours_is_no_newer_than_what_ours_found) {
        struct claim_other other = machine(1, "offline", "", "busy", "In a call");

        begin(&single_value, "offline", "");
        push();
        told_done(&other);
        enter("busy", "In a call");
        claim_set_want(&claim, NULL);
        run_for(USEC_PER_MIN);
        expect_phase(CLAIM_FREE);
        push_shown("unavailable", "In the garden");
        other.owed.order = claim_entry(&claim)->order + 1;
        enter("busy", "In a call");
        other.done = false;
        told(&other);
        claim_set_want(&claim, NULL);
        cr_expect_str_eq(run_to_write().text, "In the garden");
}

/* A machine that is gone is told of for good, while another one makes call after call. */
Test(core_claim_untold, who_was_done_long_ago_stays_so_through_many_claims_of_others) {
        struct claim_other gone = machine(1, "offline", "", "busy", NULL);

        gone.done = true;
        begin(&text_per_device, "offline", "Lunch");
        told(&gone);
        for (unsigned i = 0; i < 3 * CLAIM_OTHERS_DONE_MAX; i++) {
                struct claim_other other = machine(2 + i, "offline", "Lunch", NULL, "On the phone");

                run_for(2 * CLAIM_OTHERS_SETTLE);
                other.done = true;
                told_by(gone, other);
                told_by(gone, other);
                claim_others_found(&claim.others, now);
                cr_assert_not(claim_others_may_have_left(&claim.others, &gone.owed), "after %u", i + 1);
        }
        claim_done(&claim);
}
