/* See loop.h. libpulse takes no refusal: where an event cannot be made it ends the process, as it does where it gets
 * no memory.
 *
 * An event may be freed from within its own callback: it is not touched after that. */
#ifdef WITH_PULSE

#include "pulse/loop.h"

#include <errno.h>
#include <sys/epoll.h>
#include <sys/time.h>

#include "util/log.h"

/* Its timers are limits on answers, of many seconds. */
#define TIMER_ACCURACY (100 * USEC_PER_MSEC)

struct pulse_loop {
        sd_event *event;
        pa_mainloop_api api;
};

struct pa_io_event {
        struct pulse_loop *loop;
        sd_event_source *source;
        pa_io_event_cb_t done;
        pa_io_event_destroy_cb_t destroyed;
        void *userdata;
};

struct pa_time_event {
        struct pulse_loop *loop;
        sd_event_source *source;
        struct timeval at;
        pa_time_event_cb_t done;
        pa_time_event_destroy_cb_t destroyed;
        void *userdata;
};

struct pa_defer_event {
        struct pulse_loop *loop;
        sd_event_source *source;
        pa_defer_event_cb_t done;
        pa_defer_event_destroy_cb_t destroyed;
        void *userdata;
};

static void log_refusal(const char *what, int r) {
        log_error("PulseAudio: no %s: %s", what, strerror(-r));
}

/* ---- sockets ---- */

static const struct {
        pa_io_event_flags_t flag;
        uint32_t event;
} io_flags[] = {
        { PA_IO_EVENT_INPUT, EPOLLIN },
        { PA_IO_EVENT_OUTPUT, EPOLLOUT },
        { PA_IO_EVENT_HANGUP, EPOLLHUP },
        { PA_IO_EVENT_ERROR, EPOLLERR },
};

static uint32_t to_epoll(pa_io_event_flags_t flags) {
        uint32_t events = 0;

        for (size_t i = 0; i < ARRAY_SIZE(io_flags); i++)
                if (flags & io_flags[i].flag)
                        events |= io_flags[i].event;
        return events;
}

static pa_io_event_flags_t from_epoll(uint32_t events) {
        unsigned flags = PA_IO_EVENT_NULL;

        for (size_t i = 0; i < ARRAY_SIZE(io_flags); i++)
                if (events & io_flags[i].event)
                        flags |= io_flags[i].flag;
        return (pa_io_event_flags_t) flags;
}

static int on_io(sd_event_source *s, int fd, uint32_t revents, void *userdata) {
        pa_io_event *e = userdata;

        e->done(&e->loop->api, e, fd, from_epoll(revents), e->userdata);
        return 0;
}

static void io_enable(pa_io_event *e, pa_io_event_flags_t flags) {
        int r = sd_event_source_set_io_events(e->source, to_epoll(flags));

        /* A socket that was hung up is told even where nothing is asked of it. */
        if (r >= 0)
                r = sd_event_source_set_enabled(e->source, flags == PA_IO_EVENT_NULL ? SD_EVENT_OFF : SD_EVENT_ON);
        if (r < 0)
                log_refusal("change of a socket", r);
}

static void io_free(pa_io_event *e) {
        if (e->destroyed)
                e->destroyed(&e->loop->api, e, e->userdata);
        sd_event_source_disable_unref(e->source);
        free(e);
}

static pa_io_event *io_new(pa_mainloop_api *api, int fd, pa_io_event_flags_t flags, pa_io_event_cb_t done,
                           void *userdata) {
        struct pulse_loop *l = api->userdata;
        pa_io_event *e = calloc(1, sizeof(*e));
        int r;

        if (!e)
                return NULL;
        *e = (pa_io_event){ .loop = l, .done = done, .userdata = userdata };
        r = sd_event_add_io(l->event, &e->source, fd, to_epoll(flags), on_io, e);
        if (r < 0) {
                log_refusal("event of a socket", r);
                free(e);
                return NULL;
        }
        (void) sd_event_source_set_description(e->source, "pulseaudio");
        io_enable(e, flags);
        return e;
}

static void io_set_destroy(pa_io_event *e, pa_io_event_destroy_cb_t destroyed) {
        e->destroyed = destroyed;
}

/* ---- timers ---- */

static int on_time(sd_event_source *s, uint64_t usec, void *userdata) {
        pa_time_event *e = userdata;
        struct timeval at = e->at;

        e->done(&e->loop->api, e, &at, e->userdata);
        return 0;
}

static usec_t to_usec(const struct timeval *tv) {
        return (usec_t) tv->tv_sec * USEC_PER_SEC + (usec_t) tv->tv_usec;
}

/* NULL: not at all. */
static void time_restart(pa_time_event *e, const struct timeval *tv) {
        int r = 0;

        if (tv) {
                e->at = *tv;
                r = sd_event_source_set_time(e->source, to_usec(tv));
        }
        if (r >= 0)
                r = sd_event_source_set_enabled(e->source, tv ? SD_EVENT_ONESHOT : SD_EVENT_OFF);
        if (r < 0)
                log_refusal("change of a timer", r);
}

static void time_free(pa_time_event *e) {
        if (e->destroyed)
                e->destroyed(&e->loop->api, e, e->userdata);
        sd_event_source_disable_unref(e->source);
        free(e);
}

static pa_time_event *time_new(pa_mainloop_api *api, const struct timeval *tv, pa_time_event_cb_t done,
                               void *userdata) {
        struct pulse_loop *l = api->userdata;
        pa_time_event *e = calloc(1, sizeof(*e));
        int r;

        if (!e)
                return NULL;
        *e = (pa_time_event){ .loop = l, .done = done, .userdata = userdata };
        r = sd_event_add_time(l->event, &e->source, CLOCK_REALTIME, tv ? to_usec(tv) : 0, TIMER_ACCURACY, on_time, e);
        if (r < 0) {
                log_refusal("timer", r);
                free(e);
                return NULL;
        }
        (void) sd_event_source_set_description(e->source, "pulseaudio-timer");
        time_restart(e, tv);
        return e;
}

static void time_set_destroy(pa_time_event *e, pa_time_event_destroy_cb_t destroyed) {
        e->destroyed = destroyed;
}

/* ---- deferred calls: once each turn of the loop, as long as they are enabled ---- */

static int on_defer(sd_event_source *s, void *userdata) {
        pa_defer_event *e = userdata;

        e->done(&e->loop->api, e, e->userdata);
        return 0;
}

static void defer_enable(pa_defer_event *e, int on) {
        int r = sd_event_source_set_enabled(e->source, on ? SD_EVENT_ON : SD_EVENT_OFF);

        if (r < 0)
                log_refusal("change of a deferred call", r);
}

static void defer_free(pa_defer_event *e) {
        if (e->destroyed)
                e->destroyed(&e->loop->api, e, e->userdata);
        sd_event_source_disable_unref(e->source);
        free(e);
}

static pa_defer_event *defer_new(pa_mainloop_api *api, pa_defer_event_cb_t done, void *userdata) {
        struct pulse_loop *l = api->userdata;
        pa_defer_event *e = calloc(1, sizeof(*e));
        int r;

        if (!e)
                return NULL;
        *e = (pa_defer_event){ .loop = l, .done = done, .userdata = userdata };
        r = sd_event_add_defer(l->event, &e->source, on_defer, e);
        if (r < 0) {
                log_refusal("deferred call", r);
                free(e);
                return NULL;
        }
        (void) sd_event_source_set_description(e->source, "pulseaudio-defer");
        defer_enable(e, 1);
        return e;
}

static void defer_set_destroy(pa_defer_event *e, pa_defer_event_destroy_cb_t destroyed) {
        e->destroyed = destroyed;
}

/* ---- the loop ---- */

/* Whether the loop goes on is not for a library to say. */
static void quit(pa_mainloop_api *api, int code) {
        log_debug("PulseAudio wants the loop to end: %d", code);
}

int pulse_loop_new(struct pulse_loop **ret, sd_event *event) {
        struct pulse_loop *l = calloc(1, sizeof(*l));

        if (!l)
                return -ENOMEM;
        l->event = sd_event_ref(event);
        l->api = (pa_mainloop_api){
                .userdata = l,
                .io_new = io_new,
                .io_enable = io_enable,
                .io_free = io_free,
                .io_set_destroy = io_set_destroy,
                .time_new = time_new,
                .time_restart = time_restart,
                .time_free = time_free,
                .time_set_destroy = time_set_destroy,
                .defer_new = defer_new,
                .defer_enable = defer_enable,
                .defer_free = defer_free,
                .defer_set_destroy = defer_set_destroy,
                .quit = quit,
        };
        *ret = l;
        return 0;
}

struct pulse_loop *pulse_loop_free(struct pulse_loop *l) {
        if (!l)
                return NULL;
        sd_event_unref(l->event);
        free(l);
        return NULL;
}

pa_mainloop_api *pulse_loop_api(struct pulse_loop *l) {
        return &l->api;
}

#endif
