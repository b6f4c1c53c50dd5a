/* The objects below the root: accounts, calls and sources. control.h has the functions that fill them. */
#pragma once

#include <systemd/sd-bus.h>

#include "control/object.h"

/* Every call known, as the argument `evidence` of Explain. */
int children_append_evidence(struct object_set *s, sd_bus_message *m);
/* What every output owes, as the argument `restore` of Explain. */
int children_append_restore(struct object_set *s, sd_bus_message *m);
