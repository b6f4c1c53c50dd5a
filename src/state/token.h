/* Tokens as they come from files, commands and terminals. */
#pragma once

#include "core/base.h"

/* Tokens are below 2 kB at every server known, even where they are signed objects. */
#define TOKEN_MAX 8192

/* The token within its surrounding space, in place: printable ASCII, as it becomes a header. -EBADMSG: none. */
int token_trim(char *data, size_t size, char **ret);

/* The token in a file. `private`: the file must be ours and closed to others, else -EPERM; the service manager's own
 * may be open to the user's group. 1, or 0 if there is no file; -EBADMSG: no token in it. */
int token_load(const char *path, bool private, char **ret);
