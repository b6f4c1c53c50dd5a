/* The claim machine, one scene a test: what a reader would ask of it. How a claim grows and changes within a call, is
 * kept alive, waits, keeps the limits, and helps another machine. Every order of everything is for core_search. */
#include "core_claim.h"

/* ---- growing and changing within a call ---- */

static void grow(const struct claim_traits *traits) {
        begin(traits, "online", "Working");
        push();
        enter(NULL, "In a call");
        expect_shown(traits->per_device ? "offline" : "online", "In a call");

        /* The person's other client has gone idle meanwhile. */
        push_shown("unavailable", "In a call");
        run_for(SEC);
        journals = 0;
        want("busy", "In a call");
        expect_step(CLAIM_JOURNAL);
        answer_journal();
        cr_expect(disk.state_claimed);
        cr_expect_str_eq(disk.prior.state, "unavailable");
        cr_expect_str_eq(disk.prior.text, "Working");
        run_for(10 * SEC);
        expect_phase(CLAIM_HELD);
        expect_shown("busy", "In a call");
        expect_given_back(10 * SEC, traits->per_device ? "offline" : "unavailable", "Working");
}

Test(core_claim, it_grows_from_a_message_to_busy) {
        grow(&single_value);
        grow(&per_device);
}

/* Another client of the user has come, and would catch a busy that is written beside it. */
Test(core_claim, it_shrinks_from_busy_to_a_message) {
        for (unsigned run = 0; run < 2; run++) {
                hold(&per_device, "online", "Working");
                if (run > 0) {
                        restart(&per_device);
                        push_shown("unavailable", "In a call");
                }
                enter(NULL, "In a call");
                expect_shown("offline", "In a call");
                cr_expect(disk.state_claimed, "busy may still be there");
                want(NULL, "On the phone");
                run_for(10 * SEC);
                expect_shown("offline", "On the phone");
                enter("busy", "On the phone");
                expect_shown("busy", "On the phone");
                expect_given_back(10 * SEC, "offline", "Working");
        }
}

/* Nobody else keeps a copy of it. */
Test(core_claim, one_value_for_all_stays_busy_until_the_call_is_over) {
        hold(&single_value, "online", "Working");
        writes = 0;
        want(NULL, "In a call");
        run_for(10 * SEC);
        cr_expect_eq(writes, 0);
        expect_shown("busy", "In a call");
}

/* Its busy comes up again, and is told like one that another session has caught. */
Test(core_claim, a_state_that_was_withdrawn_is_withdrawn_again_once_no_lost_write_can_land) {
        struct claim_traits traits = per_device;

        begin(&traits, "online", "Working");
        push();
        want("busy", "In a call");
        (void) run_to_write();
        claim_on_failure(&claim, CLAIM_FAILED_UNSURE, USEC_NEVER, now, 500);
        want(NULL, "In a call");
        run_for(20 * SEC);
        expect_phase(CLAIM_HELD);
        expect_shown("offline", "In a call");
        push_shown("busy", "In a call");
        run_for(CLAIM_LANDS_WITHIN);
        expect_phase(CLAIM_HELD);
        expect_shown("offline", "In a call");
}

/* What stands there until it is written is the person's, and no new word of theirs. */
static void grow_by_words(const struct claim_traits *traits, const char *words, const char *state) {
        begin(traits, "online", words);
        push();
        enter("busy", NULL);
        expect_shown("busy", words);

        enter(state, "In a call");
        expect_shown(!state && traits->per_device ? "offline" : "busy", "In a call");
        expect_given_back(10 * SEC, traits->per_device ? "offline" : "online", words);
}

Test(core_claim, it_grows_by_a_message) {
        grow_by_words(&single_value, "Working", "busy");
        grow_by_words(&single_value, "", "busy");
        grow_by_words(&per_device, "Working", "busy");
        grow_by_words(&per_device, "", "busy");
}

Test(core_claim, it_changes_from_busy_to_a_message) {
        grow_by_words(&single_value, "Working", NULL);
        grow_by_words(&single_value, "", NULL);
        grow_by_words(&per_device, "Working", NULL);
        grow_by_words(&per_device, "", NULL);
}

Test(core_claim, a_busy_of_somebody_else_is_left_alone_when_it_would_grow) {
        begin(&per_device, "online", "Working");
        push();
        want(NULL, "In a call");
        run_for(10 * SEC);
        push_shown("busy", "In a call");
        want("busy", "In a call");
        run_for(10 * SEC);
        expect_phase(CLAIM_FOREIGN);
        expect_given_back(10 * SEC, "offline", "Working");
}

Test(core_claim, a_refused_growth_leaves_what_stands) {
        begin(&single_value, "online", "Working");
        push();
        want(NULL, "In a call");
        run_for(10 * SEC);
        want("busy", "In a call");
        (void) run_to_write();
        claim_on_failure(&claim, CLAIM_FAILED_REFUSED, USEC_NEVER, now, 500);
        expect_phase(CLAIM_REFUSED);
        enter(NULL, "In a call");
        expect_shown("online", "In a call");
        expect_given_back(10 * SEC, "online", "Working");
}

Test(core_claim, a_changed_message_follows_at_once) {
        hold(&single_value, "online", "Working");
        push();
        now += SEC;
        want("busy", "At the dentist");
        expect_step(CLAIM_JOURNAL);
        answer_journal();
        shown = expect_step(CLAIM_WRITE);
        cr_expect_str_eq(shown.text, "At the dentist");
        claim_on_written(&claim, now);
        want("busy", "Back soon");
        run_for(10 * SEC);
        expect_shown("busy", "Back soon");
        expect_given_back(10 * SEC, "online", "Working");
}

Test(core_claim, the_same_want_again_is_nothing) {
        hold(&single_value, "online", "Working");
        writes = journals = 0;
        for (unsigned i = 0; i < 10; i++) {
                want("busy", "In a call");
                expect_step(CLAIM_NOTHING);
                expect_phase(CLAIM_HELD);
        }
}

/* ---- keeping it alive ---- */

Test(core_claim, a_refresh_is_no_change_of_phase) {
        struct claim_traits traits = per_device;
        enum claim_phase from;

        traits.refresh_interval = 4 * USEC_PER_MIN;
        hold(&traits, "online", "Working");
        push();
        (void) claim_take_change(&claim, &from);
        reads = writes = journals = 0;
        for (unsigned i = 0; i < 3; i++) {
                run_for(4 * USEC_PER_MIN + SEC);
                cr_expect_not(claim_take_change(&claim, &from));
                expect_phase(CLAIM_HELD);
        }
        cr_expect_eq(writes, 3);
        cr_expect_eq(reads, 3, "a person's word may not have come through");
        cr_expect_eq(journals, 6, "what is under way is on disk, and what is not any more");
}

/* Where nobody tells, a person may have written since the last look. */
Test(core_claim, a_refresh_looks_first_where_nobody_tells) {
        struct claim_traits traits = per_device;

        traits.pushed = false;
        traits.refresh_interval = 4 * USEC_PER_MIN;
        hold(&traits, "online", "Working");
        set_shown("busy", "Lunch");
        run_for(5 * USEC_PER_MIN);
        expect_phase(CLAIM_YIELDED);
        expect_shown("busy", "Lunch");
        cr_expect_eq(writes, 1);
}

Test(core_claim, what_the_server_has_lost_is_written_again_in_the_same_phase) {
        struct claim_traits traits = per_device;

        traits.pushed = false;
        hold(&traits, "online", "Working");
        set_shown("online", "Working");
        claim_on_erased(&claim);
        expect_phase(CLAIM_HELD);
        run_for(SEC);
        expect_phase(CLAIM_HELD);
        expect_shown("busy", "In a call");
}

Test(core_claim, what_the_server_has_lost_is_written_again_whatever_was_in_doubt_before) {
        struct claim_traits traits = per_device;

        traits.pushed = false;
        hold(&traits, "online", "Working");
        push_shown("offline", "In a call");
        claim_on_unsure(&claim);
        claim_on_erased(&claim);
        reads = 0;
        run_for(SEC);
        cr_expect_leq(reads, 2);
        expect_phase(CLAIM_HELD);
        expect_shown("busy", "In a call");
}

/* Busy may be another device's there, as of a machine that has died, and ends with that. */
Test(core_claim, what_the_server_has_lost_is_written_again_also_where_the_same_shows) {
        struct claim_traits traits = per_device;

        traits.pushed = false;
        hold(&traits, "online", "Working");
        for (unsigned i = 0; i < 2; i++) {
                claim_on_erased(&claim);
                reads = writes = 0;
                run_for(USEC_PER_MIN);
                cr_expect_eq(reads, 1, "a person may have written");
                cr_expect_eq(writes, 1, "%u writes", writes);
                expect_phase(CLAIM_HELD);
        }
}

/* ---- waits ---- */

Test(core_claim, the_first_wait_is_what_the_server_asks) {
        static const struct row {
                const char *what;
                int64_t asked; /* from now */
                usec_t at_least, at_most;
        } rows[] = {
                { "nothing is asked", INT64_MAX, 2 * SEC, 5 * SEC },
                { "now", 0, 2 * SEC, 5 * SEC },
                { "in the past", -(int64_t) (600 * SEC), 2 * SEC, 5 * SEC },
                { "less than our own", (int64_t) SEC, SEC, SEC },
                { "more than our own", (int64_t) (60 * SEC), 60 * SEC, 60 * SEC },
        };

        for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
                const struct row *row = &rows[i];
                struct claim_request r;

                begin(&single_value, "online", "Working");
                push();
                want("busy", "In a call");
                (void) run_to_write();
                claim_on_failure(&claim, CLAIM_FAILED_NOT_APPLIED,
                                 row->asked == INT64_MAX ? USEC_NEVER : (usec_t) ((int64_t) now + row->asked), now, 0);
                r = decide();
                cr_assert_eq(r.step, CLAIM_NOTHING, "%s", row->what);
                cr_expect(r.wake_at >= now + row->at_least && r.wake_at <= now + row->at_most, "%s", row->what);
        }
}

Test(core_claim, the_own_back_off_grows_whatever_is_asked) {
        usec_t last = 0;

        begin(&single_value, "online", "Working");
        want("busy", "In a call");
        for (unsigned i = 0; i < 5; i++) {
                usec_t wait;

                expect_step(CLAIM_READ);
                claim_on_failure(&claim, CLAIM_FAILED_NOT_APPLIED, i == 0 ? now : now + SEC, now, 0);
                wait = decide().wake_at - now;
                cr_expect(wait > last);
                last = wait;
                now += wait;
        }
}

Test(core_claim, every_wait_ends_when_it_is_tried_again) {
        begin(&single_value, "online", "Working");
        push();
        want("busy", "In a call");
        (void) run_to_write();
        claim_on_failure(&claim, CLAIM_FAILED_NOT_APPLIED, now + USEC_PER_HOUR, now, 500);
        claim_on_reconnected(&claim);
        expect_step(CLAIM_NOTHING);
        claim_try_again(&claim);
        expect_step(CLAIM_WRITE);
}

/* 401, and the account goes on. */
Test(core_claim, a_request_that_is_not_let_in_is_made_again) {
        hold(&single_value, "online", "Working");
        claim_set_want(&claim, NULL);
        for (unsigned i = 0; i < 3; i++) {
                (void) run_to_write();
                claim_on_failure(&claim, CLAIM_FAILED_NOT_APPLIED, USEC_NEVER, now, 500);
                cr_expect_not(claim_is_at_rest(&claim));
        }
        run_for(USEC_PER_MIN);
        expect_phase(CLAIM_FREE);
        expect_shown("online", "Working");
}

/* The server says yes and does nothing, for a while. */
Test(core_claim, a_field_is_asked_away_until_it_is_gone) {
        hold(&field, "", "");
        claim_set_want(&claim, NULL);
        for (unsigned i = 0; i < 5; i++) {
                struct claim_value ours = shown;

                (void) run_to_write();
                shown = ours;
                claim_on_written(&claim, now);
        }
        cr_assert(claim_owed(&claim) && on_disk, "it is owed as long as it stands there");
        run_for(10 * USEC_PER_MIN);
        expect_phase(CLAIM_FREE);
        expect_shown("", "");
}

/* ---- limits ---- */

Test(core_claim, calls_that_begin_and_end_are_shown_at_once) {
        begin(&single_value, "online", "Working");
        push();
        for (unsigned i = 0; i < 10; i++) {
                usec_t began = now;

                want("busy", "In a call");
                shown = run_to_write();
                push();
                claim_on_written(&claim, now);
                cr_expect_eq(now, began, "call %u is shown late", i);
                run_for(5 * SEC);
                expect_phase(CLAIM_HELD);
                claim_set_want(&claim, NULL);
                began = now;
                shown = run_to_write();
                cr_expect_eq(now, began, "the end of call %u is shown late", i);
                push();
                claim_on_written(&claim, now);
                run_for(5 * SEC);
                expect_phase(CLAIM_FREE);
        }
}

Test(core_claim, a_fight_stays_quiet) {
        usec_t end;

        hold(&single_value, "online", "Working");
        writes = 0;
        end = now + 10 * USEC_PER_MIN;
        while (now < end) {
                /* A server that lets the last one who asks win. */
                push_shown("online", "In a call");
                run_for(SEC);
        }
        cr_expect(writes >= 3, "%u writes: it has given up", writes);
        cr_expect(writes <= 10 * (CLAIM_WRITES_PER_MINUTE_MAX - 1), "%u writes", writes);

        claim_set_want(&claim, NULL);
        run_for(SEC);
        expect_shown("online", "Working");
}

/* The poll that the push has ended begins anew at once, and should keep alive what it has shown. */
Test(core_claim, what_was_seen_before_its_acknowledgement_stands) {
        begin(&per_device, "offline", "Reading");
        push();
        want("busy", "In a call");
        shown = run_to_write();
        cr_expect_not(claim_is_standing(&claim), "it may not have come");
        push();
        cr_expect(claim_is_standing(&claim));
        claim_on_written(&claim, now);
        cr_expect(claim_is_standing(&claim));
        expect_phase(CLAIM_HELD);
        claim_set_want(&claim, NULL);
        shown = run_to_write();
        push();
        cr_expect_not(claim_is_standing(&claim), "it was given back");
}

Test(core_claim, a_change_of_phase_is_told_once) {
        enum claim_phase from;

        begin(&single_value, "online", "Working");
        cr_expect_not(claim_take_change(&claim, &from));
        want("busy", "In a call");
        cr_expect(claim_take_change(&claim, &from));
        cr_expect_eq(from, CLAIM_FREE);
        run_for(10 * SEC);
        cr_expect(claim_take_change(&claim, &from));
        cr_expect_eq(from, CLAIM_ENTERING);
        cr_expect_eq(claim_phase(&claim), CLAIM_HELD);
        cr_expect_not(claim_take_change(&claim, &from));
}

/* A server that answers every read and takes no write, and says to come back in a moment each time. */
Test(core_claim, writes_that_fail_again_and_again_become_rare_though_reads_work) {
        unsigned n = 0;
        usec_t failed_at = 0, gap = 0;

        begin(&single_value, "online", "");
        want("busy", "In a call");
        while (now < START + 10 * USEC_PER_MIN) {
                struct claim_request r = decide();

                if (r.step == CLAIM_NOTHING)
                        now = r.wake_at;
                else if (r.step == CLAIM_WRITE) {
                        gap = now - failed_at;
                        failed_at = now;
                        n++;
                        claim_on_failure(&claim, CLAIM_FAILED_NOT_APPLIED, now + 2 * SEC, now, 500);
                } else
                        carry_out(&r);
        }
        cr_expect_leq(n, 30, "%u writes", n);
        cr_expect_leq(gap, USEC_PER_MIN, "one that works again is found out soon");
        run_for(USEC_PER_MIN);
        expect_phase(CLAIM_HELD);
}

/* ---- another machine that was told nothing ---- */

/* It has found our words, and could put back none: nobody but us knows what was there before. What it leaves may show
 * before its end is heard of. */
Test(core_claim, what_a_machine_could_not_know_is_put_back_for_it) {
        static const struct row {
                const struct claim_traits *traits;
                const char *prior, *left, *state, *text;
        } rows[] = {
                { &single_value, "In a call", "offline", "unavailable", "In the garden" },
                { &single_value, "In a call", "online", "online", "" }, /* as a person says who takes words away */
                { &single_value, "In a call", "busy", "busy", "" },
                { &single_value, "In the garden", "offline", "offline", "" },
                /* The state may be any device's. */
                { &per_device, "In a call", "offline", "offline", "In the garden" },
                { &per_device, "In a call", "online", "offline", "In the garden" },
                { &per_device, "In the garden", "online", "online", "" },
        };

        for (unsigned i = 0; i < 2 * ARRAY_SIZE(rows); i++) {
                const struct row *row = &rows[i / 2];
                struct claim_other other = machine(1, "busy", row->prior, "busy", "In a call");
                bool early = i % 2;

                hold(row->traits, "unavailable", "In the garden");
                told_live(&other);
                run_for(10 * SEC);
                if (early) {
                        set_shown(row->left, "");
                        now += USEC_PER_MIN;
                }
                claim_set_want(&claim, NULL);
                run_for(10 * SEC);
                push_shown(row->left, "");
                told_done(&other);
                run_for(USEC_PER_MIN);
                expect_phase(CLAIM_FREE);
                expect_shown(row->state, row->text);
                claim_done(&claim);
        }
}

/* Where busy is not offered, it has found our state as well, and puts that back, be it in place of another client's
 * that we saw last. A person says another one. */
Test(core_claim, a_state_that_a_machine_could_not_know_is_put_back_for_it) {
        for (unsigned i = 0; i < 3; i++) {
                bool persons = i == 1, of_another_client = i == 2;
                struct claim_other other = machine(1, "unavailable", "In a call", "unavailable", "In a call");

                begin(&single_value, "offline", "In the garden");
                push();
                want("unavailable", "In a call");
                run_for(10 * SEC);
                told_live(&other);
                claim_set_want(&claim, NULL);
                run_for(10 * SEC);
                expect_phase(CLAIM_SHARED);
                if (of_another_client)
                        push_shown("online", "In a call");
                push_shown(persons ? "online" : "unavailable", "");
                told_done(&other);
                run_for(USEC_PER_MIN);
                expect_phase(CLAIM_FREE);
                expect_shown(persons ? "online" : "offline", persons ? "" : "In the garden");
                claim_done(&claim);
        }
}

/* It was done before our claim began: whoever takes our words away now, it is not that one. */
Test(core_claim, a_machine_that_was_done_before_leaves_none_on_our_way_back) {
        for (unsigned before = 0; before < 2; before++) {
                struct claim_other other = machine(1, "unavailable", "In a call", "unavailable", "In a call");

                begin(&single_value, "offline", "In the garden");
                if (before)
                        told_done(&other);
                run_for(2 * USEC_PER_MIN);
                push();
                enter("unavailable", "In a call");
                if (!before)
                        told_done(&other);
                claim_set_want(&claim, NULL);
                push_shown("unavailable", "");
                run_for(USEC_PER_MIN);
                expect_phase(CLAIM_FREE);
                expect_shown(before ? "unavailable" : "offline", before ? "" : "In the garden");
                claim_done(&claim);
        }
}

/* What it leaves stands there after its end was told, and soon after that. */
Test(core_claim, what_a_machine_could_not_know_is_no_persons_word_in_our_call) {
        static const struct row {
                bool live;
                usec_t after;
                enum claim_phase phase;
        } rows[] = {
                { false, 0, CLAIM_HELD },
                { false, CLAIM_OTHERS_SETTLE, CLAIM_YIELDED },
                { true, 0, CLAIM_YIELDED },
        };

        for (unsigned i = 0; i < 2 * ARRAY_SIZE(rows); i++) {
                const struct row *row = &rows[i / 2];
                struct claim_other other = machine(1, "busy", "In a call", "busy", "In a call");
                bool is_held = row->phase == CLAIM_HELD, is_done = i % 2;

                hold(&single_value, "unavailable", "In the garden");
                told_live(&other);
                run_for(10 * SEC);
                other.live = row->live;
                other.done = !row->live && (is_done || row->after > 0);
                told(&other);
                run_for(row->after);
                push_shown("offline", "");
                run_for(10 * SEC);
                expect_phase(row->phase);
                expect_shown(is_held ? "busy" : "offline", is_held ? "In a call" : "");
                told_done(&other);
                expect_given_back(USEC_PER_MIN, is_held ? "unavailable" : "offline", is_held ? "In the garden" : "");
                claim_done(&claim);
        }
}

/* One whose claim was over before ours began leaves nothing behind it. */
Test(core_claim, no_words_at_our_end_are_a_persons_where_the_other_machine_had_ended_before) {
        struct claim_other other = machine(1, "busy", "In a call", "busy", "In a call");

        begin(&single_value, "online", "Working");
        told_done(&other);
        run_for(2 * CLAIM_OTHERS_SETTLE);
        push();
        enter("busy", "In a call");
        claim_set_want(&claim, NULL);
        push_shown("online", "");
        run_for(USEC_PER_MIN);
        expect_phase(CLAIM_FREE);
        expect_shown("online", "");
        claim_done(&claim);
}

/* Its note is old by then, and busy goes on here. */
Test(core_claim, words_that_go_within_our_call_are_a_persons_doing) {
        struct claim_other other = machine(1, "busy", "In a call", "busy", "In a call");

        hold(&single_value, "unavailable", "In the garden");
        told_live(&other);
        told_done(&other);
        run_for(USEC_PER_HOUR);
        push_shown("offline", "");
        run_for(USEC_PER_MIN);
        expect_phase(CLAIM_YIELDED);
        expect_given_back(USEC_PER_MIN, "offline", "");
        claim_done(&claim);
}

/* Ours had none either since `message =`, the person has taken theirs away hours later, and this machine is new. */
Test(core_claim, words_taken_away_long_after_a_machine_was_done_do_not_come_back) {
        struct claim_other gone = {
                .owed = { .prior = value("online", "In the garden"),
                          .ours = { value("unavailable", "In a call"), value("unavailable", "") },
                          .n_ours = 2,
                          .order = 1,
                          .state_claimed = true,
                          .text_claimed = true },
                .done = true,
        };
        static const struct {
                usec_t done_for;
                const char *text;
        } cases[] = {
                { CLAIM_OTHERS_SETTLE - 1, "In the garden" },
                { CLAIM_OTHERS_SETTLE, "" },
                { 24 * USEC_PER_HOUR, "" }, /* longer than the clock runs */
        };

        for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
                begin(&single_value, "online", "");
                gone.done_for = cases[i].done_for;
                cr_assert_eq(claim_on_others(&claim, &gone, 1, now), 0);
                push();
                enter("unavailable", NULL);
                expect_given_back(20 * SEC, "online", cases[i].text);
                claim_done(&claim);
        }
}

/* It was killed, or signed out, in a call, and has told nothing since. */
Test(core_claim, what_a_machine_has_left_that_fell_silent_is_put_back_for_it) {
        struct claim_other gone = machine(1, "online", "Lunch", "busy", "In a call");

        gone.done = gone.silent = true;
        begin(&single_value, "busy", "In a call");
        cr_assert_eq(claim_on_others(&claim, &gone, 1, now), 0);
        run_for(USEC_PER_HOUR);
        push();
        want("busy", "In a call");
        run_for(10 * SEC);
        expect_given_back(USEC_PER_MIN, "online", "Lunch");
        claim_done(&claim);
}

/* No words are anybody's, and a state without them. */
Test(core_claim, what_may_be_a_persons_is_not_that_of_a_machine_that_fell_silent) {
        struct claim_other gone = machine(1, "online", "Lunch", "unavailable", "In a call");

        gone.done = gone.silent = true;
        gone.owed.ours[gone.owed.n_ours++] = value("unavailable", "");
        begin(&single_value, "unavailable", "");
        cr_assert_eq(claim_on_others(&claim, &gone, 1, now), 0);
        run_for(USEC_PER_HOUR);
        push();
        enter("busy", "In a call");
        expect_given_back(USEC_PER_MIN, "unavailable", "");
        claim_done(&claim);
}

/* Of no words nobody can tell whose they are: those of a machine that was done before this call are not. */
Test(core_claim, words_taken_away_in_a_call_are_no_claim_of_long_ago) {
        struct claim_other gone = {
                .owed = { .prior = value("online", ""),
                          .ours = { value("busy", "In a call"), value("busy", "") },
                          .n_ours = 2,
                          .order = 1,
                          .state_claimed = true,
                          .text_claimed = true },
                .done = true,
        };

        for (unsigned lately = 0; lately < 2; lately++) {
                begin(&single_value, "online", "Lunch");
                gone.done_for = lately ? 0 : CLAIM_OTHERS_SETTLE;
                cr_assert_eq(claim_on_others(&claim, &gone, 1, now), 0);
                push();
                enter("busy", "In a call");
                push_shown("online", "");
                run_for(10 * SEC);
                expect_phase(lately ? CLAIM_HELD : CLAIM_YIELDED);
                expect_given_back(20 * SEC, "online", lately ? "Lunch" : "");
                claim_done(&claim);
        }
}

/* ---- another machine that has given way as well ---- */

/* It tells so, and each time that it looks again. Busy shows as long as it is in a call. */
Test(core_claim, a_persons_word_is_not_looked_at_again_for_the_state_of_another_machine) {
        struct claim_other other = machine(1, "busy", "", "busy", "In a call");
        unsigned before;

        hold(&per_device, "offline", "");
        told_live(&other);
        run_for(10 * SEC);
        push_shown("busy", "Reading a book");
        run_for(SEC);
        expect_phase(CLAIM_YIELDED);
        before = reads;
        for (unsigned i = 0; i < 10; i++) {
                other.text_lost = !other.text_lost;
                told(&other);
                run_for(SEC);
                expect_phase(CLAIM_YIELDED);
        }
        cr_expect_eq(reads, before, "%u reads", reads - before);
        claim_set_want(&claim, NULL);
        run_for(USEC_PER_MIN);
        cr_expect_str_eq(shown.text, "Reading a book");
        claim_done(&claim);
}

/* What it tells of its next call takes the place of what it told of the last one. */
Test(core_claim, words_that_another_machine_has_put_there_are_not_put_back_once_it_has_begun_anew) {
        struct claim_other other = machine(1, "offline", "", "busy", "At the dentist");
        struct claim_traits traits = per_device;

        traits.text_per_device = true;
        begin(&traits, "busy", "At the dentist");
        told_live(&other);
        enter("busy", "In a call");
        other = machine(0, "busy", "", "busy", "In a call");
        told_live(&other);
        run_for(10 * SEC);
        told_done(&other);
        expect_given_back(USEC_PER_MIN, "offline", "");
        claim_done(&claim);
}
