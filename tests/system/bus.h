/* A private message bus and a client of it. The client is libdbus, so that busyd's side of the protocol is tried by
 * an implementation that shares nothing with it. */
#pragma once

#include "core/base.h"

#define BUSYD_NAME      "org.busyd.Busyd1"
#define BUSYD_PATH      "/org/busyd/Busyd1"
#define BUSYD_MANAGER   "org.busyd.Busyd1.Manager"
#define BUSYD_ACCOUNT   "org.busyd.Busyd1.Account"
#define BUSYD_CALL      "org.busyd.Busyd1.Call"
#define BUSYD_SOURCE    "org.busyd.Busyd1.Source"
#define BUSYD_INTERFACE "org.busyd.Busyd1"

struct private_bus; /* a dbus-daemon of the test's own; with BUSYD_TEST_BUS=dbus-broker the other implementation */

/* The socket and the configuration go into `dir`. NULL: it did not start. */
struct private_bus *private_bus_new(const char *dir, const char *name);
struct private_bus *private_bus_free(struct private_bus *b);
/* It dies, and all connections to it. */
void private_bus_stop(struct private_bus *b);
/* It dies if it runs, and another one comes at the same address. */
bool private_bus_restart(struct private_bus *b);
/* It stays there, takes connections and what is sent, and answers nothing, until it is let go on. */
void private_bus_hang(const struct private_bus *b, bool hangs);
const char *private_bus_address(const struct private_bus *b);

struct peer; /* one connection */

/* NULL unless it is the bus of the test, run by the process that private_bus_new() started. */
struct peer *peer_new(const struct private_bus *b);
/* On the bus at this address, for those who know that it is the test's own. */
struct peer *peer_new_at(const char *address);
struct peer *peer_free(struct peer *p); /* leaves the bus */

bool peer_sees_name(struct peer *p, const char *name);
/* Waits for one message of any kind, at most this long. */
void peer_wait(struct peer *p, int64_t msec);

/* Values come as text: strings as they are, "true", "7"; inside of containers strings stand in quotes, as in
 * [("presence", "held")]. The caller frees. NULL: no such property. */
char *peer_get(struct peer *p, const char *path, const char *interface, const char *property);
/* Until the property is exactly this, or contains it. False after the deadline. */
bool peer_wait_is(struct peer *p, const char *path, const char *interface, const char *property, const char *value);
bool peer_wait_has(struct peer *p, const char *path, const char *interface, const char *property, const char *part);

/* Calls busyd. After the method come libdbus's type and pointer pairs, as for dbus_message_append_args(), closed by
 * DBUS_TYPE_INVALID. Returns the answer's arguments as text joined by ", ", or "NAME: message" of an error, which
 * begins with "org.". Errors answer false through ret_ok, which may be NULL. */
char *peer_call(struct peer *p, const char *path, const char *interface, const char *method, bool *ret_ok,
                int first_type, ...);
/* GetManagedObjects as text. */
char *peer_objects(struct peer *p);
