/* An answer of /messages, read back after a gap. */
#include "kinds.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
        SCOPED(json_decref) json_t *root = NULL;
        SCOPED(sync_batch_free) struct sync_batch *b = NULL;
        struct kinds o;

        if (json_parse((const char *) data, size, &root) < 0 || sync_batch_new_from_messages(&b, root, ME, ROOM) < 0)
                return 0;
        for (size_t i = 0; i < b->n_events; i++)
                must(!b->events[i].state_key, "no state comes from the past");
        kinds_open(&o);
        kinds_feed(&o, b);
        kinds_end(&o);
        kinds_close(&o);
        return 0;
}
