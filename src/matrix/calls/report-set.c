/* What the families of call events share; see family-tools.h. */
#include "matrix/calls/report-set.h"

#include <errno.h>

#include "json/json.h"

moment_t moment_add_msec(moment_t m, int64_t msec) {
        int64_t usec, sum;

        if (__builtin_mul_overflow(msec, (int64_t) USEC_PER_MSEC, &usec))
                return msec > 0 ? MOMENT_NEVER : INT64_MIN;
        if (__builtin_add_overflow(m, usec, &sum))
                return usec > 0 ? MOMENT_NEVER : INT64_MIN;
        return sum;
}

moment_t moment_add_usec(moment_t m, usec_t usec) {
        int64_t sum;

        if (usec > INT64_MAX || __builtin_add_overflow(m, (int64_t) usec, &sum))
                return MOMENT_NEVER;
        return sum;
}

moment_t event_moment(const struct matrix_event *e, const struct observer_time *t) {
        int64_t age = e->age;

        if (age < 0)
                age = e->origin_server_ts > 0 ? (int64_t) (t->wall / USEC_PER_MSEC) - e->origin_server_ts : 0;
        return moment_add_msec((moment_t) t->now, age > 0 ? -age : 0);
}

int64_t add_msec(int64_t a, int64_t b) {
        int64_t sum;

        if (__builtin_add_overflow(a, b, &sum))
                return b > 0 ? INT64_MAX : INT64_MIN;
        return sum;
}

static int64_t wall_msec(const struct observer_time *t) {
        return (int64_t) (t->wall / USEC_PER_MSEC);
}

int64_t event_sent_msec(const struct matrix_event *e, const struct observer_time *t) {
        if (e->origin_server_ts > 0)
                return e->origin_server_ts;
        return wall_msec(t) - (e->age > 0 ? e->age : 0);
}

moment_t event_moment_of(const struct matrix_event *e, const struct observer_time *t, int64_t msec) {
        int64_t server_now = e->age >= 0 ? add_msec(event_sent_msec(e, t), e->age) : wall_msec(t);
        int64_t ahead;

        if (__builtin_sub_overflow(msec, server_now, &ahead))
                ahead = msec > 0 ? INT64_MAX : INT64_MIN;
        return moment_add_msec((moment_t) t->now, ahead);
}

const char *event_departed(const struct matrix_event *e) {
        const char *membership;

        if (!e->state_key || !streq(e->type, "m.room.member"))
                return NULL;
        membership = json_member_string(e->content, "membership");
        return membership && !streq(membership, "join") ? e->state_key : NULL;
}

const char *event_redacted(const struct matrix_event *e) {
        return streq(e->type, "m.room.redaction") && !e->state_key ? e->redacts : NULL;
}

bool type_is_one_of(const char *type, const char *const *types) {
        for (; *types; types++)
                if (streq(type, *types))
                        return true;
        return false;
}

bool same_or_both_absent(const char *a, const char *b) {
        return a && b ? streq(a, b) : a == b;
}

int id_memory_init(struct id_memory *m, size_t max) {
        *m = (struct id_memory){ .ids = calloc(max, sizeof(m->ids[0])), .max = max };
        return m->ids ? 0 : -ENOMEM;
}

void id_memory_done(struct id_memory *m) {
        for (size_t i = 0; i < m->n; i++)
                free(m->ids[i]);
        free(m->ids);
        *m = (struct id_memory){ 0 };
}

bool id_memory_has(const struct id_memory *m, const char *id) {
        for (size_t i = 0; i < m->n; i++)
                if (streq(m->ids[i], id))
                        return true;
        return false;
}

void id_memory_add(struct id_memory *m, const char *id) {
        char *copy = strdup(id);

        if (!copy)
                return;
        free(m->ids[m->next]);
        m->ids[m->next] = copy;
        m->next = (m->next + 1) % m->max;
        if (m->n < m->max)
                m->n++;
}

struct reported {
        char *id;
        enum call_phase phase;
        moment_t since, until;
        const char *what;
        bool stated, changed; /* since begin */
};

int report_set_init(struct report_set *s, const struct observer_context *context, size_t max) {
        /* As many new ones may be stated before the old ones are known to be over. */
        *s = (struct report_set){
                .context = context,
                .items = calloc(2 * max, sizeof(s->items[0])),
                .max = 2 * max,
        };
        return s->items ? 0 : -ENOMEM;
}

void report_set_done(struct report_set *s) {
        for (size_t i = 0; i < s->n; i++)
                free(s->items[i].id);
        free(s->items);
        *s = (struct report_set){ 0 };
}

void report_set_begin(struct report_set *s) {
        for (size_t i = 0; i < s->n; i++)
                s->items[i].stated = false;
}

static struct reported *report_set_get(struct report_set *s, const char *id) {
        char *copy;

        for (size_t i = 0; i < s->n; i++)
                if (streq(s->items[i].id, id))
                        return &s->items[i];
        copy = s->n < s->max ? strdup(id) : NULL;
        if (!copy)
                return NULL;
        s->items[s->n] = (struct reported){ .id = copy, .what = "" };
        return &s->items[s->n++];
}

/* A beginning before the boot, or none that is known, is the boot. */
static usec_t age_of(const struct reported *item, const struct observer_time *t) {
        usec_t since = item->since > 0 ? (usec_t) item->since : 1;

        return since < t->now ? t->now - since : 0;
}

static usec_t rest_of(const struct reported *item, const struct observer_time *t) {
        if (item->until == MOMENT_NEVER)
                return USEC_NEVER;
        return moment_is_past(item->until, t) ? 0 : (usec_t) item->until - t->now;
}

static void report_set_tell(const struct report_set *s, const struct reported *item, const struct observer_time *t) {
        const struct call_report report = {
                .source = s->context->source,
                .id = item->id,
                .app = "matrix",
                .what = item->what,
                .phase = item->phase,
                .evidence = EVIDENCE_PROOF,
                .age = age_of(item, t),
                .lasts = rest_of(item, t),
                .announced = s->announced,
        };

        s->context->sink->report(s->context->sink->userdata, &report);
}

void report_set_add(struct report_set *s, const char *id, enum call_phase phase, moment_t since, moment_t until,
                    const char *what) {
        struct reported *item = report_set_get(s, id);

        if (!item)
                return;
        item->stated = true;
        if (item->phase == phase && item->since == since && item->until == until && streq(item->what, what))
                return;
        item->phase = phase;
        item->since = since;
        item->until = until;
        item->what = what;
        item->changed = true;
}

/* Ends first: they make room. */
void report_set_end(struct report_set *s, const struct observer_time *t) {
        for (size_t i = 0; i < s->n;) {
                struct reported *item = &s->items[i];

                if (item->stated) {
                        i++;
                        continue;
                }
                s->context->sink->end(s->context->sink->userdata, s->context->source, item->id);
                free(item->id);
                *item = s->items[--s->n];
        }
        for (size_t i = 0; i < s->n; i++) {
                if (s->items[i].changed)
                        report_set_tell(s, &s->items[i], t);
                s->items[i].changed = false;
        }
}

usec_t report_set_deadline(const struct report_set *s) {
        moment_t earliest = MOMENT_NEVER;

        for (size_t i = 0; i < s->n; i++)
                earliest = moment_min(earliest, s->items[i].until);
        if (earliest == MOMENT_NEVER)
                return USEC_NEVER;
        return earliest > 0 ? (usec_t) earliest : 0;
}

bool report_set_in_call(const struct report_set *s) {
        for (size_t i = 0; i < s->n; i++)
                if (call_phase_is_in_call(s->items[i].phase))
                        return true;
        return false;
}
