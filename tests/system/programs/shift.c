/* Preloaded into a program: its wall clock is off by the number of seconds at the beginning of the file SHIFT_FILE,
 * which may change at any time. The clocks that nobody sets go on as they are; with SHIFT_ALL_FILE in its place, the
 * one that counts through a suspend jumps as well, as if that time had passed. Timers that run already do not. */
#include <dlfcn.h>
#include <fcntl.h>
#include <stdint.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/time.h>
#include <sys/timerfd.h>
#include <time.h>
#include <unistd.h>

static const int64_t none = 0;
static const volatile int64_t *shift = &none, *shift_all = &none;

__attribute__((constructor)) static void look(void) {
        const char *all = getenv("SHIFT_ALL_FILE"), *path = all ? all : getenv("SHIFT_FILE");
        int fd = path ? open(path, O_RDONLY | O_CLOEXEC) : -1;
        void *page = fd >= 0 ? mmap(NULL, sizeof(*shift), PROT_READ, MAP_SHARED, fd, 0) : MAP_FAILED;

        if (page != MAP_FAILED)
                shift = page;
        if (all)
                shift_all = shift;
        if (fd >= 0)
                close(fd);
}

int clock_gettime(clockid_t id, struct timespec *ts) {
        static int (*real)(clockid_t, struct timespec *);
        int r;

        if (!real)
                real = (int (*)(clockid_t, struct timespec *)) dlsym(RTLD_NEXT, "clock_gettime");
        r = real(id, ts);
        if (r == 0 && (id == CLOCK_REALTIME || id == CLOCK_REALTIME_COARSE))
                ts->tv_sec += *shift;
        if (r == 0 && id == CLOCK_BOOTTIME)
                ts->tv_sec += *shift_all;
        return r;
}

/* What was counted from a shifted clock; the kernel's has no shift. */
int timerfd_settime(int fd, int flags, const struct itimerspec *new, struct itimerspec *old) {
        static int (*real)(int, int, const struct itimerspec *, struct itimerspec *);
        struct itimerspec t = *new;

        if (!real)
                real = (int (*)(int, int, const struct itimerspec *, struct itimerspec *)) dlsym(RTLD_NEXT,
                                                                                                 "timerfd_settime");
        if ((flags & TFD_TIMER_ABSTIME) && t.it_value.tv_sec > *shift_all)
                t.it_value.tv_sec -= *shift_all;
        return real(fd, flags, &t, old);
}

time_t time(time_t *ret) {
        struct timespec ts = { 0 };

        (void) clock_gettime(CLOCK_REALTIME, &ts);
        if (ret)
                *ret = ts.tv_sec;
        return ts.tv_sec;
}

int gettimeofday(struct timeval *ret, void *zone) {
        struct timespec ts = { 0 };

        (void) clock_gettime(CLOCK_REALTIME, &ts);
        ret->tv_sec = ts.tv_sec;
        ret->tv_usec = ts.tv_nsec / 1000;
        return 0;
}
