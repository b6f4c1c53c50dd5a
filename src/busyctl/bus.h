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

/* Has the daemon read its sessions and its configuration again, if it runs. Returns 1 if it did, 0 if it does not
 * run or cannot: that is told unless it does not run. */
int bus_reload_if_running(struct ctl *c);
