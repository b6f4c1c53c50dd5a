#include "matrix/calls/report-set.h"

#include <errno.h>

struct reported {
        char *id;
        enum call_phase phase;
        moment_t since, until;
        const char *what, *sign;
        bool stated, changed; /* since begin */
};

int report_set_init(struct report_set *s, const struct kind_context *context, size_t max) {
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
        if (s->n == s->max)
                return NULL;
        copy = strdup(id);
        if (!copy) {
                kind_lacks_memory(s->context);
                return NULL;
        }
        s->items[s->n] = (struct reported){ .id = copy, .what = "", .sign = "" };
        return &s->items[s->n++];
}

/* A beginning before the boot, or none that is known, is the boot. */
static usec_t age_of(const struct reported *item, const struct kind_time *t) {
        usec_t since = item->since > 0 ? (usec_t) item->since : 1;

        return since < t->now ? t->now - since : 0;
}

static usec_t rest_of(const struct reported *item, const struct kind_time *t) {
        if (item->until == MOMENT_NEVER)
                return USEC_NEVER;
        return moment_is_past(item->until, t) ? 0 : (usec_t) item->until - t->now;
}

static void report_set_tell(const struct report_set *s, const struct reported *item, const struct kind_time *t) {
        const struct call_report report = {
                .source = s->context->source,
                .id = item->id,
                .app = "matrix",
                .what = item->what,
                .sign = item->sign,
                .phase = item->phase,
                .evidence = EVIDENCE_PROOF,
                .age = age_of(item, t),
                .lasts = rest_of(item, t),
                .announced = s->announced,
        };

        s->context->sink->report(s->context->sink->userdata, &report);
}

void report_set_add(struct report_set *s, const char *id, enum call_phase phase, moment_t since, moment_t until,
                    const char *what, const char *sign) {
        struct reported *item = report_set_get(s, id);

        if (!item)
                return;
        item->stated = true;
        if (item->phase == phase && item->since == since && item->until == until && streq(item->what, what) &&
            streq(item->sign, sign))
                return;
        item->phase = phase;
        item->since = since;
        item->until = until;
        item->what = what;
        item->sign = sign;
        item->changed = true;
}

/* Ends first: they make room. */
void report_set_end(struct report_set *s, const struct kind_time *t) {
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

bool report_set_has_room(const struct report_set *s, const char *room_id) {
        size_t length = strlen(room_id);

        for (size_t i = 0; i < s->n; i++) {
                const char *room = strchr(s->items[i].id, '/');

                if (room && strncmp(room + 1, room_id, length) == 0 && room[1 + length] == '/')
                        return true;
        }
        return false;
}
