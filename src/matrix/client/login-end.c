/* How a login ends, see login-parts.h: with a session, or with a sentence that says what to do and no session left
 * behind on the server. */
#include "matrix/client/login-parts.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>

#include "matrix/client/user-id.h"
#include "util/text.h"

/* ---- how it ends; the callback may free the login, so nothing follows ---- */

void login_fail(struct matrix_login *l, const char *format, ...) {
        va_list ap;

        va_start(ap, format);
        (void) vsnprintf(l->problem, sizeof(l->problem), format, ap);
        va_end(ap);
        l->handler.done(NULL, l->problem, l->handler.userdata);
}

void login_fail_with_errno(struct matrix_login *l, int error) {
        login_fail(l, "the request could not be made: %s", strerror(-error));
}

void login_progress(struct matrix_login *l, const char *step, const char *where) {
        SCOPED(free) char *line = NULL;

        if (asprintf(&line, "%s: %s", step, where) >= 0)
                l->handler.progress(line, l->handler.userdata);
        else
                line = NULL;
}

/* ---- whose session it is ---- */

bool login_user_fits(const struct matrix_login *l, const char *user_id) {
        return user_id_fits(l->user, user_id);
}

int login_keep_session(struct matrix_login *l, const char *user_id, const char *device_id, const char *token) {
        struct session s = {
                .homeserver = strdup(matrix_client_base_url(l->client)),
                .user_id = strdup(user_id),
                .device_id = strdup(device_id),
                .access_token = strdup(token),
        };

        session_done(&l->session);
        l->session = s;
        return s.homeserver && s.user_id && s.device_id && s.access_token ? 0 : -ENOMEM;
}

/* ---- undoing ---- */

static void undone(struct matrix_login *l) {
        l->request = NULL;
        l->handler.done(NULL, l->problem, l->handler.userdata);
}

static void on_logged_out(const struct matrix_reply *reply, void *userdata) {
        undone(userdata);
}

static void on_revoked(const struct oauth_reply *reply, void *userdata) {
        undone(userdata);
}

void login_undo(struct matrix_login *l, const char *format, ...) {
        va_list ap;
        int r;

        va_start(ap, format);
        (void) vsnprintf(l->problem, sizeof(l->problem), format, ap);
        va_end(ap);
        l->undoing = true;
        l->request = http_request_free(l->request);
        if (l->session.client_id) {
                r = oauth_revoke(l->http, &l->session, on_revoked, l, &l->request);
        } else {
                r = matrix_client_set_token(l->client, l->session.access_token);
                if (r >= 0)
                        r = matrix_logout_post(l->client, on_logged_out, l, &l->request);
        }
        if (r < 0)
                undone(l);
}

void login_fail_interrupted(struct matrix_login *l, bool answered) {
        if (answered)
                login_fail(l, LOGIN_INTERRUPTED);
        else
                login_fail(l, LOGIN_INTERRUPTED ", but the server has not answered: a session of busyd that another "
                                                "client of yours lists may be "
                                                "logged out there");
}

void matrix_login_interrupt(struct matrix_login *l) {
        if (l->undoing || l->interrupted)
                return;
        l->interrupted = true;
        if (l->session.access_token)
                login_undo(l, LOGIN_INTERRUPTED);
        else if (l->posting || (l->grant && oauth_grant_stop(l->grant)) || (l->code && auth_code_stop(l->code)))
                l->handler.progress(
                        "Waiting for the server's answer, so that no session stays behind; again, and this "
                        "ends at once",
                        l->handler.userdata);
        else
                login_fail(l, LOGIN_INTERRUPTED);
}

void login_undo_wrong_user(struct matrix_login *l) {
        char shown[USER_ID_MAX + 1];

        login_undo(
                l,
                "the homeserver logged in %s, which is not who was asked for: check the user name, and in the browser "
                "who is"
                " logged in there",
                text_printable(shown, sizeof(shown), l->session.user_id));
}
