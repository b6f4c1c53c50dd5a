/* Deadlines of objects that read no clock. */
#include <criterion/criterion.h>

#include "util/later.h"

Test(later, a_span_begins_with_the_next_turn_and_is_due_once) {
        struct later l = { 0 };

        cr_assert_eq(later_at(&l, 100), USEC_NEVER);
        cr_assert_not(later_run(&l, 100));
        later_set(&l, 10);
        cr_assert(later_is_set(&l));
        cr_assert_not(later_run(&l, 100));
        cr_assert_eq(later_at(&l, 105), 110, "it began at 100");
        cr_assert_not(later_run(&l, 109));
        cr_assert(later_run(&l, 110));
        cr_assert_not(later_run(&l, 110), "once");
        cr_assert_eq(later_at(&l, 110), USEC_NEVER);
}

Test(later, set_anew_begins_anew) {
        struct later l = { 0 };

        later_set(&l, 10);
        (void) later_at(&l, 100);
        later_set(&l, 10);
        cr_assert_eq(later_at(&l, 108), 118);
        later_clear(&l);
        cr_assert_not(later_run(&l, 1000));
        later_set(&l, USEC_NEVER);
        cr_assert_eq(later_at(&l, 100), USEC_NEVER, "no overflow");
}
