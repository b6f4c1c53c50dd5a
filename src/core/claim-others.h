/* Cases 18 to 20 of claim.c: what follows from what the user's other machines have told. For claim.c only. */
#pragma once

#include "core/claim.h"

/* That it fits is known: it was checked, or comes from another value; perhaps from this very one. */
static inline void set_state(struct claim_value *v, const char *state) {
        memmove(v->state, state, strlen(state) + 1);
}

static inline void set_text(struct claim_value *v, const char *text) {
        memmove(v->text, text, strlen(text) + 1);
}

static inline bool is_taken(const struct claim *c, const char *state) {
        return c->traits.taken ? streq(state, c->traits.taken) : state[0] != '\0';
}

/* Case 18: another machine of the user puts such words, or such a state, there. */
bool claim_other_has_text(const struct claim *c, const char *text);
bool claim_other_has_state(const struct claim *c, const char *state);
/* By this machine or another one: no person's. */
bool claim_text_is_ours(const struct claim *c, const char *text);
bool claim_state_is_ours(const struct claim *c, const char *state);
/* Taken by another machine, which has told so. */
bool claim_is_others(const struct claim *c, const struct claim_value *v);

/* Case 19: another machine goes on to claim that part of what is owed. */
bool claim_text_goes_on(const struct claim *c);
bool claim_state_goes_on(const struct claim *c);
bool claim_goes_on(const struct claim *c);
/* The device of another machine that has not given back yet may be what is seen. */
bool claim_may_be_others(const struct claim *c);
/* One of the others is about to give everything back. */
bool claim_is_other_to_give_back(const struct claim *c);
/* One of the others gives back, or has: perhaps not knowing of us. */
bool claim_is_any_over(const struct claim *c);

/* What another machine found is what is owed back. False: words of ours were there, and nobody has told what was
 * before them. */
bool claim_find_prior(const struct claim *c, struct claim_value *ret);
/* The prior as it is told to the others. */
void claim_tell_prior(const struct claim *c, struct claim_owed *ret);
/* Takes over what the others have told and will not change any more. Returns whether the prior is another one. */
bool claim_learn_prior(struct claim *c);
