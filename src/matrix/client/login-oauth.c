/* Logging in by OAuth 2.0 (reference 8.3), see login-parts.h: by the device grant, or by a browser on this machine. */
#include "matrix/client/login-parts.h"

#include <errno.h>
#include <stdio.h>

#include "matrix/client/user-id.h"

/* Who has said yes in the browser is known only now. */
static void on_oauth_whoami(const struct matrix_reply *reply, void *userdata) {
        struct matrix_login *l = userdata;
        const char *user_id, *device_id;

        l->request = NULL;
        if (reply->outcome != MATRIX_OK) {
                login_undo(l, "the homeserver does not take the session that its login server gave: %s",
                           reply->problem);
                return;
        }
        if (matrix_whoami_parse(reply->body, &user_id, &device_id) < 0 || !user_id_is_valid(user_id)) {
                login_undo(l, "%s does not say whose session this is: try again later",
                           matrix_client_base_url(l->client));
                return;
        }
        l->session.user_id = strdup(user_id);
        l->session.device_id = strdup(device_id);
        l->session.homeserver = strdup(matrix_client_base_url(l->client));
        if (!l->session.user_id || !l->session.device_id || !l->session.homeserver)
                login_undo(l, "out of memory");
        else if (!login_user_fits(l, user_id))
                login_undo_wrong_user(l);
        else
                l->handler.done(&l->session, NULL, l->handler.userdata);
}

static void on_grant(const struct session *s, const char *problem, void *userdata) {
        struct matrix_login *l = userdata;
        int r;

        if (!s) {
                login_fail(l, "%s", l->interrupted ? LOGIN_INTERRUPTED : problem);
                return;
        }
        r = session_copy(&l->session, s);
        if (r >= 0 && l->interrupted) {
                login_undo(l, LOGIN_INTERRUPTED);
                return;
        }
        if (r >= 0)
                r = matrix_client_set_token(l->client, l->session.access_token);
        if (r >= 0)
                r = matrix_whoami_get(l->client, on_oauth_whoami, l, &l->request);
        if (r < 0)
                login_fail_with_errno(l, r);
}

static void on_grant_code(const struct oauth_code *code, void *userdata) {
        struct matrix_login *l = userdata;

        l->handler.show(code, l->handler.userdata);
}

static void on_grant_waiting(const char *problem, void *userdata) {
        login_progress(userdata, "Asking whether you have said yes goes on", problem);
}

static void start_grant(struct matrix_login *l) {
        const struct oauth_grant_handler handler = { on_grant_code, on_grant_waiting, on_grant, l };
        int r;

        login_progress(l, "Asking for a code to log in with", l->oauth.issuer ? l->oauth.issuer : l->oauth.token);
        r = oauth_grant_start(&l->grant, l->http, &l->oauth, l->device_id, &handler);
        if (r < 0)
                login_fail_with_errno(l, r);
}

/* ---- by a browser on this machine ---- */

static void on_code_address(const char *address, void *userdata) {
        struct matrix_login *l = userdata;

        l->handler.open(address, TRIP_TIME_MAX, l->handler.userdata);
}

static void start_code(struct matrix_login *l) {
        const struct auth_code_handler handler = { on_code_address, on_grant, l };
        int r;

        login_progress(l, "Asking for a login in the browser", l->oauth.issuer ? l->oauth.issuer : l->oauth.token);
        if (!login_begin_trip(l, TRIP_CODE))
                return;
        r = auth_code_start(&l->code, l->http, &l->oauth, l->device_id, trip_redirect(l->trip), trip_state(l->trip),
                            &handler);
        if (r < 0)
                login_fail_with_errno(l, r);
}

/* ---- what OAuth 2.0 offers ---- */

static void use_metadata(struct matrix_login *l, const json_t *body) {
        int r = oauth_server_parse(body, &l->oauth);

        if (r == -EPERM)
                login_fail(l, "%s names a login server that is not reached by https:// : tell its administrator",
                           matrix_client_base_url(l->client));
        else if (l->oauth.device_authorization && login_may(l, MATRIX_LOGIN_DEVICE))
                start_grant(l);
        else if (l->way == MATRIX_LOGIN_DEVICE)
                login_fail(l, "%s has no login by code: leave out --with device", matrix_client_base_url(l->client));
        else if (oauth_has_code(&l->oauth) && l->handler.listen && login_may(l, MATRIX_LOGIN_BROWSER))
                start_code(l);
        else
                login_ask_flows(l);
}

static bool is_absent(const struct matrix_reply *reply) {
        return reply->outcome == MATRIX_UNRECOGNIZED || reply->outcome == MATRIX_NOT_FOUND ||
               reply->outcome == MATRIX_NOT_MATRIX || reply->outcome == MATRIX_REFUSED ||
               reply->outcome == MATRIX_SIGNED_OUT;
}

static void on_metadata_of_draft(const struct matrix_reply *reply, void *userdata) {
        struct matrix_login *l = userdata;

        l->request = NULL;
        if (reply->outcome == MATRIX_OK || is_absent(reply))
                use_metadata(l, reply->outcome == MATRIX_OK ? reply->body : NULL);
        else
                login_fail(l, "%s: %s", matrix_client_base_url(l->client), reply->problem);
}

static void ask_metadata(struct matrix_login *l, bool stable);

static void on_metadata(const struct matrix_reply *reply, void *userdata) {
        struct matrix_login *l = userdata;

        l->request = NULL;
        if (reply->outcome == MATRIX_OK)
                use_metadata(l, reply->body);
        else if (is_absent(reply))
                ask_metadata(l, false);
        else
                login_fail(l, "%s: %s", matrix_client_base_url(l->client), reply->problem);
}

static void ask_metadata(struct matrix_login *l, bool stable) {
        int r = matrix_own_path_get(l->client,
                                    stable ? "/_matrix/client/v1/auth_metadata"
                                           : "/_matrix/client/unstable/org.matrix.msc2965/auth_metadata",
                                    stable ? on_metadata : on_metadata_of_draft, l, &l->request);

        if (r < 0)
                login_fail_with_errno(l, r);
}

void login_ask_metadata(struct matrix_login *l) {
        ask_metadata(l, /* stable= */ true);
}
