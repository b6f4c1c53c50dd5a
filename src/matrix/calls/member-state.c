/* Entries of the user in state events; see member-state.h. Events of others matter where they replace one of the
 * user's: a moderator may clear a key, and then the membership is gone. */
#include "matrix/calls/member-state.h"
#include "matrix/calls/names.h"

#include <errno.h>
#include <stdio.h>

/* A live client renews its membership every hour, a few seconds early. One that did not may have crashed, but older
 * ones renew only when it runs out: so they count up to the cap, which may not be shorter than this. */
#define RENEWAL_MAX (65 * USEC_PER_MIN)

struct entry {
        char *room_id, *type, *state_key, *report_id;
        char *event_id; /* or NULL */
        moment_t since, until;
        bool seen; /* since the resync began */
};

struct member_state {
        const struct kind_context *context;
        const struct member_state_kind *kind;
        struct entry entries[MEMBER_STATE_MAX];
        size_t n;
        struct report_set reports;
        bool told_full;
};

static struct member_state *member_state_from(struct kind_calls *o) {
        return (struct member_state *) o;
}

int member_state_new(struct kind_calls **ret, const struct kind_context *context,
                     const struct member_state_kind *kind) {
        struct member_state *s = calloc(1, sizeof(*s));

        if (!s)
                return -ENOMEM;
        s->context = context;
        s->kind = kind;
        if (report_set_init(&s->reports, context, MEMBER_STATE_MAX) < 0) {
                free(s);
                return -ENOMEM;
        }
        s->reports.announced = kind->announced;

        *ret = (struct kind_calls *) s;
        return 0;
}

static void entry_done(struct entry *m) {
        free(m->room_id);
        free(m->type);
        free(m->state_key);
        free(m->report_id);
        free(m->event_id);
}

struct kind_calls *member_state_free(struct kind_calls *o) {
        struct member_state *s = member_state_from(o);

        if (!s)
                return NULL;
        for (size_t i = 0; i < s->n; i++)
                entry_done(&s->entries[i]);
        report_set_done(&s->reports);
        free(s);
        return NULL;
}

static void drop(struct member_state *s, size_t i) {
        entry_done(&s->entries[i]);
        s->entries[i] = s->entries[--s->n];
}

static struct entry *find(struct member_state *s, const struct matrix_event *e) {
        for (size_t i = 0; i < s->n; i++) {
                struct entry *m = &s->entries[i];

                if (streq(m->room_id, e->room_id) && streq(m->type, e->type) && streq(m->state_key, e->state_key))
                        return m;
        }
        return NULL;
}

static void drop_room(struct member_state *s, const char *room_id) {
        for (size_t i = s->n; i > 0; i--)
                if (streq(s->entries[i - 1].room_id, room_id))
                        drop(s, i - 1);
}

static void drop_event(struct member_state *s, const char *room_id, const char *event_id) {
        for (size_t i = s->n; i > 0; i--) {
                const struct entry *m = &s->entries[i - 1];

                if (streq(m->room_id, room_id) && m->event_id && streq(m->event_id, event_id))
                        drop(s, i - 1);
        }
}

static void drop_expired(struct member_state *s, const struct kind_time *t) {
        for (size_t i = s->n; i > 0; i--)
                if (moment_is_past(s->entries[i - 1].until, t))
                        drop(s, i - 1);
}

/* The one that runs out first goes. */
static void make_room(struct member_state *s) {
        size_t first = 0;

        if (s->n < MEMBER_STATE_MAX)
                return;
        kind_is_full(s->context, &s->told_full, "call memberships of one kind");
        for (size_t i = 1; i < s->n; i++)
                if (s->entries[i].until < s->entries[first].until)
                        first = i;
        drop(s, first);
}

/* `before`: what it replaces; NULL: nothing. */
static void add(struct member_state *s, const struct matrix_event *e, moment_t since, moment_t until,
                const struct entry *before) {
        struct entry m = {
                .room_id = strdup(e->room_id),
                .type = strdup(e->type),
                .state_key = strdup(e->state_key),
                .event_id = e->event_id ? strdup(e->event_id) : NULL,
                .since = since,
                .until = until,
                .seen = true,
        };

        if (asprintf(&m.report_id, "%s/%s/%s/%s", s->kind->kind->name, e->room_id, e->type, e->state_key) < 0)
                m.report_id = NULL;
        if (!m.room_id || !m.type || !m.state_key || !m.report_id || (e->event_id && !m.event_id)) {
                entry_done(&m);
                kind_lacks_memory(s->context);
                return;
        }
        if (before)
                drop(s, (size_t) (before - s->entries));
        make_room(s);
        s->entries[s->n++] = m;
}

static bool is_alive(const struct member_state *s, const struct matrix_event *e, const struct kind_time *t,
                     moment_t *ret_since, moment_t *ret_until) {
        usec_t cap = s->context->call_cap > RENEWAL_MAX ? s->context->call_cap : RENEWAL_MAX;

        if (!streq(e->sender, s->context->me) || !s->kind->read(e, t, ret_since, ret_until))
                return false;
        *ret_until = moment_min(*ret_until, moment_add_usec(event_moment(e, t), cap));
        return !moment_is_past(*ret_until, t);
}

static void take_entry(struct member_state *s, const struct matrix_event *e, const struct kind_time *t) {
        struct entry *before = find(s, e);
        moment_t since, until;
        bool alive = is_alive(s, e, t, &since, &until);

        if (alive && before && e->event_id && same_or_both_absent(before->event_id, e->event_id)) {
                before->seen = true;
                return;
        }
        if (alive)
                add(s, e, since, until, before);
        else if (before)
                drop(s, (size_t) (before - s->entries));
}

void member_state_event(struct kind_calls *o, const struct matrix_event *e, const struct kind_time *t) {
        struct member_state *s = member_state_from(o);
        const char *departed = event_departed(e), *redacted = event_redacted(e);

        if (departed && streq(departed, s->context->me))
                drop_room(s, e->room_id);
        else if (redacted)
                drop_event(s, e->room_id, redacted);
        else if (e->state_key && name_is_one_of(e->type, s->kind->kind->state_types))
                take_entry(s, e, t);
}

void member_state_commit(struct kind_calls *o, const struct kind_time *t) {
        struct member_state *s = member_state_from(o);

        drop_expired(s, t);
        report_set_begin(&s->reports);
        for (size_t i = 0; i < s->n; i++)
                report_set_add(&s->reports, s->entries[i].report_id, CALL_ACTIVE, s->entries[i].since,
                               s->entries[i].until, s->kind->what, s->kind->sign);
        report_set_end(&s->reports, t);
}

void member_state_room_left(struct kind_calls *o, const char *room_id) {
        drop_room(member_state_from(o), room_id);
}

void member_state_resync(struct kind_calls *o, bool begins) {
        struct member_state *s = member_state_from(o);

        for (size_t i = s->n; i > 0; i--) {
                if (begins)
                        s->entries[i - 1].seen = false;
                else if (!s->entries[i - 1].seen)
                        drop(s, i - 1);
        }
}

usec_t member_state_deadline(const struct kind_calls *o) {
        return report_set_deadline(&((const struct member_state *) o)->reports);
}

bool member_state_in_call(const struct kind_calls *o) {
        return report_set_in_call(&((const struct member_state *) o)->reports);
}

bool member_state_has_room(const struct kind_calls *o, const char *room_id) {
        return report_set_has_room(&((const struct member_state *) o)->reports, room_id);
}
