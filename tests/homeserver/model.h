/* A homeserver as a value: one user with their devices, rooms, presence, account data and profile; everybody else
 * exists only as a sender of events. Pure: no thread, no socket, no clock. Time comes in as an argument, in
 * milliseconds, and never runs backwards. The scripted homeserver puts it on the wire; the simulation asks it in
 * process. */
#pragma once

#include <jansson.h>

#include "options.h"
#include "presence.h"

struct model;

/* NULL options: Synapse with the flag on. `wall` is the time of day at `now`. */
int model_new(struct model **ret, const struct hs_options *options, int64_t now, int64_t wall);
struct model *model_free(struct model *m);
CLEANUP(struct model, model_free);

const struct hs_options *model_options(const struct model *m);
/* The Server header of its answers. */
const char *model_server_header(const struct model *m);
/* Its own address, for the answers that name it. Copied. */
void model_set_url(struct model *m, const char *url);

/* Moves with everything that an open request may be waiting for. */
uint64_t model_version(const struct model *m);
/* When what is shown may change by itself; -1: never. */
int64_t model_deadline(const struct model *m, int64_t now);
/* Lets time pass: devices are dropped, states age. */
void model_run(struct model *m, int64_t now);
/* As a restart of the server: stream positions and filters are lost, and of presence what its kind loses. */
void model_restart(struct model *m, int64_t now);

/* ---- requests ---- */

struct model_request {
        const char *method, *uri; /* as on the wire: path with query, encoded */
        const char *token;        /* of the Authorization header, or NULL */
        const char *body;         /* or NULL */
};

/* One request under way; ends with exchange_free(). */
struct exchange;

struct exchange *exchange_begin(struct model *m, const struct model_request *request, int64_t now);
/* Does what was asked for, or only begins it: a poll waits. Once, and may be left out for a request that got lost. */
void exchange_run(struct exchange *e, int64_t now);
/* Looks again, as after a change or at the deadline. True: it is answered. */
bool exchange_look(struct exchange *e, int64_t now);
int64_t exchange_deadline(const struct exchange *e, int64_t now);
unsigned exchange_status(const struct exchange *e);      /* 0: not answered yet */
const json_t *exchange_answer(const struct exchange *e); /* NULL: an empty object */
const char *exchange_path(const struct exchange *e);     /* decoded, without the query */
const char *exchange_query(const struct exchange *e);    /* decoded as a whole, for matching; may be "" */
const char *exchange_device(const struct exchange *e);   /* "": no valid token */
/* The connection is gone: a counted poll ends. */
struct exchange *exchange_free(struct exchange *e, int64_t now);

/* What time it is there, in ms since 1970. */
int64_t model_wall(const struct model *m, int64_t now);

/* ---- sessions ---- */

/* The token of a new session, borrowed. */
const char *model_login(struct model *m, const char *device);
/* From now on the session of the device has tokens as the options say: they end, and can be renewed. */
void model_make_renewable(struct model *m, const char *device, int64_t now);
struct model_tokens {
        const char *access, *refresh;
        int64_t ends; /* ms since 1970; 0: never */
        bool used;    /* the access token */
};
/* Borrowed, and as they are now; false: there is no such session. */
bool model_tokens(const struct model *m, const char *device, struct model_tokens *ret);
/* Once the access token is used, the refresh token before it is void. */
void model_set_used(struct model *m, const char *device, bool used);
/* The access token ends now. */
void model_expire(struct model *m, const char *device);
/* How often anybody asked for new tokens. */
unsigned model_renewals(const struct model *m);
/* Such a request would void the tokens that its client has been given meanwhile. */
bool model_voids_tokens(const struct model *m, const char *body);
/* Every request with this device's token gets 401. */
void model_revoke(struct model *m, const char *device, bool soft_logout);
/* Every request with this one; others of its device go on. */
void model_revoke_token(struct model *m, const char *token);
/* And back, as when a server had lost its database for a moment. */
void model_unrevoke(struct model *m, const char *device);
void model_set_appservice(struct model *m, const char *token); /* NULL: none */

/* ---- what else happens in the world ---- */

/* Sends an event; takes the reference. Fills in event_id and origin_server_ts unless there. Returns its id, borrowed.
 */
const char *model_send(struct model *m, const char *room, json_t *event, int64_t now);
void model_leave(struct model *m, const char *room, int64_t now);
/* Timelines forget all but the newest `keep` events; current state stays. */
void model_trim(struct model *m, size_t keep);
/* A client has taken in every event of now, and the account data. */
bool model_is_seen(const struct model *m);
/* ... and what others see of the user. */
bool model_presence_is_seen(const struct model *m);

/* A person sets it by hand on another device; message NULL: none. */
void model_person_sets(struct model *m, const char *device, const char *presence, const char *message, int64_t now);
/* Another client starts a /sync and keeps it open where that counts; NULL: it goes away. */
void model_client_polls(struct model *m, const char *device, const char *presence, int64_t now);
/* What others see, as of the last call with a time; borrowed until the next. */
void model_shown(const struct model *m, const char **ret_state, const char **ret_message);
/* Told of every change of it, from within the call that brought it. */
void model_on_shown(struct model *m, void (*shown)(void *userdata, const char *state, const char *message),
                    void *userdata);
void model_other_sets(struct model *m, const char *user, const char *presence, const char *message);
void model_set_presence_off(struct model *m, bool off);

/* Keys of encryption, borrowed: {devices: {DEVICE: keys}, one_time: {DEVICE: {ID: key}}, fallback: {DEVICE: {...}},
 * identity: {master_key, self_signing_key}, others: {USER: {...}}, given: {DEVICE: {ID: key}}, again: how many keys
 * were uploaded again after somebody had claimed them}. */
const json_t *model_keys(const struct model *m);
/* As another client of the user that (re)sets their identity; takes it. */
void model_set_identity(struct model *m, json_t *identity);
/* {devices: {DEVICE: keys}, one_time: {DEVICE: {ID: key}}} of somebody else, with master_key and self_signing_key if
 * they have an identity; of the user: more devices of theirs, and one-time keys of those. Clients are told. Takes it.
 */
void model_set_person(struct model *m, const char *user, json_t *keys);
/* A one-time key of a device of the user, which nobody gets again, or its fallback key; borrowed, NULL: none. */
const json_t *model_claim(struct model *m, const char *device);
/* Lies there until the device polls on from behind it; takes it. */
void model_to_device(struct model *m, const char *device, json_t *event);
/* What devices of the user have sent to others since the last time: an array of {USER: {DEVICE: content}}, a new
 * reference. Of more than MODEL_SENT_MAX the oldest ones are gone. */
json_t *model_take_sent(struct model *m);
#define MODEL_SENT_MAX 100
/* As with the end of a session. */
void model_forget_keys(struct model *m, const char *device);

/* Borrowed; NULL: none. */
const json_t *model_profile(const struct model *m, const char *field);
void model_set_profile(struct model *m, const char *field, json_t *value); /* takes it; NULL removes it */
const json_t *model_account_data(const struct model *m, const char *type);
void model_set_account_data(struct model *m, const char *type, json_t *content); /* takes it */
