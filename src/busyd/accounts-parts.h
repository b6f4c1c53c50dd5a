/* What the files of the set of accounts share: see accounts.c. Nobody else includes this. */
#pragma once

#include "busyd/accounts.h"

#include "busyd/account-memory.h"
#include "busyd/device-keeper.h"
#include "busyd/farewell.h"
#include "busyd/journal-door.h"
#include "busyd/outsiders.h"
#include "busyd/session-keeper.h"
#include "busyd/token-waits.h"
#include "busyd/vault.h"
#include "config/config.h"
#include "http/http.h"
#include "matrix/account.h"

/* An account that is taken up. */
struct member {
        struct accounts *accounts;
        char name[ACCOUNT_NAME_MAX];
        char source[ACCOUNT_NAME_MAX + sizeof("matrix/")]; /* of its calls */
        struct session session;                            /* as it is on disk, or from outside */
        struct session_keeper keeper;
        struct token_keeper doors; /* of the keeper */
        struct device_keeper device;
        char *ca_file;
        struct http *http; /* its own: ca-file differs by account */
        struct account *account;

        const char *leaving; /* why; NULL: it stays */
        usec_t leave_by;     /* USEC_NEVER: however long it takes */

        struct account_memory memory;
        struct farewell farewell;
};

struct let_go {
        char name[ACCOUNT_NAME_MAX];
        usec_t until;
};

/* What there is of an account whose session is not to be used. */
struct refused {
        char name[ACCOUNT_NAME_MAX];
        char *why;
};

struct accounts {
        struct accounts_context context;
        struct journal_door door;
        struct claim_journal journal; /* through it */
        const struct config *config;  /* of the last update; NULL: there was none yet */
        struct member *members[ACCOUNTS_MAX];
        size_t n_members;
        struct token_waits tokens;
        struct vault vault;
        struct vault keys; /* to what is stored of encrypted rooms */
        struct outsiders outsiders;
        struct let_go let_go[ACCOUNTS_MAX];
        size_t n_let_go;
        struct refused refused[ACCOUNTS_MAX]; /* by the last look at the sessions */
        size_t n_refused;
        bool lacks;      /* something was in the way of ours that passes, as memory that is used up */
        usec_t again_at; /* then the sessions are looked at again; USEC_NEVER: not by themselves */
        char published[ACCOUNTS_MAX][ACCOUNT_NAME_MAX];
        size_t n_published;
};

/* ---- accounts.c ---- */

/* What prints its token; NULL: nothing does. */
const char *accounts_token_command(const struct accounts *s, const char *name);

/* ---- account-member.c: one that is taken up ---- */

/* Takes session and device over. `aside`: the keyring has not got the tokens yet. */
int member_new(struct member **ret, struct accounts *s, const char *name, struct session *session,
               struct device_keeper *device, bool aside, usec_t now);
struct member *member_free(struct member *m); /* NULL is fine; returns NULL */
CLEANUP(struct member, member_free);
/* Its settings, and the token that comes with them, are others. */
void member_update(struct member *m, const struct account_config *config, usec_t now);
/* Returns when to call again. */
usec_t member_run(struct member *m, const struct accounts_wanted *wanted, const struct instant *at);
/* A logout waits until everything was given back; a session that is gone waits for nothing that cannot be done. */
bool member_may_go(const struct member *m, usec_t now);
