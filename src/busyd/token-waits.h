/* The accounts whose token a command prints: it runs when the account is taken up, and once more when the server does
 * not take what it has printed. In between the token stays here. */
#pragma once

#include <systemd/sd-bus.h>

#include "core/account-settings.h"
#include "core/base.h"

struct control;
struct session;
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
 * runs, or after it failed, which is told where it is noticed. `session` is shown meanwhile, whatever is in it. */
int token_waits_get(struct token_waits *t, const char *name, const char *command, const struct session *session,
                    const char **ret);
/* Forgets all of which token_waits_get() was not asked since the last time. */
void token_waits_sweep(struct token_waits *t);
/* Once more. -ENOENT: the token of this account comes from no command. */
int token_waits_again(struct token_waits *t, const char *name, const char *command);

/* Gives up on commands that take too long. Once a turn; returns when to call again. */
usec_t token_waits_run(struct token_waits *t, usec_t now);
/* What has ended since: once each. `ret_again`: by token_waits_again(). `ret_token` NULL: it failed. */
bool token_waits_take(struct token_waits *t, const char **ret_name, const char **ret_token, bool *ret_again);
/* There is an account that waits for its first token. */
bool token_waits_are_open(const struct token_waits *t);

/* What is wrong with its token where the server does not take that, for people; NULL: it is of no command. */
const char *token_waits_problem(const struct token_waits *t, const char *name);
/* The i-th; NULL: there is no such. */
const char *token_waits_name(const struct token_waits *t, size_t i);
/* It has given no token so far. */
bool token_waits_wait(const struct token_waits *t, const char *name);
/* Shows the i-th, if that one waits: returns whether it does. */
bool token_waits_publish(const struct token_waits *t, size_t i, struct control *control);

/* Ends what runs, and forgets all tokens. */
void token_waits_forget(struct token_waits *t);
