/* See reach.h. */
#include "sources/reach.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/inotify.h>
#include <unistd.h>

#include "core/backoff.h"
#include "util/clock.h"
#include "util/later.h"
#include "util/log.h"

#define RETRY_FIRST (250 * USEC_PER_MSEC)
#define RETRY_CAP   (5 * USEC_PER_MIN)

/* Libraries do not tell a socket whose server does not listen yet from one without a server. */
#define TRIES_AFTER_APPEARING 5

struct reach {
        sd_event *event;
        char *folder, *name; /* of the socket; NULL: not known */
        const char *sign;    /* NULL: none */
        void (*appeared)(void *userdata);
        void *userdata;
        sd_event_source *watch;
        const char *awaited; /* what is to come in the folder that is watched: the socket, or else its own folder */
        struct later retry;
        struct backoff backoff;
        int tries; /* left, of a socket that has appeared */
};

static void watch(struct reach *r);
static void unwatch(struct reach *r);

static int on_appears(sd_event_source *s, const struct inotify_event *e, void *userdata) {
        struct reach *r = userdata;
        bool is_socket = r->awaited == r->name;

        if (e->mask & IN_IGNORED) { /* the folder itself is gone */
                unwatch(r);
                watch(r);
                return 0;
        }
        if (e->len == 0 || !(streq(e->name, r->awaited) || (is_socket && r->sign && streq(e->name, r->sign))))
                return 0;
        if (!is_socket) {
                unwatch(r);
                watch(r);
        }
        r->tries = TRIES_AFTER_APPEARING;
        r->appeared(r->userdata);
        return 0;
}

static int watch_folder(struct reach *r, const char *folder, const char *awaited) {
        uint32_t mask = IN_CREATE | IN_MOVED_TO | IN_ONLYDIR;
        int n;

        /* Of a server that was killed the sign is still there, and is written anew. */
        if (awaited == r->name && r->sign)
                mask |= IN_CLOSE_WRITE;
        n = sd_event_add_inotify(r->event, &r->watch, folder, mask, on_appears, r);
        if (n < 0)
                return n;
        r->awaited = awaited;
        (void) sd_event_source_set_description(r->watch, r->name);
        return 0;
}

static void unwatch(struct reach *r) {
        r->watch = sd_event_source_disable_unref(r->watch);
}

/* The folder of the socket, or the one in which that is to appear. */
static void watch(struct reach *r) {
        SCOPED(free) char *parent = NULL;
        char *slash;
        int n;

        if (r->watch || !r->folder)
                return;
        n = watch_folder(r, r->folder, r->name);
        parent = n == -ENOENT ? strdup(r->folder) : NULL;
        slash = parent ? strrchr(parent, '/') : NULL;
        if (slash && slash > parent) {
                *slash = '\0';
                n = watch_folder(r, parent, strrchr(r->folder, '/') + 1);
        }
        if (n < 0) {
                log_debug("%s cannot be watched for %s: %s", r->folder, r->name, strerror(-n));
                return;
        }
        /* It came while its own folder began to be watched. */
        if (r->awaited != r->name && access(r->folder, F_OK) == 0) {
                unwatch(r);
                (void) watch_folder(r, r->folder, r->name);
        }
}

static void retry_later(struct reach *r) {
        later_set(&r->retry, backoff_next(&r->backoff, random_u32()));
}

void reach_begin(struct reach *r) {
        watch(r);
        later_clear(&r->retry);
}

void reach_connected(struct reach *r) {
        unwatch(r);
        r->tries = 0;
}

void reach_failed(struct reach *r, bool is_absent) {
        watch(r);
        if (r->tries > 0 || !is_absent)
                retry_later(r);
        if (r->tries > 0)
                r->tries--;
}

void reach_works(struct reach *r) {
        backoff_reset(&r->backoff);
}

void reach_lost(struct reach *r) {
        retry_later(r);
        watch(r);
}

void reach_wait(struct reach *r) {
        later_clear(&r->retry);
        watch(r);
}

bool reach_run(struct reach *r, usec_t now, usec_t *ret_at) {
        bool due = later_run(&r->retry, now);

        *ret_at = later_at(&r->retry, now);
        return due;
}

/* "/a/b" into the two; the folder of "/b" is "/". */
static int split(struct reach *r, const char *path) {
        const char *slash = strrchr(path, '/');

        if (!slash)
                return -EINVAL;
        r->folder = slash > path ? strndup(path, (size_t) (slash - path)) : strdup("/");
        r->name = strdup(slash + 1);
        return r->folder && r->name ? 0 : -ENOMEM;
}

int reach_new(struct reach **ret, sd_event *event, const char *path, const char *sign,
              void (*appeared)(void *userdata), void *userdata) {
        SCOPED(reach_free) struct reach *r = calloc(1, sizeof(*r));
        int n;

        if (!r)
                return -ENOMEM;
        r->event = sd_event_ref(event);
        r->sign = sign;
        r->appeared = appeared;
        r->userdata = userdata;
        r->backoff = (struct backoff){ .first = RETRY_FIRST, .cap = RETRY_CAP };
        n = path ? split(r, path) : 0;
        if (n < 0)
                return n;
        *ret = TAKE(r);
        return 0;
}

struct reach *reach_free(struct reach *r) {
        if (!r)
                return NULL;
        sd_event_source_disable_unref(r->watch);
        sd_event_unref(r->event);
        free(r->folder);
        free(r->name);
        free(r);
        return NULL;
}
