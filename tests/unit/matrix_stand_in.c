/* What a claim has of a value that it cannot hold. */
#include <criterion/criterion.h>
#include <stdio.h>

#include "matrix/outputs/stand-in.h"
#include "util/text.h"

#define SIZE 64

/* `with` again and again, and then this. */
static const char *endless(const char *with, unsigned times, const char *end) {
        static char text[1024];
        size_t n = 0;

        for (unsigned i = 0; i < times; i++)
                n += (size_t) snprintf(text + n, sizeof(text) - n, "%s", with);
        (void) snprintf(text + n, sizeof(text) - n, "%s", end);
        return text;
}

Test(stand_in, is_told_from_any_other_and_written_as_the_whole) {
        struct stand_in s = { 0 };
        char a[SIZE], b[SIZE], again[SIZE];

        cr_assert_eq(stand_in_take(&s, a, SIZE, endless("x", 100, "a")), 0);
        cr_assert(stand_in_is(a, SIZE));
        cr_assert_eq(strncmp(a, "xxxxx", 5), 0, "%s", a);
        cr_assert_str_eq(stand_in_whole(&s, a, SIZE), endless("x", 100, "a"));
        cr_assert_eq(stand_in_take(&s, b, SIZE, endless("x", 100, "b")), 0);
        cr_assert_str_neq(a, b);
        cr_assert_str_eq(stand_in_whole(&s, b, SIZE), endless("x", 100, "b"));
        cr_assert_null(stand_in_whole(&s, a, SIZE), "not the whole of another one");
        cr_assert_eq(stand_in_take(&s, again, SIZE, endless("x", 100, "a")), 0);
        cr_assert_str_eq(a, again, "by every run and every machine");
        stand_in_done(&s);
}

Test(stand_in, what_fits_is_itself) {
        struct stand_in s = { 0 };
        char a[SIZE], fits[SIZE];
        const char *values[] = { "", "x", "Lunch…", "Lunch… (100 bytes, 0123456789abcdef)", fits };

        memset(fits, 'x', sizeof(fits) - 1);
        fits[sizeof(fits) - 1] = '\0';
        cr_assert_eq(stand_in_take(&s, a, SIZE, endless("x", 100, "")), 0);
        for (size_t i = 0; i < ARRAY_SIZE(values); i++) {
                cr_assert_not(stand_in_is(values[i], SIZE), "%s", values[i]);
                cr_assert_eq(stand_in_whole(&s, values[i], SIZE), values[i]);
        }
        stand_in_done(&s);
}

/* Text of any language, cut wherever it falls, and one with dots of its own. */
Test(stand_in, ends_with_a_whole_character) {
        static const char *const letters[] = { "x", "é", "忙", "😀", "…" };

        for (size_t i = 0; i < ARRAY_SIZE(letters); i++)
                for (unsigned before = 0; before < 4; before++) {
                        struct stand_in s = { 0 };
                        char a[SIZE], begun[SIZE], whole[1100];

                        (void) snprintf(whole, sizeof(whole), "%.*s%s", (int) before, "abc",
                                        endless(letters[i], 100, ""));
                        cr_assert_eq(stand_in_take(&s, a, SIZE, whole), 0);
                        cr_assert(stand_in_is(a, SIZE), "%s", a);
                        cr_assert(text_is_utf8(a), "%s", a);
                        cr_assert_str_eq(stand_in_whole(&s, a, SIZE), whole);
                        (void) stand_in_beginning(begun, sizeof(begun), a);
                        cr_assert_str_eq(begun + strlen(begun) - strlen("…"), "…");
                        begun[strlen(begun) - strlen("…")] = '\0';
                        cr_assert_eq(strncmp(begun, whole, strlen(begun)), 0, "%s", begun);
                        cr_assert_geq(strlen(begun), 16, "%s", begun);
                        stand_in_done(&s);
                        cr_assert_null(stand_in_whole(&s, a, SIZE), "by another run it is not known");
                }
}
