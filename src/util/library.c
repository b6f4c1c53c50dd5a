/* See library.h. */
#include "util/library.h"

#include <dlfcn.h>
#include <errno.h>

#include "util/log.h"

int library_load(const char *soname, const char *const *names, void **ret, size_t n) {
        /* Never unloaded: libraries leave threads, handlers and what other libraries know of them behind. */
        void *library = dlopen(soname, RTLD_NOW | RTLD_NODELETE);

        if (!library) {
                log_debug("%s cannot be loaded: %s", soname, dlerror());
                return -ENOPKG;
        }
        for (size_t i = 0; i < n; i++) {
                ret[i] = dlsym(library, names[i]);
                if (!ret[i]) {
                        log_debug("%s has no %s", soname, names[i]);
                        dlclose(library);
                        return -ENOPKG;
                }
        }
        log_debug("%s is loaded", soname);
        return 0;
}
