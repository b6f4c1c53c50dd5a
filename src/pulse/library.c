/* See library.h. */
#ifdef WITH_PULSE

#include "pulse/library.h"

#include "core/base.h"
#include "util/library.h"

#define SONAME "libpulse.so.0"

const struct pulse_library *pulse_library(void) {
#define PULSE_NAME(name) "pa_" #name,
        static const char *const names[] = { PULSE_FUNCTIONS(PULSE_NAME) };
#undef PULSE_NAME
        static struct pulse_library library;
        static bool is_loaded;

        if (!is_loaded)
                is_loaded = library_load(SONAME, names, (void **) &library, ARRAY_SIZE(names)) == 0;
        return is_loaded ? &library : NULL;
}

#endif
