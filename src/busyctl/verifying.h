/* What the two ways of busyctl verify share: verify.c, which has all of it, and verify-sas.c. */
#pragma once

#include "busyctl/busyctl.h"
#include "busyctl/homeserver.h"
#include "matrix/crypto/receiver.h"
#include "matrix/crypto/trust.h"
#include "state/crypto-store.h"
#include "util/clock.h"

struct seeds {
        uint8_t master[CRYPTO_SECRET_BYTES], self_signing[CRYPTO_SECRET_BYTES];
};

struct verifying {
        struct ctl *ctl;
        const struct args *args;
        const char *folder, *name;
        struct session session;
        struct homeserver *server;
        char *key_id;
        json_t *description, *master, *self_signing; /* of secret storage */
        struct seeds seeds;
        char master_key[CRYPTO_KEY_TEXT]; /* as it was proved */
        int lock;                         /* below 0: not held */
        bool have_store;
        struct crypto_store store;
        struct receiver *receiver;
        enum trust_step done; /* what it took */
        bool off;             /* the configuration wants no calls in encrypted rooms */
};

static inline struct instant instant_now(void) {
        return (struct instant){ .now = clock_now(), .wall = clock_wall_now() };
}

/* A line of what goes on, on stderr. */
void verifying_progress(const char *line);
/* Tells of a question that was not answered, and returns CTL_FAILED. */
enum exit_code verifying_failed(const struct verifying *v, const struct homeserver_answer *a, const char *what);

/* What is kept: v->receiver, NULL if nothing is of use; `ask`: the user may be asked to unlock the keyring. */
enum exit_code verifying_load(struct verifying *v, bool ask);
/* What the server shows of the user's devices; borrowed until the next question. */
enum exit_code verifying_get_keys(struct verifying *v, const json_t **ret);
/* What is to be done by that. */
enum trust_step verifying_decide(const struct verifying *v, const json_t *keys);
/* Tells why nothing can be done, and returns CTL_FAILED. */
enum exit_code verifying_refuse(const struct verifying *v, enum trust_step step);
/* New keys under v->master_key. */
enum exit_code verifying_make_device(struct verifying *v);
/* To disk. */
enum exit_code verifying_save(struct verifying *v);
/* The server shows it signed: also what busyd is to know of that, should it not hear of it for long. */
enum exit_code verifying_end(struct verifying *v);
