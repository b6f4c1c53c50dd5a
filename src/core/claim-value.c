/* What a claim is about: values, and what is owed for them. */
#include <errno.h>

#include "core/claim.h"

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
        memmove(v->state, state, strlen(state) + 1);
        memmove(v->text, text, strlen(text) + 1);
        return 0;
}

bool claim_owed_has_text(const struct claim_owed *o, const char *text) {
        for (unsigned i = 0; o->text_claimed && i < o->n_ours; i++)
                if (streq(text, o->ours[i].text))
                        return true;
        return false;
}

bool claim_owed_has_state(const struct claim_owed *o, const char *state) {
        for (unsigned i = 0; o->state_claimed && i < o->n_ours; i++)
                if (streq(state, o->ours[i].state))
                        return true;
        return false;
}

const char *claim_phase_to_string(enum claim_phase p) {
        static const char *const names[] = {
                [CLAIM_FREE] = "free",       [CLAIM_ENTERING] = "entering", [CLAIM_HELD] = "held",
                [CLAIM_LEAVING] = "leaving", [CLAIM_SHARED] = "shared",     [CLAIM_YIELDED] = "yielded",
                [CLAIM_FOREIGN] = "foreign", [CLAIM_REFUSED] = "refused",   [CLAIM_NO_EFFECT] = "no-effect",
                [CLAIM_STUCK] = "stuck",
        };

        return names[p];
}
