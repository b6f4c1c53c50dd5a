/* Programs under test: started with an environment of their own, dead with the test, waited for with a deadline. */
#pragma once

#include <sys/types.h>

#include "core/base.h"

/* A generous deadline in milliseconds: only a failing test ever reaches it. It counts the machine's pace (pace.h), and
 * BUSYD_TEST_SLOW=n makes it n times as long, for what is slow by itself, as valgrind is. */
int64_t patience(void);

struct process_options {
        const char *const *argv, *const *env; /* NULL-terminated */
        int in, out, err;                     /* -1: /dev/null */
        int pass, pass_as;                    /* one more descriptor, if `pass` is not -1 */
};

/* Returns the pid; -1: did not start. */
pid_t process_start(const struct process_options *options);
/* The exit status as waitpid() tells it, or -1 after the deadline. */
int process_wait(pid_t pid, int64_t deadline_msec);
/* SIGKILL, and waits. */
void process_kill(pid_t pid);

/* The whole file as a string; "" if there is none. The caller frees. */
char *file_text(const char *path);
void file_put(const char *path, const char *text);
