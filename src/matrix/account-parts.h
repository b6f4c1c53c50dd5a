/* What account.c, account-answers.c and account-facts.c share of an account. */
#pragma once

#include "matrix/account.h"

#include "matrix/calls/kinds.h"
#include "matrix/client/renewal.h"
#include "matrix/connection.h"
#include "matrix/encrypted.h"
#include "matrix/machines/gone.h"
#include "matrix/machines/heard.h"
#include "matrix/machines/tell.h"
#include "matrix/outputs/output-set.h"
#include "matrix/server/probe.h"
#include "matrix/sync/look.h"
#include "matrix/sync/sync.h"

/* What was missed is read when the server has told whose devices it is of, which may ask another server for that. */
#define HOLD_MAX (10 * USEC_PER_SEC)

struct account {
        char *name, *user_id, *message, *appservice;
        struct account_settings settings;
        struct account_handler handler;
        uint32_t (*random)(void *userdata);

        struct matrix_client *client;
        struct renewal *renewal;
        struct kinds *kinds;
        struct encrypted *encrypted; /* NULL: the session is no verified device */
        struct heard *heard;
        struct tell *tell;
        struct gone *gone;
        struct sync *sync;
        struct look *look;
        struct sync_handler sync_handler;
        struct connection *connection;
        struct probe *probe;
        struct output_endpoint endpoint;
        struct output_set outputs;

        struct probe_facts facts;
        bool expecting;    /* other machines are about to tell something: as in the options of sync */
        bool answered;     /* by a poll, at least once */
        usec_t held_until; /* what has come is no whole while events wait for a proof, so long at most; 0: it is one */
        bool catching_up;  /* what they have told during a pause is being asked for */
        enum sync_sight sight;
        bool busy;
        unsigned n_calls, n_announced;
        usec_t now, wall; /* of the last account_run() */
};

/* Owed there, to be shown there, or a call of which only it can tell. */
bool account_is_at_stake(const struct account *a);

/* What other machines have told until now is still on its way. */
bool account_is_hearing(const struct account *a);

/* `userdata` is the account in these: what its parts are given to call. The last is for a poll that could not be
 * begun, or has ended without an answer. */
uint32_t account_draw(void *userdata);
void account_touch(void *userdata);
void account_poll_failed(void *userdata, const struct matrix_reply *reply);

/* The poll that gives the account its answers. Negative errno. */
int account_start_sync(struct account *a, const char *since);

/* Whether what has come is to be told later: it may begin a call that is ended by what waits for a proof. Ends that
 * by itself. */
bool account_holds_events(struct account *a, usec_t now);

void account_tell_outputs_of_machines(struct account *a, usec_t now);
/* As gone_handler.answered(). */
void account_take_gone(void *userdata, bool changed, usec_t now);
