/* The few words every room shares: time, cleanup, small helpers. libc only. */
#pragma once

#include <malloc.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

/* Microseconds. Points in time are CLOCK_BOOTTIME, so that a suspend counts, unless a name says `wall`
 * (since 1970). Milliseconds as Matrix and curl use them become usec_t at the edge. */
typedef uint64_t usec_t;

#define USEC_NEVER    UINT64_MAX
#define USEC_PER_MSEC UINT64_C(1000)
#define USEC_PER_SEC  UINT64_C(1000000)
#define USEC_PER_MIN  (60 * USEC_PER_SEC)
#define USEC_PER_HOUR (60 * USEC_PER_MIN)

/* One moment on both clocks. */
struct instant {
        usec_t now;  /* CLOCK_BOOTTIME */
        usec_t wall; /* CLOCK_REALTIME */
};

#define ARRAY_SIZE(a) (sizeof(a) / sizeof((a)[0]))

/* a + b, or USEC_NEVER where that does not fit. */
static inline usec_t usec_add(usec_t a, usec_t b) {
        return a > USEC_NEVER - b ? USEC_NEVER : a + b;
}

static inline usec_t usec_min(usec_t a, usec_t b) {
        return a < b ? a : b;
}

/* The wall time of a point of CLOCK_BOOTTIME, by the offset of that moment; 0 for USEC_NEVER. */
static inline usec_t instant_to_wall(const struct instant *at, usec_t t) {
        if (t == USEC_NEVER)
                return 0;
        if (t >= at->now)
                return usec_add(at->wall, t - at->now);
        return at->wall > at->now - t ? at->wall - (at->now - t) : 0;
}

/* The reverse; a wall time before the boot gives 0. */
static inline usec_t instant_from_wall(const struct instant *at, usec_t wall) {
        if (wall >= at->wall)
                return usec_add(at->now, wall - at->wall);
        return at->now > at->wall - wall ? at->now - (at->wall - wall) : 0;
}

static inline bool streq(const char *a, const char *b) {
        return strcmp(a, b) == 0;
}

/* For declarations: `SCOPED(http_free) struct http *h = NULL;` frees h on every way out of its block.
 * CLEANUP(type, function) makes function usable there; one line per type, where the type is declared. */
#define CLEANUP(type, function)                                                                                       \
        static inline void function##_scoped(type **p) {                                                              \
                function(*p);                                                                                         \
        }                                                                                                             \
        struct function##_scoped_needs_a_semicolon
#define SCOPED(function) __attribute__((cleanup(function##_scoped)))

/* Yields the pointer and leaves NULL behind: it is now somebody else's. */
#define TAKE(p)                                                                                                       \
        ({                                                                                                            \
                __auto_type taken_ = (p);                                                                             \
                (p) = NULL;                                                                                           \
                taken_;                                                                                               \
        })

CLEANUP(char, free);

/* free() for memory that may have held a secret: all that malloc() gave is wiped first. */
static inline void erase_and_free(void *p) {
        if (p)
                explicit_bzero(p, malloc_usable_size(p));
        free(p);
}
CLEANUP(char, erase_and_free);
