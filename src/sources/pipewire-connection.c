/* The glue, see pipewire-connection.h.
 *
 * libpipewire's loop is an epoll descriptor: sd-event waits for it, and each turn iterates it without waiting. Nothing
 * may be destroyed from within libpipewire's callbacks, so that a lost connection is only noted there. The library is
 * loaded, and the loop made, once there is a socket. */
#ifdef WITH_PIPEWIRE

#include "sources/pipewire-connection.h"

#include <errno.h>
#include <stdio.h>
#include <unistd.h>

#include "sources/pipewire-library.h"
#include "sources/reach.h"
#include "util/log.h"
#include "util/path.h"

#define DEFAULT_SOCKET "pipewire-0"
/* Where libpipewire looks next: one for all users of the machine. */
#define SYSTEM_FOLDER "/run/pipewire"

/* The modules that client.conf loads are for those who have streams. */
#define NO_CONFIG "null"
#define PROTOCOL  "libpipewire-module-protocol-native"

struct pipewire_connection {
        const struct pipewire_connection_ops *ops;
        void *userdata;
        sd_event *event;
        sd_event_source *io;
        struct reach *reach;
        char *path;                        /* of its socket; NULL: not known */
        const struct pipewire_library *pw; /* NULL: not needed so far */
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
                c->pw->proxy_destroy((struct pw_proxy *) c->registry);
                c->registry = NULL;
        }
        if (c->core) {
                spa_hook_remove(&c->core_hook);
                (void) c->pw->core_disconnect(c->core);
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

/* ---- libpipewire's own ---- */

static int on_io(sd_event_source *s, int fd, uint32_t revents, void *userdata);

static void close_loop(struct pipewire_connection *c) {
        c->io = sd_event_source_disable_unref(c->io);
        if (!c->pw)
                return;
        if (c->context)
                c->pw->context_destroy(c->context);
        if (c->loop) {
                pw_loop_leave(c->loop);
                c->pw->loop_destroy(c->loop);
        }
        c->context = NULL;
        c->loop = NULL;
        c->pw->deinit();
        c->pw = NULL;
}

static int make_loop(struct pipewire_connection *c) {
        int r;

        c->loop = c->pw->loop_new(NULL);
        if (!c->loop)
                return -ENOMEM;
        pw_loop_enter(c->loop);
        c->context = c->pw->context_new(c->loop, c->pw->properties_new(PW_KEY_CONFIG_NAME, NO_CONFIG, NULL), 0);
        if (!c->context || !c->pw->context_load_module(c->context, PROTOCOL, NULL, NULL))
                return errno > 0 ? -errno : -ENOMEM;
        r = sd_event_add_io(c->event, &c->io, pw_loop_get_fd(c->loop), EPOLLIN, on_io, c);
        if (r < 0)
                return r;
        (void) sd_event_source_set_description(c->io, "pipewire");
        return 0;
}

/* Once, and then it stays. */
static int open_loop(struct pipewire_connection *c) {
        int r;

        if (c->pw)
                return 0;
        c->pw = pipewire_library();
        if (!c->pw)
                return -ENOPKG;
        c->pw->init(NULL, NULL);
        r = make_loop(c);
        if (r < 0)
                close_loop(c);
        return r;
}

/* ---- connecting ---- */

/* Who names a server may name several, in words of libpipewire's own. */
static bool may_be_there(const struct pipewire_connection *c) {
        return getenv("PIPEWIRE_REMOTE") || (c->path && access(c->path, F_OK) == 0) ||
               access(SYSTEM_FOLDER "/" DEFAULT_SOCKET, F_OK) == 0;
}

static int try_connect(struct pipewire_connection *c) {
        int r = may_be_there(c) ? open_loop(c) : -ENOENT;

        if (r < 0)
                return r;
        c->core = c->pw->context_connect(c->context, c->pw->properties_new(PW_KEY_APP_NAME, "busyd", NULL), 0);
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
        else if (r == -ENOPKG)
                (void) snprintf(problem, sizeof(problem), "PipeWire is there, and libpipewire is not installed");
        else
                (void) snprintf(problem, sizeof(problem), "PipeWire cannot be reached: %s", strerror(-r));
        reach_failed(c->reach, r == -EHOSTDOWN || r == -ENOENT || r == -ENOPKG);
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

int pipewire_connection_new(struct pipewire_connection **ret, sd_event *event,
                            const struct pipewire_connection_ops *ops, void *userdata) {
        struct pipewire_connection *c = calloc(1, sizeof(*c));
        int r;

        if (!c)
                return -ENOMEM;
        c->ops = ops;
        c->userdata = userdata;
        c->event = sd_event_ref(event);
        c->path = socket_path();
        r = reach_new(&c->reach, event, c->path, NULL, connect_now, c);
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
        close_loop(c);
        sd_event_unref(c->event);
        free(c->path);
        free(c);
        return NULL;
}

#endif
