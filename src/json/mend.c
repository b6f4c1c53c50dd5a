/* See mend.h. The pass runs once to see whether and how large, and only where something is odd a second time to write.
 * That each bracket is closed by its like is for the parser to say. */
#include "json/mend.h"

#include <errno.h>

#include "json/json.h"

#define BYTE_ORDER_MARK "\xEF\xBB\xBF"
#define REPLACEMENT     "\xEF\xBF\xBD"
/* Decimal places before the point of a real. The largest one is 1.797e308; what has one place more is not looked at
 * closer. */
#define REAL_PLACES_MAX 308
/* Beyond every number of digits, and far from an overflow. */
#define EXPONENT_MAX (INT64_MAX / 4)

struct pass {
        const char *text;
        size_t size;
        size_t at;    /* the next byte to look at */
        size_t taken; /* what comes before it is in the output */
        char *out;    /* NULL: it is only measured */
        size_t n_out;
        bool odd;
};

/* ---- output ---- */

static void put(struct pass *p, const char *bytes, size_t n) {
        if (p->out)
                memcpy(p->out + p->n_out, bytes, n);
        p->n_out += n;
}

static void replace(struct pass *p, size_t from, size_t to, const char *with) {
        put(p, p->text + p->taken, from - p->taken);
        put(p, with, strlen(with));
        p->taken = to;
        p->at = to;
        p->odd = true;
}

static bool starts_with(const struct pass *p, size_t at, const char *bytes) {
        size_t n = strlen(bytes);

        return at <= p->size && p->size - at >= n && memcmp(p->text + at, bytes, n) == 0;
}

/* ---- strings ---- */

static bool is_between(const struct pass *p, size_t at, unsigned char low, unsigned char high) {
        unsigned char c = at < p->size ? (unsigned char) p->text[at] : 0;

        return c >= low && c <= high;
}

/* The size of the character from two bytes on that stands here, 0 if there is none (Unicode, table 3-7). */
static size_t utf8_size(const struct pass *p, size_t at) {
        static const struct {
                unsigned char first, last; /* of the first byte */
                unsigned char low, high;   /* of the second one */
                unsigned char size;
        } rows[] = {
                { 0xC2, 0xDF, 0x80, 0xBF, 2 }, { 0xE0, 0xE0, 0xA0, 0xBF, 3 }, { 0xE1, 0xEC, 0x80, 0xBF, 3 },
                { 0xED, 0xED, 0x80, 0x9F, 3 }, { 0xEE, 0xEF, 0x80, 0xBF, 3 }, { 0xF0, 0xF0, 0x90, 0xBF, 4 },
                { 0xF1, 0xF3, 0x80, 0xBF, 4 }, { 0xF4, 0xF4, 0x80, 0x8F, 4 },
        };

        for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
                bool is = is_between(p, at, rows[i].first, rows[i].last) &&
                          is_between(p, at + 1, rows[i].low, rows[i].high);

                for (size_t k = 2; is && k < rows[i].size; k++)
                        is = is_between(p, at + k, 0x80, 0xBF);
                if (is)
                        return rows[i].size;
        }
        return 0;
}

/* The four digits after "\u" here, or -1. */
static int escaped_unit(const struct pass *p, size_t at) {
        int unit = 0;

        if (!starts_with(p, at, "\\u"))
                return -1;
        for (size_t i = at + 2; i < at + 6; i++) {
                unit *= 16;
                if (is_between(p, i, '0', '9'))
                        unit += p->text[i] - '0';
                else if (is_between(p, i, 'a', 'f'))
                        unit += p->text[i] - 'a' + 10;
                else if (is_between(p, i, 'A', 'F'))
                        unit += p->text[i] - 'A' + 10;
                else
                        return -1;
        }
        return unit;
}

static bool is_high(int unit) {
        return unit >= 0xD800 && unit <= 0xDBFF;
}

static bool is_low(int unit) {
        return unit >= 0xDC00 && unit <= 0xDFFF;
}

static void pass_escape(struct pass *p, bool is_name) {
        int unit = escaped_unit(p, p->at);

        if (unit < 0) {
                char c = p->at + 1 < p->size ? p->text[p->at + 1] : '\0';

                if (c != '\0' && strchr("\"\\/bfnrt", c))
                        p->at += 2;
                else
                        replace(p, p->at, p->at + 1, REPLACEMENT);
        } else if (is_high(unit) && is_low(escaped_unit(p, p->at + 6)))
                p->at += 12;
        else if ((unit == 0 && is_name) || is_high(unit) || is_low(unit))
                replace(p, p->at, p->at + 6, REPLACEMENT);
        else
                p->at += 6;
}

/* Most of any text is made of these. */
static bool is_plain(unsigned char c) {
        return c >= 0x20 && c < 0x80 && c != '"' && c != '\\';
}

static void pass_plain(struct pass *p) {
        const char *s = p->text + p->at, *end = p->text + p->size;

        while (s < end && is_plain((unsigned char) *s))
                s++;
        p->at = (size_t) (s - p->text);
}

static void pass_string(struct pass *p, bool is_name) {
        p->at++;
        for (;;) {
                pass_plain(p);
                if (p->at >= p->size || p->text[p->at] == '"')
                        break;
                if (p->text[p->at] == '\\')
                        pass_escape(p, is_name);
                else {
                        size_t n = utf8_size(p, p->at);

                        if (n > 0)
                                p->at += n;
                        else
                                replace(p, p->at, p->at + 1, REPLACEMENT);
                }
        }
        p->at++;
}

/* ---- numbers and words ---- */

static size_t n_digits(const char *s, size_t n) {
        size_t i = 0;

        while (i < n && s[i] >= '0' && s[i] <= '9')
                i++;
        return i;
}

/* A number cut at its marks. */
struct number {
        bool minus;
        const char *whole, *fraction, *exponent; /* digits; fraction and exponent NULL: none */
        size_t n_whole, n_fraction, n_exponent;
        bool exponent_minus;
};

static bool number_read(const char *s, size_t n, struct number *ret) {
        const char *end = s + n;
        struct number m = { .minus = n > 0 && s[0] == '-' };

        m.whole = s + m.minus;
        m.n_whole = n_digits(m.whole, (size_t) (end - m.whole));
        s = m.whole + m.n_whole;
        if (m.n_whole == 0 || (m.whole[0] == '0' && m.n_whole > 1))
                return false;
        if (s < end && *s == '.') {
                m.fraction = s + 1;
                m.n_fraction = n_digits(m.fraction, (size_t) (end - m.fraction));
                s = m.fraction + m.n_fraction;
                if (m.n_fraction == 0)
                        return false;
        }
        if (s < end && (*s == 'e' || *s == 'E')) {
                m.exponent = s + 1;
                m.exponent_minus = m.exponent < end && *m.exponent == '-';
                if (m.exponent < end && (*m.exponent == '-' || *m.exponent == '+'))
                        m.exponent++;
                m.n_exponent = n_digits(m.exponent, (size_t) (end - m.exponent));
                s = m.exponent + m.n_exponent;
                if (m.n_exponent == 0)
                        return false;
        }
        *ret = m;
        return s == end;
}

static bool is_int64(const struct number *m) {
        const char *max = m->minus ? "9223372036854775808" : "9223372036854775807";
        size_t n = strlen(max);

        return m->n_whole < n || (m->n_whole == n && memcmp(m->whole, max, n) <= 0);
}

/* Where the first digit that is not 0 stands: its number of places before the point; 0 or less after it. False: there
 * is none. */
static bool first_place(const struct number *m, int64_t *ret) {
        if (m->whole[0] != '0') {
                *ret = (int64_t) m->n_whole;
                return true;
        }
        for (size_t i = 0; i < m->n_fraction; i++)
                if (m->fraction[i] != '0') {
                        *ret = -(int64_t) i;
                        return true;
                }
        return false;
}

static bool is_real(const struct number *m) {
        int64_t exponent = 0, place;

        for (size_t i = 0; i < m->n_exponent && exponent < EXPONENT_MAX / 10; i++)
                exponent = exponent * 10 + m->exponent[i] - '0';
        if (!first_place(m, &place))
                return true;
        return place + (m->exponent_minus ? -exponent : exponent) <= REAL_PLACES_MAX;
}

static bool is_ordinary_word(const char *s, size_t n) {
        static const char *const words[] = { "true", "false", "null" };
        struct number m;

        for (size_t i = 0; i < ARRAY_SIZE(words); i++)
                if (n == strlen(words[i]) && memcmp(s, words[i], n) == 0)
                        return true;
        if (!number_read(s, n, &m))
                return false;
        return m.fraction || m.exponent ? is_real(&m) : is_int64(&m);
}

static bool ends_word(char c) {
        switch (c) {
        case ' ':
        case '\t':
        case '\r':
        case '\n':
        case ',':
        case ':':
        case '[':
        case ']':
        case '{':
        case '}':
        case '"':
                return true;
        default:
                return false;
        }
}

static void pass_word(struct pass *p, bool may_replace) {
        size_t from = p->at;

        while (p->at < p->size && !ends_word(p->text[p->at]))
                p->at++;
        /* A word that stands alone is no part of anything: what is no JSON is not made into it. */
        if (may_replace && !is_ordinary_word(p->text + from, p->at - from))
                replace(p, from, p->at, "null");
}

/* ---- values that lie too deep ---- */

static void pass_over_string(struct pass *p) {
        p->at++;
        while (p->at < p->size && p->text[p->at] != '"')
                p->at += p->text[p->at] == '\\' ? 2 : 1;
        p->at++;
}

static void pass_over_value(struct pass *p) {
        size_t from = p->at, depth = 0;

        do {
                char c = p->text[p->at];

                if (c == '"') {
                        pass_over_string(p);
                        continue;
                }
                if (c == '[' || c == '{')
                        depth++;
                if (c == ']' || c == '}')
                        depth--;
                p->at++;
        } while (depth > 0 && p->at < p->size);
        replace(p, from, p->at < p->size ? p->at : p->size, "null");
}

/* ---- the whole ---- */

static void pass_all(struct pass *p) {
        bool in_object[JSON_DEPTH_MAX + 1] = { false };
        bool name_comes = false;
        size_t depth = 0;

        while (starts_with(p, p->at, BYTE_ORDER_MARK))
                replace(p, p->at, p->at + strlen(BYTE_ORDER_MARK), "");
        while (p->at < p->size)
                switch (p->text[p->at]) {
                case '"':
                        pass_string(p, name_comes);
                        break;
                case '[':
                case '{':
                        if (depth >= JSON_DEPTH_MAX) {
                                pass_over_value(p);
                                break;
                        }
                        name_comes = p->text[p->at] == '{';
                        in_object[++depth] = name_comes;
                        p->at++;
                        break;
                case ']':
                case '}':
                        depth -= depth > 0;
                        p->at++;
                        break;
                case ',':
                        name_comes = in_object[depth];
                        p->at++;
                        break;
                case ':':
                        name_comes = false;
                        p->at++;
                        break;
                case ' ':
                case '\t':
                case '\r':
                case '\n':
                        p->at++;
                        break;
                default:
                        pass_word(p, depth > 0);
                        break;
                }
        if (p->odd)
                put(p, p->text + p->taken, p->size - p->taken);
}

int json_mend(const char *text, size_t size, char **ret, size_t *ret_size) {
        struct pass measured = { .text = text, .size = size }, written = measured;

        pass_all(&measured);
        if (!measured.odd)
                return 0;
        written.out = malloc(measured.n_out + 1);
        if (!written.out)
                return -ENOMEM;
        pass_all(&written);
        written.out[written.n_out] = '\0';
        *ret = written.out;
        *ret_size = written.n_out;
        return 1;
}
