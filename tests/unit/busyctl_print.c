/* How busyctl writes times for people. The file under test belongs to a program, not to a library: it is taken in
 * whole. */
#include <criterion/criterion.h>

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
