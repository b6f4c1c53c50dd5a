/* The journal of claims as the accounts see it: what is owed is kept in the state, with when that began. */
#pragma once

#include "core/journal.h"
#include "state/state.h"

struct journal_door {
        struct state *state;
        usec_t wall; /* of the turn */
};

/* `d` has to stay where it is. */
struct claim_journal journal_door_of(struct journal_door *d);
