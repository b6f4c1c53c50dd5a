#include "util/memory.h"

#include <malloc.h>

/* Less is soon wanted again. */
#define WORTH_IT ((size_t) 2 << 20)

/* An answer with a call or two is a fiftieth of this; taking one apart takes ten times its size. */
#define LARGE ((size_t) 64 << 10)

/* Of the process, as its allocator is. */
static bool large_taken_apart;

/* The tables of which that matters are of this size and more. */
#define TABLE_MIN (8 << 10)
/* Else for what somebody sends in megabytes, which goes back to the system with the message: left to itself, malloc()
 * would raise the mark to the largest block that was ever freed. */
#define MAPPED_MIN (128 << 10)
/* The heap grows by so much; whatever fits into its end is not mapped, however large. */
#define HEAP_STEP (128 << 10)

void memory_map_tables(bool on) {
        (void) mallopt(M_MMAP_THRESHOLD, on ? TABLE_MIN : MAPPED_MIN);
        (void) mallopt(M_TOP_PAD, on ? 0 : HEAP_STEP);
}

void memory_note_taken_apart(size_t size) {
        large_taken_apart = large_taken_apart || size >= LARGE;
}

void memory_give_back_all(struct memory *m) {
        large_taken_apart = false;
        (void) malloc_trim(0);
        m->kept = mallinfo2().fordblks;
}

bool memory_give_back(struct memory *m) {
        size_t is_free = mallinfo2().fordblks;

        if (!large_taken_apart && is_free < m->kept + WORTH_IT) {
                m->kept = is_free < m->kept ? is_free : m->kept;
                return false;
        }
        memory_give_back_all(m);
        return true;
}
