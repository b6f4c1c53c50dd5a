/* Preloaded into a program: while BROKEN_LOOP_FILE is there, waiting for events fails; once if it is a file, which is
 * removed by that, and for as long as it is there if it is a folder. */
#include <dlfcn.h>
#include <errno.h>
#include <signal.h>
#include <stdbool.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <unistd.h>

static bool is_broken(void) {
        const char *path = getenv("BROKEN_LOOP_FILE");

        if (!path || (unlink(path) < 0 && errno != EISDIR))
                return false;
        errno = ENOMEM;
        return true;
}

int epoll_wait(int fd, struct epoll_event *events, int max, int timeout) {
        static int (*real)(int, struct epoll_event *, int, int);

        if (!real)
                real = (int (*)(int, struct epoll_event *, int, int)) dlsym(RTLD_NEXT, "epoll_wait");
        return is_broken() ? -1 : real(fd, events, max, timeout);
}

int epoll_pwait2(int fd, struct epoll_event *events, int max, const struct timespec *timeout, const sigset_t *mask) {
        static int (*real)(int, struct epoll_event *, int, const struct timespec *, const sigset_t *);

        if (!real)
                real = (int (*)(int, struct epoll_event *, int, const struct timespec *, const sigset_t *)) dlsym(
                        RTLD_NEXT, "epoll_pwait2");
        return is_broken() ? -1 : real(fd, events, max, timeout, mask);
}
