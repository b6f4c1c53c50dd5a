/* What the test of a death (crash.c) and the program that kills (programs/killer.c) share: a file that both map. */
#pragma once

#include <limits.h>
#include <stdatomic.h>
#include <stdint.h>

struct crash_page {
        /* The test's: the step that has begun, and where to kill: before call number `at_call`, from 1, of step
         * `at_step`, or, of those that send a request, after it. `at_call` 0: nowhere. */
        _Atomic uint32_t step, at_step, at_call, after;
        /* The call fails instead; what reads answers and connects counts as well. */
        _Atomic uint32_t refuse;
        /* The killer's: it has done so. */
        _Atomic uint32_t killed;
};

/* KILLER_LOG gets a line "STEP CALL NAME TARGET" for each call that counts; " after" at its end where there is
 * something to do after it. */
#define KILLER_PAGE "KILLER_PAGE"
#define KILLER_LOG  "KILLER_LOG"
