/* Answers of /sync, one a line, to all call kinds: parsed, followed, seen again, resynced, waited for. */
#include "kinds.h"
#include "matrix/calls/kinds.h"
#include "matrix/sync/thin.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static bool is_of_concern(const struct sync_thin *t, const struct matrix_event *e) {
        for (size_t k = 0; k < ARRAY_SIZE(t->types); k++)
                for (size_t i = 0; i < json_array_size(t->types[k]); i++)
                        if (streq(e->type, json_string_value(json_array_get(t->types[k], i))))
                                return true;
        return false;
}

static const struct matrix_event *next_of_concern(const struct sync_thin *t, const struct sync_batch *b, size_t *i) {
        while (*i < b->n_events && !is_of_concern(t, &b->events[*i]))
                ++*i;
        return *i < b->n_events ? &b->events[(*i)++] : NULL;
}

/* Nothing of concern is taken out, in whatever pieces it comes. */
static void make_thin(const char *line, size_t size, const struct sync_batch *b) {
        SCOPED(json_decref) json_t *messages = kinds_message_types_new(), *state = kinds_state_types_new();
        SCOPED(json_decref) json_t *root = NULL;
        SCOPED(sync_batch_free) struct sync_batch *left = NULL;
        SCOPED(free) char *whole = malloc(size + 1), *pieces = malloc(size + 1);
        struct sync_thin t = { .types = { messages, state } }, in_pieces = t;
        const struct matrix_event *e;
        size_t n, m = 0, i = 0, j = 0;

        memcpy(whole, line, size);
        n = sync_thin(&t, whole, 0, size);
        for (size_t at = 0, more; at < size; at += more) {
                more = size - at < 1 + at % 7 ? size - at : 1 + at % 7;
                memcpy(pieces + m, line + at, more);
                m = sync_thin(&in_pieces, pieces, m, m + more);
        }
        must(n == m && memcmp(whole, pieces, n) == 0, "pieces do not matter");
        if (!b)
                return;
        must(json_parse(whole, n, &root) == 0 && sync_batch_new(&left, root, ME) == 0, "it is an answer still");
        must(left->n_gaps == b->n_gaps && left->own_presence == b->own_presence, "the rest is as it was");
        do {
                const struct matrix_event *f = next_of_concern(&t, left, &j);

                e = next_of_concern(&t, b, &i);
                must(!e == !f && (!e || (streq(e->type, f->type) &&
                                         json_equal((json_t *) e->content, (json_t *) f->content))),
                     "what is of concern is left");
        } while (e);
}

static void follow(struct kinds *o, const char *line, size_t size) {
        SCOPED(json_decref) json_t *root = NULL;
        SCOPED(sync_batch_free) struct sync_batch *b = NULL;

        if (json_parse(line, size, &root) < 0 || sync_batch_new(&b, root, ME) < 0) {
                make_thin(line, size, NULL);
                return;
        }
        make_thin(line, size, b);
        kinds_feed(o, b);
        kinds_wait(o, USEC_PER_MIN);
        if (b->n_events % 3 == 0)
                kinds_feed(o, b);
        if (b->n_events % 3 == 1)
                for (size_t f = 0; call_kinds[f]; f++) {
                        call_kinds[f]->resync(o->of[f], true);
                        call_kinds[f]->resync(o->of[f], false);
                        call_kinds[f]->commit(o->of[f], &o->time);
                }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
        const char *line = (const char *) data, *end = line + size;
        struct kinds o;

        kinds_open(&o);
        while (line < end) {
                const char *stop = memchr(line, '\n', (size_t) (end - line));

                if (!stop)
                        stop = end;
                follow(&o, line, (size_t) (stop - line));
                line = stop + 1;
        }
        kinds_end(&o);
        kinds_close(&o);
        return 0;
}
