/* See command.h. STARTING: systemd was asked for a unit and has not answered; the writing end of the pipe stays here
 * for the child that runs instead if it says no. RUNNING: as a unit or a child; both its end and the end of its output
 * are waited for, in either order. OVER: `done` was called. */
#include "util/command.h"

#include <errno.h>
#include <fcntl.h>
#include <paths.h>
#include <signal.h>
#include <spawn.h>
#include <stdio.h>
#include <sys/epoll.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "util/command-unit.h"
#include "util/later.h"
#include "util/log.h"

extern char **environ;

struct command {
        sd_event *event;            /* borrowed */
        char **argv, **environment; /* all of it */
        bool output_is_log;
        command_done_t done;
        void *userdata;
        struct command_unit *unit; /* NULL: a child */
        pid_t pid;                 /* 0: none, or reaped */
        int output, writer;        /* -1: closed */
        sd_event_source *io, *child;
        struct later deadline;
        bool read_all, ended;
        int status;
        size_t size;
        char text[COMMAND_OUTPUT_MAX + 1];
};

/* ---- strings ---- */

static void strings_free(char **s) {
        for (size_t i = 0; s && s[i]; i++)
                free(s[i]);
        free(s);
}

static size_t strings_count(const char *const *s) {
        size_t n = 0;

        while (s && s[n])
                n++;
        return n;
}

static int strings_copy(const char *const *s, char ***ret) {
        size_t n = strings_count(s);
        char **copy = calloc(n + 1, sizeof(*copy));

        *ret = copy;
        for (size_t i = 0; copy && i < n; i++) {
                copy[i] = strdup(s[i]);
                if (!copy[i])
                        return -ENOMEM;
        }
        return copy ? 0 : -ENOMEM;
}

static bool is_set_in(const char *const *environment, const char *entry) {
        size_t n = strcspn(entry, "=") + 1;

        for (size_t i = 0; environment && environment[i]; i++)
                if (strncmp(environment[i], entry, n) == 0)
                        return true;
        return false;
}

/* That of this process, with `own` in place of what is set there. */
static int environment_with(const char *const *own, char ***ret) {
        size_t n = strings_count(own);
        const char **all = calloc(strings_count((const char *const *) environ) + n + 1, sizeof(*all));
        int r;

        if (!all)
                return -ENOMEM;
        if (n > 0)
                memcpy(all, own, n * sizeof(*all));
        for (char **e = environ; e && *e; e++)
                if (!is_set_in(own, *e))
                        all[n++] = *e;
        r = strings_copy(all, ret);
        free(all);
        return r;
}

/* The absolute path of a program; with a slash in it it is one already. */
static int find_program(const char *name, char **ret) {
        const char *path = getenv("PATH");
        size_t n;

        if (strchr(name, '/')) {
                *ret = strdup(name);
                return *ret ? 0 : -ENOMEM;
        }
        for (path = path ? path : _PATH_DEFPATH; *path != '\0'; path += n + strspn(path + n, ":")) {
                SCOPED(free) char *candidate = NULL;
                struct stat st;

                n = strcspn(path, ":");
                if (path[0] != '/')
                        continue;
                if (asprintf(&candidate, "%.*s/%s", (int) n, path, name) < 0)
                        return -ENOMEM;
                if (stat(candidate, &st) < 0 || !S_ISREG(st.st_mode) || access(candidate, X_OK) < 0)
                        continue;
                *ret = TAKE(candidate);
                return 0;
        }
        return -ENOENT;
}

static int copy_options(struct command *c, const struct command_options *o) {
        SCOPED(free) char *program = NULL;
        int r = find_program(o->argv[0], &program);

        if (r == 0)
                r = strings_copy(o->argv, &c->argv);
        if (r == 0) {
                free(c->argv[0]);
                c->argv[0] = TAKE(program);
                r = environment_with(o->environment, &c->environment);
        }
        c->output_is_log = o->output_is_log;
        return r;
}

/* ---- any command ---- */

static void close_fd(int *fd) {
        if (*fd >= 0)
                (void) close(*fd);
        *fd = -1;
}

struct command *command_free(struct command *c) {
        if (!c)
                return NULL;
        command_unit_free(c->unit);
        sd_event_source_disable_unref(c->io);
        sd_event_source_disable_unref(c->child);
        if (c->pid > 0) {
                (void) kill(-c->pid, SIGKILL);
                (void) waitpid(c->pid, NULL, 0);
        }
        close_fd(&c->output);
        close_fd(&c->writer);
        explicit_bzero(c->text, sizeof(c->text));
        strings_free(c->argv);
        strings_free(c->environment);
        free(c);
        return NULL;
}

static void finish(struct command *c, int status) {
        if (c->io)
                (void) sd_event_source_set_enabled(c->io, SD_EVENT_OFF);
        later_clear(&c->deadline);
        c->text[c->size] = '\0';
        c->done(c->text, c->size, status, c->userdata);
}

static void judge(struct command *c) {
        if (c->read_all && c->ended)
                finish(c, c->size < COMMAND_OUTPUT_MAX ? c->status : -E2BIG);
}

static int on_output(sd_event_source *s, int fd, uint32_t revents, void *userdata) {
        struct command *c = userdata;
        ssize_t n = read(fd, c->text + c->size, COMMAND_OUTPUT_MAX - c->size);

        if (n < 0 && (errno == EAGAIN || errno == EINTR))
                return 0;
        if (n > 0)
                c->size += (size_t) n;
        if (n > 0 && c->size < COMMAND_OUTPUT_MAX)
                return 0;
        c->read_all = true;
        (void) sd_event_source_set_enabled(s, SD_EVENT_OFF);
        /* Whoever still prints is told so. */
        close_fd(&c->output);
        judge(c);
        return 0;
}

static void on_end(struct command *c, int status) {
        c->ended = true;
        c->status = status;
        judge(c);
}

usec_t command_run(struct command *c, usec_t now) {
        if (later_run(&c->deadline, now))
                finish(c, -ETIMEDOUT);
        return later_at(&c->deadline, now);
}

/* ---- as a child ---- */

static int on_child(sd_event_source *s, const siginfo_t *si, void *userdata) {
        struct command *c = userdata;

        c->pid = 0;
        on_end(c, si->si_code == CLD_EXITED ? si->si_status : 128 + si->si_status);
        return 0;
}

static int spawn(struct command *c, int output) {
        posix_spawn_file_actions_t actions;
        posix_spawnattr_t attributes;
        sigset_t none, all;
        int r;

        (void) sigemptyset(&none);
        (void) sigfillset(&all);
        (void) posix_spawn_file_actions_init(&actions);
        (void) posix_spawnattr_init(&attributes);
        r = posix_spawn_file_actions_adddup2(&actions, output, STDOUT_FILENO);
        if (r == 0)
                r = posix_spawn_file_actions_addopen(&actions, STDIN_FILENO, "/dev/null", O_RDONLY, 0);
        /* A group of its own, so that whatever it starts ends with it; signals that are blocked or ignored here are
         * neither there. */
        (void) posix_spawnattr_setflags(&attributes,
                                        POSIX_SPAWN_SETPGROUP | POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETSIGDEF);
        (void) posix_spawnattr_setsigmask(&attributes, &none);
        (void) posix_spawnattr_setsigdefault(&attributes, &all);
        if (r == 0)
                r = posix_spawn(&c->pid, c->argv[0], &actions, &attributes, c->argv, c->environment);
        (void) posix_spawn_file_actions_destroy(&actions);
        (void) posix_spawnattr_destroy(&attributes);
        return -r;
}

static int start_child(struct command *c) {
        int r = spawn(c, c->output_is_log ? STDERR_FILENO : c->writer);

        close_fd(&c->writer);
        if (r < 0) {
                c->pid = 0;
                return r;
        }
        r = sd_event_add_child(c->event, &c->child, c->pid, WEXITED, on_child, c);
        if (r >= 0)
                (void) sd_event_source_set_description(c->child, "command");
        return r;
}

/* ---- as a unit ---- */

static void on_unit_started(int error, void *userdata) {
        struct command *c = userdata;
        int r;

        if (error == 0) {
                close_fd(&c->writer);
                return;
        }
        c->unit = command_unit_free(c->unit);
        log_debug("systemd runs no command for busyd (%s): it is a child", strerror(-error));
        r = start_child(c);
        if (r < 0) {
                log_debug("A command cannot be started: %s", strerror(-r));
                on_end(c, 127);
        }
}

static void on_unit_ended(int status, void *userdata) {
        on_end(userdata, status);
}

static int start_unit(struct command *c, sd_bus *bus, usec_t time_max) {
        const struct command_unit_handler handler = { on_unit_started, on_unit_ended, c };

        const struct command_unit_options options = {
                .argv = (const char *const *) c->argv,
                .environment = (const char *const *) c->environment,
                .output = c->output_is_log ? STDERR_FILENO : c->writer,
                .time_max = time_max,
        };

        return command_unit_start(&c->unit, bus, &options, &handler);
}

static int open_output(struct command *c) {
        int fds[2], r;

        if (pipe2(fds, O_CLOEXEC) < 0)
                return -errno;
        c->output = fds[0];
        c->writer = fds[1];
        /* Only this end: to the command it is a pipe like any other. */
        if (fcntl(c->output, F_SETFL, O_NONBLOCK) < 0)
                return -errno;
        r = sd_event_add_io(c->event, &c->io, c->output, EPOLLIN, on_output, c);
        if (r >= 0)
                (void) sd_event_source_set_description(c->io, "command-output");
        return r;
}

int command_start(struct command **ret, sd_event *event, sd_bus *bus, const struct command_options *options,
                  command_done_t done, void *userdata) {
        SCOPED(command_free) struct command *c = calloc(1, sizeof(*c));
        int r;

        if (!c)
                return -ENOMEM;
        c->output = c->writer = -1;
        c->event = event;
        c->done = done;
        c->userdata = userdata;
        r = copy_options(c, options);
        if (r < 0)
                return r;
        c->read_all = c->output_is_log;
        if (!c->output_is_log)
                r = open_output(c);
        if (r < 0)
                return r;
        if (!bus || !command_unit_is_due() || start_unit(c, bus, options->time_max) < 0)
                r = start_child(c);
        if (r < 0)
                return r;
        later_set(&c->deadline, options->time_max);
        *ret = TAKE(c);
        return 0;
}
