/* How far many worlds are, for who waits: on stderr, after so many of them. The worlds are counted, whatever the time.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "core/base.h"

/* Shared by the processes that are forked from here on. */
struct progress;

/* In all there will be so many worlds or, where that is 0, so many simulated hours; 0: nobody knows. Says something
 * after each `every` worlds; 0: only to a terminal, after each. */
struct progress *progress_new(uint64_t every, uint64_t worlds, double hours);
struct progress *progress_free(struct progress *p); /* leaves what it said last; NULL is fine */

/* One world more has been run. */
void progress_step(struct progress *p, usec_t simulated, bool violated);

/* What anything else said on stderr begins with, behind a line that is yet to end. */
const char *progress_break(const struct progress *p);
