/* What busyd stands on, for busyctl doctor: the bus of the user, its unit, the state folder. Asks systemd and the file
 * system; starts and writes nothing. */
#pragma once

#include <jansson.h>

#include "busyctl/busyctl.h"

/* Whether the bus of the user is there; `c` is connected to it then, and keeps quiet. */
bool look_at_bus(struct ctl *c, json_t *doc);

/* What systemd knows of busyd.service. `running`: somebody has busyd's name on the bus, the unit or not. */
void look_at_unit(struct ctl *c, json_t *doc, bool running);

/* Whether state can be kept in `folder`, and whether what was kept is whole. */
void look_at_folder(json_t *doc, const char *folder);
