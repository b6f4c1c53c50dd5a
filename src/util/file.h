/* The door to the disk: files whole, bounded and flushed. Nothing under src/state touches the disk but through these.
 */
#pragma once

#include "core/base.h"

/* Names of one file that is put aside again and again; a further one takes the place of the last. */
#define FILE_ASIDE_MAX 8

/* Files of one kind in a folder. */
#define DIR_NAMES_MAX 256

/* Writes the file whole: temporary file beside it, fsync, rename, fsync of the folder. Mode as given
 * (0600 for anything of ours). Returns 0 or a negative errno; then the old content stands, unless only the flush of
 * the folder failed. A crash leaves at most a temporary file behind. */
int file_write(const char *path, const void *data, size_t size, unsigned mode);

/* As file_write(), without the flushes: it takes no time and survives our own end, but not that of the machine before
 * file_flush(). */
int file_write_unflushed(const char *path, const void *data, size_t size, unsigned mode);
int file_flush(const char *path);

/* Flushes every file in `dir` whose name ends in `suffix` and is `wanted`, and then the folder: whoever wrote them may
 * have been killed before. As far as can be. */
void file_flush_all(const char *dir, const char *suffix, bool (*wanted)(const char *name));

/* Removes temporary files in `dir` whose writers are gone. */
void file_sweep(const char *dir);

/* Reads at most `max` bytes into a new, NUL-terminated buffer that the caller frees. `ret_size` may be NULL. -EFBIG:
 * it is larger; -EISDIR, -ENXIO: it is no regular file. Never waits for what stands there instead. */
int file_read(const char *path, size_t max, char **ret, size_t *ret_size);

/* As file_read, and refuses with -EPERM what is a link or no file, is not ours, or others may write. */
int file_read_own(const char *path, size_t max, char **ret, size_t *ret_size);
/* ... or others may read or write. */
int file_read_private(const char *path, size_t max, char **ret, size_t *ret_size);

bool file_exists(const char *path);
/* /dev/null by whatever name. */
bool file_is_null(const char *path);

/* Removes it durably. 0 also if it was not there. */
int file_remove(const char *path);

/* Renames whatever is there to PATH.broken, or PATH.broken-2 and so on; `keep`: it gets that name besides its own.
 * *ret is the name; the caller frees. */
int file_set_aside(const char *path, bool keep, char **ret);

/* mkdir -p with mode 0700 for what is made. */
int dir_make(const char *path);

/* -EPERM: it is not ours, or others may write there; -ENOTDIR. */
int dir_check(const char *dir);
/* Why nothing can be written there: -EROFS, -EACCES; 0 if that is not known beforehand. */
int dir_check_writable(const char *dir);
/* Why dir_make() could not make it, likewise. */
int dir_check_makeable(const char *dir);

/* Nobody else gets this lock until dir_unlock() or the end of the process. -EBUSY: somebody has it; another errno: it
 * cannot be had here. Below 0 there is nothing to unlock. */
int dir_lock(const char *dir);
void dir_unlock(int lock);

/* The same by a file that is made for it, and stays. */
int file_lock(const char *path);
/* The same, waited for at most this long; for programs without a loop and with one thread: SIGALRM is theirs. */
int file_lock_wait(const char *path, usec_t max);
void file_unlock(int lock);

/* Of the names that begin and end so, what is in between, sorted by byte; at most DIR_NAMES_MAX. Free with names_free.
 * Returns how many, 0 if there is no folder, or a negative errno. */
int dir_names(const char *dir, const char *prefix, const char *suffix, char ***ret);
void names_free(char **names);
static inline void names_free_scoped(char ***names) {
        names_free(*names);
}
