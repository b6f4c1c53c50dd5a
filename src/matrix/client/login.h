/* Logging in: finds the homeserver, checks that it is one, finds out by what it lets people in, and gets a session.
 * Used by `busyctl login`. */
#pragma once

#include <systemd/sd-event.h>

#include "core/base.h"
#include "http/http.h"
#include "matrix/client/grant.h"
#include "matrix/client/trip.h"
#include "state/session.h"

struct matrix_login;

enum matrix_login_way {
        MATRIX_LOGIN_ANY,     /* the first of these that the server offers, and of which this program is capable */
        MATRIX_LOGIN_DEVICE,  /* OAuth 2.0: a code typed in a browser, on whatever machine */
        MATRIX_LOGIN_BROWSER, /* a browser on this machine: OAuth 2.0, or else single sign-on */
        MATRIX_LOGIN_PASSWORD,
        MATRIX_LOGIN_SSO, /* a browser on this machine, single sign-on of the Matrix API */
};

struct matrix_login_options {
        const char *user;       /* "@me:example.org", or "me" with a homeserver; may be NULL: whoever logs in */
        const char *homeserver; /* URL or server name; NULL: discovered from `user` by .well-known */
        enum matrix_login_way way;
        const char *password; /* at most one of password, login_token, access_token; then it is that way */
        const char *login_token;
        const char *access_token; /* an existing session's: checked with /account/whoami */
        const char *device_id;    /* of an earlier login of busyd here, which this one is to be again where the server
                                   * takes that; NULL: a new device */
        const char *device_name;  /* NULL: "busyd on HOST" */
};

struct matrix_login_handler {
        /* A line per step, for people. */
        void (*progress)(const char *line, void *userdata);
        /* The server takes a password, and none was given: who, if that is not known, and the password, both for the
         * login to free (erase_and_free). Less than 0: there is none, which the user has been told. */
        int (*ask_password)(bool ask_user, char **ret_user, char **ret_password, void *userdata);
        /* The user has to open an address; see struct oauth_grant_handler. */
        void (*show)(const struct oauth_code *code, void *userdata);
        /* A browser on this machine is to come back: listens there, until `done`, for requests of this path, and hands
         * them to matrix_login_returned(). *ret_origin: "http://127.0.0.1:PORT", for the login to free. NULL: this
         * program cannot. */
        int (*listen)(const char *path, char **ret_origin, void *userdata);
        /* The user has to open this on this machine, and has so much time; borrowed. */
        void (*open)(const char *address, usec_t lasts, void *userdata);
        /* `session` (on success, else NULL) is borrowed; `problem` (on failure) says what to do. Called once; may free
         * the login. */
        void (*done)(const struct session *session, const char *problem, void *userdata);
        void *userdata;
};

/* Asynchronous on the loop of `http`, which is `event`; no callback comes from within this call, and none but `done`
 * may free the login. -EINVAL if more than one secret is given. */
int matrix_login_start(struct matrix_login **ret, sd_event *event, struct http *http,
                       const struct matrix_login_options *options, const struct matrix_login_handler *handler);
struct matrix_login *matrix_login_free(struct matrix_login *l); /* cancels */
CLEANUP(struct matrix_login, matrix_login_free);

/* Does what is due, returns the next deadline, CLOCK_BOOTTIME: called whenever the loop has run. */
usec_t matrix_login_run(struct matrix_login *l, usec_t now);

/* What of this request is what is waited for, by which the page that answers it is chosen. Only recorded: once that
 * page has left, or could not, matrix_login_go_on() goes on. */
enum trip_answer matrix_login_returned(struct matrix_login *l, trip_value_t value, void *request);
void matrix_login_go_on(struct matrix_login *l); /* may call `done` */
/* Nobody can be waited for any more; `problem` says why. May call `done`. */
void matrix_login_deafened(struct matrix_login *l, const char *problem);

/* The user wants to stop: what the server has given already is ended there, then `done` says so, perhaps from within.
 */
void matrix_login_interrupt(struct matrix_login *l);
