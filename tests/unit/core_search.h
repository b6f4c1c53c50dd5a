/* What the exhaustive searches share: the path that led to a state, and the states that were seen. */
#pragma once

#include <criterion/criterion.h>

#include "core/claim.h"

static unsigned path[64];
static unsigned path_length;

/* ---- the place that is written to ---- */

static inline unsigned char index_of(const char *const *names, size_t n, const char *s) {
        for (size_t i = 0; i < n; i++)
                if (streq(names[i], s))
                        return (unsigned char) i;
        cr_assert(false, "'%s' is no value of this model", s);
        return 0;
}

/* A server that is read; of a state for each device, or one for the user. */
static inline struct claim_traits server_traits(bool per_device) {
        return (struct claim_traits){
                .per_device = per_device,
                .withdrawn = "offline",
                .taken = "busy",
                .sticky = per_device,
                .person_writes_whole = !per_device,
                .text_tells_person = true,
                .refresh_interval = USEC_NEVER,
        };
}

/* A field that is empty or somebody's. */
static inline struct claim_traits field_traits(void) {
        return (struct claim_traits){ .withdrawn = "", .refresh_interval = USEC_NEVER };
}

/* ---- the states that were seen ---- */

struct seen {
        uint64_t print;
        uint32_t depth_left; /* 0: empty */
};
struct states {
        struct seen *of;
        size_t size;
        uint64_t n;
};
static struct states searched;

static inline uint64_t mix(uint64_t h, uint64_t v) {
        h ^= v + UINT64_C(0x9e3779b97f4a7c15) + (h << 12) + (h >> 4);
        h *= UINT64_C(0xff51afd7ed558ccd);
        return h ^ (h >> 32);
}

/* Two letters tell the states of this model; behind the end of one lies whatever was there before. */
static inline uint64_t mix_state(uint64_t h, const char *state) {
        return mix(h, state[0] ? (unsigned char) state[0] | (uint64_t) (unsigned char) state[1] << 8 : 0);
}

static inline uint64_t mix_value(uint64_t h, const struct claim_value *v) {
        return mix(mix_state(h, v->state), (unsigned char) v->text[0]);
}

static inline uint64_t mix_owed(uint64_t h, const struct claim_owed *d) {
        h = mix_value(h, &d->prior);
        for (unsigned i = 0; i < d->n_ours; i++)
                h = mix_value(h, &d->ours[i]);
        return mix(h, d->n_ours | (uint64_t) d->state_claimed << 4 | (uint64_t) d->text_claimed << 5 |
                              (uint64_t) d->unsure << 6 | (uint64_t) d->given_back << 7 | (uint64_t) d->ahead << 42 |
                              (uint64_t) d->secondhand << 43 | (uint64_t) d->alone << 44 | (uint64_t) d->added << 40 |
                              (uint64_t) d->order << 8);
}

/* As far as it lies ahead. */
static inline uint64_t mix_time(uint64_t h, usec_t t, usec_t now) {
        return mix(h, t == USEC_NEVER ? 1 : t <= now ? 0 : t - now);
}

/* What was `since`, and counts for a time. */
static inline uint64_t mix_since(uint64_t h, usec_t since, usec_t counts, usec_t now) {
        return mix_time(mix(h, since > 0), since > 0 ? since + counts : 0, now);
}

/* What ends then, and is remembered for a time after. */
static inline uint64_t mix_near(uint64_t h, usec_t t, usec_t now) {
        return mix(h, t == 0 || usec_add(t, USEC_PER_HOUR) <= now ? 0 : usec_add(t, USEC_PER_HOUR) - now);
}

static inline uint64_t mix_phase(uint64_t h, const struct claim *c, usec_t now) {
        const struct claim_leaving *l = &c->in.leaving;
        const struct claim_debt *d = &c->debt;

        h = mix(h, c->phase | (uint64_t) d->added_sent << 16 | (uint64_t) d->goal_unsent << 17);
        switch (c->phase) {
        case CLAIM_ENTERING:
                h = mix(h, (uint64_t) c->in.entering.landed | (uint64_t) c->in.entering.outdated << 16 |
                                   (uint64_t) c->in.entering.seen << 17 | (uint64_t) c->in.entering.lost << 1);
                return mix_since(h, c->in.entering.written_at, CLAIM_VERIFY_AFTER, now);
        case CLAIM_HELD:
                h = mix(h, (uint64_t) c->in.held.doubt | (uint64_t) c->in.held.lost << 1 |
                                   (uint64_t) c->in.held.looked << 2);
                h = mix(h, d->lands_by >= c->in.held.written_at || d->restored_by >= c->in.held.written_at);
                return c->traits.refresh_interval == USEC_NEVER
                               ? h
                               : mix_since(h, c->in.held.written_at, c->traits.refresh_interval, now);
        case CLAIM_LEAVING:
        case CLAIM_SHARED:
                h = mix(h, (uint64_t) (l->ours_at > 0) | (uint64_t) l->outdated << 20 |
                                   (uint64_t) l->must_finish << 1 | (uint64_t) l->yielded << 2 |
                                   (uint64_t) l->restores << 3 | (uint64_t) l->restored << 7 |
                                   (uint64_t) l->confirmed << 4 | (uint64_t) l->withdrawn << 5 |
                                   (uint64_t) l->stuck << 6 | (uint64_t) l->waited << 21 | (uint64_t) l->keeps << 22 |
                                   (uint64_t) l->over << 23 | (uint64_t) l->put_back << 24 |
                                   (uint64_t) l->hidden << 25 | (uint64_t) l->tries << 8 | (uint64_t) l->cures << 16);
                h = mix_since(mix(h, l->back.state[0] != 0), l->left_at, CLAIM_VERIFY_AFTER, now);
                h = mix_time(h, l->look_at, now);
                if (l->yielded)
                        h = mix_value(h, &l->persons);
                if (l->hidden)
                        h = mix_value(h, &l->hider);
                return l->left_at > 0 || l->restored || c->phase != CLAIM_LEAVING ? mix_value(h, &l->back) : h;
        case CLAIM_YIELDED:
        case CLAIM_FOREIGN:
        case CLAIM_REFUSED:
        case CLAIM_NO_EFFECT:
                h = mix(h, (uint64_t) (c->in.stopped.written_at > 0) | (uint64_t) c->in.stopped.text_due << 1 |
                                   (uint64_t) c->in.stopped.outdone << 2);
                h = mix_since(h, c->in.stopped.lost_at, CLAIM_ASK_AFTER, now);
                h = mix_time(mix(h, c->in.stopped.look_at > 0), c->in.stopped.look_at, now);
                return mix_value(mix_value(h, &c->in.stopped.judged), &c->in.stopped.former);
        case CLAIM_FREE:
                return mix_time(mix(h, c->in.free.looked), c->in.free.look_at, now);
        case CLAIM_STUCK:
                return h;
        }
        return h;
}

/* Two machines of the same print do the same from now on. This alone looks into the machine. */
static inline uint64_t mix_claim(uint64_t h, const struct claim *c, usec_t now) {
        const struct claim_debt *d = &c->debt;

        h = mix_phase(h, c, now);
        h = mix(h, (uint64_t) c->wanted << 0 | (uint64_t) c->caught << 36 | (uint64_t) c->deaf << 47 |
                           (uint64_t) d->owed << 1 | (uint64_t) d->on_disk << 2 | (uint64_t) d->written << 3 |
                           (uint64_t) d->open << 4 | (uint64_t) d->resumed << 5 | (uint64_t) d->kept << 37 |
                           (uint64_t) d->armed << 38 | (uint64_t) d->fits << 39 | (uint64_t) d->suspected << 40 |
                           (uint64_t) c->ahead.likely << 41 | (uint64_t) c->ahead.asked << 42 |
                           (uint64_t) c->ahead.failed << 43 | (uint64_t) c->ahead.arming << 44 |
                           (uint64_t) c->ahead.refused << 46 | (uint64_t) d->unsure_on_disk << 32 |
                           (uint64_t) c->view.known << 6 | (uint64_t) c->view.told << 45 |
                           (uint64_t) c->view.live << 7 | (uint64_t) c->flight.echoed << 8 |
                           (uint64_t) c->flight.back << 9 | (uint64_t) c->flight.step << 10 |
                           (uint64_t) c->inquiry.due << 14 | (uint64_t) c->inquiry.under_way << 15 |
                           (uint64_t) c->inquiry.released << 16 | (uint64_t) c->limits.is_fresh << 17 |
                           (uint64_t) c->limits.was_fresh << 18 | (uint64_t) c->flight.told << 48 |
                           (uint64_t) c->flight.displaced << 49 | (uint64_t) c->caught_unheard << 52 |
                           (uint64_t) c->view.unechoed << 53 | (uint64_t) c->view.over_ours << 54 |
                           (uint64_t) c->limits.waits << 33 | (uint64_t) c->limits.write_failed << 50 |
                           (uint64_t) c->limits.backoff.failures << 20);
        h = mix_time(h, c->inquiry.due ? c->inquiry.at : 0, now);
        h = mix_value(h, &c->view.is);
        if (!c->traits.per_device)
                h = mix_state(h, c->view.beside);
        if (c->view.known)
                h = mix_since(h, c->view.at, c->view.live && !c->view.unechoed ? CLAIM_PUSH_LASTS : CLAIM_VIEW_LASTS,
                              now);
        h = mix_value(mix_value(h, &c->flight.value), &c->flight.other);
        if (c->wanted || c->ahead.likely)
                h = mix(mix_value(h, &c->want.value), (uint64_t) c->want.state_claimed << 1 | c->want.text_claimed);
        h = mix(h, c->others.n > 0 ? c->last_order : 0);
        if (d->owed || d->armed || c->ahead.arming || d->lands_by > 0)
                h = mix_owed(h, &d->is);
        for (size_t i = 0; i < CLAIM_OTHERS_DONE_MAX; i++)
                if (c->others.done[i].contents > 0) {
                        bool led = c->view.since < c->others.done[i].at + CLAIM_OTHERS_SETTLE;

                        h = mix(mix(h, c->others.done[i].contents), c->others.done[i].before | (uint64_t) led << 1);
                        h = mix_since(h, c->others.done[i].at, CLAIM_OTHERS_SETTLE, now);
                }
        if (!c->traits.per_device && c->others.n > 0) {
                bool held = c->phase == CLAIM_HELD;

                h = mix_since(h, c->flight.other_at, CLAIM_REPEATS_AFTER, now);
                h = mix_since(h, c->heard_at, CLAIM_ASK_AFTER, now);
                h = mix_since(h, held ? c->in.held.written_at : 0, CLAIM_ASK_AFTER, now);
        }
        h = mix_since(h, d->begun_at, 2 * CLAIM_ASK_AFTER, now);
        h = mix_near(h, d->lands_by, now);
        h = mix_near(h, d->restored_by, now);
        h = mix_time(h, d->crossed_by, now);
        h = mix_since(h, d->is.n_ours > 1 ? d->goal_at : 0, CLAIM_ASK_AFTER + CLAIM_LANDS_WITHIN, now);
        h = mix(h, c->none_since > 0 && c->none_since == c->view.since);
        h = mix(h, (c->view.since < d->crossed_by) | (c->view.since < d->put_back_by) << 1);
        h = mix_time(h, d->put_back_by, now);
        for (size_t i = 0; i < CLAIM_OTHERS_DONE_MAX && !c->traits.per_device; i++)
                if (c->others.done[i].contents > 0)
                        h = mix(h, c->others.done[i].known | (c->others.done[i].at > c->view.state_since) << 1);
        h = mix_time(h, c->limits.retry_at, now);
        for (size_t i = 0; i < ARRAY_SIZE(c->limits.writes); i++)
                h = mix_since(h, c->limits.writes[i], USEC_PER_MIN, now);
        return h;
}

/* Where it is, or would be. */
static inline struct seen *find_seen(const struct states *s, uint64_t print) {
        size_t i = print & (s->size - 1);

        while (s->of[i].depth_left > 0 && s->of[i].print != print)
                i = (i + 1) & (s->size - 1);
        return &s->of[i];
}

static inline void make_room(struct states *s, size_t size) {
        struct states old = *s;

        s->size = size;
        s->of = calloc(size, sizeof(*s->of));
        cr_assert_not_null(s->of, "no memory for more states");
        for (size_t i = 0; i < old.size; i++)
                if (old.of[i].depth_left > 0)
                        *find_seen(s, old.of[i].print) = old.of[i];
        free(old.of);
}

static inline void note_seen(struct states *s, uint64_t print, uint32_t depth_left) {
        struct seen *at = find_seen(s, print);

        s->n += at->depth_left == 0;
        *at = (struct seen){ .print = print, .depth_left = depth_left };
        if (s->n >= s->size / 4 * 3)
                make_room(s, 2 * s->size);
}

/* True if the state was not yet searched to this depth. */
static inline bool is_new(uint64_t print, uint32_t depth_left) {
        if (find_seen(&searched, print)->depth_left >= depth_left)
                return false;
        note_seen(&searched, print, depth_left);
        return true;
}

static inline void states_begin(struct states *s) {
        *s = (struct states){};
        make_room(s, (size_t) 1 << 20);
}

static inline void states_end(struct states *s) {
        free(s->of);
        *s = (struct states){};
}

/* Returns the depth. */
static inline unsigned search_begin(unsigned depth_by_default) {
        const char *depth = getenv("BUSYD_SEARCH_DEPTH");
        unsigned max = depth ? (unsigned) strtoul(depth, NULL, 10) : depth_by_default;

        cr_assert_leq(max, ARRAY_SIZE(path));
        states_begin(&searched);
        return max;
}

static inline void search_end(void) {
        states_end(&searched);
}
