/* The library of encryption (src/matrix/crypto/crypto.h) of simulated worlds, which a seed repeats: locks.c says what
 * it is like. What only senders need is here. */
#pragma once

#include "door.h"
#include "matrix/crypto/crypto.h"

/* Its random numbers from now on. */
void locks_seed(uint64_t seed);

/* What encrypts for a room. */
struct lock {
        char id[CRYPTO_KEY_TEXT];
        uint32_t next;
};
void lock_new(struct lock *l);
/* As in m.room_key: the key from the next message on. */
struct crypto_text lock_key(const struct lock *l);
struct crypto_text lock_encrypt(struct lock *l, const char *plaintext);
