/* Stands in for src/http at link time: requests are kept until the test answers them, at an instant of the test's. One
 * test at a time, one account. */
#pragma once

#include <criterion/criterion.h>

#include "http/http.h"

#define DOOR_REQUESTS_MAX 8

struct http_request {
        char *method, *url, *body;
        http_done_t done;
        size_t (*thin)(void *thin_userdata, char *body, size_t had, size_t size);
        void *thin_userdata;
        void (*release)(void *userdata);
        void *userdata;
};

static struct http_request *door_requests[DOOR_REQUESTS_MAX];
static size_t door_n;
static unsigned door_n_started;
static int door_start_error; /* less than 0: what starting a request fails with */

bool http_host_is_loopback(const char *host) {
        return true;
}

static void door_forget(struct http_request *r) {
        if (r->release)
                r->release(r->userdata);
        free(r->method);
        free(r->url);
        free(r->body);
        free(r);
}

static bool door_take(struct http_request *r) {
        for (size_t i = 0; i < door_n; i++)
                if (door_requests[i] == r) {
                        door_requests[i] = door_requests[--door_n];
                        return true;
                }
        return false;
}

int http_start(struct http *h, const struct http_call *call, http_done_t done, void *userdata,
               struct http_request **ret) {
        struct http_request *r;

        if (door_start_error < 0)
                return door_start_error;
        r = calloc(1, sizeof(*r));
        cr_assert(r && door_n < DOOR_REQUESTS_MAX);
        r->method = strdup(call->method);
        r->url = strdup(call->url);
        r->body = strdup(call->body ? call->body : "");
        r->done = done;
        r->thin = call->thin;
        r->thin_userdata = call->thin_userdata;
        r->release = call->release;
        r->userdata = userdata;
        door_requests[door_n++] = r;
        door_n_started++;
        *ret = r;
        return 0;
}

/* One that is being answered lends out its reply still, and goes afterwards. */
struct http_request *http_request_free(struct http_request *r) {
        if (r && door_take(r))
                door_forget(r);
        return NULL;
}

/* The only request that waits; NULL: none does. */
static inline const struct http_request *door_waiting(void) {
        cr_assert_leq(door_n, 1, "one at a time");
        return door_n > 0 ? door_requests[0] : NULL;
}

static void door_answer_first_with(const struct http_reply *reply) {
        struct http_request *r = door_requests[0];
        struct http_reply thinned = *reply;
        SCOPED(free) char *body = NULL;

        cr_assert_gt(door_n, 0, "nothing waits for an answer");
        (void) door_take(r);
        if (r->thin && reply->body) {
                body = strdup(reply->body);
                thinned.size = r->thin(r->thin_userdata, body, 0, reply->size);
                body[thinned.size] = '\0';
                thinned.body = body;
        }
        r->done(&thinned, r->userdata);
        door_forget(r);
}

static void door_answer_with(const struct http_reply *reply) {
        cr_assert_leq(door_n, 1, "one at a time");
        door_answer_first_with(reply);
}

static struct http_reply door_reply(long status, const char *body, usec_t now) {
        return (struct http_reply){
                .sent = true,
                .status = status,
                .body = body,
                .size = strlen(body),
                .retry_after = USEC_NEVER,
                .now = now,
                .wall = now + 1000000 * USEC_PER_HOUR / 2,
        };
}

static inline void door_answer_first(long status, const char *body, usec_t now) {
        struct http_reply reply = door_reply(status, body, now);

        door_answer_first_with(&reply);
}

static inline void door_answer(long status, const char *body, usec_t now) {
        struct http_reply reply = door_reply(status, body, now);

        door_answer_with(&reply);
}

/* The newest one is answered before those that were asked first. */
static inline void door_answer_last(long status, const char *body, usec_t now) {
        struct http_request *first = door_requests[0];

        cr_assert_gt(door_n, 0, "nothing waits for an answer");
        door_requests[0] = door_requests[door_n - 1];
        door_requests[door_n - 1] = first;
        door_answer_first(status, body, now);
}
