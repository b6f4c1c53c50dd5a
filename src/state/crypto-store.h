/* What an account's device for encrypted rooms is on disk: STATE/crypto-NAME.json, 0600, written whole and flushed. It
 * is the receiver of matrix/crypto, which is encrypted where it is secret, and the key to that: in the file, whose
 * mode is then all that protects it, or in the keyring where the tokens of the session are.
 *
 * There is one device, so there must never be two that use the file, nor an old copy of it: whoever reads it holds the
 * lock until it has no more use for what it has read. */
#pragma once

#include <jansson.h>

#include "core/base.h"

#define CRYPTO_STORE_KEY 32

struct crypto_store {
        char *user_id, *device_id; /* whose receiver it is: of another device it is of no use */
        char *keyring_id;          /* the item of the keyring with the key; NULL: it is here */
        uint8_t key[CRYPTO_STORE_KEY];
        bool has_key; /* false after reading where the keyring has it: crypto_store_take_key() */
        json_t *receiver;
};

void crypto_store_done(struct crypto_store *s); /* wipes the key; leaves zeroes */
static inline void crypto_store_done_scoped(struct crypto_store *s) {
        crypto_store_done(s);
}

/* *ret is overwritten. -ENOENT: there is none; -EPERM: a link, not ours, or open to others; -EBADMSG: broken, too
 * large or of a newer busyd; -EINVAL: no such name can be; -ENOMEM. */
int crypto_store_load(const char *state_dir, const char *name, struct crypto_store *ret);
/* On disk when it returns 0; else what was there stands. Needs all of `s` but the keyring_id, whose key it leaves out.
 * Makes the folder if it is missing. */
int crypto_store_save(const char *state_dir, const char *name, const struct crypto_store *s);
int crypto_store_remove(const char *state_dir, const char *name);
/* Under another name, which is returned for people; the caller frees. -ENOENT: there is none. */
int crypto_store_set_aside(const char *state_dir, const char *name, char **ret);
bool crypto_store_exists(const char *state_dir, const char *name);
/* When it was written, by the clock of its disk; 0: there is none. */
usec_t crypto_store_written(const char *state_dir, const char *name);

/* Nobody else has it until it is unlocked, or its owner has ended. -EBUSY: somebody has it. */
int crypto_store_lock(const char *state_dir, const char *name);
int crypto_store_lock_wait(const char *state_dir, const char *name, usec_t max); /* see file_lock_wait() */
void crypto_store_unlock(int lock);                                              /* below 0: nothing to do */

/* A key that nobody has had. */
int crypto_store_new_key(struct crypto_store *s);
/* The key as the keyring has it, for erase_and_free(); and back: -EBADMSG, that is none. */
int crypto_store_key_text(const struct crypto_store *s, char **ret);
int crypto_store_take_key(struct crypto_store *s, const char *text);
/* What people see of it in their keyring; of the user id. */
#define CRYPTO_STORE_LABEL "busyd: %s (encrypted calls)"
