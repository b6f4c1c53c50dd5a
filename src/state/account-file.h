/* The files of one account in a folder: PREFIX is the kind of file ("session-"), SUFFIX its ending (".json"). */
#pragma once

#include "core/base.h"

/* DIR/PREFIXNAMESUFFIX. -EINVAL: no account has such a name. The caller frees. */
int account_file_path(const char *dir, const char *prefix, const char *name, const char *suffix, char **ret);

/* file_lock() and file_lock_wait() on the one that ends in ".lock"; the folder is made if it is missing. For
 * file_unlock(). */
int account_file_lock(const char *state_dir, const char *prefix, const char *name);
int account_file_lock_wait(const char *state_dir, const char *prefix, const char *name, usec_t max);
