/* Logging in by OAuth 2.0: the device grant, and a code by a browser on this machine. */
#include "unit/matrix_login_stage.h"

/* ---- OAuth 2.0: the device grant ---- */

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
