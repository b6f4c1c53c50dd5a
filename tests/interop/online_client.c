/* The online client of people.h: a forked process with a /sync loop that writes a byte for every answer. */
#include <criterion/criterion.h>
#include <curl/curl.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include "interop/people.h"
#include "interop/web.h"
#include "util/clock.h"

/* As Element polls. */
#define POLL_TIMEOUT_MSEC 30000

struct online_client {
        pid_t pid;
        int fd;
        unsigned polls;
};

/* In the child: no assertions, since they belong to the test's process. */
__attribute__((noreturn)) static void sync_loop(const char *base, const char *token, int fd) {
        char *since = NULL;

        for (;;) {
                char *url = NULL, *escaped = since ? curl_easy_escape(NULL, since, 0) : NULL;
                struct web_reply reply;
                const char *next;

                if (asprintf(&url, "%s/_matrix/client/v3/sync?set_presence=online&timeout=%d%s%s", base,
                             POLL_TIMEOUT_MSEC, escaped ? "&since=" : "", escaped ? escaped : "") < 0)
                        _exit(1);
                reply = web_request("GET", url, token, NULL, POLL_TIMEOUT_MSEC * 2);
                next = json_string_value(json_object_get(reply.body, "next_batch"));
                if (reply.status != 200 || !next || write(fd, ".", 1) != 1)
                        _exit(1);
                free(since);
                since = strdup(next);
                json_decref(reply.body);
                curl_free(escaped);
                free(url);
        }
}

struct online_client *online_client_start(struct device *d) {
        struct online_client *c = calloc(1, sizeof(*c));
        pid_t test = getpid();
        int fds[2];

        cr_assert_not_null(c);
        cr_assert_eq(pipe2(fds, O_CLOEXEC), 0);
        c->pid = fork();
        cr_assert_geq(c->pid, 0);
        if (c->pid == 0) {
                if (prctl(PR_SET_PDEATHSIG, SIGKILL) < 0 || getppid() != test)
                        _exit(126);
                sync_loop(device_base_url(d), device_token(d), fds[1]);
        }
        close(fds[1]);
        c->fd = fds[0];
        online_client_wait_polls(c, 1);
        return c;
}

static void take_answers(struct online_client *c) {
        char dots[64];
        ssize_t n = read(c->fd, dots, sizeof(dots));

        cr_assert_gt(n, 0, "the online client ended");
        c->polls += (unsigned) n;
}

unsigned online_client_polls(struct online_client *c) {
        struct pollfd p = { .fd = c->fd, .events = POLLIN };

        while (poll(&p, 1, 0) > 0)
                take_answers(c);
        return c->polls;
}

void online_client_wait_polls(struct online_client *c, unsigned n) {
        usec_t deadline = clock_now() + (usec_t) (n + 2) * POLL_TIMEOUT_MSEC * USEC_PER_MSEC;

        while (online_client_polls(c) < n) {
                struct pollfd p = { .fd = c->fd, .events = POLLIN };
                usec_t now = clock_now();

                cr_assert_lt(now, deadline, "the online client polled %u times instead of %u", c->polls, n);
                (void) poll(&p, 1, (int) ((deadline - now) / USEC_PER_MSEC) + 1);
        }
}

struct online_client *online_client_free(struct online_client *c) {
        if (!c)
                return NULL;
        (void) kill(c->pid, SIGKILL);
        (void) waitpid(c->pid, NULL, 0);
        close(c->fd);
        free(c);
        return NULL;
}
