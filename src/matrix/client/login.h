/* Logging in: finds the homeserver, checks that it is one, and gets a session. Used by `busyctl login`. */
#pragma once

#include <systemd/sd-event.h>

#include "core/base.h"
#include "http/http.h"
#include "state/session.h"

struct matrix_login;

struct matrix_login_options {
        const char *user;       /* "@me:example.org", or "me" with a homeserver; may be NULL without a password */
        const char *homeserver; /* URL or server name; NULL: discovered from `user` by .well-known */
        const char *password;   /* one of password, login_token, access_token */
        const char *login_token;
        const char *access_token; /* an existing session's: checked with /account/whoami */
        const char *device_id;    /* of an earlier login of busyd here; NULL: a new device */
        const char *device_name;  /* NULL: "busyd on HOST" */
};

/* `session` (on success, else NULL) is borrowed; `problem` (on failure) says what to do. */
typedef void (*matrix_login_done_t)(const struct session *session, const char *problem, void *userdata);

/* Asynchronous on the loop of `http`, which is `event`; `done` is called once, never from within this call, and may
 * free the login. `on_progress` (may be NULL) gets a line per step and must not. -EINVAL unless exactly one secret is
 * given. */
int matrix_login_start(struct matrix_login **ret, sd_event *event, struct http *http,
                       const struct matrix_login_options *options,
                       void (*on_progress)(const char *line, void *userdata), matrix_login_done_t done,
                       void *userdata);
struct matrix_login *matrix_login_free(struct matrix_login *l); /* cancels */
CLEANUP(struct matrix_login, matrix_login_free);
