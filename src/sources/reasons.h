/* Why programs keep the session awake: which reasons tell of a call. */
#pragma once

#include "core/base.h"
#include "core/calls.h"

struct reason {
        const char *app, *text; /* shell patterns for who asks and why */
        enum call_evidence evidence;
        const char *what; /* for people */
};

/* Whether the reason `text` that `app` (as of identity.h) gives tells of a call, and how well. `app` NULL: whoever
 * gives it, to see whether asking who it was is worth it. `lines` of the configuration (reason-line.h; NULL-terminated
 * or NULL) go before what is known here. */
bool reason_find(const char *const *lines, const char *app, const char *text, enum call_evidence *ret_evidence,
                 const char **ret_what);
