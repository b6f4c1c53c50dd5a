/* What claims are about: values, and what is owed for them. A value is a state and a text; here they are bytes to be
 * compared, and what they mean is the output's business. */
#pragma once

#include "core/base.h"

/* With the terminating NUL. Over a longer value on the server no claim begins: its owner would lose it. For one that
 * comes later outputs have something that stands in. The exhaustive searches are built with shorter ones, since they
 * copy many. */
#ifndef CLAIM_STATE_MAX
#define CLAIM_STATE_MAX 128
#define CLAIM_TEXT_MAX  1024
#endif

/* Of claims of several machines; beyond, it begins anew. */
#define CLAIM_ORDER_MAX 1000000

/* Values of one claim that may stand there; while none of them is settled, a further one has to wait. */
#define CLAIM_OURS_MAX 4

/* Parts of a value. */
enum { CLAIM_NO_PART = 0, CLAIM_STATE = 1 << 0, CLAIM_TEXT = 1 << 1 };

struct claim_value {
        char state[CLAIM_STATE_MAX];
        char text[CLAIM_TEXT_MAX];
};

bool claim_value_equal(const struct claim_value *a, const struct claim_value *b);

/* NULL reads as "". Returns 0, or -E2BIG, changing nothing, if either does not fit. */
int claim_value_set(struct claim_value *v, const char *state, const char *text);

/* One part, from another value: it is known to fit. It may be the part of this very value. */
static inline void claim_value_put_state(struct claim_value *v, const char *state) {
        memmove(v->state, state, strlen(state) + 1);
}

static inline void claim_value_put_text(struct claim_value *v, const char *text) {
        memmove(v->text, text, strlen(text) + 1);
}

/* What is owed; the journal keeps exactly this. `ours` are the values that may stand on the server. */
struct claim_owed {
        struct claim_value prior;
        struct claim_value ours[CLAIM_OURS_MAX];
        unsigned n_ours; /* 1 to CLAIM_OURS_MAX: the last is the newest, earlier ones may still land */
        unsigned order;  /* 1 to CLAIM_ORDER_MAX: higher than that of each claim known when this one began;
                          * told to others only with a prior that was found at first hand, else 0 */
        bool secondhand; /* it was not, also when those who told what it is tell of it no more */
        bool alone;      /* each claim of a lower order was done long before what is owed back was found */
        bool state_claimed, text_claimed;
        unsigned added;  /* parts that were claimed later, and where the prior may stand instead, since ours were never
                          * seen there, or a write of before was lost */
        bool unsure;     /* a write of `ours` may be under way, and land after everything that is done later */
        bool given_back; /* all was: it is kept for such a write alone */
        bool ahead;      /* ... or it was put on disk before a call, and perhaps nothing was ever sent */
};
/* A value of ours has this text, claimed or not. */
bool claim_owed_names_text(const struct claim_owed *o, const char *text);
/* Whether a value of ours has this state or text, and claims it. */
bool claim_owed_has_state(const struct claim_owed *o, const char *state);
bool claim_owed_has_text(const struct claim_owed *o, const char *text);
/* These are words of ours that are not claimed any more, and were not there before. */
bool claim_owed_has_given_up(const struct claim_owed *o, const char *text);
/* Its words are not claimed any more, and those of the prior are others than theirs: a person has written them since.
 */
bool claim_owed_has_given_way(const struct claim_owed *o);
/* Puts `v` last. Returns false, changing nothing, if there is no room. */
bool claim_owed_add(struct claim_owed *o, const struct claim_value *v);
