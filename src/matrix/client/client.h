/* Matrix client-server requests: paths, the token, and what an answer means. Nothing else in busyd knows a URL. */
#pragma once

#include <jansson.h>

#include "core/base.h"
#include "http/http.h"

/* What to do next, by reference table 7.3. */
enum matrix_outcome {
        MATRIX_OK,
        MATRIX_RETRY,         /* not applied (429, no connection): wait `retry_after`, or back off */
        MATRIX_UNSURE,        /* may have been applied (cut, timeout, 5xx, no memory to read it): back off */
        MATRIX_REFUSED,       /* 4xx: will not work as asked */
        MATRIX_NOT_FOUND,     /* 404 with a Matrix error code other than M_UNRECOGNIZED */
        MATRIX_UNRECOGNIZED,  /* 404/405 M_UNRECOGNIZED: the server has no such endpoint */
        MATRIX_BAD_TOKEN_POS, /* /sync: the `since` is not accepted: start over */
        MATRIX_BAD_FILTER,    /* /sync: the filter id is unknown: upload again */
        MATRIX_SIGNED_OUT,    /* the session is gone */
        MATRIX_LOCKED,        /* account locked: keep the session, try again in minutes */
        MATRIX_NOT_MATRIX,    /* answered, but not by a homeserver (HTML, no JSON where there must be) */
};

/* "retry", "refused", ... for logs. */
const char *matrix_outcome_to_string(enum matrix_outcome o);

struct matrix_reply {
        enum matrix_outcome outcome;
        long status;         /* 0: no complete answer */
        const char *errcode; /* or NULL */
        const char *problem; /* for people, never empty unless MATRIX_OK; no secrets, no reply bodies */
        usec_t retry_after; /* what the server asked for, the larger of header and retry_after_ms; more than 0, at most
                             * HTTP_RETRY_AFTER_MAX; USEC_NEVER: nothing of use */
        json_t *body;       /* borrowed; on MATRIX_OK always an object */
        const char *raw;    /* the bytes of the body, with `raw_size` */
        size_t raw_size;
        const char *server; /* Server header, or NULL */
        usec_t date;        /* Date header, since 1970; 0: none */
        usec_t now, wall;   /* the turn's instant, as in struct http_reply */
};

/* What time it was there, since 1970: to compare with times that the server has noted. By its own word, or else by our
 * clock, which may be off. */
usec_t matrix_reply_server_time(const struct matrix_reply *reply);

typedef void (*matrix_done_t)(const struct matrix_reply *reply, void *userdata);

/* What an answer means; `sync` where it is one to /sync. `ret->body` is the caller's to json_decref(); the rest is
 * borrowed from `http`, the body and `text`, which takes the problem. */
void matrix_reply_read(struct matrix_reply *ret, const struct http_reply *http, bool sync, char *text,
                       size_t text_size);

struct matrix_client;

/* Whether a token may be sent there: https, or plain http to this machine. -EINVAL, -EPERM or -ENOMEM; `ret_problem`
 * then gets a sentence that says what to do. */
int matrix_base_url_check(const char *url, const char **ret_problem);
/* However they are written: a host has no case, https has a port, and a slash at the end says nothing. */
bool matrix_base_url_same(const char *one, const char *other);

/* As matrix_base_url_check() says; `base_url` without a trailing slash needed; copied, like `token`, which may be NULL
 * before login. */
int matrix_client_new(struct matrix_client **ret, struct http *http, const char *base_url, const char *token);
struct matrix_client *matrix_client_free(struct matrix_client *c);
CLEANUP(struct matrix_client, matrix_client_free);
const char *matrix_client_base_url(const struct matrix_client *c);
int matrix_client_set_token(struct matrix_client *c, const char *token);
/* Asked about each answer that the session has ended; `old`: to a request with an earlier token than the one that is
 * set, of which it says nothing. True: it is a MATRIX_RETRY, as it always is with an old one, since the token is, or
 * will soon be, another one. NULL: nobody is asked. */
void matrix_client_on_rejected(struct matrix_client *c, bool (*rejected)(void *userdata, bool old, usec_t now),
                               void *userdata);

struct matrix_call {
        const char *method;
        const char *path;   /* from matrix_path(): begins with "/_matrix" */
        const json_t *body; /* NULL: none */
        usec_t timeout;     /* 0: 30 s */
        size_t body_max;    /* 0: HTTP_BODY_MAX */
        bool without_token;
        size_t (*thin)(void *thin_userdata, char *body, size_t had, size_t size); /* as in http_call */
        void *thin_userdata;
};

/* Done and cancelled like http_start(). */
int matrix_request(struct matrix_client *c, const struct matrix_call *call, matrix_done_t done, void *userdata,
                   struct http_request **ret);

/* Builds a path, percent-encoding each argument: every "%s" in `format` takes one string, and there is no other
 * conversion. The caller frees. NULL if out of memory. */
char *matrix_path(const char *format, ...) __attribute__((format(printf, 1, 2)));
