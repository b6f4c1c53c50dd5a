/* See late.h. The entries lie in the order in which they came. */
#include "matrix/crypto/late.h"

#include <errno.h>

#include "json/json.h"

struct entry {
        json_t *owner; /* {room_id, type, sender, event_id, session_id, content} */
        struct matrix_event event;
        usec_t since;
        bool torn;
};

struct late {
        struct entry entries[LATE_MAX + 1];
        size_t n;
};

int late_new(struct late **ret) {
        struct late *l = calloc(1, sizeof(*l));

        if (!l)
                return -ENOMEM;
        *ret = l;
        return 0;
}

struct late *late_free(struct late *l) {
        if (!l)
                return NULL;
        for (size_t i = 0; i < l->n; i++)
                json_decref(l->entries[i].owner);
        free(l);
        return NULL;
}

size_t late_count(const struct late *l) {
        return l->n;
}

static void drop(struct late *l, size_t i) {
        json_decref(l->entries[i].owner);
        memmove(&l->entries[i], &l->entries[i + 1], (l->n - i - 1) * sizeof(l->entries[0]));
        l->n--;
}

static void keep_bounds(struct late *l, const char *room_id) {
        size_t n = 0, oldest = 0;

        for (size_t i = l->n; i-- > 0;) {
                if (!streq(l->entries[i].event.room_id, room_id))
                        continue;
                n++;
                oldest = i;
        }
        if (n > LATE_PER_ROOM_MAX)
                drop(l, oldest);
        else if (l->n > LATE_MAX)
                drop(l, 0);
}

int late_put(struct late *l, const struct matrix_event *e, const char *session_id, usec_t now) {
        SCOPED(json_decref) json_t *owner = NULL;
        struct matrix_event copy = *e;

        for (size_t i = 0; i < l->n; i++)
                if (streq(l->entries[i].event.event_id, e->event_id)) {
                        l->entries[i].torn = false;
                        return 0;
                }
        owner = json_pack("{ss ss ss ss ss sO}", "room_id", e->room_id, "type", e->type, "sender", e->sender,
                          "event_id", e->event_id, "session_id", session_id, "content", e->content);
        if (!owner)
                return -ENOMEM;
        copy.room_id = json_member_string(owner, "room_id");
        copy.type = json_member_string(owner, "type");
        copy.sender = json_member_string(owner, "sender");
        copy.event_id = json_member_string(owner, "event_id");
        copy.redacts = NULL;
        copy.state_key = NULL;
        copy.content = json_object_get(owner, "content");
        l->entries[l->n++] = (struct entry){ .owner = TAKE(owner), .event = copy, .since = now };
        keep_bounds(l, copy.room_id);
        return 1;
}

void late_event_done(struct late_event *e) {
        json_decref(e->owner);
        *e = (struct late_event){ 0 };
}

int late_find(const struct late *l, const char *room_id, const char *session_id, usec_t now, struct late_event *ret) {
        for (size_t i = 0; i < l->n; i++) {
                const struct entry *e = &l->entries[i];
                int64_t waited = (int64_t) ((now - e->since) / USEC_PER_MSEC);

                if (!streq(e->event.room_id, room_id) ||
                    !streq(json_member_string(e->owner, "session_id"), session_id))
                        continue;
                *ret = (struct late_event){ .event = e->event, .owner = json_incref(e->owner), .torn = e->torn };
                if (ret->event.age >= 0)
                        ret->event.age += waited;
                if (ret->event.sticky_ttl >= 0)
                        ret->event.sticky_ttl = ret->event.sticky_ttl > waited ? ret->event.sticky_ttl - waited : 0;
                return 1;
        }
        return 0;
}

void late_remove(struct late *l, const struct late_event *e) {
        for (size_t i = 0; i < l->n; i++)
                if (l->entries[i].owner == e->owner) {
                        drop(l, i);
                        return;
                }
}

void late_tear(struct late *l, const char *room_id) {
        for (size_t i = 0; i < l->n; i++)
                l->entries[i].torn |= !room_id || streq(l->entries[i].event.room_id, room_id);
}

int late_at(const struct late *l, size_t i, const char **ret_room_id, const char **ret_session_id) {
        if (i >= l->n)
                return 0;
        *ret_room_id = l->entries[i].event.room_id;
        *ret_session_id = json_member_string(l->entries[i].owner, "session_id");
        return 1;
}

usec_t late_run(struct late *l, usec_t now) {
        while (l->n > 0 && now >= usec_add(l->entries[0].since, LATE_KEPT_USEC))
                drop(l, 0);
        return l->n > 0 ? usec_add(l->entries[0].since, LATE_KEPT_USEC) : USEC_NEVER;
}
