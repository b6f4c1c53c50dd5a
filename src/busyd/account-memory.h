/* What is stored of an account from run to run: the position of its poll, and what was learned of it. It is stored at
 * the end of a turn, since what others see comes first. */
#pragma once

#include "core/account-lessons.h"
#include "state/state.h"

/* The session in use. */
struct account_whose {
        const char *user_id, *device_id;
};

/* Embedded; all zero but for the borrowed state and name. The other fields belong to account-memory.c. */
struct account_memory {
        struct state *state;
        const char *name;
        char *since; /* that is to be stored; NULL: forget the stored one */
        bool since_pending;
        usec_t since_stored_at;
        struct account_lessons learned;
        bool learned_pending;
};
void account_memory_done(struct account_memory *m);

/* `since` NULL: there is none any more. */
void account_memory_position(struct account_memory *m, const char *since);
void account_memory_learned(struct account_memory *m, const struct account_lessons *l);

/* Writes what is due. In a call the position before it stays: a restart then reads again how the call came about. */
void account_memory_store(struct account_memory *m, const struct account_whose *whose, bool in_call, usec_t now,
                          usec_t wall);

/* At the start: fills `learned`, and returns the position, if it is this user's and not known to be old; borrowed
 * until something is stored. It outlives the session that it was made by: servers take it from the next one, which
 * without it would never hear of a call that goes on. One that does not is asked for all there is. */
const char *account_memory_load(struct account_memory *m, const struct account_whose *whose, usec_t wall);
