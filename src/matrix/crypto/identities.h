/* Which devices users have, and which of them their identities sign, as the server and their signatures say. Only
 * users who sent something are asked about, and only what is known is kept: no list of devices is tracked.
 *
 * A user's master key is pinned at first sight, our own by verifying. While another one is shown, no device of that
 * user counts as signed. */
#pragma once

#include <jansson.h>

#include "core/base.h"
#include "matrix/crypto/device-keys.h"

#define IDENTITIES_MAX       500
#define IDENTITY_DEVICES_MAX 200 /* of one user */

struct identities;

/* `me` is ourselves, who are never forgotten to make room for others. */
int identities_new(struct identities **ret, const char *me);
struct identities *identities_free(struct identities *ids);
CLEANUP(struct identities, identities_free);

/* Takes what an answer of /keys/query says of a user: of each device what is named after it, is the user's and is
 * signed by itself. -EBADMSG: the answer does not speak of that user; -ENOMEM. */
int identities_take(struct identities *ids, const json_t *answer, const char *user_id);
/* The user's devices may have changed: what is known of them is not known any more. Whether there was anything. */
bool identities_forget(struct identities *ids, const char *user_id);

/* The same of all users. */
void identities_forget_all(struct identities *ids);

/* Whether it is known which devices a user has. */
bool identities_know(const struct identities *ids, const char *user_id);
/* The device of a user with these keys (`ed25519` NULL: whatever that one is): 1, 0 if that user has none, or -ENOENT
 * if the user is not known. *ret is borrowed until the next change. */
int identities_find(const struct identities *ids, const char *user_id, const char *curve25519, const char *ed25519,
                    struct device_keys *ret);
/* Whether the identity of its owner signs the device, 1 or 0; without knowing that user: no. -ENOMEM. */
int identities_sign(const struct identities *ids, const struct device_keys *k);

/* From now on this is the user's master key. */
int identities_pin(struct identities *ids, const char *user_id, const char *master);
/* The key that signs the user's devices, itself signed by the pinned master key; NULL: there is none, or it is not
 * known. */
const char *identities_self_signing(const struct identities *ids, const char *user_id);
