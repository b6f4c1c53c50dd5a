/* What the manager's own files share. */
#pragma once

#include <systemd/sd-bus.h>
#include <systemd/sd-event.h>

#include "busyd/call-book.h"
#include "busyd/keeper.h"
#include "busyd/logind.h"
#include "busyd/manager.h"
#include "busyd/token.h"
#include "config/config.h"
#include "control/control.h"
#include "core/availability.h"
#include "core/calls.h"
#include "matrix/account.h"
#include "sources/set.h"
#include "state/state.h"

#define OUTPUTS_MAX 4

/* A Matrix account that is taken care of, with what may be written on it. */
struct tenant {
        struct manager *manager;
        char name[ACCOUNT_NAME_MAX];
        char source[ACCOUNT_NAME_MAX + sizeof("matrix/")]; /* of its calls */
        struct session session;                            /* as it was when the account was made */
        char *ca_file;
        struct http *http; /* its own: ca-file differs by account */
        struct account_handler handler;
        struct account *account;
        struct keeper *keepers[OUTPUTS_MAX];
        size_t n_keepers;
        bool settled;
        bool was_online;
        const char *leaving; /* why it is let go once nothing is owed, or at `leave_by`; NULL: it stays */
        usec_t leave_by;
        usec_t position_stored_at;
        unsigned n_calls, n_announced; /* of the user on this account, as last seen; those of them that are */
};

/* An account whose token a command prints. */
struct token_wait {
        struct manager *manager;
        char name[ACCOUNT_NAME_MAX];
        struct token_command *command; /* NULL: it has ended */
        char *token;                   /* what it printed; NULL: nothing yet, or it failed */
        bool tell;                     /* it has just ended */
};

struct manager {
        sd_event *event;
        sd_event_source *decide, *timer, *settle_timer, *stop_timer;
        sd_bus *bus, *system_bus;
        char *config_path;
        struct config *config;
        struct state *state;
        struct control *control;
        struct logind *logind;
        struct call_book *book;
        struct availability availability;
        struct availability_verdict verdict;
        char message[CLAIM_TEXT_MAX]; /* by hand; "" if none */
        bool stopping;
        bool suspended; /* the machine is about to sleep, or sleeps */
        bool keep_log_level;

        struct tenant *tenants[ACCOUNTS_MAX];
        size_t n_tenants;
        struct token_wait *token_waits[ACCOUNTS_MAX];
        size_t n_token_waits;
        struct source_set *sources;
};

/* A fact came in: decide at the end of this turn of the loop. */
void manager_touch(struct manager *m);

/* ---- tenants.c ---- */

/* Makes the tenants fit the sessions on disk and the configuration: new ones are started, gone ones are let go. */
int tenants_update(struct manager *m);
/* As tenants_update(), after the user asked for it: commands that print tokens run again. */
int tenants_reload(struct manager *m);
/* Takes up the accounts whose token has come. */
void tenants_take_tokens(struct manager *m);
void tenants_free(struct manager *m);
bool tenants_are_settled(const struct manager *m);
bool tenants_are_at_rest(const struct manager *m);
/* Hands availability to the keepers and lets them act. Returns when to do so again. */
usec_t tenants_run(struct manager *m, bool busy, usec_t now);

/* ---- publish.c: what the bus shows; control compares and sends what changed ---- */

void publish(struct manager *m, usec_t now);
void publish_tenant_gone(struct manager *m, const char *name);
