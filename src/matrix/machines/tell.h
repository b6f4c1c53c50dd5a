/* Tells the other machines of the same user what this one owes: keeps one entry of account data as it should be. As
 * long as there is no other machine it only says, once, that this one exists. */
#pragma once

#include <systemd/sd-event.h>

#include "core/claim.h"
#include "matrix/client/client.h"

struct announce;

/* `told`: what was to be told has been, or cannot be; not from within a call of these functions. Borrows the client,
 * copies the user id. */
int announce_new(struct announce **ret, sd_event *event, struct matrix_client *client, const char *user_id,
                 void (*told)(void *userdata), void *userdata);
struct announce *announce_free(struct announce *a);
CLEANUP(struct announce, announce_free);

/* The device whose entry it is; "": it has none, and nothing is told. */
void announce_set_device(struct announce *a, const char *device_id);
/* An entry of account data. False: it is not the one that is kept here. */
bool announce_take(struct announce *a, const char *type, const json_t *content);
/* All account data begins, and ends: then it is known what the server has. Nothing goes out before that. */
void announce_resync_begin(struct announce *a);
void announce_resync_end(struct announce *a);
/* Whether there is anyone to tell. */
void announce_set_heard(struct announce *a, bool heard);

/* What is owed on an output, whose name is static; NULL: nothing any more. At most PEER_CLAIMS_MAX outputs. */
void announce_set(struct announce *a, const char *output, const struct claim_other *claim);
/* It has not been told yet. */
bool announce_is_telling(const struct announce *a);

/* Along with other traffic: tells again what others would soon not believe any more. */
void announce_refresh(struct announce *a);
