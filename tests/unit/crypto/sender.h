/* A device of somebody else, for tests: it says what it should, and whatever else the test wants. */
#pragma once

#include <jansson.h>

#include "crypto/peer.h"

#define ME        "@alice:example.org"
#define MY_DEVICE "BUSYD"

/* The device that receives: an account of the product. */
struct receiver_keys {
        struct crypto_account *account;
        char curve25519[CRYPTO_KEY_TEXT], ed25519[CRYPTO_KEY_TEXT];
};
void receiver_keys_make(struct receiver_keys *r);
void receiver_keys_done(struct receiver_keys *r);
/* A new one-time key of it. */
void receiver_keys_one_time(struct receiver_keys *r, char ret[CRYPTO_KEY_TEXT]);

struct sender {
        const char *user_id, *device_id;
        struct crypto_account *account;
        struct crypto_session *session;
        struct peer_room *room;
        char curve25519[CRYPTO_KEY_TEXT], ed25519[CRYPTO_KEY_TEXT], room_session[CRYPTO_KEY_TEXT];
        json_t *device_keys; /* signed by itself */
};
void sender_make(struct sender *s, const char *user_id, const char *device_id);
void sender_done(struct sender *s);
/* Begins an Olm session with that one-time key. */
void sender_begin(struct sender *s, const struct receiver_keys *to, const char *one_time_key);

/* Signs an object again, after the test has changed it. */
void sender_sign(const struct sender *s, json_t *object);

/* What it says by Olm, with all that the specification asks for, as js and go do; `content` is stolen. */
json_t *sender_says(const struct sender *s, const struct receiver_keys *to, const char *type, json_t *content);
/* Takes `v` with it. The message's type goes to *ret_type, which may be NULL. */
struct crypto_text sender_encrypt(struct sender *s, json_t *v, int *ret_type);

/* A new Megolm session, and the content of its m.room_key. */
json_t *sender_room_key(struct sender *s, const char *room_id);
json_t *sender_room_key_from_here(struct sender *s, const char *room_id);
/* The content of an m.room.encrypted; takes `v` with it. */
json_t *sender_room_encrypt(struct sender *s, json_t *v);
