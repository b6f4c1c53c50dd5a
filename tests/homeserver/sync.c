/* GET /sync and /messages: what is new since a position, through the client's filter. */
#include "internal.h"

#include <stdio.h>

#define TIMELINE_LIMIT_DEFAULT 10

struct sync_request {
        int64_t since; /* -1: initial */
        const json_t *filter;
        bool full_state;
};

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

static json_t *as_sent(const struct hs_event *e) {
        json_t *event = json_deep_copy(e->event);
        json_t *aged = json_object_get(event, "unsigned");

        if (!json_object_get(aged, "age"))
                json_object_set_new(event, "unsigned",
                                    json_pack("{s:I}", "age", (json_int_t) (hs_now() - e->arrived)));
        return event;
}

static bool is_state(const struct hs_event *e) {
        return json_object_get(e->event, "state_key");
}

/* The newest event of this type and key in the room, up to a position. */
static bool is_current(const struct hs *s, const struct hs_event *e, int64_t until) {
        for (const struct hs_event *n = e + 1; n < s->events + s->n_events && n->position <= until; n++)
                if (!n->left && is_state(n) && streq(n->room, e->room) &&
                    json_equal(json_object_get(n->event, "type"), json_object_get(e->event, "type")) &&
                    json_equal(json_object_get(n->event, "state_key"), json_object_get(e->event, "state_key")))
                        return false;
        return true;
}

static json_t *room_state(const struct hs *s, const char *room, int64_t after, int64_t until, const json_t *filter) {
        json_t *list = json_array();

        for (size_t i = 0; i < s->n_events; i++) {
                const struct hs_event *e = &s->events[i];

                if (!e->left && e->position > after && e->position <= until && streq(e->room, room) && is_state(e) &&
                    allows(filter, e->event) && is_current(s, e, until))
                        json_array_append_new(list, as_sent(e));
        }
        return list;
}

static size_t timeline_limit(const json_t *filter) {
        const json_t *limit = json_object_get(filter, "limit");

        return json_is_integer(limit) && json_integer_value(limit) >= 0 ? (size_t) json_integer_value(limit)
                                                                        : TIMELINE_LIMIT_DEFAULT;
}

static bool in_timeline(const struct hs_event *e, const char *room, int64_t after, const json_t *filter) {
        return !e->left && e->position > after && streq(e->room, room) && allows(filter, e->event);
}

/* The newest `limit` events after a position; *ret_start: the timeline begins behind this one. */
static json_t *room_timeline(const struct hs *s, const char *room, int64_t after, const json_t *filter,
                             bool *ret_limited, int64_t *ret_start) {
        size_t limit = timeline_limit(filter), n = 0;
        json_t *list = json_array();

        *ret_limited = false;
        *ret_start = after;
        for (size_t i = s->n_events; i-- > 0;) {
                const struct hs_event *e = &s->events[i];

                if (!in_timeline(e, room, after, filter))
                        continue;
                if (n == limit) {
                        *ret_limited = true;
                        *ret_start = e->position;
                        break;
                }
                json_array_insert_new(list, 0, as_sent(e));
                n++;
        }
        return list;
}

static void add_room(const struct hs *s, json_t *join, const char *room, const struct sync_request *r) {
        bool initial = r->since < 0;
        int64_t after = initial ? 0 : r->since, start;
        bool limited;
        json_t *timeline = room_timeline(s, room, after, room_filter(r->filter, "timeline"), &limited, &start);
        json_t *state;
        char before[64];

        if (initial && json_array_size(timeline) == 0)
                start = s->position;
        state = room_state(s, room, r->full_state ? 0 : after, r->full_state ? s->position : start,
                           room_filter(r->filter, "state"));
        snprintf(before, sizeof(before), "t%lld", (long long) start);
        if (json_array_size(timeline) > 0 || json_array_size(state) > 0)
                json_object_set_new(join, room,
                                    json_pack("{s:{s:O,s:b,s:s},s:{s:O}}", "timeline", "events", timeline, "limited",
                                              limited, "prev_batch", before, "state", "events", state));
        json_decref(timeline);
        json_decref(state);
}

static bool has_left(const struct hs *s, const char *room) {
        bool left = false;

        for (size_t i = 0; i < s->n_events; i++)
                if (streq(s->events[i].room, room))
                        left = s->events[i].left;
        return left;
}

static json_t *rooms_section(const struct hs *s, const struct sync_request *r) {
        json_t *join = json_object(), *leave = json_object(), *rooms = json_object();

        for (size_t i = 0; i < s->n_events; i++) {
                const struct hs_event *e = &s->events[i];

                if (e->left && e->position > r->since && r->since >= 0 && has_left(s, e->room))
                        json_object_set_new(leave, e->room, json_object());
                else if (!json_object_get(join, e->room) && !has_left(s, e->room))
                        add_room(s, join, e->room, r);
        }
        if (json_object_size(join) > 0)
                json_object_set(rooms, "join", join);
        if (json_object_size(leave) > 0)
                json_object_set(rooms, "leave", leave);
        json_decref(join);
        json_decref(leave);
        return rooms;
}

json_t *hs_presence_event(const char *sender, const char *state, const char *message) {
        json_t *content = json_pack("{s:s,s:i}", "presence", state, "last_active_ago", 1000);

        if (message[0])
                json_object_set_new(content, "status_msg", json_string(message));
        return json_pack("{s:s,s:s,s:o}", "type", "m.presence", "sender", sender, "content", content);
}

static json_t *presence_section(const struct hs *s, const struct sync_request *r) {
        bool filters = s->options.kind != HS_DENDRITE && s->options.kind != HS_CONTINUWUITY;
        const json_t *filter = filters ? json_object_get(r->filter, "presence") : NULL;
        const json_t *senders = json_object_get(filter, "senders");
        json_t *list = json_array();
        bool due = r->since < 0 ? !streq(s->shown_state, "offline") : s->presence_position > r->since;

        if (s->presence.off || !list_allows(json_object_get(filter, "types"), "m.presence"))
                return list;
        if (due && hs_presence_is_told(s) && list_allows(senders, HS_USER))
                json_array_append_new(list, hs_presence_event(HS_USER, s->shown_state, s->shown_message));
        if (s->other_position > r->since &&
            list_allows(senders, json_string_value(json_object_get(s->other_presence, "sender"))))
                json_array_append(list, s->other_presence);
        return list;
}

static json_t *account_data_section(const struct hs *s, const struct sync_request *r) {
        const json_t *types = json_object_get(json_object_get(r->filter, "account_data"), "types");
        json_t *list = json_array();
        const char *type;
        json_t *content;

        json_object_foreach(s->account_data, type, content) if (json_integer_value(json_object_get(
                                                                        s->account_data_positions, type)) > r->since &&
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
static json_t *build(const struct hs *s, const struct sync_request *r) {
        json_t *body = json_object(), *rooms = rooms_section(s, r);
        char next[64];

        if (json_object_size(rooms) > 0)
                json_object_set(body, "rooms", rooms);
        json_decref(rooms);
        put_events(body, "presence", presence_section(s, r));
        put_events(body, "account_data", account_data_section(s, r));
        if (json_object_size(body) == 0 && r->since >= 0 && !r->full_state) {
                json_decref(body);
                return NULL;
        }
        snprintf(next, sizeof(next), "s%u_%lld", s->epoch, (long long) s->position);
        json_object_set_new(body, "next_batch", json_string(next));
        return body;
}

static bool read_since(const struct hs_context *c, int64_t *ret) {
        const char *since = hs_query(c, "since");
        unsigned epoch;
        long long position;

        *ret = -1;
        if (!since)
                return true;
        if (sscanf(since, "s%u_%lld", &epoch, &position) != 2 || epoch != c->s->epoch || position > c->s->position)
                return false;
        *ret = position;
        return true;
}

/* By its id, or written into the query. *ret_owned is to be freed. */
static bool read_filter(const struct hs_context *c, const json_t **ret, json_t **ret_owned) {
        const char *filter = hs_query(c, "filter");
        char *end;

        *ret = *ret_owned = NULL;
        if (!filter || c->s->options.filter_events_absent)
                return true;
        if (filter[0] == '{') {
                *ret = *ret_owned = json_loads(filter, 0, NULL);
                return *ret;
        }
        *ret = json_array_get(c->s->filters, strtoul(filter, &end, 10));
        return *ret && *end == 0;
}

/* Until there is something new, or the time is over. NULL: the client went away. */
static json_t *poll_for(struct hs_context *c, const struct sync_request *r, int64_t until) {
        struct hs_waiter w;
        json_t *body;

        hs_waiter_add(c->s, &w);
        while (!(body = build(c->s, r))) {
                int64_t wake = presence_deadline(&c->s->presence, hs_now());
                bool there = hs_wait_change(c, &w, wake >= 0 && wake < until ? wake : until);

                hs_presence_check(c->s);
                if (!there)
                        break;
                if (c->session->revoked) {
                        hs_error(c, 401, "M_UNKNOWN_TOKEN", "Invalid access token passed.");
                        break;
                }
                if (hs_now() >= until) {
                        body = json_pack("{s:s}", "next_batch", hs_query(c, "since"));
                        break;
                }
        }
        hs_waiter_remove(c->s, &w);
        return body;
}

/* Others take any word. */
static bool takes_set_presence(const struct hs *s, const char *word) {
        if (s->options.kind != HS_SYNAPSE && s->options.kind != HS_SYNAPSE_OLD && s->options.kind != HS_UNKNOWN)
                return true;
        return streq(word, "online") || streq(word, "unavailable") || streq(word, "offline");
}

void hs_sync(struct hs_context *c) {
        const char *set_presence = hs_query(c, "set_presence") ?: "online";
        const char *timeout = hs_query(c, "timeout") ?: "0", *full = hs_query(c, "full_state") ?: "";
        struct sync_request r = { .full_state = streq(full, "true") };
        json_t *owned;
        char device[64];
        bool counts;

        if (!takes_set_presence(c->s, set_presence)) {
                hs_error(c, 400, "M_INVALID_PARAM", "Query parameter 'set_presence' must be one of ...");
                return;
        }
        if (!read_since(c, &r.since)) {
                hs_error(c, 400, "M_UNKNOWN", "Invalid stream token");
                return;
        }
        if (!read_filter(c, &r.filter, &owned)) {
                hs_error(c, 400, "M_INVALID_PARAM", "No such filter");
                return;
        }
        json_t *kept = json_incref((json_t *) r.filter);

        if (r.since > c->s->polled_from) {
                c->s->polled_from = r.since;
                hs_changed(c->s);
        }
        snprintf(device, sizeof(device), "%s", c->session->device);
        counts = presence_poll_begins(&c->s->presence, device, set_presence, hs_now());
        hs_presence_check(c->s);
        c->answer = poll_for(c, &r, hs_now() + strtoll(timeout, NULL, 10));
        if (counts)
                presence_poll_ends(&c->s->presence, device, hs_now());
        hs_presence_check(c->s);
        if (c->answer && c->status == 0)
                c->status = 200;
        json_decref(kept);
        json_decref(owned);
}

void hs_messages(struct hs_context *c) {
        const char *room = c->segments[4], *from = hs_query(c, "from") ?: "", *limit_text = hs_query(c, "limit");
        size_t limit = limit_text ? strtoul(limit_text, NULL, 10) : TIMELINE_LIMIT_DEFAULT;
        json_t *filter = json_loads(hs_query(c, "filter") ?: "{}", 0, NULL), *chunk = json_array();
        long long position = c->s->position;
        char end[64];

        (void) sscanf(from, "t%lld", &position);
        for (size_t i = c->s->n_events; i-- > 0 && json_array_size(chunk) < limit;) {
                const struct hs_event *e = &c->s->events[i];

                if (e->position > position || !in_timeline(e, room, 0, filter))
                        continue;
                json_array_append_new(chunk, as_sent(e));
                snprintf(end, sizeof(end), "t%lld", (long long) (e->position - 1));
        }
        c->answer = json_pack("{s:s,s:O}", "start", from, "chunk", chunk);
        if (json_array_size(chunk) == limit)
                json_object_set_new(c->answer, "end", json_string(end));
        c->status = 200;
        json_decref(chunk);
        json_decref(filter);
}
