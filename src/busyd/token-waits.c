/* Tokens that commands print, see token-waits.h. */
#include "busyd/token-waits.h"

#include <errno.h>
#include <stdio.h>

#include "busyd/token.h"
#include "control/control.h"
#include "matrix/connection.h"
#include "state/session.h"
#include "state/token.h"
#include "util/log.h"

struct token_wait {
        struct token_waits *waits;
        char name[ACCOUNT_NAME_MAX];
        char *user_id, *homeserver;    /* NULL: not known */
        struct token_command *command; /* NULL: it has ended */
        char *token;                   /* what it printed last; NULL: nothing yet */
        bool again, failed;            /* of this run */
        bool tell;                     /* it has just ended */
        bool asked;                    /* since the last sweep */
        char problem[256];             /* of its last run; "": none */
};

static struct token_wait *wait_free(struct token_wait *w) {
        if (!w)
                return NULL;
        token_command_free(w->command);
        erase_and_free(w->token);
        free(w->user_id);
        free(w->homeserver);
        free(w);
        return NULL;
}

void token_waits_sweep(struct token_waits *t) {
        for (size_t i = t->n; i > 0; i--) {
                struct token_wait *w = t->waits[i - 1];

                if (!w->asked) {
                        t->waits[i - 1] = t->waits[--t->n];
                        wait_free(w);
                } else
                        w->asked = false;
        }
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
                erase_and_free(w->token);
                w->token = copy;
        } else {
                (void) snprintf(w->problem, sizeof(w->problem), "token-command is of no use: %s",
                                token ? "out of memory" : problem);
                log_error("Account %s: %s; the account stays %s until 'busyctl reload'", w->name, w->problem,
                          w->again ? "signed out" : "off");
        }
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

        w->problem[0] = '\0';
        if (r >= 0)
                return r;
        (void) snprintf(w->problem, sizeof(w->problem), "token-command cannot be run: %s", strerror(-r));
        log_error("Account %s: %s", w->name, w->problem);
        return r;
}

static int start_first(struct token_waits *t, const char *name, const char *command, const struct session *session) {
        struct token_wait *w;

        if (t->n >= ACCOUNTS_MAX)
                return -E2BIG;
        w = calloc(1, sizeof(*w));
        if (!w)
                return -ENOMEM;
        w->waits = t;
        (void) snprintf(w->name, sizeof(w->name), "%s", name);
        w->user_id = session->user_id ? strdup(session->user_id) : NULL;
        w->homeserver = session->homeserver ? strdup(session->homeserver) : NULL;
        w->asked = true;
        t->waits[t->n++] = w;
        return start(w, command);
}

int token_waits_get(struct token_waits *t, const char *name, const char *command, const struct session *session,
                    const char **ret) {
        struct token_wait *w = find(t, name);

        if (!w)
                return start_first(t, name, command, session) == -ENOMEM ? -ENOMEM : -EAGAIN;
        w->asked = true;
        if (!w->token)
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

/* ---- what the bus shows ---- */

const char *token_waits_problem(const struct token_waits *t, const char *name) {
        const struct token_wait *w = find(t, name);

        return !w ? NULL : *w->problem ? w->problem : "the server does not take the token that token-command prints";
}

const char *token_waits_name(const struct token_waits *t, size_t i) {
        return i < t->n ? t->waits[i]->name : NULL;
}

bool token_waits_wait(const struct token_waits *t, const char *name) {
        const struct token_wait *w = find(t, name);

        return w && !w->token;
}

bool token_waits_publish(const struct token_waits *t, size_t i, struct control *control) {
        const struct token_wait *w = t->waits[i];
        char problem[512] = "";

        if (w->token)
                return false;
        if (*w->problem)
                (void) snprintf(problem, sizeof(problem), "%s: mend that, then: busyctl reload", w->problem);
        if (control_set_account(control, &(struct control_account_view){
                                                 .name = w->name,
                                                 .user_id = w->user_id ? w->user_id : "",
                                                 .homeserver = w->homeserver ? w->homeserver : "",
                                                 .server = "",
                                                 .state = connection_state_to_string(*problem ? CONNECTION_WAITING
                                                                                              : CONNECTION_CONNECTING),
                                                 .problem = problem,
                                         }) < 0)
                log_debug("Account %s cannot be published", w->name);
        return true;
}
