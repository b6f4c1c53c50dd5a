#include "util/memory.h"

#include <malloc.h>

/* Less is soon wanted again. */
#define WORTH_IT ((size_t) 2 << 20)

void memory_give_back(struct memory *m) {
        size_t is_free = mallinfo2().fordblks;

        if (is_free < m->kept + WORTH_IT) {
                m->kept = is_free < m->kept ? is_free : m->kept;
                return;
        }
        (void) malloc_trim(0);
        m->kept = mallinfo2().fordblks;
}
