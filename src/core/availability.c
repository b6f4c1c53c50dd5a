/* Free or busy. Each decision looks at the whole call table anew; what must be remembered between decisions is the
 * mode, since when the verdict stands, and how long it outlives the last call that counted. */
#include "core/availability.h"

#include <errno.h>
#include <stdio.h>

void availability_init(struct availability *a, const struct availability_policy *policy, usec_t now) {
        *a = (struct availability){
                .policy = *policy,
                .mode = MODE_AUTO,
                .mode_until = USEC_NEVER,
                .since = now,
        };
}

void availability_set_policy(struct availability *a, const struct availability_policy *policy) {
        a->policy = *policy;
}

/* Two weak hints of one application from different sources are as good as a strong one, unless both are of devices: a
 * camera and a microphone are what a recorder holds. Returns since when both stand, or USEC_NEVER. */
static usec_t seconded_since(const struct call_table *calls, const struct call *c) {
        usec_t best = USEC_NEVER;

        if (!c->app[0])
                return USEC_NEVER;
        for (const struct call *o = call_table_next(calls, NULL); o; o = call_table_next(calls, o)) {
                usec_t both;

                if (streq(o->source, c->source) || !streq(o->app, c->app) || !call_phase_is_in_call(o->phase) ||
                    (o->device && c->device))
                        continue;
                both = o->steady_since > c->steady_since ? o->steady_since : c->steady_since;
                best = usec_min(best, both);
        }
        return best;
}

static bool ringing_counts(const struct availability *a, enum call_phase phase) {
        switch (a->policy.ringing) {
        case RINGING_NO:
                return false;
        case RINGING_OUTGOING:
                return phase == CALL_RINGING_OUT;
        case RINGING_ALL:
                return true;
        }
        return false;
}

bool availability_is_spoken_for(const struct availability *a, const struct call *c) {
        bool unknown = c->serial > a->word_serial && c->since < a->word_at;
        /* The answer to what still rang for us may have been known later. */
        bool answered = call_phase_is_in_call(c->phase) && c->steady_since < a->word_at;

        return a->mode == MODE_AUTO && (unknown || answered);
}

static usec_t counts_from(const struct availability *a, const struct call_table *calls, const struct call *c) {
        if (availability_is_spoken_for(a, c))
                return USEC_NEVER;
        if (!call_phase_is_in_call(c->phase) && !ringing_counts(a, c->phase))
                return USEC_NEVER;
        switch (c->evidence) {
        case EVIDENCE_PROOF:
                return usec_add(c->steady_since, a->policy.start_delay);
        case EVIDENCE_STRONG:
                return usec_add(c->steady_since, a->policy.hint_delay);
        case EVIDENCE_WEAK:
                return usec_add(a->policy.count_weak ? c->steady_since : seconded_since(calls, c),
                                a->policy.hint_delay);
        }
        return USEC_NEVER;
}

bool availability_counts(const struct availability *a, const struct call_table *calls, const struct call *c,
                         usec_t now, usec_t *ret_from) {
        usec_t from = c->doubted ? USEC_NEVER : counts_from(a, calls, c);

        if (ret_from)
                *ret_from = from;
        return from <= now;
}

/* How long busy outlives the last call: a `free` by hand lasts as long, so that a stream that comes back at once
 * is still the same call. */
static usec_t longest_grace(const struct availability *a) {
        return a->policy.hint_grace > a->policy.proof_grace ? a->policy.hint_grace : a->policy.proof_grace;
}

/* ---- the calls of a moment ---- */

static bool would_count(const struct availability *a, const struct call_table *calls, const struct call *c) {
        return counts_from(a, calls, c) != USEC_NEVER;
}

static bool is_same(const struct moment_call *m, const struct call *c) {
        return strncmp(m->source, c->source, sizeof(m->source) - 1) == 0 &&
               (m->serial == c->serial || strncmp(m->app, c->app, sizeof(m->app) - 1) == 0);
}

static bool any_would_count(const struct availability *a, const struct call_table *calls) {
        for (const struct call *c = call_table_next(calls, NULL); c; c = call_table_next(calls, c))
                if (would_count(a, calls, c))
                        return true;
        return false;
}

static struct moment_call *find_of_moment(struct availability *a, const struct call *c) {
        for (size_t i = 0; i < a->n_moment; i++)
                if (is_same(&a->moment[i], c))
                        return &a->moment[i];
        return NULL;
}

static void note(struct moment_call *m, const struct call *c, usec_t now) {
        (void) snprintf(m->source, sizeof(m->source), "%s", c->source);
        (void) snprintf(m->app, sizeof(m->app), "%s", c->app);
        m->serial = c->serial;
        m->seen_at = now;
}

/* Looks for the calls of the moment, and, if it is `open`, for more of them. Returns whether one goes on. */
static bool look_at_moment(struct availability *a, const struct call_table *calls, bool open, usec_t now) {
        bool any = false;

        for (const struct call *c = call_table_next(calls, NULL); c; c = call_table_next(calls, c)) {
                struct moment_call *m;

                if (!would_count(a, calls, c))
                        continue;
                m = find_of_moment(a, c);
                if (!m && open && a->n_moment < MOMENT_CALLS_MAX) {
                        m = &a->moment[a->n_moment++];
                        *m = (struct moment_call){ .blind = 0 };
                }
                if (!m)
                        continue;
                note(m, c, now);
                any = true;
        }
        return any;
}

/* Until when sources that cannot tell keep a call of the moment from being over; 0: none does. */
static usec_t blind_until(const struct availability *a) {
        usec_t until = 0;

        for (size_t i = 0; i < a->n_moment; i++) {
                const struct moment_call *m = &a->moment[i];

                if (m->blind > 0 && usec_add(m->seen_at, m->blind) > until)
                        until = usec_add(m->seen_at, m->blind);
        }
        return until;
}

void availability_set_blind(struct availability *a, const char *source, usec_t span) {
        for (size_t i = 0; i < a->n_moment; i++)
                if (strncmp(a->moment[i].source, source, sizeof(a->moment[i].source) - 1) == 0)
                        a->moment[i].blind = span;
}

/* ---- the mode ---- */

/* Ends a mode whose time is over. Returns when to look again. */
static usec_t judge_mode(struct availability *a, const struct call_table *calls, usec_t now) {
        usec_t over = a->mode_until, look_at = USEC_NEVER;

        if (a->until_calls_end) {
                bool alive = look_at_moment(a, calls, a->moment_open, now) || !a->settled;

                a->moment_open = a->moment_open && !a->settled;
                if (!alive && blind_until(a) > now) {
                        alive = true;
                        look_at = blind_until(a);
                }
                if (alive)
                        a->moment_over_at = USEC_NEVER;
                else if (a->moment_over_at == USEC_NEVER)
                        a->moment_over_at = usec_add(now, longest_grace(a));
                over = a->moment_over_at;
        }
        if (over > now)
                return usec_min(over, look_at);
        a->mode = MODE_AUTO;
        a->mode_until = USEC_NEVER;
        a->until_calls_end = false;
        return USEC_NEVER;
}

/* Whether calls make busy, grace included. What ends while the user said free leaves no grace behind. */
static bool judge_calls(struct availability *a, const struct call_table *calls, usec_t now, usec_t *wake_at) {
        bool counting = false;
        usec_t grace = a->policy.hint_grace;

        for (const struct call *c = call_table_next(calls, NULL); c; c = call_table_next(calls, c)) {
                usec_t from;

                if (availability_counts(a, calls, c, now, &from)) {
                        counting = true;
                        if (c->evidence == EVIDENCE_PROOF)
                                grace = a->policy.proof_grace;
                } else
                        *wake_at = usec_min(*wake_at, from);
        }

        if (counting)
                a->grace = grace;
        else if (a->counting && a->mode != MODE_FREE)
                a->release_at = usec_add(now, a->grace);
        a->counting = counting && a->mode != MODE_FREE;
        /* Who says free in the grace speaks of the call before it. */
        if (!a->until_calls_end) {
                if (counting)
                        a->n_moment = 0;
                (void) look_at_moment(a, calls, /* open= */ true, now);
        }
        if (counting)
                return true;
        if (a->release_at > now) {
                *wake_at = usec_min(*wake_at, a->release_at);
                return true;
        }
        return false;
}

/* When the grace after the calls that were is over, whether it keeps the user busy or free; 0: it does not run. */
static usec_t grace_over_at(const struct availability *a, usec_t now) {
        if (a->until_calls_end && a->moment_over_at != USEC_NEVER && a->moment_over_at > now)
                return a->moment_over_at;
        return a->release_at > now ? a->release_at : 0;
}

static uint64_t newest_serial(const struct call_table *calls) {
        uint64_t newest = 0;

        for (const struct call *c = call_table_next(calls, NULL); c; c = call_table_next(calls, c))
                newest = c->serial > newest ? c->serial : newest;
        return newest;
}

int availability_free_until_calls_end(struct availability *a, const struct call_table *calls, usec_t now) {
        usec_t ignored, grace_over;
        bool goes_on;

        (void) judge_calls(a, calls, now, &ignored);
        grace_over = grace_over_at(a, now);
        goes_on = any_would_count(a, calls);
        if (!goes_on && grace_over == 0)
                return -ENOENT;
        if (goes_on) {
                a->n_moment = 0;
                (void) look_at_moment(a, calls, /* open= */ true, now);
        }
        a->word_at = now;
        a->word_serial = newest_serial(calls);
        a->mode = MODE_FREE;
        a->mode_until = USEC_NEVER;
        a->until_calls_end = true;
        a->moment_open = false;
        a->moment_over_at = goes_on ? USEC_NEVER : grace_over;
        a->release_at = 0;
        return 0;
}

void availability_set_mode(struct availability *a, enum mode mode, usec_t until, const struct call_table *calls,
                           usec_t now) {
        if (mode == MODE_FREE && until == USEC_NEVER && availability_free_until_calls_end(a, calls, now) == 0)
                return;
        a->mode = mode;
        a->mode_until = mode == MODE_AUTO ? USEC_NEVER : until;
        a->until_calls_end = false;
        a->word_at = 0;
        /* The user ended this busy by hand: no grace of an old call may bring it back. */
        if (mode == MODE_FREE)
                a->release_at = 0;
}

void availability_await_calls_end(struct availability *a) {
        a->mode = MODE_FREE;
        a->mode_until = USEC_NEVER;
        a->until_calls_end = true;
        a->n_moment = 0;
        a->moment_open = true;
        a->moment_over_at = USEC_NEVER;
}

void availability_wake(struct availability *a) {
        a->counting = false;
        a->release_at = 0;
}

void availability_settle(struct availability *a) {
        a->settled = true;
}

/* It rings, or has to stand a while before it counts. */
static bool may_count(const struct availability *a, const struct call_table *calls, const struct call *c) {
        bool rings = c->phase == CALL_RINGING_IN || c->phase == CALL_RINGING_OUT;

        return !c->doubted && ((rings && c->evidence != EVIDENCE_WEAK) || would_count(a, calls, c));
}

static bool judge_likely(struct availability *a, const struct call_table *calls, usec_t now, usec_t *wake_at) {
        bool any = false;

        if (!a->settled || a->busy || a->mode != MODE_AUTO) {
                a->likely_until = 0;
                return false;
        }
        for (const struct call *c = call_table_next(calls, NULL); c && !any; c = call_table_next(calls, c))
                any = may_count(a, calls, c);
        if (any)
                a->likely_until = usec_add(now, AVAILABILITY_LIKELY_FOR);
        if (a->likely_until > now)
                *wake_at = usec_min(*wake_at, a->likely_until);
        return a->likely_until > now;
}

struct availability_verdict availability_decide(struct availability *a, const struct call_table *calls, usec_t now) {
        usec_t wake_at = usec_min(call_table_deadline(calls), judge_mode(a, calls, now));
        bool by_calls = judge_calls(a, calls, now, &wake_at), busy = false, likely;

        switch (a->mode) {
        case MODE_AUTO:
        case MODE_PAUSED:
                busy = by_calls;
                break;
        case MODE_BUSY:
                busy = true;
                break;
        case MODE_FREE:
                break;
        }
        if (!a->settled)
                busy = false;
        if (busy != a->busy) {
                a->busy = busy;
                a->since = now;
        }
        likely = judge_likely(a, calls, now, &wake_at);
        return (struct availability_verdict){
                .settled = a->settled,
                .busy = busy,
                .likely = likely,
                .write = a->settled && a->mode != MODE_PAUSED,
                .since = a->since,
                .wake_at = wake_at,
        };
}

static const char *const mode_names[] = {
        [MODE_AUTO] = "auto",
        [MODE_BUSY] = "busy",
        [MODE_FREE] = "free",
        [MODE_PAUSED] = "paused",
};

const char *mode_to_string(enum mode m) {
        return mode_names[m];
}

int mode_from_string(const char *s, enum mode *ret) {
        for (size_t i = 0; i < ARRAY_SIZE(mode_names); i++)
                if (streq(s, mode_names[i])) {
                        *ret = (enum mode) i;
                        return 0;
                }
        return -EINVAL;
}
