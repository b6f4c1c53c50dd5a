/* HTTP on the event loop: libcurl's multi interface, one glue object, one handle per request. Knows sockets and timers
 * and nothing of Matrix. HTTPS certificates are verified; redirects are followed only where asked, never with a token.
 * A simulation puts another room of these functions in its place when it links. */
#pragma once

#include "core/base.h"

struct sd_event;

/* A body larger than this is cut off with -EMSGSIZE unless the request says otherwise. */
#define HTTP_BODY_MAX (4U << 20)
/* All headers of an answer together; real ones have 1 or 2 kB. More are -EOVERFLOW. */
#define HTTP_HEADERS_MAX (64U << 10)
/* A server that wants a longer pause is not believed: meanwhile a user may be shown as busy who is not. */
#define HTTP_RETRY_AFTER_MAX (5 * USEC_PER_MIN)

struct http;
struct http_request;

/* `ca_file` NULL: the system's certificates. Proxies come from the environment, as libcurl does. */
int http_new(struct http **ret, struct sd_event *event, const char *ca_file);
struct http *http_free(struct http *h); /* cancels what is under way, without callbacks */
CLEANUP(struct http, http_free);

/* "localhost", 127.0.0.0/8 and ::1 (with or without brackets): never through a proxy. */
bool http_host_is_loopback(const char *host);

/* Copied where kept. */
struct http_call {
        const char *method;       /* "GET", "PUT", "POST", "DELETE" */
        const char *url;          /* http or https */
        const char *token;        /* sent as Authorization: Bearer; NULL: none */
        const char *body;         /* NULL: none */
        const char *content_type; /* NULL: application/json */
        usec_t timeout;  /* for the whole request, USEC_NEVER not allowed; connecting has a limit of its own */
        size_t body_max; /* 0: HTTP_BODY_MAX; of what comes in, whatever is kept of it */
        bool follow;     /* follow redirects; -EINVAL together with a token */
        /* Takes out of the body what nobody wants while it comes in, in place: the bytes from `had` on are new.
         * Returns the size that is left. It may see the beginning of an answer of any kind, and as many pieces as
         * there are. NULL: all is kept. */
        size_t (*thin)(void *thin_userdata, char *body, size_t had, size_t size);
        void *thin_userdata;
        void (*release)(void *userdata); /* called when the request is gone, cancelled or not; NULL: nothing to do */
};

struct http_reply {
        int error;           /* 0, or a negative errno: there was no complete answer */
        bool sent;           /* false: the request certainly never reached the server */
        const char *problem; /* with error: for people, e.g. "certificate has expired" */
        long status;
        const char *body; /* NUL-terminated; may be empty, never NULL when error is 0 */
        size_t size;
        usec_t retry_after; /* of the Retry-After header (seconds or date), more than 0; USEC_NEVER: none of use */
        const char *server; /* the Server header, or NULL */
        usec_t date;        /* the Date header, since 1970; 0: none */
        usec_t now, wall;   /* the instant of this turn of the loop: CLOCK_BOOTTIME, and since 1970 */
};

typedef void (*http_done_t)(const struct http_reply *reply, void *userdata);

/* Starts it; `done` is called once, never from within this call, and not at all after http_request_free().
 * After `done` returned the request is freed by http; the handler sets its own pointer to NULL first.
 * -EINVAL for a URL that is not http(s), or a token that cannot stand in a header; `release` is not called then. */
int http_start(struct http *h, const struct http_call *call, http_done_t done, void *userdata,
               struct http_request **ret);
struct http_request *http_request_free(struct http_request *r); /* cancels; NULL is fine; returns NULL */

/* The way to servers is another one now: nothing may ever come over a connection of before, and nobody would say so.
 * Each request that goes on ends with -ENETRESET, its `done` called from within this; those that are started from now
 * on make connections of their own. But for a POST that has been sent, which may be one that must not be made twice:
 * it goes on. */
void http_cut(struct http *h);
CLEANUP(struct http_request, http_request_free);
