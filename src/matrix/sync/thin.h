/* What is of no concern in an answer of /sync is taken out while it comes in: a server that ignores filters may tell
 * of all that was said in each room, and a tree of that is ten times its size. Pure. */
#pragma once

#include <jansson.h>

#include "core/base.h"

/* So far down are names looked at: rooms, join, ROOM, timeline, events, the event, type. */
#define SYNC_THIN_DEPTH 7

/* All zero to begin with, but for the types. The fields belong to thin.c. */
struct sync_thin {
        const json_t *types[3]; /* arrays of those that are of concern; NULL: none */
        size_t n_dropped;       /* events that were taken out */

        size_t depth;
        bool is_object[SYNC_THIN_DEPTH + 1], on_path[SYNC_THIN_DEPTH];
        bool in_string, after_backslash, has_escape;
        bool name_comes, type_comes;
        size_t string_at; /* in the text, as the next */
        bool in_list;     /* of events of a room's timeline or state */
        size_t element_at;
        size_t n_kept; /* in that list */
        bool comma;    /* ends in one: another may follow */
        bool wanted;   /* the event that is being read */
};

/* The text so far, of which the bytes from `had` on are new. Takes out of them, and of the event that they go on with,
 * what is of no concern, in place. Returns the size that is left. The next call goes on with that.
 *
 * Taken out are objects in the "events" of a "timeline", a "state" or a "state_after" of a joined room that have no
 * "type" that is wanted; what is no object goes there, too. A name or type that is written with escapes counts as one
 * that is wanted. What is odd (json/mend.h) is left as it is, and where brackets do not match, they do not afterwards.
 */
size_t sync_thin(struct sync_thin *t, char *bytes, size_t had, size_t size);
