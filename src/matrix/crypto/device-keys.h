/* The keys of one device, as its owner publishes them: in /keys/query, or inside a message that it sends. */
#pragma once

#include <jansson.h>

#include "core/base.h"

/* Borrowed from the object that they were read from. */
struct device_keys {
        const char *user_id, *device_id;
        const char *curve25519, *ed25519;
        const json_t *object;
};

/* Reads them, without looking at signatures: for those that were checked before. -EBADMSG: they are none. */
int device_keys_parse(const json_t *object, struct device_keys *ret);
/* Reads them and checks that the device has signed them itself. -EBADMSG: they are none, or not signed so; -ENOMEM.
 * Whether they are those of somebody, and whether that user knows the device, is the caller's to compare. */
int device_keys_read(const json_t *object, struct device_keys *ret);

/* Whether the user's self-signing key has signed them: 1 or 0; -ENOMEM. */
int device_keys_are_cross_signed(const struct device_keys *k, const char *self_signing_key);
