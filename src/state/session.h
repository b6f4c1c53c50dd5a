/* The session of an account: whose it is and the secrets that act for it. Kept in one 0600 file per account,
 * or given from outside. */
#pragma once

#include "core/base.h"

/* An account's name: [A-Za-z0-9_-], so that it can be a file name, a section and a part of an object path. */
#define ACCOUNT_NAME_MAX 64
#define ACCOUNTS_MAX     16
bool account_name_is_valid(const char *name);

struct session {
        char *homeserver; /* base URL */
        char *user_id;
        char *device_id;
        char *access_token;
};

void session_done(struct session *s); /* frees the strings, the token after wiping it */

/* Loads STATE/session-NAME.json. -ENOENT: not logged in; -EPERM: not ours or readable by others;
 * -EBADMSG: broken. */
int session_load(const char *state_dir, const char *name, struct session *ret);
int session_save(const char *state_dir, const char *name, const struct session *s);
int session_remove(const char *state_dir, const char *name);

/* The names of all accounts that have a session file, sorted; at most ACCOUNTS_MAX. Free with
 * session_names_free. Returns how many, or a negative errno. */
int session_names(const char *state_dir, char ***ret);
void session_names_free(char **names);
