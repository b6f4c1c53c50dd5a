/* HTTP on the event loop against a real server: what must come back, what must not be waited for, and that a
 * callback may do anything. */
#include <arpa/inet.h>
#include <criterion/criterion.h>
#include <errno.h>
#include <netinet/in.h>
#include <stdio.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include "http/http.h"
#include "http/problem.h"
#include "unit/loopback/loopback.h"
#include "util/memory.h"

/* Connections that a queue of none takes, and some more. */
#define FILLERS 4

static const struct loopback_route routes[] = {
        ROUTE_WITH("GET", "/good", 200, "{\"a\":1}", "Server", "Loop/1"),
        ROUTE("PUT", "/good", 200, "{}"),
        ROUTE("POST", "/good", 200, "{}"),
        ROUTE("DELETE", "/good", 200, "{}"),
        ROUTE("GET", "/empty", 200, ""),
        ROUTE("GET", "/html", 502, "<html>no</html>"),
        ROUTE_WITH("GET", "/wait", 429, "{}", "Retry-After", "7"),
        ROUTE_WITH("GET", "/wait-long", 429, "{}", "Retry-After", "99999999999999999999999"),
        ROUTE_WITH("GET", "/wait-past", 429, "{}", "Retry-After", "Wed, 21 Oct 2015 07:28:00 GMT"),
        ROUTE_WITH("GET", "/wait-future", 429, "{}", "Retry-After", "Wed, 21 Oct 2099 07:28:00 GMT"),
        ROUTE_WITH("GET", "/wait-none", 429, "{}", "Retry-After", "0"),
        ROUTE_WITH("GET", "/wait-negative", 429, "{}", "Retry-After", "-5"),
        ROUTE_WITH("GET", "/wait-odd", 429, "{}", "Retry-After", "soon"),
        ROUTE_WITH("GET", "/moved", 302, "", "Location", "/good"),
        ROUTE_WITH("GET", "/circle", 302, "", "Location", "/circle"),
        ROUTE_WITH("GET", "/to-file", 302, "", "Location", "file:///etc/passwd"),
        { .method = "GET", .path = "/endless", .status = 200, .kind = LOOPBACK_ENDLESS },
        { .method = "GET", .path = "/large", .status = 200, .kind = LOOPBACK_LARGE },
        { .method = "GET", .path = "/headers", .status = 200, .body = "{}", .kind = LOOPBACK_HEADERS },
        { .method = "GET", .path = "/hangs-up", .status = 0, .kind = LOOPBACK_HANGS_UP },
        {},
};

/* What a test works with, and what came of its last request. */
struct fixture {
        sd_event *event;
        struct http *http;
        struct loopback *server;
        struct http_request *request;
        bool done, starting;
        unsigned n_done, n_released;
        struct http_reply reply;
        char body[256], problem[512], server_header[64];
};

static void on_done(const struct http_reply *reply, void *userdata) {
        struct fixture *f = userdata;

        cr_assert_not(f->starting, "done from within http_start()");
        f->request = NULL;
        f->done = true;
        f->n_done++;
        f->reply = *reply;
        (void) snprintf(f->body, sizeof(f->body), "%s", reply->body ? reply->body : "");
        (void) snprintf(f->problem, sizeof(f->problem), "%s", reply->problem ? reply->problem : "");
        (void) snprintf(f->server_header, sizeof(f->server_header), "%s", reply->server ? reply->server : "");
}

static void on_release(void *userdata) {
        struct fixture *f = userdata;

        f->n_released++;
}

static void fixture_done(struct fixture *f) {
        http_request_free(f->request);
        http_free(f->http);
        loopback_free(f->server);
        sd_event_unref(f->event);
}

static void fixture_init(struct fixture *f, const char *ca_file, const char *tls_dir) {
        *f = (struct fixture){};
        cr_assert_geq(sd_event_new(&f->event), 0);
        cr_assert_eq(http_new(&f->http, f->event, ca_file), 0);
        f->server = loopback_new(routes, tls_dir);
}

static struct http_call get(const char *url) {
        return (struct http_call){ .method = "GET", .url = url, .timeout = 20 * USEC_PER_SEC, .release = on_release };
}

static void start(struct fixture *f, const struct http_call *call) {
        f->done = false;
        f->starting = true;
        cr_assert_eq(http_start(f->http, call, on_done, f, &f->request), 0, "%s", call->url);
        f->starting = false;
}

static void run(struct fixture *f, const struct http_call *call) {
        start(f, call);
        loop_until(f->event, &f->done);
}

static void run_path(struct fixture *f, const char *path) {
        struct http_call call = get(loopback_url(f->server, path));

        run(f, &call);
}

/* ---- answers ---- */

Test(http, good_reply) {
        struct fixture f;
        const struct loopback_seen *seen;

        fixture_init(&f, NULL, NULL);
        run_path(&f, "/good?x=%2F");
        cr_assert_eq(f.reply.error, 0);
        cr_assert(f.reply.sent);
        cr_assert_eq(f.reply.status, 200);
        cr_assert_str_eq(f.body, "{\"a\":1}");
        cr_assert_eq(f.reply.size, 7);
        cr_assert_str_eq(f.server_header, "Loop/1");
        cr_assert_eq(f.reply.retry_after, USEC_NEVER);
        cr_assert_eq(f.n_released, 1);
        seen = loopback_seen(f.server, "/good");
        cr_assert_str_eq(seen->user_agent, "busyd/" BUSYD_VERSION);
        cr_assert_str_eq(seen->authorization, "");
        fixture_done(&f);
}

Test(http, methods_bodies_and_token) {
        static const struct {
                const char *method, *body, *content_type;
                const char *seen_type;
        } rows[] = {
                { "PUT", "{\"b\":2}", NULL, "application/json" },
                { "PUT", NULL, NULL, NULL },
                { "POST", "a=b", "application/x-www-form-urlencoded", "application/x-www-form-urlencoded" },
                { "POST", NULL, NULL, NULL },
                { "DELETE", NULL, NULL, NULL },
                { "GET", NULL, NULL, NULL },
        };
        struct fixture f;

        fixture_init(&f, NULL, NULL);
        for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
                struct http_call call = get(loopback_url(f.server, "/good"));
                const struct loopback_seen *seen;

                call.method = rows[i].method;
                call.body = rows[i].body;
                call.content_type = rows[i].content_type;
                call.token = "s3cret";
                run(&f, &call);
                cr_assert_eq(f.reply.status, 200, "%s", rows[i].method);
                seen = loopback_seen(f.server, "/good");
                cr_assert_str_eq(seen->method, rows[i].method);
                cr_assert_str_eq(seen->body, rows[i].body ? rows[i].body : "");
                cr_assert_str_eq(seen->authorization, "Bearer s3cret");
                if (rows[i].seen_type)
                        cr_assert_str_eq(seen->content_type, rows[i].seen_type);
        }
        fixture_done(&f);
}

Test(http, connection_is_reused) {
        struct fixture f;

        fixture_init(&f, NULL, NULL);
        run_path(&f, "/good");
        run_path(&f, "/empty");
        cr_assert_str_eq(f.body, "");
        run_path(&f, "/html");
        cr_assert_eq(f.reply.status, 502);
        cr_assert_eq(loopback_n_connections(f.server), 1);
        fixture_done(&f);
}

Test(http, retry_after) {
        static const struct {
                const char *what, *path;
                usec_t min, max;
        } rows[] = {
                { "seconds", "/wait", 7 * USEC_PER_SEC, 7 * USEC_PER_SEC },
                { "more than is believed", "/wait-long", HTTP_RETRY_AFTER_MAX, HTTP_RETRY_AFTER_MAX },
                { "a date that is past says nothing of use", "/wait-past", USEC_NEVER, USEC_NEVER },
                { "nor does zero", "/wait-none", USEC_NEVER, USEC_NEVER },
                { "nor less", "/wait-negative", USEC_NEVER, USEC_NEVER },
                { "a date", "/wait-future", USEC_PER_SEC, HTTP_RETRY_AFTER_MAX },
                { "neither", "/wait-odd", USEC_NEVER, USEC_NEVER },
        };
        struct fixture f;

        cr_assert_leq(HTTP_RETRY_AFTER_MAX, 10 * USEC_PER_MIN, "meanwhile a user may be shown as busy");
        fixture_init(&f, NULL, NULL);
        for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
                run_path(&f, rows[i].path);
                cr_assert_eq(f.reply.status, 429);
                cr_assert_geq(f.reply.retry_after, rows[i].min, "%s", rows[i].what);
                cr_assert_leq(f.reply.retry_after, rows[i].max, "%s", rows[i].what);
        }
        fixture_done(&f);
}

static size_t keep_little(void *userdata, char *body, size_t had, size_t size) {
        size_t *n = userdata;

        *n += size - had;
        return size < 4 ? size : 4;
}

Test(http, a_body_is_thinned_as_it_comes) {
        struct fixture f;
        struct http_call call;
        size_t n = 0;

        fixture_init(&f, NULL, NULL);
        call = get(loopback_url(f.server, "/good"));
        call.thin = keep_little;
        call.thin_userdata = &n;
        run(&f, &call);
        cr_assert_str_eq(f.body, "{\"a\"");
        cr_assert_eq(f.reply.size, 4);
        cr_assert_eq(n, strlen("{\"a\":1}"));
        call.url = loopback_url(f.server, "/endless");
        run(&f, &call);
        cr_assert_eq(f.reply.error, -EMSGSIZE, "what comes in has a limit, however little of it is kept");
        fixture_done(&f);
}

Test(http, limits) {
        static const struct {
                const char *what, *path;
                size_t body_max;
                int error;
        } rows[] = {
                { "endless body", "/endless", 0, -EMSGSIZE },
                { "endless body, low limit", "/endless", 100, -EMSGSIZE },
                { "announced as large", "/large", 0, -EMSGSIZE },
                { "one byte too many", "/good", 6, -EMSGSIZE },
                { "just fits", "/good", 7, 0 },
                { "too many headers", "/headers", 0, -EOVERFLOW },
        };
        struct fixture f;

        fixture_init(&f, NULL, NULL);
        for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
                struct http_call call = get(loopback_url(f.server, rows[i].path));

                call.body_max = rows[i].body_max;
                run(&f, &call);
                cr_assert_eq(f.reply.error, rows[i].error, "%s: %d %s", rows[i].what, f.reply.error, f.problem);
                cr_assert(f.reply.sent, "%s", rows[i].what);
                cr_assert_eq(f.problem[0] != '\0', rows[i].error < 0, "%s", rows[i].what);
                cr_expect_eq(strstr(f.problem, "headers") != NULL, rows[i].error == -EOVERFLOW, "%s", f.problem);
        }
        fixture_done(&f);
}

/* What the allocator has touched for it, it keeps, and its counters do not tell. */
Test(http, memory_goes_back_after_a_large_body_alone) {
        struct memory m = { 0 };
        struct fixture f;
        struct http_call call;

        fixture_init(&f, NULL, NULL);
        run_path(&f, "/good");
        memory_give_back_all(&m);
        run_path(&f, "/good");
        cr_assert_not(memory_give_back(&m), "after an ordinary one");
        call = get(loopback_url(f.server, "/endless"));
        call.body_max = 256U << 10;
        run(&f, &call);
        cr_assert(memory_give_back(&m), "what is large");
        cr_assert_not(memory_give_back(&m), "once");
        fixture_done(&f);
}

/* ---- redirects ---- */

Test(http, redirects) {
        struct fixture f;
        struct http_call call;

        fixture_init(&f, NULL, NULL);
        call = get(loopback_url(f.server, "/moved"));
        call.token = "s3cret";
        run(&f, &call);
        cr_assert_eq(f.reply.status, 302, "not followed with a token");
        cr_assert_null(loopback_seen(f.server, "/good"));

        call.follow = true;
        cr_assert_eq(http_start(f.http, &call, on_done, &f, &f.request), -EINVAL, "never both");

        call.token = NULL;
        run(&f, &call);
        cr_assert_eq(f.reply.status, 200);
        cr_assert_str_eq(f.body, "{\"a\":1}");

        call.url = loopback_url(f.server, "/circle");
        run(&f, &call);
        cr_assert_eq(f.reply.error, -ELOOP, "%s", f.problem);

        call.url = loopback_url(f.server, "/to-file");
        run(&f, &call);
        cr_assert_lt(f.reply.error, 0, "not to a file");
        fixture_done(&f);
}

/* ---- no answer ---- */

Test(http, refused_was_not_sent) {
        struct fixture f;
        unsigned port;
        char url[64];
        int fd = loopback_dead_port(false, &port);
        struct http_call call = get(url);

        fixture_init(&f, NULL, NULL);
        (void) snprintf(url, sizeof(url), "http://127.0.0.1:%u/", port);
        run(&f, &call);
        cr_assert_eq(f.reply.error, -ECONNREFUSED);
        cr_assert_not(f.reply.sent);
        cr_assert_str_eq(f.problem, "cannot connect to 127.0.0.1: Connection refused");
        fixture_done(&f);
        (void) close(fd);
}

Test(http, unknown_host_was_not_sent) {
        struct http_call call = get("http://no-such-host.invalid/");
        struct fixture f;

        fixture_init(&f, NULL, NULL);
        run(&f, &call);
        cr_assert_eq(f.reply.error, -EHOSTUNREACH, "%s", f.problem);
        cr_assert_not(f.reply.sent);
        fixture_done(&f);
}

Test(http, timeout_may_have_been_applied) {
        struct fixture f;
        unsigned port;
        char url[64];
        int fd = loopback_dead_port(true, &port);
        struct http_call call = get(url);

        fixture_init(&f, NULL, NULL);
        (void) snprintf(url, sizeof(url), "http://127.0.0.1:%u/", port);
        call.timeout = 300 * USEC_PER_MSEC;
        run(&f, &call);
        cr_assert_eq(f.reply.error, -ETIMEDOUT);
        cr_assert(f.reply.sent);
        cr_assert_str_eq(f.problem, "127.0.0.1 did not answer in time");
        fixture_done(&f);
        (void) close(fd);
}

Test(http, hung_up_may_have_been_applied) {
        struct fixture f;

        fixture_init(&f, NULL, NULL);
        run_path(&f, "/hangs-up");
        cr_assert_eq(f.reply.error, -ECONNRESET, "%s", f.problem);
        cr_assert(f.reply.sent);
        fixture_done(&f);
}

Test(http, refuses_what_it_cannot_send) {
        static const struct {
                const char *what;
                struct http_call call;
        } rows[] = {
                { "a file", { .method = "GET", .url = "file:///etc/passwd", .timeout = USEC_PER_SEC } },
                { "ftp", { .method = "GET", .url = "ftp://localhost/", .timeout = USEC_PER_SEC } },
                { "no URL", { .method = "GET", .url = "http://[", .timeout = USEC_PER_SEC } },
                { "no time", { .method = "GET", .url = "http://localhost/" } },
                { "for ever", { .method = "GET", .url = "http://localhost/", .timeout = USEC_NEVER } },
                { "a token with a line break",
                  { .method = "GET", .url = "http://localhost/", .timeout = USEC_PER_SEC, .token = "a\r\nX: y" } },
        };
        struct fixture f;

        fixture_init(&f, NULL, NULL);
        for (size_t i = 0; i < ARRAY_SIZE(rows); i++)
                cr_assert_eq(http_start(f.http, &rows[i].call, on_done, &f, &f.request), -EINVAL, "%s", rows[i].what);
        fixture_done(&f);
}

Test(http, loopback_hosts) {
        static const struct {
                const char *host;
                bool loopback;
        } rows[] = {
                { "localhost", true },
                { "LOCALHOST", true },
                { "127.0.0.1", true },
                { "127.255.0.9", true },
                { "::1", true },
                { "[::1]", true },
                { "localhost.example.org", false },
                { "127.0.0.1.example.org", false },
                { "128.0.0.1", false },
                { "example.org", false },
                { "::2", false },
                { "", false },
        };

        for (size_t i = 0; i < ARRAY_SIZE(rows); i++)
                cr_assert_eq(http_host_is_loopback(rows[i].host), rows[i].loopback, "%s", rows[i].host);
}

Test(http, loopback_needs_no_proxy) {
        struct fixture f;

        cr_assert_eq(setenv("http_proxy", "http://no-such-host.invalid:3128", 1), 0);
        fixture_init(&f, NULL, NULL);
        run_path(&f, "/good");
        cr_assert_eq(f.reply.status, 200, "%s", f.problem);
        fixture_done(&f);
}

Test(http, proxy_from_the_environment) {
        struct http_call call = get("http://no-such-host.invalid/good");
        struct fixture f;

        fixture_init(&f, NULL, NULL);
        cr_assert_eq(setenv("http_proxy", loopback_url(f.server, ""), 1), 0);
        run(&f, &call);
        cr_assert_eq(f.reply.error, 0, "%s", f.problem);
        fixture_done(&f);
}

/* ---- cancelling, and what callbacks may do ---- */

Test(http, cancelled_before_the_loop_runs) {
        struct fixture f;
        struct http_call call;

        fixture_init(&f, NULL, NULL);
        call = get(loopback_url(f.server, "/good"));
        start(&f, &call);
        f.request = http_request_free(f.request);
        cr_assert_eq(f.n_released, 1);
        run(&f, &call);
        cr_assert_eq(f.n_done, 1, "only the second one");
        fixture_done(&f);
}

Test(http, cancelled_before_the_answer) {
        struct fixture f;
        struct http_request *other;
        unsigned port;
        char url[64];
        int fd = loopback_dead_port(true, &port);
        struct http_call call = get(url);

        fixture_init(&f, NULL, NULL);
        (void) snprintf(url, sizeof(url), "http://127.0.0.1:%u/", port);
        start(&f, &call);
        other = TAKE(f.request);
        run_path(&f, "/good");
        http_request_free(other);
        run_path(&f, "/good");
        cr_assert_eq(f.n_done, 2);
        cr_assert_eq(f.n_released, 3);
        fixture_done(&f);
        (void) close(fd);
}

/* The next one that comes to this port. Returns its connection, which is the caller's to close. */
static int wait_until_sent(struct fixture *f, int listener) {
        int fd = accept(listener, NULL, NULL);
        char byte;

        cr_assert_geq(fd, 0);
        while (recv(fd, &byte, 1, MSG_PEEK | MSG_DONTWAIT) != 1)
                cr_assert_geq(sd_event_run(f->event, 10 * USEC_PER_MSEC), 0);
        return fd;
}

/* Nobody answers any of them, nor would ever. */
Test(http, what_goes_on_ends_when_the_network_changes) {
        struct fixture f;
        struct http_request *post;
        unsigned port;
        char url[64];
        int fd = loopback_dead_port(true, &port), connection;
        struct http_call call = get(url);

        fixture_init(&f, NULL, NULL);
        (void) snprintf(url, sizeof(url), "http://127.0.0.1:%u/", port);
        call.method = "POST";
        start(&f, &call);
        post = TAKE(f.request);
        connection = wait_until_sent(&f, fd);
        call.method = "PUT";
        start(&f, &call);
        http_cut(f.http);
        cr_assert(f.done);
        cr_assert_eq(f.reply.error, -ENETRESET);
        cr_assert_str_eq(f.problem, "the network has changed before 127.0.0.1 had answered");
        cr_assert_eq(f.n_done, 1, "the other one may be one that must not be made twice");
        run_path(&f, "/good");
        cr_assert_str_eq(f.body, "{\"a\":1}");
        http_request_free(post);
        fixture_done(&f);
        (void) close(connection);
        (void) close(fd);
}

/* A port where nobody takes the connections, and as many wait as may. */
static int full_port(int fillers[FILLERS], unsigned *ret_port) {
        struct sockaddr_in address = { .sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
        int fd = loopback_dead_port(false, ret_port);

        cr_assert_eq(listen(fd, 0), 0);
        address.sin_port = htons((uint16_t) *ret_port);
        for (size_t i = 0; i < FILLERS; i++) {
                fillers[i] = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
                (void) connect(fillers[i], (struct sockaddr *) &address, sizeof(address));
        }
        return fd;
}

/* As the renewal of a token does that is asked for as the machine wakes up, before there is a network. */
Test(http, what_must_not_be_made_twice_ends_with_the_network_where_it_has_not_been_sent) {
        struct fixture f;
        unsigned port;
        char url[64];
        int fillers[FILLERS], fd = full_port(fillers, &port);
        struct http_call call = get(url);

        fixture_init(&f, NULL, NULL);
        (void) snprintf(url, sizeof(url), "http://127.0.0.1:%u/", port);
        call.method = "POST";
        start(&f, &call);
        for (unsigned i = 0; i < 10; i++)
                cr_assert_geq(sd_event_run(f.event, USEC_PER_MSEC), 0);
        http_cut(f.http);
        cr_assert(f.done);
        cr_assert_eq(f.reply.error, -ENETRESET);
        cr_assert_not(f.reply.sent);
        fixture_done(&f);
        for (size_t i = 0; i < FILLERS; i++)
                (void) close(fillers[i]);
        (void) close(fd);
}

Test(http, connections_of_another_network_are_not_used_again) {
        struct fixture f;
        unsigned before;

        fixture_init(&f, NULL, NULL);
        run_path(&f, "/good");
        run_path(&f, "/good");
        before = loopback_n_connections(f.server);
        cr_assert_eq(before, 1, "one for both");
        http_cut(f.http);
        run_path(&f, "/good");
        cr_assert_eq(loopback_n_connections(f.server), 2);
        run_path(&f, "/good");
        cr_assert_eq(loopback_n_connections(f.server), 2, "a new one is kept again");
        fixture_done(&f);
}

/* ---- several accounts ---- */

/* What is trusted is in memory once. */
Test(http, accounts_that_trust_the_same_share_their_connections) {
        struct fixture f;
        struct http *first;

        fixture_init(&f, NULL, NULL);
        run_path(&f, "/good");
        first = f.http;
        cr_assert_eq(http_new(&f.http, f.event, NULL), 0);
        run_path(&f, "/good");
        cr_assert_eq(loopback_n_connections(f.server), 1);
        first = http_free(first);
        run_path(&f, "/good");
        cr_assert_str_eq(f.body, "{\"a\":1}");
        cr_assert_eq(loopback_n_connections(f.server), 1);
        cr_assert_eq(http_new(&first, f.event, "/dev/null"), 0);
        http_free(f.http);
        f.http = first;
        run_path(&f, "/good");
        cr_assert_eq(loopback_n_connections(f.server), 2, "it trusts others");
        fixture_done(&f);
}

Test(http, one_account_is_cut_or_goes_and_the_other_goes_on) {
        struct fixture f, other;
        struct http_request *post;
        unsigned port;
        char url[64];
        int fd = loopback_dead_port(true, &port), connection;
        struct http_call call = get(url);

        fixture_init(&f, NULL, NULL);
        run_path(&f, "/good");
        (void) snprintf(url, sizeof(url), "http://127.0.0.1:%u/", port);
        other = (struct fixture){ .event = f.event };
        cr_assert_eq(http_new(&other.http, f.event, NULL), 0);
        start(&other, &call);
        http_cut(f.http);
        cr_assert_not(other.done, "its own turn comes");
        run_path(&f, "/good");
        cr_assert_eq(loopback_n_connections(f.server), 2);
        http_cut(other.http);
        cr_assert(other.done);
        cr_assert_eq(other.reply.error, -ENETRESET);
        other.server = f.server;
        run_path(&other, "/good");
        cr_assert_eq(loopback_n_connections(f.server), 2, "the new one, of both");
        call.method = "POST";
        start(&other, &call);
        post = other.request;
        (void) close(accept(fd, NULL, NULL)); /* of the first one */
        connection = wait_until_sent(&other, fd);
        http_cut(other.http);
        cr_assert_not(other.done);
        other.http = http_free(other.http);
        cr_assert_eq(other.n_released, 3, "also what went by the one of before: %p", (void *) post);
        run_path(&f, "/good");
        cr_assert_str_eq(f.body, "{\"a\":1}");
        fixture_done(&f);
        (void) close(connection);
        (void) close(fd);
}

static void on_done_free_itself(const struct http_reply *reply, void *userdata) {
        struct fixture *f = userdata;
        struct http_request *request = f->request;

        http_request_free(request);
        on_done(reply, f);
        cr_assert_str_eq(f->body, "{\"a\":1}", "the reply is still there");
}

Test(http, callback_frees_its_own_request) {
        struct fixture f;
        struct http_call call;

        fixture_init(&f, NULL, NULL);
        call = get(loopback_url(f.server, "/good"));
        cr_assert_eq(http_start(f.http, &call, on_done_free_itself, &f, &f.request), 0);
        loop_until(f.event, &f.done);
        cr_assert_eq(f.n_released, 1);
        fixture_done(&f);
}

static void on_done_start_next(const struct http_reply *reply, void *userdata) {
        struct fixture *f = userdata;
        struct http_call call = get(loopback_url(f->server, "/good"));

        cr_assert_eq(http_start(f->http, &call, on_done, f, &f->request), 0);
}

Test(http, callback_starts_another) {
        struct fixture f;
        struct http_call call;

        fixture_init(&f, NULL, NULL);
        call = get(loopback_url(f.server, "/empty"));
        cr_assert_eq(http_start(f.http, &call, on_done_start_next, &f, &f.request), 0);
        loop_until(f.event, &f.done);
        cr_assert_str_eq(f.body, "{\"a\":1}");
        fixture_done(&f);
}

/* Several end in one turn of the loop; the first to be told cancels the rest. */
struct crowd {
        struct http_request *requests[4];
        bool done;
        unsigned n_done;
};

static void on_done_cancel_others(const struct http_reply *reply, void *userdata) {
        struct crowd *c = userdata;

        for (size_t i = 0; i < ARRAY_SIZE(c->requests); i++)
                c->requests[i] = http_request_free(c->requests[i]);
        c->n_done++;
        c->done = true;
}

Test(http, callback_cancels_others) {
        struct crowd c = {};
        struct fixture f;
        unsigned port;
        char url[64];
        int fd = loopback_dead_port(false, &port);
        struct http_call call = get(url);

        fixture_init(&f, NULL, NULL);
        (void) snprintf(url, sizeof(url), "http://127.0.0.1:%u/", port);
        call.release = NULL;
        for (size_t i = 0; i < ARRAY_SIZE(c.requests); i++)
                cr_assert_eq(http_start(f.http, &call, on_done_cancel_others, &c, &c.requests[i]), 0);
        loop_until(f.event, &c.done);
        run_path(&f, "/good");
        cr_assert_eq(c.n_done, 1);
        fixture_done(&f);
        (void) close(fd);
}

static void on_done_free_all(const struct http_reply *reply, void *userdata) {
        struct fixture *f = userdata;

        f->http = http_free(f->http);
        on_done(reply, f);
}

Test(http, callback_frees_everything) {
        struct fixture f;
        struct http_request *other;
        struct http_call call;

        fixture_init(&f, NULL, NULL);
        call = get(loopback_url(f.server, "/good"));
        cr_assert_eq(http_start(f.http, &call, on_done_free_all, &f, &f.request), 0);
        cr_assert_eq(http_start(f.http, &call, on_done_free_all, &f, &other), 0);
        loop_until(f.event, &f.done);
        cr_assert_eq(f.n_done, 1);
        cr_assert_eq(f.n_released, 2);
        cr_assert_str_eq(f.body, "{\"a\":1}");
        fixture_done(&f);
}

Test(http, freed_while_requests_are_under_way) {
        struct fixture f;
        struct http_call call;

        fixture_init(&f, NULL, NULL);
        run_path(&f, "/good");
        call = get(loopback_url(f.server, "/endless"));
        start(&f, &call);
        f.request = NULL;
        cr_assert_geq(sd_event_run(f.event, UINT64_MAX), 0);
        f.http = http_free(f.http);
        cr_assert_eq(f.n_done, 1);
        cr_assert_eq(f.n_released, 2);
        fixture_done(&f);
}

/* ---- TLS ---- */

/* By a clock that is wrong each certificate is. */
Test(http, a_wrong_clock_is_named) {
        static const struct {
                const char *detail, *said;
        } rows[] = {
                { "SSL certificate problem: certificate is not yet valid", "the clock of this machine is wrong" },
                { "SSL certificate problem: certificate has expired", "the clock of this machine is wrong" },
        };

        for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
                const struct http_failure f = { .code = CURLE_PEER_FAILED_VERIFICATION,
                                                .host = "example.org",
                                                .detail = rows[i].detail };
                char problem[HTTP_PROBLEM_MAX];

                cr_assert_eq(http_failure_describe(&f, problem, sizeof(problem)), -EKEYREJECTED);
                cr_assert(strstr(problem, rows[i].said), "%s", problem);
        }
}

Test(http, certificates) {
        SCOPED(temp_dir_remove) char *dir = temp_dir_new();
        SCOPED(free) char *certificate = NULL;
        struct fixture f;
        struct http_call call;
        char url[64];

        loopback_make_certificate(dir);
        cr_assert_gt(asprintf(&certificate, "%s/certificate.pem", dir), 0);

        fixture_init(&f, NULL, dir);
        run_path(&f, "/good");
        cr_assert_eq(f.reply.error, -EKEYREJECTED, "%s", f.problem);
        cr_assert_not(f.reply.sent);
        cr_assert(strstr(f.problem, "the certificate of 127.0.0.1 is not trusted"), "%s", f.problem);
        cr_assert(strstr(f.problem, "set ca-file"), "%s", f.problem);
        fixture_done(&f);

        fixture_init(&f, certificate, dir);
        run_path(&f, "/good");
        cr_assert_eq(f.reply.status, 200, "%s", f.problem);
        (void) snprintf(url, sizeof(url), "https://127.0.0.2:%u/good", loopback_port(f.server));
        call = get(url);
        run(&f, &call);
        cr_assert_lt(f.reply.error, 0, "not for another name");
        cr_assert_not(f.reply.sent);
        fixture_done(&f);

        fixture_init(&f, "/no/such/file.pem", dir);
        run_path(&f, "/good");
        cr_assert_eq(f.reply.error, -ENOKEY, "%s", f.problem);
        cr_assert(strstr(f.problem, "check ca-file"), "%s", f.problem);
        fixture_done(&f);
}
