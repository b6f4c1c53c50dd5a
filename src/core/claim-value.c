#include "core/claim-value.h"

#include <errno.h>

bool claim_value_equal(const struct claim_value *a, const struct claim_value *b) {
        return streq(a->state, b->state) && streq(a->text, b->text);
}

/* `state` and `text` may be those of this very value. */
int claim_value_set(struct claim_value *v, const char *state, const char *text) {
        if (!state)
                state = "";
        if (!text)
                text = "";
        if (strlen(state) >= sizeof(v->state) || strlen(text) >= sizeof(v->text))
                return -E2BIG;
        claim_value_put_state(v, state);
        claim_value_put_text(v, text);
        return 0;
}

bool claim_owed_names_text(const struct claim_owed *o, const char *text) {
        for (unsigned i = 0; i < o->n_ours; i++)
                if (streq(text, o->ours[i].text))
                        return true;
        return false;
}

bool claim_owed_has_text(const struct claim_owed *o, const char *text) {
        return o->text_claimed && claim_owed_names_text(o, text);
}

bool claim_owed_has_given_up(const struct claim_owed *o, const char *text) {
        return !o->text_claimed && !streq(text, o->prior.text) && claim_owed_names_text(o, text);
}

bool claim_owed_has_state(const struct claim_owed *o, const char *state) {
        for (unsigned i = 0; o->state_claimed && i < o->n_ours; i++)
                if (streq(state, o->ours[i].state))
                        return true;
        return false;
}

bool claim_owed_has_given_way(const struct claim_owed *o) {
        return !o->text_claimed && o->prior.text[0] && !claim_owed_names_text(o, o->prior.text);
}

bool claim_owed_add(struct claim_owed *o, const struct claim_value *v) {
        struct claim_value newest = *v;
        unsigned n = 0;

        for (unsigned i = 0; i < o->n_ours; i++)
                n += !claim_value_equal(&o->ours[i], &newest);
        if (n == ARRAY_SIZE(o->ours))
                return false;
        n = 0;
        for (unsigned i = 0; i < o->n_ours; i++)
                if (!claim_value_equal(&o->ours[i], &newest))
                        o->ours[n++] = o->ours[i];
        o->ours[n++] = newest;
        o->n_ours = n;
        return true;
}
