/* A login against a real server, with a browser and a user of our own, and a clock by hand. */
#pragma once

#include <criterion/criterion.h>
#include <errno.h>
#include <stdio.h>
#include <strings.h>
#include <unistd.h>

#include "matrix/client/login.h"
#include "matrix/client/pkce.h"
#include "unit/loopback/loopback.h"
#include "util/clock.h"

#define V3            "/_matrix/client/v3"
#define VERSIONS      ROUTE("GET", "/_matrix/client/versions", 200, "{\"versions\":[\"v1.11\"]}")
#define PASSWORD_FLOW "{\"type\":\"m.login.password\"}"
#define FLOWS                                                                                                         \
        ROUTE("GET", V3 "/login", 200, "{\"flows\":[{\"type\":\"m.login.password\"},{\"type\":\"m.login.token\"}]}")
#define SESSION "{\"user_id\":\"@me:test\",\"access_token\":\"t0ken\",\"device_id\":\"DEV\"}"

static const struct loopback_route good[] = {
        VERSIONS,
        FLOWS,
        ROUTE("POST", V3 "/login", 200, SESSION),
        ROUTE("GET", V3 "/account/whoami", 200, "{\"user_id\":\"@me:test\",\"device_id\":\"OLD\"}"),
        {},
};

struct fixture {
        sd_event *event;
        struct http *http;
        struct loopback *server;
        struct matrix_login *login;
        bool done, starting;
        unsigned n_progress, n_asked, n_shown;
        bool no_terminal, no_listener, deaf;
        const char *origin; /* NULL: of IPv4 */
        const char *brings; /* what the browser comes back with, "name=value"; NULL: it does not */
        bool is_out;        /* it is on its way */
        unsigned n_opened;
        char path[64], address[1024], state[64];
        usec_t skipped; /* how much later than by the clock it is */
        char shown[256], refresh_token[64], client_id[64];
        usec_t expires_at;
        bool ok;
        char homeserver[128], user_id[64], device_id[64], token[64];
        char problem[1024], line[256]; /* the last one of its progress */
};

static inline void on_done(const struct session *session, const char *problem, void *userdata) {
        struct fixture *f = userdata;

        cr_assert_not(f->starting, "done from within matrix_login_start()");
        cr_assert_neq(session != NULL, problem != NULL, "one of both");
        f->done = true;
        f->ok = session;
        (void) snprintf(f->problem, sizeof(f->problem), "%s", problem ? problem : "");
        if (session) {
                (void) snprintf(f->homeserver, sizeof(f->homeserver), "%s", session->homeserver);
                (void) snprintf(f->user_id, sizeof(f->user_id), "%s", session->user_id);
                (void) snprintf(f->device_id, sizeof(f->device_id), "%s", session->device_id);
                (void) snprintf(f->token, sizeof(f->token), "%s", session->access_token);
                (void) snprintf(f->refresh_token, sizeof(f->refresh_token), "%s", session->refresh_token ?: "");
                (void) snprintf(f->client_id, sizeof(f->client_id), "%s", session->client_id ?: "");
                f->expires_at = session->expires_at;
        }
        f->login = matrix_login_free(f->login);
}

static inline void on_progress(const char *line, void *userdata) {
        struct fixture *f = userdata;

        cr_assert_null(strstr(line, "s3cret"));
        (void) snprintf(f->line, sizeof(f->line), "%s", line);
        f->n_progress++;
}

static inline int on_ask_password(bool ask_user, char **ret_user, char **ret_password, void *userdata) {
        struct fixture *f = userdata;

        f->n_asked++;
        if (f->no_terminal)
                return -ENXIO;
        if (ask_user)
                *ret_user = strdup("me");
        *ret_password = strdup("s3cret");
        return 0;
}

static inline void on_show(const struct oauth_code *code, void *userdata) {
        struct fixture *f = userdata;

        f->n_shown++;
        (void) snprintf(f->shown, sizeof(f->shown), "%s %s %s", code->address, code->complete ? code->complete : "-",
                        code->code);
}

static inline int on_listen(const char *path, char **ret_origin, void *userdata) {
        struct fixture *f = userdata;

        if (f->deaf)
                return -EADDRNOTAVAIL;
        (void) snprintf(f->path, sizeof(f->path), "%s", path);
        *ret_origin = strdup(f->origin ? f->origin : "http://127.0.0.1:7");
        return *ret_origin ? 0 : -ENOMEM;
}

static inline void on_open(const char *address, usec_t lasts, void *userdata) {
        struct fixture *f = userdata;

        cr_assert_eq(lasts, 10 * USEC_PER_MIN);
        (void) snprintf(f->address, sizeof(f->address), "%s", address);
        f->n_opened++;
        f->is_out = f->brings != NULL;
}

/* What the browser comes back with: of `brings`, "name=value", and the word of the address. */
static inline const char *brought(void *request, const char *name) {
        struct fixture *f = request;
        const char *state = strstr(f->address, "state=");
        size_t n = strlen(name);

        if (streq(name, "state") && state) {
                (void) snprintf(f->state, sizeof(f->state), "%.43s", state + strlen("state="));
                return f->state;
        }
        return strncmp(f->brings, name, n) == 0 && f->brings[n] == '=' ? f->brings + n + 1 : NULL;
}

static inline void come_back(struct fixture *f) {
        f->is_out = false;
        cr_assert_neq(matrix_login_returned(f->login, brought, f), TRIP_STRANGE);
        cr_assert_eq(matrix_login_returned(f->login, brought, f), TRIP_STRANGE, "only once");
        matrix_login_go_on(f->login);
}

static inline struct matrix_login_handler handler_of(struct fixture *f) {
        return (struct matrix_login_handler){
                .progress = on_progress,
                .ask_password = on_ask_password,
                .show = on_show,
                .listen = f->no_listener ? NULL : on_listen,
                .open = on_open,
                .done = on_done,
                .userdata = f,
        };
}

static inline void fixture_init(struct fixture *f, const struct loopback_route *routes, const char *tls_dir) {
        SCOPED(free) char *certificate = NULL;

        *f = (struct fixture){};
        if (tls_dir)
                cr_assert_gt(asprintf(&certificate, "%s/certificate.pem", tls_dir), 0);
        cr_assert_geq(sd_event_new(&f->event), 0);
        cr_assert_eq(http_new(&f->http, f->event, certificate), 0);
        f->server = loopback_new(routes, tls_dir);
}

static inline void fixture_done(struct fixture *f) {
        matrix_login_free(f->login);
        http_free(f->http);
        loopback_free(f->server);
        sd_event_unref(f->event);
}

/* Whatever it waits for comes at once. */
static inline void run(struct fixture *f, const struct matrix_login_options *options) {
        const struct matrix_login_handler handler = handler_of(f);

        f->done = false;
        f->starting = true;
        cr_assert_eq(matrix_login_start(&f->login, f->event, f->http, options, &handler), 0);
        f->starting = false;
        for (unsigned turns = 0; !f->done; turns++) {
                usec_t now = clock_now() + f->skipped, next = matrix_login_run(f->login, now);

                cr_assert_lt(turns, 10000, "it goes round in circles");
                if (f->is_out && !f->done)
                        come_back(f);
                else if (f->done)
                        break;
                else if (next != USEC_NEVER && (!*f->path || f->n_opened > 0))
                        f->skipped += next - usec_min(next, now);
                else
                        cr_assert_gt(sd_event_run(f->event, 30 * USEC_PER_SEC), 0, "nothing happens");
        }
        cr_assert_null(strstr(f->problem, "s3cret"), "%s", f->problem);
}

/* ---- OAuth 2.0 ---- */

#define METADATA "/_matrix/client/v1/auth_metadata"
#define DEVICE_CODE                                                                                                   \
        "{\"device_code\":\"dc\",\"user_code\":\"ABC-123\",\"verification_uri\":\"https://id.test/"                   \
        "link\",\"expires_in\":1200}"
#define TOKENS                                                                                                        \
        "{\"access_token\":\"t0ken\",\"token_type\":\"bearer\",\"expires_in\":300,\"refresh_token\":\"r3fresh\"}"
#define OAUTH_ME    ROUTE("GET", V3 "/account/whoami", 200, "{\"user_id\":\"@me:test\",\"device_id\":\"NEW\"}")
#define OAUTH_REG   ROUTE("POST", "/reg", 201, "{\"client_id\":\"CLIENT\"}")
#define OAUTH_DEV   ROUTE("POST", "/dev", 200, DEVICE_CODE)
#define ERROR(word) "{\"error\":\"" word "\"}"
/* Of the first N polls. */
#define POLL(n, status_, body_)                                                                                       \
        { .method = "POST", .path = "/tok", .status = status_, .body = body_, .first = n }

static char metadata[1024];
#define HAS_OAUTH ROUTE("GET", METADATA, 200, metadata)

static inline void oauth_init(struct fixture *f, const struct loopback_route *routes) {
        const char *url;

        fixture_init(f, routes, NULL);
        url = loopback_url(f->server, "");
        (void) snprintf(
                metadata, sizeof(metadata),
                "{\"issuer\":\"%s/\",\"device_authorization_endpoint\":\"%s/dev\",\"token_endpoint\":\"%s/tok\","
                "\"registration_endpoint\":\"%s/reg\",\"revocation_endpoint\":\"%s/rev\"}",
                url, url, url, url, url);
}

/* The same without the device grant, and with a page for a browser. */
static inline void oauth_init_code(struct fixture *f, const struct loopback_route *routes, const char *more) {
        const char *url;

        fixture_init(f, routes, NULL);
        url = loopback_url(f->server, "");
        (void) snprintf(metadata, sizeof(metadata),
                        "{\"issuer\":\"%s/\",\"authorization_endpoint\":\"%s/auth?x=1\",\"token_endpoint\":\"%s/tok\","
                        "\"registration_endpoint\":\"%s/reg\",\"revocation_endpoint\":\"%s/rev\"%s}",
                        url, url, url, url, url, more);
}

static inline void oauth_run(struct fixture *f) {
        run(f, &(struct matrix_login_options){ .user = "@me:test", .homeserver = loopback_url(f->server, "") });
}

/* The value of a parameter, in a query or a form; it lasts until the next call. */
static inline const char *parameter(const char *text, const char *name) {
        static char value[256];
        size_t n = strlen(name);

        for (const char *s = text; s; s = strpbrk(s + 1, "?&"))
                if (strncmp(s + strspn(s, "?&"), name, n) == 0 && s[strspn(s, "?&") + n] == '=') {
                        s += strspn(s, "?&") + n + 1;
                        (void) snprintf(value, sizeof(value), "%.*s", (int) strcspn(s, "&"), s);
                        return value;
                }
        return "";
}

static const struct loopback_route code_routes[] = {
        VERSIONS, HAS_OAUTH, OAUTH_REG, POLL(0, 200, TOKENS), OAUTH_ME, ROUTE("POST", "/rev", 200, ""), {},
};
