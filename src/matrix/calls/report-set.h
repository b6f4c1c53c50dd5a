/* What the families of call events share: when an event happened, memories of bounded size, and telling the sink
 * only what changed. */
#pragma once

#include "core/calls.h"
#include "matrix/calls/family.h"

/* ---- limits ---- */

/* Calls that each family looks at and may report. Together they fit into what one source may have in the call table,
 * so that strangers' rings cannot keep an own call out of it. */
#define VOIP_CALLS_MAX 16
#define OWN_STATE_MAX  12 /* of each kind */
#define STICKY_MAX     12
#define RINGS_MAX      8
_Static_assert(VOIP_CALLS_MAX + 2 * OWN_STATE_MAX + STICKY_MAX + RINGS_MAX <= CALLS_PER_SOURCE_MAX, "too many");

/* ---- time ---- */

/* CLOCK_BOOTTIME as usec_t has it, but signed: what a server tells may have happened before the boot. */
typedef int64_t moment_t;
#define MOMENT_NEVER INT64_MAX

/* When the event was sent, by its age, or by the wall clock where that is absent; never in the future. */
moment_t event_moment(const struct matrix_event *e, const struct observer_time *t);

/* The same in ms since 1970, as the event's server counts them. */
int64_t event_sent_msec(const struct matrix_event *e, const struct observer_time *t);

/* When that server's clock shows `msec`: a wrong clock here does no harm where the event has an age. */
moment_t event_moment_of(const struct matrix_event *e, const struct observer_time *t, int64_t msec);

/* Both stick at the ends. */
moment_t moment_add_msec(moment_t m, int64_t msec);
moment_t moment_add_usec(moment_t m, usec_t usec);
static inline moment_t moment_min(moment_t a, moment_t b) {
        return a < b ? a : b;
}
static inline moment_t moment_max(moment_t a, moment_t b) {
        return a > b ? a : b;
}
static inline bool moment_is_past(moment_t m, const struct observer_time *t) {
        return m <= 0 || (usec_t) m <= t->now;
}

/* ---- words ---- */

/* Who is not, or no longer, joined by this event; NULL if it says nothing like that. */
const char *event_departed(const struct matrix_event *e);
bool type_is_one_of(const char *type, const char *const *types);
/* The event (of that room) that this one takes back; NULL if it does nothing like that. */
const char *event_redacted(const struct matrix_event *e);
int64_t add_msec(int64_t a, int64_t b); /* sticks at the ends */
/* NULL equals NULL. */
bool same_or_both_absent(const char *a, const char *b);

/* ---- a memory of the last `max` names ---- */

struct id_memory {
        char **ids;
        size_t n, max, next;
};

int id_memory_init(struct id_memory *m, size_t max);
void id_memory_done(struct id_memory *m);
bool id_memory_has(const struct id_memory *m, const char *id);
void id_memory_add(struct id_memory *m, const char *id); /* displaces the oldest; adds nothing if out of memory */

/* ---- what is reported ---- */

/* A family states all of its calls, `max` at most, between begin and end, each time anew. At the end the sink hears of
 * those that were not stated again and are over, then of those that are new or changed. */
struct report_set {
        const struct observer_context *context;
        struct reported *items;
        size_t n, max;
        bool announced; /* all of its calls are; for the family to set */
};

int report_set_init(struct report_set *s, const struct observer_context *context, size_t max);
void report_set_done(struct report_set *s); /* tells the sink nothing */
void report_set_begin(struct report_set *s);
/* `what` is static. */
void report_set_add(struct report_set *s, const char *id, enum call_phase phase, moment_t since, moment_t until,
                    const char *what);
void report_set_end(struct report_set *s, const struct observer_time *t);
usec_t report_set_deadline(const struct report_set *s);
bool report_set_in_call(const struct report_set *s);
