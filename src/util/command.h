/* A shell command that runs beside the loop: what it prints is kept, it has a deadline, and it ends with its object.
 *
 * Where systemd runs this process as a service, the command becomes a unit of its own, a transient one of the same
 * user manager: the service is forbidden what it does not need, and a command may well need it (a program that makes
 * code while it runs, one that needs namespaces). Anywhere else, and where systemd will not have it, it is a child. */
#pragma once

#include <systemd/sd-bus.h>

#include "core/base.h"

#define COMMAND_OUTPUT_MAX 8192 /* bytes that are read; whoever prints more is not waited for */

struct command;

/* `output` is borrowed and ends with a NUL, and may be wiped. `status`: the exit code, 128 and the signal that ended
 * it, or -ETIMEDOUT; -E2BIG: it printed more than COMMAND_OUTPUT_MAX. */
typedef void (*command_done_t)(char *output, size_t size, int status, void *userdata);

/* Runs `line` by /bin/sh with the environment of this process, standard error included. `bus` is the user's, NULL:
 * none. `done` is called once, from the event loop or from command_run(), and not after command_free(), which ends the
 * command. Negative errno: it could not be started. */
int command_start(struct command **ret, sd_event *event, sd_bus *bus, const char *line, usec_t time_max,
                  command_done_t done, void *userdata);
/* Gives up on a command that takes longer than `time_max`. Once a turn; returns when to call again. */
usec_t command_run(struct command *c, usec_t now);
struct command *command_free(struct command *c); /* wipes what was printed; NULL is fine; returns NULL */
CLEANUP(struct command, command_free);
