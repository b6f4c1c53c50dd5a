/* Names of files, see path.h. */
#include <errno.h>
#include <stdio.h>

#include "util/path.h"

char *path_join(const char *dir, const char *name) {
        char *path;

        return asprintf(&path, "%s/%s", dir, name) < 0 ? NULL : path;
}

/* `name` below the folder in `variable`, else below `fallback` in the home. The XDG rules say that a relative path
 * is to be ignored. */
static int path_xdg(const char *variable, const char *fallback, const char *name, char **ret) {
        const char *dir = getenv(variable), *home = getenv("HOME");
        char *path;
        int n;

        if (dir && dir[0] == '/')
                n = asprintf(&path, "%s/%s", dir, name);
        else if (home && home[0] == '/')
                n = asprintf(&path, "%s/%s/%s", home, fallback, name);
        else
                return -ENXIO;
        if (n < 0)
                return -ENOMEM;
        *ret = path;
        return 0;
}

int path_config(const char *name, char **ret) {
        return path_xdg("XDG_CONFIG_HOME", ".config", name, ret);
}

int path_state(const char *name, char **ret) {
        return path_xdg("XDG_STATE_HOME", ".local/state", name, ret);
}
