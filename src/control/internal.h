/* What the files of this room share. */
#pragma once

#include <systemd/sd-bus.h>

#include "control/control.h"
#include "control/holds.h"
#include "control/object.h"

struct control {
        sd_bus *bus;
        sd_bus_slot *naming;
        struct control_ops ops;
        struct object_set *objects;
        struct object *root; /* the Manager interface */
        struct holds *holds;
};

/* Exports the Manager interface: `root`. */
int manager_object_add(struct control *c);
