/* Output for people and for programs, see print.h. */
#include <errno.h>
#include <stdarg.h>
#include <sys/ioctl.h>
#include <time.h>
#include <unistd.h>
#include <wchar.h>

#include "busyctl/print.h"
#include "util/clock.h"
#include "util/text.h"

#define COMPLAINT_MAX 1024

/* By enum style. */
static const char *const styles[] = { "", "\033[1;31m", "\033[32m", "\033[33m", "\033[2m" };

static bool in_colour(void) {
        const char *no = getenv("NO_COLOR"), *term = getenv("TERM");

        return isatty(STDOUT_FILENO) && !(no && no[0] != '\0') && !(term && streq(term, "dumb"));
}

void print_styled(enum style style, const char *text) {
        if (style != STYLE_PLAIN && in_colour())
                printf("%s%s\033[0m", styles[style], text);
        else
                printf("%s", text);
}

struct character {
        size_t bytes, columns;
        bool joins; /* what stands before and behind it to one */
};

#define ZERO_WIDTH_JOINER 0x200d

/* A byte that is no character of this locale takes a column. */
static struct character next_of(const char *s, size_t n, mbstate_t *state) {
        wchar_t c = 0;
        size_t bytes = mbrtowc(&c, s, n, state);
        int wide = 1;

        if (bytes == 0 || bytes > n) {
                bytes = 1;
                *state = (mbstate_t){};
        } else
                wide = wcwidth(c);
        return (struct character){ .bytes = bytes,
                                   .columns = wide > 0 ? (size_t) wide : 0,
                                   .joins = c == ZERO_WIDTH_JOINER };
}

static size_t width_of(const char *s, size_t n) {
        size_t columns = 0;
        mbstate_t state = {};

        for (size_t at = 0; at < n;) {
                struct character c = next_of(s + at, n - at, &state);

                columns += c.columns;
                at += c.bytes;
        }
        return columns;
}

/* How much of a word has its place in `room` columns, or is the least that can be cut off; 0: it stays whole. Scripts
 * with wide characters have no blanks: a line may end beside each of them. What has no width belongs to what stands
 * before it. */
static size_t cut_word(const char *word, size_t n, size_t room) {
        size_t at = 0, columns = 0, cut = 0, before = 0;
        mbstate_t state = {};

        while (at < n) {
                struct character c = next_of(word + at, n - at, &state);

                if (before > 0 && c.columns > 0 && before + c.columns > 2)
                        cut = at;
                columns += c.columns;
                if (columns > room && cut > 0)
                        return cut;
                if (c.columns > 0 || c.joins)
                        before = c.columns;
                at += c.bytes;
        }
        return 0;
}

char *wrap_text(const char *indent, const char *text, size_t columns) {
        size_t margin = width_of(indent, strlen(indent)), at = margin, size = 0, part;
        bool first = true;
        char *wrapped = NULL;
        FILE *f = open_memstream(&wrapped, &size);

        if (!f)
                return NULL;
        (void) fputs(indent, f);
        while (*text != '\0') {
                size_t gap = strspn(text, " "), word = strcspn(text + gap, " "), wide = width_of(text + gap, word);

                if (!first && columns > 0 && at + gap + wide > columns) {
                        (void) fprintf(f, "\n%s  ", indent);
                        at = margin + 2;
                } else {
                        (void) fprintf(f, "%.*s", (int) gap, text);
                        at += gap;
                }
                text += gap;
                while (columns > at && (part = cut_word(text, word, columns - at)) > 0) {
                        (void) fprintf(f, "%.*s\n%s  ", (int) part, text, indent);
                        text += part;
                        word -= part;
                        at = margin + 2;
                }
                (void) fprintf(f, "%.*s", (int) word, text);
                at += width_of(text, word);
                text += word;
                first = false;
        }
        return fclose(f) == 0 ? wrapped : NULL;
}

/* 0: no terminal, or one that does not say. */
static size_t terminal_columns(int fd) {
        struct winsize size;

        return isatty(fd) && ioctl(fd, TIOCGWINSZ, &size) == 0 ? size.ws_col : 0;
}

void complain(const char *format, ...) {
        char text[COMPLAINT_MAX], printable[COMPLAINT_MAX];
        SCOPED(free) char *line = NULL;
        SCOPED(free) char *wrapped = NULL;
        va_list ap;

        va_start(ap, format);
        (void) vsnprintf(text, sizeof(text), format, ap);
        va_end(ap);
        if (asprintf(&line, "busyctl: %s", text_printable(printable, sizeof(printable), text)) < 0)
                line = NULL;
        wrapped = line ? wrap_text("", line, terminal_columns(STDERR_FILENO)) : NULL;
        (void) fprintf(stderr, "%s\n", wrapped ? wrapped : printable);
}

/* NULL if out of memory. */
static char *format_text(const char *format, va_list ap) __attribute__((format(printf, 1, 0)));
static char *format_text(const char *format, va_list ap) {
        char *text;

        return vasprintf(&text, format, ap) < 0 ? NULL : text;
}

void print_wrapped(const char *indent, enum style style, const char *format, ...) {
        SCOPED(free) char *text = NULL;
        SCOPED(free) char *wrapped = NULL;
        va_list ap;

        va_start(ap, format);
        text = format_text(format, ap);
        va_end(ap);
        if (!text)
                return;
        wrapped = wrap_text(indent, text, terminal_columns(STDOUT_FILENO));
        print_styled(style, wrapped ? wrapped : text);
        (void) putchar('\n');
}

void print_lead(const char *indent, enum style style, const char *word, const char *format, ...) {
        SCOPED(free) char *text = NULL;
        SCOPED(free) char *line = NULL;
        SCOPED(free) char *wrapped = NULL;
        va_list ap;

        va_start(ap, format);
        text = format_text(format, ap);
        va_end(ap);
        if (!text)
                return;
        if (asprintf(&line, "%s  %s", word, text) < 0)
                line = NULL;
        wrapped = line ? wrap_text(indent, line, terminal_columns(STDOUT_FILENO)) : NULL;
        printf("%s", indent);
        print_styled(style, word);
        printf("%s\n", wrapped ? wrapped + strlen(indent) + strlen(word) : "");
}

size_t text_width(const char *text) {
        return width_of(text, strlen(text));
}

void print_json(const json_t *doc) {
        (void) json_dumpf(doc, stdout, JSON_INDENT(2) | JSON_ENCODE_ANY);
        (void) putchar('\n');
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

/* mktime() would make the 1st of the next month of the 31st of one that has none. */
static bool has_such_day(const struct tm *tm) {
        struct tm day = { .tm_year = tm->tm_year, .tm_mon = tm->tm_mon, .tm_mday = tm->tm_mday };

        (void) timegm(&day);
        return day.tm_mday == tm->tm_mday;
}

int parse_moment(const char *s, int64_t now, int64_t *ret) {
        static const char *const shapes[] = { "%H:%M:%S", "%H:%M", "%Y-%m-%d %H:%M:%S", "%Y-%m-%d %H:%M" };
        time_t t = (time_t) now;

        for (size_t i = 0; i < ARRAY_SIZE(shapes); i++) {
                bool has_day = shapes[i][1] == 'Y';
                struct tm tm = {};
                const char *rest;

                if (!localtime_r(&t, &tm))
                        return -EINVAL;
                tm.tm_sec = 0;
                tm.tm_isdst = -1;
                rest = strptime(s, shapes[i], &tm);
                if (!rest || *rest != '\0')
                        continue;
                if (!has_such_day(&tm))
                        return -EINVAL;
                *ret = mktime(&tm);
                if (!has_day && *ret <= now) {
                        tm.tm_mday++;
                        tm.tm_isdst = -1;
                        *ret = mktime(&tm);
                }
                return *ret > now ? 0 : -EINVAL;
        }
        return -EINVAL;
}
