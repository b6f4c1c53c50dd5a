/* Logging in against a real server that answers well or badly: what comes out, and what the user is told. */
#include "unit/matrix_login_stage.h"

/* ---- what works ---- */

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
