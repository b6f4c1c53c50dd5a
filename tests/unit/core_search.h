/* What the exhaustive searches share: the path that led to a state, and the states that were seen. */
#pragma once

#include <criterion/criterion.h>

#include "core/claim.h"

static unsigned path[64];
static unsigned path_length;
static uint64_t n_states;

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
static struct seen *table;
static size_t table_size;

static inline uint64_t mix(uint64_t h, uint64_t v) {
        h ^= v + UINT64_C(0x9e3779b97f4a7c15) + (h << 12) + (h >> 4);
        h *= UINT64_C(0xff51afd7ed558ccd);
        return h ^ (h >> 32);
}

static inline uint64_t mix_value(uint64_t h, const struct claim_value *v) {
        h = mix(h, (unsigned char) v->state[0] | (uint64_t) (unsigned char) v->state[1] << 8);
        return mix(h, (unsigned char) v->text[0]);
}

static inline uint64_t mix_owed(uint64_t h, const struct claim_owed *d) {
        h = mix_value(h, &d->prior);
        h = mix(h, d->n_ours | (uint64_t) d->order << 8);
        return d->n_ours > 1 ? mix_value(h, &d->ours[0]) : h;
}

static inline uint64_t mix_time(uint64_t h, usec_t t, usec_t now) {
        return mix(h, t == USEC_NEVER ? 1 : t <= now ? 0 : t - now);
}

static inline uint64_t mix_claim(uint64_t h, const struct claim *c, usec_t now) {
        h = mix(h, (uint64_t) c->wanted << 0 | (uint64_t) c->owed << 1 | (uint64_t) c->on_disk << 2 |
                           (uint64_t) c->maybe_written << 3 | (uint64_t) c->unsure << 4 | (uint64_t) c->known << 5 |
                           (uint64_t) c->doubt << 6 | (uint64_t) c->signed_out << 7 | (uint64_t) c->echoed << 8 |
                           (uint64_t) c->acked << 9 | (uint64_t) c->verified << 10 | (uint64_t) c->left << 11 |
                           (uint64_t) c->confirmed << 12 | (uint64_t) c->sent_back << 13 |
                           (uint64_t) c->must_leave << 14 | (uint64_t) c->live << 15 | (uint64_t) c->in_flight << 16 |
                           (uint64_t) c->verdict << 20 | (uint64_t) c->leave_tries << 24 |
                           (uint64_t) c->backoff.failures << 28 | (uint64_t) c->cures << 40 |
                           (uint64_t) c->asked << 44 | (uint64_t) c->asking << 45 | (uint64_t) c->released << 46 |
                           (uint64_t) c->shared << 47 | (uint64_t) c->withdrawn << 48);
        h = mix_time(h, c->asked || c->shared ? c->ask_at : 0, now);
        h = mix_time(h, c->lost_at > 0 ? c->lost_at + CLAIM_ASK_AFTER : 0, now);
        h = mix_time(h, c->begun_at > 0 ? c->begun_at + CLAIM_ASK_AFTER : 0, now);
        h = mix_value(h, &c->seen);
        h = mix_value(h, &c->sent);
        if (c->verdict != CLAIM_FREE)
                h = mix_value(h, &c->judged);
        if (c->owed)
                h = mix_owed(h, &c->debt);
        h = mix_time(h, c->retry_at, now);
        h = mix_time(h, c->verify_at, now);
        for (size_t i = 0; i < ARRAY_SIZE(c->writes); i++)
                h = mix_time(h, c->writes[i] == 0 ? 0 : c->writes[i] + USEC_PER_MIN, now);
        return h;
}

/* True if the state was not yet searched to this depth. */
static inline bool is_new(uint64_t print, uint32_t depth_left) {
        for (size_t i = print & (table_size - 1);; i = (i + 1) & (table_size - 1)) {
                if (table[i].depth_left == 0) {
                        cr_assert(n_states < table_size / 4 * 3, "the table of states is too small for this depth");
                        table[i] = (struct seen){ .print = print, .depth_left = depth_left };
                        n_states++;
                        return true;
                }
                if (table[i].print != print)
                        continue;
                if (table[i].depth_left >= depth_left)
                        return false;
                table[i].depth_left = depth_left;
                return true;
        }
}

/* Returns the depth. */
static inline unsigned search_begin(unsigned depth_by_default) {
        const char *depth = getenv("BUSYD_SEARCH_DEPTH");
        unsigned max = depth ? (unsigned) strtoul(depth, NULL, 10) : depth_by_default;

        cr_assert_leq(max, ARRAY_SIZE(path));
        table_size = (size_t) 1 << (max > 11 ? 26 : max > 8 ? 24 : 20);
        table = calloc(table_size, sizeof(*table));
        cr_assert_not_null(table);
        n_states = 0;
        return max;
}

static inline void search_end(void) {
        free(table);
}
