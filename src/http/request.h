/* One request: what http.c starts and hands out. */
#pragma once

#include <curl/curl.h>

#include "http/problem.h"
#include "http/http.h"

struct http_request {
        const struct http *http;          /* whose it is; NULL: gone, while it is handed out */
        struct http_pool *pool;           /* what it goes by */
        struct http_request *prev, *next; /* of the pool's list */
        CURL *easy;
        struct curl_slist *headers;
        char *host;
        char *sent_body;
        char *body;
        size_t size, allocated, received, max, headers_size;
        size_t (*thin)(void *thin_userdata, char *body, size_t had, size_t size);
        void *thin_userdata;
        int error;       /* found by us while curl was at work */
        CURLcode result; /* once finished */
        bool repeatable; /* made twice, it does the same as once */
        bool aborted;    /* curl gave up as a whole, or the network changed */
        bool delivering;
        char curl_error[CURL_ERROR_SIZE];
        char problem[HTTP_PROBLEM_MAX];
        http_done_t done;
        void (*release)(void *userdata);
        void *userdata;
};

/* A request that has all its options and is in no list. */
int http_request_prepare(struct http_request **ret, const struct http_call *call, const char *ca_file);
struct http_request *http_request_destroy(struct http_request *r);
CLEANUP(struct http_request, http_request_destroy);

/* Any of it has left: whoever it goes to may act on it. */
bool http_request_is_sent(const struct http_request *r);

/* What became of a finished one; everything is borrowed from it. `ret` has its instant already. */
void http_request_read(struct http_request *r, const char *ca_file, struct http_reply *ret);
