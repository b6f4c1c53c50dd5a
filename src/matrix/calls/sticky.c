/* Group calls by sticky events: m.rtc.member. A message event that counts for at most an hour after it was sent; per
 * sticky key the one that lasts longest stands, joins and leaves alike. A join at a closed slot is kept and counts for
 * nothing: it is one again when the slot opens.
 *
 * What comes with a whole state was sent before anybody looked, and somebody whose state does not come with it may
 * have closed the slot since. So a join with a slot is
 *
 *   unsure -> sure     something was heard of its slot, or the slots of its room were looked at
 *   sure -> unsure     with the next whole state
 *
 * and one that is unsure is not reported, but for one that was before. */
#include <errno.h>
#include <stdio.h>

#include "json/json.h"
#include "matrix/calls/names.h"
#include "matrix/calls/report-set.h"
#include "matrix/calls/slots.h"

/* Of MSC4354. */
#define STICKY_DURATION_MAX_MSEC INT64_C(3600000)
#define STICKY_KEY_BYTES_MAX     255

struct membership {
        char *room_id, *type, *key, *report_id;
        char *event_id, *slot_id; /* slot: NULL if it names none */
        int64_t sent_msec;        /* by its server's clock */
        int64_t lasts_until_msec; /* by its server's clock: decides which of two events stands */
        bool joined;
        bool unsure, counted; /* counted: it was reported */
        moment_t since, until;
};

struct sticky {
        const struct kind_context *context;
        struct membership members[STICKY_MAX];
        size_t n;
        struct slots slots;
        struct report_set reports;
        bool told_full;
        bool resyncing; /* a whole state is coming, in one answer or several */
};

static struct sticky *sticky_from(struct kind_calls *o) {
        return (struct sticky *) o;
}

static int sticky_new(struct kind_calls **ret, const struct kind_context *context) {
        struct sticky *s = calloc(1, sizeof(*s));

        if (!s)
                return -ENOMEM;
        s->context = context;
        if (report_set_init(&s->reports, context, STICKY_MAX) < 0) {
                free(s);
                return -ENOMEM;
        }
        s->reports.announced = true;

        *ret = (struct kind_calls *) s;
        return 0;
}

static void membership_done(struct membership *m) {
        free(m->room_id);
        free(m->type);
        free(m->key);
        free(m->report_id);
        free(m->event_id);
        free(m->slot_id);
}

static struct kind_calls *sticky_free(struct kind_calls *o) {
        struct sticky *s = sticky_from(o);

        if (!s)
                return NULL;
        for (size_t i = 0; i < s->n; i++)
                membership_done(&s->members[i]);
        slots_done(&s->slots);
        report_set_done(&s->reports);
        free(s);
        return NULL;
}

static void drop(struct sticky *s, size_t i) {
        membership_done(&s->members[i]);
        s->members[i] = s->members[--s->n];
}

static void drop_room(struct sticky *s, const char *room_id) {
        for (size_t i = s->n; i > 0; i--)
                if (streq(s->members[i - 1].room_id, room_id))
                        drop(s, i - 1);
        slots_drop_room(&s->slots, room_id);
}

static void drop_event(struct sticky *s, const char *room_id, const char *event_id) {
        for (size_t i = s->n; i > 0; i--)
                if (streq(s->members[i - 1].room_id, room_id) && streq(s->members[i - 1].event_id, event_id))
                        drop(s, i - 1);
}

static const char *key_of(const json_t *content) {
        const char *key = named_string(content, names_sticky_key);

        return key && key[0] && strlen(key) <= STICKY_KEY_BYTES_MAX ? key : NULL;
}

/* A leave has no application, or says so. */
static bool says_joined(const json_t *content) {
        const char *application = json_member_string(json_member_object(content, "application"), "type");
        const json_t *membership = json_object_get(json_member_object(content, "member"), "membership");

        if (!application || !streq(application, "m.call"))
                return false;
        return !membership || (json_is_string(membership) && streq(json_string_value(membership), "join"));
}

static struct membership *find(struct sticky *s, const struct matrix_event *e, const char *key) {
        for (size_t i = 0; i < s->n; i++) {
                struct membership *m = &s->members[i];

                if (streq(m->room_id, e->room_id) && streq(m->type, e->type) && streq(m->key, key))
                        return m;
        }
        return NULL;
}

/* A server that says what is left has looked at the duration. */
static bool is_sticky(const struct matrix_event *e) {
        return e->sticky_duration >= 0 || e->sticky_ttl >= 0;
}

static int64_t duration_of(const struct matrix_event *e) {
        return e->sticky_duration >= 0 && e->sticky_duration < STICKY_DURATION_MAX_MSEC ? e->sticky_duration
                                                                                        : STICKY_DURATION_MAX_MSEC;
}

static int64_t lasts_until_msec(const struct matrix_event *e) {
        return add_msec(e->origin_server_ts, duration_of(e));
}

static moment_t end_of(const struct matrix_event *e, const struct kind_time *t) {
        if (e->sticky_ttl < 0)
                return moment_add_msec(event_moment(e, t), duration_of(e));
        return moment_add_msec((moment_t) t->now,
                               e->sticky_ttl < STICKY_DURATION_MAX_MSEC ? e->sticky_ttl : STICKY_DURATION_MAX_MSEC);
}

static bool stands_against(const struct membership *m, const struct matrix_event *e) {
        if (m->lasts_until_msec != lasts_until_msec(e))
                return m->lasts_until_msec > lasts_until_msec(e);
        return strcmp(m->event_id, e->event_id) >= 0;
}

/* Leaves go first, then what runs out first. */
static void make_room(struct sticky *s) {
        size_t first = 0;

        if (s->n < STICKY_MAX)
                return;
        kind_is_full(s->context, &s->told_full, "sticky call memberships");
        for (size_t i = 1; i < s->n; i++) {
                const struct membership *a = &s->members[i], *b = &s->members[first];

                if (a->joined == b->joined ? a->until < b->until : !a->joined)
                        first = i;
        }
        drop(s, first);
}

/* `before`: what the event replaces; NULL: nothing. */
static void add(struct sticky *s, const struct matrix_event *e, const char *key, const struct kind_time *t,
                const struct membership *before) {
        const char *slot_id = json_member_string(e->content, "slot_id");
        moment_t since = event_moment(e, t);
        struct membership m = {
                .room_id = strdup(e->room_id),
                .type = strdup(e->type),
                .key = strdup(key),
                .event_id = strdup(e->event_id),
                .slot_id = slot_id ? strdup(slot_id) : NULL,
                .sent_msec = event_sent_msec(e, t),
                .lasts_until_msec = lasts_until_msec(e),
                .joined = says_joined(e->content),
                .unsure = s->resyncing && slot_id,
                .counted = before && before->joined && before->counted,
                .since = before && before->joined ? moment_min(since, before->since) : since, /* renewed */
                .until = end_of(e, t),
        };

        if (asprintf(&m.report_id, "sticky/%s/%s/%s", e->room_id, e->type, key) < 0)
                m.report_id = NULL;
        if (!m.room_id || !m.type || !m.key || !m.event_id || !m.report_id || (slot_id && !m.slot_id)) {
                membership_done(&m);
                kind_lacks_memory(s->context);
                return;
        }
        if (before)
                drop(s, (size_t) (before - s->members));
        make_room(s);
        s->members[s->n++] = m;
}

static void take_membership(struct sticky *s, const struct matrix_event *e, const struct kind_time *t) {
        const char *key = key_of(e->content);
        const struct membership *before;

        if (!key || !e->event_id || !is_sticky(e) || !streq(e->sender, s->context->me))
                return;
        before = find(s, e, key);
        if (!before || !stands_against(before, e))
                add(s, e, key, t, before);
}

static bool is_of_slot(const struct membership *m, const char *room_id, const char *slot_id) {
        return m->slot_id && streq(m->room_id, room_id) && streq(m->slot_id, slot_id);
}

static bool slot_has_member(const void *userdata, const char *room_id, const char *slot_id) {
        const struct sticky *s = userdata;

        for (size_t i = 0; i < s->n; i++)
                if (is_of_slot(&s->members[i], room_id, slot_id))
                        return true;
        return false;
}

static bool has_unsure(const struct sticky *s, const struct matrix_event *slot) {
        for (size_t i = 0; i < s->n; i++)
                if (s->members[i].unsure && is_of_slot(&s->members[i], slot->room_id, slot->state_key))
                        return true;
        return false;
}

static void make_sure(struct sticky *s, const struct matrix_event *slot) {
        for (size_t i = 0; i < s->n; i++)
                if (is_of_slot(&s->members[i], slot->room_id, slot->state_key))
                        s->members[i].unsure = false;
}

static void take_slot(struct sticky *s, const struct matrix_event *e) {
        if (slots_event(&s->slots, e, slot_has_member, s) < 0)
                kind_lacks_memory(s->context);
        else
                make_sure(s, e);
}

static void sticky_event(struct kind_calls *o, const struct matrix_event *e, const struct kind_time *t) {
        struct sticky *s = sticky_from(o);
        const char *departed = event_departed(e), *redacted = event_redacted(e);

        if (slots_is_of_slot(e))
                take_slot(s, e);
        if (departed && streq(departed, s->context->me))
                drop_room(s, e->room_id);
        else if (redacted)
                drop_event(s, e->room_id, redacted);
        else if (!e->state_key && name_is_one_of(e->type, names_rtc_member))
                take_membership(s, e, t);
}

static bool is_in_call(const struct sticky *s, const struct membership *m) {
        return m->joined && (!m->unsure || m->counted) &&
               !slots_is_closed(&s->slots, m->room_id, m->slot_id, m->sent_msec);
}

static void sticky_commit(struct kind_calls *o, const struct kind_time *t) {
        struct sticky *s = sticky_from(o);

        for (size_t i = s->n; i > 0; i--)
                if (moment_is_past(s->members[i - 1].until, t))
                        drop(s, i - 1);
        s->resyncing = false;
        report_set_begin(&s->reports);
        for (size_t i = 0; i < s->n; i++) {
                s->members[i].counted = is_in_call(s, &s->members[i]);
                if (s->members[i].counted)
                        report_set_add(&s->reports, s->members[i].report_id, CALL_ACTIVE, s->members[i].since,
                                       s->members[i].until, "you joined a group call", "rtc.member event sent by you");
        }
        report_set_end(&s->reports, t);
}

static void sticky_room_left(struct kind_calls *o, const char *room_id) {
        drop_room(sticky_from(o), room_id);
}

/* All that are alive come again, but not all in one answer; a leave among them ends what it must. */
static void sticky_resync(struct kind_calls *o, bool begins) {
        struct sticky *s = sticky_from(o);

        if (!begins)
                return;
        slots_doubt(&s->slots);
        s->resyncing = true;
        for (size_t i = 0; i < s->n; i++)
                s->members[i].unsure = s->members[i].slot_id;
}

static size_t sticky_unseen(const struct kind_calls *o, const char **ret, size_t max) {
        const struct sticky *s = (const struct sticky *) o;
        size_t n = 0;

        for (size_t i = 0; i < s->n && n < max && !s->resyncing; i++) {
                size_t k = 0;

                while (k < n && !streq(ret[k], s->members[i].room_id))
                        k++;
                if (k == n && s->members[i].joined && s->members[i].unsure)
                        ret[n++] = s->members[i].room_id;
        }
        return n;
}

/* What has come since the look was taken is newer. */
static void sticky_looked(struct kind_calls *o, const struct room_events *state) {
        struct sticky *s = sticky_from(o);

        for (size_t i = 0; state && i < state->n_events; i++)
                if (slots_is_of_slot(&state->events[i]) && has_unsure(s, &state->events[i]))
                        (void) slots_event(&s->slots, &state->events[i], slot_has_member, s);
        for (size_t i = 0; i < s->n; i++)
                s->members[i].unsure = false;
}

static bool sticky_only_ends(const struct matrix_event *e) {
        return name_is_one_of(e->type, names_rtc_member) && !says_joined(e->content);
}

static usec_t sticky_deadline(const struct kind_calls *o) {
        return report_set_deadline(&((const struct sticky *) o)->reports);
}

static bool sticky_in_call(const struct kind_calls *o) {
        return report_set_in_call(&((const struct sticky *) o)->reports);
}

static bool sticky_has_room(const struct kind_calls *o, const char *room_id) {
        return report_set_has_room(&((const struct sticky *) o)->reports, room_id);
}

const struct call_kind call_kind_rtc_sticky = {
        .name = "sticky",
        .message_types = names_rtc_member,
        .state_types = names_rtc_slot,
        .new = sticky_new,
        .free = sticky_free,
        .event = sticky_event,
        .commit = sticky_commit,
        .room_left = sticky_room_left,
        .resync = sticky_resync,
        .deadline = sticky_deadline,
        .only_ends = sticky_only_ends,
        .in_call = sticky_in_call,
        .has_room = sticky_has_room,
        .unseen = sticky_unseen,
        .looked = sticky_looked,
};
