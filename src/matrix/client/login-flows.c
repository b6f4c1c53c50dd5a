/* The ways of POST /login (reference 8.2), see login-parts.h: by password, or by a login token that was given or that
 * a browser brings from single sign-on. */
#include "matrix/client/login-parts.h"

#include <errno.h>
#include <stdio.h>

#include "json/json.h"
#include "matrix/client/user-id.h"
#include "util/text.h"

/* Nobody keeps a token longer without renewing it; more would only be a slip of a server. */
#define EXPIRES_IN_MSEC_MAX ((int64_t) 3650 * 24 * 3600 * 1000)

/* The tokens of an access token that ends by itself (reference 4). */
static int keep_renewal(struct matrix_login *l, const struct matrix_reply *reply) {
        const char *refresh = json_member_string(reply->body, "refresh_token");
        int64_t msec = json_member_int(reply->body, "expires_in_ms", 0);
        char lasts[64];

        if (msec > 0 && msec <= EXPIRES_IN_MSEC_MAX)
                l->session.expires_at = reply->wall + (usec_t) msec * USEC_PER_MSEC;
        if (refresh && *refresh) {
                l->session.refresh_token = strdup(refresh);
                return l->session.refresh_token ? 0 : -ENOMEM;
        }
        if (l->session.expires_at > 0)
                login_progress(l, "The server ends this session by itself, and it cannot be renewed; in",
                               format_duration(lasts, sizeof(lasts), (usec_t) (msec / 1000) * USEC_PER_SEC));
        return 0;
}

static void take_session(struct matrix_login *l, const struct matrix_reply *reply) {
        const char *user_id = json_member_string(reply->body, "user_id");
        const char *device_id = json_member_string(reply->body, "device_id");
        const char *token = json_member_string(reply->body, "access_token");
        int r;

        if (!user_id || !user_id_is_valid(user_id) || !device_id || !token || !*token) {
                login_fail(l, "%s answered the login without a session: check the homeserver's address",
                           matrix_client_base_url(l->client));
                return;
        }
        r = login_keep_session(l, user_id, device_id, token);
        if (r >= 0)
                r = keep_renewal(l, reply);
        if (r < 0)
                login_fail_with_errno(l, r);
        else if (l->interrupted)
                login_undo(l, LOGIN_INTERRUPTED);
        else if (!login_user_fits(l, user_id))
                login_undo_wrong_user(l);
        else
                l->handler.done(&l->session, NULL, l->handler.userdata);
}

static void on_login(const struct matrix_reply *reply, void *userdata) {
        struct matrix_login *l = userdata;
        const char *errcode = reply->errcode ? reply->errcode : "";
        char wait[64];

        l->request = NULL;
        l->posting = false;
        if (reply->outcome == MATRIX_OK)
                take_session(l, reply);
        else if (l->interrupted)
                login_fail_interrupted(l, reply->status != 0);
        else if (streq(errcode, "M_USER_DEACTIVATED"))
                login_fail(l, "this account is deactivated: ask the homeserver's administrator");
        else if (streq(errcode, "M_FORBIDDEN") || reply->outcome == MATRIX_SIGNED_OUT)
                login_fail(l, "%s",
                           l->password ? "wrong user name or password: try again"
                                       : "the login token is not accepted: it works once and for a short time, get a "
                                         "new one");
        else if (reply->status == 429)
                login_fail(l, "too many attempts: try again in %s",
                           reply->retry_after == USEC_NEVER ? "some minutes"
                                                            : format_duration(wait, sizeof(wait), reply->retry_after));
        else
                login_fail(l, "%s", reply->problem);
}

static json_t *login_body(const struct matrix_login *l) {
        if (l->password)
                return json_pack_whole("{s:s, s:{s:s, s:s}, s:s, s:s, s:s*, s:b}", "type", "m.login.password",
                                       "identifier", "type", "m.id.user", "user", l->user, "password", l->password,
                                       "initial_device_display_name", l->device_name, "device_id", l->device_id,
                                       "refresh_token", true);
        return json_pack_whole("{s:s, s:s, s:s, s:s*, s:b}", "type", "m.login.token", "token", l->login_token,
                               "initial_device_display_name", l->device_name, "device_id", l->device_id,
                               "refresh_token", true);
}

/* jansson keeps its own copy of the secret. */
static void wipe_member(const json_t *body, const char *key) {
        json_t *secret = json_object_get(body, key);

        if (json_is_string(secret))
                explicit_bzero((char *) json_string_value(secret), json_string_length(secret));
}

void login_post(struct matrix_login *l) {
        SCOPED(json_decref) json_t *body = login_body(l);
        int r;

        if (!body) {
                login_fail(l, "user name or password are not UTF-8 text: check what was typed");
                return;
        }
        login_progress(l, "Logging in", matrix_client_base_url(l->client));
        r = matrix_login_post(l->client, body, on_login, l, &l->request);
        wipe_member(body, "password");
        wipe_member(body, "token");
        l->posting = r >= 0;
        if (r < 0)
                login_fail_with_errno(l, r);
}

/* Only now, when it is known that the server takes one. */
static bool have_password(struct matrix_login *l) {
        char *user = NULL;

        if (l->password)
                return true;
        if (l->handler.ask_password(!l->user, &user, &l->password, l->handler.userdata) < 0) {
                login_fail(l, "no password was given");
                return false;
        }
        if (user)
                l->user = user;
        return true;
}

static void log_in_by_password(struct matrix_login *l) {
        if (have_password(l))
                login_post(l);
}

/* Of what the server offers, as far as busyd knows it. */
static const char *offers(const struct matrix_login *l, const json_t *body) {
        if (l->oauth.device_authorization)
                return "it lets busyd in by a code: --with device";
        if (matrix_login_flows_have(body, "m.login.password"))
                return "it takes passwords: --with password";
        if (matrix_login_flows_have(body, "m.login.sso") && l->handler.listen)
                return "it has single sign-on: --with sso";
        if (matrix_login_flows_have(body, "m.login.sso"))
                return "it has single sign-on: give a login token of it with --token-stdin, or the access token of an"
                       " existing session with --access-token-stdin";
        return "give the access token of an existing session with --access-token-stdin";
}

/* Where there are several providers, the page lets the user choose. */
static void start_sso(struct matrix_login *l) {
        SCOPED(free) char *page = NULL, *address = NULL;
        struct oauth_field query[] = { { "redirectUrl", NULL }, { "action", "login" }, {} };
        int r;

        if (!login_begin_trip(l, TRIP_TOKEN))
                return;
        query[0].value = trip_redirect(l->trip);
        if (asprintf(&page, "%s/_matrix/client/v3/login/sso/redirect", matrix_client_base_url(l->client)) < 0)
                page = NULL;
        r = page ? oauth_address_with(page, query, &address) : -ENOMEM;
        if (r < 0)
                login_fail_with_errno(l, r);
        else
                l->handler.open(address, TRIP_TIME_MAX, l->handler.userdata);
}

/* The password first: nothing has to be listened to for it. */
static void use_flows(struct matrix_login *l, const json_t *body) {
        bool password = matrix_login_flows_have(body, "m.login.password"),
             sso = matrix_login_flows_have(body, "m.login.sso") && l->handler.listen;
        const char *where = matrix_client_base_url(l->client);

        if (l->login_token && matrix_login_flows_have(body, "m.login.token"))
                login_post(l);
        else if (l->login_token)
                login_fail(l, "%s takes no login tokens: %s", where, offers(l, body));
        else if (password && (l->password || login_may(l, MATRIX_LOGIN_PASSWORD)))
                log_in_by_password(l);
        else if (sso && !l->password && (login_may(l, MATRIX_LOGIN_SSO) || l->way == MATRIX_LOGIN_BROWSER))
                start_sso(l);
        else
                login_fail(l, "%s %s: %s", where,
                           l->way == MATRIX_LOGIN_SSO       ? "has no single sign-on"
                           : l->way == MATRIX_LOGIN_BROWSER ? "has no login in a browser on this machine"
                                                            : "takes no passwords",
                           offers(l, body));
}

static void on_flows(const struct matrix_reply *reply, void *userdata) {
        struct matrix_login *l = userdata;

        l->request = NULL;
        if (reply->outcome == MATRIX_UNRECOGNIZED || reply->outcome == MATRIX_NOT_FOUND)
                login_fail(l, "%s has no login of this kind: %s", matrix_client_base_url(l->client), offers(l, NULL));
        else if (reply->outcome != MATRIX_OK)
                login_fail(l, "%s", reply->problem);
        else
                use_flows(l, reply->body);
}

void login_ask_flows(struct matrix_login *l) {
        int r = matrix_login_flows_get(l->client, on_flows, l, &l->request);

        if (r < 0)
                login_fail_with_errno(l, r);
}
