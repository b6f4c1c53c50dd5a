/* How the servers differ, as told in their sources:
 *
 *  Synapse       a state for each device, the highest is shown; a message for the user. A counted poll that starts
 * while the user is shown busy makes its own device busy. Polls as "offline" do nothing. Silent devices are dropped.
 * After a restart a busy user has a busy record that belongs to no device. Tuwunel       a state and a message for
 * each device; a poll writes its device's state, also "offline". Busy is "busy". Continuwuity  one value; a poll other
 * than "offline" overwrites it, any word is stored. Dendrite      one value; what polls say counts when it changes; no
 * busy. */
#include "presence.h"

#include <stdio.h>

#define SYNAPSE_BUSY_DROP_MSEC (60 * 60 * 1000)
#define SYNAPSE_DROP_MSEC      (30 * 1000)
#define DENDRITE_FRESH_MSEC    (10 * 1000)

static bool per_device(const struct presence_model *m) {
        return m->kind == HS_SYNAPSE || m->kind == HS_TUWUNEL;
}

static int rank(const struct presence_model *m, const char *state) {
        if (streq(state, m->kind == HS_TUWUNEL ? "busy" : HS_BUSY))
                return 4;
        if (streq(state, "online"))
                return 3;
        if (streq(state, "unavailable"))
                return 2;
        return 1;
}

static bool is_plain(const char *state) {
        return streq(state, "online") || streq(state, "unavailable") || streq(state, "offline");
}

static bool accepts(const struct presence_model *m, const char *state) {
        switch (m->kind) {
        case HS_SYNAPSE:
                return is_plain(state) || (streq(state, HS_BUSY) && !m->busy_off);
        case HS_DENDRITE:
                return is_plain(state);
        case HS_TUWUNEL:
        case HS_CONTINUWUITY:
                break;
        }
        return true;
}

static struct presence_device *device_get(struct presence_model *m, const char *id) {
        for (size_t i = 0; i < m->n_devices; i++)
                if (streq(m->devices[i].id, id))
                        return &m->devices[i];
        if (m->n_devices == PRESENCE_DEVICES_MAX)
                return &m->devices[0];

        struct presence_device *d = &m->devices[m->n_devices++];

        *d = (struct presence_device){ .state = "offline" };
        snprintf(d->id, sizeof(d->id), "%s", id);
        return d;
}

static int64_t drop_time(const struct presence_model *m, const struct presence_device *d) {
        if (m->kind != HS_SYNAPSE || d->polls > 0)
                return INT64_MAX; /* others drop no device while a test lasts */
        if (rank(m, d->state) == 4)
                return d->seen + SYNAPSE_BUSY_DROP_MSEC;
        return d->seen + (m->drop_after > 0 ? m->drop_after : SYNAPSE_DROP_MSEC);
}

unsigned presence_put(struct presence_model *m, const char *device, const char *state, const char *message,
                      int64_t now) {
        if (m->off)
                return m->kind == HS_SYNAPSE || m->kind == HS_DENDRITE ? 200 : 403;
        if (!accepts(m, state))
                return 400;

        struct presence_device *d = device_get(m, device);

        snprintf(d->state, sizeof(d->state), "%s", state);
        snprintf(d->message, sizeof(d->message), "%s", message ?: "");
        d->seen = d->written = now;
        snprintf(m->state, sizeof(m->state), "%s", state);
        snprintf(m->message, sizeof(m->message), "%s", message ?: "");
        if (rank(m, state) >= 3)
                m->active = now;
        return 200;
}

/* What the polls of the last seconds say together: the highest. */
static const char *arbitrate(const struct presence_model *m, int64_t now) {
        const char *best = "offline";

        for (size_t i = 0; i < m->n_devices; i++) {
                const struct presence_device *d = &m->devices[i];
                bool fresh = d->polls > 0 || now - d->polled < DENDRITE_FRESH_MSEC;

                if (fresh && rank(m, d->says) > rank(m, best))
                        best = d->says;
        }
        return best;
}

static void single_value_poll(struct presence_model *m, struct presence_device *d, const char *state, int64_t now) {
        bool overwrites = m->kind == HS_CONTINUWUITY && !streq(state, "offline");

        snprintf(d->says, sizeof(d->says), "%s", state);
        d->polled = now;
        d->polls++;
        if (m->kind == HS_DENDRITE) {
                state = arbitrate(m, now);
                overwrites = !streq(state, m->synced);
                snprintf(m->synced, sizeof(m->synced), "%s", state);
        }
        if (overwrites)
                snprintf(m->state, sizeof(m->state), "%s", state);
}

bool presence_poll_begins(struct presence_model *m, const char *device, const char *state, int64_t now) {
        const char *shown, *message;

        if (m->off)
                return false;
        if (!per_device(m)) {
                single_value_poll(m, device_get(m, device), state, now);
                return true;
        }
        if (m->kind == HS_SYNAPSE && streq(state, "offline"))
                return false;
        presence_shown(m, now, &shown, &message);

        struct presence_device *d = device_get(m, device);

        if (m->kind == HS_SYNAPSE && rank(m, shown) == 4)
                state = HS_BUSY;
        snprintf(d->state, sizeof(d->state), "%s", state);
        d->seen = now;
        d->polls++;
        if (streq(state, "online"))
                m->active = now;
        return true;
}

void presence_poll_ends(struct presence_model *m, const char *device, int64_t now) {
        struct presence_device *d = device_get(m, device);

        if (d->polls == 0)
                return;
        d->polls--;
        d->seen = d->polled = now;
}

static const char *newest_message(const struct presence_model *m) {
        const struct presence_device *newest = NULL;

        for (size_t i = 0; i < m->n_devices; i++)
                if (m->devices[i].message[0] && (!newest || m->devices[i].written >= newest->written))
                        newest = &m->devices[i];
        return newest ? newest->message : "";
}

void presence_shown(struct presence_model *m, int64_t now, const char **ret_state, const char **ret_message) {
        const char *best = "offline";

        *ret_message = m->kind == HS_TUWUNEL ? newest_message(m) : m->message;
        *ret_state = m->state[0] ? m->state : "offline";
        if (!per_device(m))
                return;
        for (size_t i = 0; i < m->n_devices; i++) {
                struct presence_device *d = &m->devices[i];

                if (now >= drop_time(m, d))
                        snprintf(d->state, sizeof(d->state), "offline");
                if (rank(m, d->state) > rank(m, best))
                        best = d->state;
        }
        *ret_state = best;
}

int64_t presence_deadline(const struct presence_model *m, int64_t now) {
        int64_t next = INT64_MAX;

        for (size_t i = 0; i < m->n_devices; i++) {
                int64_t t = drop_time(m, &m->devices[i]);

                if (!streq(m->devices[i].state, "offline") && t < next)
                        next = t;
        }
        if (next == INT64_MAX)
                return -1;
        return next > now ? next : now;
}

void presence_restart(struct presence_model *m, int64_t now) {
        const char *state, *message;
        bool busy;

        presence_shown(m, now, &state, &message);
        busy = rank(m, state) == 4;
        m->n_devices = 0;
        m->synced[0] = 0;
        switch (m->kind) {
        case HS_SYNAPSE:
                if (busy) {
                        struct presence_device *d = device_get(m, "");

                        snprintf(d->state, sizeof(d->state), "%s", HS_BUSY);
                        d->seen = now;
                }
                break;
        case HS_TUWUNEL:
        case HS_CONTINUWUITY:
                snprintf(m->state, sizeof(m->state), "offline");
                break;
        case HS_DENDRITE:
                break;
        }
}
