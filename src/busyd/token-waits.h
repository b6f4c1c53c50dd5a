/* The accounts whose token a command prints: it runs when the account is taken up, and once more when the server does
 * not take what it has printed. In between the token stays here. */
#pragma once

#include <systemd/sd-bus.h>

#include "core/account-settings.h"
#include "core/base.h"

struct token_wait;

/* Embedded; set up with the first four members. */
struct token_waits {
        sd_event *event;
        sd_bus *user_bus;
        void (*touched)(void *userdata);
        void *userdata;
        struct token_wait *waits[ACCOUNTS_MAX];
        size_t n;
};

/* The token of the account, borrowed until the next call; the command is started if it never was. -EAGAIN while it
 * runs, or after it failed, which is told where it is noticed. */
int token_waits_get(struct token_waits *t, const char *name, const char *command, const char **ret);
/* Once more. -ENOENT: the token of this account comes from no command. */
int token_waits_again(struct token_waits *t, const char *name, const char *command);

/* Gives up on commands that take too long. Once a turn; returns when to call again. */
usec_t token_waits_run(struct token_waits *t, usec_t now);
/* What has ended since: once each. `ret_again`: by token_waits_again(). `ret_token` NULL: it failed. */
bool token_waits_take(struct token_waits *t, const char **ret_name, const char **ret_token, bool *ret_again);
/* There is an account that waits for its first token. */
bool token_waits_are_open(const struct token_waits *t);
/* Ends what runs, and forgets all tokens. */
void token_waits_forget(struct token_waits *t);
