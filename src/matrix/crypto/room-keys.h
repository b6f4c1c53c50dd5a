/* The keys of rooms that other devices have given to this one, each with whose it is.
 *
 * A key is unproven while it is not known to whose device it came from: whoever sent it did not say so in the message,
 * and the server is to be asked. An unproven key reads nothing. It stands in its place, so that it is not lost when we
 * end before the answer comes. */
#pragma once

#include "matrix/crypto/crypto.h"
#include "matrix/crypto/device-keys.h"
#include "matrix/crypto/digest.h"

#define ROOM_KEYS_MAX          1000
#define ROOM_KEYS_PER_USER_MAX 250 /* so that one sender cannot push out those of all others */
/* Senders take a new key after 100 messages or a week: the newest ones of a sender in a room stay, others for a while.
 */
#define ROOM_KEYS_NEWEST     4
#define ROOM_KEYS_KEPT_USEC  (UINT64_C(8) * 24 * USEC_PER_HOUR)
#define ROOM_KEY_INDICES_MAX 128

struct room_keys;

/* Who has sent a key. Strings are borrowed. */
struct room_key_sender {
        const char *user_id;
        const char *sender_key; /* Curve25519, of the Olm session that it came by */
        const char *ed25519;    /* as the message says */
        const char *device_id;  /* NULL: unproven */
        bool cross_signed;      /* the user's identity has signed the device */
};

struct room_key {
        char *room_id, *user_id, *device_id; /* device_id NULL: unproven */
        char session_id[CRYPTO_KEY_TEXT];
        char sender_key[CRYPTO_KEY_TEXT], ed25519[CRYPTO_KEY_TEXT];
        bool cross_signed;
        bool held; /* of a call that is going on: neither age nor number ends it */
        usec_t since_wall;
        struct crypto_megolm *megolm;
        char *pickle; /* as it is stored, which reading does not change; NULL: not made yet */
        struct room_key_index {
                uint32_t index;
                int64_t origin_server_ts;
                struct digest event_id;
        } * indices; /* what was read by it, to know replays; in memory only */
        size_t n_indices;
        uint32_t indices_floor; /* lower ones were forgotten */
};

int room_keys_new(struct room_keys **ret);
struct room_keys *room_keys_free(struct room_keys *k);
CLEANUP(struct room_keys, room_keys_free);

enum room_key_outcome {
        ROOM_KEY_TAKEN,   /* new, or reads more than the one that was there */
        ROOM_KEY_KNOWN,   /* the one that is there reads as much */
        ROOM_KEY_FOREIGN, /* that session is another device's: refused */
        ROOM_KEY_BROKEN,  /* no key, or not that of the session that it is said to be of: refused */
};
/* Takes the content of an m.room_key: an outcome, or -ENOMEM. */
int room_keys_take(struct room_keys *k, const json_t *content, const struct room_key_sender *s, usec_t wall);

/* The key of a session of a room; NULL: none. Borrowed until the next change. */
struct room_key *room_keys_find(struct room_keys *k, const char *room_id, const char *session_id);

/* These are the keys of one device of a user, and whether the user's identity signs it: proves the keys that came from
 * it. Returns whether anything changed, or -ENOMEM. */
int room_keys_prove(struct room_keys *k, const struct device_keys *d, bool cross_signed);
/* The user has no such device: ends what it seemed to have sent. Returns whether anything changed. */
bool room_keys_disprove(struct room_keys *k, const char *user_id, const char *sender_key, const char *ed25519);

/* Ends those that are too old. Returns whether anything changed. */
bool room_keys_run(struct room_keys *k, usec_t wall);

/* Whether a message of that number was read as another event before: 1, or 0, and it is remembered then; -ENOMEM. */
int room_key_is_replay(struct room_key *key, uint32_t index, const char *event_id, int64_t origin_server_ts);

/* To look at all of them: `i` from 0 until NULL. */
struct room_key *room_keys_at(struct room_keys *k, size_t i);
/* A key from storage, owned by the table from now on. */
void room_keys_put(struct room_keys *k, struct room_key *e);
struct room_key *room_key_free(struct room_key *e);
CLEANUP(struct room_key, room_key_free);
