/* The glue, see pipewire-connection.h.
 *
 * libpipewire's loop is an epoll descriptor: sd-event waits for it, and each turn iterates it without waiting. A
 * server that is not there is waited for by its socket's appearing in the runtime folder; timed tries are only for a
 * socket that is there and does not work. Nothing may be destroyed from within libpipewire's callbacks, so that a lost
 * connection is only noted there. */
#ifdef WITH_PIPEWIRE

#include "sources/pipewire-connection.h"

#include <errno.h>
#include <stdio.h>
#include <sys/inotify.h>

#include "core/backoff.h"
#include "util/clock.h"
#include "util/later.h"
#include "util/log.h"

#define RETRY_FIRST (250 * USEC_PER_MSEC)
#define RETRY_CAP   (5 * USEC_PER_MIN)

/* A socket appears before its server listens; libpipewire tells that no otherwise than a server that is not there. */
#define TRIES_AFTER_APPEARING 5

#define DEFAULT_SOCKET "pipewire-0"
#define LOCK_SUFFIX    ".lock" /* made beside the socket, before it */

struct pipewire_connection {
        const struct pipewire_connection_ops *ops;
        void *userdata;
        sd_event *event;
        sd_event_source *io, *appears;
        struct later retry;
        struct pw_loop *loop;
        struct pw_context *context;
        struct pw_core *core; /* NULL: not connected */
        struct spa_hook core_hook;
        struct pw_registry *registry;
        int sync;
        int tries; /* left, of a socket that has appeared */
        bool lost;
        struct backoff backoff;
};

static void on_done(void *userdata, uint32_t id, int seq) {
        struct pipewire_connection *c = userdata;

        if (id != PW_ID_CORE || seq != c->sync)
                return;
        backoff_reset(&c->backoff);
        c->ops->synced(c->userdata);
}

/* Errors of other objects are those of nodes that went while they were asked for. */
static void on_error(void *userdata, uint32_t id, int seq, int res, const char *message) {
        struct pipewire_connection *c = userdata;

        log_debug("PipeWire, object %u: %s (%s)", id, message, strerror(-res));
        if (id == PW_ID_CORE && res == -EPIPE)
                c->lost = true;
}

static const struct pw_core_events core_events = {
        PW_VERSION_CORE_EVENTS,
        .done = on_done,
        .error = on_error,
};

static void disconnect(struct pipewire_connection *c) {
        if (c->registry) {
                pw_proxy_destroy((struct pw_proxy *) c->registry);
                c->registry = NULL;
        }
        if (c->core) {
                spa_hook_remove(&c->core_hook);
                (void) pw_core_disconnect(c->core);
                c->core = NULL;
        }
        c->lost = false;
}

/* ---- a server that is not there ---- */

static const char *runtime_dir(void) {
        const char *dir = getenv("PIPEWIRE_RUNTIME_DIR");

        return dir ? dir : getenv("XDG_RUNTIME_DIR");
}

static void connect_now(struct pipewire_connection *c);

static int on_appears(sd_event_source *s, const struct inotify_event *e, void *userdata) {
        struct pipewire_connection *c = userdata;
        const char *remote = getenv("PIPEWIRE_REMOTE"), *base = remote ? strrchr(remote, '/') : NULL;
        size_t n = e->len > 0 ? strlen(e->name) : 0, suffix = strlen(LOCK_SUFFIX);

        if (n == 0 || (n > suffix && streq(e->name + n - suffix, LOCK_SUFFIX)))
                return 0;
        if (base)
                remote = base + 1;
        if (streq(e->name, remote ? remote : DEFAULT_SOCKET)) {
                c->tries = TRIES_AFTER_APPEARING;
                connect_now(c);
        }
        return 0;
}

/* Watching starts before the try, so that a socket that comes in between is not missed. */
static void watch_socket(struct pipewire_connection *c) {
        const char *remote = getenv("PIPEWIRE_REMOTE"), *slash = remote ? strrchr(remote, '/') : NULL;
        SCOPED(free) char *dir = slash ? strndup(remote, (size_t) (slash - remote)) : NULL;
        const char *where = dir ? dir : runtime_dir();
        int r;

        if (c->appears || !where)
                return;
        r = sd_event_add_inotify(c->event, &c->appears, where, IN_CREATE | IN_MOVED_TO | IN_ONLYDIR, on_appears, c);
        if (r < 0)
                log_debug("%s cannot be watched for PipeWire: %s", where, strerror(-r));
        else
                (void) sd_event_source_set_description(c->appears, "pipewire-socket");
}

static void retry_later(struct pipewire_connection *c) {
        later_set(&c->retry, backoff_next(&c->backoff, random_u32()));
}

/* ---- connecting ---- */

static int try_connect(struct pipewire_connection *c) {
        c->core = pw_context_connect(c->context, pw_properties_new(PW_KEY_APP_NAME, "busyd", NULL), 0);
        if (!c->core)
                return errno > 0 ? -errno : -EIO;
        spa_zero(c->core_hook);
        (void) pw_core_add_listener(c->core, &c->core_hook, &core_events, c);
        c->registry = pw_core_get_registry(c->core, PW_VERSION_REGISTRY, 0);
        if (!c->registry) {
                disconnect(c);
                return -EIO;
        }
        return 0;
}

static void connect_now(struct pipewire_connection *c) {
        char problem[128];
        int r;

        if (c->core)
                return;
        watch_socket(c);
        later_clear(&c->retry);
        r = try_connect(c);
        log_debug("Connecting to PipeWire: %s", r < 0 ? strerror(-r) : "done");
        if (r == 0) {
                c->appears = sd_event_source_disable_unref(c->appears);
                c->tries = 0;
                c->ops->up(c->userdata, c->registry);
                return;
        }
        if (r == -EHOSTDOWN || r == -ENOENT || r == -ECONNREFUSED)
                (void) snprintf(problem, sizeof(problem), "PipeWire is not running");
        else
                (void) snprintf(problem, sizeof(problem), "PipeWire cannot be reached: %s", strerror(-r));
        if (c->tries > 0 || (r != -EHOSTDOWN && r != -ENOENT))
                retry_later(c);
        if (c->tries > 0)
                c->tries--;
        c->ops->down(c->userdata, problem);
}

usec_t pipewire_connection_run(struct pipewire_connection *c, usec_t now) {
        if (later_run(&c->retry, now))
                connect_now(c);
        return later_at(&c->retry, now);
}

static void handle_loss(struct pipewire_connection *c) {
        log_debug("PipeWire is gone");
        retry_later(c);
        c->ops->down(c->userdata, "PipeWire is not running");
        disconnect(c);
        watch_socket(c);
}

static int on_io(sd_event_source *s, int fd, uint32_t revents, void *userdata) {
        struct pipewire_connection *c = userdata;
        int r = pw_loop_iterate(c->loop, 0);

        if (r < 0 && r != -EINTR)
                log_debug("PipeWire's loop: %s", strerror(-r));
        if (c->lost)
                handle_loss(c);
        else
                c->ops->turn(c->userdata);
        return 0;
}

void pipewire_connection_sync(struct pipewire_connection *c) {
        if (c->core)
                c->sync = pw_core_sync(c->core, PW_ID_CORE, c->sync);
}

/* ---- making and ending ---- */

static int open_loop(struct pipewire_connection *c) {
        int r;

        c->loop = pw_loop_new(NULL);
        if (!c->loop)
                return -ENOMEM;
        pw_loop_enter(c->loop);
        c->context = pw_context_new(c->loop, NULL, 0);
        if (!c->context)
                return errno > 0 ? -errno : -ENOMEM;
        r = sd_event_add_io(c->event, &c->io, pw_loop_get_fd(c->loop), EPOLLIN, on_io, c);
        if (r < 0)
                return r;
        (void) sd_event_source_set_description(c->io, "pipewire");
        return 0;
}

int pipewire_connection_new(struct pipewire_connection **ret, sd_event *event,
                            const struct pipewire_connection_ops *ops, void *userdata) {
        struct pipewire_connection *c = calloc(1, sizeof(*c));
        int r;

        if (!c)
                return -ENOMEM;
        c->ops = ops;
        c->userdata = userdata;
        c->event = sd_event_ref(event);
        c->backoff = (struct backoff){ .first = RETRY_FIRST, .cap = RETRY_CAP };
        pw_init(NULL, NULL);
        r = open_loop(c);
        if (r < 0) {
                (void) pipewire_connection_free(c);
                return r;
        }
        *ret = c;
        connect_now(c);
        return 0;
}

struct pipewire_connection *pipewire_connection_free(struct pipewire_connection *c) {
        if (!c)
                return NULL;
        disconnect(c);
        sd_event_source_disable_unref(c->appears);
        sd_event_source_disable_unref(c->io);
        if (c->context)
                pw_context_destroy(c->context);
        if (c->loop) {
                pw_loop_leave(c->loop);
                pw_loop_destroy(c->loop);
        }
        pw_deinit();
        sd_event_unref(c->event);
        free(c);
        return NULL;
}

#endif
