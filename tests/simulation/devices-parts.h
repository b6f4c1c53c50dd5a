/* What devices.c and comparing.c share. */
#pragma once

#include "devices.h"
#include "locks.h"
#include "matrix/crypto/crypto.h"
#include "matrix/crypto/receiver.h"
#include "state/crypto-store.h"

#define ROOMS_MAX    2
#define PARTNERS_MAX 12 /* devices of busyd, of all sessions so far: the newest ones */
#define PENDING_MAX  64

/* Each of the user's identities has its seeds by its number. */
struct identity {
        uint8_t master[CRYPTO_SECRET_BYTES], self_signing[CRYPTO_SECRET_BYTES];
        char master_key[CRYPTO_KEY_TEXT], self_signing_key[CRYPTO_KEY_TEXT];
};

/* A device of busyd, as a sender knows it. */
struct partner {
        char device[64];
        struct crypto_session *session; /* NULL: to be begun */
        bool lost;                      /* the other side cannot read it, until it is healed */
};

/* The session of a room, and whom its key was given to. */
struct room_session {
        struct lock lock;
        bool begun;
        bool mute; /* the key is given to nobody */
        bool slow; /* ... comes late */
        struct {
                char device[64];
                usec_t at; /* it is there from then on; USEC_NEVER: it is not given */
        } given[PARTNERS_MAX];
        size_t n_given;
};

struct speaker {
        const char *user, *id;
        struct crypto_account *account;
        char curve25519[CRYPTO_KEY_TEXT], ed25519[CRYPTO_KEY_TEXT];
        json_t *keys;
        bool strict; /* gives no keys to devices that are not signed */
        bool plain;  /* its messages do not say which keys its device has */
        struct partner partners[PARTNERS_MAX];
        size_t n_partners;
        struct room_session rooms[ROOMS_MAX];
};

struct devices {
        struct model *model;
        struct chance chance, manners; /* manners: of how sessions are verified */
        unsigned reset_percent;        /* before a call */
        struct identity identity;
        struct speaker caller, phone;
        char rooms[ROOMS_MAX][32];
        size_t n_rooms;
        struct {
                usec_t at;
                char device[64];
                json_t *event;
        } pending[PENDING_MAX];
        size_t n_pending;
        struct {
                char device[64];
                usec_t since; /* signed by the identity of now; USEC_NEVER: not */
                usec_t until; /* ... that it was last */
                bool never;   /* it was introduced to be compared, and has not been signed yet */
        } ours[PARTNERS_MAX];
        size_t n_ours;
        uint64_t looked; /* the model as it was judged last */
        struct devices_counters counters;
};

/* As busyctl asks; NULL: it is not answered, or refused. */
json_t *devices_ask(struct devices *d, const char *device, const char *method, const char *path, const json_t *body);
bool devices_save(const char *state_dir, const char *account, struct crypto_store *store, struct receiver *r);
void devices_new_key(struct devices *d, struct crypto_store *store, const char *device);
/* From now on it may be there with keys that nobody has signed. */
void devices_introduce(struct devices *d, const char *device);
/* The user's phone signs it. */
void devices_sign(struct devices *d, const char *device);
