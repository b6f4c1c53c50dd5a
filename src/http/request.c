/* One request: from an http_call to a curl handle with all its options, and from a finished handle to a reply. */
#include <arpa/inet.h>
#include <errno.h>
#include <stdio.h>
#include <strings.h>
#include <unistd.h>

#include "http/address.h"
#include "http/request.h"
#include "util/text.h"

/* Resolving, connecting and TLS together: a long poll must not wait for a dead address as long as for an event. */
#define CONNECT_TIMEOUT_MSEC 15000L
#define REDIRECTS_MAX        5L
/* A NAT forgets a quiet connection after some minutes; a dead peer is noticed after about three. */
#define KEEPALIVE_IDLE_SEC     60L
#define KEEPALIVE_INTERVAL_SEC 30L
#define BODY_SIZE_FIRST        (4U << 10)

/* Stops at the first option that fails. */
#define SET(r, result, option, value)                                                                                 \
        do {                                                                                                          \
                if ((result) == CURLE_OK)                                                                             \
                        (result) = curl_easy_setopt((r)->easy, option, value);                                        \
        } while (0)

bool http_host_is_loopback(const char *host) {
        struct in_addr v4;

        if (strcasecmp(host, "localhost") == 0 || streq(host, "::1") || streq(host, "[::1]"))
                return true;
        return inet_pton(AF_INET, host, &v4) == 1 && ntohl(v4.s_addr) >> 24 == 127;
}

/* ---- what curl hands us ---- */

static bool body_reserve(struct http_request *r, size_t more) {
        size_t want = r->allocated ? r->allocated : BODY_SIZE_FIRST;
        char *bigger;

        while (want < r->size + more + 1)
                want *= 2;
        if (want == r->allocated)
                return true;
        /* Not realloc(): what is left behind may hold a token. */
        bigger = malloc(want);
        if (!bigger)
                return false;
        if (r->body) {
                memcpy(bigger, r->body, r->size);
                erase_and_free(r->body);
        }
        r->body = bigger;
        r->allocated = want;
        return true;
}

static size_t on_body(char *data, size_t size, size_t n, void *userdata) {
        struct http_request *r = userdata;
        size_t more = size * n;

        if (more > r->max - r->received)
                r->error = -EMSGSIZE;
        else if (!body_reserve(r, more))
                r->error = -ENOMEM;
        if (r->error < 0)
                return 0;
        memcpy(r->body + r->size, data, more);
        r->received += more;
        r->size = r->thin ? r->thin(r->thin_userdata, r->body, r->size, r->size + more) : r->size + more;
        r->body[r->size] = '\0';
        return more;
}

/* Curl keeps all headers; without a limit they would be another endless body. */
static size_t on_header(char *data, size_t size, size_t n, void *userdata) {
        struct http_request *r = userdata;

        r->headers_size += size * n;
        if (r->headers_size <= HTTP_HEADERS_MAX)
                return size * n;
        r->error = -EOVERFLOW;
        return 0;
}

/* ---- setting up ---- */

/* Not asprintf(), which leaves a copy behind in memory. */
static int add_header(struct http_request *r, const char *name, const char *value) {
        size_t size = strlen(name) + strlen(value) + 1;
        struct curl_slist *longer;
        char *line = malloc(size);

        if (!line)
                return -ENOMEM;
        (void) stpcpy(stpcpy(line, name), value);
        longer = curl_slist_append(r->headers, line);
        explicit_bzero(line, size);
        free(line);
        if (!longer)
                return -ENOMEM;
        r->headers = longer;
        return 0;
}

static bool fits_header(const char *s) {
        for (; *s; s++)
                if ((unsigned char) *s <= ' ' || *s == 0x7f)
                        return false;
        return true;
}

static int set_headers(struct http_request *r, const struct http_call *call) {
        CURLcode c = CURLE_OK;
        int error;

        if (call->token && !fits_header(call->token))
                return -EINVAL;
        /* Waiting for "100 Continue" costs a second with servers that do not know it. */
        error = add_header(r, "Expect:", "");
        if (error >= 0 && call->token)
                error = add_header(r, "Authorization: Bearer ", call->token);
        if (error >= 0 && call->body)
                error = add_header(r, "Content-Type: ", call->content_type ? call->content_type : "application/json");
        if (error < 0)
                return error;
        SET(r, c, CURLOPT_HTTPHEADER, r->headers);
        SET(r, c, CURLOPT_USERAGENT, "busyd/" BUSYD_VERSION);
        SET(r, c, CURLOPT_ACCEPT_ENCODING, "gzip");
        return c == CURLE_OK ? 0 : -ENOMEM;
}

static int set_method(struct http_request *r, const struct http_call *call) {
        bool takes_body = streq(call->method, "POST") || streq(call->method, "PUT");
        CURLcode c = CURLE_OK;

        if (!call->body && !takes_body) {
                SET(r, c, CURLOPT_HTTPGET, 1L);
        } else {
                /* Also without a body: some servers insist on a Content-Length. */
                r->sent_body = strdup(call->body ? call->body : "");
                if (!r->sent_body)
                        return -ENOMEM;
                SET(r, c, CURLOPT_POSTFIELDS, r->sent_body);
                SET(r, c, CURLOPT_POSTFIELDSIZE_LARGE, (curl_off_t) strlen(r->sent_body));
        }
        SET(r, c, CURLOPT_CUSTOMREQUEST, call->method);
        r->repeatable = !streq(call->method, "POST");
        return c == CURLE_OK ? 0 : -ENOMEM;
}

static int set_target(struct http_request *r, const struct http_call *call) {
        SCOPED(http_address_done) struct http_address a = { .scheme = NULL };
        CURLcode c = CURLE_OK;
        int error = http_address_read(call->url, &a);

        if (error < 0)
                return error;
        if (!streq(a.scheme, "http") && !streq(a.scheme, "https"))
                return -EINVAL;
        r->host = TAKE(a.host);
        SET(r, c, CURLOPT_URL, call->url);
        SET(r, c, CURLOPT_PATH_AS_IS, 1L);
        SET(r, c, CURLOPT_PROTOCOLS_STR, "http,https");
        SET(r, c, CURLOPT_REDIR_PROTOCOLS_STR, streq(a.scheme, "https") ? "https" : "http,https");
        SET(r, c, CURLOPT_FOLLOWLOCATION, call->follow ? 1L : 0L);
        SET(r, c, CURLOPT_MAXREDIRS, REDIRECTS_MAX);
        /* "localhost" means something else to a proxy, and the token would be in clear on the way to it. */
        if (http_host_is_loopback(r->host))
                SET(r, c, CURLOPT_PROXY, "");
        return c == CURLE_OK ? 0 : -ENOMEM;
}

/* All that the system trusts in one file. */
static bool has_bundle(void) {
        static const char *bundle;

        if (!bundle) {
                bundle = curl_version_info(CURLVERSION_NOW)->cainfo;
                if (!bundle || access(bundle, R_OK) < 0)
                        bundle = "";
        }
        return *bundle;
}

static int set_connection(struct http_request *r, const struct http_call *call, const char *ca_file) {
        usec_t msec = call->timeout / USEC_PER_MSEC;
        CURLcode c = CURLE_OK;

        if (msec == 0 || msec > INT32_MAX)
                return -EINVAL;
        SET(r, c, CURLOPT_TIMEOUT_MS, (long) msec);
        SET(r, c, CURLOPT_CONNECTTIMEOUT_MS, CONNECT_TIMEOUT_MSEC);
        /* A connection that died unnoticed then costs one request, not all that share it; a cancelled poll ends. */
        SET(r, c, CURLOPT_HTTP_VERSION, (long) CURL_HTTP_VERSION_1_1);
        SET(r, c, CURLOPT_TCP_KEEPALIVE, 1L);
        SET(r, c, CURLOPT_TCP_KEEPIDLE, KEEPALIVE_IDLE_SEC);
        SET(r, c, CURLOPT_TCP_KEEPINTVL, KEEPALIVE_INTERVAL_SEC);
        SET(r, c, CURLOPT_SSL_VERIFYPEER, 1L);
        SET(r, c, CURLOPT_SSL_VERIFYHOST, 2L);
        SET(r, c, CURLOPT_NOSIGNAL, 1L);
#if LIBCURL_VERSION_NUM >= 0x075700
        /* Cancelling must not wait for a resolver thread that is stuck. */
        SET(r, c, CURLOPT_QUICK_EXIT, 1L);
#endif
        if (ca_file)
                SET(r, c, CURLOPT_CAINFO, ca_file);
        /* A folder of the system's certificates, as Debian's curl has one, would count besides the file. And with one
         * curl reads the file anew for each connection, and keeps it for each. Not all libraries of TLS know folders.
         */
        if (ca_file || has_bundle())
                (void) curl_easy_setopt(r->easy, CURLOPT_CAPATH, NULL);
        return c == CURLE_OK ? 0 : -ENOMEM;
}

static int set_callbacks(struct http_request *r) {
        CURLcode c = CURLE_OK;

        SET(r, c, CURLOPT_WRITEFUNCTION, on_body);
        SET(r, c, CURLOPT_WRITEDATA, r);
        SET(r, c, CURLOPT_HEADERFUNCTION, on_header);
        SET(r, c, CURLOPT_HEADERDATA, r);
        SET(r, c, CURLOPT_MAXFILESIZE_LARGE, (curl_off_t) r->max);
        SET(r, c, CURLOPT_ERRORBUFFER, r->curl_error);
        SET(r, c, CURLOPT_PRIVATE, r);
        return c == CURLE_OK ? 0 : -ENOMEM;
}

int http_request_prepare(struct http_request **ret, const struct http_call *call, const char *ca_file) {
        SCOPED(http_request_destroy) struct http_request *r = NULL;
        int error;

        if (call->follow && call->token)
                return -EINVAL;
        r = calloc(1, sizeof(*r));
        if (!r)
                return -ENOMEM;
        r->max = call->body_max ? call->body_max : HTTP_BODY_MAX;
        r->thin = call->thin;
        r->thin_userdata = call->thin_userdata;
        r->easy = curl_easy_init();
        if (!r->easy)
                return -ENOMEM;
        error = set_target(r, call);
        if (error >= 0)
                error = set_headers(r, call);
        if (error >= 0)
                error = set_method(r, call);
        if (error >= 0)
                error = set_connection(r, call, ca_file);
        if (error >= 0)
                error = set_callbacks(r);
        if (error < 0)
                return error;

        *ret = TAKE(r);
        return 0;
}

/* Bodies can hold a password one way and a token the other. */
struct http_request *http_request_destroy(struct http_request *r) {
        if (!r)
                return NULL;
        curl_easy_cleanup(r->easy);
        for (struct curl_slist *i = r->headers; i; i = i->next)
                explicit_bzero(i->data, strlen(i->data));
        curl_slist_free_all(r->headers);
        erase_and_free(r->sent_body);
        erase_and_free(r->body);
        free(r->host);
        if (r->release)
                r->release(r->userdata);
        free(r);
        return NULL;
}

/* ---- the answer ---- */

static const char *header(const struct http_request *r, const char *name) {
        struct curl_header *h;

        return curl_easy_header(r->easy, name, 0, CURLH_HEADER, -1, &h) == CURLHE_OK ? h->value : NULL;
}

/* Seconds, or a date; anything else, and what asks for no wait at all, is as if the server had not said. */
static usec_t retry_after(const struct http_request *r, usec_t wall) {
        const char *value = header(r, "Retry-After");
        usec_t at;
        uint64_t seconds;
        time_t date;
        int error;

        if (!value)
                return USEC_NEVER;
        error = parse_unsigned(value, 0, HTTP_RETRY_AFTER_MAX / USEC_PER_SEC, &seconds);
        if (error == -ERANGE)
                return HTTP_RETRY_AFTER_MAX;
        if (error >= 0)
                return seconds > 0 ? seconds * USEC_PER_SEC : USEC_NEVER;
        date = curl_getdate(value, NULL);
        if (date < 0)
                return USEC_NEVER;
        at = (usec_t) date * USEC_PER_SEC;
        return at > wall ? usec_min(at - wall, HTTP_RETRY_AFTER_MAX) : USEC_NEVER;
}

/* What the clock of the server says. */
static usec_t date(const struct http_request *r) {
        const char *value = header(r, "Date");
        time_t at = value ? curl_getdate(value, NULL) : -1;

        return at > 0 ? (usec_t) at * USEC_PER_SEC : 0;
}

static void read_failure(struct http_request *r, const char *ca_file, struct http_reply *ret) {
        struct http_failure f = {
                .code = r->result,
                .host = r->host,
                .detail = r->curl_error,
                .ca_file = ca_file,
                .error = r->error,
                .body_max = r->max,
        };

        (void) curl_easy_getinfo(r->easy, CURLINFO_OS_ERRNO, &f.os_error);
        ret->error = http_failure_describe(&f, r->problem, sizeof(r->problem));
        ret->problem = r->problem;
}

bool http_request_is_sent(const struct http_request *r) {
        long sent = 0;

        /* Bytes of the request that left curl, over all connections it tried. */
        (void) curl_easy_getinfo(r->easy, CURLINFO_REQUEST_SIZE, &sent);
        return sent > 0;
}

void http_request_read(struct http_request *r, const char *ca_file, struct http_reply *ret) {
        *ret = (struct http_reply){ .body = "", .retry_after = USEC_NEVER, .now = ret->now, .wall = ret->wall };
        ret->sent = http_request_is_sent(r);
        if (r->result != CURLE_OK) {
                read_failure(r, ca_file, ret);
                return;
        }
        (void) curl_easy_getinfo(r->easy, CURLINFO_RESPONSE_CODE, &ret->status);
        if (r->body)
                ret->body = r->body;
        ret->size = r->size;
        ret->server = header(r, "Server");
        ret->retry_after = retry_after(r, ret->wall);
        ret->date = date(r);
}
