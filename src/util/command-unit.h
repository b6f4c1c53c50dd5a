/* A command as a transient unit of the user manager, for command.c: started over the bus, its output a pipe, its
 * end told by the unit's properties. Ends with its object, and in any case after its time. */
#pragma once

#include <systemd/sd-bus.h>

#include "core/base.h"

struct command_unit;

/* From the bus. */
struct command_unit_handler {
        void (*started)(int error, void *userdata); /* 0, or a negative errno: nothing has run, and nothing follows */
        void (*ended)(int status, void *userdata);  /* as of command_done_t */
        void *userdata;
};

/* Whether this process is itself what systemd started as a service. */
bool command_unit_is_due(void);
/* Borrowed for the call. Standard error is that of this process. */
struct command_unit_options {
        const char *const *argv;        /* the first is an absolute path */
        const char *const *environment; /* all of it; what systemd says to one service only stays behind */
        int output;
        usec_t time_max;
};
int command_unit_start(struct command_unit **ret, sd_bus *bus, const struct command_unit_options *options,
                       const struct command_unit_handler *handler);
struct command_unit *command_unit_free(struct command_unit *u); /* NULL is fine; returns NULL */
CLEANUP(struct command_unit, command_unit_free);
