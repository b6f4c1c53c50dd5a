#include "matrix/calls/slots.h"

#include <errno.h>

#include "json/json.h"
#include "matrix/calls/moment.h"
#include "matrix/calls/names.h"

static void slot_done(struct slot *slot) {
        free(slot->room_id);
        free(slot->id);
}

void slots_done(struct slots *s) {
        for (size_t i = 0; i < s->n; i++)
                slot_done(&s->closed[i]);
        *s = (struct slots){ 0 };
}

static void drop(struct slots *s, size_t i) {
        slot_done(&s->closed[i]);
        for (s->n--; i < s->n; i++) /* the oldest stays first */
                s->closed[i] = s->closed[i + 1];
}

static struct slot *find(const struct slots *s, const char *room_id, const char *id) {
        for (size_t i = 0; i < s->n; i++)
                if (streq(s->closed[i].room_id, room_id) && streq(s->closed[i].id, id))
                        return (struct slot *) &s->closed[i];
        return NULL;
}

/* Earlier texts had no status: a slot was closed by taking out what it is for. */
static bool says_open(const json_t *content) {
        const json_t *status = json_object_get(content, "status");

        if (!status)
                return json_member_object(content, "application") != NULL;
        return json_is_string(status) && streq(json_string_value(status), "open");
}

/* False: all that are remembered matter. */
static bool make_room(struct slots *s, slot_matters_t matters, const void *userdata) {
        if (s->n < SLOTS_CLOSED_MAX)
                return true;
        for (size_t i = 0; i < s->n; i++)
                if (!matters(userdata, s->closed[i].room_id, s->closed[i].id)) {
                        drop(s, i);
                        return true;
                }
        return false;
}

static void forget(struct slots *s, const char *room_id, const char *id) {
        const struct slot *slot = find(s, room_id, id);

        if (slot)
                drop(s, (size_t) (slot - s->closed));
}

static int close_slot(struct slots *s, const struct matrix_event *e, slot_matters_t matters, const void *userdata) {
        struct slot slot = {
                .room_id = strdup(e->room_id),
                .id = strdup(e->state_key),
                .closed_at_msec = e->origin_server_ts,
        };

        if (!slot.room_id || !slot.id) {
                slot_done(&slot);
                return -ENOMEM;
        }
        forget(s, e->room_id, e->state_key);
        if (make_room(s, matters, userdata))
                s->closed[s->n++] = slot;
        else
                slot_done(&slot);
        return 0;
}

bool slots_is_of_slot(const struct matrix_event *e) {
        return e->state_key && name_is_one_of(e->type, names_rtc_slot);
}

int slots_event(struct slots *s, const struct matrix_event *e, slot_matters_t matters, const void *userdata) {
        if (!slots_is_of_slot(e))
                return 0;
        if (!says_open(e->content))
                return close_slot(s, e, matters, userdata);
        forget(s, e->room_id, e->state_key);
        return 0;
}

void slots_doubt(struct slots *s) {
        for (size_t i = 0; i < s->n; i++)
                s->closed[i].doubtful = true;
}

void slots_drop_room(struct slots *s, const char *room_id) {
        for (size_t i = s->n; i > 0; i--)
                if (streq(s->closed[i - 1].room_id, room_id))
                        drop(s, i - 1);
}

bool slots_is_closed(const struct slots *s, const char *room_id, const char *slot_id, int64_t joined_at_msec) {
        const struct slot *slot = slot_id ? find(s, room_id, slot_id) : NULL;

        return slot && !(slot->doubtful && joined_at_msec > slot->closed_at_msec);
}
