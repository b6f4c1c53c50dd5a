/* What the files of a login share: see login.h for what it does. Nobody else includes this. How it ends is in
 * login-end.c, the ways of the Matrix API are in login-flows.c, that of OAuth 2.0 in login-oauth.c, and login.c picks.
 *
 * Whatever ends the login calls its owner, who may free it: nothing follows in whoever has called one of these. */
#pragma once

#include "matrix/client/login.h"

#include "matrix/client/api.h"
#include "matrix/client/auth-code.h"
#include "matrix/client/find.h"

#define LOGIN_PROBLEM_MAX 768
#define LOGIN_INTERRUPTED "interrupted; nothing has been kept"

struct matrix_login {
        struct http *http;
        struct matrix_find *find;
        struct matrix_client *client; /* NULL: not found yet */
        struct http_request *request;
        sd_event_source *begin;
        char *user, *homeserver, *device_id, *device_name;
        char *password, *login_token, *access_token;
        enum matrix_login_way way;
        struct oauth_server oauth; /* token NULL: the server has none */
        struct oauth_grant *grant;
        struct trip *trip; /* a browser is out, or was; NULL: none is needed */
        struct auth_code *code;
        struct session session;
        char problem[LOGIN_PROBLEM_MAX];
        bool undoing;     /* `problem` is told once the session has been ended */
        bool posting;     /* POST /login is under way: its answer may be a session */
        bool interrupted; /* what comes now is ended again */
        struct matrix_login_handler handler;
};

/* ---- login-end.c ---- */

void login_fail(struct matrix_login *l, const char *format, ...) __attribute__((format(printf, 2, 3)));
void login_fail_with_errno(struct matrix_login *l, int error);
/* Of what the server has not answered, nobody knows whether it was done. */
void login_fail_interrupted(struct matrix_login *l, bool answered);
/* Ends l->session on the server, which nobody will use, then fails. */
void login_undo(struct matrix_login *l, const char *format, ...) __attribute__((format(printf, 2, 3)));
void login_undo_wrong_user(struct matrix_login *l);

void login_progress(struct matrix_login *l, const char *step, const char *where);
/* Whether that is who was asked for. */
bool login_user_fits(const struct matrix_login *l, const char *user_id);
/* Into l->session, copied. */
int login_keep_session(struct matrix_login *l, const char *user_id, const char *device_id, const char *token);

/* ---- login-flows.c ---- */

/* What the server offers by /login; one of it is gone. */
void login_ask_flows(struct matrix_login *l);
/* By l->password or l->login_token. */
void login_post(struct matrix_login *l);

/* ---- login-oauth.c ---- */

/* Whether the server has OAuth 2.0; if so that way is gone, where it fits, and else those of /login. */
void login_ask_metadata(struct matrix_login *l);

/* ---- login.c ---- */

/* Whether the user wants this way, or has none in mind. */
bool login_may(const struct matrix_login *l, enum matrix_login_way way);
/* Listens for it; false: that has failed, and the login with it. */
bool login_begin_trip(struct matrix_login *l, enum trip_kind kind);
