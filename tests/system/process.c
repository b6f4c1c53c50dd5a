#include "system/process.h"

#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <sys/pidfd.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include "system/pace.h"
#include "util/file.h"

#define PATIENCE_MSEC 20000
#define FILE_TEXT_MAX (64U << 20)

int64_t patience(void) {
        const char *slow = getenv("BUSYD_TEST_SLOW");
        long factor = slow ? strtol(slow, NULL, 10) : 1;

        return paced(PATIENCE_MSEC * (factor > 0 ? factor : 1));
}

static void in_child(const struct process_options *o, pid_t parent) {
        int null = open("/dev/null", O_RDWR);

        prctl(PR_SET_PDEATHSIG, SIGKILL);
        if (getppid() != parent)
                _exit(127);
        dup2(o->in >= 0 ? o->in : null, STDIN_FILENO);
        dup2(o->out >= 0 ? o->out : null, STDOUT_FILENO);
        dup2(o->err >= 0 ? o->err : null, STDERR_FILENO);
        if (o->pass >= 0 && o->pass == o->pass_as)
                fcntl(o->pass, F_SETFD, 0);
        else if (o->pass >= 0)
                dup2(o->pass, o->pass_as);
        close_range((unsigned) (o->pass >= 0 ? o->pass_as : STDERR_FILENO) + 1, ~0U, 0);
        execvpe(o->argv[0], (char *const *) o->argv, (char *const *) o->env);
        _exit(127);
}

pid_t process_start(const struct process_options *options) {
        pid_t parent = getpid(), pid = fork();

        if (pid == 0)
                in_child(options, parent);
        return pid;
}

int process_wait(pid_t pid, int64_t deadline_msec) {
        struct pollfd p = { .fd = pidfd_open(pid, 0), .events = POLLIN };
        int status = -1;

        if (p.fd < 0)
                return -1;
        if (poll(&p, 1, (int) deadline_msec) > 0)
                waitpid(pid, &status, 0);
        close(p.fd);
        return status;
}

void process_kill(pid_t pid) {
        if (pid <= 0)
                return;
        kill(pid, SIGKILL);
        waitpid(pid, NULL, 0);
}

char *file_text(const char *path) {
        char *text;

        return file_read(path, FILE_TEXT_MAX, &text, NULL) < 0 ? strdup("") : text;
}

void file_put(const char *path, const char *text) {
        FILE *f = fopen(path, "we");

        if (!f)
                abort();
        fputs(text, f);
        fclose(f);
}
