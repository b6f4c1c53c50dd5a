/* Whether busyd is left alone: how often it has been woken so far, as the kernel counts it. */
#pragma once

#include "system/harness.h"

/* Voluntary context switches of all of its threads, each a sleep that ended, once there have been no more of them for
 * a while. Asks busyd nothing. */
unsigned long long wakeups_at_rest(struct world *w);

/* So many programs connect to the bus and leave; returns when the bus knows that the last one has. */
void programs_come_and_go(struct world *w, unsigned n);
