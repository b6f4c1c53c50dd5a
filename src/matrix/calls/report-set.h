/* What the kinds of calls have in common when they report: telling the sink only what changed. */
#pragma once

#include "core/calls.h"
#include "matrix/calls/id-memory.h"
#include "matrix/calls/kind.h"
#include "matrix/calls/moment.h"

/* ---- limits ---- */

/* Calls that each kind looks at and may report. Together they fit into what one source may have in the call table,
 * so that strangers' rings cannot keep an own call out of it. */
#define VOIP_CALLS_MAX   16
#define MEMBER_STATE_MAX 12 /* of each kind */
#define STICKY_MAX       12
#define RINGS_MAX        8
_Static_assert(VOIP_CALLS_MAX + 2 * MEMBER_STATE_MAX + STICKY_MAX + RINGS_MAX <= CALLS_PER_SOURCE_MAX, "too many");

/* ---- what is reported ---- */

/* A kind states all of its calls, `max` at most, between begin and end, each time anew. At the end the sink hears of
 * those that were not stated again and are over, then of those that are new or changed. */
struct report_set {
        const struct kind_context *context;
        struct reported *items;
        size_t n, max;
        bool announced; /* all of its calls are; for the kind to set */
};

int report_set_init(struct report_set *s, const struct kind_context *context, size_t max);
void report_set_done(struct report_set *s); /* tells the sink nothing */
void report_set_begin(struct report_set *s);
/* `what` and `sign` are static: words for people, and the event for whoever looks closely. */
void report_set_add(struct report_set *s, const char *id, enum call_phase phase, moment_t since, moment_t until,
                    const char *what, const char *sign);
void report_set_end(struct report_set *s, const struct kind_time *t);
usec_t report_set_deadline(const struct report_set *s);
bool report_set_in_call(const struct report_set *s);
/* Of ids that are made as "KIND/ROOM/...". */
bool report_set_has_room(const struct report_set *s, const char *room_id);
