/* The claim machine, one scene a test: what a person writes within a call, while other machines of the user are in it
 * as well. */
#include "core_claim.h"

static void yield_to(const char *text) {
        begin(&single_value, "online", "Lunch");
        push();
        enter("unavailable", "In a call");
        push_shown("unavailable", text);
        run_for(10 * SEC);
        expect_phase(CLAIM_YIELDED);
}

/* The other machine has begun over what a person wrote after that, and ends with this one. */
static void begin_there_and_end(struct claim_other *other) {
        told_live(other);
        push_shown("unavailable", "In a call");
        run_for(10 * SEC);
        other->live = false;
        other->waits = true;
        told(other);
}

Test(core_claim_persons, what_another_machine_has_found_since_is_newer_than_the_word_that_was_yielded_to) {
        struct claim_other other = machine(2, "online", "Newer", "unavailable", "In a call");

        yield_to("New");
        begin_there_and_end(&other);
        expect_given_back(USEC_PER_MIN, "online", "Newer");
}

Test(core_claim_persons, what_another_machine_finds_after_the_end_is_newer_as_well) {
        struct claim_other other = machine(2, "online", "Newer", "unavailable", "In a call");

        yield_to("New");
        claim_set_want(&claim, NULL);
        begin_there_and_end(&other);
        run_for(USEC_PER_MIN);
        expect_phase(CLAIM_FREE);
        expect_shown("online", "Newer");
}

/* It had read that before the person wrote. */
Test(core_claim_persons, what_was_there_before_is_not_newer) {
        struct claim_other other = machine(2, "online", "Lunch", "unavailable", "In a call");

        yield_to("New");
        begin_there_and_end(&other);
        expect_given_back(USEC_PER_MIN, "unavailable", "New");
}

/* Nor is what explains the words that were found there, and which nobody had told of. */
Test(core_claim_persons, what_was_there_before_another_machines_words_is_not_newer) {
        struct claim_other other = machine(2, "online", "Lunch", "unavailable", "On the phone");

        begin(&single_value, "online", "On the phone");
        push();
        enter("unavailable", "In a call");
        push_shown("unavailable", "New");
        run_for(10 * SEC);
        expect_phase(CLAIM_YIELDED);
        told_done(&other);
        push_shown("unavailable", "In a call");
        expect_given_back(USEC_PER_MIN, "unavailable", "New");
}

/* ... but what came after that is. */
Test(core_claim_persons, the_last_word_is_what_comes_back) {
        struct claim_other other = machine(2, "online", "Newer", "unavailable", "In a call");

        yield_to("New");
        told_live(&other);
        push_shown("unavailable", "In a call");
        run_for(10 * SEC);
        push_shown("online", "Newest");
        run_for(10 * SEC);
        push_shown("unavailable", "In a call");
        other.live = false;
        other.waits = true;
        told(&other);
        expect_given_back(USEC_PER_MIN, "online", "Newest");
}

/* It sleeps, and what the other machine has begun meanwhile it hears only after it could have written. */
Test(core_claim_persons, who_has_yielded_waits_to_hear_whose_words_show) {
        struct claim_other other = machine(2, "online", "Lunch", "unavailable", "In a call"),
                           next = machine(3, "online", "Newer", "unavailable", "In a call");

        yield_to("New");
        other.first = true;
        told(&other);
        push_shown("unavailable", "In a call");
        claim_set_want(&claim, NULL);
        run_for(SEC);
        expect_phase(CLAIM_SHARED);
        claim_set_deaf(&claim, true);
        writes = 0;
        run_for(USEC_PER_HOUR);
        cr_assert_eq(writes, 0);
        told_live(&next);
        claim_set_deaf(&claim, false);
        run_for(USEC_PER_MIN);
        cr_assert_eq(writes, 0, "it goes on there");
        push_shown("online", "Newer");
        told_done(&next);
        run_for(USEC_PER_MIN);
        expect_phase(CLAIM_FREE);
        expect_shown("online", "Newer");
}

/* The server shows another state beside the words, and another machine is in the call as well. */
static void enter_again_beside(struct claim_other *other) {
        begin(&single_value, "online", "Lunch");
        push();
        told_live(other);
        enter("unavailable", "In a call");
        push_shown("online", "In a call");
        expect_step(CLAIM_READ);
        answer_read();
        expect_phase(CLAIM_ENTERING);
}

/* A person who has written something else, and then that again, has chosen it: no write of ours was lost. */
Test(core_claim_persons, the_words_of_before_are_a_persons_after_others) {
        struct claim_other other = machine(1, "online", "Lunch", "unavailable", "In a call");

        enter_again_beside(&other);
        push_shown("unavailable", "New");
        set_shown("online", "Lunch");
        run_for(10 * SEC);
        expect_phase(CLAIM_YIELDED);
        expect_shown("online", "Lunch");
}

/* They were another machine's, which is heard of only after that. */
Test(core_claim_persons, the_words_of_before_are_nobodys_after_a_machine_that_is_heard_late) {
        struct claim_other other = machine(1, "online", "Lunch", "unavailable", "In a call"),
                           late = machine(3, "online", "Lunch", "unavailable", "On the phone");

        enter_again_beside(&other);
        push_shown("unavailable", "On the phone");
        other.live = late.live = true;
        told_by(other, late);
        set_shown("online", "Lunch");
        run_for(10 * SEC);
        expect_phase(CLAIM_HELD);
        expect_shown("unavailable", "In a call");
}

/* Else another machine has put them back, which did not know of our call. */
Test(core_claim_persons, the_words_of_before_alone_are_not) {
        struct claim_other other = machine(1, "online", "Lunch", "unavailable", "In a call");

        enter_again_beside(&other);
        push_shown("online", "Lunch");
        run_for(10 * SEC);
        expect_phase(CLAIM_HELD);
        expect_shown("unavailable", "In a call");
}

/* The same where the other machine gives back, and may not have heard of ours. */
Test(core_claim_persons, the_words_of_before_tell_also_beside_one_that_gives_back) {
        for (unsigned written = 0; written < 2; written++) {
                struct claim_other other = machine(1, "online", "Lunch", "unavailable", "In a call");

                begin(&single_value, "online", "Lunch");
                push();
                told_live(&other);
                want("unavailable", "In a call");
                run_for(3 * SEC);
                expect_phase(CLAIM_HELD);
                other.live = false;
                told(&other);
                if (written)
                        push_shown("unavailable", "New");
                push_shown("online", "Lunch");
                run_for(10 * SEC);
                expect_phase(written ? CLAIM_YIELDED : CLAIM_HELD);
                claim_done(&claim);
        }
}

/* It had given way to the person before it died, and takes ours for its own until it hears of us: what it puts back
 * then is what was there before it, perhaps no words at all. */
Test(core_claim_persons, what_another_machine_puts_back_in_place_of_ours_is_no_persons_word) {
        static const struct row {
                const char *before, *says, *state, *text;
                usec_t after;
                enum claim_phase phase;
        } rows[] = {
                { "", "In a call", "offline", "", SEC, CLAIM_HELD },
                { "", "In a call", "unavailable", "", SEC, CLAIM_HELD }, /* by a poll of ours */
                { "Reading", "In a call", "offline", "Reading", SEC, CLAIM_HELD },
                { "", "In a call", "online", "", SEC, CLAIM_YIELDED },
                { "", "On the phone", "offline", "", SEC, CLAIM_YIELDED },
                { "Reading", "In a call", "offline", "", SEC, CLAIM_YIELDED },
                { "", "In a call", "offline", "Reading", SEC, CLAIM_YIELDED },
                { "", "In a call", "offline", "", 2 * CLAIM_LANDS_WITHIN, CLAIM_YIELDED },
        };

        for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
                const struct row *row = &rows[i];
                struct claim_other other = machine(7, "offline", row->before, "busy", row->says);
                struct claim_traits traits = single_value;

                traits.kept_as = "unavailable";
                begin(&traits, "unavailable", "In the garden");
                push();
                told(&other);
                want("busy", "In a call");
                run_for(SEC);
                push();
                expect_phase(CLAIM_HELD);
                run_for(row->after);
                push_shown(row->state, row->text);
                run_for(SEC);
                told_done(&other);
                run_for(20 * SEC);
                cr_assert_eq(claim_phase(&claim), row->phase, "%zu: %s", i,
                             claim_phase_to_string(claim_phase(&claim)));
                if (row->phase == CLAIM_HELD)
                        expect_given_back(USEC_PER_MIN, "unavailable", "In the garden");
                else
                        expect_given_back(USEC_PER_MIN, row->state, row->text);
                claim_done(&claim);
        }
}

/* A claim that was over before ours began has put nothing back since: a person has. */
Test(core_claim_persons, who_was_done_before_puts_nothing_back) {
        struct claim_other gone = machine(6, "offline", "", "busy", "In a call"),
                           other = machine(7, "offline", "In the garden", "busy", "In a call");

        gone.done = true;
        begin(&single_value, "unavailable", "In the garden");
        push();
        told_by(gone, other);
        want("busy", "In a call");
        run_for(SEC);
        push();
        expect_phase(CLAIM_HELD);
        push_shown("offline", "");
        run_for(20 * SEC);
        expect_phase(CLAIM_YIELDED);
        expect_shown("offline", "");
        claim_done(&claim);
}

/* One that is done has put back what it owed, unless it has lost a write of that, or has only fallen silent: what it
 * had found is a person's word soon after. */
Test(core_claim_persons, who_is_done_puts_nothing_back_later) {
        static const struct row {
                bool late, silent;
                usec_t after;
                enum claim_phase phase;
        } rows[] = {
                { false, false, 2 * CLAIM_ASK_AFTER, CLAIM_YIELDED },
                { false, false, CLAIM_ASK_AFTER / 2, CLAIM_HELD },
                { true, false, 2 * CLAIM_ASK_AFTER, CLAIM_HELD },
                { true, false, 2 * CLAIM_LANDS_WITHIN, CLAIM_YIELDED },
                { false, true, 2 * CLAIM_ASK_AFTER, CLAIM_HELD },
        };

        for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
                struct claim_other other = machine(7, "offline", "Lunch", "busy", "In a call");

                begin(&single_value, "unavailable", "Reading");
                push();
                told(&other);
                want("busy", "In a call");
                run_for(SEC);
                push();
                expect_phase(CLAIM_HELD);
                other.late = rows[i].late;
                other.silent = rows[i].silent;
                told_done(&other);
                run_for(rows[i].after);
                push_shown("offline", "Lunch");
                run_for(20 * SEC);
                cr_assert_eq(claim_phase(&claim), rows[i].phase, "%zu: %s", i,
                             claim_phase_to_string(claim_phase(&claim)));
                claim_done(&claim);
        }
}

/* ... as that one tells, also of what an earlier run may have lost. */
Test(core_claim_persons, who_has_lost_what_gives_back_tells) {
        struct claim_other ours;

        hold(&single_value, "online", "Lunch");
        cr_assert(claim_tell_others(&claim, &ours));
        cr_assert_not(ours.late);
        claim_set_want(&claim, NULL);
        (void) run_to_write();
        claim_on_failure(&claim, CLAIM_FAILED_UNSURE, USEC_NEVER, now, 500);
        cr_assert(claim_tell_others(&claim, &ours));
        cr_assert(ours.late);
        restart(&single_value);
        for (unsigned decided = 0; decided < 2; decided++) {
                cr_assert(claim_tell_others(&claim, &ours));
                cr_assert(ours.late);
                (void) decide();
        }
}

/* What one does that gives back meanwhile is none either where we end right after it. */
Test(core_claim_persons, what_another_machine_puts_back_is_no_persons_word_on_the_way_back_either) {
        struct claim_other other = machine(7, "offline", "", "busy", "In a call");

        begin(&single_value, "unavailable", "In the garden");
        push();
        told(&other);
        want("busy", "In a call");
        run_for(SEC);
        push();
        claim_set_want(&claim, NULL);
        push_shown("offline", "");
        told_done(&other);
        run_for(USEC_PER_MIN);
        expect_phase(CLAIM_FREE);
        expect_shown("unavailable", "In the garden");
        claim_done(&claim);
}

/* Where each device has its own words, a poll of the one machine hides a person's at once from the other one. */
static struct claim_other given_way(unsigned order, const char *says, const char *words) {
        struct claim_other other = machine(order, "offline", words, "busy", says);

        other.owed.text_claimed = false;
        other.live = other.text_lost = true;
        return other;
}

Test(core_claim_persons, who_hears_that_another_machine_has_given_way_does_so_as_well) {
        static const struct row {
                unsigned order;
                const char *says, *words;
                bool claims, lost;
                enum claim_phase phase;
        } rows[] = {
                { 3, "In a call", "New", false, true, CLAIM_YIELDED },
                { 3, "On the phone", "New", false, true, CLAIM_YIELDED },
                { 1, "In a call", "New", false, true, CLAIM_HELD }, /* ours came later, and has found what is newer */
                { 3, "In a call", "", false, true, CLAIM_HELD },
                { 3, "On the phone", "In a call", false, true, CLAIM_HELD },
                { 3, "New", "New", false, true, CLAIM_HELD },      /* it had no words of its own */
                { 3, "In a call", "New", true, true, CLAIM_HELD }, /* the server has not taken them */
                { 3, "In a call", "New", false, false, CLAIM_HELD },
        };

        for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
                const struct row *row = &rows[i];
                struct claim_other other = machine(2, "offline", "Lunch", "busy", "In a call"), ours;

                begin(&text_per_device, "offline", "Lunch");
                enter("busy", "In a call");
                told_live(&other);
                run_for(10 * SEC);
                other = given_way(row->order, row->says, row->words);
                other.owed.text_claimed = row->claims;
                other.text_lost = row->lost;
                told(&other);
                run_for(10 * SEC);
                cr_assert_eq(claim_phase(&claim), row->phase, "%zu: %s", i,
                             claim_phase_to_string(claim_phase(&claim)));
                expect_shown("busy", row->phase == CLAIM_HELD ? "In a call" : "");
                cr_assert(claim_tell_others(&claim, &ours));
                cr_assert_eq(ours.owed.order, row->phase == CLAIM_HELD ? 1 : 4, "%zu: %u", i, ours.owed.order);
                set_shown("busy", row->phase == CLAIM_HELD ? "In a call" : "");
                other.live = other.text_lost = false;
                other.done = true;
                told(&other);
                if (row->phase == CLAIM_YIELDED)
                        expect_given_back(USEC_PER_MIN, "offline", "New");
                claim_done(&claim);
        }
}

/* Not over a write that is under way: what takes ours away comes after it. */
Test(core_claim_persons, who_hears_of_it_within_a_write_gives_way_after_that) {
        struct claim_other other = given_way(3, "In a call", "New");

        begin(&text_per_device, "offline", "Lunch");
        want("busy", "In a call");
        shown = run_to_write();
        told(&other);
        claim_on_written(&claim, now);
        run_for(10 * SEC);
        expect_phase(CLAIM_YIELDED);
        expect_shown("busy", "");
        claim_done(&claim);
}

/* ... and on the way back it puts them back. */
Test(core_claim_persons, what_another_machine_has_given_way_to_is_put_back_by_who_hears_of_it_late) {
        struct claim_other other = given_way(3, "In a call", "New");

        begin(&text_per_device, "offline", "Lunch");
        enter("busy", "In a call");
        claim_set_want(&claim, NULL);
        told(&other);
        other.live = other.text_lost = false;
        told_done(&other);
        run_for(USEC_PER_MIN);
        expect_phase(CLAIM_FREE);
        expect_shown("offline", "New");
        claim_done(&claim);
}

/* They have written again since, which no machine has seen: it shows, unless it may be what one of us says. */
Test(core_claim_persons, what_a_person_wrote_after_another_machine_gave_way_is_looked_for) {
        static const struct row {
                const char *shows, *back;
                bool held;
        } rows[] = {
                { "Newer", "Newer", false },   { "Lunch", "Lunch", false },      { "", "New", false },
                { "In a call", "New", false }, { "On the phone", "New", false }, { "Old", "New", false },
                { "Newer", "Newer", true },    { "In a call", "New", true },
        };

        for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
                struct claim_other other = machine(2, "offline", "Lunch", "busy", "On the phone"), ours;
                struct claim_other former = machine(1, "offline", "Old", "busy", "Back soon");

                former.done = true;
                begin(&text_per_device, "offline", "Lunch");
                enter("busy", "In a call");
                other.live = true;
                told_by(other, former);
                if (!rows[i].held)
                        claim_set_want(&claim, NULL);
                run_for(10 * SEC);
                expect_phase(rows[i].held ? CLAIM_HELD : CLAIM_SHARED);
                other = given_way(3, "On the phone", "New");
                told_by(other, former);
                set_shown("busy", rows[i].shows);
                want("busy", "In a call");
                run_for(10 * SEC);
                expect_phase(CLAIM_YIELDED);
                cr_assert(claim_tell_others(&claim, &ours));
                cr_assert_str_eq(ours.owed.prior.text, rows[i].back, "%zu: %s", i, ours.owed.prior.text);
                other.live = other.text_lost = false;
                told_done(&other);
                expect_given_back(USEC_PER_MIN, "offline", rows[i].back);
                claim_done(&claim);
        }
}

/* What stands on our own device is nobody's word: we have put it back there, beside the busy of one that ends. */
Test(core_claim_persons, what_we_have_put_back_ourselves_is_not_what_a_person_wrote_since) {
        struct claim_other other = machine(2, "offline", "", "busy", NULL),
                           third = given_way(3, "On the phone", "New");

        begin(&text_per_device, "offline", "Lunch");
        enter("busy", "In a call");
        told(&other);
        caught = true;
        claim_set_want(&claim, NULL);
        run_for(4 * SEC);
        expect_phase(CLAIM_SHARED);
        expect_shown("busy", "Lunch");
        told_by(other, third);
        want("busy", "In a call");
        run_for(10 * SEC);
        expect_phase(CLAIM_YIELDED);
        caught = false;
        set_shown("offline", "");
        third.live = third.text_lost = false;
        third.done = other.done = true;
        told_by(other, third);
        expect_given_back(USEC_PER_MIN, "offline", "New");
        claim_done(&claim);
}

/* ... or an earlier run has. */
Test(core_claim_persons, what_an_earlier_run_may_have_put_back_is_not_what_a_person_wrote_since) {
        struct claim_other other = given_way(3, "On the phone", "New");

        begin(&text_per_device, "offline", "Lunch");
        enter("busy", "In a call");
        set_shown("busy", "Lunch");
        restart(&text_per_device);
        told(&other);
        want("busy", "In a call");
        run_for(10 * SEC);
        expect_phase(CLAIM_YIELDED);
        told_done(&other);
        expect_given_back(USEC_PER_MIN, "offline", "New");
        claim_done(&claim);
}

/* It is newer than all that is known, also where the busy that was found is the other one's. */
Test(core_claim_persons, what_a_person_wrote_is_told_as_the_newest) {
        for (unsigned busy = 0; busy < 2; busy++) {
                struct claim_other other = machine(4, "offline", "Lunch", "busy", "In a call"), ours;

                begin(&text_per_device, "offline", "Lunch");
                if (busy) {
                        told_live(&other);
                        set_shown("busy", "In a call");
                }
                enter("busy", "In a call");
                told_live(&other);
                set_shown("busy", "New");
                claim_on_doubt(&claim, false, now);
                run_for(10 * SEC);
                expect_phase(CLAIM_YIELDED);
                cr_assert(claim_tell_others(&claim, &ours));
                cr_assert(ours.text_lost);
                cr_assert_str_eq(ours.owed.prior.text, "New");
                cr_assert_eq(ours.owed.order, 5, "%u", ours.owed.order);
                other.live = false;
                told(&other);
                cr_assert(claim_tell_others(&claim, &ours));
                cr_assert_str_eq(ours.owed.prior.text, "New");
                claim_done(&claim);
        }
}

/* A message that was changed within the call: the former one is not ours any more once it cannot land. */
Test(core_claim_persons, who_says_what_busyd_said_before_has_written_it) {
        hold(&single_value, "online", "Lunch");
        want("busy", "At the dentist");
        run_for(10 * SEC);
        expect_shown("busy", "At the dentist");
        want("busy", "In a call");
        run_for(10 * SEC);
        expect_shown("busy", "In a call");
        push_shown("online", "At the dentist");
        run_for(10 * SEC);
        expect_phase(CLAIM_YIELDED);
        expect_shown("online", "At the dentist");
        claim_set_want(&claim, NULL);
        run_for(10 * SEC);
        expect_phase(CLAIM_FREE);
        expect_shown("online", "At the dentist");
}

/* Our device's words are still there, and each poll of ours brings them up again. */
Test(core_claim_persons, own_words_that_could_not_be_taken_away_yet_are_not_a_persons) {
        struct claim_value v;

        hold(&text_per_device, "offline", "Lunch");
        set_shown("busy", "New");
        claim_on_doubt(&claim, false, now);
        now += CLAIM_ASK_AFTER;
        v = run_to_write();
        cr_assert_str_empty(v.text);
        claim_on_failure(&claim, CLAIM_FAILED_UNSURE, USEC_NEVER, now, 0);
        expect_phase(CLAIM_YIELDED);
        push_shown("unavailable", "In a call");
        now += USEC_PER_MIN;
        v = run_to_write();
        cr_assert_str_empty(v.text);
        set_shown("busy", "");
        claim_on_written(&claim, now);
        claim_set_want(&claim, NULL);
        run_for(USEC_PER_MIN);
        expect_phase(CLAIM_FREE);
        expect_shown("offline", "New");
        claim_done(&claim);
}

/* The poll that goes on at the same time hides them at once. */
Test(core_claim_persons, words_that_show_once_on_the_way_back_come_back) {
        enum { PUSHED, READ, PUSHED_BEFORE_A_CRASH };

        for (unsigned how = PUSHED; how <= PUSHED_BEFORE_A_CRASH; how++) {
                hold(&text_per_device, "offline", "Lunch");
                claim_set_want(&claim, NULL);
                set_shown("busy", "New");
                if (how == READ) {
                        expect_step(CLAIM_READ);
                        answer_read();
                        claim_on_unsure(&claim);
                        set_shown("offline", "In a call");
                } else {
                        push();
                        push_shown("offline", "In a call");
                }
                if (how == PUSHED_BEFORE_A_CRASH) {
                        (void) run_to_write();
                        restart(&text_per_device);
                }
                run_for(USEC_PER_MIN);
                expect_phase(CLAIM_FREE);
                expect_shown("offline", "New");
                claim_done(&claim);
        }
}

/* The connection on which changes are told has died in silence, and what was read ahead of a wait is old after it: one
 * that the server asks for, or one to do again what did not last. */
Test(core_claim_persons, what_a_person_wrote_unheard_in_a_wait_is_not_written_over) {
        for (unsigned lasts = 0; lasts < 2; lasts++) {
                hold(&per_device, "online", "Working");
                push();
                run_for(2 * USEC_PER_MIN);
                claim_set_want(&claim, NULL);
                (void) run_to_write();
                if (lasts) {
                        claim_on_written(&claim, now);
                        run_for(3 * SEC);
                } else
                        claim_on_failure(&claim, CLAIM_FAILED_NOT_APPLIED, now + 6 * SEC, now, 500);
                expect_shown("busy", "In a call");
                set_shown("busy", "Lunch");
                reads = 0;
                run_for(USEC_PER_MIN);
                expect_phase(CLAIM_FREE);
                expect_shown("offline", "Lunch");
                cr_expect_leq(reads, 2);
                claim_done(&claim);
        }
}

/* The server has the new message wait, and a person writes the same meanwhile: nothing of ours says that yet. */
Test(core_claim_persons, who_writes_what_busyd_is_about_to_write_has_written_it) {
        static const struct claim_traits *const traits[] = { &single_value, &per_device };
        static const char *const words[] = { "", "At the dentist" };

        for (unsigned i = 0; i < 4; i++) {
                hold(traits[i / 2], "online", "Lunch");
                want("busy", words[i % 2]);
                cr_assert_str_eq(run_to_write().text, words[i % 2]);
                claim_on_failure(&claim, CLAIM_FAILED_NOT_APPLIED, now + 8 * SEC, now, 500);
                push_shown("busy", words[i % 2]);
                run_for(USEC_PER_MIN);
                expect_phase(CLAIM_YIELDED);
                claim_set_want(&claim, NULL);
                run_for(USEC_PER_MIN);
                expect_phase(CLAIM_FREE);
                cr_assert_str_eq(shown.text, words[i % 2]);
                claim_done(&claim);
        }
}

/* ... and the message was taken out of the configuration within the call. */
static void say_nothing(void) {
        begin(&single_value, "online", "Working");
        push();
        enter("unavailable", "In a call");
        want("unavailable", "");
}

/* With one value per user, what is told last is what stands there. */
Test(core_claim_persons, who_says_the_very_same_as_busyd_where_that_is_nothing_has_said_it) {
        static const usec_t after[] = { 0, 10 * SEC };

        for (size_t i = 0; i < ARRAY_SIZE(after); i++) {
                say_nothing();
                run_for(10 * SEC);
                push_shown("online", "Lunch");
                run_for(SEC);
                expect_phase(CLAIM_YIELDED);
                run_for(after[i]);
                push_shown("unavailable", "");
                run_for(SEC);
                expect_given_back(20 * SEC, "unavailable", "");
        }
}

/* Nobody tells of it within the call, or it comes after that. */
Test(core_claim_persons, who_has_taken_words_away_is_seen_on_the_way_back_as_well) {
        struct claim_other other = machine(1, "unavailable", "", "unavailable", "On the phone");

        for (unsigned i = 0; i < 3; i++) {
                say_nothing();
                run_for(10 * SEC);
                if (i == 2)
                        told_live(&other);
                push_shown("online", "Lunch");
                run_for(10 * SEC);
                expect_phase(CLAIM_YIELDED);
                if (i != 1)
                        claim_on_unsure(&claim);
                claim_set_want(&claim, NULL);
                set_shown("unavailable", "");
                if (i == 1)
                        push();
                run_for(SEC);
                other.live = false;
                if (i == 2)
                        told(&other);
                run_for(20 * SEC);
                expect_shown(i == 2 ? "online" : "unavailable", i == 2 ? "Lunch" : "");
                claim_done(&claim);
        }
}

Test(core_claim_persons, what_may_be_a_lost_write_is_no_persons_word) {
        for (unsigned lands = 0; lands < 2; lands++) {
                say_nothing();
                (void) run_to_write();
                claim_on_failure(&claim, CLAIM_FAILED_UNSURE, USEC_NEVER, now, 500);
                if (lands) {
                        run_for(20 * SEC);
                        expect_phase(CLAIM_HELD);
                }
                push_shown("online", "Lunch");
                run_for(10 * SEC);
                expect_phase(CLAIM_YIELDED);
                push_shown("unavailable", "");
                run_for(SEC);
                expect_given_back(20 * SEC, "online", "Lunch");
        }
}

Test(core_claim_persons, what_is_told_late_is_no_persons_word) {
        for (unsigned told_next = 0; told_next < 2; told_next++) {
                say_nothing();
                (void) run_to_write();
                writes++;
                claim_on_written(&claim, now);
                set_shown("online", "Lunch");
                run_for(10 * SEC);
                expect_phase(CLAIM_YIELDED);
                push_shown("unavailable", "");
                set_shown("online", "Lunch");
                if (told_next)
                        push();
                expect_given_back(20 * SEC, "online", "Lunch");
        }
}

Test(core_claim_persons, what_another_machine_may_say_is_no_persons_word) {
        struct claim_other other = machine(1, "online", "Working", "unavailable", "");

        say_nothing();
        run_for(10 * SEC);
        told_live(&other);
        push_shown("online", "Lunch");
        run_for(10 * SEC);
        expect_phase(CLAIM_YIELDED);
        push_shown("unavailable", "");
        run_for(USEC_PER_MIN);
        told_done(&other);
        expect_given_back(20 * SEC, "online", "Lunch");
        claim_done(&claim);
}
