/* One request that renews the tokens of a session, or ends it: at the homeserver (POST /refresh), or at the
 * authorization server that has given them (RFC 6749, section 6). */
#pragma once

#include <jansson.h>

#include "core/token-keeper.h"
#include "http/http.h"

/* Where. Copied where kept. */
struct renew_place {
        const char *homeserver;
        const char *token_endpoint; /* "" or NULL: at the homeserver */
        const char *client_id;
};

enum renew_outcome {
        RENEW_DONE,
        RENEW_REFUSED, /* for good */
        RENEW_FAILED,  /* says nothing of the session: the same again, later */
};

struct renew_answer {
        enum renew_outcome outcome;
        /* RENEW_DONE: borrowed. Where the server gave no new refresh token, the old one stands. */
        struct token_pair pair;
        usec_t retry_after;  /* what was asked for, or USEC_NEVER */
        const char *problem; /* for people; no secrets, no words of the server; "" for RENEW_DONE */
        usec_t now, wall;    /* as in struct http_reply */
};

struct renewing;

/* `done` once, not from within this call and not after renewing_free(), which may be called in it. -EPERM: the
 * endpoint is not one to which a secret may go (https, or this machine, without a user in it). */
int renew_start(struct renewing **ret, struct http *http, const struct renew_place *place, const char *refresh_token,
                void (*done)(const struct renew_answer *answer, void *userdata), void *userdata);
struct renewing *renewing_free(struct renewing *r); /* cancels; NULL is fine; returns NULL */
CLEANUP(struct renewing, renewing_free);

/* What an answer means. `old` is borrowed into the answer where it stands. `ret_body` keeps it; to be freed with
 * renew_body_free(). Exported for the tests. */
void renew_read(struct renew_answer *ret, const struct http_reply *http, bool oauth, const char *old,
                json_t **ret_body);
void renew_body_free(json_t *body);
