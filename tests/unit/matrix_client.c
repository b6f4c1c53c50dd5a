/* What answers of a homeserver mean, paths, addresses, and the requests and answers of each endpoint. */
#include <criterion/criterion.h>
#include <errno.h>
#include <stdio.h>
#include <unistd.h>

#include "json/json.h"
#include "matrix/client/keys.h"
#include "unit/loopback/loopback.h"

/* ---- reference 7.3 and 1.4, row by row ---- */

static const struct {
        const char *what;
        long status;
        const char *body;
        bool sync;
        enum matrix_outcome outcome;
} answers[] = {
        { "200 with an object", 200, "{}", false, MATRIX_OK },
        { "200 with an array", 200, "[]", false, MATRIX_NOT_MATRIX },
        { "200 with a string", 200, "\"{}\"", false, MATRIX_NOT_MATRIX },
        { "200 with a web page", 200, "<html></html>", false, MATRIX_NOT_MATRIX },
        { "200 with nothing", 200, "", false, MATRIX_NOT_MATRIX },
        { "200 with half an object", 200, "{\"a\":", false, MATRIX_NOT_MATRIX },
        { "204", 204, "", false, MATRIX_NOT_MATRIX },
        { "302 to a sign-in page", 302, "", false, MATRIX_NOT_MATRIX },
        { "token unknown", 401, "{\"errcode\":\"M_UNKNOWN_TOKEN\"}", false, MATRIX_SIGNED_OUT },
        { "token unknown, soft", 401, "{\"errcode\":\"M_UNKNOWN_TOKEN\",\"soft_logout\":true}", true,
          MATRIX_SIGNED_OUT },
        { "token missing", 401, "{\"errcode\":\"M_MISSING_TOKEN\"}", false, MATRIX_REFUSED },
        { "account locked", 401, "{\"errcode\":\"M_USER_LOCKED\",\"soft_logout\":true}", false, MATRIX_LOCKED },
        { "401 of a proxy", 401, "<html></html>", false, MATRIX_NOT_MATRIX },
        { "403", 403, "{\"errcode\":\"M_FORBIDDEN\"}", false, MATRIX_REFUSED },
        { "position unknown", 400, "{\"errcode\":\"M_UNKNOWN_POS\"}", true, MATRIX_BAD_TOKEN_POS },
        { "stream token", 400, "{\"errcode\":\"M_UNKNOWN\",\"error\":\"Invalid stream token\"}", true,
          MATRIX_BAD_TOKEN_POS },
        { "any 400 about since", 400, "{\"errcode\":\"M_INVALID_PARAM\",\"error\":\"Bad 'since' parameter\"}", true,
          MATRIX_BAD_TOKEN_POS },
        { "since, but no sync", 400, "{\"errcode\":\"M_UNKNOWN\",\"error\":\"since\"}", false, MATRIX_REFUSED },
        { "no such filter", 400, "{\"errcode\":\"M_INVALID_PARAM\",\"error\":\"No such filter\"}", true,
          MATRIX_BAD_FILTER },
        { "invalid filter id", 400, "{\"errcode\":\"M_INVALID_PARAM\",\"error\":\"Invalid filter ID\"}", true,
          MATRIX_BAD_FILTER },
        { "filter, but no sync", 400, "{\"errcode\":\"M_INVALID_PARAM\",\"error\":\"No such filter\"}", false,
          MATRIX_REFUSED },
        { "inline filter broken", 400, "{\"errcode\":\"M_NOT_JSON\",\"error\":\"bad filter\"}", true, MATRIX_REFUSED },
        { "busy without the flag", 400, "{\"errcode\":\"M_UNKNOWN\",\"error\":\"Invalid presence state\"}", false,
          MATRIX_REFUSED },
        { "not there", 404, "{\"errcode\":\"M_NOT_FOUND\"}", false, MATRIX_NOT_FOUND },
        { "no such endpoint", 404, "{\"errcode\":\"M_UNRECOGNIZED\"}", false, MATRIX_UNRECOGNIZED },
        { "no such method", 405, "{\"errcode\":\"M_UNRECOGNIZED\"}", false, MATRIX_UNRECOGNIZED },
        { "404 of a proxy", 404, "404 page not found", false, MATRIX_NOT_MATRIX },
        { "404 with an errcode of the wrong type", 404, "{\"errcode\":404}", false, MATRIX_NOT_MATRIX },
        { "404 with an errcode that is none", 404, "{\"errcode\":\"no such\\npage\"}", false, MATRIX_NOT_MATRIX },
        { "408 of a proxy", 408, "", false, MATRIX_UNSURE },
        { "429", 429, "{\"errcode\":\"M_LIMIT_EXCEEDED\"}", false, MATRIX_RETRY },
        { "429 of a proxy", 429, "<html></html>", false, MATRIX_RETRY },
        { "500", 500, "{\"errcode\":\"M_UNKNOWN\"}", false, MATRIX_UNSURE },
        { "502 with a web page", 502, "<html></html>", true, MATRIX_UNSURE },
        { "503 with nothing", 503, "", false, MATRIX_UNSURE },
        { "504 with a token's errcode", 504, "{\"errcode\":\"M_UNKNOWN_TOKEN\"}", false, MATRIX_UNSURE },
};

Test(client, outcomes) {
        for (size_t i = 0; i < ARRAY_SIZE(answers); i++) {
                struct http_reply http = {
                        .sent = true,
                        .status = answers[i].status,
                        .body = answers[i].body,
                        .size = strlen(answers[i].body),
                        .retry_after = USEC_NEVER,
                };
                struct matrix_reply reply;
                char text[256];

                matrix_reply_read(&reply, &http, answers[i].sync, text, sizeof(text));
                cr_assert_eq(reply.outcome, answers[i].outcome, "%s: %s", answers[i].what,
                             matrix_outcome_to_string(reply.outcome));
                cr_assert_eq(reply.problem[0] == '\0', reply.outcome == MATRIX_OK, "%s", answers[i].what);
                cr_assert_eq(reply.status, answers[i].status);
                json_decref(reply.body);
        }
}

Test(client, outcomes_without_an_answer) {
        static const struct {
                const char *what;
                int error;
                bool sent;
                enum matrix_outcome outcome;
        } rows[] = {
                { "no connection", -ECONNREFUSED, false, MATRIX_RETRY },
                { "timeout before it was sent", -ETIMEDOUT, false, MATRIX_RETRY },
                { "timeout", -ETIMEDOUT, true, MATRIX_UNSURE },
                { "cut", -ECONNRESET, true, MATRIX_UNSURE },
                { "too large", -EMSGSIZE, true, MATRIX_UNSURE },
        };

        for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
                struct http_reply http = {
                        .error = rows[i].error, .sent = rows[i].sent, .problem = "p", .retry_after = USEC_NEVER
                };
                struct matrix_reply reply;
                char text[256];

                matrix_reply_read(&reply, &http, false, text, sizeof(text));
                cr_assert_eq(reply.outcome, rows[i].outcome, "%s", rows[i].what);
                cr_assert_str_eq(reply.problem, "p", "%s", rows[i].what);
                cr_assert_eq(reply.status, 0);
                cr_assert_eq(reply.retry_after, USEC_NEVER);
                cr_assert_null(reply.body);
        }
}

Test(client, retry_after) {
        static const struct {
                const char *what;
                usec_t header;
                const char *body;
                usec_t want;
        } rows[] = {
                { "both: the larger", 3 * USEC_PER_SEC, "{\"retry_after_ms\":9000}", 9 * USEC_PER_SEC },
                { "both, the other way", 9 * USEC_PER_SEC, "{\"retry_after_ms\":3000}", 9 * USEC_PER_SEC },
                { "header alone", 3 * USEC_PER_SEC, "{}", 3 * USEC_PER_SEC },
                { "nothing of use beside the header", 3 * USEC_PER_SEC, "{\"retry_after_ms\":0}", 3 * USEC_PER_SEC },
                { "zero", USEC_NEVER, "{\"retry_after_ms\":0}", USEC_NEVER },
                { "body", USEC_NEVER, "{\"retry_after_ms\":9000}", 9 * USEC_PER_SEC },
                { "neither", USEC_NEVER, "{}", USEC_NEVER },
                { "negative", USEC_NEVER, "{\"retry_after_ms\":-1}", USEC_NEVER },
                { "wrong type", USEC_NEVER, "{\"retry_after_ms\":\"9\"}", USEC_NEVER },
                { "more than is believed", USEC_NEVER, "{\"retry_after_ms\":9223372036854775807}",
                  HTTP_RETRY_AFTER_MAX },
        };

        for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
                struct http_reply http = { .status = 429,
                                           .body = rows[i].body,
                                           .size = strlen(rows[i].body),
                                           .retry_after = rows[i].header };
                struct matrix_reply reply;
                char text[256];

                matrix_reply_read(&reply, &http, false, text, sizeof(text));
                cr_assert_eq(reply.outcome, MATRIX_RETRY);
                cr_assert_eq(reply.retry_after, rows[i].want, "%s", rows[i].what);
                json_decref(reply.body);
        }
}

Test(client, problems_repeat_no_words_of_the_server) {
        static const char body[] = "{\"errcode\":\"M_FORBIDDEN\",\"error\":\"token s3cret of @friend:test\"}";
        struct http_reply http = { .status = 403, .body = body, .size = strlen(body), .retry_after = USEC_NEVER };
        struct matrix_reply reply;
        char text[256];

        matrix_reply_read(&reply, &http, false, text, sizeof(text));
        cr_assert_str_eq(reply.problem, "the homeserver refused: M_FORBIDDEN (HTTP 403)");
        json_decref(reply.body);
}

/* ---- paths and addresses ---- */

Test(client, paths) {
        static const struct {
                const char *what, *argument, *want;
        } rows[] = {
                { "user id", "@me:hs.example", "/x/%40me%3Ahs.example/y" },
                { "room id", "!a/b:c", "/x/%21a%2Fb%3Ac/y" },
                { "unreserved stays", "aZ09-._~", "/x/aZ09-._~/y" },
                { "the rest does not", "#?&=+% \xc3\xa4", "/x/%23%3F%26%3D%2B%25%20%C3%A4/y" },
                { "empty", "", "/x//y" },
        };
        SCOPED(free) char *plain = matrix_path("/_matrix/client/versions");
        SCOPED(free) char *two = matrix_path("%s/%s", "a", "b");

        for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
                SCOPED(free) char *path = matrix_path("/x/%s/y", rows[i].argument);

                cr_assert_str_eq(path, rows[i].want, "%s", rows[i].what);
        }
        cr_assert_str_eq(plain, "/_matrix/client/versions");
        cr_assert_str_eq(two, "a/b");
}

Test(client, base_urls) {
        static const struct {
                const char *url;
                int want;
        } rows[] = {
                { "https://matrix.example.org", 0 },
                { "https://matrix.example.org:8448/base/", 0 },
                { "http://localhost:8008", 0 },
                { "http://127.1.2.3", 0 },
                { "http://[::1]:8008/", 0 },
                { "http://matrix.example.org", -EPERM },
                { "http://localhost.example.org", -EPERM },
                { "http://192.168.1.2:8008", -EPERM },
                { "http://127.0.0.1@example.org/", -EINVAL },
                { "https://me:secret@example.org", -EINVAL },
                { "https://example.org/?a=b", -EINVAL },
                { "https://example.org/#a", -EINVAL },
                { "ftp://example.org", -EINVAL },
                { "matrix.example.org", -EINVAL },
                { "https://", -EINVAL },
                { "", -EINVAL },
        };

        for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
                const char *problem = NULL;

                cr_assert_eq(matrix_base_url_check(rows[i].url, &problem), rows[i].want, "%s", rows[i].url);
                cr_assert_eq(problem != NULL, rows[i].want < 0, "%s", rows[i].url);
        }
}

/* ---- answers of single endpoints ---- */

static json_t *json(const char *text) {
        json_t *v = json_loads(text, JSON_DECODE_ANY, NULL);

        cr_assert_not_null(v, "%s", text);
        return v;
}

Test(client, versions) {
        json_t *body = json("{\"versions\":[\"v1.1\",4,\"v1.16\"],\"unstable_features\":{"
                            "\"org.matrix.msc3026.busy_presence\":true,\"org.matrix.msc4354\":\"yes\"}}");
        json_t *old = json("{\"versions\":[\"r0.0.1\"],\"unstable_features\":[]}");
        json_t *none = json("{\"unstable_features\":{}}");
        struct matrix_versions v;

        cr_assert_eq(matrix_versions_parse(body, &v), 0);
        cr_assert(v.busy_presence);
        cr_assert(v.profile_fields_stable);
        cr_assert_eq(matrix_versions_parse(old, &v), 0);
        cr_assert_not(v.busy_presence);
        cr_assert_not(v.profile_fields_stable);
        cr_assert_eq(matrix_versions_parse(none, &v), -EBADMSG);
        cr_assert_eq(matrix_versions_parse(NULL, &v), -EBADMSG);
        json_decref(body);
        json_decref(old);
        json_decref(none);
}

Test(client, server_version_whoami_and_flows) {
        json_t *body = json("{\"server\":{\"name\":\"Synapse\",\"version\":\"1.160.0\"},\"user_id\":\"@me:test\","
                            "\"flows\":[1,{},{\"type\":\"m.login.password\"}]}");
        json_t *odd = json("{\"server\":{\"name\":7},\"user_id\":{},\"flows\":{}}");
        json_t *nobody = json("{\"user_id\":\"\"}");
        const char *a, *b;

        cr_assert_eq(matrix_whoami_parse(nobody, &a, &b), -EBADMSG);
        json_decref(nobody);
        cr_assert_eq(matrix_server_version_parse(body, &a, &b), 0);
        cr_assert_str_eq(a, "Synapse");
        cr_assert_str_eq(b, "1.160.0");
        cr_assert_eq(matrix_server_version_parse(odd, &a, &b), -EBADMSG);
        cr_assert_eq(matrix_whoami_parse(body, &a, &b), 0);
        cr_assert_str_eq(a, "@me:test");
        cr_assert_str_eq(b, "");
        cr_assert_eq(matrix_whoami_parse(odd, &a, &b), -EBADMSG);
        cr_assert(matrix_login_flows_have(body, "m.login.password"));
        cr_assert_not(matrix_login_flows_have(body, "m.login.token"));
        cr_assert_not(matrix_login_flows_have(odd, "m.login.password"));
        json_decref(body);
        json_decref(odd);
}

/* ---- requests on the wire ---- */

#define V3 "/_matrix/client/v3"

static const struct loopback_route routes[] = {
        ROUTE("GET", "/base/_matrix/client/versions", 200, "{\"versions\":[]}"),
        ROUTE("GET", "/base/_matrix/federation/v1/version", 200, "{}"),
        ROUTE("GET", "/base" V3 "/account/whoami", 200, "{}"),
        ROUTE("POST", "/base" V3 "/logout", 200, "{}"),
        ROUTE("GET", "/base" V3 "/presence/%40me%3Atest/status", 200, "{\"presence\":\"online\"}"),
        ROUTE_WITH("PUT", "/base" V3 "/presence/%40me%3Atest/status", 429, "{\"errcode\":\"M_LIMIT_EXCEEDED\"}",
                   "Retry-After", "4"),
        ROUTE("GET", "/base" V3 "/devices", 200, "{\"devices\":[]}"),
        ROUTE("GET", "/base" V3 "/profile/%40me%3Atest/m.call", 200, "{}"),
        ROUTE("GET", "/base/_matrix/client/unstable/uk.tcpip.msc4133/profile/%40me%3Atest/m.call", 200, "{}"),
        ROUTE("GET", "/base" V3 "/rooms/%21r%3Atest/messages", 200, "{}"),
        ROUTE("POST", "/base" V3 "/user/%40me%3Atest/filter", 200, "{\"filter_id\":\"0\"}"),
        ROUTE("GET", "/base" V3 "/user/%40me%3Atest/account_data/m.a%2Fb", 404, "{\"errcode\":\"M_NOT_FOUND\"}"),
        ROUTE("POST", "/base" V3 "/keys/upload", 400,
              "{\"errcode\":\"M_UNKNOWN\",\"error\":\"One time key c2VjcmV0 already exists\"}"),
        ROUTE("POST", "/base" V3 "/keys/query", 200, "{\"device_keys\":{}}"),
        ROUTE("POST", "/base" V3 "/keys/claim", 200, "{\"one_time_keys\":{}}"),
        ROUTE("POST", "/base" V3 "/keys/signatures/upload", 200, "{\"failures\":{}}"),
        ROUTE("PUT", "/base" V3 "/sendToDevice/m.room.encrypted/a%20b", 200, "{}"),
        ROUTE("GET", "/base" V3 "/sync", 400, "{\"errcode\":\"M_UNKNOWN\",\"error\":\"Invalid stream token\"}"),
        {},
};

struct fixture {
        sd_event *event;
        struct http *http;
        struct loopback *server;
        struct matrix_client *client;
        struct http_request *request;
        bool done;
        enum matrix_outcome outcome;
        usec_t retry_after;
        char problem[256];
};

static void on_done(const struct matrix_reply *reply, void *userdata) {
        struct fixture *f = userdata;

        f->request = NULL;
        f->done = true;
        f->outcome = reply->outcome;
        f->retry_after = reply->retry_after;
        (void) snprintf(f->problem, sizeof(f->problem), "%s", reply->problem);
        cr_assert(reply->outcome != MATRIX_OK || json_is_object(reply->body));
}

static void fixture_init(struct fixture *f) {
        *f = (struct fixture){};
        cr_assert_geq(sd_event_new(&f->event), 0);
        cr_assert_eq(http_new(&f->http, f->event, NULL), 0);
        f->server = loopback_new(routes, NULL);
        cr_assert_eq(matrix_client_new(&f->client, f->http, loopback_url(f->server, "/base//"), "s3cret"), 0);
        cr_assert_str_eq(matrix_client_base_url(f->client), loopback_url(f->server, "/base"));
}

static void fixture_done(struct fixture *f) {
        http_request_free(f->request);
        matrix_client_free(f->client);
        http_free(f->http);
        loopback_free(f->server);
        sd_event_unref(f->event);
}

static const struct loopback_seen *wait_for(struct fixture *f, int r, const char *path) {
        const struct loopback_seen *seen;

        cr_assert_eq(r, 0);
        f->done = false;
        loop_until(f->event, &f->done);
        seen = loopback_seen(f->server, path);
        cr_assert_not_null(seen, "%s", path);
        return seen;
}

Test(client, token_goes_where_it_is_needed) {
        struct fixture f;
        const struct loopback_seen *seen;

        fixture_init(&f);
        seen = wait_for(&f, matrix_versions_get(f.client, on_done, &f, &f.request), "/base/_matrix/client/versions");
        cr_assert_str_eq(seen->authorization, "Bearer s3cret");
        seen = wait_for(&f, matrix_server_version_get(f.client, on_done, &f, &f.request),
                        "/base/_matrix/federation/v1/version");
        cr_assert_str_eq(seen->authorization, "");
        cr_assert_eq(matrix_client_set_token(f.client, "other"), 0);
        seen = wait_for(&f, matrix_whoami_get(f.client, on_done, &f, &f.request), "/base" V3 "/account/whoami");
        cr_assert_str_eq(seen->authorization, "Bearer other");
        seen = wait_for(&f, matrix_logout_post(f.client, on_done, &f, &f.request), "/base" V3 "/logout");
        cr_assert_str_eq(seen->body, "{}");
        cr_assert_eq(matrix_client_set_token(f.client, NULL), 0);
        seen = wait_for(&f, matrix_whoami_get(f.client, on_done, &f, &f.request), "/base" V3 "/account/whoami");
        cr_assert_str_eq(seen->authorization, "");
        fixture_done(&f);
}

Test(client, presence) {
        static const char path[] = "/base" V3 "/presence/%40me%3Atest/status";
        struct fixture f;
        const struct loopback_seen *seen;

        fixture_init(&f);
        (void) wait_for(&f, matrix_presence_get(f.client, "@me:test", on_done, &f, &f.request), path);
        cr_assert_eq(f.outcome, MATRIX_OK);
        seen = wait_for(&f, matrix_presence_put(f.client, "@me:test", "online", "", on_done, &f, &f.request), path);
        cr_assert_str_eq(seen->body, "{\"presence\":\"online\",\"status_msg\":\"\"}");
        cr_assert_eq(f.outcome, MATRIX_RETRY);
        cr_assert_eq(f.retry_after, 4 * USEC_PER_SEC);
        fixture_done(&f);
}

/* An application service says for whom it acts; and, by both names of the parameter, on which device. */
Test(client, an_application_service_acts_for_a_user) {
        static const char path[] = "/base" V3 "/presence/%40me%3Atest/status";
        struct fixture f;
        const struct loopback_seen *seen;

        fixture_init(&f);
        seen = wait_for(&f, matrix_devices_get_as(f.client, "@me:test", on_done, &f, &f.request),
                        "/base" V3 "/devices");
        cr_assert_str_eq(seen->query, "user_id=%40me%3Atest");
        seen = wait_for(&f,
                        matrix_presence_put_as(f.client, "@me:test", "D", "online", "words", on_done, &f, &f.request),
                        path);
        cr_assert_str_eq(seen->query, "user_id=%40me%3Atest&device_id=D&org.matrix.msc3202.device_id=D");
        cr_assert_str_eq(seen->body, "{\"presence\":\"online\",\"status_msg\":\"words\"}");
        seen = wait_for(&f, matrix_presence_put_as(f.client, "@me:test", "", "online", "", on_done, &f, &f.request),
                        path);
        cr_assert_str_eq(seen->query, "user_id=%40me%3Atest");
        cr_assert_eq(matrix_presence_put_as(f.client, "@me:test", "D", "\377", "", on_done, &f, &f.request), -EINVAL);
        cr_assert_eq(matrix_presence_put(f.client, "@me:test", "\377", "", on_done, &f, &f.request), -EINVAL);
        fixture_done(&f);
}

Test(client, profile_fields_by_both_names) {
        struct fixture f;

        fixture_init(&f);
        (void) wait_for(&f, matrix_profile_field_get(f.client, false, "@me:test", "m.call", on_done, &f, &f.request),
                        "/base" V3 "/profile/%40me%3Atest/m.call");
        (void) wait_for(&f, matrix_profile_field_get(f.client, true, "@me:test", "m.call", on_done, &f, &f.request),
                        "/base/_matrix/client/unstable/uk.tcpip.msc4133/profile/%40me%3Atest/m.call");
        fixture_done(&f);
}

Test(client, rooms) {
        json_t *types = json("[\"m.call.invite\"]");
        json_t *filter = json("{\"room\":{}}");
        struct fixture f;
        const struct loopback_seen *seen;

        fixture_init(&f);
        seen = wait_for(&f, matrix_messages_get(f.client, "!r:test", "t&1", 50, types, on_done, &f, &f.request),
                        "/base" V3 "/rooms/%21r%3Atest/messages");
        cr_assert_str_eq(seen->query,
                         "dir=b&from=t%261&limit=50&filter=%7B%22types%22%3A%5B%22m.call.invite%22%5D%7D");
        seen = wait_for(&f, matrix_filter_post(f.client, "@me:test", filter, on_done, &f, &f.request),
                        "/base" V3 "/user/%40me%3Atest/filter");
        cr_assert_str_eq(seen->body, "{\"room\":{}}");
        json_decref(types);
        json_decref(filter);
        fixture_done(&f);
}

Test(client, keys_of_devices) {
        SCOPED(json_decref) json_t *body = json("{\"device_keys\":{}}");
        struct fixture f;
        const struct loopback_seen *seen;

        fixture_init(&f);
        seen = wait_for(&f, matrix_keys_query(f.client, body, on_done, &f, &f.request), "/base" V3 "/keys/query");
        cr_assert_str_eq(seen->body, "{\"device_keys\":{}}");
        cr_assert_str_eq(seen->authorization, "Bearer s3cret");
        (void) wait_for(&f, matrix_keys_claim(f.client, body, on_done, &f, &f.request), "/base" V3 "/keys/claim");
        cr_assert_eq(f.outcome, MATRIX_OK);
        (void) wait_for(&f, matrix_signatures_upload(f.client, body, on_done, &f, &f.request),
                        "/base" V3 "/keys/signatures/upload");
        cr_assert_eq(f.outcome, MATRIX_OK);
        seen = wait_for(&f, matrix_send_to_device(f.client, "m.room.encrypted", "a b", body, on_done, &f, &f.request),
                        "/base" V3 "/sendToDevice/m.room.encrypted/a%20b");
        cr_assert_str_eq(seen->body, "{\"device_keys\":{}}");
        (void) wait_for(&f, matrix_account_data_get(f.client, "@me:test", "m.a/b", on_done, &f, &f.request),
                        "/base" V3 "/user/%40me%3Atest/account_data/m.a%2Fb");
        cr_assert_eq(f.outcome, MATRIX_NOT_FOUND);
        fixture_done(&f);
}

Test(client, a_refusal_that_quotes_keys_is_not_repeated) {
        SCOPED(json_decref) json_t *body = json("{}");
        struct fixture f;

        fixture_init(&f);
        (void) wait_for(&f, matrix_keys_upload(f.client, body, on_done, &f, &f.request), "/base" V3 "/keys/upload");
        cr_assert_eq(f.outcome, MATRIX_REFUSED);
        cr_assert_null(strstr(f.problem, "c2VjcmV0"), "%s", f.problem);
        fixture_done(&f);
}

static const struct signatures_row {
        const char *body;
        int result;
} signatures_rows[] = {
        { "{}", 0 },
        { "{\"failures\":{}}", 0 },
        { "{\"failures\":{\"@me:test\":{}}}", 0 },
        { "{\"failures\":{\"@me:test\":{\"BUSYD\":{\"errcode\":\"M_INVALID_SIGNATURE\"}}}}", -EKEYREJECTED },
        { "{\"failures\":{\"@me:test\":{\"BUSYD\":null}}}", -EKEYREJECTED },
        { "{\"failures\":{\"@me:test\":7}}", -EKEYREJECTED },
        { "{\"failures\":[]}", -EKEYREJECTED },
};

Test(client, signatures_that_were_not_taken_are_seen_in_an_answer_of_200) {
        for (size_t i = 0; i < ARRAY_SIZE(signatures_rows); i++) {
                SCOPED(json_decref) json_t *body = json(signatures_rows[i].body);

                cr_assert_eq(matrix_signatures_parse(body), signatures_rows[i].result, "%s", signatures_rows[i].body);
        }
}

Test(client, sync_is_known_by_its_path) {
        struct fixture f;
        struct matrix_call call = { .method = "GET", .path = V3 "/sync?since=x" };

        fixture_init(&f);
        (void) wait_for(&f, matrix_request(f.client, &call, on_done, &f, &f.request), "/base" V3 "/sync");
        cr_assert_eq(f.outcome, MATRIX_BAD_TOKEN_POS);
        fixture_done(&f);
}

Test(client, cancelled_and_outlived) {
        struct fixture f;

        fixture_init(&f);
        cr_assert_eq(matrix_whoami_get(f.client, on_done, &f, &f.request), 0);
        f.request = http_request_free(f.request);
        cr_assert_eq(matrix_whoami_get(f.client, on_done, &f, &f.request), 0);
        f.client = matrix_client_free(f.client);
        loop_until(f.event, &f.done);
        cr_assert_eq(f.outcome, MATRIX_OK, "a request needs its client no more once it is started");
        fixture_done(&f);
}

Test(client, no_token_in_clear) {
        struct matrix_client *c = NULL;
        struct fixture f;

        fixture_init(&f);
        cr_assert_eq(matrix_client_new(&c, f.http, "http://example.org", "s3cret"), -EPERM);
        cr_assert_null(c);
        fixture_done(&f);
}

/* ---- answers that lack what was asked for ---- */

static const struct presence_answer_row {
        const char *what, *body;
        const char *presence, *status_msg; /* presence NULL: no answer */
} presence_answers[] = {
        { "both", "{\"presence\":\"online\",\"status_msg\":\"Lunch\"}", "online", "Lunch" },
        { "no message", "{\"presence\":\"offline\"}", "offline", "" },
        { "null as message", "{\"presence\":\"online\",\"status_msg\":null}", "online", "" },
        { "never set, as Dendrite says it", "{\"presence\":\"\"}", "", "" },
        { "nothing", "{}", NULL, NULL },
        { "a message alone", "{\"status_msg\":\"Lunch\"}", NULL, NULL },
        { "wrong type", "{\"presence\":1}", NULL, NULL },
        { "null", "{\"presence\":null}", NULL, NULL },
        { "a message of the wrong type", "{\"presence\":\"online\",\"status_msg\":7}", NULL, NULL },
};

Test(client, a_presence_without_presence_is_no_answer) {
        for (size_t i = 0; i < ARRAY_SIZE(presence_answers); i++) {
                const struct presence_answer_row *row = &presence_answers[i];
                SCOPED(json_decref) json_t *body = NULL;
                const char *presence = NULL, *status_msg = NULL;
                int r;

                cr_assert_eq(json_parse(row->body, strlen(row->body), &body), 0);
                r = matrix_presence_parse(body, &presence, &status_msg);
                cr_assert_eq(r, row->presence ? 0 : -EBADMSG, "%s", row->what);
                if (row->presence) {
                        cr_assert_str_eq(presence, row->presence, "%s", row->what);
                        cr_assert_str_eq(status_msg, row->status_msg, "%s", row->what);
                }
        }
}

Test(client, when_a_client_was_active_is_known_where_the_server_says_so) {
        static const struct {
                const char *body;
                usec_t ago;
        } rows[] = {
                { "{\"last_active_ago\":14657}", 14657 * USEC_PER_MSEC },
                { "{\"last_active_ago\":0}", 0 },
                { "{}", USEC_NEVER },
                { "{\"last_active_ago\":-1}", USEC_NEVER },
                { "{\"last_active_ago\":\"1\"}", USEC_NEVER },
                { "{\"last_active_ago\":9223372036854775807}", USEC_NEVER },
        };

        for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
                SCOPED(json_decref) json_t *body = NULL;

                cr_assert_eq(json_parse(rows[i].body, strlen(rows[i].body), &body), 0);
                cr_assert_eq(matrix_presence_active_ago(body), rows[i].ago, "%s", rows[i].body);
        }
}

static const struct field_answer_row {
        const char *what, *body;
        int result;
} field_answers[] = {
        { "a value", "{\"m.call\":{\"call_joined_ts\":1}}", 1 },
        { "null, as some clients clear it", "{\"m.call\":null}", 0 },
        { "nothing", "{}", -EBADMSG },
        { "another field", "{\"m.status\":{}}", -EBADMSG },
};

Test(client, a_profile_field_that_is_not_in_the_answer_is_no_answer) {
        for (size_t i = 0; i < ARRAY_SIZE(field_answers); i++) {
                SCOPED(json_decref) json_t *body = NULL;
                const json_t *value = NULL;

                cr_assert_eq(json_parse(field_answers[i].body, strlen(field_answers[i].body), &body), 0);
                cr_assert_eq(matrix_profile_field_parse(body, "m.call", &value), field_answers[i].result, "%s",
                             field_answers[i].what);
                cr_assert_eq(value != NULL, field_answers[i].result == 1, "%s", field_answers[i].what);
        }
}
