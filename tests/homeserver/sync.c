/* GET /sync and /messages: what is new since a position, through the client's filter. */
#include "internal.h"

#include <stdio.h>

#define TIMELINE_LIMIT_DEFAULT 10

/* Absent list: everything; a trailing "*" matches any rest. */
static bool list_allows(const json_t *list, const char *value) {
        size_t i;
        json_t *entry;

        if (!json_is_array(list))
                return true;
        json_array_foreach(list, i, entry) {
                const char *s = json_string_value(entry) ?: "";
                size_t n = strlen(s);

                if (streq(s, value) || (n > 0 && s[n - 1] == '*' && strncmp(s, value, n - 1) == 0))
                        return true;
        }
        return false;
}

static const json_t *room_filter(const json_t *filter, const char *part) {
        return json_object_get(json_object_get(filter, "room"), part);
}

static bool allows(const json_t *filter, const json_t *event) {
        return list_allows(json_object_get(filter, "types"), json_string_value(json_object_get(event, "type"))) &&
               list_allows(json_object_get(filter, "senders"), json_string_value(json_object_get(event, "sender")));
}

static json_t *as_sent(const struct model_event *e, int64_t now) {
        json_t *event = json_copy(e->event);

        if (!json_object_get(json_object_get(event, "unsigned"), "age"))
                json_object_set_new(event, "unsigned", json_pack("{s:I}", "age", (json_int_t) (now - e->arrived)));
        return event;
}

/* The newest event of this type and key in the room, up to a position. */
static bool is_current(const struct model *m, const struct model_event *e, int64_t until) {
        for (const struct model_event *n = e + 1; n < m->events + m->n_events && n->position <= until; n++)
                if (n->key && n->room == e->room && streq(n->type, e->type) && streq(n->key, e->key))
                        return false;
        return true;
}

/* The first event behind a position. */
static size_t first_after(const struct model *m, int64_t position) {
        size_t i = m->n_events;

        while (i > 0 && m->events[i - 1].position > position)
                i--;
        return i;
}

static json_t *room_state(const struct exchange *r, size_t room, int64_t after, int64_t until, const json_t *filter) {
        const struct model *m = r->m;
        json_t *list = json_array();

        for (size_t i = first_after(m, after); i < m->n_events; i++) {
                const struct model_event *e = &m->events[i];

                if (e->key && e->position <= until && e->room == room && allows(filter, e->event) &&
                    is_current(m, e, until))
                        json_array_append_new(list, as_sent(e, r->now));
        }
        return list;
}

static size_t timeline_limit(const json_t *filter) {
        const json_t *limit = json_object_get(filter, "limit");

        return json_is_integer(limit) && json_integer_value(limit) >= 0 ? (size_t) json_integer_value(limit)
                                                                        : TIMELINE_LIMIT_DEFAULT;
}

/* The newest `limit` events after a position; *ret_start: the timeline begins behind this one. */
static json_t *room_timeline(const struct exchange *r, size_t room, int64_t after, const json_t *filter,
                             bool *ret_limited, int64_t *ret_start) {
        const struct model *m = r->m;
        size_t limit = timeline_limit(filter), n = 0;
        json_t *list = json_array();

        *ret_limited = false;
        *ret_start = after;
        for (size_t i = m->n_events; i-- > 0 && m->events[i].position > after;) {
                const struct model_event *e = &m->events[i];

                if (e->room != room || !allows(filter, e->event))
                        continue;
                if (n == limit) {
                        *ret_limited = true;
                        *ret_start = e->position;
                        break;
                }
                json_array_insert_new(list, 0, as_sent(e, r->now));
                n++;
        }
        return list;
}

static void add_room(const struct exchange *r, json_t *join, size_t room) {
        bool initial = r->since < 0;
        int64_t after = initial ? 0 : r->since, start;
        bool limited;
        json_t *timeline = room_timeline(r, room, after, room_filter(r->filter, "timeline"), &limited, &start);
        json_t *state;
        char before[64];

        if (initial && json_array_size(timeline) == 0)
                start = r->m->position;
        state = room_state(r, room, r->full_state ? 0 : after, r->full_state ? r->m->position : start,
                           room_filter(r->filter, "state"));
        snprintf(before, sizeof(before), "t%lld", (long long) start);
        if (json_array_size(timeline) > 0 || json_array_size(state) > 0)
                json_object_set_new(join, r->m->rooms[room].id,
                                    json_pack("{s:{s:O,s:b,s:s},s:{s:O}}", "timeline", "events", timeline, "limited",
                                              limited, "prev_batch", before, "state", "events", state));
        json_decref(timeline);
        json_decref(state);
}

static json_t *rooms_section(const struct exchange *r) {
        json_t *join = json_object(), *leave = json_object(), *rooms = json_object();

        for (size_t i = 0; i < r->m->n_rooms; i++) {
                const struct model_room *room = &r->m->rooms[i];

                if (!room->left)
                        add_room(r, join, i);
                else if (room->left_at > r->since && r->since >= 0)
                        json_object_set_new(leave, room->id, json_object());
        }
        if (json_object_size(join) > 0)
                json_object_set(rooms, "join", join);
        if (json_object_size(leave) > 0)
                json_object_set(rooms, "leave", leave);
        json_decref(join);
        json_decref(leave);
        return rooms;
}

json_t *sync_presence_event(const char *sender, const char *state, const char *message, int64_t active_ago) {
        json_t *content = json_pack("{s:s}", "presence", state);

        if (active_ago >= 0)
                json_object_set_new(content, "last_active_ago", json_integer(active_ago));
        if (message[0])
                json_object_set_new(content, "status_msg", json_string(message));
        return json_pack("{s:s,s:s,s:o}", "type", "m.presence", "sender", sender, "content", content);
}

static bool tells_presence_of(const struct exchange *r, const char *user) {
        bool filters = r->m->options.kind != HS_DENDRITE && r->m->options.kind != HS_CONTINUWUITY;
        const json_t *filter = filters ? json_object_get(r->filter, "presence") : NULL;

        return !r->m->presence.off && list_allows(json_object_get(filter, "types"), "m.presence") &&
               list_allows(json_object_get(filter, "senders"), user);
}

static bool tells_own_presence(const struct exchange *r) {
        return model_presence_is_told(r->m) && tells_presence_of(r, HS_USER);
}

static json_t *presence_section(const struct exchange *r) {
        json_t *list = json_array();
        bool due = r->since < 0 ? !streq(r->m->shown_state, "offline") : r->m->presence_position > r->since;

        if (due && tells_own_presence(r))
                json_array_append_new(list, sync_presence_event(HS_USER, r->m->shown_state, r->m->shown_message,
                                                                r->m->options.activity
                                                                        ? presence_active_ago(&r->m->presence, r->now)
                                                                        : 1000));
        if (r->m->other_position > r->since &&
            tells_presence_of(r, json_string_value(json_object_get(r->m->other_presence, "sender"))))
                json_array_append(list, r->m->other_presence);
        return list;
}

static json_t *account_data_section(const struct exchange *r) {
        const json_t *types = json_object_get(json_object_get(r->filter, "account_data"), "types");
        json_t *list = json_array();
        const char *type;
        json_t *content;

        json_object_foreach(r->m->account_data, type,
                            content) if (json_integer_value(json_object_get(r->m->account_data_positions, type)) >
                                                 r->since &&
                                         list_allows(types, type))
                json_array_append_new(list, json_pack("{s:s,s:O}", "type", type, "content", content));
        return list;
}

static void put_events(json_t *body, const char *section, json_t *list) {
        if (json_array_size(list) > 0)
                json_object_set_new(body, section, json_pack("{s:O}", "events", list));
        json_decref(list);
}

/* NULL: there is nothing new. */
static json_t *build(const struct exchange *r) {
        json_t *body = json_object(), *rooms = rooms_section(r);
        char next[64];

        if (json_object_size(rooms) > 0)
                json_object_set(body, "rooms", rooms);
        json_decref(rooms);
        put_events(body, "presence", presence_section(r));
        put_events(body, "account_data", account_data_section(r));
        keys_put_news(r, body);
        if (json_object_size(body) == 0 && r->since >= 0 && !r->full_state) {
                json_decref(body);
                return NULL;
        }
        snprintf(next, sizeof(next), "s%u_%lld", r->m->epoch, (long long) r->m->position);
        json_object_set_new(body, "next_batch", json_string(next));
        keys_put_counts(r, body);
        return body;
}

static bool read_since(struct exchange *e) {
        SCOPED(free) char *since = exchange_value(e, "since");
        unsigned epoch;
        long long position;

        e->since = -1;
        if (!since)
                return true;
        if (sscanf(since, "s%u_%lld", &epoch, &position) != 2 || epoch != e->m->epoch || position > e->m->position)
                return false;
        e->since = position;
        return true;
}

/* By its id, or written into the query. */
static bool read_filter(struct exchange *e) {
        SCOPED(free) char *filter = exchange_value(e, "filter");
        char *end;

        if (!filter || e->m->options.filter_events_absent)
                return true;
        if (filter[0] == '{')
                return (e->filter = json_loads(filter, 0, NULL));
        e->filter = json_incref(json_array_get(e->m->filters, strtoul(filter, &end, 10) - e->m->first_filter));
        return e->filter && *end == 0;
}

/* Others take any word. */
static bool takes_set_presence(const struct model *m, const char *word) {
        if (m->options.kind != HS_SYNAPSE && m->options.kind != HS_SYNAPSE_OLD && m->options.kind != HS_UNKNOWN)
                return true;
        return streq(word, "online") || streq(word, "unavailable") || streq(word, "offline");
}

static void answer_with_position(struct exchange *e) {
        SCOPED(free) char *since = exchange_value(e, "since");

        e->answer = json_pack("{s:s}", "next_batch", since ?: "");
}

/* Until there is something new, or the time is over. */
void sync_look(struct exchange *e) {
        if (e->session->revoked) {
                exchange_error(e, 401, "M_UNKNOWN_TOKEN", "Invalid access token passed.");
                if (e->session->soft)
                        json_object_set_new(e->answer, "soft_logout", json_true());
        } else if (e->looked != e->m->version && (e->answer = build(e)))
                e->status = 200;
        else if (e->now >= e->until) {
                answer_with_position(e);
                e->status = 200;
        }
        e->looked = e->m->version;
        e->waiting = e->status == 0;
        if (e->waiting)
                return;
        if (e->counts)
                presence_poll_ends(&e->m->presence, e->device, e->now);
        e->counts = false;
        model_check_presence(e->m, e->now);
}

void sync_begin(struct exchange *e) {
        SCOPED(free)
        char *set_presence = exchange_value(e, "set_presence"), *timeout = exchange_value(e, "timeout"),
             *full = exchange_value(e, "full_state");
        const char *word = set_presence ?: "online";

        if (!takes_set_presence(e->m, word)) {
                exchange_error(e, 400, "M_INVALID_PARAM", "Query parameter 'set_presence' must be one of ...");
                return;
        }
        if (!read_since(e)) {
                exchange_error(e, 400, "M_UNKNOWN", "Invalid stream token");
                return;
        }
        if (!read_filter(e)) {
                exchange_error(e, 400, "M_INVALID_PARAM", "No such filter");
                return;
        }
        e->full_state = full && streq(full, "true");
        keys_drop_taken(e);
        if (e->since >= 0 && (!e->m->polled || e->since > e->m->polled_from)) {
                e->m->polled = true;
                e->m->polled_from = e->since;
                e->m->polled_presence = tells_own_presence(e);
                model_changed(e->m);
        }
        e->counts = presence_poll_begins(&e->m->presence, e->device, word, e->now);
        model_check_presence(e->m, e->now);
        e->until = e->now + strtoll(timeout ?: "0", NULL, 10);
        e->looked = e->m->version - 1;
        sync_look(e);
}

void sync_messages(struct exchange *r) {
        SCOPED(free)
        char *from = exchange_value(r, "from"), *limit_text = exchange_value(r, "limit"),
             *filter_text = exchange_value(r, "filter");
        const char *room = r->segments[4];
        size_t limit = limit_text ? strtoul(limit_text, NULL, 10) : TIMELINE_LIMIT_DEFAULT;
        json_t *filter = json_loads(filter_text ?: "{}", 0, NULL), *chunk = json_array();
        long long position = r->m->position;
        char end[64];

        (void) sscanf(from ?: "", "t%lld", &position);
        for (size_t i = r->m->n_events; i-- > 0 && json_array_size(chunk) < limit;) {
                const struct model_event *e = &r->m->events[i];

                if (e->position > position || !streq(r->m->rooms[e->room].id, room) || !allows(filter, e->event))
                        continue;
                json_array_append_new(chunk, as_sent(e, r->now));
                snprintf(end, sizeof(end), "t%lld", (long long) (e->position - 1));
        }
        r->answer = json_pack("{s:s,s:O}", "start", from ?: "", "chunk", chunk);
        if (json_array_size(chunk) == limit)
                json_object_set_new(r->answer, "end", json_string(end));
        r->status = 200;
        json_decref(chunk);
        json_decref(filter);
}
