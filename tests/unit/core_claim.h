/* What the tests of the claim machine share: the machine on a virtual clock, the journal, and the server, which do at
 * once whatever is asked of them. */
#pragma once

#include <criterion/criterion.h>

#include "core/claim.h"

#define START (1000 * USEC_PER_SEC)
#define SEC   USEC_PER_SEC

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
static const struct claim_traits text_per_device = {
        .per_device = true,
        .text_per_device = true,
        .withdrawn = "offline",
        .taken = "busy",
        .sticky = true,
        .text_tells_person = true,
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

static inline struct claim_value value(const char *state, const char *text) {
        struct claim_value v;

        cr_assert_eq(claim_value_set(&v, state, text), 0);
        return v;
}

static inline void set_shown(const char *state, const char *text) {
        shown = value(state, text);
}

static inline void begin(const struct claim_traits *traits, const char *state, const char *text) {
        now = START;
        on_disk = caught = false;
        reads = writes = journals = 0;
        set_shown(state, text);
        claim_init(&claim, traits);
}

static inline void push(void) {
        claim_on_seen(&claim, &shown, now);
}

static inline void push_shown(const char *state, const char *text) {
        set_shown(state, text);
        push();
}

static inline void want(const char *state, const char *text) {
        struct claim_want w = { .state_claimed = state, .text_claimed = text };

        cr_assert_eq(claim_value_set(&w.value, state, text), 0);
        claim_set_want(&claim, &w);
}

static inline void restart(const struct claim_traits *traits) {
        claim_init(&claim, traits);
        if (on_disk)
                claim_resume(&claim, &disk);
}

static inline struct claim_request decide(void) {
        return claim_decide(&claim, now);
}

/* The next step must be this one; NOTHING: there is none now. */
static inline struct claim_value expect_step(enum claim_step step) {
        struct claim_request r = decide();

        cr_assert_eq(r.step, step, "step %d instead of %d, phase %s", r.step, step,
                     claim_phase_to_string(claim_phase(&claim)));
        return r.value;
}

static inline void expect_phase(enum claim_phase phase) {
        cr_assert_eq(claim_phase(&claim), phase, "%s instead of %s", claim_phase_to_string(claim_phase(&claim)),
                     claim_phase_to_string(phase));
}

static inline void expect_shown(const char *state, const char *text) {
        cr_assert(streq(shown.state, state) && streq(shown.text, text), "'%s' '%s' instead of '%s' '%s'", shown.state,
                  shown.text, state, text);
}

static inline void answer_read(void) {
        reads++;
        claim_on_read(&claim, &shown, now, 500);
}

static inline void answer_journal(void) {
        journals++;
        disk = *claim_entry(&claim);
        on_disk = true;
        claim_on_journalled(&claim);
}

static inline void carry_out(const struct claim_request *r) {
        switch (r->step) {
        case CLAIM_READ:
                answer_read();
                return;
        case CLAIM_JOURNAL:
                answer_journal();
                return;
        case CLAIM_USE:
                cr_assert(on_disk && disk.given_back, "nothing was put there ahead");
                claim_on_journalled(&claim);
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
static inline void run_until(usec_t until) {
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

static inline void run_for(usec_t time) {
        run_until(now + time);
}

/* Everything works, up to a write that is under way. */
static inline struct claim_value run_to_write(void) {
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

/* An earlier run has died over its write, which may land late. */
static inline struct claim_value die_over_write(const struct claim_traits *traits, const char *state,
                                                const char *text) {
        struct claim_value late;

        want(state, text);
        late = run_to_write();
        restart(traits);
        return late;
}

/* ... which says busy beside the words of before, and those stand there still. */
static inline void begin_after_state(void) {
        begin(&single_value, "online", "Working");
        push();
        (void) die_over_write(&single_value, "busy", NULL);
        push();
}

/* The user is busy from now on, and it comes to stand there. */
static inline void enter(const char *state, const char *text) {
        want(state, text);
        run_for(10 * SEC);
        expect_phase(CLAIM_HELD);
}

/* ... and no more. */
static inline void expect_given_back(usec_t within, const char *state, const char *text) {
        claim_set_want(&claim, NULL);
        run_for(within);
        expect_phase(CLAIM_FREE);
        expect_shown(state, text);
}

static inline void hold(const struct claim_traits *traits, const char *state, const char *text) {
        begin(traits, state, text);
        if (traits->pushed)
                push();
        enter("busy", traits->text_tells_person ? "In a call" : NULL);
}

/* ---- the user's other machines ---- */

static inline struct claim_other machine(unsigned order, const char *prior_state, const char *prior_text,
                                         const char *state, const char *text) {
        return (struct claim_other){ .owed = { .prior = value(prior_state, prior_text),
                                               .ours = { value(state ?: "", text ?: "") },
                                               .n_ours = 1,
                                               .order = order,
                                               .state_claimed = state,
                                               .text_claimed = text } };
}

/* It alone has told. */
static inline void told(const struct claim_other *other) {
        cr_assert_geq(claim_on_others(&claim, other, 1, now), 0);
}

static inline void told_live(struct claim_other *other) {
        other->live = true;
        told(other);
}

static inline void told_done(struct claim_other *other) {
        other->live = false;
        other->done = true;
        told(other);
}

static inline void told_by(struct claim_other a, struct claim_other b) {
        const struct claim_other others[] = { a, b };

        cr_assert_geq(claim_on_others(&claim, others, 2, now), 0);
}
