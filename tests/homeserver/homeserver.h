/* A scripted Matrix homeserver on loopback: as slow, wrong, rude or gone as a test wants it. One user; everybody else
 * exists only as a sender of events. Runs on threads of its own; every function here may be called from the test's
 * thread. Waits take a deadline in milliseconds and return as soon as what they wait for is there. */
#pragma once

#include <jansson.h>

#include "core/base.h"
#include "options.h"

struct hs;

int hs_new(struct hs **ret, const struct hs_options *options); /* NULL: Synapse with the flag on */
struct hs *hs_free(struct hs *s);
CLEANUP(struct hs, hs_free);

const char *hs_url(const struct hs *s);
/* A new session of the user; the token stays the caller's to free. */
char *hs_login(struct hs *s, const char *device_id);
/* The same with tokens that end, as the options say; both strings are the caller's. `ret_ends`: ms since 1970. */
char *hs_login_renewable(struct hs *s, const char *device_id, char **ret_refresh, int64_t *ret_ends);
/* Its access token ends now. */
void hs_expire(struct hs *s, const char *device_id);
/* It has no session any more. */
bool hs_is_over(struct hs *s, const char *device_id);
/* How often anybody asked for new tokens. */
unsigned hs_n_renewals(struct hs *s);
/* Every request with this device's token gets 401 from now on. */
void hs_revoke(struct hs *s, const char *device_id, bool soft_logout);

/* From now on an application service with this token may act as the user, and as each of their devices. NULL: none. */
void hs_set_appservice(struct hs *s, const char *token);

/* ---- gone and back, on the same port ---- */

void hs_stop(struct hs *s); /* connections are cut, new ones refused */
enum hs_memory {
        HS_KEEPS,
        HS_LOSES, /* stream positions, filters, and presence as a restart of its kind does */
};
int hs_start(struct hs *s, enum hs_memory memory);

/* ---- rooms ---- */

/* Sends an event; `type`, `sender` and `content` at least. Takes the reference. Unless there, event_id,
 * origin_server_ts and unsigned.age are filled in. Returns the event's id, borrowed. */
const char *hs_send(struct hs *s, const char *room, json_t *event);
void hs_leave(struct hs *s, const char *room);
/* Whether a client has taken in every event of now, and the account data: it polls on from behind the last one. */
bool hs_wait_seen(struct hs *s, int64_t deadline_msec);
/* ... and what others see of the user, where it asks for that and is told. */
bool hs_wait_presence_seen(struct hs *s, int64_t deadline_msec);

/* ---- presence ---- */

/* A person sets it by hand on another device. `message` NULL: none. */
void hs_person_sets(struct hs *s, const char *device, const char *presence, const char *message);
/* Another client starts a /sync, and keeps it open where that counts; `presence` NULL: it goes away. On Synapse a poll
 * that starts while the user is busy catches busy. */
void hs_client_polls(struct hs *s, const char *device, const char *presence);
/* What others see now; the strings are the caller's to free. */
void hs_presence(struct hs *s, char **ret_presence, char **ret_message);
/* Whether others see this within the deadline; message NULL: any, "": none. */
bool hs_wait_presence(struct hs *s, const char *presence, const char *message, int64_t deadline_msec);
/* How often what others see has changed: a mark for what comes after. */
size_t hs_n_shown(struct hs *s);
/* Whether it has changed to this since. */
bool hs_was_shown(struct hs *s, const char *presence, size_t from);
/* Somebody else's presence changes. It reaches the user where the kind ignores filters. */
void hs_other_sets(struct hs *s, const char *user, const char *presence, const char *message);
void hs_set_presence_off(struct hs *s, bool off);
/* Told of every change, on a server thread; for the demo. Set before the first request. */
void hs_on_presence(struct hs *s, void (*changed)(void *userdata, const char *presence, const char *message),
                    void *userdata);

/* ---- requests ---- */

/* Unset members match anything. Paths are shell patterns on the decoded path; the others are substrings. */
struct hs_match {
        const char *method, *path, *query, *body;
};

struct hs_request {
        size_t n; /* in order of arrival */
        char *method, *path, *query, *body, *device;
        bool token_in_header, token_in_url;
        unsigned status; /* answered; 0: not (yet) */
};

#define HS_PRESENCE_PUT                                                                                               \
        (struct hs_match) {                                                                                           \
                .method = "PUT", .path = "*/presence/*"                                                               \
        }
#define HS_SYNC                                                                                                       \
        (struct hs_match) {                                                                                           \
                .path = "*/sync"                                                                                      \
        }

/* How many requests there were: a mark for what comes after. */
size_t hs_n_requests(struct hs *s);
size_t hs_count(struct hs *s, struct hs_match match, size_t from);
/* The first match at or after `from`: copied into ret if not NULL; free with hs_request_done. */
bool hs_wait_request(struct hs *s, struct hs_match match, size_t from, int64_t deadline_msec, struct hs_request *ret);
/* Like that, and it was answered: what it asked for is in force. */
bool hs_wait_answered(struct hs *s, struct hs_match match, size_t from, int64_t deadline_msec, struct hs_request *ret);
void hs_request_done(struct hs_request *r);
/* All of them as lines of text, for a failed test; the caller frees. */
char *hs_requests_text(struct hs *s);
/* A secret was seen where none may be: in a URL. */
bool hs_saw_token_in_url(struct hs *s);

/* ---- faults ---- */

enum hs_fault_kind {
        HS_ANSWER,      /* `status` with `body` */
        HS_DROP_BEFORE, /* cuts the connection without doing anything */
        HS_DROP_AFTER,  /* does it, then cuts the connection */
        HS_HANG,        /* neither answers nor does it, until hs_clear_faults() */
        HS_HOLD_AFTER,  /* does it, and answers only after hs_clear_faults() */
        HS_ENDLESS,     /* a body that never ends */
};

struct hs_fault {
        struct hs_match match;
        unsigned times; /* 0: until cleared */
        enum hs_fault_kind kind;
        unsigned status;
        const char *body;         /* "" or NULL: none */
        const char *content_type; /* NULL: application/json */
        const char *retry_after;  /* header; NULL: none */
        const char *date;         /* header; NULL: the right one */
};

/* Copied. The oldest fault that matches is used. One too many ends the test: cleared ones count as well. */
#define HS_FAULTS_MAX 32
void hs_fault(struct hs *s, const struct hs_fault *f);
void hs_clear_faults(struct hs *s);

/* Each string HS_RAW is these bytes instead in every answer from now on: what a JSON library would not write. Copied.
 */
#define HS_RAW "raw"
void hs_set_raw(struct hs *s, const char *bytes);

/* A field of the user's profile, a new reference; NULL: none. */
json_t *hs_profile(struct hs *s, const char *field);
void hs_set_profile(struct hs *s, const char *field, json_t *value); /* as another client; takes it; NULL removes it */
/* Whether the field is there (or gone, or null) within the deadline. */
bool hs_wait_profile(struct hs *s, const char *field, bool there, int64_t deadline_msec);

/* Keys of encryption as in model.h, a new reference. */
json_t *hs_keys(struct hs *s);
void hs_set_identity(struct hs *s, json_t *identity); /* as another client; takes it */
/* The keys of somebody else, or of another device of the user: see model_set_person(). Takes it. */
void hs_set_person(struct hs *s, const char *user, json_t *keys);
/* A key of the device as somebody claims it, a new reference; NULL: it has none. */
json_t *hs_claim(struct hs *s, const char *device);
/* {type, sender, content} for a device of the user; takes it. */
void hs_to_device(struct hs *s, const char *device, json_t *event);
/* Whatever else the model can, under the lock. */
struct model;
void hs_with_model(struct hs *s, void (*act)(struct model *m, int64_t now, void *userdata), void *userdata);

/* Account data as stored, a new reference; NULL: none. */
json_t *hs_account_data(struct hs *s, const char *type);
void hs_set_account_data(struct hs *s, const char *type, json_t *content); /* as another client; takes it */
