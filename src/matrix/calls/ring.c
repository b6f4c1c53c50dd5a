/* Rings of group calls: a member's event that asks the others to join. It says that it rings, never that anybody is in
 * the call; it is over with its lifetime, a decline or a join by the user, or when it is taken back. */
#include <errno.h>
#include <stdio.h>

#include "json/json.h"
#include "matrix/calls/names.h"
#include "matrix/calls/report-set.h"

#define DECLINES_MAX 64 /* remembered, as they may come before what they decline */
/* What clients send, for rings without a lifetime; and the most that readers allow. */
#define LIFETIME_DEFAULT_MSEC INT64_C(30000)
#define LIFETIME_MAX_MSEC     INT64_C(120000)
/* The sender's clock is believed this far. */
#define SENDER_SKEW_MAX_MSEC INT64_C(20000)

struct ring {
        char *room_id, *event_id, *sender, *report_id;
        moment_t since, until;
};

struct notify {
        const struct kind_context *context;
        struct ring rings[RINGS_MAX];
        size_t n;
        struct id_memory declined;
        struct report_set reports;
        bool told_full;
};

static const char *const no_types[] = { NULL };

static struct notify *notify_from(struct kind_calls *o) {
        return (struct notify *) o;
}

static void ring_done(struct ring *r) {
        free(r->room_id);
        free(r->event_id);
        free(r->sender);
        free(r->report_id);
}

static struct kind_calls *notify_free(struct kind_calls *o) {
        struct notify *n = notify_from(o);

        if (!n)
                return NULL;
        for (size_t i = 0; i < n->n; i++)
                ring_done(&n->rings[i]);
        id_memory_done(&n->declined);
        report_set_done(&n->reports);
        free(n);
        return NULL;
}

static int notify_new(struct kind_calls **ret, const struct kind_context *context) {
        struct notify *n = calloc(1, sizeof(*n));

        if (!n)
                return -ENOMEM;
        n->context = context;
        if (id_memory_init(&n->declined, DECLINES_MAX) < 0 || report_set_init(&n->reports, context, RINGS_MAX) < 0) {
                notify_free((struct kind_calls *) n);
                return -ENOMEM;
        }

        *ret = (struct kind_calls *) n;
        return 0;
}

static void drop(struct notify *n, size_t i) {
        ring_done(&n->rings[i]);
        n->rings[i] = n->rings[--n->n];
}

/* `event_id`, `sender` NULL: any. */
static void drop_rings(struct notify *n, const char *room_id, const char *event_id, const char *sender) {
        for (size_t i = n->n; i > 0; i--) {
                const struct ring *r = &n->rings[i - 1];

                if (streq(r->room_id, room_id) && (!event_id || streq(r->event_id, event_id)) &&
                    (!sender || streq(r->sender, sender)))
                        drop(n, i - 1);
        }
}

/* The newer text keeps some members in `application`, where older events have a plain string. */
static const json_t *holder_of(const json_t *content, const char *key) {
        const json_t *application = json_member_object(content, "application");

        return !json_object_get(content, key) && json_object_get(application, key) ? application : content;
}

static bool is_ring(const json_t *content) {
        const char *type = json_member_string(holder_of(content, "notification_type"), "notification_type");

        if (!type)
                type = json_member_string(content, "notify_type");
        return type && streq(type, "ring");
}

static bool is_of_a_call(const json_t *content) {
        const json_t *application = json_object_get(content, "application");
        const char *type = json_is_object(application) ? json_member_string(application, "type")
                                                       : json_member_string(content, "application");

        return !application || (type && streq(type, "m.call"));
}

static bool mentions(const json_t *content, const char *me) {
        const json_t *m = json_member_object(holder_of(content, "m.mentions"), "m.mentions");
        const json_t *users = json_member_array(m, "user_ids");

        if (json_member_bool(m, "room", false))
                return true;
        for (size_t i = 0; i < json_array_size(users); i++) {
                const char *user = json_string_value(json_array_get(users, i));

                if (user && streq(user, me))
                        return true;
        }
        return false;
}

static int64_t lifetime_of(const json_t *content) {
        int64_t lifetime = said_int(holder_of(content, "lifetime"), "lifetime", LIFETIME_DEFAULT_MSEC);

        return lifetime < LIFETIME_MAX_MSEC ? lifetime : LIFETIME_MAX_MSEC;
}

static int64_t start_of(const struct matrix_event *e, const struct kind_time *t) {
        int64_t sent = event_sent_msec(e, t);
        int64_t said = said_int(holder_of(e->content, "sender_ts"), "sender_ts", sent);

        if (said < add_msec(sent, -SENDER_SKEW_MAX_MSEC) || said > add_msec(sent, SENDER_SKEW_MAX_MSEC))
                return sent;
        return said;
}

static void make_room(struct notify *n) {
        size_t first = 0;

        if (n->n < RINGS_MAX)
                return;
        kind_is_full(n->context, &n->told_full, "rings at a time");
        for (size_t i = 1; i < n->n; i++)
                if (n->rings[i].until < n->rings[first].until)
                        first = i;
        drop(n, first);
}

static void add(struct notify *n, const struct matrix_event *e, moment_t since, moment_t until) {
        struct ring r = {
                .room_id = strdup(e->room_id),
                .event_id = strdup(e->event_id),
                .sender = strdup(e->sender),
                .since = since,
                .until = until,
        };

        if (asprintf(&r.report_id, "ring/%s/%s", e->room_id, e->event_id) < 0)
                r.report_id = NULL;
        if (!r.room_id || !r.event_id || !r.sender || !r.report_id) {
                ring_done(&r);
                kind_lacks_memory(n->context);
                return;
        }
        make_room(n);
        n->rings[n->n++] = r;
}

static void take_notification(struct notify *n, const struct matrix_event *e, const struct kind_time *t) {
        int64_t start = start_of(e, t);
        moment_t until = event_moment_of(e, t, add_msec(start, lifetime_of(e->content)));

        if (!e->event_id || streq(e->sender, n->context->me) || id_memory_has(&n->declined, e->event_id))
                return;
        if (!is_ring(e->content) || !is_of_a_call(e->content) || !mentions(e->content, n->context->me))
                return;
        drop_rings(n, e->room_id, e->event_id, NULL); /* seen again */
        /* A clock that is ahead, here or there, does not make it ring longer. */
        until = moment_min(until, moment_add_msec((moment_t) t->now, LIFETIME_MAX_MSEC));
        if (!moment_is_past(until, t))
                add(n, e, event_moment_of(e, t, start), until);
}

static void take_decline(struct notify *n, const struct matrix_event *e) {
        const json_t *relation = json_member_object(holder_of(e->content, "m.relates_to"), "m.relates_to");
        const char *event_id = json_member_string(relation, "event_id");

        if (!event_id || strlen(event_id) > MATRIX_ID_BYTES_MAX || !streq(e->sender, n->context->me))
                return;
        if (id_memory_add(&n->declined, event_id) < 0)
                kind_lacks_memory(n->context);
        drop_rings(n, e->room_id, event_id, NULL);
}

static bool is_join(const struct matrix_event *e) {
        return name_is_one_of(e->type, names_joining) &&
               (json_object_get(e->content, "application") ||
                json_array_size(json_member_array(e->content, "memberships")) > 0);
}

/* One who joined before it rang has not answered this ring. */
static void take_join(struct notify *n, const struct matrix_event *e, const struct kind_time *t) {
        moment_t joined_at = event_moment(e, t);

        for (size_t i = n->n; i > 0; i--)
                if (streq(n->rings[i - 1].room_id, e->room_id) && n->rings[i - 1].since <= joined_at)
                        drop(n, i - 1);
}

static void notify_event(struct kind_calls *o, const struct matrix_event *e, const struct kind_time *t) {
        struct notify *n = notify_from(o);
        const char *departed = event_departed(e), *redacted = event_redacted(e);

        if (departed)
                drop_rings(n, e->room_id, NULL, streq(departed, n->context->me) ? NULL : departed);
        else if (redacted)
                drop_rings(n, e->room_id, redacted, NULL);
        else if (streq(e->sender, n->context->me) && is_join(e))
                take_join(n, e, t);
        else if (!e->state_key && name_is_one_of(e->type, names_decline))
                take_decline(n, e);
        else if (!e->state_key && name_is_one_of(e->type, names_notification))
                take_notification(n, e, t);
}

static void notify_commit(struct kind_calls *o, const struct kind_time *t) {
        struct notify *n = notify_from(o);

        for (size_t i = n->n; i > 0; i--)
                if (moment_is_past(n->rings[i - 1].until, t))
                        drop(n, i - 1);
        report_set_begin(&n->reports);
        for (size_t i = 0; i < n->n; i++)
                report_set_add(&n->reports, n->rings[i].report_id, CALL_RINGING_IN, n->rings[i].since,
                               n->rings[i].until, "a group call rings", "rtc.notification received");
        report_set_end(&n->reports, t);
}

static void notify_room_left(struct kind_calls *o, const char *room_id) {
        drop_rings(notify_from(o), room_id, NULL, NULL);
}

/* No state: what rings has an end of its own. */
static void notify_resync(struct kind_calls *o, bool begins) {
        (void) o;
        (void) begins;
}

static usec_t notify_deadline(const struct kind_calls *o) {
        return report_set_deadline(&((const struct notify *) o)->reports);
}

static bool notify_in_call(const struct kind_calls *o) {
        return report_set_in_call(&((const struct notify *) o)->reports);
}

static bool notify_has_room(const struct kind_calls *o, const char *room_id) {
        return report_set_has_room(&((const struct notify *) o)->reports, room_id);
}

const struct call_kind call_kind_rtc_notify = {
        .name = "ring",
        .message_types = names_ringing,
        .state_types = no_types,
        .new = notify_new,
        .free = notify_free,
        .event = notify_event,
        .commit = notify_commit,
        .room_left = notify_room_left,
        .resync = notify_resync,
        .deadline = notify_deadline,
        .in_call = notify_in_call,
        .has_room = notify_has_room,
};
