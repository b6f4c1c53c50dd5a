/* A loop on the virtual clock, for objects that ask sd-event for timers: the few functions they use, in front of the
 * library's. */
#include "door.h"

#include <errno.h>
#include <systemd/sd-event.h>

enum kind {
        TIMER,
        DEFER,
        OTHER, /* never comes */
};

struct sd_event_source {
        struct sd_event *event;
        struct sd_event_source *next;
        enum kind kind;
        usec_t at;
        int enabled;
        int64_t priority;
        uint64_t order;
        sd_event_time_handler_t on_time;
        sd_event_handler_t on_defer;
        void *userdata;
        bool gone, floating;
};

struct sd_event {
        struct sd_event_source *sources;
        unsigned n_refs;
        uint64_t order;
        bool exiting, running;
        int code;
};

struct sd_event *loop_new(void) {
        struct sd_event *e = calloc(1, sizeof(*e));

        e->n_refs = 1;
        return e;
}

static void sweep(struct sd_event *e) {
        struct sd_event_source **p = &e->sources;

        while (*p)
                if ((*p)->gone) {
                        struct sd_event_source *s = *p;

                        *p = s->next;
                        free(s);
                } else
                        p = &(*p)->next;
}

struct sd_event *loop_free(struct sd_event *e) {
        if (!e)
                return NULL;
        for (struct sd_event_source *s = e->sources; s; s = s->next)
                s->gone = true;
        sweep(e);
        free(e);
        return NULL;
}

static bool is_on(const struct sd_event_source *s) {
        return !s->gone && s->enabled != SD_EVENT_OFF && s->kind != OTHER;
}

usec_t loop_deadline(const struct sd_event *e) {
        usec_t at = USEC_NEVER;

        for (const struct sd_event_source *s = e->sources; s; s = s->next)
                if (is_on(s))
                        at = usec_min(at, s->kind == DEFER ? 0 : s->at);
        return at;
}

static struct sd_event_source *next_due(struct sd_event *e, usec_t now) {
        struct sd_event_source *best = NULL;

        for (struct sd_event_source *s = e->sources; s; s = s->next)
                if (is_on(s) && (s->kind == DEFER || s->at <= now) &&
                    (!best || s->priority < best->priority ||
                     (s->priority == best->priority && s->order < best->order)))
                        best = s;
        return best;
}

bool loop_run(struct sd_event *e, int *ret_code) {
        struct sd_event_source *s;

        while (!e->exiting && (s = next_due(e, door_now()))) {
                if (s->enabled == SD_EVENT_ONESHOT)
                        s->enabled = SD_EVENT_OFF;
                s->order = ++e->order;
                if (s->kind == DEFER)
                        (void) s->on_defer(s, s->userdata);
                else
                        (void) s->on_time(s, s->at, s->userdata);
                sweep(e);
        }
        *ret_code = e->code;
        return !e->exiting;
}

/* ---- in front of the library ---- */

static int add(sd_event *e, sd_event_source **ret, enum kind kind, int enabled, struct sd_event_source **ret_s) {
        struct sd_event_source *s = calloc(1, sizeof(*s));

        s->event = e;
        s->kind = kind;
        s->enabled = enabled;
        s->order = ++e->order;
        s->next = e->sources;
        e->sources = s;
        if (ret)
                *ret = s;
        *ret_s = s;
        return 0;
}

int sd_event_add_time(sd_event *e, sd_event_source **ret, clockid_t clock, uint64_t usec, uint64_t accuracy,
                      sd_event_time_handler_t callback, void *userdata) {
        struct sd_event_source *s;

        (void) add(e, ret, TIMER, SD_EVENT_ONESHOT, &s);
        s->at = usec;
        s->on_time = callback;
        s->userdata = userdata;
        return 0;
}

int sd_event_add_time_relative(sd_event *e, sd_event_source **ret, clockid_t clock, uint64_t usec, uint64_t accuracy,
                               sd_event_time_handler_t callback, void *userdata) {
        return sd_event_add_time(e, ret, clock, usec_add(door_now(), usec), accuracy, callback, userdata);
}

int sd_event_add_defer(sd_event *e, sd_event_source **ret, sd_event_handler_t callback, void *userdata) {
        struct sd_event_source *s;

        (void) add(e, ret, DEFER, SD_EVENT_ONESHOT, &s);
        s->on_defer = callback;
        s->userdata = userdata;
        return 0;
}

int sd_event_add_io(sd_event *e, sd_event_source **ret, int fd, uint32_t events, sd_event_io_handler_t callback,
                    void *userdata) {
        struct sd_event_source *s;

        return add(e, ret, OTHER, SD_EVENT_ON, &s);
}

int sd_event_source_set_time(sd_event_source *s, uint64_t usec) {
        s->at = usec;
        return 0;
}

int sd_event_source_set_time_relative(sd_event_source *s, uint64_t usec) {
        s->at = usec_add(door_now(), usec);
        return 0;
}

int sd_event_source_set_enabled(sd_event_source *s, int enabled) {
        s->enabled = enabled;
        return 0;
}

int sd_event_source_get_enabled(sd_event_source *s, int *ret) {
        if (ret)
                *ret = s->enabled;
        return s->enabled != SD_EVENT_OFF;
}

int sd_event_source_set_priority(sd_event_source *s, int64_t priority) {
        s->priority = priority;
        return 0;
}

int sd_event_source_set_description(sd_event_source *s, const char *description) {
        return 0;
}

sd_event_source *sd_event_source_unref(sd_event_source *s) {
        if (s)
                s->gone = true;
        return NULL;
}

sd_event_source *sd_event_source_disable_unref(sd_event_source *s) {
        return sd_event_source_unref(s);
}

sd_event *sd_event_ref(sd_event *e) {
        return e;
}

sd_event *sd_event_unref(sd_event *e) {
        return NULL;
}

int sd_event_now(sd_event *e, clockid_t clock, uint64_t *ret) {
        *ret = clock == CLOCK_REALTIME ? door_wall() : door_now();
        return 0;
}

int sd_event_exit(sd_event *e, int code) {
        e->exiting = true;
        e->code = code;
        return 0;
}
