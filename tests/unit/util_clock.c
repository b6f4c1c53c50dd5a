/* Wall clock and boot time lead to each other. */
#include <criterion/criterion.h>

#include "util/clock.h"

Test(clock, there_and_back) {
        usec_t now = clock_now(), back = clock_from_wall(clock_to_wall(now));
        usec_t apart = back > now ? back - now : now - back;

        /* The clocks are read one after the other, and the wall clock may be slewed meanwhile. */
        cr_expect_lt(apart, USEC_PER_HOUR);
        cr_expect_eq(clock_to_wall(USEC_NEVER), 0);
        cr_expect_eq(clock_from_wall(1), 0, "before the boot");
        cr_expect_gt(clock_to_wall(usec_add(now, 2 * USEC_PER_HOUR)), clock_wall_now());
}
