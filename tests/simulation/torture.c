/* See torture.h. The C library's allocator is called by its own names below ours. */
#include "torture.h"

#include <errno.h>
#include <jansson.h>

#if defined(__SANITIZE_ADDRESS__)
#define HAS_OWN_ALLOCATOR 0
#elif defined(__has_feature)
#if __has_feature(address_sanitizer)
#define HAS_OWN_ALLOCATOR 0
#endif
#endif
#ifndef HAS_OWN_ALLOCATOR
#define HAS_OWN_ALLOCATOR 1
#endif

static struct torture torture;
static struct chance chance;
static bool in_product, resting;

struct torture_counters torture_counters;

bool torture_is_possible(void) {
        return HAS_OWN_ALLOCATOR;
}

void torture_begin(const struct torture *t, struct chance c) {
        torture = *t;
        chance = c;
        in_product = resting = false;
}

void torture_rest(bool rests) {
        resting = rests;
}

bool torture_enter(void) {
        bool before = in_product;

        in_product = true;
        return before;
}

bool torture_spare(void) {
        bool before = in_product;

        in_product = false;
        return before;
}

void torture_back(bool before) {
        in_product = before;
}

static bool fails(uint32_t one_in) {
        return in_product && !resting && one_in > 0 && chance_below(&chance, one_in) == 0;
}

bool torture_fails_disk(void) {
        if (!fails(torture.disk))
                return false;
        torture_counters.disk_failures++;
        errno = chance_percent(&chance, 50) ? ENOSPC : EIO;
        return true;
}

/* Its lexer goes on with what it could not copy, and ends in an assertion: out of memory there busyd is killed, which
 * other worlds have. */
json_t *__real_json_loadb(const char *data, size_t size, size_t flags, json_error_t *error);
json_t *__wrap_json_loadb(const char *data, size_t size, size_t flags, json_error_t *error);
json_t *__wrap_json_loadb(const char *data, size_t size, size_t flags, json_error_t *error) {
        SPARED;

        return __real_json_loadb(data, size, flags, error);
}

#if HAS_OWN_ALLOCATOR
void *__libc_malloc(size_t size);
void *__libc_calloc(size_t n, size_t size);
void *__libc_realloc(void *p, size_t size);

static bool refuses(void) {
        torture_counters.allocations += in_product;
        if (!fails(torture.memory))
                return false;
        torture_counters.refused++;
        errno = ENOMEM;
        return true;
}

void *malloc(size_t size) {
        return refuses() ? NULL : __libc_malloc(size);
}

void *calloc(size_t n, size_t size) {
        return refuses() ? NULL : __libc_calloc(n, size);
}

void *realloc(void *p, size_t size) {
        return refuses() ? NULL : __libc_realloc(p, size);
}
#endif
