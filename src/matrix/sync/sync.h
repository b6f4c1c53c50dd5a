/* The /sync loop of one account: filters, the long poll and its pace, gaps. It hands answers and failures to its owner
 * and does nothing more by itself: the next request is made by sync_run(), when the owner has decided on what came.
 * Reads no clock and owns no timer. */
#pragma once

#include <jansson.h>

#include "core/base.h"
#include "matrix/client/client.h"
#include "matrix/server/traits.h"
#include "matrix/sync/events.h"

/* A stored position older than this is not used any more: the server would have to look through too much. */
#define SYNC_GAP_MAX (24 * USEC_PER_HOUR)

/* Without an answer for longer than this, servers may leave rooms out of the next one (reference 7.4): resync. */
#define SYNC_STALE (10 * USEC_PER_MIN)

/* ---- pure: what is asked for ---- */

/* Arrays of event types; borrowed. */
struct sync_wants {
        const json_t *messages, *state;
        const json_t *in_call; /* besides, while a call rests on Matrix events */
};

enum sync_filter {
        SYNC_FILTER_STATE,   /* initial: state only */
        SYNC_FILTER_IDLE,    /* incremental */
        SYNC_FILTER_IN_CALL, /* ... while a call rests on Matrix events */
        SYNC_FILTERS_MAX,
};
/* NULL if out of memory. `account_data`: the beginning of the types that are
 * wanted; NULL: all of them, where the server knows no wildcards. */
json_t *sync_filter_new(const struct sync_wants *wants, enum sync_filter kind, const char *me, bool own_presence,
                        const char *account_data);
/* Takes a filter, or NULL, and makes another one of it, which lets through the same. NULL if out of memory. */
json_t *sync_filter_salted(json_t *taken, unsigned salt);
/* For /messages. */
json_t *sync_message_types_new(const struct sync_wants *wants, bool in_call);

struct sync_query {
        const char *filter; /* id, or JSON */
        const char *since;  /* NULL: initial */
        usec_t timeout;
        enum set_presence set_presence;
};
char *sync_path_new(const struct sync_query *q);

/* ---- pure: how long a poll may take ---- */

struct sync_pace {
        usec_t max;
        usec_t timeout;
        usec_t recover_at;
};
void sync_pace_init(struct sync_pace *p, usec_t max);
usec_t sync_pace_timeout(struct sync_pace *p, usec_t now);
/* A poll of `timeout` ended after `ran` with this outcome and nothing in it. Returns whether something in between
 * cut it: then the next one is shorter, and it does not count as a failure. */
bool sync_pace_cut(struct sync_pace *p, const struct matrix_reply *reply, usec_t timeout, usec_t ran, usec_t now);

/* ---- pure: how long to rest after one ---- */

/* Whoever begins a poll takes a turn at the server's presence limiter, unless one was taken in the 10 s before:
 * another client of the user that begins after that is not counted, and may look offline (reference 2.1). Most of what
 * wakes us wakes that client too: with this head start it takes the turn, and our poll, right after it, takes none. */
#define SYNC_HEAD_START (500 * USEC_PER_MSEC)
#define SYNC_TURN       (10 * USEC_PER_SEC)

/* Zeroes to start with. */
struct sync_rest {
        unsigned n_hurried, n_spared, n_empty;
        unsigned n_unpaused; /* in this turn */
        usec_t answered_at;
        usec_t turn_until; /* somebody has it for sure */
};

struct sync_rest_facts {
        bool concerned;      /* the answer concerns a call of the user */
        bool timed_out;      /* nothing was there to wake anybody */
        bool empty;          /* nor did the answer bring anything */
        bool turns_at_stake; /* as in the options, and the next */
        bool costly, expecting;
        usec_t max;      /* what a flood of other answers is slowed down to */
        usec_t ran, now; /* so long the poll took; when it ended */
};

usec_t sync_rest_next(struct sync_rest *r, const struct sync_rest_facts *f);

/* ---- the loop ---- */

struct sync;

struct sync_answer {
        const struct sync_batch *batch;
        struct sync_batch *const *gaps; /* what was missing before it, newest first */
        size_t n_gaps;
        const char *const *torn; /* rooms of which nothing of that could be read */
        size_t n_torn;
        bool initial;     /* a whole state: what is not in it is gone */
        bool more;        /* the events since the last answer, of this run or an earlier one, may not all be there yet:
                           * the next answer comes at once */
        bool moves;       /* the position moves to the batch's next_batch */
        usec_t now, wall; /* the turn's instant */
};

/* All but the questions come from an answer of the server, as the last thing sync does in that turn: everything below
 * may be called from within them, but for sync_free(). None comes from within a call of the owner's. */
struct sync_handler {
        /* An answer of any kind has come: sync_run() has something to do. Before the others. */
        void (*touched)(void *userdata);
        /* Each answer of /sync as it came, before anything is made of it. Below 0: it is as if it had not come, and
         * the loop stands still as after a failure. NULL: nobody wants it; then messages to the device say nothing. */
        int (*take)(void *userdata, const json_t *body, const struct instant *at);
        /* Returns whether it concerns a call of the user, so that the next poll may not wait. Below 0: not all of it
         * could be taken, and as with `take`. */
        int (*answer)(void *userdata, const struct sync_answer *answer);
        /* The server does not take the stored position any more. */
        void (*position_lost)(void *userdata);
        /* The loop stands still until sync_go(). */
        void (*failed)(void *userdata, const struct matrix_reply *reply);
        /* A question: rooms with messages that matter still, read back where the events since the position are lost.
         */
        size_t (*rooms)(void *userdata, const char **ret, size_t max);
        uint32_t (*random)(void *userdata); /* a question: for waits */
        void *userdata;
};

struct sync_options {
        usec_t poll_timeout, poll_pause;
        bool turns_at_stake; /* another client of the user's may be there, whose polls ours can keep from counting */
        bool costly;         /* each poll makes a write necessary: as few as can be */
        bool expecting;      /* another machine is about to tell something: no pause, but in a flood */
        bool own_presence;
        const char *account_data;       /* static; as in sync_filter_new() */
        struct set_presence_words says; /* as in the traits */
};

/* Borrows client and handler, copies the rest. `since` may be NULL. */
int sync_new(struct sync **ret, struct matrix_client *client, const char *me, const char *since,
             const struct sync_wants *wants, const struct sync_handler *handler);
struct sync *sync_free(struct sync *s);
CLEANUP(struct sync, sync_free);

/* Does what is due, and returns when it wants to be called next. To be called in each turn in which anything else here
 * was called, and after each callback. */
usec_t sync_run(struct sync *s, usec_t now);
/* The next sync_run() asks. */
bool sync_is_due(struct sync *s, usec_t now);
/* A poll is about to begin: at most a filter comes before it. */
bool sync_is_beginning(struct sync *s);
/* After sync_run(). */
enum sync_sight {
        SYNC_BLIND,    /* nothing is asked: what was seen may be outdated */
        SYNC_ASKING,   /* what is new is on its way */
        SYNC_WATCHING, /* everything up to now has arrived, and what comes is told at once */
};
enum sync_sight sync_sight(const struct sync *s);
/* What any other request of /sync should say: what polls say that keep nothing alive, and this server takes. */
enum set_presence sync_idle_word(const struct sync *s);
/* Why the last sync_run() could make no request, a negative errno; the loop stands still until sync_go(). 0: it could,
 * or had none to make. */
int sync_error(const struct sync *s);

/* ---- the owner's wishes: taken up by the next sync_run() ---- */

/* Starts, or goes on after a failure; a poll in flight stays. */
void sync_go(struct sync *s);
/* Ends a pause with a poll that is answered at once. False: there is no pause, what is new comes by itself. */
bool sync_catch_up(struct sync *s);
/* Drops what is in flight, at once. */
void sync_stop(struct sync *s);
/* The next answer is a whole state; the events since the position come after it. */
void sync_resync(struct sync *s);
void sync_forget_position(struct sync *s);

/* Both end a poll in flight, at once, only if it asks for something that is not wanted any more. */
void sync_set_options(struct sync *s, const struct sync_options *options);
void sync_set_in_call(struct sync *s, bool in_call);
/* False ends a counted poll at once. True with `soon`: a poll that is not counted is replaced. */
void sync_set_held(struct sync *s, bool held, bool soon);
