/* Secret storage: what the user has on the server under a recovery key or passphrase (specification, "Secrets").
 * Opened for a moment, to verify this device; nothing of it is kept. Whoever holds a result wipes it. Pure, but slow:
 * a passphrase takes a good part of a second. */
#pragma once

#include <jansson.h>

#include "matrix/crypto/crypto.h"

/* More rounds than anybody asks for: a server must not keep us busy for hours. */
#define PASSPHRASE_ITERATIONS_MAX 10000000

/* A recovery key as people write it down, with spaces wherever they are. -EBADMSG: it is none, or mistyped. */
int recovery_key_read(const char *text, uint8_t ret[CRYPTO_SECRET_BYTES]);

/* The key of the storage from what the user gave: a recovery key if it looks like one, else the passphrase if the
 * storage has one. `description` is the account data m.secret_storage.key.ID. -EBADMSG: it is neither; -EOPNOTSUPP:
 * the storage is of a kind that is not known here; -EKEYREJECTED: it is not the one of this storage. Where the storage
 * does not say how to tell, whatever has the form is taken. */
int secret_storage_unlock(const json_t *description, const char *input, uint8_t ret[CRYPTO_SECRET_BYTES]);

/* The seed of a key of the user's identity, m.cross_signing.self_signing or m.cross_signing.master, out of the account
 * data of that name. -ENOENT: it is not stored under this key; -EBADMSG: it is broken, or was not encrypted with this
 * key. */
int secret_storage_seed(const json_t *account_data, const char *name, const char *key_id,
                        const uint8_t key[CRYPTO_SECRET_BYTES], uint8_t ret[CRYPTO_SECRET_BYTES]);

/* Whether these are the seeds of the identity that the server shows (an answer of /keys/query): 0, or -EKEYREJECTED,
 * as when it shows another one than the user's. */
int secret_storage_prove(const json_t *answer, const char *user_id, const uint8_t master[CRYPTO_SECRET_BYTES],
                         const uint8_t self_signing[CRYPTO_SECRET_BYTES]);
