/* Short stand-ins for texts of others, to tell whether the same one comes again. */
#pragma once

#include "core/base.h"

/* The first bytes of SHA-256: nobody finds another text for one. */
struct digest {
        uint8_t bytes[16];
};

int digest_of(const char *s, struct digest *ret);

static inline bool digest_equal(const struct digest *a, const struct digest *b) {
        return memcmp(a->bytes, b->bytes, sizeof(a->bytes)) == 0;
}
