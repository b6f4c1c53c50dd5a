/* Which accounts there are: those with a session on disk, and those whose token comes from elsewhere. */
#pragma once

#include "core/base.h"

struct config;

/* The names of those with a session in `state_dir`, of those that the service manager has a token for, and of those of
 * which the configuration (NULL: none yet) says how to get one and where it is good. At most ACCOUNTS_MAX; free with
 * session_names_free(). Returns how many, or a negative errno. */
int account_names(const char *state_dir, const struct config *config, char ***ret);

/* It is one of the latter two, so that it is there without a session too. */
bool account_needs_no_session(const struct config *config, const char *name);
