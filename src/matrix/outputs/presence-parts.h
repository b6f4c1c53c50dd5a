/* What the files of the presence output share: see presence.c for what it owns. Nobody else includes this. */
#pragma once

#include "matrix/outputs/presence.h"

#include "core/backoff.h"
#include "matrix/outputs/cure.h"
#include "matrix/outputs/output.h"
#include "matrix/outputs/stand-in.h"

struct presence {
        struct output output;
        struct claim_value shown;
        bool shown_known;
        struct stand_in longer; /* than a claim can hold: words of a person */
        struct other_clients others;
        struct http_request *look;
        struct cure *cure;
        struct output_claim claim;
        bool was_wanted, resynced, watching, held_elsewhere, said_elsewhere;
        bool stuck, sticks;            /* busy was, in this run; it is known to, which other calls depend on */
        bool ours;                     /* a state of this machine's is there, or on its way */
        usec_t sent_at;                /* ... when it was sent; 0: by an earlier run */
        bool found;                    /* ... since an earlier run, which was not told yet by its claim */
        bool waits;                    /* shows less than it could, for the sake of other clients */
        char written[CLAIM_STATE_MAX]; /* the state sent last; "": none yet */
        char lost[CLAIM_TEXT_MAX];     /* words of an earlier run whose state is not known any more; "": none */
        /* Where each device has words of its own: those of ours, which come back with each poll; "": none. */
        char own_words[CLAIM_TEXT_MAX];
        char sent_words[CLAIM_TEXT_MAX]; /* on their way */
        bool words_sent;                 /* ... not answered yet */
        bool words_by_this;              /* ... and before them there were none */
        char newer[CLAIM_TEXT_MAX];      /* somebody's that they hide, or that have gone with them; "": none */
        struct output_request *way;      /* takes them away, or puts newer ones in their place */
        bool awaited, looked;            /* by the next poll; in this run */
        usec_t look_again_at;            /* before a poll in a call */
        usec_t unlooked_since;           /* looks fail; 0: the last one did not */
        struct backoff retry;            /* of them */
        usec_t retry_look_at, retry_after;
        bool ours_by_this; /* it became ours with the write under way */
        bool dropped;      /* the write under way: not wanted any more when it was to be sent */
        bool refused;      /* the look before the first poll: the one after it is left out */
};

static inline struct presence *presence_of(struct output *o) {
        return (struct presence *) o;
}

static inline const struct presence *presence_of_const(const struct output *o) {
        return (const struct presence *) o;
}

static inline const struct server_traits *presence_server(const struct output *o) {
        return o->at->facts->traits;
}

/* A write has not come about, by an answer of the server's own. */
static inline bool presence_is_not_taken(enum matrix_outcome outcome) {
        return outcome != MATRIX_OK && outcome != MATRIX_UNSURE && outcome != MATRIX_NOT_MATRIX;
}

/* ---- presence.c ---- */

/* Asks what shows; nothing is asked twice at a time. */
void presence_look(struct presence *p);
/* A state is on its way: from now on an echo of it may come. */
void presence_sent(struct presence *p, const char *state, usec_t now);
/* What is to be written for a message: all of one that a claim cannot hold, else it, or how one that an earlier run
 * has seen began, in `buf`. */
const char *presence_whole_message(const struct presence *p, const char *message, char buf[static CLAIM_TEXT_MAX]);
/* One write, as part of `request`. `message` NULL reads as "". Returns 0 or a negative errno. */
int presence_put_value(struct output *o, const char *state, const char *message, struct output_request *request);
void presence_translate_write(struct output *o, const struct matrix_reply *reply, struct output_result *result);
int presence_write(struct output *o, const struct claim_value *v, usec_t now, output_done_t done, void *userdata,
                   struct output_request **ret);

/* ---- presence-cure.c ---- */

enum presence_cure presence_cure_state(const struct presence *p);
/* By the token that the settings give. */
void presence_set_cure(struct presence *p);
/* As output_kind.cure. */
int presence_cure(struct output *o, const struct claim_value *v, const struct claim_value *prior, usec_t now,
                  output_done_t done, void *userdata, struct output_request **ret);

/* ---- presence-words.c: where each device has a message of its own ---- */

void presence_words_init(struct presence *p);
/* They go to our device, and the server has answered. */
void presence_words_sent(struct presence *p, const char *words);
void presence_words_answered(struct presence *p, const struct matrix_reply *reply);
/* What shows was just read. */
void presence_words_seen(struct presence *p);
/* A look has come to its end, whatever was answered. */
void presence_words_looked(struct presence *p, const struct matrix_reply *reply);
/* The next poll has to wait for a look, or for words that are taken away: see output.h. */
bool presence_words_awaited(struct output *o, usec_t now);
usec_t presence_words_awaited_until(const struct output *o);
bool presence_words_occupied(const struct output *o);
/* Takes our message away, with `v->state`; `v->text` is put back if nobody's shows by itself then. `owed` says which
 * are ours. As output_kind.write. */
int presence_words_withdraw(struct output *o, const struct claim_value *v, const struct claim_owed *owed, usec_t now,
                            output_done_t done, void *userdata, struct output_request **ret);
/* As output_kind.give_back. */
int presence_words_give_back(struct output *o, const struct claim_value *v, const struct claim_owed *owed, usec_t now,
                             output_done_t done, void *userdata, struct output_request **ret);
