/* One answer of the user's browser, on this machine: an HTTP server of libmicrohttpd on our loop, without a thread. */
#pragma once

#include <systemd/sd-event.h>

#include "core/base.h"

struct listener;

/* How many requests are answered at all. A browser sends a few; whoever sends more is none. */
#define LISTENER_REQUESTS_MAX 200

enum listener_page {
        LISTENER_NOT_FOUND,
        LISTENER_DONE,
        LISTENER_REFUSED,
};

/* The parameter `name` of a request; NULL: it is not there. Borrowed. */
typedef const char *(*listener_value_t)(void *request, const char *name);

struct listener_handler {
        /* A GET of the path: what to answer. Must not free the listener. */
        enum listener_page (*asked)(listener_value_t value, void *request, void *userdata);
        /* The page that was not LISTENER_NOT_FOUND has left, or its browser has gone. Once; may free the listener. */
        void (*answered)(void *userdata);
        /* There were LISTENER_REQUESTS_MAX requests, and none was it: nobody is listened to any more. Once; may free
         * the listener. */
        void (*overrun)(void *userdata);
        void *userdata;
};

/* Listens on 127.0.0.1 and on ::1, at one port that is free, or on the one of them that there is. `path` begins with
 * "/"; everything else there is not found. -ENOTSUP: this busyctl was built without it. */
int listener_new(struct listener **ret, sd_event *event, const char *path, const struct listener_handler *handler);
struct listener *listener_free(struct listener *l); /* closes it */
CLEANUP(struct listener, listener_free);

const char *listener_origin(const struct listener *l); /* "http://127.0.0.1:PORT" or "http://[::1]:PORT" */
