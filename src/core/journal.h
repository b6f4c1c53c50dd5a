/* Where claims are written down before they are written on an account: the door behind which the state folder is.
 * Given from above, so that whoever drives a claim needs no disk. */
#pragma once

#include "core/claim.h"

struct claim_journal {
        /* What an earlier run owes there. -ENOENT: nothing; -ENODATA: nothing that can be read, and the journal was
         * lost or damaged, so that something may stand there all the same. */
        int (*get)(void *userdata, const char *account, const char *output, struct claim_owed *ret);
        /* On disk when it returns 0; else a negative errno, and what was there before stands. */
        int (*put)(void *userdata, const char *account, const char *output, const struct claim_owed *owed);
        int (*remove)(void *userdata, const char *account, const char *output);
        void *userdata;
};
