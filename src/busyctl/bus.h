/* Calls to the daemon, and what comes back as JSON, which the rest of busyctl reads. */
#pragma once

#include <jansson.h>

#include "busyctl/busyctl.h"

#define BUS_NAME     "org.busyd.Busyd1"
#define BUS_PATH     "/org/busyd/Busyd1"
#define BUS_MANAGER  "org.busyd.Busyd1.Manager"
#define BUS_ACCOUNT  "org.busyd.Busyd1.Account"
#define BUS_CALL     "org.busyd.Busyd1.Call"
#define BUS_SOURCE   "org.busyd.Busyd1.Source"
#define DBUS_PROPS   "org.freedesktop.DBus.Properties"
#define DBUS_OBJECTS "org.freedesktop.DBus.ObjectManager"

/* Connects to the user bus; fine if that is done already. */
enum exit_code bus_open(struct ctl *c);
void bus_close(struct ctl *c);

/* Connects if need be, calls a method of BUS_PATH and turns the answer into an array of its values; `ret` may be
 * NULL. Text in it is printable: control characters are gone. The caller owns *ret. */
enum exit_code bus_call(struct ctl *c, const char *interface, const char *method, json_t **ret, const char *types,
                        ...);

/* From now on changes of the daemon are noticed by bus_wait(), and that it ends. The bus must be open. Negative errno,
 * told. */
int bus_watch(struct ctl *c);
/* Waits until something has changed since the last look. Returns 1 if so, 0 if the deadline (CLOCK_BOOTTIME) has come,
 * -EINTR after a signal that has a handler, or another negative errno. */
int bus_wait(struct ctl *c, usec_t deadline);

/* A running daemon looks at the sessions again. CTL_UNREACHABLE, not told, if none runs; CTL_FAILED is told. */
enum exit_code bus_sessions_changed(struct ctl *c);
