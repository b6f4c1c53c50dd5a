/* Getting a session by OAuth 2.0: registers the client, has the user say yes in a browser, and takes the tokens. By
 * the device grant (RFC 8628) the browser may be on any machine: the user types a code there. Owns no timer. */
#pragma once

#include "matrix/client/oauth.h"

struct oauth_grant;

/* What the user has to do, borrowed. */
struct oauth_code {
        const char *address;  /* where the code is typed */
        const char *complete; /* the same with the code in it; NULL: the server gives none */
        const char *code;
        usec_t lasts; /* from now on */
};

struct oauth_grant_handler {
        /* Again with each new code that replaces one that ran out. */
        void (*show)(const struct oauth_code *code, void *userdata);
        /* The server cannot be asked, which may pass: `problem` says why. Once for each time it begins. */
        void (*waiting)(const char *problem, void *userdata);
        /* With the tokens, client_id and the addresses of the session, borrowed; or, without one, what to do. Called
         * once; may free the grant. */
        void (*done)(const struct session *s, const char *problem, void *userdata);
        void *userdata;
};

/* `server` and `device_id` are copied; the server must offer device_authorization. `device_id` is of an earlier login;
 * NULL: a new device, as it becomes where the server does not take that one again. */
int oauth_grant_start(struct oauth_grant **ret, struct http *http, const struct oauth_server *server,
                      const char *device_id, const struct oauth_grant_handler *handler);
struct oauth_grant *oauth_grant_free(struct oauth_grant *g); /* cancels */
CLEANUP(struct oauth_grant, oauth_grant_free);

/* Does what is due; returns the next deadline, CLOCK_BOOTTIME. May call the handler. */
usec_t oauth_grant_run(struct oauth_grant *g, usec_t now);

/* The user wants no session any more. True: an answer that may bring one is waited for, and `done` is called with it
 * or without one; false: none can come. */
bool oauth_grant_stop(struct oauth_grant *g);
