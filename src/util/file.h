/* Files: whole, bounded, flushed. */
#pragma once

#include "core/base.h"

/* Writes the file whole: temporary file beside it, fsync, rename, fsync of the folder. Mode as given
 * (0600 for anything of ours). Returns 0 or a negative errno; then the old content stands, unless only the flush of
 * the folder failed. A crash leaves at most a temporary file behind. */
int file_write(const char *path, const void *data, size_t size, unsigned mode);

/* Removes temporary files in `dir` whose writers are gone. */
void file_sweep(const char *dir);

/* Reads at most `max` bytes into a new, NUL-terminated buffer that the caller frees. -EFBIG if it is larger.
 * `ret_size` may be NULL. */
int file_read(const char *path, size_t max, char **ret, size_t *ret_size);

/* As file_read, and refuses with -EPERM a file that is not ours or that others may read or write. */
int file_read_private(const char *path, size_t max, char **ret, size_t *ret_size);

/* Removes it durably. 0 also if it was not there. */
int file_remove(const char *path);

/* mkdir -p with mode 0700 for what is made. */
int dir_make(const char *path);

/* "a/b" from "a" and "b"; the caller frees. NULL if out of memory. */
char *path_join(const char *dir, const char *name);

/* $XDG_CONFIG_HOME or ~/.config, and so on, with `name` below; the caller frees. -ENXIO without a HOME. */
int path_config(const char *name, char **ret);
/* $STATE_DIRECTORY (the first, if there are several), else $XDG_STATE_HOME/busyd, else ~/.local/state/busyd. */
int path_state(char **ret);
