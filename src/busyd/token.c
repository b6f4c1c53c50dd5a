#include "busyd/token.h"

#include <errno.h>
#include <stdio.h>

#include "state/token.h"
#include "util/command.h"

struct token_command {
        token_done_t done;
        void *userdata;
        struct command *command;
};

struct token_command *token_command_free(struct token_command *t) {
        if (!t)
                return NULL;
        command_free(t->command);
        free(t);
        return NULL;
}

static void on_done(char *output, size_t size, int status, void *userdata) {
        struct token_command *t = userdata;
        char problem[64], *token = NULL;

        if (status == -ETIMEDOUT)
                (void) snprintf(problem, sizeof(problem), "it did not end in time");
        else if (status > 0)
                (void) snprintf(problem, sizeof(problem), "it ended with code %d", status);
        else if (status < 0 || token_trim(output, size, &token) < 0)
                (void) snprintf(problem, sizeof(problem), "it printed something else than one token");
        t->done(token, token ? NULL : problem, t->userdata);
}

usec_t token_command_run(struct token_command *t, usec_t now) {
        return command_run(t->command, now);
}

int token_command_start(struct token_command **ret, sd_event *event, sd_bus *user_bus, const char *command,
                        token_done_t done, void *userdata) {
        SCOPED(token_command_free) struct token_command *t = calloc(1, sizeof(*t));
        int r;

        if (!t)
                return -ENOMEM;
        t->done = done;
        t->userdata = userdata;
        r = command_start(&t->command, event, user_bus,
                          &(struct command_options){ .argv = COMMAND_SHELL(command), .time_max = TOKEN_COMMAND_MAX },
                          on_done, t);
        if (r < 0)
                return r;
        *ret = TAKE(t);
        return 0;
}
