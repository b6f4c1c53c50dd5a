/* See thin.h. The text is read a byte at a time, and written over itself; an event is written as it comes, and given
 * up at its end if it is of no concern. */
#include "matrix/sync/thin.h"

#include "matrix/calls/names.h"

/* The lists: by how many brackets are open around an element. */
#define LIST_DEPTH 6

struct text {
        char *bytes;
        size_t n; /* written */
};

static bool is(const struct text *text, size_t from, const char *word) {
        size_t n = strlen(word);

        return text->n - from == n && memcmp(text->bytes + from, word, n) == 0;
}

static bool is_one_of(const struct text *text, size_t from, const char *const *names) {
        for (; *names; names++)
                if (is(text, from, *names))
                        return true;
        return false;
}

static bool is_on_path(const struct sync_thin *t, const struct text *text) {
        switch (t->depth) {
        case 1:
                return is(text, t->string_at, "rooms");
        case 2:
                return is(text, t->string_at, "join");
        case 3:
                return true;
        case 4:
                return is(text, t->string_at, "timeline") || is(text, t->string_at, "state") ||
                       is_one_of(text, t->string_at, names_state_after);
        case 5:
                return is(text, t->string_at, "events");
        default:
                return false;
        }
}

static bool is_wanted(const struct sync_thin *t, const struct text *text) {
        for (size_t k = 0; k < ARRAY_SIZE(t->types); k++)
                for (size_t i = 0; i < json_array_size(t->types[k]); i++)
                        if (is(text, t->string_at, json_string_value(json_array_get(t->types[k], i))))
                                return true;
        return false;
}

static bool is_between_events(const struct sync_thin *t) {
        return t->in_list && t->depth == LIST_DEPTH;
}

/* ---- what stands in a list ---- */

static void element_begins(struct sync_thin *t, const struct text *text) {
        t->element_at = text->n;
        t->wanted = t->type_comes = false;
}

static void element_ends(struct sync_thin *t, struct text *text, bool is_event) {
        if (is_event && t->wanted) {
                t->n_kept++;
                t->comma = false;
                return;
        }
        text->n = t->element_at;
        t->n_dropped += is_event;
}

/* One stays of those before an element that is kept, and none where there is no other. */
static void comma_comes(struct sync_thin *t, struct text *text) {
        if (t->n_kept > 0 && !t->comma)
                text->bytes[text->n++] = ',';
        t->comma = t->n_kept > 0;
}

static void list_ends(struct sync_thin *t, struct text *text) {
        text->n -= t->comma;
        t->in_list = t->comma = false;
}

/* ---- strings ---- */

static void string_begins(struct sync_thin *t, struct text *text) {
        t->in_string = true;
        t->after_backslash = t->has_escape = false;
        text->bytes[text->n++] = '"';
        t->string_at = text->n;
}

static void take_string(struct sync_thin *t, const struct text *text) {
        bool of_event = t->in_list && t->depth == SYNC_THIN_DEPTH && t->is_object[SYNC_THIN_DEPTH];

        if (t->name_comes && t->depth < SYNC_THIN_DEPTH)
                t->on_path[t->depth] = !t->has_escape && is_on_path(t, text);
        if (!of_event)
                return;
        if (t->name_comes || t->type_comes)
                t->wanted = t->wanted || t->has_escape || (!t->name_comes && is_wanted(t, text));
        t->type_comes = t->name_comes && is(text, t->string_at, "type");
}

static void string_ends(struct sync_thin *t, struct text *text) {
        take_string(t, text);
        t->in_string = false;
        text->bytes[text->n++] = '"';
        if (is_between_events(t))
                element_ends(t, text, /* is_event= */ false);
}

/* Up to its end, or that of what is here. Returns how many bytes were read. */
static size_t read_string(struct sync_thin *t, struct text *text, const char *bytes, size_t n) {
        size_t i = 0;

        if (t->after_backslash) {
                t->after_backslash = false;
                text->bytes[text->n++] = bytes[i++];
        }
        while (i < n && bytes[i] != '"' && bytes[i] != '\\')
                text->bytes[text->n++] = bytes[i++];
        if (i == n)
                return n;
        if (bytes[i] == '"')
                string_ends(t, text);
        else {
                t->after_backslash = t->has_escape = true;
                text->bytes[text->n++] = '\\';
        }
        return i + 1;
}

/* ---- brackets ---- */

static bool list_begins(const struct sync_thin *t) {
        for (size_t d = 1; d < LIST_DEPTH; d++)
                if (!t->is_object[d] || !t->on_path[d])
                        return false;
        return !t->is_object[LIST_DEPTH];
}

static void opens(struct sync_thin *t, struct text *text, char bracket) {
        if (is_between_events(t))
                element_begins(t, text);
        text->bytes[text->n++] = bracket;
        t->depth++;
        t->name_comes = bracket == '{';
        if (t->depth <= SYNC_THIN_DEPTH)
                t->is_object[t->depth] = bracket == '{';
        if (t->depth < SYNC_THIN_DEPTH)
                t->on_path[t->depth] = false;
        if (t->depth != LIST_DEPTH)
                return;
        t->in_list = list_begins(t);
        t->n_kept = 0;
        t->comma = false;
}

static void closes(struct sync_thin *t, struct text *text, char bracket) {
        bool is_event = t->depth == SYNC_THIN_DEPTH && t->is_object[SYNC_THIN_DEPTH];

        if (is_between_events(t))
                list_ends(t, text);
        text->bytes[text->n++] = bracket;
        t->depth -= t->depth > 0;
        t->name_comes = t->type_comes = false;
        if (is_between_events(t))
                element_ends(t, text, is_event);
}

static void separates(struct sync_thin *t, struct text *text, char c) {
        if (c == ',') {
                t->name_comes = t->depth <= SYNC_THIN_DEPTH && t->is_object[t->depth];
                t->type_comes = false;
        } else if (c == ':')
                t->name_comes = false;
        if (!is_between_events(t))
                text->bytes[text->n++] = c;
        else if (c == ',')
                comma_comes(t, text);
}

static void read_byte(struct sync_thin *t, struct text *text, char c) {
        switch (c) {
        case '"':
                if (is_between_events(t))
                        element_begins(t, text);
                string_begins(t, text);
                break;
        case '[':
        case '{':
                opens(t, text, c);
                break;
        case ']':
        case '}':
                closes(t, text, c);
                break;
        default:
                separates(t, text, c);
                break;
        }
}

size_t sync_thin(struct sync_thin *t, char *bytes, size_t had, size_t size) {
        struct text text = { .bytes = bytes, .n = had };
        size_t at = had;

        while (at < size)
                if (t->in_string)
                        at += read_string(t, &text, bytes + at, size - at);
                else
                        read_byte(t, &text, bytes[at++]);
        return text.n;
}
