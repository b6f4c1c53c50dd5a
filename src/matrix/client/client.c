/* Matrix client-server requests on top of http: the URL, the token, the JSON. What an answer means is in reply.c. */
#include <assert.h>
#include <curl/curl.h>
#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <strings.h>

#include "http/address.h"
#include "matrix/client/client.h"
#include "json/json.h"

#define REQUEST_TIMEOUT (30 * USEC_PER_SEC)

struct matrix_client {
        struct http *http;
        char *base_url;
        char *token;
        unsigned n_tokens; /* how many there were */
        bool (*rejected)(void *userdata, bool old, usec_t now);
        void *userdata;
};

/* Lives as long as the http request that carries it. */
struct pending {
        struct matrix_client *client;
        unsigned n_tokens; /* then */
        matrix_done_t done;
        void *userdata;
        bool sync;
};

/* ---- addresses ---- */

static int check_url_parts(const char *scheme, const char *host, const char **ret_problem) {
        if (streq(scheme, "https"))
                return 0;
        if (!streq(scheme, "http")) {
                *ret_problem = "the homeserver's address must begin with https://";
                return -EINVAL;
        }
        if (http_host_is_loopback(host))
                return 0;
        *ret_problem = "plain http:// would send the access token in clear over the network: use the https:// address"
                       " of the homeserver (http:// is only for localhost)";
        return -EPERM;
}

int matrix_base_url_check(const char *url, const char **ret_problem) {
        SCOPED(http_address_done) struct http_address a = { .scheme = NULL };
        int r = http_address_read(url, &a);

        if (r == -EINVAL)
                *ret_problem = "the homeserver's address is not a URL like https://matrix.example.org";
        else if (r < 0)
                *ret_problem = "there is no memory for the homeserver's address";
        if (r < 0)
                return r;
        if (!a.has_query && !a.has_fragment && !a.has_user)
                return check_url_parts(a.scheme, a.host, ret_problem);
        *ret_problem = "the homeserver's address must not have a user, '?' or '#' in it";
        return -EINVAL;
}

static bool same_part(CURLU *a, CURLU *b, CURLUPart part, int (*compare)(const char *one, const char *other)) {
        char *one = NULL, *other = NULL;
        bool same = curl_url_get(a, part, &one, CURLU_DEFAULT_PORT) == CURLUE_OK &&
                    curl_url_get(b, part, &other, CURLU_DEFAULT_PORT) == CURLUE_OK && compare(one, other) == 0;

        curl_free(one);
        curl_free(other);
        return same;
}

/* A slash at the end says nothing. */
static int compare_paths(const char *one, const char *other) {
        size_t n = strlen(one), m = strlen(other);

        while (n > 0 && one[n - 1] == '/')
                n--;
        while (m > 0 && other[m - 1] == '/')
                m--;
        return n != m || strncmp(one, other, n) != 0;
}

bool matrix_base_url_same(const char *one, const char *other) {
        CURLU *a = curl_url(), *b = curl_url();
        bool same = a && b && curl_url_set(a, CURLUPART_URL, one, 0) == CURLUE_OK &&
                    curl_url_set(b, CURLUPART_URL, other, 0) == CURLUE_OK &&
                    same_part(a, b, CURLUPART_SCHEME, strcmp) && same_part(a, b, CURLUPART_HOST, strcasecmp) &&
                    same_part(a, b, CURLUPART_PORT, strcmp) && same_part(a, b, CURLUPART_PATH, compare_paths);

        curl_url_cleanup(a);
        curl_url_cleanup(b);
        return same;
}

static int append(char **path, size_t *size, const char *data, size_t n) {
        char *longer = realloc(*path, *size + n + 1);

        if (!longer)
                return -ENOMEM;
        memcpy(longer + *size, data, n);
        longer[*size + n] = '\0';
        *path = longer;
        *size += n;
        return 0;
}

static int append_encoded(char **path, size_t *size, const char *s) {
        char *encoded = curl_easy_escape(NULL, s, 0);
        int r;

        if (!encoded)
                return -ENOMEM;
        r = append(path, size, encoded, strlen(encoded));
        curl_free(encoded);
        return r;
}

char *matrix_path(const char *format, ...) {
        SCOPED(free) char *path = NULL;
        size_t size = 0;
        va_list ap;
        int r = 0;

        va_start(ap, format);
        while (r >= 0 && *format) {
                size_t plain = strcspn(format, "%");

                r = append(&path, &size, format, plain);
                format += plain;
                if (r < 0 || !*format)
                        break;
                assert(format[1] == 's');
                r = append_encoded(&path, &size, va_arg(ap, const char *));
                format += 2;
        }
        va_end(ap);
        return r < 0 ? NULL : TAKE(path);
}

/* ---- the client ---- */

int matrix_client_set_token(struct matrix_client *c, const char *token) {
        char *copy = NULL;

        if (token && !(copy = strdup(token)))
                return -ENOMEM;
        erase_and_free(c->token);
        c->token = copy;
        c->n_tokens++;
        return 0;
}

void matrix_client_on_rejected(struct matrix_client *c, bool (*rejected)(void *userdata, bool old, usec_t now),
                               void *userdata) {
        c->rejected = rejected;
        c->userdata = userdata;
}

int matrix_client_new(struct matrix_client **ret, struct http *http, const char *base_url, const char *token) {
        SCOPED(matrix_client_free) struct matrix_client *c = NULL;
        const char *problem;
        int r;

        r = matrix_base_url_check(base_url, &problem);
        if (r < 0)
                return r;
        c = calloc(1, sizeof(*c));
        if (!c)
                return -ENOMEM;
        c->http = http;
        c->base_url = strdup(base_url);
        if (!c->base_url)
                return -ENOMEM;
        for (size_t n = strlen(c->base_url); n > 0 && c->base_url[n - 1] == '/'; n--)
                c->base_url[n - 1] = '\0';
        r = matrix_client_set_token(c, token);
        if (r < 0)
                return r;

        *ret = TAKE(c);
        return 0;
}

struct matrix_client *matrix_client_free(struct matrix_client *c) {
        if (!c)
                return NULL;
        erase_and_free(c->token);
        free(c->base_url);
        free(c);
        return NULL;
}

const char *matrix_client_base_url(const struct matrix_client *c) {
        return c->base_url;
}

/* ---- requests ---- */

static bool is_of_the_token_alone(const struct pending *p, usec_t now) {
        const struct matrix_client *c = p->client;
        bool old = p->n_tokens != c->n_tokens;

        return (c->rejected && c->rejected(c->userdata, old, now)) || old;
}

static void on_http_done(const struct http_reply *http, void *userdata) {
        const struct pending *p = userdata;
        struct matrix_reply reply;
        char text[512];

        matrix_reply_read(&reply, http, p->sync, text, sizeof(text));
        if (reply.outcome == MATRIX_SIGNED_OUT && is_of_the_token_alone(p, reply.now)) {
                reply.outcome = MATRIX_RETRY;
                reply.problem = "the access token has ended, and is renewed";
        }
        p->done(&reply, p->userdata);
        json_decref(reply.body);
}

static bool is_sync(const char *path) {
        const char *s = strstr(path, "/sync");

        return s && (s[5] == '?' || s[5] == '\0');
}

int matrix_request(struct matrix_client *c, const struct matrix_call *call, matrix_done_t done, void *userdata,
                   struct http_request **ret) {
        SCOPED(free) char *url = NULL;
        SCOPED(erase_and_free) char *body = NULL;
        struct pending *p;
        int r;

        if (asprintf(&url, "%s%s", c->base_url, call->path) < 0) {
                url = NULL;
                return -ENOMEM;
        }
        if (call->body && !(body = json_dumps_whole(call->body, JSON_COMPACT)))
                return -ENOMEM;
        p = malloc(sizeof(*p));
        if (!p)
                return -ENOMEM;
        *p = (struct pending){
                .client = c, .n_tokens = c->n_tokens, .done = done, .userdata = userdata, .sync = is_sync(call->path)
        };
        r = http_start(c->http,
                       &(struct http_call){
                               .method = call->method,
                               .url = url,
                               .token = call->without_token ? NULL : c->token,
                               .body = body,
                               .timeout = call->timeout ? call->timeout : REQUEST_TIMEOUT,
                               .body_max = call->body_max,
                               .thin = call->thin,
                               .thin_userdata = call->thin_userdata,
                               .release = free,
                       },
                       on_http_done, p, ret);
        if (r < 0)
                free(p);
        return r;
}
