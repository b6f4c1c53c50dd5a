/* When things become visible on a bus: a connection on the bench's own loop that notes the time of what it waits for.
 */
#pragma once

#include <systemd/sd-bus.h>
#include <systemd/sd-event.h>

#include "system/harness.h"

/* A property, as its last PropertiesChanged told it. */
struct bus_watch;

struct bus_watch *bus_watch_new(sd_event *event, const struct private_bus *bus, const char *path,
                                const char *interface, const char *property);
struct bus_watch *bus_watch_free(struct bus_watch *watch);

/* Runs the loop until the property was told to be this (a string, or a number as text). Returns when that was, also if
 * it was told before the call; fails the run after the deadline of the harness. */
usec_t bus_watch_wait(struct bus_watch *watch, struct world *w, const char *value);

/* What it was told to be last, and when; "" and 0: never. Borrowed. */
const char *bus_watch_value(const struct bus_watch *watch, usec_t *ret_at);

/* Its connection; borrowed. */
sd_bus *bus_watch_bus(struct bus_watch *watch);

/* Runs the loop until `done` says so. */
void loop_until(sd_event *event, struct world *w, bool (*done)(void *userdata), void *userdata, const char *what);
