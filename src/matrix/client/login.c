/* Logging in, step by step: finding the homeserver; then /account/whoami for a token that is there already, or
 * auth_metadata and OAuth 2.0 (reference 8.3) by the device grant or by a browser here, or the flows and POST of
 * /login (8.2), where a browser may have to bring the login token first. Every failure ends in a sentence that says
 * what to do, and leaves no session behind on the server. The ways themselves: see login-parts.h. */
#include "matrix/client/login-parts.h"

#include <errno.h>
#include <stdio.h>
#include <unistd.h>

#include "matrix/client/user-id.h"
#include "util/text.h"

/* ---- an existing session ---- */

static void take_token(struct matrix_login *l, const char *user_id, const char *device_id) {
        int r = login_keep_session(l, user_id, device_id, l->access_token);

        if (r < 0)
                login_fail_with_errno(l, r);
        else
                l->handler.done(&l->session, NULL, l->handler.userdata);
}

static void on_whoami(const struct matrix_reply *reply, void *userdata) {
        struct matrix_login *l = userdata;
        const char *user_id, *device_id;
        char shown[USER_ID_MAX + 1];

        l->request = NULL;
        if (reply->outcome == MATRIX_SIGNED_OUT)
                login_fail(l, "the homeserver does not accept this access token: it may have been logged out, take a "
                              "new one");
        else if (reply->outcome != MATRIX_OK)
                login_fail(l, "%s", reply->problem);
        else if (matrix_whoami_parse(reply->body, &user_id, &device_id) < 0 || !user_id_is_valid(user_id))
                login_fail(l, "%s does not say whose access token this is: check the homeserver's address",
                           matrix_client_base_url(l->client));
        else if (!login_user_fits(l, user_id))
                login_fail(l, "the access token belongs to %s: give the token of the right account, or that user",
                           text_printable(shown, sizeof(shown), user_id));
        else
                take_token(l, user_id, device_id);
}

static void ask_whoami(struct matrix_login *l) {
        int r;

        login_progress(l, "Asking whose access token this is", matrix_client_base_url(l->client));
        r = matrix_client_set_token(l->client, l->access_token);
        if (r >= 0)
                r = matrix_whoami_get(l->client, on_whoami, l, &l->request);
        if (r == -EINVAL)
                login_fail(l, "this is no access token: it must be one word, as the other client shows it");
        else if (r < 0)
                login_fail_with_errno(l, r);
}

/* ---- choosing ---- */

bool login_may(const struct matrix_login *l, enum matrix_login_way way) {
        return l->way == MATRIX_LOGIN_ANY || l->way == way;
}

/* What was given, or asked for, is not asked of the server first. */
static void choose_way(struct matrix_login *l) {
        if (l->access_token) {
                ask_whoami(l);
                return;
        }
        login_progress(l, "Asking how to log in", matrix_client_base_url(l->client));
        if (l->login_token || l->password || l->way == MATRIX_LOGIN_PASSWORD || l->way == MATRIX_LOGIN_SSO)
                login_ask_flows(l);
        else
                login_ask_metadata(l);
}

/* ---- a browser on this machine ---- */

bool login_begin_trip(struct matrix_login *l, enum trip_kind kind) {
        SCOPED(free) char *origin = NULL;
        int r = trip_new(&l->trip, kind, l->oauth.issuer);

        if (r >= 0)
                r = l->handler.listen(trip_path(l->trip), &origin, l->handler.userdata);
        if (r >= 0)
                r = trip_set_origin(l->trip, origin);
        if (r < 0)
                login_fail(l,
                           "this machine cannot be listened to for the browser's answer (%s): try --with device or "
                           "--with password",
                           strerror(-r));
        return r >= 0;
}

enum trip_answer matrix_login_returned(struct matrix_login *l, trip_value_t value, void *request) {
        return l->trip && !l->interrupted ? trip_take(l->trip, value, request) : TRIP_STRANGE;
}

void matrix_login_go_on(struct matrix_login *l) {
        const char *problem, *brought = trip_brought(l->trip, &problem);

        if (l->interrupted)
                return;
        if (!brought) {
                login_fail(l, "%s", problem);
                return;
        }
        if (l->code) {
                login_progress(l, "Logging in", l->oauth.issuer ? l->oauth.issuer : l->oauth.token);
                auth_code_exchange(l->code, brought);
                return;
        }
        l->login_token = strdup(brought);
        if (l->login_token)
                login_post(l);
        else
                login_fail_with_errno(l, -ENOMEM);
}

void matrix_login_deafened(struct matrix_login *l, const char *problem) {
        if (!l->interrupted)
                login_fail(l, "%s", problem);
}

/* True: nobody has come back in time. */
static bool is_lost(struct matrix_login *l, usec_t now, usec_t *ret_next) {
        return l->trip && !l->interrupted && trip_run(l->trip, now, ret_next) > 0;
}

/* ---- finding the homeserver ---- */

static void on_step(const char *what, const char *where, void *userdata) {
        login_progress(userdata, what, where);
}

static void on_found(struct matrix_client *client, const char *problem, void *userdata) {
        struct matrix_login *l = userdata;

        if (!client) {
                login_fail(l, "%s", problem);
                return;
        }
        l->client = client;
        choose_way(l);
}

static void begin(struct matrix_login *l) {
        int r;

        if (l->password && (!l->user || !*l->user)) {
                login_fail(l, "a password needs a user: give one, like @me:example.org");
                return;
        }
        r = matrix_find_new(&l->find, l->http, &(struct matrix_find_handler){ on_step, on_found, l });
        if (r < 0)
                login_fail_with_errno(l, r);
        else
                matrix_find_begin(l->find, l->homeserver, l->user);
}

static int on_begin(sd_event_source *source, void *userdata) {
        begin(userdata);
        return 0;
}

/* ---- the object ---- */

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
        erase_and_free(l->password);
        erase_and_free(l->login_token);
        erase_and_free(l->access_token);
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
                login_fail(l, "nobody has come back from the browser in 10 minutes: run `busyctl login` again");
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
