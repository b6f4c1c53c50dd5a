/* Drives one claim: on one output of one account. Carries out what the claim machine asks for and feeds back what came
 * of it; decides nothing itself. Reads no clock and owns no timer: step it when a fact has come in, and at its
 * deadline. */
#pragma once

#include "core/claim.h"
#include "core/journal.h"
#include "matrix/outputs/output.h"

struct claim_driver;

/* What it reaches of the account and beyond; all of it outlives the driver. */
struct driver_doors {
        const char *account; /* its name, for the journal and the log */
        const struct claim_journal *journal;
        uint32_t (*random)(void *userdata);
        /* A fact came in: step it in this turn of the loop, but not from within. */
        void (*touched)(void *userdata);
        /* The server has said with one request that the session has ended, or is locked. */
        void (*refused)(void *userdata, const struct output_result *result);

        /* The user's other machines are told what is owed; NULL: nothing any more. Called often. */
        void (*tell)(void *userdata, const char *output, const struct claim_other *claim);
        /* There are some, and they do not know it yet. */
        bool (*is_telling)(void *userdata);
        /* What they have told until now is asked for, for a claim that begins (`wanted`) or ends. Returns how long
         * that may be waited for, as long as it is still on its way; USEC_NEVER: until it is there. */
        usec_t (*hear)(void *userdata, bool wanted);
        /* It is still on its way; after that time it counts as not coming at all (claim_set_deaf()). */
        bool (*is_hearing)(void *userdata);
        /* A poll is about to begin that takes away what is written before it: waited for as long as that at most, and
         * only briefly once that has come. Meanwhile the poll may wait for driver_is_looking(). */
        bool (*is_polling)(void *userdata);
        void *userdata;
};

/* Takes over what the journal holds for this account and output, which it borrows. */
int driver_new(struct claim_driver **ret, struct output *output, const struct driver_doors *doors);
struct claim_driver *driver_free(struct claim_driver *d); /* cancels what is under way; the journal keeps what is owed
                                                           */
CLEANUP(struct claim_driver, driver_free);

/* ---- facts besides those that the output hears ---- */

/* What is wanted, each turn: whether the user is busy as far as this output may know, and with which words. The words
 * are followed at once; a state that was claimed stays, one that was not follows as soon as it may. */
struct driver_want {
        bool busy;
        bool likely;         /* to be busy soon: what can be done ahead is */
        bool goes;           /* whoever asks is about to end: what waits for other machines is left to them */
        const char *message; /* by hand; NULL: the configured one */
        usec_t now, wall;
};
void driver_set_want(struct claim_driver *d, const struct driver_want *w);
/* A call of the user on this account began or ended; `released`: one that another client of theirs has told of. */
void driver_calls_changed(struct claim_driver *d, bool released, usec_t now);
/* All that other machines have told that they owe there; copied. */
void driver_machines_changed(struct claim_driver *d, const struct claim_other *others, size_t n, usec_t now);
/* Others had to believe until now that the user is on a call here. */
void driver_told_over(struct claim_driver *d);
void driver_reconnected(struct claim_driver *d); /* the server answers, or answers again */
void driver_try_again(struct claim_driver *d);   /* every wait is over */

/* ---- what follows ---- */

/* Takes one step, if there is one. Returns whether to call again in this turn, after what the output needs of the poll
 * was done (output_poll): what keeps a claim alive has to end before it is given back. `may`: the account can be
 * written to. */
bool driver_step(struct claim_driver *d, bool may, usec_t now);
/* When to step it again without a new fact; as of the last driver_step(). */
usec_t driver_deadline(const struct claim_driver *d);

/* A write has been under way since then; USEC_NEVER: none is. */
usec_t driver_writes_since(const struct claim_driver *d);

/* Something of ours is owed, whoever will give it back. */
bool driver_owes(const struct claim_driver *d);
/* Nothing is owed, or it is other machines' to give back, or nothing more can be done about it. */
bool driver_is_at_rest(const struct claim_driver *d);
/* Somebody may have written over what it holds: that is being read, or about to be. */
bool driver_is_looking(const struct claim_driver *d, usec_t now);
/* Given back as far as no other machine of the user goes on. */
bool driver_is_shared(const struct claim_driver *d);

/* For people; valid until the next call on this driver. */
struct driver_report {
        const char *output;  /* its name */
        const char *claim;   /* "held", "off", ... */
        const char *shows;   /* what the server shows */
        const char *restore; /* what will be put back, or "" */
        const char *note;    /* why it is less than busy, or what else one should know, or "" */
};
void driver_report(struct claim_driver *d, struct driver_report *ret);
