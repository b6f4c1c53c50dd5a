/* See account-file.h. */
#include "state/account-file.h"

#include <errno.h>
#include <stdio.h>

#include "core/account-settings.h"
#include "util/file.h"

int account_file_path(const char *dir, const char *prefix, const char *name, const char *suffix, char **ret) {
        char *path;

        if (!account_name_is_valid(name))
                return -EINVAL;
        if (asprintf(&path, "%s/%s%s%s", dir, prefix, name, suffix) < 0)
                return -ENOMEM;
        *ret = path;
        return 0;
}

static int lock_path(const char *state_dir, const char *prefix, const char *name, char **ret) {
        int r = account_file_path(state_dir, prefix, name, ".lock", ret);

        return r < 0 ? r : dir_make(state_dir);
}

int account_file_lock(const char *state_dir, const char *prefix, const char *name) {
        SCOPED(free) char *path = NULL;
        int r = lock_path(state_dir, prefix, name, &path);

        return r < 0 ? r : file_lock(path);
}

int account_file_lock_wait(const char *state_dir, const char *prefix, const char *name, usec_t max) {
        SCOPED(free) char *path = NULL;
        int r = lock_path(state_dir, prefix, name, &path);

        return r < 0 ? r : file_lock_wait(path, max);
}
