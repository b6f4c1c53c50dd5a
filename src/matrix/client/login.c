/* Logging in, step by step: finding the homeserver; then /account/whoami for a token that is there already, or
 * auth_metadata and OAuth 2.0 (reference 8.3) by the device grant or by a browser here, or the flows and POST of
 * /login (8.2), where a browser may have to bring the login token first. Every failure ends in a sentence that says
 * what to do, and leaves no session behind on the server. */
#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <unistd.h>

#include "json/json.h"
#include "matrix/client/api.h"
#include "matrix/client/auth-code.h"
#include "matrix/client/find.h"
#include "matrix/client/login.h"
#include "matrix/client/user-id.h"
#include "util/text.h"

#define PROBLEM_MAX 768
/* Nobody keeps a token longer without renewing it; more would only be a slip of a server. */
#define EXPIRES_IN_MSEC_MAX ((int64_t) 3650 * 24 * 3600 * 1000)

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
        char problem[PROBLEM_MAX];
        bool undoing;     /* `problem` is told once the session has been ended */
        bool posting;     /* POST /login is under way: its answer may be a session */
        bool interrupted; /* what comes now is ended again */
        struct matrix_login_handler handler;
};

/* ---- how it ends; the callback may free the login, so nothing follows ---- */

static void fail(struct matrix_login *l, const char *format, ...) __attribute__((format(printf, 2, 3)));
static void fail(struct matrix_login *l, const char *format, ...) {
        va_list ap;

        va_start(ap, format);
        (void) vsnprintf(l->problem, sizeof(l->problem), format, ap);
        va_end(ap);
        l->handler.done(NULL, l->problem, l->handler.userdata);
}

static void fail_with_errno(struct matrix_login *l, int error) {
        fail(l, "the request could not be made: %s", strerror(-error));
}

static void progress(struct matrix_login *l, const char *step, const char *where) {
        SCOPED(free) char *line = NULL;

        if (asprintf(&line, "%s: %s", step, where) >= 0)
                l->handler.progress(line, l->handler.userdata);
        else
                line = NULL;
}

/* ---- whose session it is ---- */

static bool user_fits(const struct matrix_login *l, const char *user_id) {
        return user_id_fits(l->user, user_id);
}

static int keep_session(struct matrix_login *l, const char *user_id, const char *device_id, const char *token) {
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

/* ---- an existing session ---- */

static void take_token(struct matrix_login *l, const char *user_id, const char *device_id) {
        int r = keep_session(l, user_id, device_id, l->access_token);

        if (r < 0)
                fail_with_errno(l, r);
        else
                l->handler.done(&l->session, NULL, l->handler.userdata);
}

static void on_whoami(const struct matrix_reply *reply, void *userdata) {
        struct matrix_login *l = userdata;
        const char *user_id, *device_id;
        char shown[USER_ID_MAX + 1];

        l->request = NULL;
        if (reply->outcome == MATRIX_SIGNED_OUT)
                fail(l,
                     "the homeserver does not accept this access token: it may have been logged out, take a new one");
        else if (reply->outcome != MATRIX_OK)
                fail(l, "%s", reply->problem);
        else if (matrix_whoami_parse(reply->body, &user_id, &device_id) < 0 || !user_id_is_valid(user_id))
                fail(l, "%s does not say whose access token this is: check the homeserver's address",
                     matrix_client_base_url(l->client));
        else if (!user_fits(l, user_id))
                fail(l, "the access token belongs to %s: give the token of the right account, or that user",
                     text_printable(shown, sizeof(shown), user_id));
        else
                take_token(l, user_id, device_id);
}

static void ask_whoami(struct matrix_login *l) {
        int r;

        progress(l, "Asking whose access token this is", matrix_client_base_url(l->client));
        r = matrix_client_set_token(l->client, l->access_token);
        if (r >= 0)
                r = matrix_whoami_get(l->client, on_whoami, l, &l->request);
        if (r == -EINVAL)
                fail(l, "this is no access token: it must be one word, as the other client shows it");
        else if (r < 0)
                fail_with_errno(l, r);
}

/* ---- a new session ---- */

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

/* A session that nobody will use is not left behind on the server; l->session has it. */
static void undo(struct matrix_login *l, const char *format, ...) __attribute__((format(printf, 2, 3)));
static void undo(struct matrix_login *l, const char *format, ...) {
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

#define INTERRUPTED "interrupted; nothing has been kept"

/* Of what the server has not answered, nobody knows whether it was done. */
static void fail_interrupted(struct matrix_login *l, bool answered) {
        if (answered)
                fail(l, INTERRUPTED);
        else
                fail(l, INTERRUPTED
                     ", but the server has not answered: a session of busyd that another client of yours lists may be "
                     "logged out there");
}

void matrix_login_interrupt(struct matrix_login *l) {
        if (l->undoing || l->interrupted)
                return;
        l->interrupted = true;
        if (l->session.access_token)
                undo(l, INTERRUPTED);
        else if (l->posting || (l->grant && oauth_grant_stop(l->grant)) || (l->code && auth_code_stop(l->code)))
                l->handler.progress(
                        "Waiting for the server's answer, so that no session stays behind; again, and this "
                        "ends at once",
                        l->handler.userdata);
        else
                fail(l, INTERRUPTED);
}

static void undo_wrong_user(struct matrix_login *l) {
        char shown[USER_ID_MAX + 1];

        undo(l,
             "the homeserver logged in %s, which is not who was asked for: check the user name, and in the browser "
             "who is"
             " logged in there",
             text_printable(shown, sizeof(shown), l->session.user_id));
}

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
                progress(l, "The server ends this session by itself, and it cannot be renewed; in",
                         format_duration(lasts, sizeof(lasts), (usec_t) (msec / 1000) * USEC_PER_SEC));
        return 0;
}

static void take_session(struct matrix_login *l, const struct matrix_reply *reply) {
        const char *user_id = json_member_string(reply->body, "user_id");
        const char *device_id = json_member_string(reply->body, "device_id");
        const char *token = json_member_string(reply->body, "access_token");
        int r;

        if (!user_id || !user_id_is_valid(user_id) || !device_id || !token || !*token) {
                fail(l, "%s answered the login without a session: check the homeserver's address",
                     matrix_client_base_url(l->client));
                return;
        }
        r = keep_session(l, user_id, device_id, token);
        if (r >= 0)
                r = keep_renewal(l, reply);
        if (r < 0)
                fail_with_errno(l, r);
        else if (l->interrupted)
                undo(l, INTERRUPTED);
        else if (!user_fits(l, user_id))
                undo_wrong_user(l);
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
                fail_interrupted(l, reply->status != 0);
        else if (streq(errcode, "M_USER_DEACTIVATED"))
                fail(l, "this account is deactivated: ask the homeserver's administrator");
        else if (streq(errcode, "M_FORBIDDEN") || reply->outcome == MATRIX_SIGNED_OUT)
                fail(l, "%s",
                     l->password
                             ? "wrong user name or password: try again"
                             : "the login token is not accepted: it works once and for a short time, get a new one");
        else if (reply->status == 429)
                fail(l, "too many attempts: try again in %s",
                     reply->retry_after == USEC_NEVER ? "some minutes"
                                                      : format_duration(wait, sizeof(wait), reply->retry_after));
        else
                fail(l, "%s", reply->problem);
}

static json_t *login_body(const struct matrix_login *l) {
        if (l->password)
                return json_pack("{s:s, s:{s:s, s:s}, s:s, s:s, s:s*, s:b}", "type", "m.login.password", "identifier",
                                 "type", "m.id.user", "user", l->user, "password", l->password,
                                 "initial_device_display_name", l->device_name, "device_id", l->device_id,
                                 "refresh_token", true);
        return json_pack("{s:s, s:s, s:s, s:s*, s:b}", "type", "m.login.token", "token", l->login_token,
                         "initial_device_display_name", l->device_name, "device_id", l->device_id, "refresh_token",
                         true);
}

/* jansson keeps its own copy of the secret. */
static void wipe_member(const json_t *body, const char *key) {
        json_t *secret = json_object_get(body, key);

        if (json_is_string(secret))
                explicit_bzero((char *) json_string_value(secret), json_string_length(secret));
}

static void post_login(struct matrix_login *l) {
        SCOPED(json_decref) json_t *body = login_body(l);
        int r;

        if (!body) {
                fail(l, "user name or password are not UTF-8 text: check what was typed");
                return;
        }
        progress(l, "Logging in", matrix_client_base_url(l->client));
        r = matrix_login_post(l->client, body, on_login, l, &l->request);
        wipe_member(body, "password");
        wipe_member(body, "token");
        l->posting = r >= 0;
        if (r < 0)
                fail_with_errno(l, r);
}

/* Only now, when it is known that the server takes one. */
static bool have_password(struct matrix_login *l) {
        char *user = NULL;

        if (l->password)
                return true;
        if (l->handler.ask_password(!l->user, &user, &l->password, l->handler.userdata) < 0) {
                fail(l, "no password was given");
                return false;
        }
        if (user)
                l->user = user;
        return true;
}

static void log_in_by_password(struct matrix_login *l) {
        if (have_password(l))
                post_login(l);
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

static void start_sso(struct matrix_login *l);

static bool may(const struct matrix_login *l, enum matrix_login_way way) {
        return l->way == MATRIX_LOGIN_ANY || l->way == way;
}

/* The password first: nothing has to be listened to for it. */
static void use_flows(struct matrix_login *l, const json_t *body) {
        bool password = matrix_login_flows_have(body, "m.login.password"),
             sso = matrix_login_flows_have(body, "m.login.sso") && l->handler.listen;
        const char *where = matrix_client_base_url(l->client);

        if (l->login_token && matrix_login_flows_have(body, "m.login.token"))
                post_login(l);
        else if (l->login_token)
                fail(l, "%s takes no login tokens: %s", where, offers(l, body));
        else if (password && (l->password || may(l, MATRIX_LOGIN_PASSWORD)))
                log_in_by_password(l);
        else if (sso && !l->password && (may(l, MATRIX_LOGIN_SSO) || l->way == MATRIX_LOGIN_BROWSER))
                start_sso(l);
        else
                fail(l, "%s %s: %s", where,
                     l->way == MATRIX_LOGIN_SSO       ? "has no single sign-on"
                     : l->way == MATRIX_LOGIN_BROWSER ? "has no login in a browser on this machine"
                                                      : "takes no passwords",
                     offers(l, body));
}

static void on_flows(const struct matrix_reply *reply, void *userdata) {
        struct matrix_login *l = userdata;

        l->request = NULL;
        if (reply->outcome == MATRIX_UNRECOGNIZED || reply->outcome == MATRIX_NOT_FOUND)
                fail(l, "%s has no login of this kind: %s", matrix_client_base_url(l->client), offers(l, NULL));
        else if (reply->outcome != MATRIX_OK)
                fail(l, "%s", reply->problem);
        else
                use_flows(l, reply->body);
}

static void ask_flows(struct matrix_login *l) {
        int r = matrix_login_flows_get(l->client, on_flows, l, &l->request);

        if (r < 0)
                fail_with_errno(l, r);
}

/* ---- OAuth 2.0 ---- */

/* Who has said yes in the browser is known only now. */
static void on_oauth_whoami(const struct matrix_reply *reply, void *userdata) {
        struct matrix_login *l = userdata;
        const char *user_id, *device_id;

        l->request = NULL;
        if (reply->outcome != MATRIX_OK) {
                undo(l, "the homeserver does not take the session that its login server gave: %s", reply->problem);
                return;
        }
        if (matrix_whoami_parse(reply->body, &user_id, &device_id) < 0 || !user_id_is_valid(user_id)) {
                undo(l, "%s does not say whose session this is: try again later", matrix_client_base_url(l->client));
                return;
        }
        l->session.user_id = strdup(user_id);
        l->session.device_id = strdup(device_id);
        l->session.homeserver = strdup(matrix_client_base_url(l->client));
        if (!l->session.user_id || !l->session.device_id || !l->session.homeserver)
                undo(l, "out of memory");
        else if (!user_fits(l, user_id))
                undo_wrong_user(l);
        else
                l->handler.done(&l->session, NULL, l->handler.userdata);
}

static void on_grant(const struct session *s, const char *problem, void *userdata) {
        struct matrix_login *l = userdata;
        int r;

        if (!s) {
                fail(l, "%s", l->interrupted ? INTERRUPTED : problem);
                return;
        }
        r = session_copy(&l->session, s);
        if (r >= 0 && l->interrupted) {
                undo(l, INTERRUPTED);
                return;
        }
        if (r >= 0)
                r = matrix_client_set_token(l->client, l->session.access_token);
        if (r >= 0)
                r = matrix_whoami_get(l->client, on_oauth_whoami, l, &l->request);
        if (r < 0)
                fail_with_errno(l, r);
}

static void on_grant_code(const struct oauth_code *code, void *userdata) {
        struct matrix_login *l = userdata;

        l->handler.show(code, l->handler.userdata);
}

static void on_grant_waiting(const char *problem, void *userdata) {
        progress(userdata, "Asking whether you have said yes goes on", problem);
}

static void start_grant(struct matrix_login *l) {
        const struct oauth_grant_handler handler = { on_grant_code, on_grant_waiting, on_grant, l };
        int r;

        progress(l, "Asking for a code to log in with", l->oauth.issuer ? l->oauth.issuer : l->oauth.token);
        r = oauth_grant_start(&l->grant, l->http, &l->oauth, l->device_id, &handler);
        if (r < 0)
                fail_with_errno(l, r);
}

/* ---- by a browser on this machine ---- */

/* Listens for it; false: that has failed, and the login with it. */
static bool begin_trip(struct matrix_login *l, enum trip_kind kind) {
        SCOPED(free) char *origin = NULL;
        int r = trip_new(&l->trip, kind, l->oauth.issuer);

        if (r >= 0)
                r = l->handler.listen(trip_path(l->trip), &origin, l->handler.userdata);
        if (r >= 0)
                r = trip_set_origin(l->trip, origin);
        if (r < 0)
                fail(l,
                     "this machine cannot be listened to for the browser's answer (%s): try --with device or --with "
                     "password",
                     strerror(-r));
        return r >= 0;
}

static void on_code_address(const char *address, void *userdata) {
        struct matrix_login *l = userdata;

        l->handler.open(address, TRIP_TIME_MAX, l->handler.userdata);
}

static void start_code(struct matrix_login *l) {
        const struct auth_code_handler handler = { on_code_address, on_grant, l };
        int r;

        progress(l, "Asking for a login in the browser", l->oauth.issuer ? l->oauth.issuer : l->oauth.token);
        if (!begin_trip(l, TRIP_CODE))
                return;
        r = auth_code_start(&l->code, l->http, &l->oauth, l->device_id, trip_redirect(l->trip), trip_state(l->trip),
                            &handler);
        if (r < 0)
                fail_with_errno(l, r);
}

/* Where there are several providers, the page lets the user choose. */
static void start_sso(struct matrix_login *l) {
        SCOPED(free) char *page = NULL, *address = NULL;
        struct oauth_field query[] = { { "redirectUrl", NULL }, { "action", "login" }, {} };
        int r;

        if (!begin_trip(l, TRIP_TOKEN))
                return;
        query[0].value = trip_redirect(l->trip);
        if (asprintf(&page, "%s/_matrix/client/v3/login/sso/redirect", matrix_client_base_url(l->client)) < 0)
                page = NULL;
        r = page ? oauth_address_with(page, query, &address) : -ENOMEM;
        if (r < 0)
                fail_with_errno(l, r);
        else
                l->handler.open(address, TRIP_TIME_MAX, l->handler.userdata);
}

enum trip_answer matrix_login_returned(struct matrix_login *l, trip_value_t value, void *request) {
        return l->trip && !l->interrupted ? trip_take(l->trip, value, request) : TRIP_STRANGE;
}

void matrix_login_go_on(struct matrix_login *l) {
        const char *problem, *brought = trip_brought(l->trip, &problem);

        if (l->interrupted)
                return;
        if (!brought) {
                fail(l, "%s", problem);
                return;
        }
        if (l->code) {
                progress(l, "Logging in", l->oauth.issuer ? l->oauth.issuer : l->oauth.token);
                auth_code_exchange(l->code, brought);
                return;
        }
        l->login_token = strdup(brought);
        if (l->login_token)
                post_login(l);
        else
                fail_with_errno(l, -ENOMEM);
}

void matrix_login_deafened(struct matrix_login *l, const char *problem) {
        if (!l->interrupted)
                fail(l, "%s", problem);
}

/* True: nobody has come back in time. */
static bool is_lost(struct matrix_login *l, usec_t now, usec_t *ret_next) {
        return l->trip && !l->interrupted && trip_run(l->trip, now, ret_next) > 0;
}

/* ---- what OAuth 2.0 offers ---- */

static void ask_metadata(struct matrix_login *l, bool stable);

static void use_metadata(struct matrix_login *l, const json_t *body) {
        int r = oauth_server_parse(body, &l->oauth);

        if (r == -EPERM)
                fail(l, "%s names a login server that is not reached by https:// : tell its administrator",
                     matrix_client_base_url(l->client));
        else if (l->oauth.device_authorization && may(l, MATRIX_LOGIN_DEVICE))
                start_grant(l);
        else if (l->way == MATRIX_LOGIN_DEVICE)
                fail(l, "%s has no login by code: leave out --with device", matrix_client_base_url(l->client));
        else if (oauth_has_code(&l->oauth) && l->handler.listen && may(l, MATRIX_LOGIN_BROWSER))
                start_code(l);
        else
                ask_flows(l);
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
                fail(l, "%s: %s", matrix_client_base_url(l->client), reply->problem);
}

static void on_metadata(const struct matrix_reply *reply, void *userdata) {
        struct matrix_login *l = userdata;

        l->request = NULL;
        if (reply->outcome == MATRIX_OK)
                use_metadata(l, reply->body);
        else if (is_absent(reply))
                ask_metadata(l, false);
        else
                fail(l, "%s: %s", matrix_client_base_url(l->client), reply->problem);
}

static void ask_metadata(struct matrix_login *l, bool stable) {
        int r = matrix_own_path_get(l->client,
                                    stable ? "/_matrix/client/v1/auth_metadata"
                                           : "/_matrix/client/unstable/org.matrix.msc2965/auth_metadata",
                                    stable ? on_metadata : on_metadata_of_draft, l, &l->request);

        if (r < 0)
                fail_with_errno(l, r);
}

/* What was given, or asked for, is not asked of the server first. */
static void choose_way(struct matrix_login *l) {
        if (l->access_token) {
                ask_whoami(l);
                return;
        }
        progress(l, "Asking how to log in", matrix_client_base_url(l->client));
        if (l->login_token || l->password || l->way == MATRIX_LOGIN_PASSWORD || l->way == MATRIX_LOGIN_SSO)
                ask_flows(l);
        else
                ask_metadata(l, true);
}

/* ---- finding the homeserver ---- */

static void on_step(const char *what, const char *where, void *userdata) {
        progress(userdata, what, where);
}

static void on_found(struct matrix_client *client, const char *problem, void *userdata) {
        struct matrix_login *l = userdata;

        if (!client) {
                fail(l, "%s", problem);
                return;
        }
        l->client = client;
        choose_way(l);
}

static void begin(struct matrix_login *l) {
        int r;

        if (l->password && (!l->user || !*l->user)) {
                fail(l, "a password needs a user: give one, like @me:example.org");
                return;
        }
        r = matrix_find_new(&l->find, l->http, &(struct matrix_find_handler){ on_step, on_found, l });
        if (r < 0)
                fail_with_errno(l, r);
        else
                matrix_find_begin(l->find, l->homeserver, l->user);
}

static int on_begin(sd_event_source *source, void *userdata) {
        begin(userdata);
        return 0;
}

/* ---- the object ---- */

static void wipe_free(char *s) {
        if (s)
                explicit_bzero(s, strlen(s));
        free(s);
}

struct matrix_login *matrix_login_free(struct matrix_login *l) {
        if (!l)
                return NULL;
        http_request_free(l->request);
        oauth_grant_free(l->grant);
        auth_code_free(l->code);
        trip_free(l->trip);
        oauth_server_done(&l->oauth);
        matrix_find_free(l->find);
        matrix_client_free(l->client);
        sd_event_source_disable_unref(l->begin);
        session_done(&l->session);
        wipe_free(l->password);
        wipe_free(l->login_token);
        wipe_free(l->access_token);
        free(l->user);
        free(l->homeserver);
        free(l->device_id);
        free(l->device_name);
        free(l);
        return NULL;
}

static int copy(char **ret, const char *s) {
        if (!s)
                return 0;
        *ret = strdup(s);
        return *ret ? 0 : -ENOMEM;
}

static int copy_device_name(struct matrix_login *l, const char *name) {
        char host[256];

        if (name)
                return copy(&l->device_name, name);
        if (gethostname(host, sizeof(host)) < 0)
                return -errno;
        host[sizeof(host) - 1] = '\0';
        if (asprintf(&l->device_name, "busyd on %s", host) < 0) {
                l->device_name = NULL;
                return -ENOMEM;
        }
        return 0;
}

static int copy_options(struct matrix_login *l, const struct matrix_login_options *o) {
        if (copy(&l->user, o->user) < 0 || copy(&l->homeserver, o->homeserver) < 0 ||
            copy(&l->device_id, o->device_id) < 0 || copy(&l->password, o->password) < 0 ||
            copy(&l->login_token, o->login_token) < 0 || copy(&l->access_token, o->access_token) < 0)
                return -ENOMEM;
        return copy_device_name(l, o->device_name);
}

usec_t matrix_login_run(struct matrix_login *l, usec_t now) {
        usec_t next = USEC_NEVER;

        if (l->grant)
                return oauth_grant_run(l->grant, now);
        if (is_lost(l, now, &next))
                fail(l, "nobody has come back from the browser in 10 minutes: run `busyctl login` again");
        return next;
}

int matrix_login_start(struct matrix_login **ret, sd_event *event, struct http *http,
                       const struct matrix_login_options *options, const struct matrix_login_handler *handler) {
        SCOPED(matrix_login_free) struct matrix_login *l = NULL;
        int r;

        if (!!options->password + !!options->login_token + !!options->access_token > 1)
                return -EINVAL;
        l = calloc(1, sizeof(*l));
        if (!l)
                return -ENOMEM;
        l->http = http;
        l->way = options->way;
        l->handler = *handler;
        r = copy_options(l, options);
        if (r < 0)
                return r;
        /* Not at once: a wrong argument is told like everything else, by the callback. */
        r = sd_event_add_defer(event, &l->begin, on_begin, l);
        if (r < 0)
                return r;
        (void) sd_event_source_set_description(l->begin, "login-begin");

        *ret = TAKE(l);
        return 0;
}
