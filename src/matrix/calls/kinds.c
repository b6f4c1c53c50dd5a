/* The calls of one account: carries events and time to every kind. States: between answers everything applied is
 * reported; from the first kinds_apply() to kinds_commit() the kinds know more than they have said. */
#include "matrix/calls/kinds.h"

#include <errno.h>

#include "matrix/calls/names.h"
#include "matrix/calls/report-set.h"

/* More than there are kinds of calls in Matrix. */
#define KINDS_MAX 8

struct kinds {
        struct kind_context context;
        char *me, *source;
        const struct call_sink *sink;
        struct call_sink counting;        /* what the kinds report to: passes it on to `sink` */
        struct kind_calls *of[KINDS_MAX]; /* in the order of call_kinds */
        size_t n;
        const char *full;
        bool lacks;
        bool concerned; /* since the last commit */
        bool doubted;   /* what was reported, until the next commit */
};

/* Membership and redactions end calls; they come from every room, so they are asked for only during one. */
static const char *const in_call_types[] = { "m.room.member", "m.room.redaction", NULL };

/* ---- what is wanted ---- */

static json_t *append_types(json_t *array, const char *const *types) {
        for (; types && *types; types++)
                if (json_array_append_new(array, json_string(*types)) < 0) {
                        json_decref(array);
                        return NULL;
                }
        return array;
}

json_t *kinds_message_types_new(void) {
        json_t *types = json_array();

        for (size_t i = 0; call_kinds[i] && types; i++)
                types = append_types(types, call_kinds[i]->message_types);
        return types;
}

json_t *kinds_state_types_new(void) {
        json_t *types = json_array();

        for (size_t i = 0; call_kinds[i] && types; i++)
                types = append_types(types, call_kinds[i]->state_types);
        return types;
}

json_t *kinds_unseen_types_new(void) {
        json_t *types = json_array();

        for (size_t i = 0; call_kinds[i] && types; i++)
                if (call_kinds[i]->unseen)
                        types = append_types(types, call_kinds[i]->state_types);
        return types;
}

json_t *kinds_in_call_types_new(void) {
        json_t *types = json_array();

        return types ? append_types(types, in_call_types) : NULL;
}

static bool list_has(const char *const *types, const char *type) {
        return types && name_is_one_of(type, types);
}

static bool type_is_wanted(const char *type) {
        for (size_t i = 0; call_kinds[i]; i++)
                if (list_has(call_kinds[i]->message_types, type) || list_has(call_kinds[i]->state_types, type))
                        return true;
        return list_has(in_call_types, type);
}

bool kinds_want_message(const char *type) {
        for (size_t i = 0; call_kinds[i]; i++)
                if (list_has(call_kinds[i]->message_types, type))
                        return true;
        return false;
}

bool kinds_only_end(const struct matrix_event *e) {
        for (size_t i = 0; call_kinds[i]; i++)
                if (call_kinds[i]->only_ends && call_kinds[i]->only_ends(e))
                        return true;
        return false;
}

/* ---- events ---- */

bool kinds_has_room(const struct kinds *k, const char *room_id) {
        for (size_t i = 0; i < k->n; i++)
                if (call_kinds[i]->has_room(k->of[i], room_id))
                        return true;
        return false;
}

static bool concerns_us(const struct kinds *k, const struct matrix_event *e) {
        return type_is_wanted(e->type) && (streq(e->sender, k->me) || kinds_has_room(k, e->room_id));
}

void kinds_apply(struct kinds *k, const struct room_events *events, const struct kind_time *t) {
        for (size_t i = 0; i < events->n_events && !k->concerned; i++)
                k->concerned = concerns_us(k, &events->events[i]);
        for (size_t i = 0; i < k->n; i++) {
                if (events->torn_room && call_kinds[i]->torn)
                        call_kinds[i]->torn(k->of[i], events);
                for (size_t j = 0; j < events->n_events; j++)
                        call_kinds[i]->event(k->of[i], &events->events[j], t);
                for (size_t j = 0; j < events->n_left_rooms; j++)
                        call_kinds[i]->room_left(k->of[i], events->left_rooms[j]);
        }
}

void kinds_lost(struct kinds *k, const struct matrix_event *e, const struct kind_time *t) {
        for (size_t i = 0; i < k->n; i++)
                if (call_kinds[i]->lost)
                        call_kinds[i]->lost(k->of[i], e, t);
}

bool kinds_take_lack(struct kinds *k) {
        bool lacks = k->lacks;

        k->lacks = false;
        return lacks;
}

static void doubt(struct kinds *k, bool doubted) {
        k->doubted = doubted;
        if (k->sink->doubt)
                k->sink->doubt(k->sink->userdata, k->source, doubted);
}

bool kinds_commit(struct kinds *k, const struct kind_time *t) {
        bool concerned;

        for (size_t i = 0; i < k->n; i++)
                call_kinds[i]->commit(k->of[i], t);
        if (k->doubted)
                doubt(k, false);
        concerned = k->concerned;
        k->concerned = false;
        return concerned;
}

void kinds_doubt(struct kinds *k) {
        if (!k->doubted)
                doubt(k, true);
}

void kinds_resync(struct kinds *k, bool begins) {
        for (size_t i = 0; i < k->n; i++)
                call_kinds[i]->resync(k->of[i], begins);
}

usec_t kinds_run(struct kinds *k, usec_t now) {
        bool concerned = k->concerned; /* by an answer: what runs out here is none */
        usec_t next = USEC_NEVER;

        for (size_t i = 0; i < k->n; i++) {
                if (call_kinds[i]->deadline(k->of[i]) <= now)
                        call_kinds[i]->commit(k->of[i], &(struct kind_time){ .now = now });
                next = usec_min(next, call_kinds[i]->deadline(k->of[i]));
        }
        k->concerned = concerned;
        return next;
}

/* ---- facts ---- */

bool kinds_in_call(const struct kinds *k) {
        for (size_t i = 0; i < k->n; i++)
                if (call_kinds[i]->in_call(k->of[i]))
                        return true;
        return false;
}

size_t kinds_rooms(const struct kinds *k, const char **ret, size_t max) {
        size_t n = 0;

        for (size_t i = 0; i < k->n; i++)
                if (call_kinds[i]->rooms)
                        n += call_kinds[i]->rooms(k->of[i], ret + n, max - n);
        return n;
}

size_t kinds_unseen(const struct kinds *k, const char **ret, size_t max) {
        size_t n = 0;

        for (size_t i = 0; i < k->n; i++)
                if (call_kinds[i]->unseen)
                        n += call_kinds[i]->unseen(k->of[i], ret + n, max - n);
        return n;
}

void kinds_looked(struct kinds *k, const struct room_events *state, const struct kind_time *t) {
        for (size_t i = 0; i < k->n; i++)
                if (call_kinds[i]->looked)
                        call_kinds[i]->looked(k->of[i], state);
        (void) kinds_commit(k, t);
}

void kinds_set_call_cap(struct kinds *k, usec_t call_cap) {
        k->context.call_cap = call_cap;
}

const char *kinds_take_full(struct kinds *k) {
        return TAKE(k->full);
}

/* ---- the object ---- */

static void on_report(void *userdata, const struct call_report *r) {
        struct kinds *k = userdata;

        k->concerned = true;
        k->sink->report(k->sink->userdata, r);
}

static void on_end(void *userdata, const char *source, const char *id) {
        struct kinds *k = userdata;

        k->concerned = true;
        k->sink->end(k->sink->userdata, source, id);
}

int kinds_new(struct kinds **ret, const struct kind_context *context) {
        SCOPED(kinds_free) struct kinds *k = calloc(1, sizeof(*k));

        if (!k)
                return -ENOMEM;
        k->me = strdup(context->me);
        k->source = strdup(context->source);
        if (!k->me || !k->source)
                return -ENOMEM;
        k->sink = context->sink;
        k->counting = (struct call_sink){ .report = on_report, .end = on_end, .userdata = k };
        k->context = (struct kind_context){ .me = k->me,
                                            .source = k->source,
                                            .sink = &k->counting,
                                            .call_cap = context->call_cap,
                                            .full = &k->full,
                                            .lacks = &k->lacks };
        for (; call_kinds[k->n]; k->n++) {
                int r = k->n < KINDS_MAX ? call_kinds[k->n]->new (&k->of[k->n], &k->context) : -E2BIG;

                if (r < 0)
                        return r;
        }
        *ret = TAKE(k);
        return 0;
}

struct kinds *kinds_free(struct kinds *k) {
        if (!k)
                return NULL;
        while (k->n > 0) {
                k->n--;
                call_kinds[k->n]->free(k->of[k->n]);
        }
        free(k->me);
        free(k->source);
        free(k);
        return NULL;
}
