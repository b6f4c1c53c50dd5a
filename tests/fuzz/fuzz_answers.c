/* Answers of servers, to whatever was asked: an odd first byte is one to /sync, a digit after it says the status, the
 * rest is the body. Whatever it is, what is taken from it is of sane size, and secrets go to safe addresses alone. */
#include <stdio.h>
#include <string.h>

#include "json/json.h"
#include "matrix/client/api.h"
#include "matrix/client/oauth.h"
#include "must.h"
#include "util/log.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static const long statuses[] = { 200, 400, 401, 403, 404, 405, 429, 500, 502, 302 };

static bool is_safe(const char *url) {
        return !url || oauth_address_check(url) == 0;
}

static void metadata(const json_t *body) {
        struct oauth_server s = { 0 };

        if (oauth_server_parse(body, &s) == 0) {
                must(s.token && is_safe(s.issuer) && is_safe(s.token), "tokens go to safe addresses");
                must(is_safe(s.authorization) && is_safe(s.device_authorization), "so do codes");
                must(is_safe(s.registration) && is_safe(s.revocation), "so does all else");
                must(!oauth_has_code(&s) || s.authorization, "whoever gives codes says where");
        }
        oauth_server_done(&s);
}

static void tokens(const struct oauth_reply *reply) {
        struct session s = { 0 };
        char sentence[512];

        if (reply->granted && oauth_tokens_take(reply, &s) == 0)
                must(s.access_token && s.access_token[0], "whoever is granted a session has a token");
        (void) oauth_client_take(reply, &s);
        (void) oauth_failure(reply, "a test", sentence, sizeof(sentence));
        must(sentence[0] != '\0', "a failure is put into words");
        session_done(&s);
}

static void words(const json_t *body) {
        const char *a, *b;
        const json_t *value;
        struct matrix_versions v;

        if (matrix_presence_parse(body, &a, &b) == 0)
                must(a && b, "a presence has a message, if an empty one");
        if (matrix_whoami_parse(body, &a, &b) == 0)
                must(a && a[0] && b, "whoever is told is somebody");
        if (matrix_profile_field_parse(body, "m.call", &value) > 0)
                must(value, "a field that is there has a value");
        (void) matrix_versions_parse(body, &v);
        (void) matrix_server_version_parse(body, &a, &b);
        (void) matrix_login_flows_have(body, "m.login.password");
}

static void read_reply(const struct http_reply *http, bool sync) {
        struct matrix_reply reply;
        char text[256];

        matrix_reply_read(&reply, http, sync, text, sizeof(text));
        must(reply.outcome != MATRIX_OK || json_is_object(reply.body), "a good answer is an object");
        must(reply.outcome == MATRIX_OK || (reply.problem && reply.problem[0]), "a bad one is put into words");
        must(reply.retry_after == USEC_NEVER || (reply.retry_after > 0 && reply.retry_after <= HTTP_RETRY_AFTER_MAX),
             "a pause is bounded");
        must(matrix_outcome_to_string(reply.outcome)[0] != '\0', "an outcome has a name");
        json_decref(reply.body);
}

static void read_body(const struct http_reply *http) {
        SCOPED(json_decref) json_t *body = NULL;
        struct oauth_reply reply = { .problem = "", .sent = true, .wall = USEC_PER_HOUR };

        if (json_parse(http->body, http->size, &body) < 0)
                return;
        metadata(body);
        words(body);
        reply.body = json_is_object(body) ? body : NULL;
        reply.granted = http->status == 200 && reply.body;
        reply.error = reply.granted ? NULL : oauth_word(json_member_string(body, "error"));
        tokens(&reply);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
        struct http_reply http = { .sent = true, .retry_after = USEC_NEVER, .now = 1, .wall = 1 };
        char *text;

        log_set_max_level(LOG_EMERG);
        if (size < 2 || !(text = strndup((const char *) data + 2, size - 2)))
                return 0;
        http.status = statuses[data[1] % ARRAY_SIZE(statuses)];
        http.body = text;
        http.size = strlen(text);
        read_reply(&http, data[0] & 1);
        read_body(&http);
        free(text);
        return 0;
}
