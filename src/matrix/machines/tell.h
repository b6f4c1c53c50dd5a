/* Tells the other machines of the same user what this one owes: keeps one entry of account data as it should be. As
 * long as there is no other machine it only says, once, that this one exists. */
#pragma once

#include <jansson.h>

#include "core/claim.h"
#include "matrix/client/client.h"

struct tell;

struct tell_handler {
        /* What was to be told has been, or cannot be: comes from an answer of the server, as the last thing in it. */
        void (*told)(void *userdata);
        /* The server has said that the session has ended, or is locked; before `told`. NULL: nobody asks. */
        void (*doubt)(void *userdata);
        uint32_t (*random)(void *userdata); /* a question: for waits */
        void *userdata;
};

/* Borrows the client, copies the rest. */
int tell_new(struct tell **ret, struct matrix_client *client, const char *user_id, const struct tell_handler *handler);
struct tell *tell_free(struct tell *t);
CLEANUP(struct tell, tell_free);

/* Tells what is to be told, and returns when it wants to be called next. To be called in each turn in which anything
 * else here was called, or `told`. */
usec_t tell_run(struct tell *t, usec_t now, usec_t wall);

/* The device whose entry it is; "": it has none, and nothing is told. */
void tell_set_device(struct tell *t, const char *device_id);
/* An entry of account data. False: it is not the one that is kept here. */
bool tell_take(struct tell *t, const char *type, const json_t *content, usec_t now);
/* What the server had said that the user is on a call here, until now: others may have left to us what was over here
 * already. True once for each time. */
bool tell_take_over(struct tell *t);
/* All account data begins, and ends: then it is known what the server has. Nothing goes out before that. */
void tell_resync_begin(struct tell *t);
void tell_resync_end(struct tell *t);
/* A poll was answered, and its account data was taken. If the server said that the session had ended, it goes on, and
 * what was not told is told after the usual wait. What was acknowledged some time ago and has not come back is not
 * there: it is told again. */
void tell_polled(struct tell *t, usec_t now);
/* Whether there is anyone to tell. */
void tell_set_heard(struct tell *t, bool heard);

/* What is owed on an output, whose name is static; NULL: nothing any more. At most ENTRY_CLAIMS_MAX outputs. */
void tell_set(struct tell *t, const char *output, const struct claim_other *claim);
/* It has not been told yet. */
bool tell_is_pending(struct tell *t);
/* It has, and has yet to come back by the poll: with it comes what others had told before. */
bool tell_is_unseen(const struct tell *t);

/* Along with other traffic: the next tell_run() tells again what others would soon not believe any more. */
void tell_refresh(struct tell *t);
