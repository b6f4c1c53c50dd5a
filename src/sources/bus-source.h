/* A source that watches one service on a bus: what its struct begins with, and what such sources do alike. Only for
 * files in this room.
 *
 *   struct mine { struct bus_source bus; ... };
 *   static const struct bus_service_ops ops = { begin, reset, bus_source_changed };
 *
 * begin() installs matches and asks, see util/bus-service.h; reset() forgets what the service told and ends its calls.
 * Both, and all answers, get the source. */
#pragma once

#include "sources/base.h"
#include "util/bus-service.h"

struct bus_source {
        struct source source;
        struct bus_service *service;
};

/* For source_kind.start: allocates `size` bytes, all zero behind the bus_source, and begins to watch. */
int bus_source_start(struct source **ret, size_t size, const struct source_kind *kind,
                     const struct source_context *context, sd_bus *bus, const char *name, const char *title,
                     const struct bus_service_ops *ops);
/* For source_kind.stop and .run. */
struct source *bus_source_stop(struct source *s);
usec_t bus_source_run(struct source *s, usec_t now);

void bus_source_changed(void *s); /* ops->changed */
void bus_source_reset(void *s);   /* ops->reset of those that keep nothing: ends the calls */
