/* Keeps one claim: on one output of one account. Carries out what the claim machine asks for and feeds back what came
 * of it; decides nothing itself. */
#pragma once

#include "core/claim.h"
#include "matrix/outputs/output.h"
#include "state/state.h"

struct keeper;

struct keeper_handler {
        /* A fact came in: call keeper_run() soon, but not from within. */
        void (*changed)(void *userdata);
        void *userdata;
};

/* Takes over what the journal holds for this account and output. All arguments are borrowed. */
int keeper_new(struct keeper **ret, struct account *account, const struct output *output, struct state *state,
               const struct keeper_handler *handler);
struct keeper *keeper_free(struct keeper *k); /* cancels what is under way; the journal keeps what is owed */
CLEANUP(struct keeper, keeper_free);

/* Whether the user is busy, as far as this output may know. What is written is chosen when busy begins; a new message
 * by hand changes it. */
void keeper_set_busy(struct keeper *k, bool busy, const struct output_situation *situation);

/* Facts from the account. */
void keeper_seen(struct keeper *k, const struct claim_value *v);
void keeper_unsure(struct keeper *k);
void keeper_erased(struct keeper *k);
/* A call of the user on this account began or ended; `released`: one that another client of theirs has told of. */
void keeper_calls_changed(struct keeper *k, bool released);
void keeper_online(struct keeper *k); /* connected, or again */
void keeper_others_changed(struct keeper *k);

/* Takes every step that can be taken now. Returns when to call again at the latest. */
usec_t keeper_run(struct keeper *k, usec_t now);

/* Nothing is owed, or nothing can be done about it in this run. */
bool keeper_is_at_rest(const struct keeper *k);

const struct output *keeper_output(const struct keeper *k);

/* For people; valid until the next call on this keeper. */
struct keeper_report {
        const char *claim;   /* "held", "off", ... */
        const char *shows;   /* what the server shows */
        const char *restore; /* what will be put back, or "" */
        const char *note;    /* why it is less than busy, or what else one should know, or "" */
};
void keeper_report(struct keeper *k, struct keeper_report *ret);

/* Given back as far as no other machine of the user goes on. */
bool keeper_is_shared(const struct keeper *k);

/* Given back, and another session of the user still holds it. */
bool keeper_is_stuck(const struct keeper *k);
