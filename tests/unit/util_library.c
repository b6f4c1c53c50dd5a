/* Libraries that are loaded when they are needed. */
#include <criterion/criterion.h>
#include <errno.h>
#include <math.h>

#include "util/library.h"

Test(library, gives_the_functions_in_the_order_of_their_names) {
        static const char *const names[] = { "floor", "ceil" };
        struct {
                typeof(floor) *down;
                typeof(ceil) *up;
        } m = { 0 };

        cr_assert_eq(library_load("libm.so.6", names, (void **) &m, ARRAY_SIZE(names)), 0);
        cr_assert_float_eq(m.down(1.5), 1.0, 0.01);
        cr_assert_float_eq(m.up(1.5), 2.0, 0.01);
}

Test(library, says_that_one_is_not_installed) {
        static const char *const names[] = { "floor" };
        void *function = NULL;

        cr_assert_eq(library_load("libof-nobody.so.1", names, &function, 1), -ENOPKG);
        cr_assert_null(function);
}

Test(library, says_that_one_is_too_old_for_a_function) {
        static const char *const names[] = { "floor", "function_of_nobody" };
        void *functions[2] = { 0 };

        cr_assert_eq(library_load("libm.so.6", names, functions, 2), -ENOPKG);
}
