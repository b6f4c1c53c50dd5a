/* Names of files and folders. */
#pragma once

#include "core/base.h"

/* "a/b" from "a" and "b"; the caller frees. NULL if out of memory. */
char *path_join(const char *dir, const char *name);

/* `name` below $XDG_CONFIG_HOME or ~/.config, and $XDG_STATE_HOME or ~/.local/state; the caller frees. -ENXIO without
 * a HOME. */
int path_config(const char *name, char **ret);
int path_state(const char *name, char **ret);
