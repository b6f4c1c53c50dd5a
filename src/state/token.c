/* See token.h. What held a token is wiped before it is freed. */
#include "state/token.h"

#include <errno.h>

#include "util/file.h"

int token_trim(char *data, size_t size, char **ret) {
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
        int r = token_trim(data, size, &token);

        if (r == 0 && !(copy = strdup(token)))
                r = -ENOMEM;
        erase_and_free(data);
        if (r < 0)
                return r;
        *ret = copy;
        return 1;
}

int token_load(const char *path, bool private, char **ret) {
        char *data = NULL;
        size_t size = 0;
        int r = private ? file_read_private(path, TOKEN_MAX, &data, &size) : file_read(path, TOKEN_MAX, &data, &size);

        if (r == -ENOENT)
                return 0;
        if (r < 0)
                return r == -EFBIG ? -EBADMSG : r;
        return take_token(data, size, ret);
}
