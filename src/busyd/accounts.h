/* The Matrix accounts: which there are, what they tell, and what is written on them. There is one for each session on
 * disk, unless the configuration switches it off. */
#pragma once

#include <systemd/sd-bus.h>

#include "core/base.h"
#include "core/calls.h"

struct config;
struct control;
struct state;

struct accounts;

/* All borrowed. */
struct accounts_context {
        sd_event *event;  /* only handed on: to transfers and to commands that print tokens */
        sd_bus *user_bus; /* the same, to those commands; NULL: none */
        struct state *state;
        const struct call_sink *sink;   /* where calls seen on an account are reported */
        const struct call_table *calls; /* what is going on; to look at */
        /* A fact came in: accounts_run() soon, but not from within. */
        void (*touched)(void *userdata);
        uint32_t (*random)(void *userdata); /* for waits; NULL: the system's */
        void *userdata;
};

int accounts_new(struct accounts **ret, const struct accounts_context *context);
/* Cancels what is under way; the journal keeps what is owed. NULL is fine; returns NULL. */
struct accounts *accounts_free(struct accounts *s);
CLEANUP(struct accounts, accounts_free);

/* Makes the accounts fit the sessions on disk and the configuration, which stays borrowed until the next update: new
 * ones are started, gone ones are let go once nothing is owed on them. `by_hand`: the user asked for it, so commands
 * that print tokens run again, and what accounts_let_go() let go is taken up again. */
int accounts_update(struct accounts *s, const struct config *config, bool by_hand, const struct instant *at);

/* Lets go of an account because the user logs out of it: what is owed is given back first, however long that takes.
 * From then on it is gone, and stays so until `until`, unless its session does. -ENOENT: there is none. */
int accounts_let_go(struct accounts *s, const char *name, usec_t until);

/* What all accounts are to show. */
struct accounts_wanted {
        bool settled; /* false: what goes on is not known yet, claims wait */
        bool busy;
        bool likely;         /* perhaps soon: a call rings, or may be one */
        bool goes;           /* this machine ends or sleeps: what waits for other machines is left to them */
        const char *message; /* by hand, or NULL */
};
/* Each turn, also before it is settled: connections are part of it. Returns when to call again at the latest. */
usec_t accounts_run(struct accounts *s, const struct accounts_wanted *wanted, const struct instant *at);

/* The user asks for it: every wait ends, and what was taken for final is asked again. */
void accounts_retry_now(struct accounts *s);
/* After a sleep or a change of the network: as accounts_retry_now(), and a poll that goes on is made anew, since
 * nothing would ever come over its connection. `gap`: nothing could be heard meanwhile, what the servers last said is
 * old. */
void accounts_wake(struct accounts *s, bool gap);

/* Every one has told what goes on, or has had its chance to. */
bool accounts_are_settled(const struct accounts *s);
/* Nothing is owed, or nothing can be done about it in this run. */
bool accounts_are_at_rest(const struct accounts *s);
size_t accounts_n(const struct accounts *s);

/* Shows them on the bus, and takes those off that have gone. */
void accounts_publish(struct accounts *s, struct control *control, const struct instant *at);
