/* Any bytes as JSON. What is odd in a value never decides whether the rest is read: that depends on brackets, commas,
 * colons and quotes alone. */
#include <jansson.h>
#include <math.h>
#include <string.h>

#include "json/json.h"
#include "json/mend.h"
#include "must.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* ---- the shape of a text, found in another way: strings and words become the same ones everywhere ---- */

struct shape {
        const char *text;
        size_t size, at, depth;
        char *out;
        size_t n_out;
};

static void put(struct shape *s, const char *bytes, size_t n) {
        memcpy(s->out + s->n_out, bytes, n);
        s->n_out += n;
}

static bool is_mark(char c) {
        return c && strchr("[]{}:, \t\r\n\"", c);
}

static void put_string(struct shape *s, bool visible) {
        size_t n = 1;

        while (s->at + n < s->size && s->text[s->at + n] != '"')
                n += s->text[s->at + n] == '\\' ? 2 : 1;
        s->at += n + 1;
        if (visible)
                put(s, "\"k\"", 3);
}

static void put_shape(struct shape *s) {
        while (s->at < s->size) {
                char c = s->text[s->at];
                bool visible = s->depth <= JSON_DEPTH_MAX;

                if (c == '"') {
                        put_string(s, visible);
                        continue;
                }
                if (c == '[' || c == '{') {
                        s->depth++;
                        if (s->depth <= JSON_DEPTH_MAX)
                                put(s, &c, 1);
                        else if (s->depth == JSON_DEPTH_MAX + 1)
                                put(s, "0", 1);
                } else if (c == ']' || c == '}') {
                        if (visible)
                                put(s, &c, 1);
                        s->depth -= s->depth > 0;
                } else if (is_mark(c)) {
                        if (visible)
                                put(s, &c, 1);
                } else {
                        size_t from = s->at;

                        while (s->at < s->size && !is_mark(s->text[s->at]))
                                s->at++;
                        if (s->depth == 0)
                                put(s, s->text + from, s->at - from);
                        else if (visible)
                                put(s, "0", 1);
                        continue;
                }
                s->at++;
        }
}

/* A quote that is never closed leaves the shape open as well. */
static bool has_open_string(const char *text, size_t size) {
        bool open = false;

        for (size_t i = 0; i < size; i++) {
                if (text[i] == '\\' && open)
                        i++;
                else if (text[i] == '"')
                        open = !open;
        }
        return open;
}

static bool is_json_in_shape(const char *text, size_t size) {
        struct shape s = { .text = text, .size = size, .out = malloc(3 * size + 1) };
        json_t *v;

        while (s.size - s.at >= 3 && memcmp(s.text + s.at, "\xEF\xBB\xBF", 3) == 0)
                s.at += 3;
        put_shape(&s);
        v = has_open_string(text, size) ? NULL : json_loadb(s.out, s.n_out, JSON_DECODE_ANY, NULL);
        json_decref(v);
        free(s.out);
        return v != NULL;
}

/* ---- what was read ---- */

struct look {
        size_t depth;
        bool large; /* a real that is not looked at closer */
};

static void look(const json_t *v, size_t depth, struct look *l) {
        const char *key;
        json_t *member;
        size_t i;

        if (json_is_array(v) || json_is_object(v))
                depth++;
        if (depth > l->depth)
                l->depth = depth;
        if (json_is_real(v) && fabs(json_real_value(v)) >= 9.999999e307)
                l->large = true;
        json_object_foreach((json_t *) v, key, member) look(member, depth, l);
        json_array_foreach((json_t *) v, i, member) look(member, depth, l);
}

/* What is written of a large real may be one that has a place too many. */
static void check_same_again(const json_t *v, bool large) {
        char *text = json_dumps(v, JSON_ENCODE_ANY);
        json_t *again = NULL;

        must(text, "what was read can be written");
        must(json_parse(text, strlen(text), &again) == 0, "what was written can be read");
        must(large || json_equal(v, again), "it is the same");
        json_decref(again);
        free(text);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
        const char *text = (const char *) data;
        char *mended = NULL, *twice = NULL;
        size_t mended_size = 0, twice_size = 0;
        json_t *strict = json_loadb(text, size, JSON_DECODE_ANY | JSON_ALLOW_NUL, NULL), *v = NULL;
        struct look before = {}, after = {};
        int odd = json_mend(text, size, &mended, &mended_size);

        must(odd == 0 || odd == 1, "mending cannot fail");
        look(strict, 0, &before);
        /* Between tokens jansson passes over a NUL. */
        if (strict && !memchr(text, '\0', size))
                must(!odd || before.depth > JSON_DEPTH_MAX || before.large, "what a parser takes is left alone");
        must(!odd || mended_size <= 4 * size, "no more than four times the size");
        must((json_parse(text, size, &v) == 0) == is_json_in_shape(text, size), "only the shape decides");
        if (v) {
                must(!odd || json_mend(mended, mended_size, &twice, &twice_size) == 0, "once is enough");
                look(v, 0, &after);
                must(after.depth <= JSON_DEPTH_MAX, "no deeper than the limit");
                check_same_again(v, after.large);
        }
        json_decref(strict);
        json_decref(v);
        free(mended);
        return 0;
}
