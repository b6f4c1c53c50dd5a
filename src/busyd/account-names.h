/* Which accounts there are: those with a session on disk, and those whose token comes from elsewhere. */
#pragma once

#include "core/base.h"

struct config;
struct session;

/* The names of those with a session in `state_dir`, of those that the service manager has a token for, and of those of
 * which the configuration (NULL: none yet) says how to get one and where it is good. At most ACCOUNTS_MAX; free with
 * session_names_free(). Returns how many, or a negative errno. */
int account_names(const char *state_dir, const struct config *config, char ***ret);

/* Tells of each section for which there is no account: its name is misspelt, or nobody has logged in. */
void account_names_tell_missing(const char *state_dir, const struct config *config);

/* It is one of the latter two, so that it is there without a session too. */
bool account_needs_no_session(const struct config *config, const char *name);

/* The session of one, and what is wrong with it is told. Who has no session needs none where the token comes from
 * elsewhere: there is nothing in *ret then but a token of the service manager's. Returns 1 where that is the one, or a
 * negative errno: it is not to be used, and *ret_why is a sentence about that and what helps, to be freed; NULL: out
 * of memory. */
int account_load_session(const char *state_dir, const struct config *config, const char *name, struct session *ret,
                         char **ret_why);
/* The token of its application service, for erase_and_free(), and what is wrong with it is told; NULL: none. */
char *account_load_appservice(const char *state_dir, const struct config *config, const char *name);
