/* What is odd in a text costs the value that it is in, and nothing else. */
#include <criterion/criterion.h>
#include <errno.h>
#include <stdio.h>

#include "json/json.h"

#define DIGITS_41 "12345678901234567890123456789012345678901"
#define MENDED    "\xEF\xBF\xBD" /* U+FFFD */

enum {
        DEEP = 3000,
};

/* ---- one odd value in an answer to /sync ---- */

static const struct odd {
        const char *what, *value;
        const char *reads_as; /* a string; NULL: null */
} odds[] = {
        /* numbers */
        { "uint64", "18446744073709551615", NULL },
        { "int64 and one", "9223372036854775808", NULL },
        { "int64 less one", "-9223372036854775809", NULL },
        { "41 digits", DIGITS_41, NULL },
        { "41 digits below zero", "-" DIGITS_41, NULL },
        { "real out of range", "1e999", NULL },
        { "real out of range below zero", "-1E+999", NULL },
        { "real just out of range", "1.8e308", NULL },
        { "real that is out of range by its digits",
          DIGITS_41 DIGITS_41 DIGITS_41 DIGITS_41 DIGITS_41 DIGITS_41 DIGITS_41 DIGITS_41 ".5", NULL },
        { "exponent beyond everything", "1e99999999999999999999999", NULL },
        { "leading zero", "007", NULL },
        { "leading plus", "+1", NULL },
        { "no digit before the point", ".5", NULL },
        { "no digit after the point", "1.", NULL },
        { "no digit in the exponent", "1e", NULL },
        { "hexadecimal", "0x10", NULL },
        { "lone minus", "-", NULL },
        { "not a number", "NaN", NULL },
        { "infinite", "-Infinity", NULL },
        /* words */
        { "unknown word", "undefined", NULL },
        { "word of another language", "None", NULL },
        { "bytes that are nothing", "\xff\x01", NULL },
        /* strings */
        { "high surrogate alone", "\"a\\ud800\"", "a" MENDED },
        { "high surrogate and a letter", "\"\\uD800b\"", MENDED "b" },
        { "high surrogate and a letter escaped", "\"\\uD800\\u0062\"", MENDED "b" },
        { "low surrogate alone", "\"a\\udc00b\"", "a" MENDED "b" },
        { "reversed pair", "\"\\udc00\\ud800\"", MENDED MENDED },
        { "high surrogate before a pair", "\"\\ud800\\ud83d\\ude00\"", MENDED "\xF0\x9F\x98\x80" },
        { "unknown escape", "\"a\\xb\"", "a" MENDED "xb" },
        { "escape with bad digits", "\"\\u12g4\"", MENDED "u12g4" },
        { "escape cut short", "\"\\u12\"", MENDED "u12" },
        { "raw newline", "\"a\nb\"", "a" MENDED "b" },
        { "raw control character after a backslash", "\"a\\\x01\"", "a" MENDED MENDED },
        { "byte that is no UTF-8", "\"a\xff\"", "a" MENDED },
        { "sequence cut short", "\"a\xe2\x82\"", "a" MENDED MENDED },
        { "continuation alone", "\"\x80\"", MENDED },
        { "overlong slash", "\"\xc0\xaf\"", MENDED MENDED },
        { "overlong in three bytes", "\"\xe0\x80\xaf\"", MENDED MENDED MENDED },
        { "surrogate as UTF-8", "\"\xed\xa0\x80\"", MENDED MENDED MENDED },
        { "beyond Unicode", "\"\xf4\x90\x80\x80\"", MENDED MENDED MENDED MENDED },
        { "five bytes", "\"\xf8\x88\x80\x80\x80\"", MENDED MENDED MENDED MENDED MENDED },
};

/* The value stands in an event of its own, between others: as a member, in an array, and deeper. */
static const char sync_format[] =
        "{\"to_device\":{\"events\":[{\"type\":\"x\",\"sender\":\"@y:test\",\"content\":{\"n\":%s,\"m\":7}},"
        "{\"type\":\"org.example\",\"sender\":\"@z:test\",\"content\":{\"a\":[[%s],{\"k\" : %s }]}}]},"
        "\"rooms\":{\"join\":{\"!r:test\":{\"timeline\":{\"events\":[{\"type\":\"m.call.hangup\","
        "\"content\":{\"call_id\":\"c1\",\"version\":\"1\"}}]}}}},\"next_batch\":\"s2\"}";

static json_t *read_sync(const char *what, const char *value) {
        static char text[4 * 8192];
        int n = snprintf(text, sizeof(text), sync_format, value, value, value);
        json_t *root = NULL;

        cr_assert_lt((size_t) n, sizeof(text));
        cr_assert_eq(json_parse(text, (size_t) n, &root), 0, "%s: the answer is lost", what);
        return root;
}

static const json_t *at(const json_t *v, const char *path) {
        return json_is_array(v) ? json_array_get(v, (size_t) atoi(path)) : json_object_get(v, path);
}

static const json_t *event_of(const json_t *root, size_t i) {
        return json_array_get(at(at(root, "to_device"), "events"), i);
}

static void expect_rest(const json_t *root, const char *what) {
        const json_t *timeline = at(at(at(at(at(root, "rooms"), "join"), "!r:test"), "timeline"), "events");

        cr_expect_str_eq(json_member_string(root, "next_batch"), "s2", "%s", what);
        cr_expect_str_eq(json_member_string(at(at(timeline, "0"), "content"), "call_id"), "c1", "%s", what);
        cr_expect_str_eq(json_member_string(event_of(root, 1), "sender"), "@z:test", "%s", what);
        cr_expect_eq(json_member_int(at(event_of(root, 0), "content"), "m", 0), 7, "%s", what);
}

static void expect_value(const json_t *v, const struct odd *odd) {
        if (!odd->reads_as)
                cr_expect(json_is_null(v), "%s", odd->what);
        else
                cr_expect_str_eq(json_string_value(v), odd->reads_as, "%s", odd->what);
}

Test(json_read, odd_value_costs_itself) {
        for (size_t i = 0; i < ARRAY_SIZE(odds); i++) {
                SCOPED(json_decref) json_t *root = read_sync(odds[i].what, odds[i].value);
                const json_t *list = at(at(event_of(root, 1), "content"), "a");

                expect_rest(root, odds[i].what);
                expect_value(at(at(event_of(root, 0), "content"), "n"), &odds[i]);
                expect_value(at(at(list, "0"), "0"), &odds[i]);
                expect_value(at(at(list, "1"), "k"), &odds[i]);
        }
}

/* As names, odd strings are read as they are as values. */
Test(json_read, odd_name_costs_itself) {
        for (size_t i = 0; i < ARRAY_SIZE(odds); i++) {
                SCOPED(free) char *value = NULL;

                if (!odds[i].reads_as)
                        continue;
                cr_assert_gt(asprintf(&value, "{%s:1,\"other\":2}", odds[i].value), 0);

                SCOPED(json_decref) json_t *root = read_sync(odds[i].what, value);
                const json_t *n = at(at(event_of(root, 0), "content"), "n");

                expect_rest(root, odds[i].what);
                cr_expect_eq(json_member_int(n, odds[i].reads_as, 0), 1, "%s", odds[i].what);
                cr_expect_eq(json_member_int(n, "other", 0), 2, "%s", odds[i].what);
        }
}

/* A NUL may stand in a string, which is then no name of anything, but in no name. */
Test(json_read, nul_costs_its_name) {
        static const char object[] = "{ \"a\\u0000b\" : [\"c\", \"d\\u0000e\"], \"f\\u0000\":\"g\\u0000\"}";
        SCOPED(json_decref) json_t *root = read_sync("NUL", object);
        const json_t *n = at(at(event_of(root, 0), "content"), "n");

        expect_rest(root, "NUL");
        cr_expect_eq(json_string_length(at(json_object_get(n, "a" MENDED "b"), "1")), 3);
        cr_expect_eq(json_string_length(json_object_get(n, "f" MENDED)), 2);
}

static void nest(char *text, const char *open, const char *close, size_t depth) {
        *text = '\0';
        for (size_t i = 0; i < depth; i++)
                text = stpcpy(text, open);
        text = stpcpy(text, "1");
        for (size_t i = 0; i < depth; i++)
                text = stpcpy(text, close);
}

static size_t depth_of(const json_t *v) {
        size_t depth = 0;

        for (; json_is_array(v); v = json_array_get(v, 0))
                depth++;
        return depth;
}

Test(json_read, deep_value_costs_itself) {
        static const char *const brackets[][2] = { { "[", "]" }, { "{\"a\":", "}" } };
        static char value[6 * DEEP + 2];

        for (size_t i = 0; i < ARRAY_SIZE(brackets); i++) {
                json_t *root = NULL;
                SCOPED(free) char *text = NULL;

                nest(value, brackets[i][0], brackets[i][1], DEEP);
                cr_assert_gt(asprintf(&text, sync_format, value, "1", "1"), 0);
                cr_assert_eq(json_parse(text, strlen(text), &root), 0, "%s", brackets[i][0]);
                expect_rest(root, brackets[i][0]);
                json_decref(root);
        }
}

Test(json_read, depth_has_a_limit) {
        static char text[2 * DEEP + 2];
        static const size_t depths[] = { 1, JSON_DEPTH_MAX - 1, JSON_DEPTH_MAX, JSON_DEPTH_MAX + 1, DEEP };

        for (size_t i = 0; i < ARRAY_SIZE(depths); i++) {
                SCOPED(json_decref) json_t *v = NULL;

                nest(text, "[", "]", depths[i]);
                cr_assert_eq(json_parse(text, strlen(text), &v), 0, "%zu", depths[i]);
                cr_expect_eq(depth_of(v), depths[i] < JSON_DEPTH_MAX ? depths[i] : JSON_DEPTH_MAX, "%zu", depths[i]);
        }
}

/* Brackets and quotes in the strings of a value that is left out do not end it. */
Test(json_read, deep_strings_are_passed_over) {
        char open[JSON_DEPTH_MAX + 1] = "", text[4 * JSON_DEPTH_MAX];
        SCOPED(json_decref) json_t *v = NULL;

        memset(open, '[', JSON_DEPTH_MAX);
        (void) snprintf(text, sizeof(text), "{\"a\":%s{\"x\":\"]}\\\"}\\\\\"}", open + 1);
        for (size_t i = 1; i < JSON_DEPTH_MAX; i++)
                (void) strcat(text, "]");
        (void) strcat(text, ",\"b\":1}");
        cr_assert_eq(json_parse(text, strlen(text), &v), 0, "%s", text);
        cr_expect_eq(json_member_int(v, "b", 0), 1);
}

Test(json_read, byte_order_mark_is_passed_over) {
        static const char text[] = "\xEF\xBB\xBF{\"next_batch\":\"s2\",\"n\":1e999}";
        SCOPED(json_decref) json_t *v = NULL;

        cr_assert_eq(json_parse(text, sizeof(text) - 1, &v), 0);
        cr_expect_str_eq(json_member_string(v, "next_batch"), "s2");
}

/* ---- nothing odd ---- */

Test(json_read, ordinary_values_stay) {
        static const char text[] =
                "{\"max\":9223372036854775807,\"min\":-9223372036854775808,\"minus\":-0,\"real\":-1.5e-7,"
                "\"large\":9.9e307,\"small\":1e-999,\"zero\":0e999,\"t\":true,\"f\":false,\"z\":null,"
                "\"s\":\"\\\"\\\\\\/\\b\\f\\n\\r\\t\\u00e4\\ud83d\\ude00\xC3\xA4\xE2\x82\xAC\xF0\x9F\x98\x80\x7f\"}";
        SCOPED(json_decref) json_t *v = NULL;

        cr_assert_eq(json_parse(text, sizeof(text) - 1, &v), 0);
        cr_expect_eq(json_member_int(v, "max", 0), INT64_MAX);
        cr_expect_eq(json_member_int(v, "min", 0), INT64_MIN);
        cr_expect_eq(json_member_int(v, "minus", 1), 0);
        cr_expect_float_eq(json_real_value(json_object_get(v, "real")), -1.5e-7, 1e-12);
        cr_expect_float_eq(json_real_value(json_object_get(v, "large")), 9.9e307, 1e300);
        cr_expect(json_is_real(json_object_get(v, "small")));
        cr_expect(json_is_real(json_object_get(v, "zero")));
        cr_expect(json_member_bool(v, "t", false));
        cr_expect_not(json_member_bool(v, "f", true));
        cr_expect(json_is_null(json_object_get(v, "z")));
        cr_expect_str_eq(json_member_string(v, "s"),
                         "\"\\/\b\f\n\r\t\xC3\xA4\xF0\x9F\x98\x80\xC3\xA4\xE2\x82\xAC\xF0\x9F\x98\x80\x7f");
}

/* ---- not JSON at all ---- */

Test(json_read, what_is_no_json_is_refused) {
        static const char *const texts[] = {
                "",       " ",        "{",     "{]",      "nul",          "1e999",     "<html>", "<html>{}</html>",
                "{} x",   "{}{}",     "[1,]",  "[,1]",    "{a:1}",        "{\"a\" 1}", "[1 2]",  "{\"a\":1,}",
                "\"open", "{\"a\":1", "[[[[]", "{'a':1}", "\xEF\xBB\xBF", "[\"\\\"]",  "]",      "[1]]",
        };

        for (size_t i = 0; i < ARRAY_SIZE(texts); i++) {
                json_t *v = NULL;

                cr_expect_eq(json_parse(texts[i], strlen(texts[i]), &v), -EBADMSG, "%s", texts[i]);
                cr_expect_null(v);
        }
}
