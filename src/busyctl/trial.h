/* Whether others really see that the user is busy, for busyctl doctor: has busyd be busy for a moment and reads on
 * each account what became of it, and whether it was given back. */
#pragma once

#include <jansson.h>
#include <systemd/sd-event.h>

#include "busyctl/busyctl.h"
#include "config/config.h"

/* For each of beginning and end: a grace, a read, a write and a look, on a slow server. */
#define TRIAL_MAX (20 * USEC_PER_SEC)

/* `doc`: what doctor has found, with an object for each account; what the trial shows is added to their findings, and
 * as "probe": "works", "unchanged" or "kept", null where it could not be tried. `c` is quiet, and may have no bus. */
void try_busy(struct ctl *c, sd_event *event, const char *folder, const struct config *config, json_t *doc);
