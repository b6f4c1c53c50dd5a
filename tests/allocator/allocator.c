/* See allocator.h. The C library's own functions are called by the names they have below these. */
#include "allocator/allocator.h"

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

static bool (*refuses_now)(void);
static bool is_parsing;
static _Thread_local int64_t balance;

bool allocator_can_refuse(void) {
        return HAS_OWN_ALLOCATOR;
}

void allocator_set(bool (*refuses)(void)) {
        refuses_now = refuses;
}

int64_t allocator_balance(void) {
        return balance;
}

/* Its lexer goes on with what it could not copy, and ends in an assertion: out of memory there busyd is killed, which
 * other tests have. */
json_t *__real_json_loadb(const char *data, size_t size, size_t flags, json_error_t *error);
json_t *__wrap_json_loadb(const char *data, size_t size, size_t flags, json_error_t *error);
json_t *__wrap_json_loadb(const char *data, size_t size, size_t flags, json_error_t *error) {
        json_t *v;

        is_parsing = true;
        v = __real_json_loadb(data, size, flags, error);
        is_parsing = false;
        return v;
}

#if HAS_OWN_ALLOCATOR
void *__libc_malloc(size_t size);
void *__libc_calloc(size_t n, size_t size);
void *__libc_realloc(void *p, size_t size);
void __libc_free(void *p);

static bool refuses(void) {
        if (!refuses_now || is_parsing || !refuses_now())
                return false;
        errno = ENOMEM;
        return true;
}

static void *given(void *p) {
        balance += p != NULL;
        return p;
}

void *malloc(size_t size) {
        return refuses() ? NULL : given(__libc_malloc(size));
}

void *calloc(size_t n, size_t size) {
        return refuses() ? NULL : given(__libc_calloc(n, size));
}

void *realloc(void *p, size_t size) {
        if (refuses())
                return NULL;
        return p ? __libc_realloc(p, size) : given(__libc_malloc(size));
}

void free(void *p) {
        balance -= p != NULL;
        __libc_free(p);
}
#endif
