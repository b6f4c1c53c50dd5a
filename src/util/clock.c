/* The clocks, see clock.h. */
#include <sys/random.h>
#include <time.h>

#include "util/clock.h"

static usec_t clock_read(clockid_t id) {
        struct timespec ts = { 0 };

        (void) clock_gettime(id, &ts);
        return (usec_t) ts.tv_sec * USEC_PER_SEC + (usec_t) ts.tv_nsec / 1000;
}

usec_t clock_now(void) {
        return clock_read(CLOCK_BOOTTIME);
}

usec_t clock_wall_now(void) {
        return clock_read(CLOCK_REALTIME);
}

uint32_t random_u32(void) {
        uint32_t r;

        /* Before the pool is ready, early in a boot, any spread will do. */
        if (getrandom(&r, sizeof(r), GRND_NONBLOCK) != sizeof(r))
                r = (uint32_t) (clock_now() * UINT64_C(2654435761) >> 16);
        return r;
}
