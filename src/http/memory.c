/* See memory.h. */
#include "http/memory.h"

#include <curl/curl.h>
#include <malloc.h>
#include <stdlib.h>
#include <string.h>

#include "core/base.h"

/* Never in place: realloc() would leave the old copy as it is where it moves. */
static void *move(void *old, size_t size) {
        size_t had = old ? malloc_usable_size(old) : 0;
        void *moved = malloc(size);

        if (!moved)
                return NULL;
        if (had > 0)
                memcpy(moved, old, had < size ? had : size);
        erase_and_free(old);
        return moved;
}

int http_memory_init(void) {
        return curl_global_init_mem(CURL_GLOBAL_DEFAULT, malloc, erase_and_free, move, strdup, calloc);
}
