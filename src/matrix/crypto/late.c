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
        struct entry entries[LATE_MAX + 1], lost[LATE_LOST_MAX];
        size_t n, n_lost;
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
        for (size_t i = 0; i < l->n_lost; i++)
                json_decref(l->lost[i].owner);
        free(l);
        return NULL;
}

size_t late_count(const struct late *l) {
        return l->n;
}

static void take_out(struct entry *entries, size_t *n, size_t i) {
        memmove(&entries[i], &entries[i + 1], (*n - i - 1) * sizeof(entries[0]));
        --*n;
}

static void drop(struct late *l, size_t i) {
        json_decref(l->entries[i].owner);
        take_out(l->entries, &l->n, i);
}

/* Whatever an older one may have ended, a newer one may. */
static void lose(struct late *l, size_t i) {
        const struct matrix_event *e = &l->entries[i].event;
        size_t at = 0;

        while (at < l->n_lost &&
               !(streq(l->lost[at].event.room_id, e->room_id) && streq(l->lost[at].event.sender, e->sender)))
                at++;
        if (at == LATE_LOST_MAX)
                at = 0;
        if (at < l->n_lost) {
                json_decref(l->lost[at].owner);
                take_out(l->lost, &l->n_lost, at);
        }
        l->lost[l->n_lost++] = l->entries[i];
        take_out(l->entries, &l->n, i);
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
                lose(l, oldest);
        else if (l->n > LATE_MAX)
                lose(l, 0);
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

static struct late_event event_now(const struct entry *e, usec_t now) {
        struct late_event v = { .event = e->event, .owner = json_incref(e->owner), .torn = e->torn };
        int64_t waited = (int64_t) ((now - e->since) / USEC_PER_MSEC);

        if (v.event.age >= 0)
                v.event.age += waited;
        if (v.event.sticky_ttl >= 0)
                v.event.sticky_ttl = v.event.sticky_ttl > waited ? v.event.sticky_ttl - waited : 0;
        return v;
}

int late_find(const struct late *l, const char *room_id, const char *session_id, usec_t now, struct late_event *ret) {
        for (size_t i = 0; i < l->n; i++) {
                const struct entry *e = &l->entries[i];

                if (!streq(e->event.room_id, room_id) ||
                    !streq(json_member_string(e->owner, "session_id"), session_id))
                        continue;
                *ret = event_now(e, now);
                return 1;
        }
        return 0;
}

int late_take_lost(struct late *l, usec_t now, struct late_event *ret) {
        if (l->n_lost == 0)
                return 0;
        *ret = event_now(&l->lost[0], now);
        json_decref(l->lost[0].owner);
        take_out(l->lost, &l->n_lost, 0);
        return 1;
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

usec_t late_run(struct late *l, usec_t now, bool (*is_live)(void *userdata, const char *room_id), void *userdata) {
        for (size_t i = 0; i < l->n;) {
                const usec_t until = usec_add(l->entries[i].since, LATE_KEPT_USEC);

                if (now < until)
                        return until;
                if (is_live && is_live(userdata, l->entries[i].event.room_id))
                        i++;
                else
                        drop(l, i);
        }
        return USEC_NEVER;
}
