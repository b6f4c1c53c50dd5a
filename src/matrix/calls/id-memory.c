#include "matrix/calls/id-memory.h"

#include <errno.h>

int id_memory_init(struct id_memory *m, size_t max) {
        *m = (struct id_memory){ .ids = calloc(max, sizeof(m->ids[0])), .max = max };
        return m->ids ? 0 : -ENOMEM;
}

void id_memory_done(struct id_memory *m) {
        for (size_t i = 0; i < m->n; i++)
                free(m->ids[i]);
        free(m->ids);
        *m = (struct id_memory){ 0 };
}

bool id_memory_has(const struct id_memory *m, const char *id) {
        for (size_t i = 0; i < m->n; i++)
                if (streq(m->ids[i], id))
                        return true;
        return false;
}

int id_memory_add(struct id_memory *m, const char *id) {
        char *copy = strdup(id);

        if (!copy)
                return -ENOMEM;
        free(m->ids[m->next]);
        m->ids[m->next] = copy;
        m->next = (m->next + 1) % m->max;
        if (m->n < m->max)
                m->n++;
        return 0;
}
