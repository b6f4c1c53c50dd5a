/* See query-limit.h. */
#include "matrix/crypto/query-limit.h"

#include <assert.h>

static_assert(QUERY_LIMIT_AT_ONCE + USEC_PER_HOUR / QUERY_LIMIT_EVERY == QUERY_LIMIT_PER_HOUR_MAX, "what it says");

usec_t query_limit_at(const struct query_limit *l) {
        const usec_t others = (QUERY_LIMIT_AT_ONCE - 1) * QUERY_LIMIT_EVERY;

        return l->spent_until > others ? l->spent_until - others : 0;
}

void query_limit_spend(struct query_limit *l, usec_t now) {
        l->spent_until = usec_add(l->spent_until > now ? l->spent_until : now, QUERY_LIMIT_EVERY);
}
