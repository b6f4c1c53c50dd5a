/* What every source's own struct begins with, and what all of them do alike. Only for files in this room. */
#pragma once

#include "sources/source.h"

#define SOURCE_DETAIL_MAX 256

struct source {
        const struct source_kind *kind;
        struct source_context context;
        enum source_state state;
        char detail[SOURCE_DETAIL_MAX];
};

/* Copies the context; what it points at stays borrowed. The state is SOURCE_STARTING. */
void source_init(struct source *s, const struct source_kind *kind, const struct source_context *context);

/* Tells the manager if anything changed. `detail` "" unless unavailable. */
void source_set_state(struct source *s, enum source_state state, const char *detail);

/* Hands a report on, with the source's name in it, unless its application is on the `ignore` list, or `only` has a
 * list and it is not there: then a call of that id ends. */
void source_report(struct source *s, const struct call_report *r);
void source_end(struct source *s, const char *id); /* NULL: all calls */
