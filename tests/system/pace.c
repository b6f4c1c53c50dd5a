/* See pace.h. Two measures, of which the worse one counts: a fixed piece of work, which shows a slow processor and
 * what runs beside it right now; and the load average, which shows what has run beside it for the last minute and will
 * probably go on doing so after a lucky moment. */
#include "system/pace.h"

#include <stdlib.h>
#include <time.h>
#include <unistd.h>

#include "core/base.h"

/* ROUNDS take about this long on one idle core of the machines of CI (measured with gcc -O2), and on the slowest that
 * still count as idle. Longer than a time slice, so that others get theirs in between. */
#define ROUNDS         8000000U
#define REFERENCE_NSEC 16e6

static double now_nsec(void) {
        struct timespec t;

        clock_gettime(CLOCK_MONOTONIC, &t);
        return (double) t.tv_sec * 1e9 + (double) t.tv_nsec;
}

static double work_pace(void) {
        volatile uint32_t result;
        double start = now_nsec();
        uint32_t x = 1;

        for (unsigned i = 0; i < ROUNDS; i++)
                x = x * 1664525U + 1013904223U;
        result = x;
        (void) result;
        return (now_nsec() - start) / REFERENCE_NSEC;
}

static double load_pace(void) {
        long cores = sysconf(_SC_NPROCESSORS_ONLN);
        double load;

        if (cores < 1 || getloadavg(&load, 1) != 1)
                return 1;
        return load / (double) cores;
}

static double measure(void) {
        double work = work_pace(), load = load_pace(), pace = work > load ? work : load;

        return pace < 1 ? 1 : pace > PACE_MAX ? PACE_MAX : pace;
}

int64_t paced(int64_t msec) {
        static double pace;

        if (pace == 0)
                pace = measure();
        return (int64_t) ((double) msec * pace);
}
