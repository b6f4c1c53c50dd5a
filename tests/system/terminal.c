#include "system/terminal.h"

#include <fcntl.h>
#include <poll.h>
#include <pty.h>
#include <stdio.h>
#include <sys/wait.h>
#include <unistd.h>

#include "util/clock.h"

#define TEXT_MAX 65536

struct terminal {
        struct world *world;
        int fd;
        pid_t pid;
        char text[TEXT_MAX];
        size_t n, seen;
};

struct terminal *terminal_start(struct world *w, const char *const *argv) {
        static const struct winsize size = { .ws_row = 50, .ws_col = 100 };
        struct terminal *t = calloc(1, sizeof(*t));
        const char *command[32] = { "setsid", "--ctty", "--wait" };
        size_t n = 3;
        int in;

        cr_assert(t && openpty(&t->fd, &in, NULL, NULL, &size) == 0, "no terminal");
        for (; *argv && n + 1 < ARRAY_SIZE(command); argv++)
                command[n++] = *argv;
        cr_assert_null(*argv);
        (void) fcntl(t->fd, F_SETFD, FD_CLOEXEC);
        t->world = w;
        t->pid = world_program_at(w, command, in);
        close(in);
        return t;
}

/* False: it has ended, or the deadline has passed. */
static bool read_more(struct terminal *t, usec_t until) {
        usec_t now = clock_now();
        struct pollfd p = { .fd = t->fd, .events = POLLIN };
        ssize_t n;

        if (now >= until || poll(&p, 1, (int) ((until - now) / USEC_PER_MSEC)) <= 0)
                return false;
        n = read(t->fd, t->text + t->n, sizeof(t->text) - 1 - t->n);
        if (n <= 0)
                return false;
        t->n += (size_t) n;
        t->text[t->n] = '\0';
        return true;
}

static usec_t deadline(void) {
        return clock_now() + (usec_t) patience() * USEC_PER_MSEC;
}

struct terminal *terminal_login(struct world *w, const char *user) {
        return terminal_start(
                w, (const char *const[]){ BUSYCTL_PROGRAM, "login", user, "--homeserver", hs_url(w->hs), NULL });
}

const char *terminal_expect(struct terminal *t, const char *part) {
        usec_t until = deadline();
        const char *found;

        while (!(found = strstr(t->text + t->seen, part)))
                check(t->world, read_more(t, until), "\"%s\" does not come: %s", part, t->text);
        t->seen = (size_t) (found - t->text) + strlen(part);
        return t->text;
}

void terminal_type(struct terminal *t, const char *keys) {
        cr_assert_eq(write(t->fd, keys, strlen(keys)), (ssize_t) strlen(keys));
}

int terminal_end(struct terminal *t) {
        usec_t until = deadline();
        int status;

        while (read_more(t, until))
                continue;
        status = process_wait(t->pid, patience());
        if (status == -1)
                return -1;
        t->pid = 0;
        return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}

const char *terminal_text(const struct terminal *t) {
        return t->text;
}

struct terminal *terminal_free(struct terminal *t) {
        if (!t)
                return NULL;
        process_kill(t->pid);
        close(t->fd);
        free(t);
        return NULL;
}
