/* One Matrix account: wires what belongs to it together: client, server, connection, sync, calls, outputs, machines.
 * Owns no decision and knows nothing of presence. Reads no clock and owns no timer: run it each turn in which a fact
 * came in
 * (`touched`), and at its deadline. */
#pragma once

#include "core/account-settings.h"
#include "core/base.h"
#include "core/calls.h"
#include "core/journal.h"
#include "core/token-keeper.h"
#include "matrix/connection.h"
#include "matrix/encrypted.h"
#include "matrix/outputs/driver.h"

struct http;

struct account;

/* Copied, but for what sink and journal point to. */
struct account_options {
        const char *name;
        const char *homeserver, *user_id;
        struct token_pair tokens;
        const char *token_endpoint, *client_id; /* where they are renewed; NULL or "": at the homeserver */
        const struct token_keeper *keeper;      /* NULL: they are not renewed here */
        const char *device_id;                  /* "": not known */
        /* The position up to which everything was seen; NULL: none, or older than SYNC_GAP_MAX (sync.h). */
        const char *since;
        struct account_lessons learned; /* in earlier runs */
        const struct account_settings *settings;
        const struct call_sink *sink; /* where its calls are reported, as source "matrix/NAME" */
        const struct claim_journal *journal;
        uint32_t (*random)(void *userdata); /* for waits */
        /* The session is a verified device: calls are looked for in encrypted rooms, or only whether it harms others
         * where the settings want none. NULL: it is none. */
        const struct encrypted_keeper *encrypted;
        struct instant at; /* of this turn; only with `encrypted` */
};

/* Not to be answered by freeing the account. */
struct account_handler {
        /* A fact came in: account_run() in this turn of the loop, but not from within. */
        void (*touched)(void *userdata);
        /* Everything up to here is applied: store it. NULL: forget the stored one. `now`, `wall`: this instant. */
        void (*position)(void *userdata, const char *since, usec_t now, usec_t wall);
        /* Later runs should know this: store it. */
        void (*learned)(void *userdata, const struct account_lessons *l);
        void *userdata;
};

/* Nothing is sent before the first account_run(). What encrypted_new() refuses is refused here. */
int account_new(struct account **ret, struct http *http, const struct account_options *options,
                const struct account_handler *handler);
struct account *account_free(struct account *a); /* cancels everything; no callbacks, no requests */
CLEANUP(struct account, account_free);

/* What the account cannot know by itself. */
struct account_situation {
        bool acts;           /* false: what goes on is not known yet, so that nothing may be written or given back */
        bool busy;           /* the user is, and it may be shown */
        bool likely;         /* ... soon, perhaps */
        bool goes;           /* this is about to end: what waits for other machines is left to them */
        const char *message; /* by hand; NULL: the configured one */
        /* Calls of the user on this account; those of them that another client of theirs has told of. */
        unsigned n_calls, n_announced;
        usec_t wall; /* by the clock on the wall, of this instant */
};
/* Does everything that is due and returns when to be called next at the latest. */
usec_t account_run(struct account *a, const struct account_situation *s, usec_t now);

int account_set_settings(struct account *a, const struct account_settings *settings, usec_t now);
/* The token of an application service that may act for the user, besides the session's; NULL: none. Copied. */
int account_set_appservice(struct account *a, const char *token, usec_t now);

/* The answer to token_keeper.fetch(): NULL, there is no other one. Copied. */
void account_set_token(struct account *a, const char *token);
/* ... and to token_keeper.put(), where that took a while. */
void account_tokens_kept(struct account *a, int error);

/* After a suspend, or when the network is back: try now; `gap` true: resync, a stored position may hide things. */
void account_wake(struct account *a, bool gap);
/* A person asks for it: every wait is over, what was taken for final is asked again, and so is what the server is. */
void account_retry_now(struct account *a);

/* ---- what there is to tell ---- */

const char *account_user_id(const struct account *a);
const char *account_device_id(const struct account *a); /* of the session, as the server says; "": not known yet */
const char *account_homeserver(const struct account *a);
const char *account_server(const struct account *a); /* "Synapse 1.160.0" or "" */
enum connection_state account_state(const struct account *a);
const char *account_problem(const struct account *a); /* as connection_problem() */
usec_t account_retry_at(const struct account *a);     /* as connection_retry_at() */
/* It has told of its calls, or has had its chance to. */
bool account_is_settled(const struct account *a);
/* The journal holds something of it: this machine, or with it another one, has yet to give it back. */
bool account_owes(const struct account *a);
/* Without what another machine of the user puts back, as far as that is heard. */
bool account_owes_itself(const struct account *a);
/* Nothing is owed, or nothing can be done about it as things are. What another machine goes on with counts once our
 * own word has come back from the server. */
bool account_is_at_rest(const struct account *a);
/* False: it is no verified device. */
bool account_encrypted(const struct account *a, struct encrypted_facts *ret);
/* `i` from 0; false: there are no more. */
bool account_report(struct account *a, size_t i, struct driver_report *ret);
