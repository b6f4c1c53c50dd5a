/* The Olm sessions that other devices have begun with this one, and reading what comes by them.
 *
 * This device never answers, so a sender's messages stay prekey messages for ever: any of them can begin the session.
 * Order is by use, without a clock. */
#pragma once

#include "matrix/crypto/crypto.h"

#define OLM_SESSIONS_PER_KEY_MAX 4 /* the least that the specification asks for */
#define OLM_KEYS_MAX             500
#define OLM_KEYS_PER_USER_MAX    50 /* a user's devices; so that none can push out all others */

struct olm_box;

/* The account is borrowed, and loses the one-time keys that are used. */
int olm_box_new(struct olm_box **ret, struct crypto_account *account);
struct olm_box *olm_box_free(struct olm_box *b);
CLEANUP(struct olm_box, olm_box_free);

enum olm_outcome {
        OLM_READ,
        OLM_REPEATED,   /* a prekey message of a session that has read it before: to be dropped quietly */
        OLM_UNREADABLE, /* no session and no key for it: the sender's session may be broken */
};
/* Reads a message that the device `sender_key` of `user_id` sent: an outcome, or -ENOMEM. Only OLM_READ changes
 * anything, and sets *ret; it is to be written to disk before the message is forgotten. */
int olm_box_read(struct olm_box *b, const char *user_id, const char *sender_key, int type, const char *body,
                 struct crypto_text *ret);

/* A session that was begun here, to heal; the box owns it from now on, also when this fails (-ENOMEM). */
int olm_box_put(struct olm_box *b, const char *user_id, const char *sender_key, struct crypto_session *s);

/* To look at all of them, for storage, least recently used first: `i` from 0 until NULL. */
struct olm_box_entry {
        char *user_id;
        char sender_key[CRYPTO_KEY_TEXT];
        struct crypto_session *session;
        char *pickle; /* as it was stored; NULL: it has changed since */
};
struct olm_box_entry *olm_box_at(struct olm_box *b, size_t i);
