/* Encrypted rooms among clients that nobody here wrote: matrix-js-sdk with its Rust crypto, in Node (node/driver.mjs).
 * Like synapse.h, everything here fails the test by itself. */
#pragma once

#include "interop/driver.h"

struct scene {
        struct desk *desk;
        struct driver *js; /* "phone" is the user's, "peer" somebody else's */
        char *room;        /* of the two, encrypted */
        char *device;      /* busyd's */
        char *key;         /* recovery */
};

/* The user's phone, and a peer who gives keys only to devices that their owner has signed. busyd is not verified yet.
 */
struct scene scene_begin(struct desk *d);
void scene_end(struct scene *s);

/* The client logs in. `device`: under this id, NULL: whichever the server gives. */
void scene_log_in(struct scene *s, const char *client, const char *user, const char *device);
/* Another identity of the user, from their phone. */
void scene_set_up_recovery(struct scene *s);
struct run scene_run_verify(struct scene *s);
void scene_verify(struct scene *s); /* until all believe it */

void scene_expect_state(struct scene *s, const char *state);
/* What that client believes of a device of the user, busyd's for one, becomes this. */
void scene_expect_believed_of(struct scene *s, const char *client, const char *device, const char *wanted);
void scene_expect_believed(struct scene *s, const char *client, const char *wanted);

/* An event of a call, with `more` in it (taken). */
void scene_say(struct scene *s, const char *client, const char *type, const char *call, json_t *more);
/* The peer calls, the phone answers. */
void scene_call_begins(struct scene *s, const char *call);
void scene_call_ends(struct scene *s, const char *client, const char *call);
