/* See repeats.h. */
#include "matrix/crypto/repeats.h"

bool repeats_has(const struct repeats *r, const struct digest *d) {
        for (size_t i = 0; i < r->n; i++)
                if (digest_equal(&r->ring[i], d))
                        return true;
        return false;
}

void repeats_put(struct repeats *r, const struct digest *d) {
        r->ring[r->next] = *d;
        r->next = (r->next + 1) % REPEATS_MAX;
        if (r->n < REPEATS_MAX)
                r->n++;
}

const struct digest *repeats_at(const struct repeats *r, size_t i) {
        return i < r->n ? &r->ring[(r->next + REPEATS_MAX - r->n + i) % REPEATS_MAX] : NULL;
}
