/* Getting to know a server: what it can, what it is, and whose the token is. */
#pragma once

#include "matrix/client/api.h"
#include "matrix/client/client.h"
#include "matrix/server/profile-support.h"
#include "matrix/server/traits.h"

struct connect_facts {
        struct matrix_versions versions;
        const struct server_traits *traits;
        struct profile_support profile;
        char server[128];    /* "Synapse 1.160.0", or "" */
        char user_id[256];   /* of the token */
        char device_id[256]; /* of the token, or "" */
        usec_t now;          /* the instant at which it was known */
};

struct connect;

/* Either is NULL. */
typedef void (*connect_done_t)(const struct matrix_reply *failure, const struct connect_facts *facts, void *userdata);

/* May be asked at any time, also along with other requests: none of this is for ever. Borrows the client. `done` is
 * called once, never from within this call, and not after connect_free(). */
int connect_start(struct connect **ret, struct matrix_client *client, connect_done_t done, void *userdata);
struct connect *connect_free(struct connect *c); /* cancels; NULL is fine; returns NULL */
CLEANUP(struct connect, connect_free);
