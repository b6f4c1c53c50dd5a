/* See random.h. */
#include "util/random.h"

#include <errno.h>
#include <sys/random.h>

int random_secret(void *ret, size_t size) {
        return getrandom(ret, size, 0) == (ssize_t) size ? 0 : -EIO;
}
