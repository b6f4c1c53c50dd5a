/* Keeps the token of a client good: carries out what tokens.h decides, with one request at a time, and stores what is
 * new before anything is sent with it. A session that nothing renews takes no time here. */
#pragma once

#include "core/token-keeper.h"
#include "matrix/client/client.h"
#include "matrix/client/renew.h"

/* Copied, but for what keeper and userdata point to. */
struct renewal_options {
        const char *account; /* for people */
        struct renew_place place;
        struct token_pair pair; /* of the client */
        const struct token_keeper *keeper;
        uint32_t (*random)(void *userdata);
        /* An answer has come: renewal_run() has something to do. As the last thing in it. */
        void (*touched)(void *userdata);
        void *userdata;
};

struct renewal;

/* Borrows both, and is told by the client when the server does not take the token. */
int renewal_new(struct renewal **ret, struct http *http, struct matrix_client *client,
                const struct renewal_options *options);
struct renewal *renewal_free(struct renewal *r); /* cancels; NULL is fine; returns NULL */
CLEANUP(struct renewal, renewal_free);

enum renewal_news {
        RENEWAL_NOTHING,
        RENEWAL_DONE, /* there is a new token, after the server has not taken the old one: whatever failed for want of
                       * it may be tried again */
        RENEWAL_FAILED, /* and so nothing can be sent: see renewal_failure() */
        RENEWAL_OVER,   /* refused for good: whether the session still is, the server says when asked */
};

/* Once a turn, before anything is sent. `ret_held`: nothing may be sent in this turn. `ret_deadline`: when to call
 * again at the latest. Each news is told once. */
enum renewal_news renewal_run(struct renewal *r, const struct instant *at, bool *ret_held, usec_t *ret_deadline);
/* After RENEWAL_FAILED: as if a request had failed with it. */
const struct matrix_reply *renewal_failure(const struct renewal *r);
/* The answer to token_keeper.fetch(); taken up by the next renewal_run(). NULL: there is no other token. Copied. */
void renewal_set_token(struct renewal *r, const char *token);
/* What the keeper's put() had begun is through: 0, or a negative errno. Taken up by the next renewal_run(). */
void renewal_kept(struct renewal *r, int error);
/* A person asks, or the network is back. */
void renewal_retry(struct renewal *r);
/* The server has taken the token. */
void renewal_worked(struct renewal *r);
