/* The other machines of the same user that run busyd, by what they have told in account data: one entry each, of a
 * type that ends in the id of its device (design, section 6; reference 9). Account data has no time and is never
 * gone, so an entry says how long it may be believed. Pure. */
#pragma once

#include <jansson.h>

#include "core/claim.h"

#define PEERS_TYPE "org.busyd.claim."

#define PEERS_MAX       8 /* machines */
#define PEER_CLAIMS_MAX 4 /* of one machine */

/* However long it says: a machine that is gone must not keep others from giving back. */
#define PEER_LIFE_MAX (2 * USEC_PER_HOUR)

struct peers;

int peers_new(struct peers **ret);
struct peers *peers_free(struct peers *p);
CLEANUP(struct peers, peers_free);

/* An entry of account data other than our own; `type` may be any. `age`: how old it is by the clocks of both machines,
 * 0 if it has just come. Returns whether something changed. What cannot be understood, as the empty entry of a
 * machine that has logged out, counts as done. */
bool peers_take(struct peers *p, const char *type, const json_t *content, usec_t age, usec_t now);

/* A whole state begins, and ends: entries that were not in it are gone. The end returns whether there were any. */
void peers_resync_begin(struct peers *p);
bool peers_resync_end(struct peers *p);

/* What is not believed any more counts as done. Returns whether something changed. */
bool peers_expire(struct peers *p, usec_t now);
usec_t peers_deadline(const struct peers *p);

/* Whether there is any other machine; whether it is this device's. */
bool peers_exist(const struct peers *p);
bool peers_have(const struct peers *p, const char *device_id);
/* One of them holds the state of that output for a call. */
bool peers_hold(const struct peers *p, const char *output);
/* What they owe on that output; at most PEERS_MAX. `device_id`: ours, for who comes first. */
size_t peers_claims(const struct peers *p, const char *output, const char *device_id,
                    struct claim_other ret[PEERS_MAX]);

/* ---- the entry of one machine ---- */

struct peer_claim {
        const char *output;
        struct claim_other claim;
};
/* The content of an entry; NULL if out of memory. Without claims it only says that there is such a machine. */
json_t *peer_entry_new(const struct peer_claim *claims, size_t n, usec_t wall);
/* Whether it says the same, but for when it was told. */
bool peer_entry_same(const json_t *a, const json_t *b);
/* By the wall clock; USEC_NEVER: it does not say. */
usec_t peer_entry_told(const json_t *entry);
