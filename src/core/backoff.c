#include "core/backoff.h"

#include <limits.h>

usec_t backoff_next(struct backoff *b, uint32_t random) {
        usec_t wait = b->first, half;

        for (unsigned i = 0; i < b->failures && wait < b->cap; i++)
                wait *= 2;
        wait = usec_min(wait, b->cap);
        if (b->failures < UINT_MAX)
                b->failures++;

        half = wait / 2;
        return wait - half + half / 1000 * (random % 1001);
}

void backoff_reset(struct backoff *b) {
        b->failures = 0;
}

void backoff_limit(struct backoff *b, unsigned failures) {
        if (b->failures > failures)
                b->failures = failures;
}
