/* How the servers differ, as told in their sources:
 *
 *   Synapse       A state for each device, the highest is shown; a message for the user. A counted poll that starts
 *                 while the user is shown busy makes its own device busy. Polls as "offline" do nothing. Silent
 *                 devices are dropped. After a restart a busy user has a busy record that belongs to no device.
 *   old Synapse   One value. A counted poll overwrites it, but never a busy.
 *   Tuwunel       A state and a message for each device. A poll writes its device's state, also "offline". What is
 *                 shown is worked out at every PUT and poll and never in between: the highest state, where busy and
 *                 online count as idle after a while, and the message of the device that was heard of last. A poll
 *                 that changes no state soon after another change leaves it at that. Busy is "busy". A restart keeps
 *                 the message alone.
 *   Continuwuity  One value, any word is stored. A poll other than "offline" overwrites the state. Online becomes idle
 *                 and idle offline after a while. A restart keeps the message alone.
 *   Dendrite      One value, no busy. The highest word with which a poll has started lately counts, and is written
 *                 when it is another than the last one. Words it does not know do nothing in a poll. Without polls the
 *                 user is idle after a while.
 *   unknown       One value, by the letter of the spec: no busy; polls as "offline" do nothing, others overwrite it.
 */
#include "presence.h"

#include <stdio.h>

#define SYNAPSE_BUSY_DROP_MSEC (60 * 60 * 1000)
#define SYNAPSE_DROP_MSEC      (30 * 1000)
#define IDLE_MSEC              (5 * 60 * 1000)
#define AWAY_MSEC              (30 * 60 * 1000)
#define DENDRITE_FRESH_MSEC    (10 * 1000)
#define TUWUNEL_QUIET_MSEC     (30 * 1000)
#define CONTINUWUITY_SAME_MSEC (60 * 1000)

#define KEEP(field, text) snprintf(field, sizeof(field), "%s", text)

struct presence_traits presence_traits_of(enum hs_kind kind) {
        switch (kind) {
        case HS_SYNAPSE:
                return (struct presence_traits){ .device_states = true };
        case HS_TUWUNEL:
                return (struct presence_traits){ .device_states = true, .device_messages = true, .polls_erase = true };
        case HS_SYNAPSE_OLD:
        case HS_CONTINUWUITY:
        case HS_DENDRITE:
        case HS_UNKNOWN:
                break;
        }
        return (struct presence_traits){ 0 };
}

static int64_t lasts(int64_t chosen, int64_t usual) {
        return chosen > 0 ? chosen : usual;
}

static int64_t idle_after(const struct presence_model *m) {
        return lasts(m->idle_after, IDLE_MSEC);
}

static int64_t away_after(const struct presence_model *m) {
        return lasts(m->away_after, AWAY_MSEC);
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
        case HS_SYNAPSE_OLD:
                return is_plain(state) || (streq(state, HS_BUSY) && !m->busy_off);
        case HS_DENDRITE:
        case HS_UNKNOWN:
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
        KEEP(d->id, id);
        return d;
}

/* ---- Synapse ---- */

static int64_t drop_time(const struct presence_model *m, const struct presence_device *d) {
        if (d->polls > 0)
                return INT64_MAX;
        if (rank(m, d->state) == 4)
                return d->seen + SYNAPSE_BUSY_DROP_MSEC;
        return d->seen + lasts(m->drop_after, SYNAPSE_DROP_MSEC);
}

static const char *synapse_shown(struct presence_model *m, int64_t now) {
        const char *best = "offline";

        for (size_t i = 0; i < m->n_devices; i++) {
                struct presence_device *d = &m->devices[i];

                if (now >= drop_time(m, d))
                        KEEP(d->state, "offline");
                if (rank(m, d->state) > rank(m, best))
                        best = d->state;
        }
        return best;
}

static int64_t synapse_deadline(const struct presence_model *m) {
        int64_t next = INT64_MAX;

        for (size_t i = 0; i < m->n_devices; i++) {
                int64_t t = drop_time(m, &m->devices[i]);

                if (!streq(m->devices[i].state, "offline") && t < next)
                        next = t;
        }
        return next;
}

static bool synapse_poll(struct presence_model *m, const char *device, const char *state, int64_t now) {
        struct presence_device *d;

        if (streq(state, "offline"))
                return false;
        if (rank(m, synapse_shown(m, now)) == 4)
                state = HS_BUSY;
        d = device_get(m, device);
        KEEP(d->state, state);
        d->seen = now;
        d->polls++;
        return true;
}

/* ---- Tuwunel ---- */

static const char *counts_as(const struct presence_model *m, const struct presence_device *d, int64_t now) {
        if (rank(m, d->state) >= 3 && now - d->seen >= idle_after(m))
                return "unavailable";
        if (rank(m, d->state) == 2 && now - d->seen >= away_after(m))
                return "offline";
        return d->state;
}

/* `message` NULL: a poll, which has none. */
static void tuwunel_update(struct presence_model *m, const char *device, const char *state, const char *message,
                           int64_t now) {
        struct presence_device *d = device_get(m, device), *newest = NULL;
        const char *best = "offline";

        KEEP(d->state, state);
        if (message)
                KEEP(d->message, message);
        d->seen = now;
        for (size_t i = 0; i < m->n_devices; i++) {
                struct presence_device *e = &m->devices[i];

                if (rank(m, counts_as(m, e, now)) > rank(m, best))
                        best = counts_as(m, e, now);
                if (e->message[0] && now - e->seen < away_after(m) && (!newest || e == d || e->seen > newest->seen))
                        newest = e;
        }
        if (!message && streq(best, m->state) && now - m->active < lasts(m->quiet_for, TUWUNEL_QUIET_MSEC))
                return;
        if (message || newest)
                KEEP(m->message, newest ? newest->message : "");
        KEEP(m->state, best);
        m->active = now;
}

/* ---- Continuwuity ---- */

static void continuwuity_age(struct presence_model *m, int64_t now) {
        if (rank(m, m->state) == 3 && now - m->active >= idle_after(m))
                KEEP(m->state, "unavailable");
        if (rank(m, m->state) == 2 && now - m->active >= away_after(m))
                KEEP(m->state, "offline");
}

static int64_t continuwuity_deadline(const struct presence_model *m) {
        if (rank(m, m->state) == 3)
                return m->active + idle_after(m);
        return rank(m, m->state) == 2 ? m->active + away_after(m) : INT64_MAX;
}

static void continuwuity_poll(struct presence_model *m, const char *state, int64_t now) {
        continuwuity_age(m, now);
        if (streq(state, "offline") || (streq(state, m->state) && now - m->active < CONTINUWUITY_SAME_MSEC))
                return;
        KEEP(m->state, state);
        m->active = now;
}

/* ---- Dendrite ---- */

static void dendrite_age(struct presence_model *m, int64_t now) {
        if (!m->synced[0] || now - m->synced_at < idle_after(m))
                return;
        KEEP(m->state, "unavailable");
        m->synced[0] = 0;
}

static void dendrite_poll(struct presence_model *m, const char *state, int64_t now) {
        static const char *const words[] = { "online", "unavailable", "offline" };
        size_t said = 0, counts = 0;

        while (said < ARRAY_SIZE(words) && !streq(state, words[said]))
                said++;
        if (said == ARRAY_SIZE(words))
                return;
        dendrite_age(m, now);
        m->fresh_until[said] = now + lasts(m->fresh_for, DENDRITE_FRESH_MSEC);
        while (now >= m->fresh_until[counts])
                counts++;
        m->synced_at = now;
        if (streq(words[counts], m->synced))
                return;
        KEEP(m->synced, words[counts]);
        KEEP(m->state, words[counts]);
}

/* ---- all of them ---- */

/* On Synapse idling and leaving are no activity. */
static void put_is_activity(struct presence_model *m, const char *state, int64_t now) {
        if (m->kind == HS_SYNAPSE && rank(m, state) < 3)
                return;
        m->was_active = true;
        m->last_active = now;
}

static void poll_is_activity(struct presence_model *m, const char *state, int64_t now) {
        const char *shown, *message;

        presence_shown(m, now, &shown, &message);
        if (!streq(state, "online") && (!streq(state, "unavailable") || !streq(shown, "offline")))
                return;
        m->was_active = true;
        m->last_active = now;
}

int64_t presence_active_ago(const struct presence_model *m, int64_t now) {
        return m->was_active ? now - m->last_active : -1;
}

unsigned presence_put(struct presence_model *m, const char *device, const char *state, const char *message,
                      int64_t now) {
        struct presence_device *d;

        if (m->off)
                return m->kind == HS_TUWUNEL || m->kind == HS_CONTINUWUITY ? 403 : 200;
        if (!accepts(m, state))
                return 400;
        put_is_activity(m, state, now);
        if (m->kind == HS_TUWUNEL) {
                tuwunel_update(m, device, state, message ?: "", now);
                return 200;
        }
        d = device_get(m, device);
        KEEP(d->state, state);
        d->seen = now;
        KEEP(m->state, state);
        KEEP(m->message, message ?: "");
        m->active = now;
        return 200;
}

bool presence_poll_begins(struct presence_model *m, const char *device, const char *state, int64_t now) {
        if (m->off)
                return false;
        poll_is_activity(m, state, now);
        switch (m->kind) {
        case HS_SYNAPSE:
                return synapse_poll(m, device, state, now);
        case HS_TUWUNEL:
                tuwunel_update(m, device, state, NULL, now);
                break;
        case HS_CONTINUWUITY:
                continuwuity_poll(m, state, now);
                break;
        case HS_DENDRITE:
                dendrite_poll(m, state, now);
                break;
        case HS_SYNAPSE_OLD:
                if (rank(m, m->state) == 4)
                        break;
                /* fall through */
        case HS_UNKNOWN:
                if (!streq(state, "offline"))
                        KEEP(m->state, state);
                break;
        }
        return false;
}

void presence_poll_ends(struct presence_model *m, const char *device, int64_t now) {
        struct presence_device *d = device_get(m, device);

        if (d->polls == 0)
                return;
        d->polls--;
        d->seen = now;
}

void presence_shown(struct presence_model *m, int64_t now, const char **ret_state, const char **ret_message) {
        if (m->kind == HS_CONTINUWUITY)
                continuwuity_age(m, now);
        if (m->kind == HS_DENDRITE)
                dendrite_age(m, now);
        *ret_message = m->message;
        *ret_state = m->kind == HS_SYNAPSE ? synapse_shown(m, now) : m->state[0] ? m->state : "offline";
}

int64_t presence_deadline(const struct presence_model *m, int64_t now) {
        int64_t next = INT64_MAX;

        if (m->kind == HS_SYNAPSE)
                next = synapse_deadline(m);
        else if (m->kind == HS_CONTINUWUITY)
                next = continuwuity_deadline(m);
        else if (m->kind == HS_DENDRITE && m->synced[0])
                next = m->synced_at + idle_after(m);
        if (next == INT64_MAX)
                return -1;
        return next > now ? next : now;
}

void presence_restart(struct presence_model *m, int64_t now) {
        bool busy = m->kind == HS_SYNAPSE && rank(m, synapse_shown(m, now)) == 4;

        m->n_devices = 0;
        m->synced[0] = 0;
        memset(m->fresh_until, 0, sizeof(m->fresh_until));
        switch (m->kind) {
        case HS_SYNAPSE:
                if (busy) {
                        struct presence_device *d = device_get(m, "");

                        KEEP(d->state, HS_BUSY);
                        d->seen = now;
                }
                break;
        case HS_TUWUNEL:
        case HS_CONTINUWUITY:
                KEEP(m->state, "offline");
                break;
        case HS_SYNAPSE_OLD:
        case HS_DENDRITE:
        case HS_UNKNOWN:
                break;
        }
}
