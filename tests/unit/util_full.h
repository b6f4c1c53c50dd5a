/* A process for which every file system is full. */
#pragma once

#include <criterion/criterion.h>
#include <fcntl.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

/* What `f` returns in a child that may write no file; -1 if it did not return. Not by the child's exit code: valgrind
 * has one of its own for a child that leaves without freeing what was there before it. */
static inline int without_room(int (*f)(void *userdata), void *userdata) {
        const struct rlimit none = { 0, 0 };
        int fds[2], result = -1;
        pid_t pid;

        cr_assert_eq(pipe2(fds, O_CLOEXEC), 0);
        pid = fork();
        cr_assert_geq(pid, 0);
        if (pid == 0) {
                (void) prctl(PR_SET_PDEATHSIG, SIGKILL);
                (void) signal(SIGXFSZ, SIG_IGN);
                (void) setrlimit(RLIMIT_FSIZE, &none);
                result = f(userdata);
                _exit(write(fds[1], &result, sizeof(result)) != sizeof(result));
        }
        (void) close(fds[1]);
        (void) !read(fds[0], &result, sizeof(result));
        (void) close(fds[0]);
        cr_assert_eq(waitpid(pid, NULL, 0), pid);
        return result;
}
