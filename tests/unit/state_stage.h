/* A state in a folder of its own, and something to be kept there. */
#pragma once

#include "state/state.h"
#include "util_temp.h"

static inline struct state *open_state(const struct temp_dir *t, struct told *told) {
        struct state *s = NULL;

        cr_assert_eq(state_open(&s, t->path, told ? told_add : NULL, told), 0);
        return s;
}

static inline struct state_claim example_claim(const char *account, const char *output) {
        struct state_claim c = { .account = account, .output = output, .since_wall = 5 };

        (void) claim_value_set(&c.owed.prior, "online", "\"at\" my desk \303\244");
        (void) claim_value_set(&c.owed.ours[0], "busy", "In a call");
        (void) claim_value_set(&c.owed.ours[1], "busy", "");
        c.owed.n_ours = 2;
        c.owed.order = 3;
        c.owed.state_claimed = true;
        return c;
}
