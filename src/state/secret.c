/* See secret.h. */
#include "state/secret.h"

#include <errno.h>

#include "state/account-file.h"
#include "state/token.h"
#include "util/file.h"

static int load_credential(const char *account, char **ret) {
        const char *dir = getenv("CREDENTIALS_DIRECTORY");
        SCOPED(free) char *path = NULL;
        int r;

        if (!dir)
                return 0;
        r = account_file_path(dir, "busyd-", account, ".as_token", &path);
        if (r < 0)
                return r;
        return token_load(path, /* private= */ false, ret);
}

static int secret_path(const char *state_dir, const char *account, char **ret) {
        return account_file_path(state_dir, "as-token-", account, "", ret);
}

int secret_load(const char *state_dir, const char *account, const char *file, char **ret) {
        SCOPED(free) char *path = NULL;
        int r = secret_path(state_dir, account, &path);

        if (r < 0)
                return r;
        r = load_credential(account, ret);
        if (r != 0)
                return r;
        r = token_load(file ? file : path, /* private= */ true, ret);
        return r == 0 && file ? -ENOENT : r;
}

const char *secret_problem(int error) {
        if (error == -EPERM)
                return "it belongs to somebody else or others may read it; it must be yours with mode 0600";
        if (error == -EBADMSG)
                return "there must be one token in it, and nothing else";
        return strerror(-error);
}

int secret_save(const char *state_dir, const char *account, const char *token) {
        SCOPED(free) char *path = NULL;
        int r = secret_path(state_dir, account, &path);

        if (r >= 0)
                r = dir_make(state_dir);
        return r < 0 ? r : file_write(path, token, strlen(token), 0600);
}

int secret_remove(const char *state_dir, const char *account) {
        SCOPED(free) char *path = NULL;
        int r = secret_path(state_dir, account, &path);

        return r < 0 ? r : file_remove(path);
}
