/* Output for people and for programs, see print.h. */
#include <stdarg.h>
#include <time.h>
#include <unistd.h>

#include "busyctl/print.h"
#include "util/clock.h"
#include "util/text.h"

#define COMPLAINT_MAX 1024

/* By enum style. */
static const char *const styles[] = { "\033[1;31m", "\033[32m", "\033[33m", "\033[2m" };

void complain(const char *format, ...) {
        char text[COMPLAINT_MAX], printable[COMPLAINT_MAX];
        va_list ap;

        va_start(ap, format);
        (void) vsnprintf(text, sizeof(text), format, ap);
        va_end(ap);
        (void) fprintf(stderr, "busyctl: %s\n", text_printable(printable, sizeof(printable), text));
}

static bool in_colour(void) {
        const char *no = getenv("NO_COLOR"), *term = getenv("TERM");

        return isatty(STDOUT_FILENO) && !(no && no[0] != '\0') && !(term && streq(term, "dumb"));
}

void print_styled(enum style style, const char *text) {
        if (in_colour())
                printf("%s%s\033[0m", styles[style], text);
        else
                printf("%s", text);
}

void print_json(const json_t *doc) {
        (void) json_dumpf(doc, stdout, JSON_INDENT(2) | JSON_ENCODE_ANY);
        (void) putchar('\n');
}

void print_json_line(const json_t *doc) {
        (void) json_dumpf(doc, stdout, JSON_COMPACT | JSON_ENCODE_ANY);
        (void) putchar('\n');
        (void) fflush(stdout);
}

int64_t wall_seconds(void) {
        return (int64_t) (clock_wall_now() / USEC_PER_SEC);
}

static bool same_day(const struct tm *a, const struct tm *b) {
        return a->tm_year == b->tm_year && a->tm_yday == b->tm_yday;
}

const char *format_when(char *buf, size_t size, int64_t at, int64_t now) {
        int64_t distance = at > now ? at - now : now - at;
        time_t t = (time_t) at, t_now = (time_t) now;
        char absolute[32], relative[32];
        struct tm tm, tm_now;

        buf[0] = '\0';
        if (at <= 0 || !localtime_r(&t, &tm) || !localtime_r(&t_now, &tm_now))
                return buf;
        if (strftime(absolute, sizeof(absolute), same_day(&tm, &tm_now) ? "%H:%M" : "%Y-%m-%d %H:%M", &tm) == 0)
                return buf;
        (void) format_duration(relative, sizeof(relative), (usec_t) distance * USEC_PER_SEC);
        if (distance == 0)
                (void) snprintf(buf, size, "%s (just now)", absolute);
        else
                (void) snprintf(buf, size, at > now ? "%s (in %s)" : "%s (%s ago)", absolute, relative);
        return buf;
}
