/* See listener.h. A door for each kind of address; the requests at both are counted together. What comes in the
 * address of a request may be a secret: nothing here is logged, and libmicrohttpd is not asked to. */
#include "busyctl/listener.h"

#include <errno.h>

#ifdef WITH_BROWSER_LOGIN

#include <arpa/inet.h>
#include <microhttpd.h>
#include <stdio.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#define CONNECTIONS_MAX 8 /* a browser opens up to six */
#define IDLE_SECONDS    10U
#define PAGE(text)                                                                                                    \
        "<!DOCTYPE html>\n<html lang=\"en\">\n<meta charset=\"utf-8\">\n<title>busyd</title>\n<p>" text "\n</html>\n"

static const struct {
        unsigned status;
        const char *text;
} pages[] = {
        [LISTENER_NOT_FOUND] = { MHD_HTTP_NOT_FOUND, PAGE("There is nothing here.") },
        [LISTENER_DONE] = { MHD_HTTP_OK, PAGE("Done: busyctl goes on in the terminal. You can close this window.") },
        [LISTENER_REFUSED] = { MHD_HTTP_OK,
                               PAGE("busyd has not been let in; the terminal says why. You can close this window.") },
};

struct door {
        struct listener *listener;
        struct MHD_Daemon *daemon; /* NULL: there is no such address here */
        sd_event_source *io, *timer;
};

struct listener {
        struct door doors[2];
        sd_event *event;
        char *path, *origin;
        struct listener_handler handler;
        unsigned n_requests;
        bool taken, sent; /* the answer has come; its page has left */
        bool over;        /* the handler has been told */
};

/* ---- requests ---- */

static const char *get_value(void *request, const char *name) {
        return MHD_lookup_connection_value(request, MHD_GET_ARGUMENT_KIND, name);
}

static enum MHD_Result answer(struct MHD_Connection *c, enum listener_page page) {
        static const char *const headers[][2] = {
                { MHD_HTTP_HEADER_CONTENT_TYPE, "text/html; charset=utf-8" },
                { MHD_HTTP_HEADER_CACHE_CONTROL, "no-store" },
                { MHD_HTTP_HEADER_CONNECTION, "close" },
                { "Referrer-Policy", "no-referrer" },
                { "Content-Security-Policy", "default-src 'none'; frame-ancestors 'none'" },
                { "X-Content-Type-Options", "nosniff" },
        };
        const char *text = pages[page].text;
        struct MHD_Response *r =
                MHD_create_response_from_buffer(strlen(text), (void *) (uintptr_t) text, MHD_RESPMEM_PERSISTENT);
        enum MHD_Result result;

        if (!r)
                return MHD_NO;
        for (size_t i = 0; i < ARRAY_SIZE(headers); i++)
                (void) MHD_add_response_header(r, headers[i][0], headers[i][1]);
        result = MHD_queue_response(c, pages[page].status, r);
        MHD_destroy_response(r);
        return result;
}

static enum MHD_Result on_request(void *userdata, struct MHD_Connection *c, const char *path, const char *method,
                                  const char *version, const char *data, size_t *size, void **state) {
        struct listener *l = userdata;
        enum listener_page page = LISTENER_NOT_FOUND;

        l->n_requests++;
        if (!l->taken && !l->over && streq(method, MHD_HTTP_METHOD_GET) && streq(path, l->path))
                page = l->handler.asked(get_value, c, l->handler.userdata);
        if (page != LISTENER_NOT_FOUND) {
                l->taken = true;
                *state = l; /* known again in on_completed() */
        }
        return answer(c, page);
}

static void on_completed(void *userdata, struct MHD_Connection *c, void **state, enum MHD_RequestTerminationCode how) {
        struct listener *l = userdata;

        if (*state)
                l->sent = true;
}

/* ---- the loop ---- */

static int on_timer(sd_event_source *source, uint64_t usec, void *userdata);

static void set_timer(struct door *d) {
        MHD_UNSIGNED_LONG_LONG msec;

        d->timer = sd_event_source_disable_unref(d->timer);
        if (MHD_get_timeout(d->daemon, &msec) == MHD_YES)
                (void) sd_event_add_time_relative(d->listener->event, &d->timer, CLOCK_MONOTONIC, msec * USEC_PER_MSEC,
                                                  0, on_timer, d);
}

/* The last thing of a turn: the handler may free the listener. */
static void run(struct door *d) {
        struct listener *l = d->listener;

        (void) MHD_run(d->daemon);
        set_timer(d);
        if (l->over)
                return;
        l->over = l->sent || (!l->taken && l->n_requests >= LISTENER_REQUESTS_MAX);
        if (l->sent)
                l->handler.answered(l->handler.userdata);
        else if (l->over)
                l->handler.overrun(l->handler.userdata);
}

static int on_timer(sd_event_source *source, uint64_t usec, void *userdata) {
        run(userdata);
        return 0;
}

static int on_io(sd_event_source *source, int fd, uint32_t revents, void *userdata) {
        run(userdata);
        return 0;
}

/* ---- the doors ---- */

union address {
        struct sockaddr any;
        struct sockaddr_in v4;
        struct sockaddr_in6 v6;
};

/* Returns a socket that listens on loopback; *port 0: at any, and it is set to that. */
static int listen_at(int family, uint16_t *port) {
        union address a = { .any.sa_family = (sa_family_t) family };
        socklen_t size = family == AF_INET ? sizeof(a.v4) : sizeof(a.v6);
        int fd = socket(family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0), r = 0, only = 1;

        if (fd < 0)
                return -errno;
        if (family == AF_INET) {
                a.v4.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
                a.v4.sin_port = htons(*port);
        } else {
                a.v6.sin6_addr = in6addr_loopback;
                a.v6.sin6_port = htons(*port);
                (void) setsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, &only, sizeof(only));
        }
        if (bind(fd, &a.any, size) < 0 || listen(fd, CONNECTIONS_MAX) < 0 || getsockname(fd, &a.any, &size) < 0)
                r = -errno;
        if (r < 0) {
                close(fd);
                return r;
        }
        *port = ntohs(family == AF_INET ? a.v4.sin_port : a.v6.sin6_port);
        return fd;
}

static int open_door(struct listener *l, struct door *d, int family, uint16_t *port) {
        const union MHD_DaemonInfo *info;
        int fd = listen_at(family, port);

        if (fd < 0)
                return fd;
        d->listener = l;
        /* Takes the socket. */
        d->daemon = MHD_start_daemon(MHD_USE_EPOLL, 0, NULL, NULL, on_request, l, MHD_OPTION_LISTEN_SOCKET, fd,
                                     MHD_OPTION_CONNECTION_LIMIT, (unsigned) CONNECTIONS_MAX,
                                     MHD_OPTION_CONNECTION_TIMEOUT, IDLE_SECONDS, MHD_OPTION_NOTIFY_COMPLETED,
                                     on_completed, l, MHD_OPTION_END);
        if (!d->daemon) {
                close(fd);
                return -EADDRNOTAVAIL;
        }
        info = MHD_get_daemon_info(d->daemon, MHD_DAEMON_INFO_EPOLL_FD);
        return sd_event_add_io(l->event, &d->io, info->epoll_fd, EPOLLIN, on_io, d);
}

/* The second one at the port of the first, if that is free there: nobody else shall be taken for us. */
static int open_doors(struct listener *l) {
        static const struct {
                int family;
                const char *host;
        } kinds[] = { { AF_INET, "127.0.0.1" }, { AF_INET6, "[::1]" } };
        uint16_t port = 0;
        int r = -EADDRNOTAVAIL;

        for (size_t i = 0; i < ARRAY_SIZE(kinds); i++) {
                r = open_door(l, &l->doors[i], kinds[i].family, &port);
                if (r < 0 || l->origin)
                        continue;
                if (asprintf(&l->origin, "http://%s:%u", kinds[i].host, port) < 0) {
                        l->origin = NULL;
                        return -ENOMEM;
                }
        }
        return l->origin ? 0 : r;
}

/* ---- the object ---- */

struct listener *listener_free(struct listener *l) {
        if (!l)
                return NULL;
        l->over = true;
        for (size_t i = 0; i < ARRAY_SIZE(l->doors); i++) {
                sd_event_source_disable_unref(l->doors[i].io);
                sd_event_source_disable_unref(l->doors[i].timer);
                if (l->doors[i].daemon)
                        MHD_stop_daemon(l->doors[i].daemon);
        }
        sd_event_unref(l->event);
        free(l->path);
        free(l->origin);
        free(l);
        return NULL;
}

int listener_new(struct listener **ret, sd_event *event, const char *path, const struct listener_handler *handler) {
        SCOPED(listener_free) struct listener *l = calloc(1, sizeof(*l));
        int r;

        if (!l)
                return -ENOMEM;
        l->event = sd_event_ref(event);
        l->handler = *handler;
        l->path = strdup(path);
        r = l->path ? open_doors(l) : -ENOMEM;
        if (r < 0)
                return r;

        *ret = TAKE(l);
        return 0;
}

const char *listener_origin(const struct listener *l) {
        return l->origin;
}

#else

int listener_new(struct listener **ret, sd_event *event, const char *path, const struct listener_handler *handler) {
        return -ENOTSUP;
}

struct listener *listener_free(struct listener *l) {
        return NULL;
}

const char *listener_origin(const struct listener *l) {
        return "";
}

#endif
