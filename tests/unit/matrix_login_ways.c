/* Logging in by single sign-on, which way is taken, and a login that is interrupted. */
#include "unit/matrix_login_stage.h"

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
