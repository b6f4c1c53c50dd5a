/* A child that was started with less than it needs. */
#include <criterion/criterion.h>
#include <fcntl.h>
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include "core/base.h"
#include "util/file.h"
#include "util/inherited.h"

/* What `f` returns in a process of its own. */
static int in_child(int (*f)(void)) {
        int status = -1;
        pid_t pid = fork();

        if (pid == 0)
                _exit(f());
        cr_assert_gt(pid, 0);
        cr_assert_eq(waitpid(pid, &status, 0), pid);
        return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}

static int next_descriptor_with_some_closed(void) {
        inherited_mend();
        for (int fd = STDIN_FILENO; fd <= STDERR_FILENO; fd++)
                if (fcntl(fd, F_GETFD) != 0)
                        return 100 + fd;
        return open("/dev/null", O_RDONLY | O_CLOEXEC);
}

static int all_closed(void) {
        (void) close_range(0, ~0U, 0);
        return next_descriptor_with_some_closed();
}

static int one_closed(void) {
        (void) close_range(STDERR_FILENO, ~0U, 0);
        return next_descriptor_with_some_closed();
}

static int none_closed(void) {
        (void) close_range(STDERR_FILENO + 1, ~0U, 0);
        return next_descriptor_with_some_closed();
}

Test(inherited, nothing_is_ever_opened_as_a_standard_descriptor) {
        cr_expect_eq(in_child(all_closed), 3);
        cr_expect_eq(in_child(one_closed), 3);
        cr_expect_eq(in_child(none_closed), 3);
}

/* They are where they were, and not /dev/null. */
static int output_of_before(void) {
        int pipe_of_ours[2];

        if (pipe(pipe_of_ours) < 0 || dup2(pipe_of_ours[1], STDOUT_FILENO) < 0)
                return 1;
        inherited_mend();
        return write(STDOUT_FILENO, "x", 1) == 1 && read(pipe_of_ours[0], &(char){ 0 }, 1) == 1 ? 0 : 2;
}

Test(inherited, what_is_open_stays) {
        cr_expect_eq(in_child(output_of_before), 0);
}

static int status_of_own_child(void) {
        sigset_t alarm;
        int status = 0;
        pid_t pid;

        (void) signal(SIGCHLD, SIG_IGN);
        (void) sigemptyset(&alarm);
        (void) sigaddset(&alarm, SIGALRM);
        (void) sigprocmask(SIG_BLOCK, &alarm, NULL);
        inherited_mend();
        pid = fork();
        if (pid == 0)
                _exit(7);
        if (waitpid(pid, &status, 0) != pid)
                return 1;
        (void) sigprocmask(SIG_BLOCK, NULL, &alarm);
        return sigismember(&alarm, SIGALRM) ? 2 : WEXITSTATUS(status);
}

Test(inherited, the_end_of_a_child_and_of_a_wait_are_told) {
        cr_expect_eq(in_child(status_of_own_child), 7);
}
