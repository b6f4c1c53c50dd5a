/* What receiver.c, receiver-steps.c and receiver-store.c share of a receiver. */
#pragma once

#include "matrix/crypto/heal.h"
#include "matrix/crypto/identities.h"
#include "matrix/crypto/late.h"
#include "matrix/crypto/olm-box.h"
#include "matrix/crypto/query-limit.h"
#include "matrix/crypto/receiver.h"
#include "matrix/crypto/repeats.h"
#include "matrix/crypto/stock.h"
#include "matrix/crypto/withheld.h"

#define OLM    "m.olm.v1.curve25519-aes-sha2"
#define SIGNED "signed_curve25519" /* one-time and fallback keys */

/* A message that was decrypted, and then there was no memory for what it says: no session decrypts it once more. So
 * it waits here until the server gives it again, and until then nothing of the receiver is stored: after a restart the
 * sessions are as they were before it. */
struct half {
        struct digest of;
        char sender_key[CRYPTO_KEY_TEXT]; /* of the session */
        struct crypto_text text;          /* no data: there is none */
};

struct receiver {
        char *user_id, *device_id;
        char curve25519[CRYPTO_KEY_TEXT], ed25519[CRYPTO_KEY_TEXT];
        char master[CRYPTO_KEY_TEXT];
        struct crypto_account *account;
        struct olm_box *olm;
        struct room_keys *rooms;
        struct identities *identities;
        struct late *late;
        struct withheld *withheld;
        struct repeats repeats;
        struct half half;
        struct stock stock;
        char **wanted;
        size_t n_wanted;
        bool wants_all;
        bool deaf; /* nothing is to be read */
        struct receiver_scope scope;

        enum own_state own;
        usec_t own_again_at;        /* unsigned: what a server says for a moment is asked once more */
        usec_t unsigned_since_wall; /* kept on disk; 0: it was not seen without its signature */
        bool never_signed;          /* its keys went to the server without a signature, and none was seen since */
        bool changed;               /* not on disk yet */
        bool unsure;                /* the keys that were not published may be on the server all the same */
        bool counts_are_old; /* the next answer may be one that came before, which was answered by an upload already */
        bool keys_came;      /* an event that waits may be readable */
        bool took_key;

        enum receiver_step out;    /* the request that is out, or RECEIVER_IDLE */
        enum receiver_step failed; /* the one that failed last: all others come before it */
        json_t *asked;             /* with RECEIVER_QUERY: of whom, an object by user id */
        json_t *unanswered;        /* users of whom a query said nothing; not asked again before ask_again_at */
        usec_t put_off_at, ask_again_at;
        struct query_limit own_queries, queries; /* what others do takes none from the own identity */
        usec_t retry_at;
        usec_t upload_at; /* not before then, after a refusal: what else there is to ask does not wait for that */

        struct heal *heal;
        json_t *to_send; /* {user_id: {device_id: content}}; NULL: nothing */

        bool keys_refused;
        size_t n_refused, n_unreadable;
};

/* What is known of a device proves the room keys that came from it. Returns 1, 0 if its user has no such device,
 * -ENOENT if their devices are not known, or -ENOMEM. */
int receiver_prove(struct receiver *r, const char *user_id, const char *sender_key, const char *ed25519);

/* What may end a call that goes on waits for the proof of somebody of whom a query said nothing. */
bool receiver_awaits_unanswered(const struct receiver *r);

/* All but the account, which must be there. */
int receiver_make_parts(struct receiver *r, const char *user_id, const char *device_id, const char *master);
