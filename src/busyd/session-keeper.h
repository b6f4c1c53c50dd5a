/* The token keeper of one account, see core/token-keeper.h: its session file, or the keyring where the session is kept
 * there, and the session as the daemon has it.
 *
 * What the keyring does not take (it is locked, gone, or too slow) goes into the session file, and into the keyring as
 * soon as that can be had:
 *
 *   at rest   the tokens are where they belong
 *   putting   new ones are on their way to the keyring; whoever put them waits
 *   aside     the file has them, the keyring older ones
 *   moving    ... and they are on their way to the keyring */
#pragma once

#include <systemd/sd-bus.h>

#include "core/token-keeper.h"
#include "state/session.h"
#include "util/later.h"

struct keyring_job;

struct session_keeper {
        const char *state_dir, *name; /* borrowed */
        struct session *session;      /* the same; follows what is on disk */
        sd_bus *bus;                  /* of the keyring, borrowed; NULL: there is none */
        void (*touched)(void *userdata);
        int (*fetch)(void *userdata); /* as in the doors; NULL: nobody has another token */
        void *userdata;

        int lock;
        bool told; /* that it cannot be stored */
        bool aside;
        struct keyring_job *job; /* putting, or moving if the tokens are aside */
        struct session next;     /* what it puts */
        bool answered;           /* ... with `done`, or why not */
        bool done;
        char problem[128];
        struct later give_up, again;
        usec_t wait; /* before it is tried again; 0: it was not in vain */
};

/* `k` has to stay where it is. */
void session_keeper_init(struct session_keeper *k, const char *state_dir, const char *name, struct session *session);
void session_keeper_done(struct session_keeper *k);
struct token_keeper session_keeper_doors(struct session_keeper *k);

/* Once a turn; returns when to call again. `ret_kept`: what put() had begun is through, with *ret_error. */
usec_t session_keeper_run(struct session_keeper *k, usec_t now, bool *ret_kept, int *ret_error);
/* The keyring may be open now. */
void session_keeper_retry(struct session_keeper *k);
