/* See bus-source.h. */
#include "sources/bus-source.h"

#include <errno.h>

static struct bus_source *bus_source_of(struct source *s) {
        return (struct bus_source *) s; /* comes first */
}

static enum source_state state_of(const struct bus_service *service) {
        switch (bus_service_state(service)) {
        case BUS_SERVICE_STARTING:
                return SOURCE_STARTING;
        case BUS_SERVICE_WATCHING:
                return SOURCE_WATCHING;
        case BUS_SERVICE_UNAVAILABLE:
                break;
        }
        return SOURCE_UNAVAILABLE;
}

void bus_source_changed(void *s) {
        const struct bus_service *service = bus_source_of(s)->service;

        source_set_state(s, state_of(service), bus_service_detail(service));
        source_touch(s);
}

void bus_source_reset(void *s) {
        source_end(s, NULL);
}

int bus_source_start(struct source **ret, size_t size, const struct source_kind *kind,
                     const struct source_context *context, sd_bus *bus, const char *name, const char *title,
                     const struct bus_service_ops *ops) {
        struct bus_source *b = calloc(1, size);
        int r;

        if (!b)
                return -ENOMEM;
        source_init(&b->source, kind, context);
        r = bus_service_new(&b->service, bus, name, title, ops, b);
        if (r < 0) {
                free(b);
                return r;
        }
        *ret = &b->source;
        bus_source_changed(b);
        return 0;
}

struct source *bus_source_stop(struct source *s) {
        (void) bus_service_free(bus_source_of(s)->service);
        free(s);
        return NULL;
}

usec_t bus_source_run(struct source *s, usec_t now) {
        return bus_service_run(bus_source_of(s)->service, now);
}
