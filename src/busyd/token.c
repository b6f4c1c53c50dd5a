#include "busyd/token.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <spawn.h>
#include <stdio.h>
#include <sys/epoll.h>
#include <sys/wait.h>
#include <unistd.h>

#include "state/secret.h"
#include "util/later.h"

/* A token and the line end; more is no token. */
#define OUTPUT_MAX 8192

extern char **environ;

struct token_command {
        token_done_t done;
        void *userdata;
        int fd;
        pid_t pid; /* 0: none, or reaped */
        sd_event_source *io, *child;
        struct later deadline;
        bool read_all, exited;
        int status;
        size_t size;
        char output[OUTPUT_MAX + 1];
};

struct token_command *token_command_free(struct token_command *t) {
        if (!t)
                return NULL;
        sd_event_source_disable_unref(t->io);
        sd_event_source_disable_unref(t->child);
        if (t->pid > 0) {
                (void) kill(-t->pid, SIGKILL);
                (void) waitpid(t->pid, NULL, 0);
        }
        if (t->fd >= 0)
                (void) close(t->fd);
        explicit_bzero(t->output, sizeof(t->output));
        free(t);
        return NULL;
}

static void finish(struct token_command *t, const char *token, const char *problem) {
        (void) sd_event_source_set_enabled(t->io, SD_EVENT_OFF);
        later_clear(&t->deadline);
        t->done(token, problem, t->userdata);
}

static void judge(struct token_command *t) {
        char problem[64], *token;

        if (!t->read_all || !t->exited)
                return;
        if (t->status != 0) {
                (void) snprintf(problem, sizeof(problem), "it ended with code %d", t->status);
                finish(t, NULL, problem);
        } else if (t->size > OUTPUT_MAX - 1 || token_trim(t->output, t->size, &token) < 0)
                finish(t, NULL, "it printed something else than one token");
        else
                finish(t, token, NULL);
}

static int on_output(sd_event_source *s, int fd, uint32_t revents, void *userdata) {
        struct token_command *t = userdata;
        ssize_t n = read(fd, t->output + t->size, OUTPUT_MAX - t->size);

        if (n < 0 && (errno == EAGAIN || errno == EINTR))
                return 0;
        if (n > 0)
                t->size += (size_t) n;
        if (n > 0 && t->size < OUTPUT_MAX)
                return 0;
        t->read_all = true;
        (void) sd_event_source_set_enabled(s, SD_EVENT_OFF);
        judge(t);
        return 0;
}

static int on_exit_of_command(sd_event_source *s, const siginfo_t *si, void *userdata) {
        struct token_command *t = userdata;

        t->pid = 0;
        t->exited = true;
        t->status = si->si_code == CLD_EXITED ? si->si_status : 128 + si->si_status;
        judge(t);
        return 0;
}

usec_t token_command_run(struct token_command *t, usec_t now) {
        if (later_run(&t->deadline, now))
                finish(t, NULL, "it did not end in time");
        return later_at(&t->deadline, now);
}

static int spawn_shell(const char *command, int output, pid_t *ret) {
        char *const argv[] = { (char *) "sh", (char *) "-c", (char *) command, NULL };
        posix_spawn_file_actions_t actions;
        posix_spawnattr_t attributes;
        sigset_t none;
        int r;

        (void) sigemptyset(&none);
        (void) posix_spawn_file_actions_init(&actions);
        (void) posix_spawnattr_init(&attributes);
        r = posix_spawn_file_actions_adddup2(&actions, output, STDOUT_FILENO);
        if (r == 0)
                r = posix_spawn_file_actions_addopen(&actions, STDIN_FILENO, "/dev/null", O_RDONLY, 0);
        /* A group of its own, so that whatever it starts ends with it; the loop's blocked signals are not its. */
        (void) posix_spawnattr_setflags(&attributes, POSIX_SPAWN_SETPGROUP | POSIX_SPAWN_SETSIGMASK);
        (void) posix_spawnattr_setsigmask(&attributes, &none);
        if (r == 0)
                r = posix_spawn(ret, "/bin/sh", &actions, &attributes, argv, environ);
        (void) posix_spawn_file_actions_destroy(&actions);
        (void) posix_spawnattr_destroy(&attributes);
        return -r;
}

static int watch(struct token_command *t, sd_event *event) {
        int r = sd_event_add_io(event, &t->io, t->fd, EPOLLIN, on_output, t);

        if (r < 0)
                return r;
        (void) sd_event_source_set_description(t->io, "token-command-output");
        r = sd_event_add_child(event, &t->child, t->pid, WEXITED, on_exit_of_command, t);
        if (r >= 0)
                (void) sd_event_source_set_description(t->child, "token-command");
        later_set(&t->deadline, TOKEN_COMMAND_MAX);
        return r;
}

int token_command_start(struct token_command **ret, sd_event *event, const char *command, token_done_t done,
                        void *userdata) {
        SCOPED(token_command_free) struct token_command *t = calloc(1, sizeof(*t));
        int fds[2], r;

        if (!t)
                return -ENOMEM;
        t->fd = -1;
        t->done = done;
        t->userdata = userdata;
        if (pipe2(fds, O_CLOEXEC | O_NONBLOCK) < 0)
                return -errno;
        t->fd = fds[0];
        r = spawn_shell(command, fds[1], &t->pid);
        (void) close(fds[1]);
        if (r < 0) {
                t->pid = 0;
                return r;
        }
        r = watch(t, event);
        if (r < 0)
                return r;
        *ret = TAKE(t);
        return 0;
}
