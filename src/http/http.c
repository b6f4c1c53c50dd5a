/* The glue between libcurl's multi interface and sd-event: curl says which sockets and which one timer to watch, the
 * loop tells curl what happened, and finished requests are handed out between two calls of curl, never inside one.
 * How a single request is set up is in request.c.
 *
 * A pool is one multi handle. All that trust the same certificates share one, as curl keeps those in memory for each,
 * 1 MiB and more. It goes with the last of its requests and users; one that was cut is `old`: it takes no new ones. */
#include <errno.h>
#include <sys/epoll.h>
#include <systemd/sd-event.h>

#include "http/memory.h"
#include "http/request.h"
#include "util/memory.h"

/* Connections kept open for reuse, for each account: for the long poll, and for what is asked beside it. With TLS each
 * costs 0.1 MiB. */
#define CONNECTIONS_MAX 2L
/* Curl's timers are in milliseconds. */
#define TIMER_ACCURACY USEC_PER_MSEC

struct http_pool {
        struct http_pool *next;
        sd_event *event;
        char *ca_file;
        CURLM *multi;
        sd_event_source *timer;
        sd_event_source *ends; /* something may have ended when it was started */
        struct http_socket *sockets;
        struct http_request *requests;
        unsigned n_users;
        bool old;
        bool delivering;
        bool sends; /* something was started meanwhile */
};

struct http {
        struct http_pool *pool;
};

/* Owned by the list; curl only carries the pointer. */
struct http_socket {
        struct http_pool *pool;
        struct http_socket *prev, *next;
        sd_event_source *source;
};

static struct http_pool *pools;

static void pool_settle(struct http_pool *p);

/* ---- requests ---- */

static void request_link(struct http_pool *p, struct http_request *r) {
        r->pool = p;
        r->next = p->requests;
        if (r->next)
                r->next->prev = r;
        p->requests = r;
}

static void request_unlink(struct http_request *r) {
        if (r->prev)
                r->prev->next = r->next;
        else
                r->pool->requests = r->next;
        if (r->next)
                r->next->prev = r->prev;
}

static void request_drop(struct http_request *r) {
        struct http_pool *p = r->pool;

        request_unlink(r);
        (void) http_request_destroy(r);
        pool_settle(p);
}

struct http_request *http_request_free(struct http_request *r) {
        /* While its callback runs it still lends out the reply; it goes right afterwards. */
        if (!r || r->delivering)
                return NULL;
        (void) curl_multi_remove_handle(r->pool->multi, r->easy);
        request_drop(r);
        return NULL;
}

/* Curl gives up on everything when its multi handle breaks, and reports nothing then. */
static void enter_curl(struct http_pool *p, curl_socket_t fd, int events) {
        int running;

        if (curl_multi_socket_action(p->multi, fd, events, &running) == CURLM_OK)
                return;
        for (struct http_request *r = p->requests; r; r = r->next) {
                r->aborted = true;
                r->result = CURLE_OUT_OF_MEMORY;
        }
}

/* What was started is on its way before whatever else this turn has to do. What ends by that is told by the loop. */
static void send_now(struct http_pool *p) {
        p->sends = p->delivering;
        if (p->delivering)
                return;
        enter_curl(p, CURL_SOCKET_TIMEOUT, 0);
        (void) sd_event_source_set_enabled(p->ends, SD_EVENT_ONESHOT);
}

int http_start(struct http *h, const struct http_call *call, http_done_t done, void *userdata,
               struct http_request **ret) {
        SCOPED(http_request_destroy) struct http_request *r = NULL;
        struct http_pool *p = h->pool;
        int error;

        error = http_request_prepare(&r, call, p->ca_file);
        if (error < 0)
                return error;
        if (curl_multi_add_handle(p->multi, r->easy) != CURLM_OK)
                return -EIO;
        r->http = h;
        r->done = done;
        r->userdata = userdata;
        r->release = call->release;
        request_link(p, r);
        *ret = TAKE(r);
        send_now(p);
        return 0;
}

static void deliver(struct http_pool *p, struct http_request *r) {
        struct http_reply reply = { 0 };

        r->delivering = true;
        (void) curl_multi_remove_handle(p->multi, r->easy);
        /* Nobody further in reads a clock: all that follows from this answer happens at this instant. */
        (void) sd_event_now(p->event, CLOCK_BOOTTIME, &reply.now);
        (void) sd_event_now(p->event, CLOCK_REALTIME, &reply.wall);
        http_request_read(r, p->ca_file, &reply);
        memory_note_taken_apart(r->size);
        r->done(&reply, r->userdata);
        request_drop(r);
}

static struct http_request *next_finished(struct http_pool *p) {
        CURLMsg *m;
        int left;

        while ((m = curl_multi_info_read(p->multi, &left))) {
                char *r = NULL;

                if (m->msg != CURLMSG_DONE)
                        continue;
                (void) curl_easy_getinfo(m->easy_handle, CURLINFO_PRIVATE, &r);
                ((struct http_request *) r)->result = m->data.result;
                return (struct http_request *) r;
        }
        for (struct http_request *r = p->requests; r; r = r->next)
                if (r->aborted)
                        return r;
        return NULL;
}

/* A callback may start and cancel requests, and free the http itself. */
static void deliver_all(struct http_pool *p) {
        struct http_request *r;

        if (p->delivering)
                return;
        p->delivering = true;
        while ((r = next_finished(p)))
                deliver(p, r);
        p->delivering = false;
        if (p->sends)
                send_now(p);
        pool_settle(p);
}

/* ---- sockets and the timer ---- */

static void act(struct http_pool *p, curl_socket_t fd, int events) {
        enter_curl(p, fd, events);
        deliver_all(p);
}

static int on_io(sd_event_source *source, int fd, uint32_t revents, void *userdata) {
        struct http_socket *s = userdata;
        int events = 0;

        if (revents & EPOLLIN)
                events |= CURL_CSELECT_IN;
        if (revents & EPOLLOUT)
                events |= CURL_CSELECT_OUT;
        if (revents & (EPOLLERR | EPOLLHUP))
                events |= CURL_CSELECT_ERR;
        act(s->pool, fd, events);
        return 0;
}

static struct http_socket *socket_free(struct http_socket *s) {
        if (!s)
                return NULL;
        sd_event_source_disable_unref(s->source);
        if (s->prev)
                s->prev->next = s->next;
        else
                s->pool->sockets = s->next;
        if (s->next)
                s->next->prev = s->prev;
        free(s);
        return NULL;
}
CLEANUP(struct http_socket, socket_free);

static int socket_new(struct http_pool *p, curl_socket_t fd, uint32_t events) {
        SCOPED(socket_free) struct http_socket *s = calloc(1, sizeof(*s));
        int r;

        if (!s)
                return -ENOMEM;
        s->pool = p;
        s->next = p->sockets;
        if (s->next)
                s->next->prev = s;
        p->sockets = s;
        r = sd_event_add_io(p->event, &s->source, fd, events, on_io, s);
        if (r < 0)
                return r;
        (void) sd_event_source_set_description(s->source, "http-socket");
        if (curl_multi_assign(p->multi, fd, s) != CURLM_OK)
                return -EIO;
        (void) TAKE(s);
        return 0;
}

static uint32_t what_to_events(int what) {
        if (what == CURL_POLL_IN)
                return EPOLLIN;
        if (what == CURL_POLL_OUT)
                return EPOLLOUT;
        return what == CURL_POLL_INOUT ? EPOLLIN | EPOLLOUT : 0;
}

/* Curl takes -1 for: broken, give up. */
static int on_curl_socket(CURL *easy, curl_socket_t fd, int what, void *userdata, void *socket) {
        struct http_pool *p = userdata;
        struct http_socket *s = socket;
        int r;

        if (what == CURL_POLL_REMOVE) {
                socket_free(s);
                return 0;
        }
        if (s)
                r = sd_event_source_set_io_events(s->source, what_to_events(what));
        else
                r = socket_new(p, fd, what_to_events(what));
        return r < 0 ? -1 : 0;
}

static int on_time(sd_event_source *source, uint64_t usec, void *userdata) {
        act(userdata, CURL_SOCKET_TIMEOUT, 0);
        return 0;
}

static int on_ends(sd_event_source *source, void *userdata) {
        deliver_all(userdata);
        return 0;
}

/* Only arms: curl must not be entered from its own callback, not even for 0 ms. */
static int on_curl_timer(CURLM *multi, long timeout_msec, void *userdata) {
        struct http_pool *p = userdata;
        int r;

        if (timeout_msec < 0)
                return sd_event_source_set_enabled(p->timer, SD_EVENT_OFF) < 0 ? -1 : 0;
        /* 0 is no wait: something is to be sent. */
        r = sd_event_source_set_time_accuracy(p->timer, timeout_msec > 0 ? TIMER_ACCURACY : 1);
        if (r >= 0)
                r = sd_event_source_set_time_relative(p->timer, (usec_t) timeout_msec * USEC_PER_MSEC);
        if (r >= 0)
                r = sd_event_source_set_enabled(p->timer, SD_EVENT_ONESHOT);
        return r < 0 ? -1 : 0;
}

/* ---- pools ---- */

static int pool_add_sources(struct http_pool *p) {
        int r;

        /* Counts through a suspend; curl, whose clock does not, then finds itself asked early and asks again. */
        r = sd_event_add_time_relative(p->event, &p->timer, CLOCK_BOOTTIME, 0, TIMER_ACCURACY, on_time, p);
        if (r < 0)
                return r;
        (void) sd_event_source_set_description(p->timer, "http-timer");
        r = sd_event_source_set_enabled(p->timer, SD_EVENT_OFF);
        if (r >= 0)
                r = sd_event_add_defer(p->event, &p->ends, on_ends, p);
        if (r < 0)
                return r;
        (void) sd_event_source_set_description(p->ends, "http-ends");
        return sd_event_source_set_enabled(p->ends, SD_EVENT_OFF);
}

static int pool_add_multi(struct http_pool *p) {
        p->multi = curl_multi_init();
        if (p->multi && curl_multi_setopt(p->multi, CURLMOPT_SOCKETFUNCTION, on_curl_socket) == CURLM_OK &&
            curl_multi_setopt(p->multi, CURLMOPT_SOCKETDATA, p) == CURLM_OK &&
            curl_multi_setopt(p->multi, CURLMOPT_TIMERFUNCTION, on_curl_timer) == CURLM_OK &&
            curl_multi_setopt(p->multi, CURLMOPT_TIMERDATA, p) == CURLM_OK)
                return 0;
        return -ENOMEM;
}

/* None of its requests is left. Closing its connections, curl still calls on_curl_socket. */
static struct http_pool *pool_free(struct http_pool *p) {
        if (!p)
                return NULL;
        if (p->multi)
                (void) curl_multi_cleanup(p->multi);
        for (struct http_socket *s = p->sockets, *next; s; s = next) {
                next = s->next;
                socket_free(s);
        }
        sd_event_source_disable_unref(p->timer);
        sd_event_source_disable_unref(p->ends);
        sd_event_unref(p->event);
        free(p->ca_file);
        free(p);
        curl_global_cleanup();
        return NULL;
}
CLEANUP(struct http_pool, pool_free);

/* Lets it go where nobody needs it any more. */
static void pool_settle(struct http_pool *p) {
        if (p->n_users > 0 || p->requests || p->delivering)
                return;
        for (struct http_pool **at = &pools; *at; at = &(*at)->next)
                if (*at == p) {
                        *at = p->next;
                        break;
                }
        pool_free(p);
}

static int pool_new(struct http_pool **ret, sd_event *event, const char *ca_file) {
        SCOPED(pool_free) struct http_pool *p = NULL;
        int r;

        if (http_memory_init() != CURLE_OK)
                return -ENOMEM;
        p = calloc(1, sizeof(*p));
        if (!p) {
                curl_global_cleanup();
                return -ENOMEM;
        }
        p->event = sd_event_ref(event);
        if (ca_file && !(p->ca_file = strdup(ca_file)))
                return -ENOMEM;
        r = pool_add_sources(p);
        if (r >= 0)
                r = pool_add_multi(p);
        if (r < 0)
                return r;
        p->next = pools;
        pools = p;
        *ret = TAKE(p);
        return 0;
}

static bool same_file(const char *a, const char *b) {
        return a == b || (a && b && streq(a, b));
}

static void pool_count(struct http_pool *p, int n) {
        p->n_users += (unsigned) n;
        (void) curl_multi_setopt(p->multi, CURLMOPT_MAXCONNECTS, CONNECTIONS_MAX * (long) p->n_users);
}

static int pool_join(struct http_pool **ret, sd_event *event, const char *ca_file) {
        struct http_pool *p = pools;
        int r = 0;

        while (p && (p->old || p->event != event || !same_file(p->ca_file, ca_file)))
                p = p->next;
        if (!p)
                r = pool_new(&p, event, ca_file);
        if (r < 0)
                return r;
        pool_count(p, 1);
        *ret = p;
        return 0;
}

static void pool_leave(struct http_pool *p) {
        pool_count(p, -1);
        pool_settle(p);
}

/* ---- the glue object ---- */

int http_new(struct http **ret, sd_event *event, const char *ca_file) {
        SCOPED(http_free) struct http *h = calloc(1, sizeof(*h));
        int r;

        if (!h)
                return -ENOMEM;
        r = pool_join(&h->pool, event, ca_file);
        if (r < 0)
                return r;
        *ret = TAKE(h);
        return 0;
}

/* Of any pool: it may have changed it since. */
static struct http_request *next_of(const struct http *h) {
        for (struct http_pool *p = pools; p; p = p->next)
                for (struct http_request *r = p->requests; r; r = r->next)
                        if (r->http == h)
                                return r;
        return NULL;
}

struct http *http_free(struct http *h) {
        struct http_request *r;

        if (!h)
                return NULL;
        while ((r = next_of(h))) {
                r->http = NULL;
                http_request_free(r);
        }
        if (h->pool)
                pool_leave(h->pool);
        free(h);
        return NULL;
}

static void end_repeatable(struct http_pool *p, const struct http *h) {
        for (struct http_request *r = p->requests; r; r = r->next) {
                if (r->http != h || r->aborted || r->delivering || (!r->repeatable && http_request_is_sent(r)))
                        continue;
                (void) curl_multi_remove_handle(p->multi, r->easy);
                r->aborted = true;
                r->error = -ENETRESET;
                r->result = CURLE_RECV_ERROR;
        }
}

void http_cut(struct http *h) {
        struct http_pool *before = h->pool;

        end_repeatable(before, h);
        /* Who is cut after the first one of them joins the same new one. */
        before->old = true;
        if (pool_join(&h->pool, before->event, before->ca_file) < 0) {
                before->old = false;
                deliver_all(before);
                return;
        }
        deliver_all(before);
        pool_leave(before);
}
