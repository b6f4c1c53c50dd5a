/* Which devices are to be given a new Olm session, since the one that they use cannot be read here: all their later
 * keys would be lost. Each at most once in a while. Pure. */
#pragma once

#include "matrix/crypto/crypto.h"

#define HEAL_MAX        64
#define HEAL_PAUSE_USEC USEC_PER_HOUR /* as the specification asks for */

struct heal;

int heal_new(struct heal **ret);
struct heal *heal_free(struct heal *h);
CLEANUP(struct heal, heal_free);

/* A message of that device could not be read. Of those that wait, the one that has waited longest makes room. -ENOMEM.
 */
int heal_want(struct heal *h, const char *user_id, const char *sender_key, usec_t now);

struct heal_device {
        const char *user_id, *sender_key;
};
/* The device that has waited longest: 1, or 0 if none waits. Borrowed until the next change. */
int heal_next(const struct heal *h, struct heal_device *ret);
/* It was tried, or there is no such device: not again for a while. */
void heal_done(struct heal *h, const struct heal_device *d, usec_t now);
