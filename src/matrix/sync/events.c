/* What /sync and /messages answer, taken apart once, so that nobody else walks through their JSON. Everything comes
 * from outside: what has a wrong type is left out, what is left in can be relied upon. */
#include "matrix/sync/events.h"

#include <errno.h>

#include "json/json.h"
#include "matrix/client/api.h"
#include "matrix/calls/names.h"

struct parser {
        struct sync_batch *batch;
        const char *me;
        bool own_only; /* of state */
        size_t n_own, n_others;
};

static bool id_is_sane(const char *s) {
        return s && s[0] && strlen(s) <= MATRIX_ID_BYTES_MAX;
}

const char *const sync_rooms_not_joined[] = { "leave", "invite", "knock", NULL };

/* Makes room for one more element. */
static int grow(void *array, size_t n, size_t element_size) {
        void **a = array;
        void *bigger;

        if (n > 0 && (n & (n - 1)) != 0) /* grown at 0 and at every power of two */
                return 0;
        bigger = reallocarray(*a, n > 0 ? 2 * n : 1, element_size);
        if (!bigger)
                return -ENOMEM;
        *a = bigger;
        return 0;
}

static void read_times(struct matrix_event *e, const json_t *object) {
        const json_t *uns = json_member_object(object, "unsigned");
        const json_t *sticky = named_object(object, names_sticky);

        e->origin_server_ts = json_member_int(object, "origin_server_ts", 0);
        if (e->origin_server_ts < 0)
                e->origin_server_ts = 0;

        e->age = json_member_int(uns, "age", INT64_MIN);
        if (e->age == INT64_MIN)
                e->age = -1;
        else if (e->age < 0) /* sent by a clock that is ahead */
                e->age = 0;

        e->sticky_duration = said_int(sticky, "duration_ms", -1);
        if (e->sticky_duration < 0)
                e->sticky_duration = -1;
        e->sticky_ttl = named_int(uns, names_sticky_remaining, -1);
        if (e->sticky_ttl < 0)
                e->sticky_ttl = -1;
}

/* 1: *ret is set, 0: not an event one can use. */
static int read_event(const struct parser *p, const char *room_id, enum event_place place, const json_t *object,
                      struct matrix_event *ret) {
        struct matrix_event e = {
                .place = place,
                .room_id = room_id,
                .type = json_member_string(object, "type"),
                .sender = json_member_string(object, "sender"),
                .event_id = json_member_string(object, "event_id"),
                .state_key = json_member_string(object, "state_key"),
                .redacts = json_member_string(object, "redacts"),
                .content = json_member_object(object, "content"),
        };

        if (!id_is_sane(e.type) || !id_is_sane(e.sender) || (e.event_id && !id_is_sane(e.event_id)))
                return 0;
        if (e.state_key && strlen(e.state_key) > MATRIX_ID_BYTES_MAX)
                return 0;
        if (place == EVENT_STATE && !e.state_key)
                return 0;
        if (!e.content)
                e.content = p->batch->no_content;
        if (!e.redacts)
                e.redacts = json_member_string(e.content, "redacts");
        read_times(&e, object);

        *ret = e;
        return 1;
}

/* Events come room by room. */
static int add_cut(struct sync_batch *b, const char *room_id) {
        int r;

        if (b->n_cut_rooms > 0 && b->cut_rooms[b->n_cut_rooms - 1] == room_id)
                return 0;
        r = grow(&b->cut_rooms, b->n_cut_rooms, sizeof(b->cut_rooms[0]));
        if (r < 0)
                return r;
        b->cut_rooms[b->n_cut_rooms++] = room_id;
        return 0;
}

static int add_event(struct parser *p, const struct matrix_event *e) {
        struct sync_batch *b = p->batch;
        int r;

        size_t *n = streq(e->sender, p->me) ? &p->n_own : &p->n_others;

        if (*n >= SYNC_EVENTS_MAX) {
                b->overflow = true;
                return e->place == EVENT_TIMELINE ? add_cut(b, e->room_id) : 0;
        }
        r = grow(&b->events, b->n_events, sizeof(b->events[0]));
        if (r < 0)
                return r;
        b->events[b->n_events++] = *e;
        (*n)++;
        return 0;
}

/* State that comes as `state_after` is final: state events of the timeline may have lost against it. Membership is
 * still taken from there, since the filter lets it through nowhere else. */
static bool is_settled_elsewhere(const struct matrix_event *e) {
        return e->state_key && !streq(e->type, "m.room.member");
}

static int add_events(struct parser *p, const char *room_id, enum event_place place, const json_t *array,
                      bool state_settled) {
        for (size_t i = 0; i < json_array_size(array); i++) {
                struct matrix_event e;
                int r;

                if (!read_event(p, room_id, place, json_array_get(array, i), &e))
                        continue;
                if (state_settled && is_settled_elsewhere(&e))
                        continue;
                if (p->own_only && place == EVENT_STATE && !streq(e.sender, p->me))
                        continue;
                r = add_event(p, &e);
                if (r < 0)
                        return r;
        }
        return 0;
}

static int append_gap(struct sync_batch *b, const char *room_id, const char *from) {
        int r = grow(&b->gaps, b->n_gaps, sizeof(b->gaps[0]));

        if (r < 0)
                return r;
        b->gaps[b->n_gaps++] = (struct sync_gap){ .room_id = room_id, .prev_batch = from };
        return 0;
}

static int add_gap(struct parser *p, const char *room_id, const json_t *timeline) {
        if (!json_member_bool(timeline, "limited", false))
                return 0;
        return append_gap(p->batch, room_id, json_member_string(timeline, "prev_batch"));
}

int sync_batch_add_gap(struct sync_batch *b, const char *room_id) {
        json_t *id = json_string(room_id);

        if (!b->gap_rooms)
                b->gap_rooms = json_array();
        if (json_array_append_new(b->gap_rooms, id) < 0)
                return -ENOMEM;
        return append_gap(b, json_string_value(id), b->next_batch);
}

static int add_room(struct parser *p, const char *room_id, const json_t *room) {
        const json_t *timeline = json_member_object(room, "timeline");
        const json_t *after = named_object(room, names_state_after);
        const json_t *state = after ? after : json_member_object(room, "state");
        const json_t *sticky = named_object(room, names_sticky);
        int r;

        r = add_events(p, room_id, EVENT_STATE, json_member_array(state, "events"), false);
        if (r < 0)
                return r;
        r = add_events(p, room_id, EVENT_TIMELINE, json_member_array(timeline, "events"), after != NULL);
        if (r < 0)
                return r;
        r = add_events(p, room_id, EVENT_STICKY, json_member_array(sticky, "events"), false);
        if (r < 0)
                return r;
        return add_gap(p, room_id, timeline);
}

static int add_rooms(struct parser *p, const json_t *rooms) {
        json_t *join = (json_t *) json_member_object(rooms, "join");
        const char *room_id;
        json_t *room;

        json_object_foreach(join, room_id, room) {
                int r;

                if (!id_is_sane(room_id))
                        continue;
                r = add_room(p, room_id, room);
                if (r < 0)
                        return r;
        }
        return 0;
}

static int add_left_rooms(struct parser *p, const json_t *rooms) {
        struct sync_batch *b = p->batch;
        const char *room_id;
        json_t *room;

        json_object_foreach((json_t *) rooms, room_id, room) {
                int r;

                if (!id_is_sane(room_id))
                        continue;
                r = grow(&b->left_rooms, b->n_left_rooms, sizeof(b->left_rooms[0]));
                if (r < 0)
                        return r;
                b->left_rooms[b->n_left_rooms++] = room_id;
        }
        return 0;
}

static int add_account_data(struct parser *p, const json_t *events) {
        struct sync_batch *b = p->batch;

        for (size_t i = 0; i < json_array_size(events); i++) {
                const json_t *event = json_array_get(events, i);
                const char *type = json_member_string(event, "type");
                const json_t *content = json_member_object(event, "content");
                int r;

                if (!type || !content)
                        continue;
                r = grow(&b->account_data, b->n_account_data, sizeof(b->account_data[0]));
                if (r < 0)
                        return r;
                b->account_data[b->n_account_data++] = (struct sync_account_data){ type, content };
        }
        return 0;
}

static void read_presence(struct parser *p, const json_t *events) {
        struct sync_batch *b = p->batch;

        for (size_t i = 0; i < json_array_size(events); i++) {
                const json_t *event = json_array_get(events, i);
                const json_t *content = json_member_object(event, "content");
                const char *type = json_member_string(event, "type");
                const char *sender = json_member_string(event, "sender");

                if (type && sender && streq(type, "m.presence") && streq(sender, p->me) &&
                    matrix_presence_parse(content, &b->presence, &b->status_msg) >= 0)
                        b->own_presence = true;
        }
}

static int batch_alloc(struct sync_batch **ret, json_t *root) {
        SCOPED(sync_batch_free) struct sync_batch *b = calloc(1, sizeof(*b));

        if (!b)
                return -ENOMEM;
        b->root = json_incref(root);
        b->status_msg = "";
        b->no_content = json_object();
        if (!b->no_content)
                return -ENOMEM;

        *ret = TAKE(b);
        return 0;
}

const char *sync_next_batch(const json_t *answer) {
        return json_member_string(answer, "next_batch");
}

static int batch_new(struct sync_batch **ret, json_t *root, const char *me, bool own_only) {
        SCOPED(sync_batch_free) struct sync_batch *b = NULL;
        const json_t *rooms = json_member_object(root, "rooms");
        const char *next_batch = sync_next_batch(root);
        struct parser p = { .me = me, .own_only = own_only };
        int r;

        if (!next_batch)
                return -EBADMSG;
        r = batch_alloc(&b, root);
        if (r < 0)
                return r;
        b->next_batch = next_batch;
        p.batch = b;

        r = add_rooms(&p, rooms);
        if (r < 0)
                return r;
        for (const char *const *of = sync_rooms_not_joined; *of; of++) {
                r = add_left_rooms(&p, json_member_object(rooms, *of));
                if (r < 0)
                        return r;
        }
        r = add_account_data(&p, json_member_array(json_member_object(root, "account_data"), "events"));
        if (r < 0)
                return r;
        read_presence(&p, json_member_array(json_member_object(root, "presence"), "events"));

        *ret = TAKE(b);
        return 0;
}

int sync_batch_new(struct sync_batch **ret, json_t *root, const char *me) {
        return batch_new(ret, root, me, /* own_only= */ false);
}

int sync_batch_new_of_state(struct sync_batch **ret, json_t *root, const char *me) {
        return batch_new(ret, root, me, /* own_only= */ true);
}

int sync_batch_new_from_messages(struct sync_batch **ret, json_t *root, const char *me, const char *room_id) {
        SCOPED(sync_batch_free) struct sync_batch *b = NULL;
        const json_t *chunk = json_member_array(root, "chunk");
        struct parser p = { .me = me };
        int r;

        if (!chunk)
                return -EBADMSG;
        r = batch_alloc(&b, root);
        if (r < 0)
                return r;
        b->next_batch = "";
        p.batch = b;

        for (size_t i = json_array_size(chunk); i > 0; i--) {
                struct matrix_event e;

                if (!read_event(&p, room_id, EVENT_TIMELINE, json_array_get(chunk, i - 1), &e) ||
                    is_settled_elsewhere(&e))
                        continue;
                r = add_event(&p, &e);
                if (r < 0)
                        return r;
        }

        *ret = TAKE(b);
        return 0;
}

struct room_events sync_batch_events(const struct sync_batch *b) {
        return (struct room_events){
                .events = b->events,
                .n_events = b->n_events,
                .left_rooms = b->left_rooms,
                .n_left_rooms = b->n_left_rooms,
                .torn_room = b->torn_room,
        };
}

struct sync_batch *sync_batch_free(struct sync_batch *b) {
        if (!b)
                return NULL;
        free(b->events);
        free(b->gaps);
        json_decref(b->gap_rooms);
        free(b->left_rooms);
        free(b->cut_rooms);
        free(b->account_data);
        json_decref(b->no_content);
        json_decref(b->root);
        free(b);
        return NULL;
}
