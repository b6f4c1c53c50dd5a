/* What the allocator takes of the system. */
#include <criterion/criterion.h>
#include <malloc.h>
#include <stdio.h>
#include <unistd.h>

#include "util/memory.h"

/* Sanitizers have an allocator of their own. */
#ifndef __SANITIZE_ADDRESS__

#define TABLES 64
#define TABLE  ((size_t) 32 << 10)
#define BLOCKS ((size_t) 1024)
#define BLOCK  1024

static size_t resident_pages(void) {
        size_t size, resident;
        FILE *f = fopen("/proc/self/statm", "re");

        cr_assert_not_null(f);
        cr_assert_eq(fscanf(f, "%zu %zu", &size, &resident), 2);
        (void) fclose(f);
        return resident;
}

/* The first ones may fit into what was taken before. */
Test(memory, tables_are_no_part_of_the_heap_while_that_is_wanted) {
        char *tables[TABLES];
        size_t before;

        memory_map_tables(true);
        before = mallinfo2().hblks;
        for (size_t i = 0; i < TABLES; i++) {
                tables[i] = calloc(1, TABLE);
                cr_assert_not_null(tables[i]);
        }
        cr_assert_geq(mallinfo2().hblks, before + TABLES / 2, "they are");
        for (size_t i = 0; i < TABLES; i++)
                free(tables[i]);
        cr_assert_eq(mallinfo2().hblks, before, "they stay");
        memory_map_tables(false);
        for (size_t i = 0; i < TABLES; i++)
                tables[i] = calloc(1, TABLE);
        cr_assert_eq(mallinfo2().hblks, before, "all is mapped");
        for (size_t i = 0; i < TABLES; i++)
                free(tables[i]);
}

static void take(char **blocks, size_t n) {
        for (size_t i = 0; i < n; i++) {
                blocks[i] = malloc(BLOCK);
                cr_assert_not_null(blocks[i]);
                memset(blocks[i], 1, BLOCK);
        }
}

static void drop(char **blocks, size_t n) {
        for (size_t i = 0; i < n; i++)
                free(blocks[i]);
}

Test(memory, all_is_given_back_between_what_is_used) {
        static char *blocks[BLOCKS];
        struct memory m = { 0 };
        size_t before;

        take(blocks, BLOCKS);
        drop(blocks, BLOCKS - 1);
        before = resident_pages();
        memory_give_back_all(&m);
        cr_assert_leq(resident_pages() + (BLOCKS / 2) * BLOCK / (size_t) getpagesize(), before);
        free(blocks[BLOCKS - 1]);
}

/* The allocator counts as free what it has given back, so that nothing shows that it was touched anew. */
Test(memory, what_was_given_back_and_is_used_for_something_large_goes_back_again) {
        static char *blocks[BLOCKS];
        struct memory m = { 0 };
        size_t before;

        take(blocks, BLOCKS);
        drop(blocks, BLOCKS - 1);
        memory_give_back_all(&m);
        take(blocks, BLOCKS - 1);
        drop(blocks, BLOCKS - 1);
        before = resident_pages();
        memory_note_taken_apart(BLOCK);
        cr_assert_not(memory_give_back(&m), "what is small is soon wanted again");
        memory_note_taken_apart(BLOCKS * BLOCK / 4);
        memory_note_taken_apart(BLOCK);
        cr_assert(memory_give_back(&m));
        cr_assert_leq(resident_pages() + (BLOCKS / 2) * BLOCK / (size_t) getpagesize(), before);
        cr_assert_not(memory_give_back(&m), "once");
        free(blocks[BLOCKS - 1]);
}

#endif
