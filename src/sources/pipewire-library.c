/* See pipewire-library.h. */
#ifdef WITH_PIPEWIRE

#include "sources/pipewire-library.h"

#include "core/base.h"
#include "util/library.h"

#define SONAME "libpipewire-0.3.so.0"

const struct pipewire_library *pipewire_library(void) {
#define PIPEWIRE_NAME(name) "pw_" #name,
        static const char *const names[] = { PIPEWIRE_FUNCTIONS(PIPEWIRE_NAME) };
#undef PIPEWIRE_NAME
        static struct pipewire_library library;
        static bool is_loaded;

        if (!is_loaded)
                is_loaded = library_load(SONAME, names, (void **) &library, ARRAY_SIZE(names)) == 0;
        return is_loaded ? &library : NULL;
}

#endif
