/* Legacy calls (m.call.*, message events of the room): keeps the calls of all rooms and hands each one's events to
 * voip-call.c. What rooms can grow is limited here: a storm of strangers' calls displaces strangers' calls. */
#include <errno.h>
#include <stdio.h>

#include "matrix/calls/kind.h"
#include "matrix/calls/names.h"
#include "matrix/calls/report-set.h"
#include "matrix/calls/voip-call.h"
#include "json/json.h"

#define VOIP_ENDED_MAX     128 /* remembered as ended, so that late events do not start them again */
#define VOIP_EVENT_IDS_MAX 256 /* remembered as seen: a filled gap brings events again */
/* Of a call id, as the specification has it. */
#define CALL_ID_BYTES_MAX 255

struct voip {
        const struct kind_context *context;
        struct voip_call *calls[VOIP_CALLS_MAX];
        size_t n_calls;
        struct id_memory ended, seen;
        struct report_set reports;
        bool told_full;
};

static struct voip *voip_from(struct kind_calls *o) {
        return (struct voip *) o;
}

static const char *const no_types[] = { NULL };

static bool kind_of(const char *type, enum voip_kind *ret) {
        static const struct {
                const char *type;
                enum voip_kind kind;
        } kinds[] = {
                { "m.call.invite", VOIP_INVITE },
                { "m.call.answer", VOIP_ANSWER },
                { "m.call.select_answer", VOIP_SELECT_ANSWER },
                { "m.call.reject", VOIP_REJECT },
                { "m.call.hangup", VOIP_HANGUP },
                { "m.call.negotiate", VOIP_NEGOTIATE },
        };

        for (size_t i = 0; i < ARRAY_SIZE(kinds); i++)
                if (streq(type, kinds[i].type)) {
                        *ret = kinds[i].kind;
                        return true;
                }
        *ret = VOIP_ALIVE;
        return name_is_one_of(type, names_voip);
}

static struct kind_calls *voip_free(struct kind_calls *o) {
        struct voip *v = voip_from(o);

        if (!v)
                return NULL;
        for (size_t i = 0; i < v->n_calls; i++)
                voip_call_free(v->calls[i]);
        id_memory_done(&v->ended);
        id_memory_done(&v->seen);
        report_set_done(&v->reports);
        free(v);
        return NULL;
}

static int voip_new(struct kind_calls **ret, const struct kind_context *context) {
        struct voip *v = calloc(1, sizeof(*v));

        if (!v)
                return -ENOMEM;
        v->context = context;
        if (id_memory_init(&v->ended, VOIP_ENDED_MAX) < 0 || id_memory_init(&v->seen, VOIP_EVENT_IDS_MAX) < 0 ||
            report_set_init(&v->reports, context, VOIP_CALLS_MAX) < 0) {
                voip_free((struct kind_calls *) v);
                return -ENOMEM;
        }

        *ret = (struct kind_calls *) v;
        return 0;
}

static void forget_call(struct voip *v, size_t i) {
        voip_call_free(v->calls[i]);
        v->calls[i] = v->calls[--v->n_calls];
}

/* How much a call matters when there are too many. */
static unsigned weight_of(const struct voip *v, const struct voip_call *c, const struct kind_time *t) {
        switch (voip_call_judge(c, v->context->me, v->context->call_cap, t).state) {
        case VOIP_IN_CALL:
                return 3;
        case VOIP_RINGING_OUT:
                return 2;
        case VOIP_RINGING_IN:
                return 1;
        case VOIP_NOTHING:
        case VOIP_ENDED:
                return voip_call_has_words_of(c, v->context->me) ? 1 : 0;
        }
        return 0;
}

/* Room for a call that may become as heavy as `weight`. */
static bool make_room(struct voip *v, unsigned weight, const struct kind_time *t) {
        size_t lightest = 0;
        unsigned lightest_weight = UINT32_MAX;

        if (v->n_calls < VOIP_CALLS_MAX)
                return true;
        kind_is_full(v->context, &v->told_full, "calls in sight");
        for (size_t i = 0; i < v->n_calls; i++) {
                unsigned w = weight_of(v, v->calls[i], t);

                if (w < lightest_weight ||
                    (w == lightest_weight && v->calls[i]->last_at < v->calls[lightest]->last_at)) {
                        lightest = i;
                        lightest_weight = w;
                }
        }
        if (lightest_weight > weight)
                return false;
        forget_call(v, lightest);
        return true;
}

static struct voip_call *find_call(struct voip *v, const char *report_id) {
        for (size_t i = 0; i < v->n_calls; i++)
                if (streq(v->calls[i]->report_id, report_id))
                        return v->calls[i];
        return NULL;
}

/* -E2BIG: all that are known matter more. */
static int get_call(struct voip *v, const char *report_id, const char *call_id, const struct matrix_event *e,
                    const struct kind_time *t, struct voip_call **ret) {
        struct voip_call *c = find_call(v, report_id);

        if (!c) {
                if (!make_room(v, streq(e->sender, v->context->me) ? 3 : 1, t))
                        return -E2BIG;
                if (voip_call_new(&c, e->room_id, call_id, report_id) < 0)
                        return -ENOMEM;
                v->calls[v->n_calls++] = c;
        }
        *ret = c;
        return 0;
}

static void leave_room(struct voip *v, const char *room_id) {
        for (size_t i = 0; i < v->n_calls;) {
                if (!streq(v->calls[i]->room_id, room_id)) {
                        i++;
                        continue;
                }
                (void) id_memory_add(&v->ended, v->calls[i]->report_id);
                forget_call(v, i);
        }
}

static void add_departure(struct voip *v, const char *room_id, const char *user_id) {
        if (streq(user_id, v->context->me)) {
                leave_room(v, room_id);
                return;
        }
        for (size_t i = 0; i < v->n_calls; i++)
                if (streq(v->calls[i]->room_id, room_id) && voip_call_add_departure(v->calls[i], user_id) == -ENOMEM)
                        kind_lacks_memory(v->context);
}

static void voip_event(struct kind_calls *o, const struct matrix_event *e, const struct kind_time *t) {
        struct voip *v = voip_from(o);
        char report_id[sizeof("voip//") + MATRIX_ID_BYTES_MAX + CALL_ID_BYTES_MAX];
        const char *call_id, *departed = event_departed(e);
        struct voip_call *c;
        enum voip_kind kind;
        int r;

        if (departed)
                add_departure(v, e->room_id, departed);
        if (e->state_key || !kind_of(e->type, &kind))
                return;
        call_id = json_member_string(e->content, "call_id");
        if (!call_id || !call_id[0] || strlen(call_id) > CALL_ID_BYTES_MAX)
                return;
        (void) snprintf(report_id, sizeof(report_id), "voip/%s/%s", e->room_id, call_id);
        if (id_memory_has(&v->ended, report_id) || (e->event_id && id_memory_has(&v->seen, e->event_id)))
                return;
        r = get_call(v, report_id, call_id, e, t, &c);
        if (r == 0)
                r = voip_call_add(c, v->context->me, kind, e, event_moment(e, t));
        if (r == -ENOMEM)
                kind_lacks_memory(v->context);
        else if (e->event_id)
                (void) id_memory_add(&v->seen, e->event_id); /* else it counts again, which changes nothing */
}

static enum call_phase phase_of(enum voip_state state) {
        switch (state) {
        case VOIP_IN_CALL:
                return CALL_ACTIVE;
        case VOIP_RINGING_IN:
                return CALL_RINGING_IN;
        case VOIP_RINGING_OUT:
                return CALL_RINGING_OUT;
        case VOIP_NOTHING:
        case VOIP_ENDED:
                return CALL_GONE;
        }
        return CALL_GONE;
}

/* True if the call is to be forgotten. One that has ended is known as such for as long as it cannot be remembered. */
static bool state_call(struct voip *v, const struct voip_call *c, const struct kind_time *t) {
        struct voip_verdict verdict = voip_call_judge(c, v->context->me, v->context->call_cap, t);

        if (verdict.state == VOIP_ENDED)
                return id_memory_add(&v->ended, c->report_id) == 0;
        if (verdict.state != VOIP_NOTHING) {
                report_set_add(&v->reports, c->report_id, phase_of(verdict.state), verdict.since, verdict.until,
                               verdict.what, verdict.sign);
                return false;
        }
        /* Others' calls, and those that rang in vain, are kept for late events. */
        return moment_is_past(moment_add_usec(c->last_at, v->context->call_cap), t);
}

static void voip_commit(struct kind_calls *o, const struct kind_time *t) {
        struct voip *v = voip_from(o);

        report_set_begin(&v->reports);
        for (size_t i = 0; i < v->n_calls;) {
                if (state_call(v, v->calls[i], t))
                        forget_call(v, i);
                else
                        i++;
        }
        report_set_end(&v->reports, t);
}

static void voip_room_left(struct kind_calls *o, const char *room_id) {
        leave_room(voip_from(o), room_id);
}

/* These are no state: what was said before a gap stands, until the cap. */
static void voip_resync(struct kind_calls *o, bool begins) {
        (void) o;
        (void) begins;
}

static usec_t voip_deadline(const struct kind_calls *o) {
        return report_set_deadline(&((const struct voip *) o)->reports);
}

static bool voip_in_call(const struct kind_calls *o) {
        return report_set_in_call(&((const struct voip *) o)->reports);
}

static bool voip_has_room(const struct kind_calls *o, const char *room_id) {
        return report_set_has_room(&((const struct voip *) o)->reports, room_id);
}

/* A hangup may be among what could not be read: better free in a call than stuck busy after it. */
static void voip_torn(struct kind_calls *o, const struct room_events *page) {
        struct voip *v = voip_from(o);

        for (size_t i = 0; i < page->n_events; i++)
                if (page->events[i].event_id && id_memory_has(&v->seen, page->events[i].event_id))
                        return; /* it reaches back to what is known */
        for (size_t i = 0; i < v->n_calls;)
                if (streq(v->calls[i]->room_id, page->torn_room))
                        forget_call(v, i);
                else
                        i++;
}

static bool voip_only_ends(const struct matrix_event *e) {
        enum voip_kind kind;

        return kind_of(e->type, &kind) && (kind == VOIP_HANGUP || kind == VOIP_REJECT);
}

static void voip_lost(struct kind_calls *o, const struct matrix_event *e, const struct kind_time *t) {
        struct voip *v = voip_from(o);

        for (size_t i = 0; i < v->n_calls;)
                if (streq(v->calls[i]->room_id, e->room_id) &&
                    voip_call_may_end_by(v->calls[i], v->context->me, e->sender, event_moment(e, t)))
                        forget_call(v, i);
                else
                        i++;
}

static size_t voip_rooms(const struct kind_calls *o, const char **ret, size_t max) {
        const struct voip *v = (const struct voip *) o;
        size_t n = 0;

        for (size_t i = 0; i < v->n_calls && n < max; i++) {
                bool known = false;

                for (size_t j = 0; j < n && !known; j++)
                        known = streq(ret[j], v->calls[i]->room_id);
                if (!known)
                        ret[n++] = v->calls[i]->room_id;
        }
        return n;
}

const struct call_kind call_kind_voip = {
        .name = "voip",
        .message_types = names_voip,
        .state_types = no_types,
        .new = voip_new,
        .free = voip_free,
        .event = voip_event,
        .commit = voip_commit,
        .room_left = voip_room_left,
        .resync = voip_resync,
        .deadline = voip_deadline,
        .in_call = voip_in_call,
        .has_room = voip_has_room,
        .only_ends = voip_only_ends,
        .torn = voip_torn,
        .lost = voip_lost,
        .rooms = voip_rooms,
};
