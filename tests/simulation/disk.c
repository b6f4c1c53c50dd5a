/* The disk: files are real ones, in memory; what was not flushed is kept track of. The linker puts these functions in
 * front of the C library's (--wrap). A file is durable once it was flushed and its folder after the rename; until then
 * a power cut brings back what stood there before, or half of the new one. */
#include "door.h"
#include "torture.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

#define DISK_PENDING_MAX 64

ssize_t __real_write(int fd, const void *data, size_t size);
int __real_fsync(int fd);
int __real_fdatasync(int fd);
int __real_rename(const char *from, const char *to);
int __real_unlink(const char *path);
ssize_t __wrap_write(int fd, const void *data, size_t size);
int __wrap_fsync(int fd);
int __wrap_fdatasync(int fd);
int __wrap_rename(const char *from, const char *to);
int __wrap_unlink(const char *path);

/* A path whose content a power cut would take back. */
static struct pending {
        char path[PATH_MAX];
        char *before; /* NULL: there was none */
        size_t size;
        bool torn; /* the data itself was not flushed */
} pending[DISK_PENDING_MAX];
static size_t n_pending;
static ino_t flushed; /* the file flushed last */
static uint64_t n_writes;

static char *read_whole(const char *path, size_t *ret_size) {
        int fd = open(path, O_RDONLY | O_CLOEXEC);
        struct stat st;
        char *data = NULL;
        ssize_t n = -1;

        if (fd < 0)
                return NULL;
        if (fstat(fd, &st) == 0 && S_ISREG(st.st_mode) && (data = malloc((size_t) st.st_size + 1)))
                n = read(fd, data, (size_t) st.st_size);
        close(fd);
        if (n < 0) {
                free(data);
                return NULL;
        }
        *ret_size = (size_t) n;
        return data;
}

static void write_whole(const char *path, const char *data, size_t size) {
        int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);

        if (fd >= 0 && write(fd, data, size) < 0)
                perror(path);
        if (fd >= 0)
                close(fd);
}

static struct pending *find(const char *path) {
        for (size_t i = 0; i < n_pending; i++)
                if (streq(pending[i].path, path))
                        return &pending[i];
        return NULL;
}

static void forget(struct pending *p) {
        free(p->before);
        *p = pending[--n_pending];
}

/* What stands there now comes back at a power cut, unless something older does already. */
static struct pending *keep(const char *path) {
        struct pending *p = find(path);

        if (p)
                return p;
        if (n_pending == DISK_PENDING_MAX)
                forget(&pending[0]);
        p = &pending[n_pending++];
        *p = (struct pending){ 0 };
        (void) snprintf(p->path, sizeof(p->path), "%s", path);
        p->before = read_whole(path, &p->size);
        return p;
}

static int dead(void) {
        errno = EIO;
        return -1;
}

static bool fails(bool in_product) {
        bool r;

        torture_back(in_product);
        r = torture_fails_disk();
        (void) torture_spare();
        return r;
}

static void folder_flushed(int fd) {
        char link[64], dir[PATH_MAX];
        ssize_t n;
        size_t i = 0;

        (void) snprintf(link, sizeof(link), "/proc/self/fd/%d", fd);
        n = readlink(link, dir, sizeof(dir) - 1);
        if (n < 0)
                return;
        dir[n] = 0;
        while (i < n_pending)
                if (strncmp(pending[i].path, dir, (size_t) n) == 0 && pending[i].path[n] == '/' && !pending[i].torn)
                        forget(&pending[i]);
                else
                        i++;
}

/* Also of a file that has its name already. */
static void data_flushed(ino_t file) {
        struct stat st;

        for (size_t i = 0; i < n_pending; i++)
                if (pending[i].torn && stat(pending[i].path, &st) == 0 && st.st_ino == file)
                        pending[i].torn = false;
}

int __wrap_fsync(int fd) {
        SPARED;
        struct stat st;

        if (!door_step())
                return dead();
        if (fails(torture_before))
                return -1;
        if (fstat(fd, &st) < 0)
                return -1;
        if (S_ISDIR(st.st_mode))
                folder_flushed(fd);
        else {
                flushed = st.st_ino;
                data_flushed(st.st_ino);
        }
        return 0;
}

int __wrap_fdatasync(int fd) {
        return __wrap_fsync(fd);
}

ssize_t __wrap_write(int fd, const void *data, size_t size) {
        return torture_fails_disk() ? -1 : __real_write(fd, data, size);
}

int __wrap_rename(const char *from, const char *to) {
        SPARED;
        struct pending *p;
        struct stat st;

        if (!door_step())
                return dead();
        if (fails(torture_before))
                return -1;
        n_writes++;
        p = keep(to);
        p->torn = stat(from, &st) == 0 && st.st_ino != flushed;
        return __real_rename(from, to);
}

int __wrap_unlink(const char *path) {
        SPARED;

        if (!door_step())
                return dead();
        if (access(path, F_OK) == 0)
                keep(path)->torn = false;
        return __real_unlink(path);
}

void disk_power_cut(const char *dir, struct chance *c) {
        size_t n = strlen(dir), i = 0;

        while (i < n_pending) {
                struct pending *p = &pending[i];

                if (strncmp(p->path, dir, n) != 0) {
                        i++;
                        continue;
                }
                /* The folder may have reached the disk all the same. */
                if (p->torn && chance_percent(c, 30)) {
                        size_t size = 0;
                        char *data = read_whole(p->path, &size);

                        trace("disk: %s is torn", p->path);
                        if (data)
                                write_whole(p->path, data, size / 2);
                        free(data);
                } else if (chance_percent(c, 70)) {
                        trace("disk: %s is as before", p->path);
                        if (p->before)
                                write_whole(p->path, p->before, p->size);
                        else
                                (void) __real_unlink(p->path);
                }
                forget(p);
        }
}

void disk_forget(void) {
        while (n_pending > 0)
                forget(&pending[0]);
        flushed = 0;
}

uint64_t disk_n_writes(void) {
        return n_writes;
}
