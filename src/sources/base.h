/* What every source's own struct begins with, and what all of them do alike. Only for files in this room.
 *
 * How to write a source:
 *  - `struct mine { struct source source; ... };` and one `const struct source_kind`, named in the table of source.c;
 *    several kinds may share one start() and differ by `kind->row`.
 *  - start(): calloc, source_init(), then begin to watch. If what you watch is a service on a bus, bus-source.h
 *    does the waiting, the states and the back-off; else call source_set_state() yourself, once the snapshot is
 *    complete (SOURCE_WATCHING) or cannot be had (SOURCE_UNAVAILABLE and why, in a few words for people).
 *  - A source reads no clock and owns no timer: what is to happen later is a struct later of util/later.h, set with a
 *    span, and done in run().
 *  - stop(): source_end(s, NULL), let go of everything, free.
 *  - Whatever goes on is source_report()ed with an application of identity.h; `source` is filled in.
 *  - What peers send wrongly is told once with source_tell_bad() and skipped. */
#pragma once

#include "sources/source.h"
#include "util/bus-service.h"

#define SOURCE_DETAIL_MAX 256
#define SOURCE_APP_MAX    128 /* bytes of an application's name that are looked at */

struct source {
        const struct source_kind *kind;
        struct source_context context;
        enum source_state state;
        char detail[SOURCE_DETAIL_MAX];
        bool bad_told;
};

/* Copies the context; what it points at stays borrowed. The state is SOURCE_STARTING. */
void source_init(struct source *s, const struct source_kind *kind, const struct source_context *context);

/* Start and stop of a kind that was left out of the build: it is off, and `kind->row`, a text, says why. */
int source_start_absent(struct source **ret, const struct source_kind *kind, const struct source_context *context);
struct source *source_stop_absent(struct source *s);

/* `detail` "" unless unavailable. */
void source_set_state(struct source *s, enum source_state state, const char *detail);

/* Something may be due: run() is wanted. */
void source_touch(struct source *s);

/* Hands a report on, with the source's name in it, unless its application is on the `ignore` list, or `only` has a
 * list and it is not there: then a call of that id ends. */
void source_report(struct source *s, const struct call_report *r);
void source_end(struct source *s, const char *id); /* NULL: all calls */

/* Something came that makes no sense, from sender and member of `m` (NULL: unknown): a warning the first time, without
 * what was in it. */
void source_tell_bad(struct source *s, sd_bus_message *m, const char *problem);
