#include "util/inherited.h"

#include <fcntl.h>
#include <signal.h>
#include <unistd.h>

/* A start script may have closed them, and then the connection to the server gets what goes to the log. */
static void open_standard_descriptors(void) {
        int fd;

        do
                fd = open("/dev/null", O_RDWR); /* for our children too */
        while (fd >= 0 && fd <= STDERR_FILENO);
        if (fd >= 0)
                (void) close(fd);
}

/* Whoever ignores the end of children is never told how one ended; and an alarm that is held back ends no wait. */
static void let_signals_come(void) {
        sigset_t alarm;

        (void) signal(SIGCHLD, SIG_DFL);
        (void) sigemptyset(&alarm);
        (void) sigaddset(&alarm, SIGALRM);
        (void) sigprocmask(SIG_UNBLOCK, &alarm, NULL);
}

void inherited_mend(void) {
        open_standard_descriptors();
        let_signals_come();
}
