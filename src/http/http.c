/* The glue between libcurl's multi interface and sd-event: curl says which sockets and which one timer to watch, the
 * loop tells curl what happened, and finished requests are handed out between two calls of curl, never inside one.
 * How a single request is set up is in request.c. */
#include <errno.h>
#include <sys/epoll.h>
#include <systemd/sd-event.h>

#include "http/memory.h"
#include "http/request.h"

/* Connections kept open for reuse, of one account: for the long poll, and for what is asked beside it. With TLS each
 * costs 0.1 MiB. */
#define CONNECTIONS_MAX 2L
/* Curl's timers are in milliseconds. */
#define TIMER_ACCURACY USEC_PER_MSEC

struct http {
        sd_event *event;
        CURLM *multi;
        sd_event_source *timer;
        sd_event_source *ends; /* something may have ended when it was started */
        char *ca_file;
        struct http_socket *sockets;
        struct http_request *requests;
        bool delivering;
        bool sends; /* something was started meanwhile */
        bool freed; /* by a callback: the memory goes once delivering ends */
};

/* Owned by the list; curl only carries the pointer. */
struct http_socket {
        struct http *http;
        struct http_socket *prev, *next;
        sd_event_source *source;
};

/* ---- requests ---- */

static void request_link(struct http *h, struct http_request *r) {
        r->http = h;
        r->next = h->requests;
        if (r->next)
                r->next->prev = r;
        h->requests = r;
}

static void request_unlink(struct http_request *r) {
        if (r->prev)
                r->prev->next = r->next;
        else
                r->http->requests = r->next;
        if (r->next)
                r->next->prev = r->prev;
}

static void request_drop(struct http_request *r) {
        request_unlink(r);
        (void) http_request_destroy(r);
}

struct http_request *http_request_free(struct http_request *r) {
        /* While its callback runs it still lends out the reply; it goes right afterwards. */
        if (!r || r->delivering)
                return NULL;
        (void) curl_multi_remove_handle(r->http->multi, r->easy);
        request_drop(r);
        return NULL;
}

/* Curl gives up on everything when its multi handle breaks, and reports nothing then. */
static void enter_curl(struct http *h, curl_socket_t fd, int events) {
        int running;

        if (curl_multi_socket_action(h->multi, fd, events, &running) == CURLM_OK)
                return;
        for (struct http_request *r = h->requests; r; r = r->next) {
                r->aborted = true;
                r->result = CURLE_OUT_OF_MEMORY;
        }
}

/* What was started is on its way before whatever else this turn has to do. What ends by that is told by the loop. */
static void send_now(struct http *h) {
        h->sends = h->delivering;
        if (h->delivering)
                return;
        enter_curl(h, CURL_SOCKET_TIMEOUT, 0);
        (void) sd_event_source_set_enabled(h->ends, SD_EVENT_ONESHOT);
}

int http_start(struct http *h, const struct http_call *call, http_done_t done, void *userdata,
               struct http_request **ret) {
        SCOPED(http_request_destroy) struct http_request *r = NULL;
        int error;

        error = http_request_prepare(&r, call, h->ca_file);
        if (error < 0)
                return error;
        if (curl_multi_add_handle(h->multi, r->easy) != CURLM_OK)
                return -EIO;
        r->done = done;
        r->userdata = userdata;
        r->release = call->release;
        request_link(h, r);
        *ret = TAKE(r);
        send_now(h);
        return 0;
}

static void deliver(struct http *h, struct http_request *r) {
        struct http_reply reply = { 0 };

        r->delivering = true;
        (void) curl_multi_remove_handle(h->multi, r->easy);
        /* Nobody further in reads a clock: all that follows from this answer happens at this instant. */
        (void) sd_event_now(h->event, CLOCK_BOOTTIME, &reply.now);
        (void) sd_event_now(h->event, CLOCK_REALTIME, &reply.wall);
        http_request_read(r, h->ca_file, &reply);
        r->done(&reply, r->userdata);
        request_drop(r);
}

static struct http_request *next_finished(struct http *h) {
        CURLMsg *m;
        int left;

        while ((m = curl_multi_info_read(h->multi, &left))) {
                char *r = NULL;

                if (m->msg != CURLMSG_DONE)
                        continue;
                (void) curl_easy_getinfo(m->easy_handle, CURLINFO_PRIVATE, &r);
                ((struct http_request *) r)->result = m->data.result;
                return (struct http_request *) r;
        }
        for (struct http_request *r = h->requests; r; r = r->next)
                if (r->aborted)
                        return r;
        return NULL;
}

static void http_release(struct http *h) {
        free(h->ca_file);
        free(h);
        curl_global_cleanup();
}

/* A callback may start and cancel requests, and free the http itself. */
static void deliver_all(struct http *h) {
        struct http_request *r;

        if (h->delivering)
                return;
        h->delivering = true;
        while (!h->freed && (r = next_finished(h)))
                deliver(h, r);
        h->delivering = false;
        if (h->freed)
                http_release(h);
        else if (h->sends)
                send_now(h);
}

/* ---- sockets and the timer ---- */

static void act(struct http *h, curl_socket_t fd, int events) {
        enter_curl(h, fd, events);
        deliver_all(h);
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
        act(s->http, fd, events);
        return 0;
}

static struct http_socket *socket_free(struct http_socket *s) {
        if (!s)
                return NULL;
        sd_event_source_disable_unref(s->source);
        if (s->prev)
                s->prev->next = s->next;
        else
                s->http->sockets = s->next;
        if (s->next)
                s->next->prev = s->prev;
        free(s);
        return NULL;
}
CLEANUP(struct http_socket, socket_free);

static int socket_new(struct http *h, curl_socket_t fd, uint32_t events) {
        SCOPED(socket_free) struct http_socket *s = calloc(1, sizeof(*s));
        int r;

        if (!s)
                return -ENOMEM;
        s->http = h;
        s->next = h->sockets;
        if (s->next)
                s->next->prev = s;
        h->sockets = s;
        r = sd_event_add_io(h->event, &s->source, fd, events, on_io, s);
        if (r < 0)
                return r;
        (void) sd_event_source_set_description(s->source, "http-socket");
        if (curl_multi_assign(h->multi, fd, s) != CURLM_OK)
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
        struct http *h = userdata;
        struct http_socket *s = socket;
        int r;

        if (what == CURL_POLL_REMOVE) {
                socket_free(s);
                return 0;
        }
        if (s)
                r = sd_event_source_set_io_events(s->source, what_to_events(what));
        else
                r = socket_new(h, fd, what_to_events(what));
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
        struct http *h = userdata;
        int r;

        if (timeout_msec < 0)
                return sd_event_source_set_enabled(h->timer, SD_EVENT_OFF) < 0 ? -1 : 0;
        /* 0 is no wait: something is to be sent. */
        r = sd_event_source_set_time_accuracy(h->timer, timeout_msec > 0 ? TIMER_ACCURACY : 1);
        if (r >= 0)
                r = sd_event_source_set_time_relative(h->timer, (usec_t) timeout_msec * USEC_PER_MSEC);
        if (r >= 0)
                r = sd_event_source_set_enabled(h->timer, SD_EVENT_ONESHOT);
        return r < 0 ? -1 : 0;
}

/* ---- the glue object ---- */

static int http_add_sources(struct http *h) {
        int r;

        /* Counts through a suspend; curl, whose clock does not, then finds itself asked early and asks again. */
        r = sd_event_add_time_relative(h->event, &h->timer, CLOCK_BOOTTIME, 0, TIMER_ACCURACY, on_time, h);
        if (r < 0)
                return r;
        (void) sd_event_source_set_description(h->timer, "http-timer");
        r = sd_event_source_set_enabled(h->timer, SD_EVENT_OFF);
        if (r >= 0)
                r = sd_event_add_defer(h->event, &h->ends, on_ends, h);
        if (r < 0)
                return r;
        (void) sd_event_source_set_description(h->ends, "http-ends");
        return sd_event_source_set_enabled(h->ends, SD_EVENT_OFF);
}

static CURLM *multi_new(struct http *h) {
        CURLM *multi = curl_multi_init();

        if (!multi)
                return NULL;
        if (curl_multi_setopt(multi, CURLMOPT_SOCKETFUNCTION, on_curl_socket) == CURLM_OK &&
            curl_multi_setopt(multi, CURLMOPT_SOCKETDATA, h) == CURLM_OK &&
            curl_multi_setopt(multi, CURLMOPT_TIMERFUNCTION, on_curl_timer) == CURLM_OK &&
            curl_multi_setopt(multi, CURLMOPT_TIMERDATA, h) == CURLM_OK &&
            curl_multi_setopt(multi, CURLMOPT_MAXCONNECTS, CONNECTIONS_MAX) == CURLM_OK)
                return multi;
        (void) curl_multi_cleanup(multi);
        return NULL;
}

/* None of its requests is left. Closing its connections, curl still calls on_curl_socket. */
static void close_connections(struct http *h, CURLM *multi) {
        (void) curl_multi_cleanup(multi);
        for (struct http_socket *s = h->sockets, *next; s; s = next) {
                next = s->next;
                socket_free(s);
        }
}

int http_new(struct http **ret, sd_event *event, const char *ca_file) {
        SCOPED(http_free) struct http *h = NULL;
        int r;

        if (http_memory_init() != CURLE_OK)
                return -ENOMEM;
        h = calloc(1, sizeof(*h));
        if (!h) {
                curl_global_cleanup();
                return -ENOMEM;
        }
        h->event = sd_event_ref(event);
        if (ca_file && !(h->ca_file = strdup(ca_file)))
                return -ENOMEM;
        r = http_add_sources(h);
        if (r < 0)
                return r;
        h->multi = multi_new(h);
        if (!h->multi)
                return -ENOMEM;

        *ret = TAKE(h);
        return 0;
}

struct http *http_free(struct http *h) {
        if (!h || h->freed)
                return NULL;
        for (struct http_request *r = h->requests, *next; r; r = next) {
                next = r->next;
                http_request_free(r);
        }
        if (h->multi)
                close_connections(h, h->multi);
        sd_event_source_disable_unref(h->timer);
        sd_event_source_disable_unref(h->ends);
        sd_event_unref(h->event);
        h->freed = true;
        if (!h->delivering)
                http_release(h);
        return NULL;
}

/* Returns whether no request is left that curl is at work on. */
static bool end_repeatable(struct http *h) {
        bool all = true;

        for (struct http_request *r = h->requests; r; r = r->next) {
                if (r->aborted || r->delivering)
                        continue;
                if (!r->repeatable) {
                        all = false;
                        continue;
                }
                (void) curl_multi_remove_handle(h->multi, r->easy);
                r->aborted = true;
                r->error = -ENETRESET;
                r->result = CURLE_RECV_ERROR;
        }
        return all;
}

void http_cut(struct http *h) {
        CURLM *fresh = end_repeatable(h) ? multi_new(h) : NULL;

        if (fresh) {
                close_connections(h, h->multi);
                h->multi = fresh;
        }
        deliver_all(h);
}
