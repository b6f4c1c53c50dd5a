#include "busyd/account-memory.h"

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

void account_memory_sticks(struct account_memory *m) {
        m->sticks_pending = true;
}

static void store_position(struct account_memory *m, const char *device_id, bool in_call, usec_t wall) {
        struct state_account stored;
        const char *before;
        int r;

        if (state_get_account(m->state, m->name, &stored) < 0)
                return;
        before = stored.since;
        if (!m->since || !stored.since || !in_call)
                stored.since = m->since;
        if (stored.since && before && streq(stored.since, before) && wall - stored.since_at_wall < POSITION_AGE_STEP)
                return;
        stored.since_at_wall = wall;
        stored.device_id = device_id;
        r = state_put_account(m->state, m->name, &stored);
        if (r < 0)
                log_warning(
                        "Account %s: the sync position cannot be stored: %s; a restart will look at all rooms again",
                        m->name, strerror(-r));
}

static void store_sticks(struct account_memory *m) {
        struct state_account stored;

        if (state_get_account(m->state, m->name, &stored) < 0)
                return;
        stored.sticks = true;
        if (state_put_account(m->state, m->name, &stored) == 0)
                log_info("Account %s: remembering that busy sticks there while another client is online", m->name);
}

void account_memory_store(struct account_memory *m, const char *device_id, bool in_call, usec_t now, usec_t wall) {
        bool early = m->since && m->since_stored_at > 0 && now < usec_add(m->since_stored_at, POSITION_STORE_INTERVAL);

        if (m->sticks_pending)
                store_sticks(m);
        m->sticks_pending = false;
        if (!m->since_pending || early)
                return;
        m->since_stored_at = now;
        m->since_pending = false;
        store_position(m, device_id, in_call, wall);
}

/* One from a time that has yet to come is of a clock that was set back since: how old it is, nobody can tell, and a
 * call may go on that it leads back to. */
const char *account_memory_usable(const struct state_account *stored, const char *device_id, usec_t wall) {
        if (!stored->since || !stored->device_id || !streq(stored->device_id, device_id))
                return NULL;
        return stored->since_at_wall > wall || wall - stored->since_at_wall < SYNC_GAP_MAX ? stored->since : NULL;
}
