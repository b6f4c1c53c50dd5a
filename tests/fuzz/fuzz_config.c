/* Any bytes as busyd.conf: loads, and tells no more than one problem a line and one for the file. */
#include <stdio.h>
#include <sys/mman.h>
#include <unistd.h>

#include "config/config.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void on_problem(const char *sentence, void *userdata) {
        size_t *length = userdata;

        *length += strlen(sentence);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
        SCOPED(config_free) struct config *c = NULL;
        int fd = memfd_create("busyd.conf", MFD_CLOEXEC);
        size_t told = 0;
        char path[64];

        if (fd < 0 || write(fd, data, size) != (ssize_t) size)
                abort();
        (void) snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
        if (config_load(&c, path, on_problem, &told) >= 0 && !config_account(c, "work")->settings.message)
                abort();
        (void) close(fd);
        return 0;
}
