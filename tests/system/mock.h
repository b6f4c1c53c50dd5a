/* Services that busyd watches, played by python-dbusmock: a process of its own on one of the test's buses, told over
 * the bus what it is and what it does. */
#pragma once

#include "system/harness.h"

struct mock;

struct mock_options {
        const char *name, *path, *interface;
        bool has_objects;                       /* it is an ObjectManager */
        const char *setup;                      /* Python: what else `mock` is before anybody can ask it; or NULL */
        const char *template_name, *parameters; /* instead of name, path and interface; JSON; may be NULL */
};

/* Waits until it is on the bus under its name. */
struct mock *mock_new(struct world *w, const struct private_bus *bus, const struct mock_options *options);
/* It dies, as services do; returns once the bus knows. */
struct mock *mock_free(struct mock *m);

/* A method of org.freedesktop.DBus.Mock, such as AddObject ("ssa{sv}a(ssss)"), AddMethod ("sssss"), UpdateProperties
 * ("sa{sv}") or EmitSignal ("sssav"); values as for sd_bus_message_append(). It must work. */
void mock_call(struct mock *m, const char *path, const char *member, const char *types, ...);
/* A method of the service itself, as somebody else calls it. */
void mock_use(struct mock *m, const char *path, const char *interface, const char *member, const char *types, ...);

/* ---- what tests of sources say often ---- */

/* The folder of the world gets a system bus, where busyd will look for it. */
struct private_bus *world_system_bus(struct world *w);

void expect_source(struct world *w, const char *name, const char *state);
void expect_source_detail(struct world *w, const char *name, const char *part);
void expect_source_calls(struct world *w, const char *name, const char *count);
/* Among all that busyd shows, a property of some call has this value. */
void expect_shown(struct world *w, const char *part);
/* Neither log nor bus have this. */
void expect_untold(struct world *w, const char *secret);
