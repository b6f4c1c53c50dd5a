/* What the bus shows of an account that is taken up. */
#pragma once

#include "core/base.h"

struct account;
struct control;

/* `command_problem`: what is wrong with the token if the server does not take it; NULL: it is not of a command.
 * `encrypted`: the word for calls in encrypted rooms, where the account has none of its own. */
void account_show(struct control *control, const char *name, struct account *a, const char *command_problem,
                  const char *encrypted, const struct instant *at);
