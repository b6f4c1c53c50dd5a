#include "busyd/account-memory.h"

#include <stdio.h>

#include "matrix/sync/sync.h"
#include "util/log.h"

/* A position is one flushed file: not after every answer. What lies between is seen again, and is the same. */
#define POSITION_STORE_INTERVAL USEC_PER_MIN
/* The same position again is written only to say that it is still good; it may be used for a day. */
#define POSITION_AGE_STEP USEC_PER_HOUR

void account_memory_done(struct account_memory *m) {
        free(m->since);
        m->since = NULL;
}

void account_memory_position(struct account_memory *m, const char *since) {
        char *copy = since ? strdup(since) : NULL;

        if (since && !copy)
                return;
        free(m->since);
        m->since = copy;
        m->since_pending = true;
}

void account_memory_learned(struct account_memory *m, const struct account_lessons *l) {
        if (l->sticks && !m->learned.sticks)
                log_info("Account %s: remembering that busy sticks there while another client is online", m->name);
        m->learned = *l;
        m->learned_pending = true;
}

static bool is_device(const struct state_account *stored, const char *device_id) {
        return stored->device_id && streq(stored->device_id, device_id);
}

static bool is_position_ours(const struct state_account *stored, const struct account_whose *whose) {
        return stored->user_id ? streq(stored->user_id, whose->user_id) : is_device(stored, whose->device_id);
}

static int put(struct account_memory *m, struct state_account *stored, const struct account_whose *whose) {
        stored->user_id = whose->user_id;
        stored->device_id = whose->device_id;
        stored->sticks = m->learned.sticks;
        stored->words = m->learned.words[0] ? m->learned.words : NULL;
        return state_put_account(m->state, m->name, stored);
}

static void store_position(struct account_memory *m, const struct account_whose *whose, bool in_call, usec_t wall) {
        struct state_account stored;
        const char *before;
        int r;

        if (state_get_account(m->state, m->name, &stored) < 0)
                return;
        if (!is_position_ours(&stored, whose))
                stored.since = NULL;
        before = stored.since;
        if (!m->since || !stored.since || !in_call)
                stored.since = m->since;
        if (stored.since && before && streq(stored.since, before) && wall - stored.since_at_wall < POSITION_AGE_STEP)
                return;
        stored.since_at_wall = wall;
        r = put(m, &stored, whose);
        if (r < 0)
                log_warning(
                        "Account %s: the sync position cannot be stored: %s; a restart will look at all rooms again",
                        m->name, strerror(-r));
}

/* What fails is tried again with the next turn. */
static void store_learned(struct account_memory *m, const struct account_whose *whose) {
        struct state_account stored;
        int r = state_get_account(m->state, m->name, &stored);

        if (r >= 0 && !is_position_ours(&stored, whose))
                stored.since = NULL;
        m->learned_pending = r < 0 || put(m, &stored, whose) < 0;
}

void account_memory_store(struct account_memory *m, const struct account_whose *whose, bool in_call, usec_t now,
                          usec_t wall) {
        bool early = m->since && m->since_stored_at > 0 && now < usec_add(m->since_stored_at, POSITION_STORE_INTERVAL);

        if (m->learned_pending)
                store_learned(m, whose);
        if (!m->since_pending || early)
                return;
        m->since_stored_at = now;
        m->since_pending = false;
        store_position(m, whose, in_call, wall);
}

/* One from a time that has yet to come is of a clock that was set back since: how old it is, nobody can tell, and a
 * call may go on that it leads back to. */
const char *account_memory_load(struct account_memory *m, const struct account_whose *whose, usec_t wall) {
        struct state_account stored;

        if (state_get_account(m->state, m->name, &stored) < 0)
                return NULL;
        m->learned.sticks = stored.sticks;
        if (is_device(&stored, whose->device_id) && stored.words)
                (void) snprintf(m->learned.words, sizeof(m->learned.words), "%s", stored.words);
        if (!stored.since || !is_position_ours(&stored, whose))
                return NULL;
        return stored.since_at_wall > wall || wall - stored.since_at_wall < SYNC_GAP_MAX ? stored.since : NULL;
}
