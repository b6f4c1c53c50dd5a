/* How long to wait before the next try: doubles up to a cap, spread by a jitter the caller draws. */
#pragma once

#include "core/base.h"

struct backoff {
        usec_t first, cap;
        unsigned failures;
};

/* The wait after one more failure: first * 2^failures up to cap, of which the upper half is scaled by
 * `random` (any value; the same value gives the same wait). */
usec_t backoff_next(struct backoff *b, uint32_t random);

/* ... for who has nothing to draw from: the whole wait. */
#define BACKOFF_WHOLE 1000

/* After a success. */
void backoff_reset(struct backoff *b);

/* After one that need not last: the next wait is at most that after `failures` failures, and no shorter than it was.
 */
void backoff_limit(struct backoff *b, unsigned failures);
