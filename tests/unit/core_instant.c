/* Points in time on the clock of the boot and on that of the wall. */
#include <criterion/criterion.h>

#include "core/base.h"

static const struct instant at = { .now = 2 * USEC_PER_HOUR, .wall = 100 * USEC_PER_HOUR };

Test(instant, there_and_back) {
        const usec_t times[] = { 0, USEC_PER_HOUR, 2 * USEC_PER_HOUR, 5 * USEC_PER_HOUR };

        for (size_t i = 0; i < ARRAY_SIZE(times); i++)
                cr_expect_eq(instant_from_wall(&at, instant_to_wall(&at, times[i])), times[i], "%zu", i);
        cr_expect_eq(instant_to_wall(&at, 3 * USEC_PER_HOUR), 101 * USEC_PER_HOUR);
        cr_expect_eq(instant_to_wall(&at, USEC_PER_HOUR), 99 * USEC_PER_HOUR);
}

Test(instant, what_has_no_counterpart) {
        cr_expect_eq(instant_to_wall(&at, USEC_NEVER), 0);
        cr_expect_eq(instant_from_wall(&at, USEC_PER_HOUR), 0, "before the boot");
}
