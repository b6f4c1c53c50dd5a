/* Messages to this device that came before: servers give them again until the position has moved. Told by what they
 * are, before anything is decrypted, so that none is taken for a sign of a broken session. */
#pragma once

#include "matrix/crypto/digest.h"

/* Five answers full of messages. */
#define REPEATS_MAX 500

/* All zeroes is a new one. */
struct repeats {
        struct digest ring[REPEATS_MAX];
        size_t n, next;
};

/* Whether the message of this ciphertext is among the last ones. */
bool repeats_has(const struct repeats *r, const struct digest *d);
/* It was dealt with. */
void repeats_put(struct repeats *r, const struct digest *d);

/* To look at all of them, for storage, the oldest first: `i` from 0 until NULL. */
const struct digest *repeats_at(const struct repeats *r, size_t i);
