/* The event loop: buses, clocks, signals, the control interface and logind, and the manager run by them. The only
 * place where the clock is read and a timer is set: once for each turn, one for all. */
#pragma once

#include <stdbool.h>

struct loop_options {
        const char *config_path; /* NULL: the usual files */
        const char *state_dir;   /* NULL: the usual folder */
        bool keep_log_level;     /* the configuration does not change it */
};

/* Runs until SIGTERM or SIGINT. Everything that fails is told in the log. Returns the exit code, see busyd(1): 69 if
 * another busyd runs, 78 if trying again does not mend it. */
int loop_run(const struct loop_options *options);
