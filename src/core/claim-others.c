/* What the others have told is looked through each time, and not copied: they may learn more until they are done. */
#include "core/claim-others.h"

bool claim_other_has_text(const struct claim *c, const char *text) {
        for (size_t i = 0; i < c->n_others; i++)
                if (claim_owed_has_text(&c->others[i].owed, text))
                        return true;
        return false;
}

bool claim_other_has_state(const struct claim *c, const char *state) {
        for (size_t i = 0; i < c->n_others; i++)
                if (claim_owed_has_state(&c->others[i].owed, state))
                        return true;
        return false;
}

bool claim_text_is_ours(const struct claim *c, const char *text) {
        return claim_owed_has_text(&c->debt, text) || claim_other_has_text(c, text);
}

bool claim_state_is_ours(const struct claim *c, const char *state) {
        return claim_owed_has_state(&c->debt, state) || claim_other_has_state(c, state);
}

bool claim_text_goes_on(const struct claim *c) {
        for (size_t i = 0; i < c->n_others; i++)
                if (c->others[i].live && c->others[i].owed.text_claimed && !c->others[i].text_lost)
                        return c->debt.text_claimed;
        return false;
}

bool claim_state_goes_on(const struct claim *c) {
        for (size_t i = 0; i < c->n_others; i++)
                if (c->others[i].live && c->others[i].owed.state_claimed)
                        return c->debt.state_claimed;
        return false;
}

bool claim_goes_on(const struct claim *c) {
        return claim_text_goes_on(c) || claim_state_goes_on(c);
}

bool claim_may_be_others(const struct claim *c) {
        for (size_t i = 0; c->traits.per_device && i < c->n_others; i++)
                if (c->others[i].owed.state_claimed && !c->others[i].done)
                        return true;
        return false;
}

/* Where each has a state of its own, words tell nothing about it. */
bool claim_is_others(const struct claim *c, const struct claim_value *v) {
        for (size_t i = 0; i < c->n_others; i++) {
                const struct claim_other *o = &c->others[i];

                if (claim_owed_has_state(&o->owed, v->state) &&
                    (!o->owed.text_claimed || claim_text_is_ours(c, v->text) || (o->live && c->traits.per_device)))
                        return true;
        }
        return false;
}

/* It has found its own words there, and does not know what was before them. */
static bool prior_is_known(const struct claim_owed *o) {
        return !o->prior.text[0] || !claim_owed_has_text(o, o->prior.text);
}

/* A state with words of theirs is theirs; a state of a device of its own in any case. */
static void look_through(const struct claim *c, struct claim_value *v, bool done_only) {
        struct claim_value found = *v;

        for (size_t i = 0; i < c->n_others; i++) {
                const struct claim_owed *o = &c->others[i].owed;

                if (done_only && !c->others[i].done)
                        continue;

                bool words = claim_owed_has_text(o, v->text);
                bool whole = words || !o->text_claimed || (c->traits.per_device && !c->others[i].done);

                if (words && prior_is_known(o))
                        set_text(&found, o->prior.text);
                if (whole && claim_owed_has_state(o, v->state) && prior_is_known(o))
                        set_state(&found, o->prior.state);
        }
        *v = found;
}

/* Found there by ourselves. */
static bool prior_is_firsthand(const struct claim *c) {
        const struct claim_owed *d = &c->debt;

        return d->text_claimed ? !claim_text_is_ours(c, d->prior.text) : !claim_state_is_ours(c, d->prior.state);
}

void claim_tell_prior(const struct claim *c, struct claim_owed *ret) {
        look_through(c, &ret->prior, /* done_only= */ false);
        if (!prior_is_firsthand(c))
                ret->order = 0;
}

/* Who came later has seen what a person did after us. */
static void take_over_newer(const struct claim *c, struct claim_value *v) {
        unsigned order = c->debt.order;

        for (size_t i = 0; i < c->n_others; i++) {
                const struct claim_owed *o = &c->others[i].owed;

                if (c->others[i].done || o->order <= order)
                        continue;
                order = o->order;
                if (o->text_claimed && !claim_text_is_ours(c, o->prior.text))
                        set_text(v, o->prior.text);
                if (o->state_claimed && !claim_state_is_ours(c, o->prior.state))
                        set_state(v, o->prior.state);
        }
}

bool claim_find_prior(const struct claim *c, struct claim_value *ret) {
        *ret = c->debt.prior;
        look_through(c, ret, /* done_only= */ false);
        return !ret->text[0] || !claim_text_is_ours(c, ret->text);
}

struct claim_value claim_prior(const struct claim *c) {
        struct claim_value v;

        if (!claim_find_prior(c, &v)) {
                v.text[0] = '\0';
                if (is_taken(c, v.state))
                        set_state(&v, c->traits.withdrawn);
        }
        return v;
}

bool claim_is_other_to_give_back(const struct claim *c) {
        for (size_t i = 0; i < c->n_others; i++)
                if (!c->others[i].done && (!c->others[i].waits || c->others[i].first))
                        return true;
        return false;
}

bool claim_is_any_over(const struct claim *c) {
        for (size_t i = 0; i < c->n_others; i++)
                if (!c->others[i].live)
                        return true;
        return false;
}

bool claim_learn_prior(struct claim *c) {
        struct claim_value v = c->debt.prior;

        look_through(c, &v, /* done_only= */ true);
        take_over_newer(c, &v);
        if (claim_value_equal(&v, &c->debt.prior))
                return false;
        c->debt.prior = v;
        return true;
}
