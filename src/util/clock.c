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

usec_t clock_to_wall(usec_t boottime) {
        usec_t now = clock_now(), wall = clock_wall_now();

        if (boottime == USEC_NEVER)
                return 0;
        if (boottime >= now)
                return usec_add(wall, boottime - now);
        return wall > now - boottime ? wall - (now - boottime) : 0;
}

usec_t clock_from_wall(usec_t wall) {
        usec_t now = clock_now(), wall_now = clock_wall_now();

        if (wall >= wall_now)
                return usec_add(now, wall - wall_now);
        return now > wall_now - wall ? now - (wall_now - wall) : 0;
}

uint32_t random_u32(void) {
        uint32_t r;

        /* Before the pool is ready, early in a boot, any spread will do. */
        if (getrandom(&r, sizeof(r), GRND_NONBLOCK) != sizeof(r))
                r = (uint32_t) (clock_now() * UINT64_C(2654435761) >> 16);
        return r;
}
