/* Tokens that commands print, see token-waits.h. */
#include "busyd/token-waits.h"

#include <errno.h>
#include <stdio.h>

#include "busyd/token.h"
#include "state/token.h"
#include "util/log.h"

struct token_wait {
        struct token_waits *waits;
        char name[ACCOUNT_NAME_MAX];
        struct token_command *command; /* NULL: it has ended */
        char *token;                   /* what it printed last; NULL: nothing yet */
        bool again, failed;            /* of this run */
        bool tell;                     /* it has just ended */
};

static struct token_wait *wait_free(struct token_wait *w) {
        if (!w)
                return NULL;
        token_command_free(w->command);
        token_free(w->token);
        free(w);
        return NULL;
}

void token_waits_forget(struct token_waits *t) {
        while (t->n > 0)
                wait_free(t->waits[--t->n]);
}

static void on_token(const char *token, const char *problem, void *userdata) {
        struct token_wait *w = userdata;
        char *copy = token ? strdup(token) : NULL;

        w->failed = !copy;
        if (copy) {
                token_free(w->token);
                w->token = copy;
        } else
                log_error("Account %s: token-command is of no use: %s; the account stays %s until 'busyctl reload'",
                          w->name, token ? "out of memory" : problem, w->again ? "signed out" : "off");
        w->tell = true;
        w->waits->touched(w->waits->userdata);
}

static struct token_wait *find(const struct token_waits *t, const char *name) {
        for (size_t i = 0; i < t->n; i++)
                if (streq(t->waits[i]->name, name))
                        return t->waits[i];
        return NULL;
}

static int start(struct token_wait *w, const char *command) {
        struct token_waits *t = w->waits;
        int r = token_command_start(&w->command, t->event, t->user_bus, command, on_token, w);

        if (r < 0)
                log_error("Account %s: token-command cannot be run: %s", w->name, strerror(-r));
        return r;
}

static int start_first(struct token_waits *t, const char *name, const char *command) {
        struct token_wait *w;
        int r;

        if (t->n >= ACCOUNTS_MAX)
                return -E2BIG;
        w = calloc(1, sizeof(*w));
        if (!w)
                return -ENOMEM;
        w->waits = t;
        (void) snprintf(w->name, sizeof(w->name), "%s", name);
        r = start(w, command);
        if (r < 0) {
                wait_free(w);
                return r;
        }
        t->waits[t->n++] = w;
        return 0;
}

int token_waits_get(struct token_waits *t, const char *name, const char *command, const char **ret) {
        const struct token_wait *w = find(t, name);

        if (!w)
                (void) start_first(t, name, command);
        if (!w || !w->token)
                return -EAGAIN;
        *ret = w->token;
        return 0;
}

int token_waits_again(struct token_waits *t, const char *name, const char *command) {
        struct token_wait *w = find(t, name);

        if (!w || !w->token)
                return -ENOENT;
        if (w->command)
                return 0;
        w->again = true;
        return start(w, command);
}

usec_t token_waits_run(struct token_waits *t, usec_t now) {
        usec_t wake_at = USEC_NEVER;

        for (size_t i = 0; i < t->n; i++)
                if (t->waits[i]->command)
                        wake_at = usec_min(wake_at, token_command_run(t->waits[i]->command, now));
        return wake_at;
}

bool token_waits_take(struct token_waits *t, const char **ret_name, const char **ret_token, bool *ret_again) {
        for (size_t i = 0; i < t->n; i++) {
                struct token_wait *w = t->waits[i];

                if (!w->tell)
                        continue;
                w->tell = false;
                w->command = token_command_free(w->command);
                *ret_name = w->name;
                *ret_token = w->failed ? NULL : w->token;
                *ret_again = w->again;
                w->again = false;
                return true;
        }
        return false;
}

bool token_waits_are_open(const struct token_waits *t) {
        for (size_t i = 0; i < t->n; i++)
                if (t->waits[i]->command && !t->waits[i]->token)
                        return true;
        return false;
}
