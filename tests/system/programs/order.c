/* Preloaded into a program: writes to the file ORDER_FILE, in the order in which they happen, a line "flush PATH" for
 * each file or folder that is flushed, and "PUT PATH" for each request of that kind that leaves. */
#include <dlfcn.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/uio.h>
#include <unistd.h>

static void tell(const char *what, const char *name, int length) {
        const char *path = getenv("ORDER_FILE");
        char line[PATH_MAX + 16];
        int n = snprintf(line, sizeof(line), "%s %.*s\n", what, length, name);
        int fd = path ? open(path, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600) : -1;

        if (fd >= 0 && n > 0)
                (void) !write(fd, line, (size_t) n);
        close(fd);
}

static void tell_flush(int fd) {
        char link[64], path[PATH_MAX];
        ssize_t n;

        (void) snprintf(link, sizeof(link), "/proc/self/fd/%d", fd);
        n = readlink(link, path, sizeof(path));
        if (n > 0)
                tell("flush", path, (int) n);
}

static void tell_request(const void *data, size_t size) {
        const char *text = data, *end = size > 4 ? memchr(text + 4, ' ', size - 4) : NULL;

        if (end && memcmp(text, "PUT ", 4) == 0)
                tell("PUT", text + 4, (int) (end - text - 4));
}

int fsync(int fd) {
        int (*real)(int) = (int (*)(int)) dlsym(RTLD_NEXT, "fsync");

        tell_flush(fd);
        return real(fd);
}

int fdatasync(int fd) {
        int (*real)(int) = (int (*)(int)) dlsym(RTLD_NEXT, "fdatasync");

        tell_flush(fd);
        return real(fd);
}

ssize_t send(int fd, const void *data, size_t size, int flags) {
        ssize_t (*real)(int, const void *, size_t, int) =
                (ssize_t(*)(int, const void *, size_t, int)) dlsym(RTLD_NEXT, "send");

        tell_request(data, size);
        return real(fd, data, size, flags);
}
