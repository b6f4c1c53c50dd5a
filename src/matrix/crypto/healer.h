/* The one thing that this device ever sends: an empty message by a new Olm session, to a device whose own session
 * cannot be read here any more. It uses that one from then on. */
#pragma once

#include <jansson.h>

#include "matrix/crypto/crypto.h"
#include "matrix/crypto/device-keys.h"

/* Of an answer of /keys/claim, the key of that device; checked to be signed by it. -EBADMSG: it has none; -ENOMEM.
 * Borrowed. */
int healer_claimed(const json_t *answer, const struct device_keys *device, const char **ret_key);

/* Begins a session with that key and makes the content of the message to it. `own` are our keys as the server has
 * them, with the signature of the user's identity. Both results are the caller's. */
int healer_begin(struct crypto_account *account, const struct device_keys *own, const struct device_keys *device,
                 const char *key, struct crypto_session **ret_session, json_t **ret_content);
