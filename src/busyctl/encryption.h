/* What busyd says of calls in encrypted rooms (Account.EncryptedCalls), in words for people. Pure. */
#pragma once

#include <jansson.h>

#include "core/base.h"

struct encryption_words {
        bool is_trouble;  /* somebody has to do something about it */
        const char *what; /* begins with a small letter, like a finding; "": nothing is known */
        char advice[384]; /* "": there is nothing to do */
};

/* `state` as the bus has it, or "no-recovery": not verified, and the user has nothing that it could be verified by.
 * `name`: of the account. */
void encryption_describe(const char *state, const char *name, struct encryption_words *ret);

/* What doctor has found out. */
struct encryption_found {
        const char *state, *name; /* as above */
        bool no_recovery;
        json_int_t n_rooms, n_direct; /* encrypted ones of the account; n_rooms -1: not known, `problem` why */
        json_int_t n_withholding, n_unreadable;
        char problem[256];
};
/* Adds its findings to a document of findings.h. */
void encryption_find(json_t *doc, const struct encryption_found *f);
