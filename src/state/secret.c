/* See secret.h. */
#include "state/secret.h"

#include <errno.h>
#include <stdio.h>

#include "util/file.h"

void secret_free(char *token) {
        if (token)
                explicit_bzero(token, strlen(token));
        free(token);
}

int secret_trim(char *data, size_t size, char **ret) {
        char *start = data + strspn(data, " \t\r\n");
        size_t n = strcspn(start, " \t\r\n");

        if (n == 0 || start + n + strspn(start + n, " \t\r\n") != data + size)
                return -EBADMSG;
        for (size_t i = 0; i < n; i++)
                if (start[i] <= ' ' || start[i] > '~')
                        return -EBADMSG;
        start[n] = '\0';
        *ret = start;
        return 0;
}

/* Takes the data over. */
static int take_token(char *data, size_t size, char **ret) {
        char *token = NULL, *copy = NULL;
        int r = secret_trim(data, size, &token);

        if (r == 0 && !(copy = strdup(token)))
                r = -ENOMEM;
        explicit_bzero(data, size);
        free(data);
        if (r < 0)
                return r;
        *ret = copy;
        return 1;
}

/* 0: there is no such file. The service manager's own folder may show its files to the user's group. */
static int load_file(const char *path, bool private, char **ret) {
        char *data = NULL;
        size_t size = 0;
        int r = private ? file_read_private(path, TOKEN_MAX, &data, &size) : file_read(path, TOKEN_MAX, &data, &size);

        if (r == -ENOENT)
                return 0;
        if (r < 0)
                return r == -EFBIG ? -EBADMSG : r;
        return take_token(data, size, ret);
}

static int load_credential(const char *account, char **ret) {
        const char *dir = getenv("CREDENTIALS_DIRECTORY");
        SCOPED(free) char *path = NULL;

        if (!dir)
                return 0;
        if (asprintf(&path, "%s/busyd-%s.as_token", dir, account) < 0) {
                path = NULL;
                return -ENOMEM;
        }
        return load_file(path, /* private= */ false, ret);
}

static int secret_path(const char *state_dir, const char *account, char **ret) {
        char *path;

        if (!account_name_is_valid(account))
                return -EINVAL;
        if (asprintf(&path, "%s/as-token-%s", state_dir, account) < 0)
                return -ENOMEM;
        *ret = path;
        return 0;
}

int secret_load(const char *state_dir, const char *account, const char *file, char **ret) {
        SCOPED(free) char *path = NULL;
        int r = secret_path(state_dir, account, &path);

        if (r < 0)
                return r;
        r = load_credential(account, ret);
        if (r != 0)
                return r;
        r = load_file(file ? file : path, /* private= */ true, ret);
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
