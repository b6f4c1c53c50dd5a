/* A shell command as a transient unit of the user manager, for command.c: started over the bus, its output a pipe, its
 * end told by the unit's properties. Ends with its object, and in any case after its time. */
#pragma once

#include <systemd/sd-bus.h>

#include "core/base.h"

struct command_unit;

/* From the bus. */
struct command_unit_handler {
        void (*started)(int error, void *userdata); /* 0, or a negative errno: nothing has run, and nothing follows */
        void (*ended)(int status, void *userdata);  /* the exit code, or 128 and the signal that ended it */
        void *userdata;
};

/* Whether this process is itself what systemd started as a service. */
bool command_unit_is_due(void);
/* `output` stays the caller's. Standard error is that of this process. */
int command_unit_start(struct command_unit **ret, sd_bus *bus, const char *line, int output, usec_t time_max,
                       const struct command_unit_handler *handler);
struct command_unit *command_unit_free(struct command_unit *u); /* NULL is fine; returns NULL */
CLEANUP(struct command_unit, command_unit_free);
