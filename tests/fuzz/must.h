/* What holds whatever the input is. */
#pragma once

#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>

static inline void must(bool holds, const char *what) {
        if (holds)
                return;
        (void) fprintf(stderr, "does not hold: %s\n", what);
        abort();
}
