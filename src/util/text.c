/* Text helpers, see text.h. */
#include <ctype.h>
#include <errno.h>
#include <fnmatch.h>
#include <stdio.h>
#include <strings.h>

#include "util/text.h"

/* What edit_distance() looks at: the longest word busyd knows is far shorter. */
#define EDIT_WORD_MAX 64

#define USEC_PER_DAY (24 * USEC_PER_HOUR)

/* The first name of a size is the one that is printed; the largest come first. */
static const struct unit {
        const char *name;
        usec_t usec;
        bool printed;
} units[] = {
        { "w", 7 * USEC_PER_DAY, false },
        { "week", 7 * USEC_PER_DAY, false },
        { "weeks", 7 * USEC_PER_DAY, false },
        { "d", USEC_PER_DAY, true },
        { "day", USEC_PER_DAY, false },
        { "days", USEC_PER_DAY, false },
        { "h", USEC_PER_HOUR, true },
        { "hr", USEC_PER_HOUR, false },
        { "hour", USEC_PER_HOUR, false },
        { "hours", USEC_PER_HOUR, false },
        { "min", USEC_PER_MIN, true },
        { "m", USEC_PER_MIN, false },
        { "minute", USEC_PER_MIN, false },
        { "minutes", USEC_PER_MIN, false },
        { "s", USEC_PER_SEC, true },
        { "sec", USEC_PER_SEC, false },
        { "second", USEC_PER_SEC, false },
        { "seconds", USEC_PER_SEC, false },
        { "ms", USEC_PER_MSEC, true },
        { "msec", USEC_PER_MSEC, false },
        { "us", 1, true },
        { "usec", 1, false },
        { "\302\265s", 1, false },
};

static const char *skip_space(const char *s) {
        return s + strspn(s, " \t\n\r");
}

/* Takes the unit at *s; none means seconds. 0: no such unit. */
static usec_t take_unit(const char **s) {
        size_t n = strcspn(*s, " \t\n\r0123456789.+-");

        if (n == 0)
                return **s == '\0' || isdigit((unsigned char) **s) ? USEC_PER_SEC : 0;
        for (size_t i = 0; i < ARRAY_SIZE(units); i++)
                if (strlen(units[i].name) == n && memcmp(units[i].name, *s, n) == 0) {
                        *s += n;
                        return units[i].usec;
                }
        return 0;
}

/* Takes the digits after a point, as millionths; further ones are below any precision of ours. */
static usec_t take_millionths(const char **s) {
        usec_t value = 0, digit = 100000;

        for (; isdigit((unsigned char) **s); (*s)++, digit /= 10)
                value += digit * (usec_t) (**s - '0');
        return value;
}

/* One "1.5 h" of a duration. */
static int take_term(const char **s, usec_t *ret) {
        usec_t millionths = 0, unit, usec;
        char *end;
        uint64_t n;

        if (!isdigit((unsigned char) **s))
                return -EINVAL;
        errno = 0;
        n = strtoull(*s, &end, 10);
        if (errno != 0)
                return -ERANGE;
        *s = end;
        if (**s == '.') {
                (*s)++;
                if (!isdigit((unsigned char) **s))
                        return -EINVAL;
                millionths = take_millionths(s);
        }
        *s = skip_space(*s);
        unit = take_unit(s);
        if (unit == 0)
                return -EINVAL;
        if (__builtin_mul_overflow(n, unit, &usec) || __builtin_add_overflow(usec, millionths * unit / 1000000, &usec))
                return -ERANGE;
        *ret = usec;
        return 0;
}

int parse_duration(const char *s, usec_t *ret) {
        usec_t sum = 0;

        s = skip_space(s);
        if (strncmp(s, "infinity", 8) == 0 && *skip_space(s + 8) == '\0') {
                *ret = USEC_NEVER;
                return 0;
        }
        do {
                usec_t term;
                int r = take_term(&s, &term);

                if (r < 0)
                        return r;
                sum = usec_add(sum, term);
                if (sum == USEC_NEVER)
                        return -ERANGE;
                s = skip_space(s);
        } while (*s != '\0');
        *ret = sum;
        return 0;
}

const char *format_duration(char *buf, size_t size, usec_t t) {
        size_t n = 0, terms = 0;

        if (t == USEC_NEVER || t == 0) {
                (void) snprintf(buf, size, "%s", t == 0 ? "0s" : "infinity");
                return buf;
        }
        for (size_t i = 0; i < ARRAY_SIZE(units) && terms < 2 && n < size; i++) {
                const struct unit *u = &units[i];
                int r;

                if (!u->printed || (t < u->usec && terms == 0))
                        continue;
                terms++;
                if (t < u->usec)
                        continue;
                r = snprintf(buf + n, size - n, "%s%llu%s", n > 0 ? " " : "", (unsigned long long) (t / u->usec),
                             u->name);
                n += r > 0 ? (size_t) r : 0;
                t %= u->usec;
        }
        return buf;
}

int parse_bool(const char *s, bool *ret) {
        static const char *const words[][2] = { { "no", "yes" }, { "false", "true" }, { "off", "on" }, { "0", "1" } };

        for (size_t i = 0; i < ARRAY_SIZE(words); i++)
                for (size_t value = 0; value < 2; value++)
                        if (strcasecmp(s, words[i][value]) == 0) {
                                *ret = value == 1;
                                return 0;
                        }
        return -EINVAL;
}

int parse_unsigned(const char *s, uint64_t min, uint64_t max, uint64_t *ret) {
        char *end;
        uint64_t v;

        if (!isdigit((unsigned char) s[0]))
                return -EINVAL;
        errno = 0;
        v = strtoull(s, &end, 10);
        if (*end != '\0')
                return -EINVAL;
        if (errno != 0 || v < min || v > max)
                return -ERANGE;
        *ret = v;
        return 0;
}

static size_t min3(size_t a, size_t b, size_t c) {
        size_t m = a < b ? a : b;

        return m < c ? m : c;
}

size_t edit_distance(const char *a, const char *b) {
        size_t n_a = strlen(a), n_b = strlen(b), row[EDIT_WORD_MAX + 1];

        if (n_a > EDIT_WORD_MAX || n_b > EDIT_WORD_MAX)
                return n_a > n_b ? n_a : n_b;
        for (size_t j = 0; j <= n_b; j++)
                row[j] = j;
        for (size_t i = 1; i <= n_a; i++) {
                size_t diagonal = row[0];

                row[0] = i;
                for (size_t j = 1; j <= n_b; j++) {
                        size_t above = row[j];

                        row[j] = min3(above + 1, row[j - 1] + 1, diagonal + (a[i - 1] != b[j - 1]));
                        diagonal = above;
                }
        }
        return row[n_b];
}

bool glob_match(const char *pattern, const char *s) {
        return fnmatch(pattern, s, FNM_CASEFOLD) == 0;
}

bool text_is_among(char *const *list, const char *s) {
        for (; *list; list++)
                if (streq(*list, s))
                        return true;
        return false;
}

/* Length of the UTF-8 character at s and its code point; 0 if it is none (overlong, surrogate, cut). */
static size_t utf8_decode(const unsigned char *s, uint32_t *ret) {
        static const uint32_t smallest[] = { 0, 0, 0x80, 0x800, 0x10000 };
        size_t n = s[0] < 0x80 ? 1 : (s[0] >> 5) == 0x06 ? 2 : (s[0] >> 4) == 0x0e ? 3 : (s[0] >> 3) == 0x1e ? 4 : 0;
        uint32_t c = n <= 1 ? s[0] : s[0] & (0x7fU >> n);

        for (size_t i = 1; i < n; i++) {
                if ((s[i] >> 6) != 2)
                        return 0;
                c = c << 6 | (s[i] & 0x3fU);
        }
        if (n == 0 || c < smallest[n] || (c >= 0xd800 && c < 0xe000) || c > 0x10ffff)
                return 0;
        *ret = c;
        return n;
}

bool text_is_utf8(const char *s) {
        const unsigned char *in = (const unsigned char *) s;

        while (*in != '\0') {
                uint32_t c;
                size_t n = utf8_decode(in, &c);

                if (n == 0)
                        return false;
                in += n;
        }
        return true;
}

char *text_end_whole(char *s) {
        size_t n = strlen(s), tail = 0;
        unsigned char first;

        while (tail < 3 && tail < n && ((unsigned char) s[n - tail - 1] >> 6) == 2)
                tail++;
        if (tail == n)
                return s;
        first = (unsigned char) s[n - tail - 1];
        if ((first >= 0xf0 && tail < 3) || (first >= 0xe0 && tail < 2) || (first >= 0xc0 && tail < 1))
                s[n - tail - 1] = '\0';
        return s;
}

/* Also what turns the reading direction around or breaks lines, as it could make one text look like another. */
static bool is_control(uint32_t c) {
        return c < 0x20 || (c >= 0x7f && c < 0xa0) || (c >= 0x2028 && c <= 0x202e) || (c >= 0x2066 && c <= 0x2069);
}

const char *text_printable(char *buf, size_t size, const char *s) {
        const unsigned char *in = (const unsigned char *) s;
        size_t out = 0;

        while (*in != '\0') {
                uint32_t c = 0;
                size_t n = utf8_decode(in, &c);
                bool keep = n > 0 && !is_control(c);

                if (out + (keep ? n : 1) >= size)
                        break;
                if (keep)
                        memcpy(buf + out, in, n);
                else
                        buf[out] = c == '\n' || c == '\t' ? ' ' : '?';
                out += keep ? n : 1;
                in += n > 0 ? n : 1;
        }
        if (size > 0)
                buf[out] = '\0';
        return buf;
}
