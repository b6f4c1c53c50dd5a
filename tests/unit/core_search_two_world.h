/* The world of the exhaustive search of two claim machines: the place that both write to, the machines, what they tell
 * each other and hear, and what can happen to them. */
#pragma once

#include <stdio.h>

#include "core/claim.h"
#include "core_search.h"

#define START (1000 * USEC_PER_SEC)
#define N     2

enum { OFFLINE, UNAVAILABLE, ONLINE, BUSY, BUSY_TOO };
static const char *const states[] = { "offline", "unavailable", "online", "busy", "" };
/* A field: empty, (unused), (unused), of the first machine, of the second. */
static const char *const field_states[] = { "", "{1}", "{2}", "{ours}", "{too}" };
/* Index 0 is the prior message, 1 and 4 are the machines', 2 and 3 a person's. */
static const char *const texts[] = { "Working", "In a call", "Lunch", "", "On the phone" };

struct machine {
        struct claim claim;
        enum claim_step step; /* under way */
        struct claim_value value;
        bool call, journal, persons_word;
        bool deaf;      /* its poll fails, and it knows that */
        bool must_read; /* a person has written, and it has yet to find out what */
        struct claim_owed entry;
        struct claim_other told;  /* what it has told the server last */
        struct claim_other heard; /* what it has heard of the other one */
        struct claim_other list;  /* ... for the claim */
        bool has_told, has_heard;
        usec_t told_at;
        usec_t wake_at;
};

struct kind {
        const char *name;
        bool per_device, field;
        bool texts_differ; /* the user has configured another message there */
};

struct world {
        const struct kind *kind;
        struct machine machines[N];
        /* The server. With one value per user only own[0] counts. */
        unsigned char own[N], other, text;
        unsigned char base_state, base_text; /* as if busyd did not exist */
        usec_t now;
        bool in_any_order;                             /* of the steps that are under way */
        unsigned char persons, faults, crashes, calls; /* how many of each are left */
};

/* Each of the last ones for either machine. */
enum action {
        PERSON_WRITES,
        PERSON_CLEARS,
        TIME_PASSES,
        CALL_CHANGES,
        IT_TELLS = CALL_CHANGES + N,
        IT_HEARS = IT_TELLS + N,
        PUSH_COMES = IT_HEARS + N,
        STEP_WORKS = PUSH_COMES + N,
        STEP_UNTOLD = STEP_WORKS + N,
        STEP_NOT_APPLIED = STEP_UNTOLD + N,
        STEP_LOST_APPLIED = STEP_NOT_APPLIED + N,
        STEP_LOST = STEP_LOST_APPLIED + N,
        POLL_BREAKS = STEP_LOST + N,
        POLL_RETURNS = POLL_BREAKS + N,
        CRASH = POLL_RETURNS + N,
        N_ACTIONS = CRASH + N,
};

static const char *action_name(unsigned a) {
        static const char *const names[] = {
                "call changes", "it tells",           "it hears",         "push comes",
                "step works",   "step works, untold", "step not applied", "step lost but applied",
                "step lost",    "poll breaks",        "poll returns",     "crash"
        };

        return a == PERSON_WRITES   ? "person writes"
               : a == PERSON_CLEARS ? "person clears"
               : a == TIME_PASSES   ? "time passes"
                                    : names[(a - CALL_CHANGES) / N];
}

static const char *const *names_of(const struct world *w) {
        return w->kind->field ? field_states : states;
}

static void fail(const struct world *w, const char *what) {
        const char *const *names = names_of(w);

        for (unsigned i = 0; i < path_length; i++)
                fprintf(stderr, "  %2u %s %s\n", i + 1, action_name(path[i]),
                        path[i] < CALL_CHANGES         ? ""
                        : (path[i] - CALL_CHANGES) % N ? "(second)"
                                                       : "(first)");
        fprintf(stderr, "  %s: own %s, %s other %s text '%s' | without us %s '%s'\n", w->kind->name, names[w->own[0]],
                names[w->own[1]], names[w->other], texts[w->text], names[w->base_state], texts[w->base_text]);
        for (unsigned i = 0; i < N; i++) {
                const struct machine *m = &w->machines[i];
                const struct claim_owed *owed = claim_owed(&m->claim);

                fprintf(stderr, "  %s | phase %s, in flight %d, prior %s '%s'%s | heard %s\n",
                        m->call ? "call" : "no call", claim_phase_to_string(claim_phase(&m->claim)), m->step,
                        owed ? owed->prior.state : "-", owed ? owed->prior.text : "-",
                        m->journal ? ", owed on disk" : "",
                        !m->has_heard   ? "nothing"
                        : m->heard.live ? "live"
                                        : "done");
        }
        cr_assert(false, "%s", what);
}

static unsigned char shown_state(const struct world *w) {
        unsigned char state = w->own[0];

        if (!w->kind->per_device)
                return state;
        state = state > w->own[1] ? state : w->own[1];
        return state > w->other ? state : w->other;
}

static struct claim_value shown(const struct world *w) {
        struct claim_value v;

        (void) claim_value_set(&v, names_of(w)[shown_state(w)], texts[w->text]);
        return v;
}

static struct claim_traits traits_of(const struct kind *k) {
        struct claim_traits t = k->field ? field_traits() : server_traits(k->per_device);

        t.pushed = !k->field;
        return t;
}

static void want(struct world *w, unsigned i) {
        struct claim_want busy = { .state_claimed = true };
        bool too = i == 1;

        if (w->kind->field)
                (void) claim_value_set(&busy.value, field_states[too ? BUSY_TOO : BUSY], "");
        else {
                busy.text_claimed = true;
                (void) claim_value_set(&busy.value, "busy", texts[too && w->kind->texts_differ ? 4 : 1]);
        }
        claim_set_want(&w->machines[i].claim, w->machines[i].call ? &busy : NULL);
}

/* The list that a machine owns moves with the world. */
static void mend(struct world *w) {
        for (unsigned i = 0; i < N; i++) {
                w->machines[i].claim.others.of = &w->machines[i].list;
                w->machines[i].claim.others.room = 1;
        }
}

/* That nothing is under way any more waits for nobody, and nobody is told. */
static bool is_only_settled(const struct machine *m) {
        struct claim_owed now = *claim_entry(&m->claim);

        return m->journal && !now.unsure && m->entry.unsure && claim_value_equal(&now.prior, &m->entry.prior) &&
               now.n_ours == m->entry.n_ours && claim_value_equal(&now.ours[0], &m->entry.ours[0]);
}

static void decide(struct world *w) {
        for (unsigned i = 0; i < N; i++) {
                struct machine *m = &w->machines[i];
                struct claim_request r = claim_decide(&m->claim, w->now);

                m->wake_at = r.wake_at;
                if (r.step == CLAIM_NOTHING)
                        continue;
                m->step = r.step;
                m->value = r.value;
                m->must_read = m->must_read && r.step == CLAIM_READ;
                if (r.step == CLAIM_WRITE && !m->journal)
                        fail(w, "a write without a journal entry");
                if (r.step == CLAIM_JOURNAL && is_only_settled(m)) {
                        m->entry = *claim_entry(&m->claim);
                        m->step = CLAIM_NOTHING;
                        claim_on_journalled(&m->claim);
                        i--;
                }
        }
}

static void push(struct world *w, unsigned i) {
        struct claim_value v = shown(w);

        if (!w->kind->field && !w->machines[i].deaf)
                claim_on_seen(&w->machines[i].claim, &v, w->now);
}

/* What it would tell now: of what is no longer owed, that it is over. */
static struct claim_other news_of(const struct machine *m) {
        struct claim_other o = m->told;

        if (!claim_tell_others(&m->claim, &o)) {
                o.live = o.waits = false;
                o.done = true;
        }
        return o;
}

static bool same_news(const struct claim_other *a, const struct claim_other *b) {
        return a->live == b->live && a->waits == b->waits && a->done == b->done && a->owed.order == b->owed.order &&
               a->owed.n_ours == b->owed.n_ours && a->text_lost == b->text_lost && a->withdrawn == b->withdrawn &&
               a->late == b->late && a->overwritten == b->overwritten && a->put_back == b->put_back &&
               claim_value_equal(&a->owed.prior, &b->owed.prior);
}

static bool tell(struct machine *m, usec_t now) {
        struct claim_other news = news_of(m);

        if (claim_owed(&m->claim) ? !claim_tell_others(&m->claim, &news) : !m->has_told)
                return false;
        if (m->has_told && same_news(&news, &m->told))
                return false;
        m->told = news;
        m->has_told = true;
        m->told_at = now;
        return true;
}

static bool hear(struct world *w, unsigned i) {
        struct machine *m = &w->machines[i];
        const struct machine *o = &w->machines[1 - i];

        if (m->deaf || !o->has_told || (m->has_heard && same_news(&o->told, &m->heard)))
                return false;
        m->heard = o->told;
        m->heard.first = i == 1;
        m->has_heard = true;
        (void) claim_on_others(&m->claim, &m->heard, 1, w->now);
        return true;
}

static void apply_step(struct world *w, unsigned i, bool untold) {
        struct machine *m = &w->machines[i];
        unsigned place = w->kind->per_device ? i : 0;

        switch (m->step) {
        case CLAIM_WRITE:
                w->own[place] = index_of(names_of(w), ARRAY_SIZE(states), m->value.state);
                w->text = index_of(texts, ARRAY_SIZE(texts), m->value.text);
                return;
        case CLAIM_JOURNAL:
                m->journal = true;
                m->entry = *claim_entry(&m->claim);
                claim_on_journalled(&m->claim);
                if (!untold)
                        (void) tell(m, w->now);
                return;
        case CLAIM_FORGET:
                m->journal = false;
                return;
        case CLAIM_CURE:
        case CLAIM_NOTHING:
        case CLAIM_READ:
        case CLAIM_USE: /* nothing rings here */
                return;
        }
}

static void answer_step(struct world *w, unsigned i) {
        struct claim *c = &w->machines[i].claim;
        struct claim_value v = shown(w);
        enum claim_step step = w->machines[i].step;

        w->machines[i].step = CLAIM_NOTHING;
        switch (step) {
        case CLAIM_READ:
                w->machines[i].must_read = false;
                claim_on_read(c, &v, w->now, 500);
                return;
        case CLAIM_WRITE:
        case CLAIM_CURE:
                claim_on_written(c, w->now);
                return;
        case CLAIM_FORGET:
                claim_on_forgotten(c);
                return;
        case CLAIM_NOTHING:
        case CLAIM_JOURNAL:
        case CLAIM_USE:
                return;
        }
}

/* Until then all that was to be told was heard: a claim begins with a poll that says so. Words of a machine that was
 * never heard are a person's, unless they are the own ones; and those are its own while a lost write may land. */
static bool poll_breaks(struct world *w, unsigned i) {
        struct machine *m = &w->machines[i];

        if (w->faults == 0 || w->kind->texts_differ || m->must_read || w->machines[0].deaf || w->machines[1].deaf)
                return false;
        if (m->journal && m->entry.unsure)
                return false;
        w->faults--;
        (void) tell(&w->machines[1 - i], w->now);
        (void) hear(w, i);
        m->deaf = true;
        claim_on_unsure(&m->claim);
        claim_set_deaf(&m->claim, true);
        return true;
}

/* What the other machine has told comes with the first answer, and so does what the server shows. */
static bool poll_returns(struct world *w, unsigned i) {
        struct machine *m = &w->machines[i];

        if (!m->deaf)
                return false;
        m->deaf = false;
        (void) hear(w, i);
        push(w, i);
        claim_set_deaf(&m->claim, false);
        return true;
}

/* Its own entry is on the server, and the other's comes with the first answer. */
static void restart(struct world *w, unsigned i) {
        struct machine *m = &w->machines[i];
        struct claim_traits traits = traits_of(w->kind);

        m->step = CLAIM_NOTHING;
        m->deaf = false;
        claim_init(&m->claim, &traits);
        if (m->journal)
                claim_resume(&m->claim, &m->entry);
        m->list = (struct claim_other){};
        mend(w);
        m->has_heard = false;
        (void) hear(w, i);
        want(w, i);
        push(w, i);
}

/* Somebody has compared and is about to write. */
static bool is_between(const struct world *w) {
        for (unsigned i = 0; i < N; i++) {
                enum claim_step step = w->machines[i].step;

                if (step != CLAIM_NOTHING && (step != CLAIM_READ || w->kind->field))
                        return true;
        }
        return false;
}

/* Since when one of them has told what the other has not heard; USEC_NEVER: they know all of each other. */
static usec_t unheard_since(const struct world *w) {
        usec_t since = USEC_NEVER;

        for (unsigned i = 0; i < N; i++) {
                const struct machine *m = &w->machines[i], *o = &w->machines[1 - i];

                if (m->has_told && !o->deaf && !(o->has_heard && same_news(&m->told, &o->heard)))
                        since = usec_min(since, m->told_at);
        }
        return since;
}

/* That takes seconds, as long as the server works. */
static bool is_news_on_its_way(const struct world *w) {
        for (unsigned i = 0; i < N; i++) {
                struct machine m = w->machines[i];

                if (tell(&m, w->now))
                        return true;
        }
        return unheard_since(w) != USEC_NEVER;
}

/* One that hears nothing learns of what a person writes with its own next step, and until then others may write over
 * that; and it writes over what others have yet to learn of. */
static bool is_owed_unheard(const struct world *w) {
        const struct machine *m = w->machines;

        return (m[0].deaf || m[1].deaf) && (claim_owed(&m[0].claim) || claim_owed(&m[1].claim));
}

static bool person_writes(struct world *w, unsigned char text) {
        if (w->persons == 0 || is_between(w) || is_news_on_its_way(w) || w->kind->field)
                return false;
        if (is_owed_unheard(w))
                return false;
        w->persons--;
        w->text = w->base_text = text;
        w->base_state = ONLINE;
        *(w->kind->per_device ? &w->other : &w->own[0]) = ONLINE;
        for (unsigned i = 0; i < N; i++) {
                w->machines[i].persons_word = true;
                w->machines[i].must_read = claim_owed(&w->machines[i].claim) != NULL;
                push(w, i);
        }
        return true;
}

static bool time_passes(struct world *w) {
        usec_t at = USEC_NEVER;

        for (unsigned i = 0; i < N; i++) {
                if (w->machines[i].step != CLAIM_NOTHING)
                        return false;
                at = usec_min(at, w->machines[i].wake_at);
        }
        if (at == USEC_NEVER || at > usec_add(unheard_since(w), CLAIM_ASK_AFTER - 1))
                return false;
        w->now = at > w->now ? at : w->now + 1;
        return true;
}

/* A person has written, and it has yet to read what. */
static bool has_to_read_persons_word(const struct world *w, unsigned i) {
        const struct machine *m = &w->machines[i];

        return m->must_read && claim_owed(&m->claim) && !w->in_any_order;
}

static void fail_step(struct world *w, unsigned i, enum claim_failure f) {
        w->machines[i].step = CLAIM_NOTHING;
        claim_on_failure(&w->machines[i].claim, f, USEC_NEVER, w->now, 500);
}

/* Carries the action out. False if it cannot happen here. */
static bool act(struct world *w, unsigned a) {
        unsigned i = a < CALL_CHANGES ? 0 : (a - CALL_CHANGES) % N;
        struct machine *m = &w->machines[i];
        enum claim_step step = m->step;

        mend(w);
        switch (a < CALL_CHANGES ? a : a - i) {
        case PERSON_WRITES:
        case PERSON_CLEARS:
                return person_writes(w, a == PERSON_CLEARS ? 3 : 2);
        case TIME_PASSES:
                return time_passes(w);
        case CALL_CHANGES:
                if (w->calls == 0)
                        return false;
                w->calls--;
                m->call = !m->call;
                /* Else the claim of the last call goes on, and what it has found still counts. */
                if (m->call && !claim_owed(&m->claim) && !m->journal)
                        m->persons_word = false;
                want(w, i);
                return true;
        case IT_TELLS:
                return tell(m, w->now);
        case IT_HEARS:
                return hear(w, i);
        case PUSH_COMES:
                if (w->kind->field)
                        return false;
                push(w, i);
                return true;
        case STEP_WORKS:
                if (step == CLAIM_NOTHING || (step == CLAIM_WRITE && has_to_read_persons_word(w, 1 - i)))
                        return false;
                apply_step(w, i, /* untold= */ false);
                answer_step(w, i);
                return true;
        case STEP_UNTOLD:
                if (step != CLAIM_JOURNAL || w->faults == 0 || w->crashes == 0)
                        return false;
                w->faults--;
                w->crashes--;
                apply_step(w, i, /* untold= */ true);
                answer_step(w, i);
                return true;
        case STEP_NOT_APPLIED:
                if (step == CLAIM_NOTHING || w->faults == 0)
                        return false;
                w->faults--;
                fail_step(w, i, CLAIM_FAILED_NOT_APPLIED);
                return true;
        case STEP_LOST_APPLIED:
        case STEP_LOST:
                if (step != CLAIM_WRITE || w->faults == 0 || has_to_read_persons_word(w, 1 - i))
                        return false;
                w->faults--;
                if (a - i == STEP_LOST_APPLIED)
                        apply_step(w, i, /* untold= */ false);
                fail_step(w, i, CLAIM_FAILED_UNSURE);
                return true;
        case POLL_BREAKS:
                return poll_breaks(w, i);
        case POLL_RETURNS:
                return poll_returns(w, i);
        case CRASH:
                if (w->crashes == 0)
                        return false;
                w->crashes--;
                restart(w, i);
                return true;
        }
        return false;
}
