/* Getting to know a server: what it can, what it is, and whose the token is. */
#pragma once

#include "matrix/client/api.h"
#include "matrix/client/client.h"
#include "matrix/server/profile-support.h"
#include "matrix/server/traits.h"

struct probe_facts {
        struct matrix_versions versions;
        const struct server_traits *traits;
        bool server_told; /* what it is, or that it does not say: else something in between has answered */
        struct profile_support profile;
        bool profile_told;   /* by the server; else something in between has answered, and nothing is known of it */
        char server[128];    /* "Synapse 1.160.0", or "" */
        char user_id[256];   /* of the token */
        char device_id[256]; /* of the token, or "" */
        usec_t now;          /* the instant at which it was known */
};

struct probe;

/* Either is NULL. */
typedef void (*probe_done_t)(const struct matrix_reply *failure, const struct probe_facts *facts, void *userdata);

/* May be asked at any time, also along with other requests: none of this is for ever. Borrows the client. `done` is
 * called once, never from within this call, and not after probe_free(). */
int probe_start(struct probe **ret, struct matrix_client *client, probe_done_t done, void *userdata);
struct probe *probe_free(struct probe *p); /* cancels; NULL is fine; returns NULL */
CLEANUP(struct probe, probe_free);
