/* Folders of the user. */
#include <criterion/criterion.h>
#include <errno.h>

#include "util/path.h"

static const struct {
        const char *what, *xdg, *home, *state, *config;
        int result;
} rows[] = {
        { "from XDG", "/x", "/h", "/x/busyd", "/x/busyd", 0 },
        { "a relative XDG path is ignored", "x", "/h", "/h/.local/state/busyd", "/h/.config/busyd", 0 },
        { "from HOME", NULL, "/h", "/h/.local/state/busyd", "/h/.config/busyd", 0 },
        { "from nowhere", NULL, NULL, NULL, NULL, -ENXIO },
};

static void set_env(const char *name, const char *value) {
        if (value)
                cr_assert_eq(setenv(name, value, 1), 0);
        else
                cr_assert_eq(unsetenv(name), 0);
}

Test(path, folders_of_the_user) {
        for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
                SCOPED(free) char *state = NULL, *config = NULL;

                set_env("XDG_STATE_HOME", rows[i].xdg);
                set_env("XDG_CONFIG_HOME", rows[i].xdg);
                set_env("HOME", rows[i].home);
                cr_expect_eq(path_state("busyd", &state), rows[i].result, "%s", rows[i].what);
                cr_expect_eq(path_config("busyd", &config), rows[i].result, "%s", rows[i].what);
                if (rows[i].result < 0)
                        continue;
                cr_expect_str_eq(state, rows[i].state, "%s", rows[i].what);
                cr_expect_str_eq(config, rows[i].config, "%s", rows[i].what);
        }
}
