/* Memory that a flood has taken goes back to the system: the allocator keeps what lies between what is still used. */
#pragma once

#include "core/base.h"

struct memory {
        size_t kept; /* free bytes that stayed after the last time */
};

/* Whether tables that are made from now on are mapped, each by itself: where a table has room for as many as there may
 * be, the pages of those that are not there are then never touched, while malloc() clears what it takes of the heap.
 * Not for what comes and goes, as buffers of requests do: each time their pages would have to be had anew. */
void memory_map_tables(bool on);

/* Something of that size, an answer of a server, is taken apart and freed again before the next look, which takes
 * several times as much: where the allocator touches anew what it had given back, its counters do not show it. */
void memory_note_taken_apart(size_t size);
/* Gives back what is free if that is much more than last time, or something large was taken apart since; else costs a
 * look at the allocator's counters. Returns whether it has. */
bool memory_give_back(struct memory *m);
/* ... however little it is: once a start is over, which has taken what is not needed again. */
void memory_give_back_all(struct memory *m);
