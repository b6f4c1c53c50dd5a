/* The user's identity and the secret storage that opens it, as another client has made them
 * (tests/unit/data/crypto/record-storage.mjs): with a recovery key alone, or with a passphrase. */
#pragma once

#include "matrix/crypto/crypto.h"
#include "system/harness.h"

#define MASTER       "m.cross_signing.master"
#define SELF_SIGNING "m.cross_signing.self_signing"

/* What is recorded, from load_recorded() to drop_recorded(). */
extern json_t *recorded;
void load_recorded(void);
void drop_recorded(void);

const char *recovery_key(void);

struct seeds {
        uint8_t master[CRYPTO_SECRET_BYTES], self_signing[CRYPTO_SECRET_BYTES];
};
struct seeds seeds_of_recording(void);
/* Adds the signature of the user by that key. */
void sign_as_user(json_t *object, const uint8_t seed[CRYPTO_SECRET_BYTES]);

/* {master_key, self_signing_key}, a new reference. */
json_t *identity_of(const struct seeds *s);
/* As the user's other client has uploaded it. */
void set_identity(struct world *w, const struct seeds *s);
/* What opens it: "RECOVERY" or "PASSPHRASE". */
void set_recovery(struct world *w, const char *id);
/* Both. */
void user_has_recovery(struct world *w);

/* busyctl verify, with that typed. */
struct run verify_with(struct world *w, const char *input);
/* A file with it; borrowed until the next path of the world. */
const char *key_file(struct world *w, const char *input);
