/* The cure for a busy that other sessions of the user have caught: an application service may act as each of the
 * user's devices, and so take back what each of them holds (reference 12). */
#pragma once

#include "core/claim.h"
#include "matrix/client/client.h"

/* More devices than these are not asked to let go: those used last come first. */
#define CURE_DEVICES_MAX 128

/* A device that was heard of since then is shown as online by the cure, until it says otherwise itself. */
#define CURE_DEVICE_ALIVE (4 * USEC_PER_MIN)

struct cure;

/* The token is copied, the rest borrowed. `changed` is called after every check. */
int cure_new(struct cure **ret, struct http *http, const char *homeserver, const char *user_id, const char *token,
             void (*changed)(void *userdata), void *userdata);
struct cure *cure_free(struct cure *c); /* NULL is fine; returns NULL */
CLEANUP(struct cure, cure_free);
bool cure_has_token(const struct cure *c, const char *token);

/* Asks the server whether it lets us act as the user. Nothing if it is asked already. */
void cure_check(struct cure *c);
/* What came of it; false before. */
bool cure_works(const struct cure *c);
/* Why the server did not do what was asked for by the application service: it is not the session that is meant. */
const char *cure_problem(const struct matrix_reply *reply);
/* It was refused meanwhile. */
void cure_broke(struct cure *c);

/* ---- what output_presence.cure does, step by step ---- */

struct cure_target {
        char device[256]; /* "": without a device, which is what a restart of the server leaves busy */
        const char *state;
};

struct cure_plan {
        struct cure_target targets[CURE_DEVICES_MAX + 2];
        size_t n;
};

struct cure_situation {
        const char *own_device; /* "": a session without one */
        /* Whether that device is another busyd of the user's; NULL: there is none. */
        bool (*is_machine)(void *userdata, const char *device_id);
        void *userdata;
        const struct claim_value *prior;
        usec_t wall; /* since 1970 */
};

/* From the answer of GET /devices: the own device first, or a client that wakes up would catch busy from it again;
 * last without a device. Those of other busyd are nobody's presence, like our own. Pure. */
void cure_plan(struct cure_plan *ret, const json_t *devices, const struct cure_situation *s);

int cure_devices_get(struct cure *c, matrix_done_t done, void *userdata, struct http_request **ret);
int cure_put(struct cure *c, const struct cure_target *target, const char *message, matrix_done_t done, void *userdata,
             struct http_request **ret);
