/* A look at the state of a few rooms, whoever sent it: what a whole state leaves out, since that is asked for the
 * user's own only. One request, whatever comes of it. */
#pragma once

#include <jansson.h>

#include "matrix/calls/event.h"
#include "matrix/client/client.h"

#define LOOK_ROOMS_MAX 16

struct look;

/* The state, borrowed; NULL: it cannot be had. The instant is that of the answer. Called once, never from within
 * look_start(), not after look_free(), which it may call. */
typedef void (*look_done_t)(const struct room_events *state, const struct instant *at, void *userdata);

/* Borrows the client; `types` of state events. `set_presence` as in /sync. */
int look_start(struct look **ret, struct matrix_client *client, const char *me, const char *const *rooms,
               size_t n_rooms, const json_t *types, const char *set_presence, look_done_t done, void *userdata);
struct look *look_free(struct look *l); /* NULL is fine; returns NULL */
CLEANUP(struct look, look_free);
