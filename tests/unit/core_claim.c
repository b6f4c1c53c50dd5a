/* The claim machine on a virtual clock, one scene a test: what a reader would ask of it. Every order of everything is
 * for core_search. */
#include <criterion/criterion.h>

#include "core/claim.h"

#define START (1000 * USEC_PER_SEC)
#define SEC   USEC_PER_SEC

/* ---- the stage ---- */

static struct claim claim;
static struct claim_owed disk;
static bool on_disk;
static usec_t now;
static struct claim_value shown; /* by the server */
static bool caught;              /* by another session: it is busy whatever is written */
static unsigned reads, writes, journals;

static const struct claim_traits per_device = {
        .per_device = true,
        .withdrawn = "offline",
        .taken = "busy",
        .sticky = true,
        .text_tells_person = true,
        .pushed = true,
        .refresh_interval = USEC_NEVER,
};
static const struct claim_traits single_value = {
        .withdrawn = "offline",
        .taken = "busy",
        .person_writes_whole = true,
        .text_tells_person = true,
        .pushed = true,
        .refresh_interval = USEC_NEVER,
};
static const struct claim_traits field = { .withdrawn = "", .refresh_interval = USEC_NEVER };

static struct claim_value value(const char *state, const char *text) {
        struct claim_value v;

        cr_assert_eq(claim_value_set(&v, state, text), 0);
        return v;
}

static void set_shown(const char *state, const char *text) {
        shown = value(state, text);
}

static void begin(const struct claim_traits *traits, const char *state, const char *text) {
        now = START;
        on_disk = caught = false;
        reads = writes = journals = 0;
        set_shown(state, text);
        claim_init(&claim, traits);
}

static void push(void) {
        claim_on_seen(&claim, &shown, now);
}

static void want(const char *state, const char *text) {
        struct claim_want w = { .state_claimed = state, .text_claimed = text };

        cr_assert_eq(claim_value_set(&w.value, state, text), 0);
        claim_set_want(&claim, &w);
}

static void restart(const struct claim_traits *traits) {
        claim_init(&claim, traits);
        if (on_disk)
                claim_resume(&claim, &disk);
}

static struct claim_request decide(void) {
        return claim_decide(&claim, now);
}

/* The next step must be this one; NOTHING: there is none now. */
static struct claim_value expect_step(enum claim_step step) {
        struct claim_request r = decide();

        cr_assert_eq(r.step, step, "step %d instead of %d, phase %s", r.step, step,
                     claim_phase_to_string(claim_phase(&claim)));
        return r.value;
}

static void expect_phase(enum claim_phase phase) {
        cr_assert_eq(claim_phase(&claim), phase, "%s instead of %s", claim_phase_to_string(claim_phase(&claim)),
                     claim_phase_to_string(phase));
}

static void expect_shown(const char *state, const char *text) {
        cr_assert(streq(shown.state, state) && streq(shown.text, text), "'%s' '%s' instead of '%s' '%s'", shown.state,
                  shown.text, state, text);
}

static void answer_read(void) {
        reads++;
        claim_on_read(&claim, &shown, now, 500);
}

static void answer_journal(void) {
        journals++;
        disk = *claim_owed(&claim);
        on_disk = true;
        claim_on_journalled(&claim);
}

static void carry_out(const struct claim_request *r) {
        switch (r->step) {
        case CLAIM_READ:
                answer_read();
                return;
        case CLAIM_JOURNAL:
                answer_journal();
                return;
        case CLAIM_WRITE:
        case CLAIM_CURE:
                writes++;
                cr_assert(on_disk, "a write that is not in the journal");
                shown = r->value;
                if (caught)
                        claim_value_put_state(&shown, "busy");
                claim_on_written(&claim, now);
                return;
        case CLAIM_FORGET:
                on_disk = false;
                claim_on_forgotten(&claim);
                return;
        case CLAIM_NOTHING:
                return;
        }
}

/* Everything works at once, until `until` or until nothing is left to be done. */
static void run_until(usec_t until) {
        for (unsigned i = 0; i < 1000; i++) {
                struct claim_request r = decide();

                if (r.step != CLAIM_NOTHING)
                        carry_out(&r);
                else if (r.wake_at > until)
                        break;
                else
                        now = r.wake_at > now ? r.wake_at : now + 1;
        }
        if (until != USEC_NEVER && now < until)
                now = until;
}

static void run_for(usec_t time) {
        run_until(now + time);
}

/* Everything works, up to a write that is under way. */
static struct claim_value run_to_write(void) {
        for (unsigned i = 0; i < 100; i++) {
                struct claim_request r = decide();

                if (r.step == CLAIM_WRITE)
                        return r.value;
                if (r.step == CLAIM_NOTHING)
                        now = r.wake_at;
                carry_out(&r);
        }
        cr_assert(false, "there is nothing to write");
        return value("", "");
}

static void hold(const struct claim_traits *traits, const char *state, const char *text) {
        begin(traits, state, text);
        if (traits->pushed)
                push();
        want("busy", traits->text_tells_person ? "In a call" : NULL);
        run_for(10 * SEC);
        expect_phase(CLAIM_HELD);
}

/* ---- what was under way ---- */

Test(core_claim, the_journal_says_while_a_write_is_under_way) {
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

Test(core_claim, what_lands_after_a_restart_is_taken_back) {
        expect_taken_back(&single_value, 400 * USEC_PER_MSEC, "online", "Working");
        expect_taken_back(&single_value, 30 * SEC, "online", "Working");
        expect_taken_back(&per_device, 3 * SEC, "online", "Working");
        expect_taken_back(&per_device, 50 * SEC, "online", "");
        expect_taken_back(&field, 3 * SEC, "", "");
        expect_taken_back(&field, 59 * SEC, "", "");
}

Test(core_claim, what_lands_after_a_cut_is_taken_back) {
        struct claim_value late;

        begin(&single_value, "online", "Working");
        push();
        want("busy", "In a call");
        late = run_to_write();
        claim_on_failure(&claim, CLAIM_FAILED_UNSURE, USEC_NEVER, now, 500);
        claim_set_want(&claim, NULL);
        run_for(20 * SEC);
        expect_phase(CLAIM_FREE);
        expect_shown("online", "Working");
        shown = late;
        push();
        run_for(20 * SEC);
        expect_shown("online", "Working");
}

Test(core_claim, what_is_known_to_have_landed_is_not_watched) {
        hold(&single_value, "online", "Working");
        restart(&single_value);
        run_for(10 * SEC);
        expect_phase(CLAIM_FREE);
        expect_shown("online", "Working");
        cr_expect_not(on_disk);
}

Test(core_claim, what_lands_when_nothing_is_owed_is_taken_back) {
        struct claim_value late;

        begin(&single_value, "online", "Working");
        want("busy", "In a call");
        late = run_to_write();
        restart(&single_value);
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

Test(core_claim, a_call_after_a_late_write_keeps_the_message) {
        struct claim_value late;

        begin(&single_value, "online", "Working");
        want("busy", "In a call");
        late = run_to_write();
        restart(&single_value);
        push();
        run_for(10 * SEC);
        expect_phase(CLAIM_FREE);
        shown = late;
        want("busy", "In a call");
        push();
        run_for(10 * SEC);
        expect_phase(CLAIM_HELD);
        claim_set_want(&claim, NULL);
        run_for(2 * CLAIM_LANDS_WITHIN);
        expect_shown("online", "Working");
}

Test(core_claim, a_late_value_of_ours_is_nobody_elses) {
        struct claim_value late;

        begin(&field, "", "");
        want("{ours}", NULL);
        late = run_to_write();
        restart(&field);
        run_for(10 * SEC);
        expect_phase(CLAIM_FREE);
        shown = late;
        want("{ours}", NULL);
        run_for(10 * SEC);
        expect_phase(CLAIM_HELD);
        claim_set_want(&claim, NULL);
        run_for(2 * CLAIM_LANDS_WITHIN);
        expect_shown("", "");
}

Test(core_claim, what_gives_back_and_lands_late_is_no_persons_word) {
        hold(&single_value, "online", "Working");
        claim_set_want(&claim, NULL);
        (void) run_to_write();
        claim_on_failure(&claim, CLAIM_FAILED_UNSURE, USEC_NEVER, now, 500);
        want("busy", "In a call");
        run_for(20 * SEC);
        expect_phase(CLAIM_HELD);
        set_shown("online", "Working");
        push();
        run_for(20 * SEC);
        expect_phase(CLAIM_HELD);
        expect_shown("busy", "In a call");
}

/* As long as it may land, the entry stays: nobody else would know of it. */
Test(core_claim, what_lands_after_another_restart_is_taken_back) {
        struct claim_value late;

        begin(&single_value, "online", "Working");
        want("busy", "In a call");
        late = run_to_write();
        restart(&single_value);
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

/* Who reads the journal is not told that nothing is owed while something is. */
Test(core_claim, what_is_kept_is_owed_again_with_the_next_write) {
        begin(&single_value, "online", "Working");
        want("busy", "In a call");
        (void) run_to_write();
        restart(&single_value);
        run_for(20 * SEC);
        cr_assert(on_disk && disk.given_back);
        restart(&single_value);
        want("busy", "In a call");
        run_for(20 * SEC);
        expect_phase(CLAIM_HELD);
        cr_expect(on_disk && !disk.given_back);
}

Test(core_claim, a_late_message_is_ours_in_a_claim_of_more) {
        struct claim_value late;

        begin(&single_value, "online", "Working");
        want(NULL, "In a call");
        late = run_to_write();
        restart(&single_value);
        run_for(10 * SEC);
        expect_phase(CLAIM_FREE);
        want("busy", "On the phone");
        run_for(10 * SEC);
        expect_phase(CLAIM_HELD);
        shown = late;
        push();
        run_for(20 * SEC);
        expect_shown("busy", "On the phone");
        claim_set_want(&claim, NULL);
        run_for(2 * CLAIM_LANDS_WITHIN);
        expect_shown("online", "Working");
}

/* Else the late state would be nobody's: a claim of the message alone repeats whatever state is there. */
Test(core_claim, a_message_alone_waits_for_a_lost_write_of_more) {
        struct claim_value late;

        begin(&single_value, "online", "Working");
        push();
        want("busy", "In a call");
        late = run_to_write();
        claim_on_failure(&claim, CLAIM_FAILED_UNSURE, USEC_NEVER, now, 500);
        claim_set_want(&claim, NULL);
        run_for(20 * SEC);
        expect_phase(CLAIM_FREE);
        want(NULL, "In a call");
        run_for(10 * SEC);
        shown = late;
        push();
        run_for(10 * SEC);
        expect_shown("online", "Working");
        run_for(CLAIM_LANDS_WITHIN);
        expect_phase(CLAIM_HELD);
        expect_shown("online", "In a call");
        claim_set_want(&claim, NULL);
        run_for(10 * SEC);
        expect_shown("online", "Working");
}

/* ... also of an earlier run. */
Test(core_claim, a_message_alone_waits_for_a_lost_write_of_an_earlier_run) {
        struct claim_value late;

        begin(&single_value, "online", "Working");
        want("busy", "In a call");
        late = run_to_write();
        restart(&single_value);
        run_for(20 * SEC);
        cr_assert(on_disk && disk.given_back);
        restart(&single_value);
        push();
        want(NULL, "In a call");
        run_for(10 * SEC);
        shown = late;
        push();
        run_for(10 * SEC);
        expect_shown("online", "Working");
        run_for(CLAIM_LANDS_WITHIN);
        expect_phase(CLAIM_HELD);
        expect_shown("online", "In a call");
        claim_set_want(&claim, NULL);
        run_for(10 * SEC);
        expect_shown("online", "Working");
}

Test(core_claim, a_third_message_waits_for_no_lost_one) {
        struct claim_value late;

        begin(&single_value, "online", "Working");
        push();
        want("busy", "In a call");
        late = run_to_write();
        claim_on_failure(&claim, CLAIM_FAILED_UNSURE, USEC_NEVER, now, 500);
        want("busy", "On the phone");
        run_for(20 * SEC);
        want("busy", "In a meeting");
        run_for(10 * SEC);
        expect_phase(CLAIM_HELD);
        expect_shown("busy", "In a meeting");
        shown = late;
        push();
        run_for(10 * SEC);
        expect_shown("busy", "In a meeting");
        claim_set_want(&claim, NULL);
        run_for(2 * CLAIM_LANDS_WITHIN);
        expect_shown("online", "Working");
}

/* The journal was lost, and a call goes on: what stands there is no answer to a claim that may never have been. */
Test(core_claim, a_debt_that_is_only_suspected_keeps_no_call_from_being_shown) {
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
        claim_set_want(&claim, NULL);
        run_for(10 * SEC);
        expect_shown("offline", "Reading");
}

/* ---- whose word ---- */

/* The server copies busy, though it is not known to. */
Test(core_claim, words_that_we_put_back_are_no_persons) {
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

/* Where each device has words of its own, none at all show once ours are away and the others' have been silent. */
Test(core_claim, words_that_half_a_give_back_has_taken_away_come_back) {
        struct claim_traits traits = per_device;

        traits.pushed = false;
        traits.text_per_device = true;
        hold(&traits, "offline", "Lunch");
        claim_set_want(&claim, NULL);
        (void) run_to_write();
        set_shown("offline", "");
        claim_on_failure(&claim, CLAIM_FAILED_UNSURE, USEC_NEVER, now, 500);
        run_for(5 * USEC_PER_MIN);
        expect_phase(CLAIM_FREE);
        expect_shown("offline", "Lunch");
}

Test(core_claim, a_message_changed_in_the_call_stays) {
        hold(&single_value, "online", "Working");
        set_shown("online", "Lunch");
        push();
        cr_expect_not(claim_is_standing(&claim), "what keeps ours alive would write over it");
        run_for(SEC);
        expect_phase(CLAIM_YIELDED);
        claim_set_want(&claim, NULL);
        run_for(20 * SEC);
        expect_phase(CLAIM_FREE);
        expect_shown("online", "Lunch");
        cr_expect_eq(writes, 1);
}

Test(core_claim, what_was_sent_is_ours_before_it_is_acknowledged) {
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
Test(core_claim, what_a_person_wrote_in_the_call_is_owed_back) {
        hold(&per_device, "online", "Working");
        set_shown("busy", "Lunch");
        push();
        run_for(SEC);
        expect_phase(CLAIM_YIELDED);
        set_shown("busy", "In a call");
        push();
        claim_set_want(&claim, NULL);
        run_for(20 * SEC);
        expect_shown("offline", "Lunch");
}

/* The state alone is ours, and words came with a state that equals it. */
Test(core_claim, words_of_a_person_over_a_state_of_ours_stay) {
        begin(&single_value, "online", "Lunch");
        push();
        want("unavailable", NULL);
        run_for(10 * SEC);
        set_shown("unavailable", "In the garden");
        push();
        run_for(SEC);
        claim_set_want(&claim, NULL);
        reads = 0;
        run_for(20 * SEC);
        expect_phase(CLAIM_FREE);
        expect_shown("unavailable", "In the garden");
        cr_expect_leq(reads, 2, "%u reads", reads);
}

Test(core_claim, a_state_that_others_release_is_taken) {
        begin(&single_value, "busy", "");
        push();
        want("busy", "In a call");
        run_for(10 * SEC);
        expect_phase(CLAIM_FOREIGN);
        set_shown("online", "");
        push();
        run_for(10 * SEC);
        expect_phase(CLAIM_HELD);
        claim_set_want(&claim, NULL);
        run_for(10 * SEC);
        expect_shown("online", "");
}

/* ---- other machines ---- */

static struct claim_other machine(unsigned order, const char *prior_state, const char *prior_text, const char *state,
                                  const char *text) {
        return (struct claim_other){ .owed = { .prior = value(prior_state, prior_text),
                                               .ours = { value(state ?: "", text ?: "") },
                                               .n_ours = 1,
                                               .order = order,
                                               .state_claimed = state,
                                               .text_claimed = text } };
}

static void told_by(struct claim_other a, struct claim_other b) {
        const struct claim_other others[] = { a, b };

        cr_assert_geq(claim_on_others(&claim, others, 2, now), 0);
}

/* A device that has logged out long ago and one that is on a call have the same words. */
Test(core_claim, what_was_before_words_is_known_by_who_wrote_them_last) {
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
                want("busy", "In a call");
                run_for(10 * SEC);
                expect_phase(CLAIM_HELD);
                live.live = false;
                live.done = true;
                told_by(live, gone);
                claim_set_want(&claim, NULL);
                run_for(20 * SEC);
                expect_shown("online", "Lunch");
        }
}

/* Both have taken their own away, and it shows: nobody's of us, and so it is named. */
Test(core_claim, a_busy_that_neither_machine_holds_is_stuck) {
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
Test(core_claim, a_value_of_a_call_that_is_over_is_no_prior) {
        struct claim_other before = machine(1, "", "", "{theirs}", NULL), none = machine(0, "", "", NULL, NULL);

        none.done = true;
        begin(&field, "{theirs}", "");
        before.live = true;
        told_by(before, none);
        want("{ours}", NULL);
        run_for(10 * SEC);
        expect_phase(CLAIM_HELD);
        told_by(machine(3, "{ours}", "", "{new}", NULL), none);
        claim_set_want(&claim, NULL);
        run_for(10 * SEC);
        told_by(none, none);
        run_for(30 * SEC);
        expect_phase(CLAIM_FREE);
        expect_shown("", "");
}

/* Its write was under way when it had yet to hear of our claim. Later it is a person who has put that back. */
Test(core_claim, what_another_machine_gives_back_not_knowing_of_us_is_no_persons_word) {
        struct claim_other other = machine(1, "online", "Working", "busy", "In a call"),
                           none = machine(0, "", "", NULL, NULL);

        none.done = true;
        begin(&single_value, "online", "Working");
        push();
        told_by(other, none);
        want("busy", "In a call");
        run_for(10 * SEC);
        expect_phase(CLAIM_HELD);
        set_shown("online", "Working");
        push();
        run_for(10 * SEC);
        expect_phase(CLAIM_HELD);
        expect_shown("busy", "In a call");
        run_for(CLAIM_LANDS_WITHIN);
        set_shown("online", "Working");
        push();
        run_for(10 * SEC);
        expect_phase(CLAIM_YIELDED);
        expect_shown("online", "Working");
}

/* Each would take its prior from the other's, and tell it again, for ever. */
Test(core_claim, what_is_told_of_a_prior_state_does_not_follow_what_is_told_of_it) {
        struct claim_other other = machine(1, "busy", "Lunch", "busy", "On the phone"),
                           none = machine(0, "", "", NULL, NULL), first, second;

        none.done = true;
        other.live = true;
        begin(&per_device, "busy", "Lunch");
        push();
        told_by(other, none);
        want("busy", "In a call");
        run_for(10 * SEC);
        expect_phase(CLAIM_HELD);
        cr_assert(claim_tell_others(&claim, &first));
        told_by(machine(1, "online", "Lunch", "busy", "On the phone"), none);
        cr_assert(claim_tell_others(&claim, &second));
        cr_expect(claim_value_equal(&first.owed.prior, &second.owed.prior));
}

/* Whoever writes the state repeats the words: not those that somebody gives back meanwhile. */
Test(core_claim, words_that_another_machine_gives_back_are_not_repeated) {
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

/* A connection that has died in silence. */
Test(core_claim, what_was_told_long_ago_is_read_before_it_is_given_back) {
        hold(&per_device, "online", "Working");
        now += 2 * USEC_PER_MIN;
        set_shown("busy", "Lunch");
        claim_set_want(&claim, NULL);
        run_for(20 * SEC);
        expect_phase(CLAIM_FREE);
        expect_shown("offline", "Lunch");
}

/* ---- growing and changing within a call ---- */

static void grow(const struct claim_traits *traits) {
        begin(traits, "online", "Working");
        push();
        want(NULL, "In a call");
        run_for(10 * SEC);
        expect_phase(CLAIM_HELD);
        expect_shown(traits->per_device ? "offline" : "online", "In a call");

        /* The person's other client has gone idle meanwhile. */
        set_shown("unavailable", "In a call");
        push();
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
        claim_set_want(&claim, NULL);
        run_for(10 * SEC);
        expect_phase(CLAIM_FREE);
        expect_shown(traits->per_device ? "offline" : "unavailable", "Working");
}

Test(core_claim, it_grows_from_a_message_to_busy) {
        grow(&single_value);
        grow(&per_device);
}

Test(core_claim, a_busy_of_somebody_else_is_left_alone_when_it_would_grow) {
        begin(&per_device, "online", "Working");
        push();
        want(NULL, "In a call");
        run_for(10 * SEC);
        set_shown("busy", "In a call");
        push();
        want("busy", "In a call");
        run_for(10 * SEC);
        expect_phase(CLAIM_FOREIGN);
        claim_set_want(&claim, NULL);
        run_for(10 * SEC);
        expect_phase(CLAIM_FREE);
        expect_shown("offline", "Working");
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
        want(NULL, "In a call");
        run_for(10 * SEC);
        expect_phase(CLAIM_HELD);
        expect_shown("online", "In a call");
        claim_set_want(&claim, NULL);
        run_for(10 * SEC);
        expect_shown("online", "Working");
}

Test(core_claim, a_changed_message_follows_at_once) {
        hold(&single_value, "online", "Working");
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
        claim_set_want(&claim, NULL);
        run_for(10 * SEC);
        expect_shown("online", "Working");
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
        cr_expect_eq(reads, 0);
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
        set_shown("offline", "In a call");
        push();
        claim_on_unsure(&claim);
        claim_on_erased(&claim);
        reads = 0;
        run_for(SEC);
        cr_expect_leq(reads, 2);
        expect_phase(CLAIM_HELD);
        expect_shown("busy", "In a call");
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
                set_shown("online", "In a call");
                push();
                run_for(SEC);
        }
        cr_expect(writes >= 3, "%u writes: it has given up", writes);
        cr_expect(writes <= 10 * (CLAIM_WRITES_PER_MINUTE_MAX - 1), "%u writes", writes);

        claim_set_want(&claim, NULL);
        run_for(SEC);
        expect_shown("online", "Working");
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
