/* How busyctl writes times for people. The file under test belongs to a program, not to a library: it is taken in
 * whole. */
#include <criterion/criterion.h>
#include <locale.h>

#include "busyctl/print.c"

/* 2026-11-24 12:00:00 UTC. */
#define NOON INT64_C(1795521600)

static const struct {
        const char *what;
        int64_t at;
        const char *expected;
} times[] = {
        { "none", 0, "" },
        { "now", NOON, "12:00 (just now)" },
        { "earlier today", NOON - 725, "11:47 (12min 5s ago)" },
        { "later today", NOON + 5400, "13:30 (in 1h 30min)" },
        { "yesterday", NOON - 90000, "2026-11-23 11:00 (1d 1h ago)" },
        { "tomorrow", NOON + 86400, "2026-11-25 12:00 (in 1d)" },
};

Test(busyctl_print, times) {
        char buf[WHEN_MAX];

        cr_assert_eq(setenv("TZ", "UTC", 1), 0);
        tzset();
        for (size_t i = 0; i < ARRAY_SIZE(times); i++)
                cr_assert_str_eq(format_when(buf, sizeof(buf), times[i].at, NOON), times[i].expected, "%s: %s",
                                 times[i].what, buf);
}

static const struct {
        const char *what, *indent, *text;
        size_t columns;
        const char *expected;
} wraps[] = {
        { "no limit", "  ", "a long line stays one", 0, "  a long line stays one" },
        { "it fits", "", "just ten ch", 11, "just ten ch" },
        { "at a word", "  ", "broken at words only", 14, "  broken at\n    words only" },
        { "a long word stays whole", "", "see https://example.org/long", 10, "see\n  https://example.org/long" },
        { "columns, not bytes", "", "\303\251\303\251\303\251 \303\251\303\251", 6,
          "\303\251\303\251\303\251 \303\251\303\251" },
        { "spaces within are kept", "", "a   b", 80, "a   b" },
        { "nothing", "  ", "", 10, "  " },
        { "wide characters have no blanks", "", "会議中です。少々", 7, "会議中\n  です\n  。少\n  々" },
        { "a mark stays at its letter", "", "中e\314\201中中e\314\201", 4, "中e\314\201\n  中\n  中\n  e\314\201" },
        { "as does what joins", "", "\360\237\221\251\342\200\215\360\237\222\273中", 3,
          "\360\237\221\251\342\200\215\360\237\222\273\n  中" },
        { "an address among them stays whole", "", "中https://example.org中", 8, "中\n  https://example.org\n  中" },
};

Test(busyctl_print, wraps_at_words) {
        cr_assert(setlocale(LC_ALL, "C.UTF-8"));
        for (size_t i = 0; i < ARRAY_SIZE(wraps); i++) {
                SCOPED(free) char *wrapped = wrap_text(wraps[i].indent, wraps[i].text, wraps[i].columns);

                cr_assert_str_eq(wrapped, wraps[i].expected, "%s: \"%s\"", wraps[i].what, wrapped);
        }
}

static const struct {
        const char *text;
        int64_t at; /* 0: refused */
} moments[] = {
        { "12:30", NOON + 1800 },
        { "12:30:15", NOON + 1815 },
        { "11:30", NOON + 86400 - 1800 },
        { "12:00", NOON + 86400 },
        { "2026-11-25 00:00", NOON + 43200 },
        { "2026-11-24 11:59", 0 },
        { "2026-11-31 10:00", 0 },
        { "2027-02-29 10:00", 0 },
        { "12:60", 0 },
        { "half past", 0 },
        { "12:30 ", 0 },
        { "12", 0 },
        { "", 0 },
};

Test(busyctl_print, moments_to_come) {
        cr_assert_eq(setenv("TZ", "UTC", 1), 0);
        tzset();
        for (size_t i = 0; i < ARRAY_SIZE(moments); i++) {
                int64_t at = 0;
                int r = parse_moment(moments[i].text, NOON, &at);

                cr_assert_eq(r, moments[i].at ? 0 : -EINVAL, "%s: %d", moments[i].text, r);
                cr_assert(r < 0 || at == moments[i].at, "%s: %ld", moments[i].text, (long) at);
        }
}
