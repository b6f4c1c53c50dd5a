/* A memory of the last `max` names: ids of events and calls that were seen. */
#pragma once

#include "core/base.h"

struct id_memory {
        char **ids;
        size_t n, max, next;
};

int id_memory_init(struct id_memory *m, size_t max);
void id_memory_done(struct id_memory *m);
bool id_memory_has(const struct id_memory *m, const char *id);
int id_memory_add(struct id_memory *m, const char *id); /* displaces the oldest; 0 or -ENOMEM */
