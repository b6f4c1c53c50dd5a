/* Durations, words, numbers, guesses and what may be shown. */
#include <criterion/criterion.h>
#include <errno.h>

#include "util/text.h"

static const struct {
        const char *what, *text;
        int result;
        usec_t usec;
} durations[] = {
        { "seconds", "5s", 0, 5 * USEC_PER_SEC },
        { "no unit is seconds", "90", 0, 90 * USEC_PER_SEC },
        { "zero", "0", 0, 0 },
        { "a space before the unit", "3 min", 0, 3 * USEC_PER_MIN },
        { "a sum", "1h 30m", 0, 90 * USEC_PER_MIN },
        { "a sum without spaces", "1h30min5s", 0, 90 * USEC_PER_MIN + 5 * USEC_PER_SEC },
        { "a fraction", "1.5h", 0, 90 * USEC_PER_MIN },
        { "a fraction below precision", "0.0000001s", 0, 0 },
        { "long words", "2 days 1 hour 1 minute 1 second", 0, 49 * USEC_PER_HOUR + 61 * USEC_PER_SEC },
        { "small units", "1ms 5us", 0, 1005 },
        { "a week", "1w", 0, 168 * USEC_PER_HOUR },
        { "space around", "  5s\t", 0, 5 * USEC_PER_SEC },
        { "infinity", "infinity", 0, USEC_NEVER },
        { "largest", "18446744073709551614us", 0, USEC_NEVER - 1 },
        { "never by number", "18446744073709551615us", -ERANGE, 0 },
        { "too large a number", "99999999999999999999s", -ERANGE, 0 },
        { "too large a product", "18446744073709551615w", -ERANGE, 0 },
        { "too large a sum", "18446744073709551614us 5us", -ERANGE, 0 },
        { "empty", "", -EINVAL, 0 },
        { "only space", "  ", -EINVAL, 0 },
        { "unknown unit", "5 parsecs", -EINVAL, 0 },
        { "negative", "-5s", -EINVAL, 0 },
        { "plus", "+5s", -EINVAL, 0 },
        { "unit alone", "s", -EINVAL, 0 },
        { "point without digits", "1.s", -EINVAL, 0 },
        { "two points", "1.2.3s", -EINVAL, 0 },
        { "infinity and more", "infinity 5s", -EINVAL, 0 },
        { "hexadecimal", "0x10", -EINVAL, 0 },
        { "capitals", "5S", -EINVAL, 0 },
};

Test(text, durations) {
        for (size_t i = 0; i < ARRAY_SIZE(durations); i++) {
                usec_t t = 12345;

                cr_expect_eq(parse_duration(durations[i].text, &t), durations[i].result, "%s", durations[i].what);
                cr_expect_eq(t, durations[i].result < 0 ? 12345 : durations[i].usec, "%s: %llu", durations[i].what,
                             (unsigned long long) t);
        }
}

static const struct {
        usec_t usec;
        const char *text;
} formats[] = {
        { 0, "0s" },
        { 1, "1us" },
        { 1500 * USEC_PER_MSEC, "1s 500ms" },
        { 5 * USEC_PER_SEC, "5s" },
        { 90 * USEC_PER_MIN, "1h 30min" },
        { 90 * USEC_PER_MIN + USEC_PER_SEC, "1h 30min" },
        { USEC_PER_HOUR + USEC_PER_SEC, "1h" },
        { 168 * USEC_PER_HOUR, "7d" },
        { USEC_NEVER, "infinity" },
};

Test(text, formatted_durations) {
        char buf[64];

        for (size_t i = 0; i < ARRAY_SIZE(formats); i++)
                cr_expect_str_eq(format_duration(buf, sizeof(buf), formats[i].usec), formats[i].text);
        cr_expect_str_eq(format_duration(buf, 4, 90 * USEC_PER_MIN), "1h ", "cut, and terminated");
}

Test(text, bools) {
        static const char *const yes[] = { "yes", "true", "on", "1", "YES", "On" };
        static const char *const no[] = { "no", "false", "off", "0", "No" };
        static const char *const wrong[] = { "", "maybe", "yes ", "2", "y" };
        bool b = false;

        for (size_t i = 0; i < ARRAY_SIZE(yes); i++)
                cr_expect(parse_bool(yes[i], &b) == 0 && b, "%s", yes[i]);
        for (size_t i = 0; i < ARRAY_SIZE(no); i++)
                cr_expect(parse_bool(no[i], &b) == 0 && !b, "%s", no[i]);
        for (size_t i = 0; i < ARRAY_SIZE(wrong); i++)
                cr_expect_eq(parse_bool(wrong[i], &b), -EINVAL, "%s", wrong[i]);
}

static const struct {
        const char *text;
        int result;
} numbers[] = {
        { "5", 0 },      { "10", 0 },       { "4", -ERANGE },  { "11", -ERANGE }, { "99999999999999999999", -ERANGE },
        { "", -EINVAL }, { "5x", -EINVAL }, { " 5", -EINVAL }, { "-5", -EINVAL }, { "+5", -EINVAL },
};

Test(text, numbers) {
        for (size_t i = 0; i < ARRAY_SIZE(numbers); i++) {
                uint64_t v = 0;

                cr_expect_eq(parse_unsigned(numbers[i].text, 5, 10, &v), numbers[i].result, "%s", numbers[i].text);
        }
}

Test(text, edit_distances) {
        char longer[100] = "";

        memset(longer, 'a', sizeof(longer) - 1);
        cr_expect_eq(edit_distance("", ""), 0);
        cr_expect_eq(edit_distance("abc", ""), 3);
        cr_expect_eq(edit_distance("ringing", "rining"), 1);
        cr_expect_eq(edit_distance("start", "strat"), 2);
        cr_expect_eq(edit_distance(longer, "a"), 99, "beyond the limit everything differs");
}

Test(text, globs) {
        cr_expect(glob_match("obs*", "OBS Studio"));
        cr_expect(glob_match("[ab]?", "bx"));
        cr_expect_not(glob_match("obs", "obs studio"));
}

Test(text, utf8) {
        cr_expect(text_is_utf8(""));
        cr_expect(text_is_utf8("caf\303\251 \360\237\223\236\n"));
        cr_expect_not(text_is_utf8("caf\351"), "Latin 1");
        cr_expect_not(text_is_utf8("a\342\202"), "cut");
        cr_expect_not(text_is_utf8("\355\240\200"), "a surrogate");
}

Test(text, ends_with_a_whole_character) {
        static const char *const texts[][2] = {
                { "", "" },
                { "plain", "plain" },
                { "a\342\202\254", "a\342\202\254" },
                { "a\342\202", "a" },
                { "a\342", "a" },
                { "\360\237\223", "" },
                { "caf\303", "caf" },
                { "\303\251\303", "\303\251" },
                { "a\200", "a\200" },
                { "\200\200\200\200", "\200\200\200\200" },
        };

        for (size_t i = 0; i < ARRAY_SIZE(texts); i++) {
                char buf[16];

                (void) snprintf(buf, sizeof(buf), "%s", texts[i][0]);
                cr_expect_str_eq(text_end_whole(buf), texts[i][1], "text %zu", i);
        }
}

static const struct {
        const char *what, *in, *out;
} printable[] = {
        { "plain", "In a call", "In a call" },
        { "letters of the world", "\303\244 \342\202\254 \360\237\223\236", "\303\244 \342\202\254 \360\237\223\236" },
        { "newline and tab", "a\nb\tc", "a b c" },
        { "escape", "a\033[31m", "a?[31m" },
        { "delete and C1", "a\177b\302\233c", "a?b?c" },
        { "turned direction", "a\342\200\256b", "a?b" },
        { "stray continuation", "a\200b", "a?b" },
        { "cut character", "a\342\202", "a??" },
        { "overlong", "\300\200", "??" },
        { "surrogate", "\355\240\200", "???" },
        { "beyond Unicode", "\364\220\200\200", "????" },
};

Test(text, printable) {
        char buf[64], tiny[4];

        for (size_t i = 0; i < ARRAY_SIZE(printable); i++)
                cr_expect_str_eq(text_printable(buf, sizeof(buf), printable[i].in), printable[i].out, "%s",
                                 printable[i].what);
        cr_expect_str_eq(text_printable(tiny, sizeof(tiny), "ab\342\202\254"), "ab", "no half characters");
}
