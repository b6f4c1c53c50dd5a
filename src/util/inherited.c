#include "util/inherited.h"

#include <fcntl.h>
#include <unistd.h>

/* A start script may have closed them, and then the connection to the server gets what goes to the log. */
static void open_standard_descriptors(void) {
        int fd;

        do
                fd = open("/dev/null", O_RDWR); /* for our children too */
        while (fd >= 0 && fd <= STDERR_FILENO);
        if (fd >= 0)
                (void) close(fd);
}

void inherited_mend(void) {
        open_standard_descriptors();
}
