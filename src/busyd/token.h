/* The access token of an account as a command prints it, for those who keep it in a password manager. The command
 * runs beside the loop, with a deadline; what it prints is wiped after use and never told. */
#pragma once

#include <systemd/sd-bus.h>

#include "core/base.h"

#define TOKEN_COMMAND_MAX (30 * USEC_PER_SEC) /* a person may have to unlock the password manager */

struct token_command;

/* One of `token` and `problem` is NULL; both are borrowed. */
typedef void (*token_done_t)(const char *token, const char *problem, void *userdata);

/* Runs `command` by /bin/sh, see util/command.h. `done` is called once, from the event loop or from
 * token_command_run(), and not after token_command_free(), which ends the command. */
int token_command_start(struct token_command **ret, sd_event *event, sd_bus *user_bus, const char *command,
                        token_done_t done, void *userdata);
/* Gives up on a command that takes too long. Once a turn; returns when to call again. */
usec_t token_command_run(struct token_command *t, usec_t now);
struct token_command *token_command_free(struct token_command *t); /* NULL is fine; returns NULL */
CLEANUP(struct token_command, token_command_free);
