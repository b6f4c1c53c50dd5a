/* See proxy.h. */
#include "interop/proxy.h"

#include <criterion/criterion.h>
#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "system/process.h"

struct proxy {
        pid_t pid;
        char url[64];
};

/* The line in which it says its port. */
static unsigned read_port(int fd) {
        struct pollfd p = { .fd = fd, .events = POLLIN };
        char line[32] = "";
        size_t n = 0;

        while (n + 1 < sizeof(line) && !strchr(line, '\n')) {
                ssize_t r;

                cr_assert_eq(poll(&p, 1, (int) interop_deadline_msec()), 1, "the proxy does not listen");
                r = read(fd, line + n, sizeof(line) - 1 - n);
                cr_assert_gt(r, 0, "the proxy ended");
                n += (size_t) r;
        }
        return (unsigned) strtoul(line, NULL, 10);
}

struct proxy *proxy_start(const struct synapse *s, bool hide_features) {
        struct proxy *p = calloc(1, sizeof(*p));
        const char *upstream = strrchr(synapse_url(s), ':') + 1;
        const char *argv[] = { synapse_python(), TEST_INTEROP_DIR "/proxy.py", upstream,
                               hide_features ? "--no-features" : NULL, NULL };
        int fds[2];

        cr_assert_not_null(p);
        cr_assert_eq(pipe2(fds, O_CLOEXEC), 0);
        p->pid = process_start(&(struct process_options){ .argv = argv,
                                                          .env = (const char *const[]){ NULL },
                                                          .in = -1,
                                                          .out = fds[1],
                                                          .err = STDERR_FILENO,
                                                          .pass = -1 });
        cr_assert_gt(p->pid, 0);
        close(fds[1]);
        (void) snprintf(p->url, sizeof(p->url), "http://127.0.0.1:%u", read_port(fds[0]));
        close(fds[0]);
        return p;
}

struct proxy *proxy_free(struct proxy *p) {
        if (!p)
                return NULL;
        process_kill(p->pid);
        free(p);
        return NULL;
}

const char *proxy_url(const struct proxy *p) {
        return p->url;
}
