/* Answers of /sync, one a line, to all call kinds: parsed, followed, seen again, resynced, waited for. */
#include "kinds.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void follow(struct kinds *o, const char *line, size_t size) {
        SCOPED(json_decref) json_t *root = NULL;
        SCOPED(sync_batch_free) struct sync_batch *b = NULL;

        if (json_parse(line, size, &root) < 0 || sync_batch_new(&b, root, ME) < 0)
                return;
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
