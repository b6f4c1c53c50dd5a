/* Owns the loop: carries facts from the edges into the core, and what the core asks for out to the edges. The only
 * one that knows two neighbours. */
#pragma once

#include <systemd/sd-event.h>

#include "core/base.h"

struct manager;

struct manager_options {
        const char *config_path; /* NULL: the usual files */
        const char *state_dir;   /* NULL: the usual folder */
        bool keep_log_level;     /* the configuration does not change it */
};

/* Everything that can fail at start fails here, told in the log: -EBUSY or -EEXIST if another busyd runs. */
int manager_new(struct manager **ret, sd_event *event, const struct manager_options *options);
struct manager *manager_free(struct manager *m);
CLEANUP(struct manager, manager_free);

/* Connects, watches, takes the bus name. */
int manager_start(struct manager *m);

/* Gives back what is owed, for at most MANAGER_STOP_MAX, then ends the loop with exit code 0. A second call ends it
 * at once: the journal keeps what is owed. */
#define MANAGER_STOP_MAX (5 * USEC_PER_SEC)
void manager_stop(struct manager *m);

/* Reads configuration and sessions again: all or nothing. Returns -EINVAL and a sentence that the caller frees if the
 * configuration has a mistake. */
int manager_reload(struct manager *m, char **ret_problem);
