/* What one machine of a user tells the others: an entry of account data, of a type that ends in the id of its device
 * (design, section 6; reference 9). Account data has no time and is never gone, so an entry says how long it may be
 * believed. Pure. */
#pragma once

#include <jansson.h>

#include "core/claim.h"

#define ENTRY_TYPE "org.busyd.claim."
/* With the id of a device, and a NUL. Whose id is longer has no busyd. */
#define ENTRY_TYPE_SIZE (sizeof(ENTRY_TYPE) + 255)

#define ENTRY_CLAIMS_MAX 4

/* However long it says: a machine that is gone must not keep others from giving back. */
#define ENTRY_LIFE_MAX (2 * USEC_PER_HOUR)

/* What it had written, and what was there before, is known for longer: whoever was away meanwhile may find it still
 * there. */
#define ENTRY_KNOWN_MAX (24 * USEC_PER_HOUR)

struct entry_claim {
        const char *output;
        struct claim_other claim;
};
/* The content of an entry, told at `wall`; NULL if out of memory. Without claims it only says that there is such a
 * machine. */
json_t *entry_new(const struct entry_claim *claims, size_t n, usec_t wall);
/* Whether it says the same, but for when it was told. */
bool entry_same(const json_t *a, const json_t *b);
/* By the wall clock; USEC_NEVER: it does not say. */
usec_t entry_told(const json_t *entry);

/* Whether it is an entry at all: that of a machine which has logged out is not. */
bool entry_is_one(const json_t *content);
/* How long it may still be believed, being so old; at most ENTRY_LIFE_MAX. */
usec_t entry_life(const json_t *content, usec_t age);
/* It says that the user is on a call there. */
bool entry_is_live(const json_t *content);
/* One member of its "claims"; false, leaving *ret as it is, if it makes no sense. */
bool entry_claim_read(const json_t *o, struct claim_other *ret);
