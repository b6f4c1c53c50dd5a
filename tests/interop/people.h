/* Who uses the test's Synapse: users with devices who make calls, set their presence and look at others. Like
 * synapse.h, everything here fails the test by itself. */
#pragma once

#include <jansson.h>
#include <stdbool.h>

#include "interop/synapse.h"

#define PRESENCE_BUSY_WIRE "org.matrix.msc3026.busy"

/* One login of a user. */
struct device;

/* Makes the user if there is none of that name. */
struct device *device_login(struct synapse *s, const char *name);
/* One that is logged in already. */
struct device *device_of(struct synapse *s, const char *user_id, const char *device_id, const char *token);
struct device *device_free(struct device *d); /* does not log out; NULL is fine; returns NULL */
void device_logout(struct device *d);
const char *device_user_id(const struct device *d);
const char *device_id(const struct device *d);
const char *device_token(const struct device *d);
const char *device_base_url(const struct device *d);
/* Ends one session of the user, as "sign out that device" in another client does: needs the password. */
void device_sign_out_other(struct device *d, const char *other_device_id);
/* The administrator lifts Synapse's limits for this user, for good. */
void device_lift_limits(struct device *d);
/* The user's device whose display name begins so; the caller frees. */
char *device_find(struct device *d, const char *display_name_prefix);

/* ---- presence ---- */

struct shown_presence {
        char state[64];
        char message[256]; /* "" if there is none */
        usec_t active_ago; /* when Synapse last counted something as a sign of the user */
};

/* Neither waits for a turn of Synapse's presence limit nor takes one from busyd: the administrator lifts it for this
 * one request. */
void device_presence_put(struct device *d, const char *state, const char *message);
/* Takes the turn: nobody else of the user gets one for ten seconds. */
void device_presence_put_in_turn(struct device *d, const char *state, const char *message);
/* An empty one of that type. */
void device_account_data_put(struct device *d, const char *type);
/* What `watcher`, who is the user or shares a room with them, is told now. */
struct shown_presence device_presence_get(struct device *watcher, const char *user_id);
/* Waits until that is shown, and returns what is shown then, or at the deadline. The watcher is another user, so that
 * looking costs the user none of their turns. `message` NULL: any. */
struct shown_presence device_presence_wait(struct device *watcher, const char *user_id, const char *state,
                                           const char *message);
/* ... until anything but that state is shown. */
struct shown_presence device_presence_wait_not(struct device *watcher, const char *user_id, const char *state);

/* For /sync: nothing but the presence of that user. The caller frees. */
char *presence_filter(const char *user_id);

/* ---- a client that keeps its user online: /sync as Element does it, in a process of its own ---- */

struct online_client;

struct online_client *online_client_start(struct device *d);
/* ... with another word for its presence, one that says "offline" is not counted; and with the time that it takes to
 * work on an answer before it polls again. */
struct online_client *online_client_start_as(struct device *d, const char *set_presence, unsigned work_msec);
/* Waits until that many of its polls were answered since the start. */
void online_client_wait_polls(struct online_client *c, unsigned n);
unsigned online_client_polls(struct online_client *c); /* answered so far */
struct online_client *online_client_free(struct online_client *c);

/* ---- a client that writes down what it is told of a user's presence, in a process of its own ---- */

struct witness;

/* The device is the user's own, or of someone who shares a room with them; it polls as offline. */
struct witness *witness_start(struct device *d, const char *user_id);
/* Waits until it is told of this value ("STATE MESSAGE"), and returns what it was told since the last one: a line for
 * each change. The caller frees. */
char *witness_until(struct witness *w, const char *value);
struct witness *witness_free(struct witness *w); /* NULL is fine; returns NULL */

/* ---- what is odd: bodies as text, since no library of ours would write them; returns the status ---- */

/* To every device of a user, who may be anybody. `content` is a JSON object. */
long device_send_to_device_text(struct device *d, const char *user_id, const char *type, const char *content);
long room_send_text(struct device *d, const char *room, const char *type, const char *content);
long room_put_state_text(struct device *d, const char *room, const char *type, const char *content);
/* A room of the two in an old version, which does not look at numbers; the caller frees. */
char *room_new_old(struct device *host, struct device *guest);

/* ---- calls, as unencrypted events of version 1 ---- */

/* A room of the two; the caller frees. */
char *room_new(struct device *host, struct device *guest);
/* Another one joins, invited by the host. */
void room_join(struct device *host, const char *room, struct device *guest);

void send_invite(struct device *caller, const char *room, const char *call, unsigned lifetime_msec);
void send_answer(struct device *d, const char *room, const char *call);
void send_select(struct device *caller, const char *room, const char *call, const struct device *chosen);
void send_reject(struct device *d, const char *room, const char *call);
void send_hangup(struct device *d, const char *room, const char *call, const char *reason);
