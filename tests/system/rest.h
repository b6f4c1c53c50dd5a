/* What busyd costs while nothing happens, as the kernel counts it: how often it has been woken so far, and its memory.
 */
#pragma once

#include "system/harness.h"

/* Voluntary context switches of all of its threads, each a sleep that ended, once there have been no more of them for
 * a while. Asks busyd nothing. */
unsigned long long wakeups_at_rest(struct world *w);

/* So many programs connect to the bus and leave; returns when the bus knows that the last one has. */
void programs_come_and_go(struct world *w, unsigned n);

/* KiB of memory that busyd has written to and shares with nobody. Not what it has read of files: whose that is,
 * depends on which others run. */
long private_memory(const struct world *w);

/* Is this anywhere in busyd's memory? */
bool memory_has(const struct world *w, const char *text);

/* False under a sanitizer that keeps what is freed. */
extern const bool memory_tells;
/* Processor time that busyd has had so far. */
usec_t worked(const struct world *w);
