/* How often the server is asked for devices of users: others decide when theirs change, and must not decide how much
 * busyd asks. A few at once, then one now and then, which is for all of whom something is to be known. Pure. */
#pragma once

#include "core/base.h"

#define QUERY_LIMIT_AT_ONCE      20
#define QUERY_LIMIT_EVERY        (2 * USEC_PER_MIN)
#define QUERY_LIMIT_PER_HOUR_MAX 50 /* what the two come to */

/* All zeroes is one of which nothing was spent. */
struct query_limit {
        usec_t spent_until; /* when nothing of it is spent any more */
};

/* The next one may be sent then. */
usec_t query_limit_at(const struct query_limit *l);
void query_limit_spend(struct query_limit *l, usec_t now);
