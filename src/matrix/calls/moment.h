/* When an event happened, and what any event may say to every kind of calls. */
#pragma once

#include "matrix/calls/kind.h"

/* ---- time ---- */

/* CLOCK_BOOTTIME as usec_t has it, but signed: what a server tells may have happened before the boot. */
typedef int64_t moment_t;
#define MOMENT_NEVER INT64_MAX

/* When the event was sent, by its age, or by the wall clock where that is absent; never in the future. */
moment_t event_moment(const struct matrix_event *e, const struct kind_time *t);

/* The same in ms since 1970, as the event's server counts them. */
int64_t event_sent_msec(const struct matrix_event *e, const struct kind_time *t);

/* When that server's clock shows `msec`: a wrong clock here does no harm where the event has an age. */
moment_t event_moment_of(const struct matrix_event *e, const struct kind_time *t, int64_t msec);

/* Both stick at the ends. */
moment_t moment_add_msec(moment_t m, int64_t msec);
moment_t moment_add_usec(moment_t m, usec_t usec);
static inline moment_t moment_min(moment_t a, moment_t b) {
        return a < b ? a : b;
}
static inline moment_t moment_max(moment_t a, moment_t b) {
        return a > b ? a : b;
}
static inline bool moment_is_past(moment_t m, const struct kind_time *t) {
        return m <= 0 || (usec_t) m <= t->now;
}

/* ---- words ---- */

/* Who is not, or no longer, joined by this event; NULL if it says nothing like that. */
const char *event_departed(const struct matrix_event *e);
/* The event (of that room) that this one takes back; NULL if it does nothing like that. */
const char *event_redacted(const struct matrix_event *e);
int64_t add_msec(int64_t a, int64_t b); /* sticks at the ends */
/* NULL equals NULL. */
bool same_or_both_absent(const char *a, const char *b);
