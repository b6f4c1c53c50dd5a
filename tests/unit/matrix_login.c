/* Logging in against a real server that answers well or badly: what comes out, and what the user is told. */
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

static void on_done(const struct session *session, const char *problem, void *userdata) {
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

static void on_progress(const char *line, void *userdata) {
        struct fixture *f = userdata;

        cr_assert_null(strstr(line, "s3cret"));
        (void) snprintf(f->line, sizeof(f->line), "%s", line);
        f->n_progress++;
}

static int on_ask_password(bool ask_user, char **ret_user, char **ret_password, void *userdata) {
        struct fixture *f = userdata;

        f->n_asked++;
        if (f->no_terminal)
                return -ENXIO;
        if (ask_user)
                *ret_user = strdup("me");
        *ret_password = strdup("s3cret");
        return 0;
}

static void on_show(const struct oauth_code *code, void *userdata) {
        struct fixture *f = userdata;

        f->n_shown++;
        (void) snprintf(f->shown, sizeof(f->shown), "%s %s %s", code->address, code->complete ? code->complete : "-",
                        code->code);
}

static int on_listen(const char *path, char **ret_origin, void *userdata) {
        struct fixture *f = userdata;

        if (f->deaf)
                return -EADDRNOTAVAIL;
        (void) snprintf(f->path, sizeof(f->path), "%s", path);
        *ret_origin = strdup(f->origin ? f->origin : "http://127.0.0.1:7");
        return *ret_origin ? 0 : -ENOMEM;
}

static void on_open(const char *address, usec_t lasts, void *userdata) {
        struct fixture *f = userdata;

        cr_assert_eq(lasts, 10 * USEC_PER_MIN);
        (void) snprintf(f->address, sizeof(f->address), "%s", address);
        f->n_opened++;
        f->is_out = f->brings != NULL;
}

/* What the browser comes back with: of `brings`, "name=value", and the word of the address. */
static const char *brought(void *request, const char *name) {
        struct fixture *f = request;
        const char *state = strstr(f->address, "state=");
        size_t n = strlen(name);

        if (streq(name, "state") && state) {
                (void) snprintf(f->state, sizeof(f->state), "%.43s", state + strlen("state="));
                return f->state;
        }
        return strncmp(f->brings, name, n) == 0 && f->brings[n] == '=' ? f->brings + n + 1 : NULL;
}

static void come_back(struct fixture *f) {
        f->is_out = false;
        cr_assert_neq(matrix_login_returned(f->login, brought, f), TRIP_STRANGE);
        cr_assert_eq(matrix_login_returned(f->login, brought, f), TRIP_STRANGE, "only once");
        matrix_login_go_on(f->login);
}

static struct matrix_login_handler handler_of(struct fixture *f) {
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

static void fixture_init(struct fixture *f, const struct loopback_route *routes, const char *tls_dir) {
        SCOPED(free) char *certificate = NULL;

        *f = (struct fixture){};
        if (tls_dir)
                cr_assert_gt(asprintf(&certificate, "%s/certificate.pem", tls_dir), 0);
        cr_assert_geq(sd_event_new(&f->event), 0);
        cr_assert_eq(http_new(&f->http, f->event, certificate), 0);
        f->server = loopback_new(routes, tls_dir);
}

static void fixture_done(struct fixture *f) {
        matrix_login_free(f->login);
        http_free(f->http);
        loopback_free(f->server);
        sd_event_unref(f->event);
}

/* Whatever it waits for comes at once. */
static void run(struct fixture *f, const struct matrix_login_options *options) {
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

/* ---- what works ---- */

static const struct loopback_route good[] = {
        VERSIONS,
        FLOWS,
        ROUTE("POST", V3 "/login", 200, SESSION),
        ROUTE("GET", V3 "/account/whoami", 200, "{\"user_id\":\"@me:test\",\"device_id\":\"OLD\"}"),
        {},
};

Test(login, password) {
        struct fixture f;
        const struct loopback_seen *seen;
        char host[256] = "", want[512];

        fixture_init(&f, good, NULL);
        run(&f, &(struct matrix_login_options){
                        .user = "@me:test", .homeserver = loopback_url(f.server, "/"), .password = "s3cret" });
        cr_assert(f.ok, "%s", f.problem);
        cr_assert_str_eq(f.homeserver, loopback_url(f.server, ""));
        cr_assert_str_eq(f.user_id, "@me:test");
        cr_assert_str_eq(f.device_id, "DEV");
        cr_assert_str_eq(f.token, "t0ken");
        cr_assert_gt(f.n_progress, 0);

        (void) gethostname(host, sizeof(host) - 1);
        (void) snprintf(want, sizeof(want),
                        "{\"type\":\"m.login.password\",\"identifier\":{\"type\":\"m.id.user\",\"user\":\"@me:test\"},"
                        "\"password\":\"s3cret\",\"initial_device_display_name\":\"busyd on %s\","
                        "\"refresh_token\":true}",
                        host);
        seen = loopback_seen(f.server, V3 "/login");
        cr_assert_str_eq(seen->body, want);
        cr_assert_str_eq(seen->authorization, "");
        fixture_done(&f);
}

Test(login, login_token_and_known_device) {
        struct fixture f;

        fixture_init(&f, good, NULL);
        run(&f, &(struct matrix_login_options){ .homeserver = loopback_url(f.server, ""),
                                                .login_token = "s3cret",
                                                .device_id = "DEV",
                                                .device_name = "N" });
        cr_assert(f.ok, "%s", f.problem);
        cr_assert_str_eq(loopback_seen(f.server, V3 "/login")->body,
                         "{\"type\":\"m.login.token\",\"token\":\"s3cret\",\"initial_device_display_name\":\"N\","
                         "\"device_id\":\"DEV\",\"refresh_token\":true}");
        fixture_done(&f);
}

/* A session that can be renewed ends by itself: the pair and its end are kept. */
Test(login, tokens_that_can_be_renewed) {
        static const struct loopback_route renewable[] = {
                VERSIONS,
                FLOWS,
                ROUTE("POST", V3 "/login", 200,
                      "{\"user_id\":\"@me:test\",\"access_token\":\"t0ken\",\"device_id\":\"DEV\","
                      "\"refresh_token\":\"r3fresh\",\"expires_in_ms\":300000}"),
                {},
        };
        struct matrix_login_options options = { .user = "@me:test", .password = "s3cret" };
        usec_t before = clock_wall_now();
        struct fixture f;

        fixture_init(&f, renewable, NULL);
        options.homeserver = loopback_url(f.server, "");
        run(&f, &options);
        cr_assert(f.ok, "%s", f.problem);
        cr_assert_str_eq(f.refresh_token, "r3fresh");
        cr_assert_str_eq(f.client_id, "");
        cr_assert(f.expires_at >= before + 300 * USEC_PER_SEC && f.expires_at < before + 400 * USEC_PER_SEC);
        loopback_set_routes(f.server, good);
        run(&f, &options);
        cr_assert(f.ok && f.expires_at == 0 && !*f.refresh_token, "%s", f.problem);
        fixture_done(&f);
}

Test(login, access_token) {
        struct fixture f;

        fixture_init(&f, good, NULL);
        run(&f, &(struct matrix_login_options){
                        .user = "@me:test", .homeserver = loopback_url(f.server, ""), .access_token = "s3cret" });
        cr_assert(f.ok, "%s", f.problem);
        cr_assert_str_eq(f.device_id, "OLD");
        cr_assert_str_eq(f.token, "s3cret");
        cr_assert_str_eq(loopback_seen(f.server, V3 "/account/whoami")->authorization, "Bearer s3cret");
        fixture_done(&f);
}

Test(login, only_the_local_part) {
        struct fixture f;

        fixture_init(&f, good, NULL);
        run(&f, &(struct matrix_login_options){
                        .user = "Me", .homeserver = loopback_url(f.server, ""), .password = "s3cret" });
        cr_assert(f.ok, "servers fold the case: %s", f.problem);
        fixture_done(&f);
}

/* ---- what does not, and what is said ---- */

static const struct bad {
        const char *what;
        struct loopback_route routes[4];
        bool access_token, login_token;
        const char *says;
} bad[] = {
        { "not a homeserver", { ROUTE("GET", "/", 200, "{}"), {} }, .says = "is not a Matrix homeserver" },
        { "a web page",
          { ROUTE("GET", "/_matrix/client/versions", 200, "<html></html>"), {} },
          .says = "check that the address is that of the homeserver" },
        { "versions without versions",
          { ROUTE("GET", "/_matrix/client/versions", 200, "{\"versions\":7}"), {} },
          .says = "is not a Matrix homeserver" },
        { "down",
          { ROUTE("GET", "/_matrix/client/versions", 502, "<html></html>"), {} },
          .says = "has a problem of its own (HTTP 502)" },
        { "endless",
          { { .method = "GET", .path = "/_matrix/client/versions", .status = 200, .kind = LOOPBACK_ENDLESS }, {} },
          .says = "is larger than" },
        { "no login at all",
          { VERSIONS, ROUTE("GET", V3 "/login", 404, "{\"errcode\":\"M_UNRECOGNIZED\"}"), {} },
          .says = "give the access token of an existing session" },
        { "no passwords",
          { VERSIONS, ROUTE("GET", V3 "/login", 200, "{\"flows\":[{\"type\":\"m.login.sso\"}]}"), {} },
          .says = "takes no passwords" },
        { "no login tokens",
          { VERSIONS, ROUTE("GET", V3 "/login", 200, "{\"flows\":[{\"type\":\"m.login.password\"}]}"), {} },
          .login_token = true,
          .says = "takes no login tokens" },
        { "wrong password",
          { VERSIONS, FLOWS, ROUTE("POST", V3 "/login", 403, "{\"errcode\":\"M_FORBIDDEN\"}"), {} },
          .says = "wrong user name or password" },
        { "old login token",
          { VERSIONS, FLOWS, ROUTE("POST", V3 "/login", 403, "{\"errcode\":\"M_FORBIDDEN\"}"), {} },
          .login_token = true,
          .says = "get a new one" },
        { "deactivated",
          { VERSIONS, FLOWS, ROUTE("POST", V3 "/login", 403, "{\"errcode\":\"M_USER_DEACTIVATED\"}"), {} },
          .says = "deactivated" },
        { "too often",
          { VERSIONS, FLOWS, ROUTE("POST", V3 "/login", 429, "{\"retry_after_ms\":90000}"), {} },
          .says = "try again in 1min 30s" },
        { "a session without a token",
          { VERSIONS, FLOWS, ROUTE("POST", V3 "/login", 200, "{\"user_id\":\"@me:test\",\"device_id\":\"D\"}"), {} },
          .says = "without a session" },
        { "a session of nobody",
          { VERSIONS,
            FLOWS,
            ROUTE("POST", V3 "/login", 200, "{\"user_id\":\"me\",\"device_id\":\"D\",\"access_token\":\"x\"}"),
            {} },
          .says = "without a session" },
        { "token unknown",
          { VERSIONS, ROUTE("GET", V3 "/account/whoami", 401, "{\"errcode\":\"M_UNKNOWN_TOKEN\"}"), {} },
          .access_token = true,
          .says = "does not accept this access token" },
        { "token of nobody",
          { VERSIONS, ROUTE("GET", V3 "/account/whoami", 200, "{}"), {} },
          .access_token = true,
          .says = "does not say whose" },
        { "token of somebody else",
          { VERSIONS, ROUTE("GET", V3 "/account/whoami", 200, "{\"user_id\":\"@you:test\"}"), {} },
          .access_token = true,
          .says = "belongs to @you:test" },
};

Test(login, failures) {
        for (size_t i = 0; i < ARRAY_SIZE(bad); i++) {
                const struct bad *b = &bad[i];
                struct fixture f;

                fixture_init(&f, b->routes, NULL);
                run(&f,
                    &(struct matrix_login_options){ .user = "@me:test",
                                                    .homeserver = loopback_url(f.server, ""),
                                                    .password = b->access_token || b->login_token ? NULL : "s3cret",
                                                    .login_token = b->login_token ? "s3cret" : NULL,
                                                    .access_token = b->access_token ? "s3cret" : NULL });
                cr_assert_not(f.ok, "%s", b->what);
                cr_assert(strstr(f.problem, b->says), "%s: %s", b->what, f.problem);
                fixture_done(&f);
        }
}

Test(login, session_of_somebody_else_is_ended) {
        static const struct loopback_route routes[] = {
                VERSIONS,
                FLOWS,
                ROUTE("POST", V3 "/login", 200,
                      "{\"user_id\":\"@you:test\",\"access_token\":\"t0ken\",\"device_id\":\"DEV\"}"),
                ROUTE("POST", V3 "/logout", 200, "{}"),
                {},
        };
        struct fixture f;

        fixture_init(&f, routes, NULL);
        run(&f, &(struct matrix_login_options){
                        .user = "@me:test", .homeserver = loopback_url(f.server, ""), .password = "s3cret" });
        cr_assert_not(f.ok);
        cr_assert(strstr(f.problem, "logged in @you:test"), "%s", f.problem);
        cr_assert_str_eq(loopback_seen(f.server, V3 "/logout")->authorization, "Bearer t0ken");
        fixture_done(&f);
}

Test(login, wrong_arguments) {
        static const struct {
                const char *what;
                struct matrix_login_options options;
                const char *says;
        } rows[] = {
                { "no homeserver", { .user = "me", .password = "s3cret" }, "Give the whole user id" },
                { "nobody", { .homeserver = "https://example.org", .password = "s3cret" }, "needs a user" },
                { "in clear",
                  { .user = "@me:test", .homeserver = "http://example.org", .password = "s3cret" },
                  "use the https:// address" },
                { "other scheme",
                  { .user = "@me:test", .homeserver = "ftp://example.org", .password = "s3cret" },
                  "must begin with https://" },
                { "no server name", { .user = "@me:", .password = "s3cret" }, "no server name" },
                { "odd server name", { .user = "@me:a/b?", .password = "s3cret" }, "no server name" },
                { "name that is nowhere",
                  { .user = "@me:no-such-host.invalid", .password = "s3cret" },
                  "has another address" },
        };
        struct matrix_login_handler handler;
        struct matrix_login *login = NULL;
        struct fixture f;

        fixture_init(&f, good, NULL);
        for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
                run(&f, &rows[i].options);
                cr_assert_not(f.ok, "%s", rows[i].what);
                cr_assert(strstr(f.problem, rows[i].says), "%s: %s", rows[i].what, f.problem);
        }
        handler = handler_of(&f);
        cr_assert_lt(matrix_login_start(&login, f.event, f.http,
                                        &(struct matrix_login_options){
                                                .user = "@me:test", .password = "a", .access_token = "b" },
                                        &handler),
                     0, "one secret");
        fixture_done(&f);
}

Test(login, cancelled) {
        struct fixture f = {};
        struct matrix_login_options options = { .user = "@me:test", .access_token = "s3cret" };
        const struct matrix_login_handler handler = handler_of(&f);

        fixture_init(&f, good, NULL);
        options.homeserver = loopback_url(f.server, "");
        cr_assert_eq(matrix_login_start(&f.login, f.event, f.http, &options, &handler), 0);
        f.login = matrix_login_free(f.login);
        cr_assert_eq(matrix_login_start(&f.login, f.event, f.http, &options, &handler), 0);
        cr_assert_geq(sd_event_run(f.event, UINT64_MAX), 0);
        f.login = matrix_login_free(f.login);
        cr_assert_not(f.done);
        run(&f, &options);
        cr_assert(f.ok, "%s", f.problem);
        fixture_done(&f);
}

/* ---- OAuth 2.0: the device grant ---- */

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

static void oauth_init(struct fixture *f, const struct loopback_route *routes) {
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
static void oauth_init_code(struct fixture *f, const struct loopback_route *routes, const char *more) {
        const char *url;

        fixture_init(f, routes, NULL);
        url = loopback_url(f->server, "");
        (void) snprintf(metadata, sizeof(metadata),
                        "{\"issuer\":\"%s/\",\"authorization_endpoint\":\"%s/auth?x=1\",\"token_endpoint\":\"%s/tok\","
                        "\"registration_endpoint\":\"%s/reg\",\"revocation_endpoint\":\"%s/rev\"%s}",
                        url, url, url, url, url, more);
}

static void oauth_run(struct fixture *f) {
        run(f, &(struct matrix_login_options){ .user = "@me:test", .homeserver = loopback_url(f->server, "") });
}

Test(login, device_grant_without_being_asked_for) {
        static const struct loopback_route routes[] = {
                VERSIONS,
                HAS_OAUTH,
                OAUTH_REG,
                OAUTH_DEV,
                POLL(2, 403, ERROR("authorization_pending")),
                POLL(3, 429, ERROR("slow_down")),
                POLL(4, 502, "<html>"),
                POLL(0, 200, TOKENS),
                OAUTH_ME,
                {},
        };
        const struct loopback_seen *seen;
        struct fixture f;
        usec_t before = clock_wall_now();

        oauth_init(&f, routes);
        oauth_run(&f);
        cr_assert(f.ok, "%s", f.problem);
        cr_assert_str_eq(f.user_id, "@me:test");
        cr_assert_str_eq(f.device_id, "NEW");
        cr_assert_str_eq(f.token, "t0ken");
        cr_assert_str_eq(f.refresh_token, "r3fresh");
        cr_assert_str_eq(f.client_id, "CLIENT");
        cr_assert(f.expires_at >= before + 300 * USEC_PER_SEC && f.expires_at < before + 400 * USEC_PER_SEC);
        cr_assert_eq(f.n_shown, 1);
        cr_assert_str_eq(f.shown, "https://id.test/link - ABC-123");
        cr_assert_eq(f.n_asked, 0, "no password where none is needed");
        cr_assert_eq(loopback_n_seen(f.server, "/tok"), 5, "never again after the tokens came");
        cr_assert_geq(f.skipped, 3 * 4 * USEC_PER_SEC + 2 * 9 * USEC_PER_SEC, "5 s, and 5 more after slow_down");
        seen = loopback_seen(f.server, "/dev");
        cr_assert_str_eq(seen->content_type, "application/x-www-form-urlencoded");
        cr_assert(strstr(seen->body, "client_id=CLIENT&scope=urn%3Amatrix%3Aclient%3Aapi%3A%2A%20urn%3Amatrix%3Aclient"
                                     "%3Adevice%3ABUSYD"),
                  "%s", seen->body);
        cr_assert_str_eq(loopback_seen(f.server, "/tok")->body,
                         "grant_type=urn%3Aietf%3Aparams%3Aoauth%3Agrant-type%3Adevice_code&device_code=dc&client_id="
                         "CLIENT");
        cr_assert_str_eq(loopback_seen(f.server, V3 "/account/whoami")->authorization, "Bearer t0ken");
        fixture_done(&f);
}

/* One that has caught a busy, which nobody else can release; but not every server lets it come back. */
Test(login, device_grant_as_the_device_of_before) {
        static const struct {
                const char *what;
                struct loopback_route routes[8];
                unsigned n_asked;
                const char *device;
        } rows[] = {
                { "taken",
                  { VERSIONS, HAS_OAUTH, OAUTH_REG, OAUTH_DEV, POLL(0, 200, TOKENS), OAUTH_ME, {} },
                  1,
                  "device%3ABEFORE" },
                { "refused at once",
                  { VERSIONS,
                    HAS_OAUTH,
                    OAUTH_REG,
                    { .method = "POST", .path = "/dev", .status = 400, .body = ERROR("invalid_scope"), .first = 1 },
                    OAUTH_DEV,
                    POLL(0, 200, TOKENS),
                    OAUTH_ME,
                    {} },
                  2,
                  "device%3ABUSYD" },
                { "refused once the user has said yes",
                  { VERSIONS,
                    HAS_OAUTH,
                    OAUTH_REG,
                    OAUTH_DEV,
                    POLL(1, 400, ERROR("invalid_scope")),
                    POLL(0, 200, TOKENS),
                    OAUTH_ME,
                    {} },
                  2,
                  "device%3ABUSYD" },
        };

        for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
                struct fixture f;

                oauth_init(&f, rows[i].routes);
                run(&f, &(struct matrix_login_options){
                                .user = "@me:test", .homeserver = loopback_url(f.server, ""), .device_id = "BEFORE" });
                cr_assert(f.ok, "%s: %s", rows[i].what, f.problem);
                cr_assert_eq(loopback_n_seen(f.server, "/dev"), rows[i].n_asked, "%s", rows[i].what);
                cr_assert(strstr(loopback_seen(f.server, "/dev")->body, rows[i].device), "%s: %s", rows[i].what,
                          loopback_seen(f.server, "/dev")->body);
                fixture_done(&f);
        }
}

Test(login, a_code_that_runs_out_is_replaced) {
        static const struct loopback_route routes[] = {
                VERSIONS,
                HAS_OAUTH,
                OAUTH_REG,
                ROUTE("POST", "/dev", 200,
                      "{\"device_code\":\"dc\",\"user_code\":\"1\",\"verification_uri\":\"https://i/\","
                      "\"expires_in\":60}"),
                POLL(20, 400, ERROR("authorization_pending")),
                POLL(21, 400, ERROR("expired_token")),
                POLL(0, 200, TOKENS),
                OAUTH_ME,
                {},
        };
        struct fixture f;

        oauth_init(&f, routes);
        oauth_run(&f);
        cr_assert(f.ok, "%s", f.problem);
        cr_assert_eq(f.n_shown, 3, "%u: after a minute by the clock, and by the server's word", f.n_shown);
        fixture_done(&f);
}

Test(login, nobody_says_yes) {
        static const struct loopback_route routes[] = {
                VERSIONS, HAS_OAUTH, OAUTH_REG, OAUTH_DEV, POLL(0, 400, ERROR("authorization_pending")), {}
        };
        struct fixture f;

        oauth_init(&f, routes);
        oauth_run(&f);
        cr_assert_not(f.ok);
        cr_assert(strstr(f.problem, "nobody has said yes"), "%s", f.problem);
        cr_assert_leq(f.n_shown, 3, "%u", f.n_shown);
        fixture_done(&f);
}

Test(login, somebody_else_says_yes) {
        static const struct loopback_route routes[] = {
                VERSIONS,
                HAS_OAUTH,
                OAUTH_REG,
                OAUTH_DEV,
                POLL(0, 200, TOKENS),
                ROUTE("GET", V3 "/account/whoami", 200, "{\"user_id\":\"@you:test\",\"device_id\":\"NEW\"}"),
                ROUTE("POST", "/rev", 200, ""),
                {},
        };
        struct fixture f;

        oauth_init(&f, routes);
        oauth_run(&f);
        cr_assert_not(f.ok);
        cr_assert(strstr(f.problem, "logged in @you:test"), "%s", f.problem);
        cr_assert_str_eq(loopback_seen(f.server, "/rev")->body, "token=r3fresh&client_id=CLIENT");
        fixture_done(&f);
}

static const struct {
        const char *what;
        struct loopback_route routes[7];
        const char *says;
} oauth_bad[] = {
        { "refused",
          { VERSIONS, HAS_OAUTH, OAUTH_REG, OAUTH_DEV, POLL(0, 403, ERROR("access_denied")), {} },
          "was refused in the browser" },
        { "no client",
          { VERSIONS, HAS_OAUTH, ROUTE("POST", "/reg", 400, ERROR("invalid_client_metadata")), {} },
          "registering busyd was refused by the login server (invalid_client_metadata)" },
        { "registration down", { VERSIONS, HAS_OAUTH, ROUTE("POST", "/reg", 503, "<html>"), {} }, "(HTTP 503)" },
        { "no code",
          { VERSIONS, HAS_OAUTH, OAUTH_REG, ROUTE("POST", "/dev", 400, ERROR("invalid_scope")), {} },
          "(invalid_scope)" },
        { "a code without an address",
          { VERSIONS,
            HAS_OAUTH,
            OAUTH_REG,
            ROUTE("POST", "/dev", 200, "{\"device_code\":\"d\",\"user_code\":\"1\"}"),
            {} },
          "makes no sense" },
        { "an address that is none",
          { VERSIONS,
            HAS_OAUTH,
            OAUTH_REG,
            ROUTE("POST", "/dev", 200,
                  "{\"device_code\":\"d\",\"user_code\":\"1\",\"verification_uri\":\"https://a/\\u001b[31m\"}"),
            {} },
          "makes no sense" },
        { "tokens without a token",
          { VERSIONS, HAS_OAUTH, OAUTH_REG, OAUTH_DEV, POLL(0, 200, "{\"token_type\":\"Bearer\"}"), {} },
          "makes no sense" },
        { "a word nobody knows",
          { VERSIONS, HAS_OAUTH, OAUTH_REG, OAUTH_DEV, POLL(0, 400, ERROR("unauthorized_client")), {} },
          "(unauthorized_client)" },
        { "an error that is no word",
          { VERSIONS, HAS_OAUTH, ROUTE("POST", "/reg", 400, ERROR("<b>s3cret")), {} },
          "no login server (HTTP 400)" },
        { "a login server in clear",
          { VERSIONS,
            ROUTE("GET", METADATA, 200,
                  "{\"token_endpoint\":\"http://id.test/tok\",\"registration_endpoint\":\"https://id.test/reg\"}"),
            {} },
          "not reached by https://" },
        { "metadata down", { VERSIONS, ROUTE("GET", METADATA, 502, "<html>"), {} }, "(HTTP 502)" },
        { "a session that the homeserver does not take",
          { VERSIONS,
            HAS_OAUTH,
            OAUTH_REG,
            OAUTH_DEV,
            POLL(0, 200, TOKENS),
            ROUTE("GET", V3 "/account/whoami", 503, "{\"errcode\":\"M_UNKNOWN\"}"),
            {} },
          "does not take the session" },
};

Test(login, failures_of_oauth) {
        for (size_t i = 0; i < ARRAY_SIZE(oauth_bad); i++) {
                struct fixture f;

                oauth_init(&f, oauth_bad[i].routes);
                oauth_run(&f);
                cr_assert_not(f.ok, "%s", oauth_bad[i].what);
                cr_assert(strstr(f.problem, oauth_bad[i].says), "%s: %s", oauth_bad[i].what, f.problem);
                if (loopback_n_seen(f.server, V3 "/account/whoami") > 0)
                        cr_assert_eq(loopback_n_seen(f.server, "/rev"), 1, "%s: left behind", oauth_bad[i].what);
                fixture_done(&f);
        }
}

/* ---- OAuth 2.0: a code, by a browser on this machine ---- */

/* The value of a parameter, in a query or a form; it lasts until the next call. */
static const char *parameter(const char *text, const char *name) {
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

Test(login, code_by_a_browser_where_there_is_no_device_grant) {
        char challenge[SECRET_WORD_SIZE];
        const char *form, *registered;
        struct fixture f;

        oauth_init_code(&f, code_routes, "");
        f.brings = "code=c0de";
        oauth_run(&f);
        cr_assert(f.ok, "%s", f.problem);
        cr_assert_str_eq(f.device_id, "NEW");
        cr_assert_str_eq(f.refresh_token, "r3fresh");
        cr_assert_eq(f.n_asked + f.n_shown, 0);
        cr_assert_eq(strncmp(f.address, loopback_url(f.server, "/auth?x=1&response_type=code&client_id=CLIENT&"), 10),
                     0);
        cr_assert(strcasestr(f.address,
                             "/auth?x=1&response_type=code&client_id=CLIENT&redirect_uri=http%3A%2F%2F127.0.0.1%3A7"
                             "%2Fdone&scope=urn%3Amatrix%3Aclient%3Aapi%3A%2A+urn%3Amatrix%3Aclient%3Adevice%3ABUSYD"),
                  "%s", f.address);
        cr_assert(strcasestr(f.address, "&code_challenge_method=S256"), "%s", f.address);
        form = loopback_seen(f.server, "/tok")->body;
        cr_assert(strstr(form,
                         "grant_type=authorization_code&code=c0de&redirect_uri=http%3A%2F%2F127.0.0.1%3A7%2Fdone&"
                         "client_id=CLIENT&code_verifier="),
                  "%s", form);
        cr_assert_eq(pkce_challenge(parameter(form, "code_verifier"), challenge), 0);
        cr_assert_str_eq(parameter(f.address, "code_challenge"), challenge);
        cr_assert_eq(loopback_n_seen(f.server, "/tok"), 1);
        registered = loopback_seen(f.server, "/reg")->body;
        cr_assert(strstr(registered, "\"grant_types\":[\"authorization_code\",\"refresh_token\"]") &&
                          strstr(registered, "\"redirect_uris\":[\"http://127.0.0.1/done\"]"),
                  "%s", registered);
        fixture_done(&f);
}

Test(login, each_browser_has_words_of_its_own) {
        char first[sizeof(((struct fixture *) 0)->address)];
        struct fixture f;

        oauth_init_code(&f, code_routes, "");
        f.brings = "code=c0de";
        f.origin = "http://[::1]:7";
        oauth_run(&f);
        cr_assert(f.ok, "%s", f.problem);
        cr_assert(strstr(loopback_seen(f.server, "/reg")->body, "[\"http://[::1]/done\"]"));
        (void) snprintf(first, sizeof(first), "%s", f.address);
        f.is_out = false;
        f.n_opened = 0;
        oauth_run(&f);
        cr_assert(f.ok, "%s", f.problem);
        for (size_t i = 0; i < 2; i++) {
                const char *name = i == 0 ? "state" : "code_challenge";
                SCOPED(free) char *before = strdup(parameter(first, name));

                cr_assert_eq(strlen(before), SECRET_WORD_SIZE - 1);
                cr_assert_str_neq(parameter(f.address, name), before);
        }
        fixture_done(&f);
}

static const struct {
        const char *what, *more, *brings;
        struct loopback_route routes[7];
        bool deaf;
        const char *says;
} code_bad[] = {
        { "refused",
          "",
          "error=access_denied",
          { VERSIONS, HAS_OAUTH, OAUTH_REG, {} },
          .says = "was refused in the browser" },
        { "nobody comes", "", NULL, { VERSIONS, HAS_OAUTH, OAUTH_REG, {} }, .says = "nobody has come back" },
        { "nowhere to listen", "", NULL, { VERSIONS, HAS_OAUTH, OAUTH_REG, {} }, true, "cannot be listened to" },
        { "no client",
          "",
          NULL,
          { VERSIONS, HAS_OAUTH, ROUTE("POST", "/reg", 400, ERROR("invalid_redirect_uri")), {} },
          .says = "registering busyd was refused by the login server (invalid_redirect_uri)" },
        { "a code that is too old",
          "",
          "code=c0de",
          { VERSIONS, HAS_OAUTH, OAUTH_REG, POLL(0, 400, ERROR("invalid_grant")), {} },
          .says = "does not know this login any more" },
        { "tokens that do not come",
          "",
          "code=c0de",
          { VERSIONS, HAS_OAUTH, OAUTH_REG, POLL(0, 502, "<html>"), {} },
          .says = "(HTTP 502)" },
        { "somebody else",
          "",
          "code=c0de",
          { VERSIONS, HAS_OAUTH, OAUTH_REG, POLL(0, 200, TOKENS),
            ROUTE("GET", V3 "/account/whoami", 200, "{\"user_id\":\"@you:test\",\"device_id\":\"NEW\"}"),
            ROUTE("POST", "/rev", 200, "") },
          .says = "logged in @you:test" },
        /* Goes on to the flows, which are not there. */
        { "no proof key that we can make",
          ",\"code_challenge_methods_supported\":[\"plain\"]",
          NULL,
          { VERSIONS, HAS_OAUTH, {} },
          .says = "is not a Matrix homeserver" },
};

Test(login, failures_of_a_browser) {
        for (size_t i = 0; i < ARRAY_SIZE(code_bad); i++) {
                struct fixture f;

                oauth_init_code(&f, code_bad[i].routes, code_bad[i].more);
                f.brings = code_bad[i].brings;
                f.deaf = code_bad[i].deaf;
                oauth_run(&f);
                cr_assert_not(f.ok, "%s", code_bad[i].what);
                cr_assert(strstr(f.problem, code_bad[i].says), "%s: %s", code_bad[i].what, f.problem);
                if (loopback_n_seen(f.server, V3 "/account/whoami") > 0)
                        cr_assert_str_eq(loopback_seen(f.server, "/rev")->body, "token=r3fresh&client_id=CLIENT", "%s",
                                         code_bad[i].what);
                fixture_done(&f);
        }
}

/* ---- single sign-on of the Matrix API ---- */

#define FLOWS_OF(types) ROUTE("GET", V3 "/login", 200, "{\"flows\":[" types "]}")
#define SSO             "{\"type\":\"m.login.sso\"},{\"type\":\"m.login.token\"}"

Test(login, single_sign_on_where_there_is_nothing_else) {
        static const struct loopback_route routes[] = {
                VERSIONS, FLOWS_OF(SSO), ROUTE("POST", V3 "/login", 200, SESSION), {}
        };
        char want[256];
        struct fixture f;

        fixture_init(&f, routes, NULL);
        f.brings = "loginToken=l0gin";
        oauth_run(&f);
        cr_assert(f.ok, "%s", f.problem);
        cr_assert_eq(strlen(f.path), SECRET_WORD_SIZE, "nobody guesses it: %s", f.path);
        (void) snprintf(want, sizeof(want),
                        "/_matrix/client/v3/login/sso/"
                        "redirect?redirectUrl=http%%3A%%2F%%2F127.0.0.1%%3A7%%2F%.43s&action=login",
                        f.path + 1);
        cr_assert_eq(strcasecmp(f.address, loopback_url(f.server, want)), 0, "%s", f.address); /* "%2f" as "%2F" */
        cr_assert(
                strstr(loopback_seen(f.server, V3 "/login")->body, "{\"type\":\"m.login.token\",\"token\":\"l0gin\""),
                "%s", loopback_seen(f.server, V3 "/login")->body);
        cr_assert_eq(f.n_asked, 0);
        fixture_done(&f);
}

#define LOGIN_OF(user)                                                                                                \
        ROUTE("POST", V3 "/login", 200, "{\"user_id\":\"" user "\",\"access_token\":\"t0ken\",\"device_id\":\"DEV\"}")

/* A provider may make a new user of a name that is taken. */
Test(login, single_sign_on_of_somebody_else_is_ended) {
        static const struct loopback_route routes[] = {
                VERSIONS, FLOWS_OF(SSO), LOGIN_OF("@me1:test"), ROUTE("POST", V3 "/logout", 200, "{}"), {}
        };
        struct fixture f;

        fixture_init(&f, routes, NULL);
        f.brings = "loginToken=l0gin";
        oauth_run(&f);
        cr_assert(!f.ok && strstr(f.problem, "logged in @me1:test"), "%s", f.problem);
        cr_assert_str_eq(loopback_seen(f.server, V3 "/logout")->authorization, "Bearer t0ken");
        fixture_done(&f);
}

/* ---- which way ---- */

static const struct {
        const char *what;
        bool oauth, device;
        const char *flows;
        enum matrix_login_way way;
        bool no_listener;
        const char *asks; /* "code", "open", "password", or what is said instead */
} which[] = {
        { "everything there is", true, true, PASSWORD_FLOW "," SSO, .asks = "code" },
        { "no device grant", true, false, PASSWORD_FLOW "," SSO, .asks = "open" },
        { "no OAuth", false, false, PASSWORD_FLOW "," SSO, .asks = "password" },
        { "no passwords", false, false, SSO, .asks = "open" },
        { "nothing known", false, false, "{\"type\":\"m.login.jwt\"}", .asks = "give the access token" },
        { "a browser by name", true, true, PASSWORD_FLOW, MATRIX_LOGIN_BROWSER, .asks = "open" },
        { "a browser by name, without OAuth", false, false, PASSWORD_FLOW "," SSO, MATRIX_LOGIN_BROWSER,
          .asks = "open" },
        { "a browser where there is none", false, false, PASSWORD_FLOW, MATRIX_LOGIN_BROWSER,
          .asks = "has no login in a browser on this machine: it takes passwords: --with password" },
        { "single sign-on by name", true, true, PASSWORD_FLOW "," SSO, MATRIX_LOGIN_SSO, .asks = "open" },
        { "single sign-on where there is none", true, true, PASSWORD_FLOW, MATRIX_LOGIN_SSO,
          .asks = "has no single sign-on: it takes passwords" },
        { "a password by name", true, true, PASSWORD_FLOW "," SSO, MATRIX_LOGIN_PASSWORD, .asks = "password" },
        { "a password where none is taken", false, false, SSO, MATRIX_LOGIN_PASSWORD,
          .asks = "takes no passwords: it has single sign-on: --with sso" },
        { "a code where there is none", true, false, SSO, MATRIX_LOGIN_DEVICE, .asks = "has no login by code" },
        { "no OAuth for a code", false, false, SSO, MATRIX_LOGIN_DEVICE, .asks = "has no login by code" },
        { "a program that cannot listen", true, false, PASSWORD_FLOW "," SSO, .no_listener = true,
          .asks = "password" },
        { "the same without passwords", true, false, SSO, .no_listener = true, .asks = "--token-stdin" },
};

Test(login, the_way_is_the_first_that_the_server_has) {
        for (size_t i = 0; i < ARRAY_SIZE(which); i++) {
                struct loopback_route routes[] = {
                        VERSIONS, OAUTH_REG, OAUTH_DEV, ROUTE("GET", V3 "/login", 200, NULL), HAS_OAUTH, {}, {}
                };
                char flows[256];
                const char *got;
                struct fixture f;

                (void) snprintf(flows, sizeof(flows), "{\"flows\":[%s]}", which[i].flows);
                routes[3].body = flows;
                if (!which[i].oauth)
                        routes[4] = (struct loopback_route){};
                oauth_init_code(&f, routes, "");
                if (which[i].device) {
                        metadata[strlen(metadata) - 1] = '\0';
                        (void) snprintf(metadata + strlen(metadata), sizeof(metadata) - strlen(metadata),
                                        ",\"device_authorization_endpoint\":\"%s\"}", loopback_url(f.server, "/dev"));
                }
                f.no_listener = which[i].no_listener;
                f.no_terminal = true;
                run(&f, &(struct matrix_login_options){
                                .user = "@me:test", .homeserver = loopback_url(f.server, ""), .way = which[i].way });
                got = f.n_shown > 0 ? "code" : f.n_opened > 0 ? "open" : f.n_asked > 0 ? "password" : f.problem;
                cr_assert(strstr(got, which[i].asks), "%s: %s", which[i].what, got);
                fixture_done(&f);
        }
}

/* What the server takes decides, and the user is asked no earlier. */
Test(login, asks_for_a_password_where_one_is_taken) {
        static const struct loopback_route no_password[] = {
                VERSIONS, ROUTE("GET", V3 "/login", 200, "{\"flows\":[{\"type\":\"m.login.sso\"}]}"), {}
        };
        struct fixture f;

        fixture_init(&f, good, NULL);
        oauth_run(&f);
        cr_assert(f.ok, "%s", f.problem);
        cr_assert_eq(f.n_asked, 1);
        f.no_terminal = true;
        oauth_run(&f);
        cr_assert_not(f.ok);
        loopback_set_routes(f.server, no_password);
        f.n_asked = 0;
        f.no_listener = true;
        oauth_run(&f);
        cr_assert_not(f.ok);
        cr_assert(strstr(f.problem, "--token-stdin"), "%s", f.problem);
        cr_assert_eq(f.n_asked, 0);
        fixture_done(&f);
}

Test(login, a_way_by_name) {
        static const struct loopback_route both[] = {
                VERSIONS, HAS_OAUTH, FLOWS, ROUTE("POST", V3 "/login", 200, SESSION), {}
        };
        struct fixture f;

        oauth_init(&f, both);
        run(&f, &(struct matrix_login_options){
                        .user = "@me:test", .homeserver = loopback_url(f.server, ""), .way = MATRIX_LOGIN_PASSWORD });
        cr_assert(f.ok, "%s", f.problem);
        cr_assert_eq(loopback_n_seen(f.server, METADATA), 0);
        loopback_set_routes(f.server, good);
        run(&f, &(struct matrix_login_options){
                        .user = "@me:test", .homeserver = loopback_url(f.server, ""), .way = MATRIX_LOGIN_DEVICE });
        cr_assert_not(f.ok);
        cr_assert(strstr(f.problem, "has no login by code"), "%s", f.problem);
        fixture_done(&f);
}

Test(login, interrupted_it_leaves_nothing_behind) {
        static const struct loopback_route routes[] = {
                VERSIONS, HAS_OAUTH, OAUTH_REG, OAUTH_DEV, POLL(0, 400, ERROR("authorization_pending")), {}
        };
        struct fixture f = {};
        struct matrix_login_handler handler = handler_of(&f);
        struct matrix_login_options options = { .user = "@me:test" };

        oauth_init(&f, routes);
        options.homeserver = loopback_url(f.server, "");
        cr_assert_eq(matrix_login_start(&f.login, f.event, f.http, &options, &handler), 0);
        while (f.n_shown == 0)
                cr_assert_gt(sd_event_run(f.event, 30 * USEC_PER_SEC), 0);
        matrix_login_interrupt(f.login);
        cr_assert(f.done && !f.ok);
        cr_assert(strstr(f.problem, "interrupted"), "%s", f.problem);
        fixture_done(&f);
}

/* Interrupts it in the turn in which it sends what this line of its progress announces, then waits for its end. */
static void interrupt_after(struct fixture *f, const char *line) {
        const struct matrix_login_handler handler = handler_of(f);
        struct matrix_login_options options = { .user = "@me:test",
                                                .homeserver = loopback_url(f->server, ""),
                                                .password = "s3cret" };

        cr_assert_eq(matrix_login_start(&f->login, f->event, f->http, &options, &handler), 0);
        while (!strstr(f->line, line))
                cr_assert_gt(sd_event_run(f->event, 30 * USEC_PER_SEC), 0, "nothing happens");
        cr_assert_not(f->done, "%s", f->problem);
        matrix_login_interrupt(f->login);
        loop_until(f->event, &f->done);
        cr_assert_not(f->ok);
        cr_assert(strstr(f->problem, "interrupted; nothing has been kept"), "%s", f->problem);
}

/* What the server makes of a login that is on its way already is ended again. */
Test(login, interrupted_while_the_server_makes_the_session) {
        static const struct loopback_route routes[] = {
                VERSIONS, FLOWS, ROUTE("POST", V3 "/login", 200, SESSION), ROUTE("POST", V3 "/logout", 200, "{}"), {},
        };
        static const struct loopback_route refused[] = {
                VERSIONS, FLOWS, ROUTE("POST", V3 "/login", 403, "{\"errcode\":\"M_FORBIDDEN\"}"), {}
        };
        static const struct loopback_route silent[] = {
                VERSIONS, FLOWS, { .method = "POST", .path = V3 "/login", .kind = LOOPBACK_HANGS_UP }, {}
        };
        struct fixture f;

        fixture_init(&f, routes, NULL);
        interrupt_after(&f, "Logging in");
        cr_assert_str_eq(loopback_seen(f.server, V3 "/logout")->authorization, "Bearer t0ken");
        fixture_done(&f);
        fixture_init(&f, refused, NULL);
        interrupt_after(&f, "Logging in");
        cr_assert_null(strstr(f.problem, "has not answered"), "%s", f.problem);
        fixture_done(&f);
        fixture_init(&f, silent, NULL);
        interrupt_after(&f, "Logging in");
        cr_assert(strstr(f.problem, "the server has not answered"), "%s", f.problem);
        fixture_done(&f);
}

/* The same of a poll of the device grant. */
Test(login, interrupted_while_the_tokens_are_on_their_way) {
        static const struct loopback_route routes[] = {
                VERSIONS, HAS_OAUTH, OAUTH_REG, OAUTH_DEV, POLL(0, 200, TOKENS), ROUTE("POST", "/rev", 200, ""), {}
        };
        struct fixture f = {};
        struct matrix_login_handler handler = handler_of(&f);
        struct matrix_login_options options = { .user = "@me:test" };

        oauth_init(&f, routes);
        options.homeserver = loopback_url(f.server, "");
        cr_assert_eq(matrix_login_start(&f.login, f.event, f.http, &options, &handler), 0);
        while (f.n_shown == 0)
                cr_assert_gt(sd_event_run(f.event, 30 * USEC_PER_SEC), 0);
        (void) matrix_login_run(f.login, clock_now());
        (void) matrix_login_run(f.login, clock_now() + USEC_PER_MIN);
        cr_assert_not(f.done);
        matrix_login_interrupt(f.login);
        loop_until(f.event, &f.done);
        cr_assert(!f.ok && strstr(f.problem, "interrupted"), "%s", f.problem);
        cr_assert_str_eq(loopback_seen(f.server, "/rev")->body, "token=r3fresh&client_id=CLIENT");
        cr_assert_eq(loopback_n_seen(f.server, V3 "/account/whoami"), 0);
        fixture_done(&f);
}

/* And of the exchange of a code. */
Test(login, interrupted_while_a_code_is_exchanged) {
        struct fixture f;
        struct matrix_login_handler handler;
        struct matrix_login_options options = { .user = "@me:test" };

        oauth_init_code(&f, code_routes, "");
        f.brings = "code=c0de";
        handler = handler_of(&f);
        options.homeserver = loopback_url(f.server, "");
        cr_assert_eq(matrix_login_start(&f.login, f.event, f.http, &options, &handler), 0);
        while (f.n_opened == 0)
                cr_assert_gt(sd_event_run(f.event, 30 * USEC_PER_SEC), 0);
        come_back(&f);
        matrix_login_interrupt(f.login);
        loop_until(f.event, &f.done);
        cr_assert(!f.ok && strstr(f.problem, "interrupted"), "%s", f.problem);
        cr_assert_str_eq(loopback_seen(f.server, "/rev")->body, "token=r3fresh&client_id=CLIENT");
        f.is_out = false;
        f.n_opened = 0;
        f.done = false;
        cr_assert_eq(matrix_login_start(&f.login, f.event, f.http, &options, &handler), 0);
        while (f.n_opened == 0)
                cr_assert_gt(sd_event_run(f.event, 30 * USEC_PER_SEC), 0);
        matrix_login_interrupt(f.login);
        cr_assert(f.done && !f.ok, "nothing is under way: at once");
        fixture_done(&f);
}

/* ---- discovery: over TLS, since .well-known always is ---- */

static void discover(const char *tls_dir, const struct loopback_route *routes, const char *other_url, bool ok,
                     const char *says) {
        char user[64];
        struct fixture f;

        fixture_init(&f, routes, tls_dir);
        (void) snprintf(user, sizeof(user), "@me:localhost:%u", loopback_port(f.server));
        run(&f, &(struct matrix_login_options){ .user = user, .access_token = "s3cret" });
        cr_assert_eq(f.ok, ok, "%s", f.problem);
        cr_assert(strstr(f.problem, says), "%s", f.problem);
        cr_assert_not_null(loopback_seen(f.server, "/.well-known/matrix/client"));
        if (other_url)
                cr_assert(strstr(f.problem, other_url), "%s", f.problem);
        fixture_done(&f);
}

#define WELL_KNOWN "/.well-known/matrix/client"

Test(login, discovery_that_ends_early) {
        static const struct loopback_route no_json[] = { ROUTE("GET", WELL_KNOWN, 200, "<html></html>"), {} };
        static const struct loopback_route no_url[] = {
                ROUTE("GET", WELL_KNOWN, 200, "{\"m.homeserver\":{\"base_url\":7}}"), {}
        };
        static const struct loopback_route broken[] = { ROUTE("GET", WELL_KNOWN, 500, ""), {} };
        static const struct loopback_route clear[] = {
                ROUTE("GET", WELL_KNOWN, 200, "{\"m.homeserver\":{\"base_url\":\"http://example.org\"}}"), {}
        };
        static const struct loopback_route absent[] = { {} };
        SCOPED(temp_dir_remove) char *dir = temp_dir_new();

        loopback_make_certificate(dir);
        discover(dir, no_json, NULL, false, "does not name a homeserver: give the homeserver's address");
        discover(dir, no_url, NULL, false, "does not name a homeserver: give the homeserver's address");
        discover(dir, broken, NULL, false, "does not name a homeserver: give the homeserver's address");
        discover(dir, clear, NULL, false, "use the https:// address");
        discover(dir, absent, "https://localhost:", false, "is not a Matrix homeserver");
}

Test(login, discovery) {
        SCOPED(temp_dir_remove) char *dir = temp_dir_new();
        char well_known[128], whoami[128], user[64];
        struct loopback_route routes[] = {
                ROUTE_WITH("GET", WELL_KNOWN, 302, "", "Location", "/elsewhere"),
                ROUTE("GET", "/elsewhere", 200, well_known),
                ROUTE("GET", "/base/_matrix/client/versions", 200, "{\"versions\":[]}"),
                ROUTE("GET", "/base" V3 "/account/whoami", 200, whoami),
                VERSIONS,
                ROUTE("GET", V3 "/account/whoami", 200, whoami),
                {},
        };
        struct fixture f;

        loopback_make_certificate(dir);
        fixture_init(&f, routes, dir);
        (void) snprintf(user, sizeof(user), "@me:localhost:%u", loopback_port(f.server));
        (void) snprintf(whoami, sizeof(whoami), "{\"user_id\":\"%s\",\"device_id\":\"D\"}", user);
        (void) snprintf(well_known, sizeof(well_known), "{\"m.homeserver\":{\"base_url\":\"%s\"}}",
                        loopback_url(f.server, "/base/"));
        run(&f, &(struct matrix_login_options){ .user = user, .access_token = "s3cret" });
        cr_assert(f.ok, "%s", f.problem);
        cr_assert_str_eq(f.homeserver, loopback_url(f.server, "/base"));

        routes[0] = (struct loopback_route) ROUTE("GET", "/nothing", 404, "");
        run(&f, &(struct matrix_login_options){ .user = user, .access_token = "s3cret" });
        cr_assert(f.ok, "without .well-known the server name itself: %s", f.problem);
        cr_assert(strstr(f.homeserver, "https://localhost:"), "%s", f.homeserver);
        fixture_done(&f);
}
