/* See library.h. */
#include "matrix/crypto/libolm/library.h"

#include "core/base.h"
#include "util/library.h"

#define SONAME "libolm.so.3"

struct olm_library olm;

int olm_load(void) {
#define OLM_NAME(name) "olm_" #name,
        static const char *const names[] = { OLM_FUNCTIONS(OLM_NAME) };
#undef OLM_NAME
        static bool is_loaded;
        int r = 0;

        if (!is_loaded)
                r = library_load(SONAME, names, (void **) &olm, ARRAY_SIZE(names));
        is_loaded = r == 0;
        return r;
}
