/* See owner.h. */
#include "sources/owner.h"

#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

#include "sources/identity.h"
#include "util/file.h"

#define COMM_SIZE 16 /* what the kernel keeps of a program's name, with its end */

static bool is_named(long pid, const char *binary) {
        SCOPED(free) char *comm = NULL;
        char path[64];

        (void) snprintf(path, sizeof(path), "/proc/%ld/comm", pid);
        if (binary[0] == '\0' || file_read(path, COMM_SIZE, &comm, NULL) < 0)
                return false;
        comm[strcspn(comm, "\n")] = '\0';
        return strncmp(comm, binary, COMM_SIZE - 1) == 0;
}

pid_t owner_process(const char *pid, const char *binary) {
        long number = strtol(pid, NULL, 10);

        return is_named(number, binary) ? (pid_t) number : 0;
}

bool owner_is_user(const char *pid) {
        char path[64];
        struct stat st;

        (void) snprintf(path, sizeof(path), "/proc/%ld", strtol(pid, NULL, 10));
        return stat(path, &st) == 0 && st.st_uid == geteuid();
}

const char *owner_identify(char *buf, size_t size, pid_t process, const struct facts *node,
                           const struct facts *client) {
        buf[0] = '\0';
        if (process > 0)
                (void) identity_of_sandbox(buf, size, process);
        if (buf[0] == '\0')
                (void) facts_identify(buf, size, node, client);
        if (buf[0] == '\0' && process > 0)
                (void) identity_of_pid(buf, size, process);
        return buf;
}
