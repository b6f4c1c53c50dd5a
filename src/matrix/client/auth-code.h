/* Getting a session by OAuth 2.0 in a browser on this machine: the authorisation code with a proof key (RFC 8252,
 * 7636). Registers the client, makes the address that the user opens, and takes the tokens for what the browser
 * brought. */
#pragma once

#include "matrix/client/oauth.h"

struct auth_code;

struct auth_code_handler {
        /* What the user has to open, borrowed. */
        void (*open)(const char *address, void *userdata);
        /* As of struct oauth_grant_handler. */
        void (*done)(const struct session *s, const char *problem, void *userdata);
        void *userdata;
};

/* All copied. `device_id` is of an earlier login; NULL: a new device. `redirect` is the address on this machine that
 * the browser comes back to, with its port and OAUTH_REDIRECT_PATH; the server must offer oauth_has_code(). */
int auth_code_start(struct auth_code **ret, struct http *http, const struct oauth_server *server,
                    const char *device_id, const char *redirect, const char *state,
                    const struct auth_code_handler *handler);
struct auth_code *auth_code_free(struct auth_code *a); /* cancels */
CLEANUP(struct auth_code, auth_code_free);

/* What the browser has brought; once, after `open`. */
void auth_code_exchange(struct auth_code *a, const char *code);

/* As oauth_grant_stop(). */
bool auth_code_stop(struct auth_code *a);
