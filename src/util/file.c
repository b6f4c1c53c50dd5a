/* Files, see file.h. */
#include <errno.h>
#include <dirent.h>
#include <fcntl.h>
#include <limits.h>
#include <signal.h>
#include <stdio.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <sys/time.h>
#include <unistd.h>

#include "util/file.h"

/* Between a name and mkostemp's letters; file_sweep() knows leftovers by it. */
#define TEMP_MARK     ".tmp-"
#define TEMP_LETTERS  6
#define TEMP_TRIES    8
#define READ_STEP_MIN 4096

static void close_scoped(int *fd) {
        if (*fd >= 0)
                (void) close(*fd);
}

static void closedir_scoped(DIR **d) {
        if (*d)
                (void) closedir(*d);
}

static void unlink_scoped(char **path) {
        if (*path) {
                (void) unlink(*path);
                free(*path);
        }
}

/* Flushes the folder `path` is in. */
static int dir_flush(const char *path) {
        const char *slash = strrchr(path, '/');
        SCOPED(close) int fd = -1;
        char dir[PATH_MAX] = ".";

        if (slash && (size_t) (slash - path) >= sizeof(dir) - 1)
                return -ENAMETOOLONG;
        if (slash)
                (void) snprintf(dir, sizeof(dir), "%.*s/", (int) (slash - path), path);
        fd = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
        if (fd < 0)
                return -errno;
        /* Some file systems cannot flush a folder and say so with EINVAL. */
        return fsync(fd) < 0 && errno != EINVAL ? -errno : 0;
}

static int write_all(int fd, const char *data, size_t size) {
        while (size > 0) {
                ssize_t n = write(fd, data, size);

                if (n < 0 && errno == EINTR)
                        continue;
                if (n < 0)
                        return -errno;
                data += n;
                size -= (size_t) n;
        }
        return 0;
}

/* The lock tells file_sweep() that the writer lives. A sweep between the making and the lock has it or has taken
 * the file away. */
static bool temp_lock(int fd) {
        struct stat st;

        return flock(fd, LOCK_EX | LOCK_NB) == 0 && fstat(fd, &st) == 0 && st.st_nlink > 0;
}

/* A locked temporary file beside `path`. */
static int temp_open(const char *path, char **ret_temp) {
        for (unsigned i = 0; i < TEMP_TRIES; i++) {
                char *name;
                int fd, error;

                if (asprintf(&name, "%s" TEMP_MARK "XXXXXX", path) < 0)
                        return -ENOMEM;
                fd = mkostemp(name, O_CLOEXEC);
                error = errno;
                if (fd >= 0 && temp_lock(fd)) {
                        *ret_temp = name;
                        return fd;
                }
                free(name);
                if (fd < 0)
                        return -error;
                (void) close(fd);
        }
        return -EBUSY;
}

static int replace(const char *path, const void *data, size_t size, unsigned mode, bool flush) {
        SCOPED(unlink) char *temp = NULL;
        SCOPED(close) int fd = temp_open(path, &temp);
        char *renamed;
        int r;

        if (fd < 0)
                return fd;
        r = write_all(fd, data, size);
        if (r < 0)
                return r;
        if (fchmod(fd, mode) < 0 || (flush && fsync(fd) < 0) || rename(temp, path) < 0)
                return -errno;
        renamed = TAKE(temp);
        free(renamed);
        return flush ? dir_flush(path) : 0;
}

int file_write(const char *path, const void *data, size_t size, unsigned mode) {
        return replace(path, data, size, mode, /* flush= */ true);
}

int file_write_unflushed(const char *path, const void *data, size_t size, unsigned mode) {
        return replace(path, data, size, mode, /* flush= */ false);
}

static int data_flush(const char *path) {
        SCOPED(close) int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK | O_NOFOLLOW);

        return fd < 0 || fsync(fd) < 0 ? -errno : 0;
}

int file_flush(const char *path) {
        int r = data_flush(path);

        return r < 0 ? r : dir_flush(path);
}

static bool is_leftover(const char *name) {
        size_t n = strlen(name), tail = sizeof(TEMP_MARK) - 1 + TEMP_LETTERS;

        return n > tail && strncmp(name + n - tail, TEMP_MARK, sizeof(TEMP_MARK) - 1) == 0;
}

void file_sweep(const char *dir) {
        SCOPED(closedir) DIR *d = opendir(dir);
        struct dirent *e;

        while (d && (e = readdir(d))) {
                SCOPED(close) int fd = -1;

                if (!is_leftover(e->d_name))
                        continue;
                fd = openat(dirfd(d), e->d_name, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);
                if (fd >= 0 && flock(fd, LOCK_EX | LOCK_NB) == 0)
                        (void) unlinkat(dirfd(d), e->d_name, 0);
        }
}

/* Reads to the end. One byte more than `max` is asked for, as that tells "too large" from "just fits". */
static int read_all(int fd, size_t max, char **ret, size_t *ret_size) {
        SCOPED(free) char *data = NULL;
        size_t size = 0, room = 0;

        for (;;) {
                ssize_t n;

                if (size == room) {
                        char *larger;

                        room = room == 0 ? READ_STEP_MIN : room * 2;
                        if (room > max)
                                room = max + 1;
                        larger = realloc(data, room + 1);
                        if (!larger)
                                return -ENOMEM;
                        data = larger;
                }
                n = read(fd, data + size, room - size);
                if (n < 0 && errno == EINTR)
                        continue;
                if (n < 0)
                        return -errno;
                if (n == 0)
                        break;
                size += (size_t) n;
                if (size > max)
                        return -EFBIG;
        }
        data[size] = '\0';
        if (ret_size)
                *ret_size = size;
        *ret = TAKE(data);
        return 0;
}

/* O_NONBLOCK: what stands in the place of a file, as a FIFO, must not keep us before it is looked at. */
#define OPEN_TO_READ (O_RDONLY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK)

int file_read(const char *path, size_t max, char **ret, size_t *ret_size) {
        SCOPED(close) int fd = open(path, OPEN_TO_READ);
        struct stat st;

        if (fd < 0 || fstat(fd, &st) < 0)
                return -errno;
        if (!S_ISREG(st.st_mode))
                return S_ISDIR(st.st_mode) ? -EISDIR : -ENXIO;
        return read_all(fd, max, ret, ret_size);
}

static int read_ours(const char *path, mode_t forbidden, size_t max, char **ret, size_t *ret_size) {
        SCOPED(close) int fd = open(path, OPEN_TO_READ | O_NOFOLLOW);
        struct stat st;

        if (fd < 0)
                return errno == ELOOP || errno == ENXIO ? -EPERM : -errno;
        if (fstat(fd, &st) < 0)
                return -errno;
        if (!S_ISREG(st.st_mode) || st.st_uid != geteuid() || (st.st_mode & forbidden) != 0)
                return -EPERM;
        return read_all(fd, max, ret, ret_size);
}

int file_read_own(const char *path, size_t max, char **ret, size_t *ret_size) {
        return read_ours(path, S_IWGRP | S_IWOTH, max, ret, ret_size);
}

int file_read_private(const char *path, size_t max, char **ret, size_t *ret_size) {
        return read_ours(path, S_IRWXG | S_IRWXO, max, ret, ret_size);
}

bool file_is_null(const char *path) {
        struct stat st, null;

        return stat(path, &st) == 0 && S_ISCHR(st.st_mode) && stat("/dev/null", &null) == 0 &&
               st.st_rdev == null.st_rdev;
}

bool file_exists(const char *path) {
        struct stat st;

        return lstat(path, &st) == 0;
}

/* Tells the name that `path` gets when it is put aside. */
static char *aside_name(const char *path) {
        char *name = NULL;

        for (unsigned i = 1; i <= FILE_ASIDE_MAX; i++) {
                free(name);
                if ((i == 1 ? asprintf(&name, "%s.broken", path) : asprintf(&name, "%s.broken-%u", path, i)) < 0)
                        return NULL;
                if (!file_exists(name))
                        break;
        }
        return name;
}

int file_set_aside(const char *path, bool keep, char **ret) {
        SCOPED(free) char *name = aside_name(path);

        if (!name)
                return -ENOMEM;
        if (keep) {
                (void) unlink(name);
                if (link(path, name) < 0)
                        return -errno;
        } else if (rename(path, name) < 0)
                return -errno;
        *ret = TAKE(name);
        return 0;
}

int file_remove(const char *path) {
        if (unlink(path) < 0)
                return errno == ENOENT ? 0 : -errno;
        return dir_flush(path);
}

/* Makes one folder; fine if it is there. */
static int dir_make_one(const char *path) {
        struct stat st;

        if (mkdir(path, 0700) == 0)
                return 0;
        if (errno != EEXIST)
                return -errno;
        if (stat(path, &st) < 0)
                return -errno;
        return S_ISDIR(st.st_mode) ? 0 : -ENOTDIR;
}

int dir_make(const char *path) {
        for (const char *slash = strchr(path, '/'); slash; slash = strchr(slash + 1, '/')) {
                char above[PATH_MAX];
                int r;

                if (slash == path)
                        continue;
                if ((size_t) (slash - path) >= sizeof(above))
                        return -ENAMETOOLONG;
                (void) snprintf(above, sizeof(above), "%.*s", (int) (slash - path), path);
                r = dir_make_one(above);
                if (r < 0)
                        return r;
        }
        return dir_make_one(path);
}

int dir_check(const char *dir) {
        struct stat st;

        if (stat(dir, &st) < 0)
                return -errno;
        if (!S_ISDIR(st.st_mode))
                return -ENOTDIR;
        return st.st_uid != geteuid() || (st.st_mode & (S_IWGRP | S_IWOTH)) != 0 ? -EPERM : 0;
}

int dir_check_writable(const char *dir) {
        return access(dir, W_OK | X_OK) < 0 ? -errno : 0;
}

int dir_check_makeable(const char *dir) {
        char above[PATH_MAX];
        char *slash;

        if (strlen(dir) >= sizeof(above))
                return -ENAMETOOLONG;
        (void) snprintf(above, sizeof(above), "%s", dir);
        while (access(above, F_OK) < 0 && errno == ENOENT && (slash = strrchr(above, '/')) && slash != above)
                *slash = '\0';
        return dir_check_writable(access(above, F_OK) < 0 && errno == ENOENT ? "/" : above);
}

static int open_lock_file(const char *path) {
        struct stat st;
        int fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY, 0600);

        if (fd < 0)
                return -errno;
        if (fstat(fd, &st) == 0 && S_ISREG(st.st_mode))
                return fd;
        (void) close(fd);
        return -EINVAL;
}

static int take_lock(int fd) {
        int error;

        if (flock(fd, LOCK_EX | LOCK_NB) == 0)
                return fd;
        error = errno == EWOULDBLOCK ? EBUSY : errno;
        (void) close(fd);
        return -error;
}

int file_lock(const char *path) {
        int fd = open_lock_file(path);

        return fd < 0 ? fd : take_lock(fd);
}

static void on_alarm(int signal) {
}

/* Only that it comes counts: it ends the wait for the lock. Again and again, should it come just before that begins.
 */
static int take_lock_by(int fd, usec_t max) {
        const struct itimerval none = { .it_value = { 0 } };
        const struct itimerval timer = { .it_value = { .tv_sec = (time_t) (max / USEC_PER_SEC),
                                                       .tv_usec = (suseconds_t) (max % USEC_PER_SEC) },
                                         .it_interval = { .tv_usec = 100000 } };
        const struct sigaction action = { .sa_handler = on_alarm };
        struct sigaction before;
        int r;

        if (sigaction(SIGALRM, &action, &before) < 0 || setitimer(ITIMER_REAL, &timer, NULL) < 0)
                return take_lock(fd);
        r = flock(fd, LOCK_EX) == 0 ? fd : errno == EINTR ? -EBUSY : -errno;
        (void) setitimer(ITIMER_REAL, &none, NULL);
        (void) sigaction(SIGALRM, &before, NULL);
        if (r < 0)
                (void) close(fd);
        return r;
}

int file_lock_wait(const char *path, usec_t max) {
        int fd = open_lock_file(path);

        return fd < 0 ? fd : take_lock_by(fd, max);
}

void file_unlock(int lock) {
        if (lock >= 0)
                (void) close(lock);
}

int dir_lock(const char *dir) {
        char path[PATH_MAX];
        int fd = -1;

        if (snprintf(path, sizeof(path), "%s/lock", dir) < (int) sizeof(path))
                fd = open_lock_file(path);
        /* The folder itself serves where no file can be made. It cannot be locked on every network file system. */
        if (fd < 0)
                fd = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
        return fd < 0 ? -errno : take_lock(fd);
}

void dir_unlock(int lock) {
        file_unlock(lock);
}

/* What stands between both; NULL: they are not there, or there is nothing. */
static const char *between(const char *name, const char *prefix, const char *suffix, size_t *ret_size) {
        size_t n = strlen(name), n_prefix = strlen(prefix), n_suffix = strlen(suffix);

        if (n <= n_prefix + n_suffix || strncmp(name, prefix, n_prefix) != 0 || !streq(name + n - n_suffix, suffix))
                return NULL;
        *ret_size = n - n_prefix - n_suffix;
        return name + n_prefix;
}

static int compare_names(const void *a, const void *b) {
        return strcmp(*(char *const *) a, *(char *const *) b);
}

int dir_names(const char *dir, const char *prefix, const char *suffix, char ***ret) {
        SCOPED(closedir) DIR *d = opendir(dir);
        SCOPED(names_free) char **names = calloc(DIR_NAMES_MAX + 1, sizeof(*names));
        struct dirent *e;
        size_t n = 0;

        if (!names)
                return -ENOMEM;
        if (!d && errno != ENOENT)
                return -errno;
        while (d && n < DIR_NAMES_MAX && (e = readdir(d))) {
                size_t size = 0;
                const char *part = between(e->d_name, prefix, suffix, &size);

                if (!part)
                        continue;
                names[n] = strndup(part, size);
                if (!names[n++])
                        return -ENOMEM;
        }
        qsort(names, n, sizeof(*names), compare_names);
        *ret = TAKE(names);
        return (int) n;
}

void names_free(char **names) {
        for (size_t i = 0; names && names[i]; i++)
                free(names[i]);
        free(names);
}

void file_flush_all(const char *dir, const char *suffix, bool (*wanted)(const char *name)) {
        SCOPED(names_free) char **names = NULL;
        SCOPED(free) char *last = NULL;

        if (dir_names(dir, "", suffix, &names) <= 0)
                return;
        for (char **name = names; name && *name; name++) {
                SCOPED(free) char *path = NULL;

                if (asprintf(&path, "%s/%s%s", dir, *name, suffix) < 0)
                        path = NULL;
                if (!path || !wanted(path + strlen(dir) + 1))
                        continue;
                (void) data_flush(path);
                free(last);
                last = TAKE(path);
        }
        if (last)
                (void) dir_flush(last);
}
