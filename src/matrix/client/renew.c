/* Renewing the tokens of a session, see renew.h. What the answer means goes by its shape: an error code in JSON is the
 * word of whoever knows the session, everything else is of something in between. */
#include "matrix/client/renew.h"

#include <curl/curl.h>
#include <errno.h>
#include <stdio.h>

#include "matrix/client/client.h"
#include "state/token.h"
#include "json/json.h"

/* Soon enough that a lost answer can be asked for again while the server forgives it. */
#define RENEW_TIMEOUT  (10 * USEC_PER_SEC)
#define RENEW_BODY_MAX (64U << 10)

#define FORM_TYPE   "application/x-www-form-urlencoded"
#define LEGACY_PATH "/_matrix/client/v3/refresh"

struct renewing {
        struct http_request *request;
        bool oauth;
        char *old;
        void (*done)(const struct renew_answer *answer, void *userdata);
        void *userdata;
};

/* ---- what an answer means ---- */

static void wipe(json_t *body, const char *key) {
        json_t *token = json_object_get(body, key);

        if (json_is_string(token))
                explicit_bzero((char *) json_string_value(token), json_string_length(token));
}

void renew_body_free(json_t *body) {
        wipe(body, "access_token");
        wipe(body, "refresh_token");
        json_decref(body);
}

static bool is_token(const char *s) {
        return s && *s && strlen(s) <= TOKEN_MAX;
}

static bool is_refused(const struct http_reply *http, bool oauth, const json_t *body) {
        static const char *const final[] = { "invalid_grant", "invalid_client", "unauthorized_client" };
        const char *error = json_member_string(body, oauth ? "error" : "errcode");

        if (!error || http->status < 400 || http->status >= 500 || http->status == 408 || http->status == 429)
                return false;
        if (!oauth)
                return (http->status == 401 || http->status == 403) &&
                       (streq(error, "M_UNKNOWN_TOKEN") || streq(error, "M_FORBIDDEN"));
        for (size_t i = 0; i < ARRAY_SIZE(final); i++)
                if (streq(error, final[i]))
                        return true;
        return false;
}

/* Seconds by OAuth, milliseconds by Matrix; whatever is no time to come says nothing. */
static usec_t read_expiry(const struct http_reply *http, bool oauth, const json_t *body) {
        usec_t unit = oauth ? USEC_PER_SEC : USEC_PER_MSEC;
        int64_t n = json_member_int(body, oauth ? "expires_in" : "expires_in_ms", 0);

        return n > 0 && (uint64_t) n < (USEC_NEVER - http->wall) / unit ? http->wall + (usec_t) n * unit : 0;
}

void renew_read(struct renew_answer *ret, const struct http_reply *http, bool oauth, const char *old,
                json_t **ret_body) {
        struct renew_answer a = { .outcome = RENEW_FAILED,
                                  .retry_after = http->retry_after,
                                  .problem = "the token cannot be renewed: what answered is not a server for that",
                                  .now = http->now,
                                  .wall = http->wall };
        json_t *body = NULL;
        int r = http->error == 0 ? json_parse(http->body, http->size, &body) : 0;

        if (http->error < 0)
                a.problem = http->problem;
        else if (r == -ENOMEM)
                a.problem = "the token cannot be renewed: there is no memory for the answer";
        else if (http->status >= 200 && http->status < 300 && is_token(json_member_string(body, "access_token"))) {
                const char *new = json_member_string(body, "refresh_token");

                a.outcome = RENEW_DONE;
                a.problem = "";
                a.pair = (struct token_pair){ .access_token = json_member_string(body, "access_token"),
                                              .refresh_token = is_token(new) ? new : old,
                                              .expires_wall = read_expiry(http, oauth, body) };
        } else if (is_refused(http, oauth, body)) {
                a.outcome = RENEW_REFUSED;
                a.problem = "the server does not renew the session any more";
        } else if (http->status == 429)
                a.problem = "the token cannot be renewed yet: the server asks to wait";
        else if (http->status >= 500)
                a.problem = "the token cannot be renewed: the server has a problem of its own";
        *ret = a;
        *ret_body = body;
}

/* ---- the request ---- */

static void on_done(const struct http_reply *http, void *userdata) {
        struct renewing *r = userdata;
        struct renew_answer answer;
        json_t *body;

        r->request = NULL;
        renew_read(&answer, http, r->oauth, r->old, &body);
        r->done(&answer, r->userdata); /* r may be gone */
        renew_body_free(body);
}

static char *form(const char *key, const char *secret, const char *client_id) {
        char *value = curl_easy_escape(NULL, secret, 0);
        char *client = curl_easy_escape(NULL, client_id ? client_id : "", 0), *body = NULL;

        if (!value || !client || asprintf(&body, "%s=%s&client_id=%s", key, value, client) < 0)
                body = NULL;
        if (value)
                explicit_bzero(value, strlen(value));
        curl_free(value);
        curl_free(client);
        return body;
}

static char *object(const char *refresh_token) {
        json_t *o = json_pack("{s:s}", "refresh_token", refresh_token);
        char *body = o ? json_dumps_whole(o, JSON_COMPACT) : NULL;

        renew_body_free(o);
        return body;
}

static char *address(const struct renew_place *p, bool oauth) {
        size_t n = strlen(p->homeserver);
        char *url = NULL;

        if (oauth)
                return strdup(p->token_endpoint);
        while (n > 0 && p->homeserver[n - 1] == '/')
                n--;
        return asprintf(&url, "%.*s" LEGACY_PATH, (int) n, p->homeserver) < 0 ? NULL : url;
}

int renew_start(struct renewing **ret, struct http *http, const struct renew_place *place, const char *refresh_token,
                void (*done)(const struct renew_answer *answer, void *userdata), void *userdata) {
        SCOPED(renewing_free) struct renewing *r = calloc(1, sizeof(*r));
        bool oauth = place->token_endpoint && *place->token_endpoint;
        SCOPED(erase_and_free)
        char *body = oauth ? form("grant_type=refresh_token&refresh_token", refresh_token, place->client_id)
                           : object(refresh_token);
        SCOPED(free) char *url = address(place, oauth);
        const char *problem;
        int error;

        if (!r || !body || !url || !(r->old = strdup(refresh_token)))
                return -ENOMEM;
        error = matrix_base_url_check(oauth ? url : place->homeserver, &problem);
        if (error < 0)
                return error == -ENOMEM ? error : -EPERM;
        r->oauth = oauth;
        r->done = done;
        r->userdata = userdata;
        error = http_start(http,
                           &(struct http_call){ .method = "POST",
                                                .url = url,
                                                .body = body,
                                                .content_type = oauth ? FORM_TYPE : NULL,
                                                .timeout = RENEW_TIMEOUT,
                                                .body_max = RENEW_BODY_MAX },
                           on_done, r, &r->request);
        if (error < 0)
                return error;
        *ret = TAKE(r);
        return 0;
}

struct renewing *renewing_free(struct renewing *r) {
        if (!r)
                return NULL;
        http_request_free(r->request);
        erase_and_free(r->old);
        free(r);
        return NULL;
}
