/* The token besides the session's that may act for an account: of an application service. Kept as carefully as
 * sessions; wiped before it is freed. */
#pragma once

#include "core/base.h"
#include "state/session.h"

/* The token of `account`: from $CREDENTIALS_DIRECTORY/busyd-NAME.as_token, else from `file` if that is not NULL, else
 * from the state folder. Returns 1, or 0 if there is none. -EPERM: the file is not ours or is
 * open to others; -ENOENT: `file` is missing; -EBADMSG: no token in it. The caller frees with erase_and_free(). */
int secret_load(const char *state_dir, const char *account, const char *file, char **ret);
/* In the state folder, 0600. */
int secret_save(const char *state_dir, const char *account, const char *token);
int secret_remove(const char *state_dir, const char *account);

/* What an error of secret_load() means, for people. */
const char *secret_problem(int error);
