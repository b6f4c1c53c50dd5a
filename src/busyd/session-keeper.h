/* The token keeper of one account, see core/token-keeper.h: its session file, and the session as the daemon has it. */
#pragma once

#include "core/token-keeper.h"
#include "state/session.h"

struct session_keeper {
        const char *state_dir, *name; /* borrowed */
        struct session *session;      /* the same; follows what is on disk */
        int lock;
        bool told;                    /* that it cannot be stored */
        int (*fetch)(void *userdata); /* as in the doors; NULL: nobody has another token */
        void *userdata;
};

/* `k` has to stay where it is. */
void session_keeper_init(struct session_keeper *k, const char *state_dir, const char *name, struct session *session);
void session_keeper_done(struct session_keeper *k);
struct token_keeper session_keeper_doors(struct session_keeper *k);
