/* Files, see file.h. */
#include <errno.h>
#include <dirent.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <sys/file.h>
#include <sys/stat.h>
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

char *path_join(const char *dir, const char *name) {
        char *path;

        return asprintf(&path, "%s/%s", dir, name) < 0 ? NULL : path;
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

int file_write(const char *path, const void *data, size_t size, unsigned mode) {
        SCOPED(unlink) char *temp = NULL;
        SCOPED(close) int fd = temp_open(path, &temp);
        char *renamed;
        int r;

        if (fd < 0)
                return fd;
        r = write_all(fd, data, size);
        if (r < 0)
                return r;
        if (fchmod(fd, mode) < 0 || fsync(fd) < 0 || rename(temp, path) < 0)
                return -errno;
        renamed = TAKE(temp);
        free(renamed);
        return dir_flush(path);
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

int file_read(const char *path, size_t max, char **ret, size_t *ret_size) {
        SCOPED(close) int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY);

        return fd < 0 ? -errno : read_all(fd, max, ret, ret_size);
}

int file_read_private(const char *path, size_t max, char **ret, size_t *ret_size) {
        /* O_NONBLOCK: a FIFO in its place must not hang us before it is refused. */
        SCOPED(close) int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY | O_NOFOLLOW | O_NONBLOCK);
        struct stat st;

        if (fd < 0)
                return errno == ELOOP ? -EPERM : -errno;
        if (fstat(fd, &st) < 0)
                return -errno;
        if (!S_ISREG(st.st_mode) || st.st_uid != geteuid() || (st.st_mode & (S_IRWXG | S_IRWXO)) != 0)
                return -EPERM;
        return read_all(fd, max, ret, ret_size);
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

int path_state(char **ret) {
        const char *given = getenv("STATE_DIRECTORY");
        char *path;

        if (!given || given[0] != '/')
                return path_xdg("XDG_STATE_HOME", ".local/state", "busyd", ret);
        /* systemd separates several by colons. */
        path = strndup(given, strcspn(given, ":"));
        if (!path)
                return -ENOMEM;
        *ret = path;
        return 0;
}
