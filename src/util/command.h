/* A command that runs beside the loop: what it prints is kept, it has a deadline, and it ends with its object.
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

/* All borrowed for the call. */
struct command_options {
        const char *const *argv;        /* NULL-terminated; the first is an absolute path, or is found in PATH */
        const char *const *environment; /* "NAME=value", in place of this process's; NULL: none */
        bool output_is_log;             /* what it prints goes where this process's messages go, and is not kept */
        usec_t time_max;
};

/* What runs a line by a shell, as the first of four words. */
#define COMMAND_SHELL(line) ((const char *const[]){ "/bin/sh", "-c", (line), NULL })

/* Runs it with the environment of this process and its standard error, and every signal as it is by default. `bus` is
 * the user's, NULL: none. `done` is called once, from the event loop or from command_run(), and not after
 * command_free(), which ends the command. Negative errno: it could not be started, -ENOENT: there is no such program
 * in PATH. A program that turns out not to be there later ends with 127. */
int command_start(struct command **ret, sd_event *event, sd_bus *bus, const struct command_options *options,
                  command_done_t done, void *userdata);
/* Gives up on a command that takes longer than `time_max`. Once a turn; returns when to call again. */
usec_t command_run(struct command *c, usec_t now);
struct command *command_free(struct command *c); /* wipes what was printed; NULL is fine; returns NULL */
CLEANUP(struct command, command_free);
