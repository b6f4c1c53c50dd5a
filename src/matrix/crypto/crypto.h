/* Olm and Megolm as a device that only receives needs them: keys of the device, sessions, and signatures. One contract
 * with two implementations, vodozemac/ and libolm/, of which the build takes one; what is done with it lies beside
 * this file and does not know which. No decisions are here, no clock and no disk; random numbers are the library's
 * own.
 *
 * Keys, signatures, messages and pickles are texts in base64 without padding, as Matrix has them. Whatever comes in
 * may be hostile. A call that fails returns a negative errno, has changed nothing and leaves its ret_ parameters
 * alone: -EBADMSG for what cannot be used (broken, forged, of another session, of a message key that is gone),
 * -ENOPKG where the library is not installed, or -ENOMEM, after which alone a message may be lost. */
#pragma once

#include "core/base.h"

#define CRYPTO_SECRET_BYTES   32 /* a seed of Ed25519, and what pickles are encrypted with */
#define CRYPTO_KEY_TEXT       44 /* a public key, a session id: 32 bytes as text, and its NUL */
#define CRYPTO_SIGNATURE_TEXT 87 /* 64 bytes as text, and its NUL */
#define CRYPTO_KEY_ID_TEXT    16
#define CRYPTO_SAS_BYTES      6 /* what is compared */

/* Longer ciphertexts do not come: an event has 64 kB at most. */
#define CRYPTO_MESSAGE_BYTES_MAX (UINT32_C(64) << 10)

/* What was read out of a message, or a pickle. The owner ends it with crypto_text_done(), which wipes it. */
struct crypto_text {
        char *data; /* followed by a NUL; there may be others in it */
        size_t size;
};
void crypto_text_done(struct crypto_text *t); /* leaves zeroes; nothing to do for zeroes */
static inline void crypto_text_done_scoped(struct crypto_text *t) {
        crypto_text_done(t);
}

/* "vodozemac" or "libolm". */
const char *crypto_library(void);

/* ---- the account: the keys of this device ---- */

struct crypto_account;

int crypto_account_new(struct crypto_account **ret);
struct crypto_account *crypto_account_free(struct crypto_account *a); /* NULL is fine; returns NULL, as all below */
CLEANUP(struct crypto_account, crypto_account_free);
int crypto_account_pickle(struct crypto_account *a, const uint8_t key[CRYPTO_SECRET_BYTES], struct crypto_text *ret);
/* Pickles of one library are nothing to the other one: -EBADMSG, as with another key. */
int crypto_account_unpickle(struct crypto_account **ret, const uint8_t key[CRYPTO_SECRET_BYTES], const char *pickle);

/* The public keys that the device is known by. */
int crypto_account_keys(struct crypto_account *a, char ret_curve25519[CRYPTO_KEY_TEXT],
                        char ret_ed25519[CRYPTO_KEY_TEXT]);
int crypto_account_sign(struct crypto_account *a, const void *data, size_t size, char ret[CRYPTO_SIGNATURE_TEXT]);

struct crypto_public_key {
        char id[CRYPTO_KEY_ID_TEXT];
        char key[CRYPTO_KEY_TEXT]; /* Curve25519 */
};
/* New one-time keys. The account keeps a number of them (libolm 100, vodozemac 5000) and drops the oldest ones. */
int crypto_account_generate(struct crypto_account *a, size_t n);
/* A new fallback key; the one before is kept until crypto_account_forget_fallback(). */
int crypto_account_generate_fallback(struct crypto_account *a);
void crypto_account_forget_fallback(struct crypto_account *a);
/* Those that were not published yet: how many of at most `max`, or a negative errno. */
int crypto_account_one_time_keys(struct crypto_account *a, struct crypto_public_key *ret, size_t max);
int crypto_account_fallback_key(struct crypto_account *a, struct crypto_public_key *ret); /* 1, or 0: there is none */
/* All of these are published. */
void crypto_account_published(struct crypto_account *a);

/* ---- Olm: what one other device sends to this one ---- */

struct crypto_session;

enum { CRYPTO_OLM_PREKEY = 0, CRYPTO_OLM_NORMAL = 1 }; /* the `type` of a message */

/* The session that a prekey message of the device `sender_key` begins, and what is in that message. Its one-time key
 * is used up only then: a forged message costs none. */
int crypto_account_inbound(struct crypto_account *a, const char *sender_key, const char *body,
                           struct crypto_session **ret, struct crypto_text *ret_plaintext);
/* One that begins here. */
int crypto_account_outbound(struct crypto_account *a, const char *their_key, const char *their_one_time_key,
                            struct crypto_session **ret);

struct crypto_session *crypto_session_free(struct crypto_session *s);
CLEANUP(struct crypto_session, crypto_session_free);
/* Whether a prekey message belongs to this session: 1 or 0; -EBADMSG: it is none. */
int crypto_session_matches(struct crypto_session *s, const char *body);
int crypto_session_decrypt(struct crypto_session *s, int type, const char *body, struct crypto_text *ret);
int crypto_session_encrypt(struct crypto_session *s, const void *data, size_t size, int *ret_type,
                           struct crypto_text *ret);
int crypto_session_pickle(struct crypto_session *s, const uint8_t key[CRYPTO_SECRET_BYTES], struct crypto_text *ret);
int crypto_session_unpickle(struct crypto_session **ret, const uint8_t key[CRYPTO_SECRET_BYTES], const char *pickle);

/* ---- Megolm: what one other device sends to a room ---- */

struct crypto_megolm;

/* From the session_key of m.room_key; its own signature is checked. */
int crypto_megolm_new(struct crypto_megolm **ret, const char *session_key);
struct crypto_megolm *crypto_megolm_free(struct crypto_megolm *m);
CLEANUP(struct crypto_megolm, crypto_megolm_free);
int crypto_megolm_id(struct crypto_megolm *m, char ret[CRYPTO_KEY_TEXT]);
/* Messages before this one cannot be read. */
uint32_t crypto_megolm_first_index(struct crypto_megolm *m);
/* The index is the number of the message in its session: who checks for replays needs it. */
int crypto_megolm_decrypt(struct crypto_megolm *m, const char *body, struct crypto_text *ret, uint32_t *ret_index);
/* Whatever was decrypted meanwhile, a pickle decrypts all from the first index on. */
int crypto_megolm_pickle(struct crypto_megolm *m, const uint8_t key[CRYPTO_SECRET_BYTES], struct crypto_text *ret);
int crypto_megolm_unpickle(struct crypto_megolm **ret, const uint8_t key[CRYPTO_SECRET_BYTES], const char *pickle);

/* ---- two devices whose users compare a few emoji: keys for one time, and what follows from both ---- */

struct crypto_sas;

int crypto_sas_new(struct crypto_sas **ret);
struct crypto_sas *crypto_sas_free(struct crypto_sas *s);
CLEANUP(struct crypto_sas, crypto_sas_free);
/* Our key; before crypto_sas_agree(). */
int crypto_sas_key(struct crypto_sas *s, char ret[CRYPTO_KEY_TEXT]);
/* Once, with theirs. -EBADMSG: it is none. */
int crypto_sas_agree(struct crypto_sas *s, const char *their_key);
/* -EBADMSG before that, both. */
int crypto_sas_bytes(struct crypto_sas *s, const char *info, uint8_t ret[CRYPTO_SAS_BYTES]);
int crypto_sas_mac(struct crypto_sas *s, const char *input, const char *info, char ret[CRYPTO_KEY_TEXT]);

/* ---- Ed25519 ---- */

/* 0: `signature` is `key`'s for these bytes. */
int crypto_verify(const char *key, const void *data, size_t size, const char *signature);
int crypto_seed_public(const uint8_t seed[CRYPTO_SECRET_BYTES], char ret[CRYPTO_KEY_TEXT]);
int crypto_seed_sign(const uint8_t seed[CRYPTO_SECRET_BYTES], const void *data, size_t size,
                     char ret[CRYPTO_SIGNATURE_TEXT]);
