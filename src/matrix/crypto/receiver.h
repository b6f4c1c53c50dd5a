/* The device that only receives: all that it knows, fed with what the server says. Pure: facts come in with the
 * instant of their turn, and receiver_decide() names the one thing that is to be done next; its owner carries it out.
 *
 * It never sends to a room, only empty messages to devices whose sessions are to be healed, and never uploads keys of
 * a device: those that it was verified with are on the server already, signed. What others gave it is written to disk
 * before the server may forget it: while receiver_decide() says RECEIVER_SAVE, the position of /sync must neither be
 * stored nor used. */
#pragma once

#include "matrix/crypto/crypto.h"
#include "matrix/crypto/own.h"
#include "matrix/crypto/room-event.h"

#define RECEIVER_WANTED_MAX 500 /* users who could call */
#define RECEIVER_ASKED_MAX  50  /* users in one query */

struct receiver;

/* A new device, with keys that nobody knows yet. `master` is the user's identity as they proved it. */
int receiver_new(struct receiver **ret, const char *user_id, const char *device_id, const char *master,
                 const struct instant *at);
struct receiver *receiver_free(struct receiver *r);
CLEANUP(struct receiver, receiver_free);

/* The one upload that makes the device known: its keys, already signed by the user's identity, with the first keys for
 * others to begin sessions with, in one request. Store the receiver before it is sent: if what becomes of it is not
 * known, receiver_decide() finds out. `seed` is that of the user's self-signing key; NULL: another device of theirs
 * is about to sign it, and until it has, whoever calls this is to see to it that this device ends with them; if they
 * cannot, receiver_facts() says what became of it. Then receiver_uploaded(). */
int receiver_introduce(struct receiver *r, const uint8_t seed[CRYPTO_SECRET_BYTES], const struct instant *at,
                       json_t **ret_body);

/* The server has shown the signature to whoever was to see to it: stored like all else. */
void receiver_is_signed(struct receiver *r);

/* The user's identity is another one than it was: they have proved it again. Stored like all else. */
int receiver_pin(struct receiver *r, const char *master);
/* The signature of that identity alone, for POST /keys/signatures/upload, where the keys are on the server already. */
int receiver_sign_again(const struct receiver *r, const uint8_t seed[CRYPTO_SECRET_BYTES], json_t **ret_body);

/* ---- storage ---- */

/* All that is to be kept, encrypted where it is secret; what has not changed since the last time costs nothing. The
 * caller owns it. -ENOMEM. */
int receiver_store(struct receiver *r, const uint8_t key[CRYPTO_SECRET_BYTES], json_t **ret);
/* From what was stored. -EBADMSG: broken, of another library, or of a newer version; -EKEYREJECTED: of another key;
 * -ENOMEM. A session that cannot be read costs itself alone. Of the first answer after this the counts of keys are not
 * believed: it may be the one of before. */
int receiver_load(struct receiver **ret, const json_t *stored, const uint8_t key[CRYPTO_SECRET_BYTES],
                  const struct instant *at);

/* ---- facts ---- */

/* Of whom messages are read, besides those of our own devices; of others they are ignored unread. Copied. NULL: of
 * everybody, while it is not known who that is. */
int receiver_want(struct receiver *r, const char *const *user_ids, size_t n);

/* Which rooms matter: keys of others for other rooms are not kept. Without it, all do. */
struct receiver_scope {
        bool (*has_room)(void *userdata, const char *room_id);
        bool (*is_live)(void *userdata, const char *room_id); /* a call goes on there: its keys are kept */
        void *userdata;
};
void receiver_set_scope(struct receiver *r, const struct receiver_scope *scope);

/* Where nothing is to be read: what comes is passed over, no keys are made, and of what receiver_decide() names only
 * the own identity is left, and storing what became of that. */
void receiver_set_deaf(struct receiver *r, bool deaf);

/* Parts of one answer of /sync; any may be NULL. */
struct receiver_sync {
        const json_t *to_device;            /* the events: an array */
        const json_t *one_time_key_counts;  /* device_one_time_keys_count */
        const json_t *unused_fallback_keys; /* device_unused_fallback_key_types */
        const json_t *changed;              /* device_lists.changed */
};
/* Before the timelines of the same answer. -ENOMEM: to be given again. */
int receiver_take_sync(struct receiver *r, const struct receiver_sync *sync, const struct instant *at);

/* Whose devices have changed before the next answer of /sync is not known: it may be anybody. */
void receiver_doubt_devices(struct receiver *r);

/* Whether a new key of a room has come since the last time: what it reads may be about to come. */
bool receiver_took_key(struct receiver *r);

/* Reads an encrypted event, or keeps it for when its key comes: a verdict or -ENOMEM, as room_event_read(). */
int receiver_read(struct receiver *r, const struct matrix_event *e, const struct instant *at,
                  struct room_plaintext *ret);
/* A key has come since, so that one of the events that were kept may be readable. */
bool receiver_may_read_late(const struct receiver *r);
/* One that can be read now: 1, or 0; -ENOMEM: once more later. *ret borrows from *ret_event. */
struct late_event;
int receiver_read_late(struct receiver *r, const struct instant *at, struct late_event *ret_event,
                       struct room_plaintext *ret);

/* One that was kept and went for want of room: 1, or 0. */
int receiver_take_lost(struct receiver *r, usec_t now, struct late_event *ret);

/* An event that was kept has its key, and of whom that is the server is being asked, or is about to be. */
bool receiver_awaits(const struct receiver *r, usec_t now);

/* What has followed the events of a room that are kept for when their key comes is not known; NULL: of any room. */
void receiver_tear_late(struct receiver *r, const char *room_id);

/* ---- what is to be done ---- */

enum receiver_step {
        RECEIVER_IDLE,
        RECEIVER_SAVE,   /* receiver_store(), and on disk */
        RECEIVER_UPLOAD, /* POST /keys/upload */
        RECEIVER_QUERY,  /* POST /keys/query */
        RECEIVER_CLAIM,  /* POST /keys/claim */
        RECEIVER_SEND,   /* PUT /sendToDevice/m.room.encrypted/TXN */
};
struct receiver_order {
        enum receiver_step step;
        json_t *body;   /* of the request; the caller's */
        char txn[33];   /* with RECEIVER_SEND */
        usec_t wake_at; /* when to ask again if nothing comes in */
};
/* Also does what is due by itself. -ENOMEM. */
int receiver_decide(struct receiver *r, const struct instant *at, struct receiver_order *ret);
/* The same while the server cannot be asked: RECEIVER_SAVE or RECEIVER_IDLE. What is asked for once it can is then of
 * all that has come until then. */
int receiver_decide_unasked(struct receiver *r, const struct instant *at, struct receiver_order *ret);

/* What became of the last order. An answer that is none counts as a failure. */
void receiver_saved(struct receiver *r);
int receiver_uploaded(struct receiver *r, const json_t *answer, const struct instant *at);
int receiver_queried(struct receiver *r, const json_t *answer, const struct instant *at);
int receiver_claimed(struct receiver *r, const json_t *answer, const struct instant *at);
void receiver_sent(struct receiver *r);
/* Not before then again. */
void receiver_failed(struct receiver *r, usec_t retry_at);
/* ... and it may have arrived all the same. */
void receiver_lost(struct receiver *r, usec_t retry_at);
/* The server has understood it and will not have it: asking the same again at once would be no use. A message and a
 * claim are given up, the rest waits for an hour. */
int receiver_refused(struct receiver *r, const struct instant *at);

/* A person asks for it: every wait is over. */
void receiver_retry(struct receiver *r);
/* The server answers again: what has failed is tried again then, what it has refused is not. */
void receiver_answers_again(struct receiver *r, usec_t not_before);

/* ---- to be seen ---- */

struct receiver_facts {
        enum own_state own;
        usec_t unsigned_since_wall; /* OWN_UNSIGNED since then, also over restarts; 0: it is not */
        bool never_signed;          /* ... as it was introduced, and has been ever since */
        usec_t own_again_at;        /* ... and asked again from then on */
        bool keys_refused;          /* the server does not take our one-time keys: it may have others of this device */
        size_t n_room_keys;
        size_t n_withholding; /* users who withhold keys */
        size_t n_waiting;     /* events without their key */
        size_t n_refused;     /* messages to this device that were not what they said, since the start */
        size_t n_unreadable;  /* ... that no session could read */
};
struct receiver_facts receiver_facts(const struct receiver *r);
void receiver_own_keys(const struct receiver *r, struct own_device *ret); /* borrowed */
