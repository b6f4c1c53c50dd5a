/* Carries events, time and deadlines to the observers; the families themselves are pure. */
#include "matrix/calls/kinds.h"

#include <errno.h>

#include "util/clock.h"
#include "util/log.h"

/* More than there are kinds of calls in Matrix. */
#define FAMILIES_MAX 8

struct observers {
        struct observer_context context;
        char *me, *source;
        sd_event_source *timer;
        struct observer *of[FAMILIES_MAX]; /* in the order of call_families */
        size_t n;
};

static struct observer_time time_now(void) {
        return (struct observer_time){ .now = clock_now(), .wall = clock_wall_now() };
}

static void arm(struct observers *o) {
        usec_t at = USEC_NEVER;
        int r;

        for (size_t i = 0; i < o->n; i++)
                at = usec_min(at, call_families[i]->deadline(o->of[i]));
        r = sd_event_source_set_time(o->timer, at);
        if (r >= 0)
                r = sd_event_source_set_enabled(o->timer, at == USEC_NEVER ? SD_EVENT_OFF : SD_EVENT_ONESHOT);
        if (r < 0)
                log_error("Cannot set the timer of Matrix calls: %s", strerror(-r));
}

static int on_timer(sd_event_source *source, uint64_t usec, void *userdata) {
        struct observers *o = userdata;
        struct observer_time t = time_now();

        for (size_t i = 0; i < o->n; i++)
                if (call_families[i]->deadline(o->of[i]) <= t.now)
                        call_families[i]->tick(o->of[i], &t);
        arm(o);
        return 0;
}

void observers_apply(struct observers *o, const struct sync_batch *batch) {
        struct observer_time t = time_now();

        for (size_t f = 0; f < o->n; f++) {
                if (batch->torn_room && call_families[f]->torn)
                        call_families[f]->torn(o->of[f], batch);
                for (size_t i = 0; i < batch->n_events; i++)
                        call_families[f]->event(o->of[f], &batch->events[i], &t);
                for (size_t i = 0; i < batch->n_left_rooms; i++)
                        call_families[f]->room_left(o->of[f], batch->left_rooms[i]);
        }
}

void observers_commit(struct observers *o) {
        struct observer_time t = time_now();

        for (size_t f = 0; f < o->n; f++)
                call_families[f]->commit(o->of[f], &t);
        arm(o);
}

void observers_resync(struct observers *o, bool begins) {
        for (size_t f = 0; f < o->n; f++)
                call_families[f]->resync(o->of[f], begins);
}

bool observers_in_call(const struct observers *o) {
        for (size_t f = 0; f < o->n; f++)
                if (call_families[f]->in_call(o->of[f]))
                        return true;
        return false;
}

size_t observers_rooms(const struct observers *o, const char **ret, size_t max) {
        size_t n = 0;

        for (size_t f = 0; f < o->n; f++)
                if (call_families[f]->rooms)
                        n += call_families[f]->rooms(o->of[f], ret + n, max - n);
        return n;
}

void observers_set_call_cap(struct observers *o, usec_t call_cap) {
        o->context.call_cap = call_cap;
}

static int start_families(struct observers *o) {
        int r;

        for (; call_families[o->n]; o->n++) {
                if (o->n == FAMILIES_MAX)
                        return -E2BIG;
                r = call_families[o->n]->new (&o->of[o->n], &o->context);
                if (r < 0)
                        return r;
        }
        return 0;
}

int observers_new(struct observers **ret, sd_event *event, const struct observer_context *context) {
        SCOPED(observers_free) struct observers *o = calloc(1, sizeof(*o));
        int r;

        if (!o)
                return -ENOMEM;
        o->me = strdup(context->me);
        o->source = strdup(context->source);
        if (!o->me || !o->source)
                return -ENOMEM;
        o->context = *context;
        o->context.me = o->me;
        o->context.source = o->source;
        r = sd_event_add_time(event, &o->timer, CLOCK_BOOTTIME, 0, 0, on_timer, o);
        if (r < 0)
                return r;
        (void) sd_event_source_set_description(o->timer, "matrix-calls");
        r = start_families(o);
        if (r < 0)
                return r;
        arm(o);
        *ret = TAKE(o);
        return 0;
}

struct observers *observers_free(struct observers *o) {
        if (!o)
                return NULL;
        while (o->n > 0) {
                o->n--;
                call_families[o->n]->free(o->of[o->n]);
        }
        sd_event_source_disable_unref(o->timer);
        free(o->me);
        free(o->source);
        free(o);
        return NULL;
}
