/* The glue, see pipewire-connection.h.
 *
 * libpipewire's loop is an epoll descriptor: sd-event waits for it, and each turn iterates it without waiting. Nothing
 * may be destroyed from within libpipewire's callbacks, so that a lost connection is only noted there. */
#ifdef WITH_PIPEWIRE

#include "sources/pipewire-connection.h"

#include <errno.h>
#include <stdio.h>

#include "sources/reach.h"
#include "util/log.h"
#include "util/path.h"

#define DEFAULT_SOCKET "pipewire-0"

struct pipewire_connection {
        const struct pipewire_connection_ops *ops;
        void *userdata;
        sd_event *event;
        sd_event_source *io;
        struct reach *reach;
        struct pw_loop *loop;
        struct pw_context *context;
        struct pw_core *core; /* NULL: not connected */
        struct spa_hook core_hook;
        struct pw_registry *registry;
        int sync;
        bool lost;
};

static void on_done(void *userdata, uint32_t id, int seq) {
        struct pipewire_connection *c = userdata;

        if (id != PW_ID_CORE || seq != c->sync)
                return;
        reach_works(c->reach);
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

/* Where its socket is; the caller frees. NULL: not known. */
static char *socket_path(void) {
        const char *remote = getenv("PIPEWIRE_REMOTE"), *dir = getenv("PIPEWIRE_RUNTIME_DIR");

        remote = remote ? remote : DEFAULT_SOCKET;
        dir = dir ? dir : getenv("XDG_RUNTIME_DIR");
        if (strchr(remote, '/'))
                return strdup(remote);
        return dir ? path_join(dir, remote) : NULL;
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

static void connect_now(void *userdata) {
        struct pipewire_connection *c = userdata;
        char problem[128];
        int r;

        if (c->core)
                return;
        reach_begin(c->reach);
        r = try_connect(c);
        log_debug("Connecting to PipeWire: %s", r < 0 ? strerror(-r) : "done");
        if (r == 0) {
                reach_connected(c->reach);
                c->ops->up(c->userdata, c->registry);
                return;
        }
        if (r == -EHOSTDOWN || r == -ENOENT || r == -ECONNREFUSED)
                (void) snprintf(problem, sizeof(problem), "PipeWire is not running");
        else
                (void) snprintf(problem, sizeof(problem), "PipeWire cannot be reached: %s", strerror(-r));
        reach_failed(c->reach, r == -EHOSTDOWN || r == -ENOENT);
        c->ops->down(c->userdata, problem);
}

usec_t pipewire_connection_run(struct pipewire_connection *c, usec_t now) {
        usec_t at;

        while (reach_run(c->reach, now, &at))
                connect_now(c);
        return at;
}

static void handle_loss(struct pipewire_connection *c) {
        log_debug("PipeWire is gone");
        reach_lost(c->reach);
        c->ops->down(c->userdata, "PipeWire is not running");
        disconnect(c);
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
        SCOPED(free) char *path = socket_path();
        int r = reach_new(&c->reach, c->event, path, NULL, connect_now, c);

        if (r < 0)
                return r;
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
        reach_free(c->reach);
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
