/* The outputs of one account, each with the driver of its claim: what concerns all of them. */
#pragma once

#include "matrix/outputs/driver.h"

struct output_set_member {
        struct output *output;
        struct claim_driver *driver;
};

/* Embedded; all zero is none. `of` and `n` may be read by its owner. */
struct output_set {
        struct output_set_member of[OUTPUTS_MAX];
        size_t n;
        usec_t waits_until; /* those that wait for another one; USEC_NEVER: none does */
};

/* All there are, see output.h; borrows the endpoint. Returns 0, or a negative errno, after which output_set_done() is
 * still to be called. */
int output_set_start(struct output_set *s, const struct output_endpoint *at, const struct driver_doors *doors);
void output_set_done(struct output_set *s);

/* ---- facts: see the questions of output.h and the facts of driver.h ---- */

void output_set_configured(struct output_set *s, usec_t now);
void output_set_reconnected(struct output_set *s, usec_t now);
void output_set_watching(struct output_set *s, bool watching, usec_t now);

/* An answer of the poll: the whole state (`all`), or what is new; the words are borrowed. */
struct output_told {
        bool all, own_presence;
        const char *presence, *status_msg;
};
void output_set_answered(struct output_set *s, const struct output_told *told, usec_t now);
/* What other machines have told of the output `i`; `hold`: one of them holds its state. */
void output_set_machines(struct output_set *s, size_t i, bool hold, const struct claim_other *others, size_t n,
                         usec_t now);
/* Others had to believe until now that the user is on a call here. */
void output_set_told_over(struct output_set *s);
void output_set_answers_again(struct output_set *s);
void output_set_try_again(struct output_set *s);
void output_set_calls_changed(struct output_set *s, bool released, usec_t now);
void output_set_want(struct output_set *s, const struct driver_want *want);

/* A step of the first that has one. Returns whether there may be another one in this turn. What stands first in the
 * table of outputs is what others see first: while it has steps to take, or is being written, those behind it wait,
 * since whatever else a server has to do in that moment delays it; but for so long at most. */
#define OUTPUT_SET_GOES_FIRST_MAX (500 * USEC_PER_MSEC)
bool output_set_step(struct output_set *s, bool may, usec_t now);

/* ---- questions ---- */

/* What they ask of the poll, together. */
struct output_poll output_set_poll(const struct output_set *s, usec_t now);
/* The next poll has to wait for one of them. Asked when it is due only, and again at `*ret_until`. */
bool output_set_is_awaited(const struct output_set *s, usec_t now, usec_t *ret_until);
/* As of the last output_set_step(). */
usec_t output_set_deadline(const struct output_set *s);
bool output_set_is_shared(const struct output_set *s);
bool output_set_owes(const struct output_set *s);
/* ... and does not only wait for another machine. */
bool output_set_owes_itself(const struct output_set *s);
bool output_set_is_at_rest(const struct output_set *s);
void output_set_learned(const struct output_set *s, struct account_lessons *ret);
