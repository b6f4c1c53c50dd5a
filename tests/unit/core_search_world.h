/* The world of the exhaustive search of one claim machine: a server that keeps a value per device, a single value, or
 * a field, what the machine has asked of it, and what others write there. */
#pragma once

#include <stdio.h>

#include "core/claim.h"
#include "core_search.h"

#define START (1000 * USEC_PER_SEC)

enum { OFFLINE, UNAVAILABLE, ONLINE, BUSY };
static const char *const states[] = { "offline", "unavailable", "online", "busy" };
/* A field: empty, another client's, (unused), ours. */
static const char *const field_states[] = { "", "{theirs}", "{3}", "{ours}" };
/* Index 0 is the prior message, 1 and 4 are ours, 2 and 3 are a person's. */
static const char *const texts[] = { "Working", "In a call", "Lunch", "", "On the phone" };

struct kind {
        bool per_device, pushed, field, curable;
        bool grows;       /* a call begins with a message alone, which may change, and is busy later */
        bool rings;       /* a call may ring before it begins, or without beginning */
        bool gains_words; /* ... begins busy, and has a message later */
        bool shrinks;     /* ... and is not busy any more after it was */
};

struct world {
        struct claim claim;
        struct kind kind;

        /* What the machine has asked for. */
        enum claim_step step;
        struct claim_value value;
        bool back;   /* the last write gives back */
        bool echoed; /* ... and was pushed before it was answered */
        bool live;   /* a push has come since the poll broke */

        /* The server. With one value per user only `own` and `text` count. */
        unsigned char own, other, text;
        bool late; /* a write of unknown fate is still on its way */
        unsigned char late_own, late_text;
        bool late_back; /* ... which gives back */
        usec_t late_by;
        bool old; /* an answer from before our last write is still on its way */
        unsigned char old_state, old_text;

        /* As if busyd did not exist. */
        unsigned char base_state, base_text;
        bool caught; /* another session has caught our busy */

        bool call, rings, connected, signed_out;
        /* Since this claim began: */
        bool persons_word, clients_word; /* somebody has written */
        bool ignored;                    /* the server acknowledged a write without effect */
        bool was_refused;                /* a request was */
        bool refused;                    /* the cure was */
        bool grown, renamed;             /* what is wanted in this call */
        bool tell; /* busyd has yet to hear that the other client's call began or ended, soon after */
        usec_t tell_until;
        bool journal;
        struct claim_owed entry, asked; /* ... and what is being put there */
        usec_t now, wake_at;
        usec_t writes[CLAIM_WRITES_PER_MINUTE_MAX + 1];
        bool fresh, was_fresh; /* the next write is the first since something else is wanted; the last one was */
        unsigned char persons, clients, faults, crashes, calls, wants, ringing; /* how many of each are left */
};

enum action {
        CALL_CHANGES,
        CALL_RINGS,
        WANT_GROWS,
        MESSAGE_CHANGES,
        PERSON_WRITES,
        PERSON_CLEARS,
        PERSON_SAYS_BUSY,
        CLIENT_SYNCS,
        CLIENT_IS_HEARD,
        SESSION_CATCHES,
        TIME_PASSES,
        POLL_BREAKS,
        POLL_RETURNS,
        PUSH_COMES,
        OLD_PUSH_COMES,
        LATE_LANDS,
        STEP_WORKS,
        STEP_NOT_APPLIED,
        STEP_LOST_APPLIED,
        STEP_LOST,
        STEP_LATE,
        STEP_REFUSED,
        STEP_IGNORED,
        SESSION_ENDS,
        SESSION_RETURNS,
        CRASH,
        CRASH_APPLIED,
        CRASH_LATE,
        N_ACTIONS,
};
static const char *const action_names[N_ACTIONS] = {
        [CALL_CHANGES] = "call changes",
        [CALL_RINGS] = "call rings, or rings no more",
        [WANT_GROWS] = "want grows",
        [MESSAGE_CHANGES] = "message changes",
        [PERSON_WRITES] = "person writes",
        [PERSON_CLEARS] = "person clears",
        [PERSON_SAYS_BUSY] = "person says busy",
        [CLIENT_SYNCS] = "client syncs",
        [CLIENT_IS_HEARD] = "client is heard",
        [SESSION_CATCHES] = "session catches",
        [TIME_PASSES] = "time passes",
        [POLL_BREAKS] = "poll breaks",
        [POLL_RETURNS] = "poll returns",
        [PUSH_COMES] = "push comes",
        [OLD_PUSH_COMES] = "old push comes",
        [LATE_LANDS] = "late write lands",
        [STEP_WORKS] = "step works",
        [STEP_NOT_APPLIED] = "step not applied",
        [STEP_LOST_APPLIED] = "step lost but applied",
        [STEP_LOST] = "step lost",
        [STEP_LATE] = "step late",
        [STEP_REFUSED] = "step refused",
        [STEP_IGNORED] = "step acknowledged without effect",
        [SESSION_ENDS] = "session ends",
        [SESSION_RETURNS] = "session returns",
        [CRASH] = "crash",
        [CRASH_APPLIED] = "crash, step applied",
        [CRASH_LATE] = "crash, step late",
};

static uint64_t n_steps;

static const char *const *names_of(const struct world *w) {
        return w->kind.field ? field_states : states;
}

static inline void fail(const struct world *w, const char *what) {
        const char *const *names = names_of(w);
        const struct claim_owed *owed;

        for (unsigned i = 0; i < path_length; i++)
                fprintf(stderr, "  %2u %s\n", i + 1, action_names[path[i]]);
        owed = claim_owed(&w->claim);
        fprintf(stderr,
                "  own %s other %s text '%s' | without us %s '%s' | %s%s%s | phase %s, in flight %d, prior %s '%s'\n",
                names[w->own], names[w->other], texts[w->text], names[w->base_state], texts[w->base_text],
                w->call ? "call" : "no call", w->caught ? ", caught" : "", w->journal ? ", owed on disk" : "",
                claim_phase_to_string(claim_phase(&w->claim)), w->step, owed ? owed->prior.state : "-",
                owed ? owed->prior.text : "-");
        cr_assert(false, "%s", what);
}

static inline unsigned char shown_state(const struct world *w) {
        return w->kind.per_device && w->other > w->own ? w->other : w->own;
}

static inline struct claim_value shown(const struct world *w) {
        struct claim_value v;

        (void) claim_value_set(&v, names_of(w)[shown_state(w)], texts[w->text]);
        return v;
}

static inline struct claim_traits traits_of(const struct world *w) {
        struct claim_traits t = w->kind.field ? field_traits() : server_traits(w->kind.per_device);

        t.pushed = w->kind.pushed;
        t.curable = w->kind.curable;
        return t;
}

static inline struct claim_want busy_of(const struct world *w) {
        struct claim_want busy = { .state_claimed = !w->kind.grows || w->kind.gains_words || w->grown,
                                   .text_claimed = !w->kind.field && (!w->kind.gains_words || w->grown) };

        (void) claim_value_set(&busy.value,
                               w->kind.field        ? "{ours}"
                               : busy.state_claimed ? "busy"
                                                    : "",
                               busy.text_claimed ? texts[w->renamed ? 4 : 1] : "");
        return busy;
}

static inline void expect(struct world *w) {
        struct claim_want busy = busy_of(w);

        claim_expect(&w->claim, w->rings && !w->call ? &busy : NULL);
}

static inline void want(struct world *w) {
        struct claim_want busy = busy_of(w);

        expect(w);
        claim_set_want(&w->claim, w->call ? &busy : NULL);
        w->fresh = true;
}

static inline bool parts_equal(const struct claim_owed *o, const struct claim_value *a, const struct claim_value *b) {
        return (!o->state_claimed || streq(a->state, b->state)) && (!o->text_claimed || streq(a->text, b->text));
}

static inline bool journal_has(const struct world *w, const struct claim_value *v) {
        if (!w->journal)
                return false;
        for (unsigned i = 0; i < w->entry.n_ours; i++)
                if (parts_equal(&w->entry, &w->entry.ours[i], v))
                        return true;
        return false;
}

static inline void check_write(struct world *w) {
        size_t last = ARRAY_SIZE(w->writes) - 1;

        if (!w->journal)
                fail(w, "1 a write without a journal entry");
        if (!w->back && !w->call)
                fail(w, "1 entering without a call");
        if (!w->back && !journal_has(w, &w->value))
                fail(w, "1 the journal does not know what is written");
        if (!w->back && !w->entry.unsure)
                fail(w, "1 the journal does not know that a write is under way");
        if (w->step == CLAIM_CURE)
                return;
        w->was_fresh = w->fresh;
        w->fresh = false;
        if (w->was_fresh)
                return;
        memmove(w->writes, w->writes + 1, last * sizeof(w->writes[0]));
        w->writes[last] = w->now;
        if (w->writes[0] > 0 && w->now - w->writes[0] < USEC_PER_MIN)
                fail(w, "3 too many writes in a minute");
}

/* That nothing is under way any more waits for nobody, and is never flushed in a hurry. */
static inline bool is_only_settled(const struct world *w) {
        struct claim_owed now = *claim_entry(&w->claim);

        now.unsure = w->entry.unsure;
        return w->journal && !claim_entry(&w->claim)->unsure && w->entry.unsure && !w->entry.given_back &&
               claim_value_equal(&now.prior, &w->entry.prior) && now.n_ours == w->entry.n_ours &&
               claim_value_equal(&now.ours[0], &w->entry.ours[0]);
}

static inline void decide(struct world *w) {
        struct claim again;
        struct claim_request r, r2;

        if (w->signed_out) {
                w->wake_at = USEC_NEVER;
                return;
        }
        again = w->claim;
        r = claim_decide(&w->claim, w->now);
        r2 = claim_decide(&again, w->now);
        n_steps++;
        if (w->step != CLAIM_NOTHING && r.step != CLAIM_NOTHING)
                fail(w, "2 two steps at once");
        if (r.step != r2.step || r.wake_at != r2.wake_at ||
            (r.step == CLAIM_WRITE && !claim_value_equal(&r.value, &r2.value)))
                fail(w, "4 the same facts give another step");
        w->wake_at = r.wake_at;
        if (r.step == CLAIM_NOTHING)
                return;
        w->step = r.step;
        if (r.step == CLAIM_JOURNAL)
                w->asked = *claim_entry(&w->claim);
        if (r.step == CLAIM_JOURNAL && is_only_settled(w)) {
                w->entry = *claim_entry(&w->claim);
                w->step = CLAIM_NOTHING;
                claim_on_journalled(&w->claim);
                decide(w);
        }
        if (r.step == CLAIM_WRITE || r.step == CLAIM_CURE) {
                w->value = r.value;
                w->back = r.step == CLAIM_CURE || claim_phase(&w->claim) == CLAIM_LEAVING;
                w->echoed = false;
                check_write(w);
        }
}

static inline bool is_writing(const struct world *w) {
        return w->step == CLAIM_WRITE || w->step == CLAIM_CURE;
}

static inline void push(struct world *w) {
        struct claim_value v = shown(w);

        if (!w->connected || !w->kind.pushed)
                return;
        w->old = false;
        w->live = true;
        w->echoed = w->echoed || (is_writing(w) && streq(v.text, w->value.text));
        claim_on_seen(&w->claim, &v, w->now);
}

static inline void apply_write(struct world *w) {
        w->old = true;
        w->old_state = shown_state(w);
        w->old_text = w->text;
        w->own = index_of(names_of(w), ARRAY_SIZE(states), w->value.state);
        w->text = index_of(texts, ARRAY_SIZE(texts), w->value.text);
}

/* As every device of the user, which then says by itself what it is. */
static inline void apply_cure(struct world *w) {
        /* The message tells the one from the other. */
        if (w->kind.pushed && w->base_state == BUSY && !streq(texts[w->base_text], claim_owed(&w->claim)->prior.text))
                fail(w, "5 a busy that a person has said is taken for one that was caught");
        apply_write(w);
        w->caught = false;
        w->other = w->base_state;
}

static inline void apply_step(struct world *w) {
        enum claim_step step = w->step;

        switch (step) {
        case CLAIM_WRITE:
                apply_write(w);
                return;
        case CLAIM_JOURNAL:
                w->journal = true;
                w->entry = w->asked;
                return;
        case CLAIM_FORGET:
                w->journal = false;
                return;
        case CLAIM_CURE:
                apply_cure(w);
                return;
        case CLAIM_NOTHING:
        case CLAIM_READ:
        case CLAIM_USE:
                return;
        }
}

static inline void answer_step(struct world *w) {
        struct claim_value v = shown(w);
        enum claim_step step = w->step;

        w->step = CLAIM_NOTHING;
        switch (step) {
        case CLAIM_READ:
                claim_on_read(&w->claim, &v, w->now, 500);
                return;
        case CLAIM_JOURNAL:
        case CLAIM_USE:
                claim_on_journalled(&w->claim);
                return;
        case CLAIM_WRITE:
        case CLAIM_CURE:
                claim_on_written(&w->claim, w->now);
                return;
        case CLAIM_FORGET:
                claim_on_forgotten(&w->claim);
                return;
        case CLAIM_NOTHING:
                return;
        }
}

static inline void fail_step(struct world *w, enum claim_failure f, usec_t retry_at) {
        if (w->step == CLAIM_WRITE && f == CLAIM_FAILED_NOT_APPLIED) {
                w->fresh = w->fresh || w->was_fresh;
                if (!w->was_fresh) {
                        memmove(w->writes + 1, w->writes, sizeof(w->writes) - sizeof(w->writes[0]));
                        w->writes[0] = 0;
                }
        }
        w->step = CLAIM_NOTHING;
        claim_on_failure(&w->claim, f, retry_at, w->now, 500);
}

/* What is still on its way arrives before what others write later. */
static inline void land_late(struct world *w) {
        if (!w->late)
                return;
        w->late = false;
        w->own = w->late_own;
        w->text = w->late_text;
        push(w);
}

static inline void be_late(struct world *w) {
        land_late(w);
        w->late = true;
        w->late_back = w->back;
        w->late_by = w->now + CLAIM_LANDS_WITHIN - 1;
        w->late_own = index_of(names_of(w), ARRAY_SIZE(states), w->value.state);
        w->late_text = index_of(texts, ARRAY_SIZE(texts), w->value.text);
}

static inline void restart(struct world *w) {
        struct claim_traits traits = traits_of(w);

        w->step = CLAIM_NOTHING;
        w->live = w->echoed = false;
        claim_init(&w->claim, &traits);
        if (w->journal)
                claim_resume(&w->claim, &w->entry);
        w->old = w->tell = false;
        w->connected = true;
        w->signed_out = false;
        memset(w->writes, 0, sizeof(w->writes));
        want(w);
        w->fresh = w->call;
}

/* Another client of the user is on a call of its own, or no more: it overwrites whatever is there. */
static inline void client_calls(struct world *w) {
        land_late(w);
        w->base_state = w->base_state == OFFLINE ? UNAVAILABLE : OFFLINE;
        w->own = w->base_state;
        w->tell = true;
        w->tell_until = w->now + CLAIM_ASK_AFTER - 1;
}

static inline void person_writes(struct world *w, unsigned char state, unsigned char text) {
        land_late(w);
        w->text = w->base_text = text;
        if (w->kind.per_device)
                w->other = w->base_state = state;
        else
                w->own = w->base_state = state;
        w->caught = false;
        w->persons_word = true;
        push(w);
}

static inline void client_syncs(struct world *w) {
        unsigned char to = w->base_state == ONLINE ? UNAVAILABLE : ONLINE;

        land_late(w);
        w->base_state = to;
        if (w->kind.per_device)
                w->other = to;
        else
                w->own = to;
        push(w);
}
