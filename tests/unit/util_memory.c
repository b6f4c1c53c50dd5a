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

Test(memory, all_is_given_back_between_what_is_used) {
        static char *blocks[BLOCKS];
        struct memory m = { 0 };
        size_t before;

        for (size_t i = 0; i < BLOCKS; i++) {
                blocks[i] = malloc(BLOCK);
                cr_assert_not_null(blocks[i]);
                memset(blocks[i], 1, BLOCK);
        }
        for (size_t i = 0; i + 1 < BLOCKS; i++)
                free(blocks[i]);
        before = resident_pages();
        memory_give_back_all(&m);
        cr_assert_leq(resident_pages() + (BLOCKS / 2) * BLOCK / (size_t) getpagesize(), before);
        free(blocks[BLOCKS - 1]);
}

#endif
