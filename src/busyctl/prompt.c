/* Asking at the terminal, see prompt.h. */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <sys/signalfd.h>
#include <termios.h>
#include <unistd.h>

#include "busyctl/prompt.h"

/* Tokens of some servers are signed documents of a few kB. */
#define ANSWER_MAX 16384

/* Each of these would leave the terminal without echo. */
static const int leaving[] = { SIGINT, SIGTERM, SIGHUP, SIGQUIT, SIGTSTP };

struct asking {
        int tty, signals;
        sigset_t old_mask;
        struct termios old;
        bool changed;
        char answer[ANSWER_MAX];
        size_t n;
};

/* What has been read, up to the line end. */
static int take_line(char *answer, size_t n, char **ret) {
        char *line;

        while (n > 0 && (answer[n - 1] == '\n' || answer[n - 1] == '\r'))
                n--;
        line = n > 0 ? strndup(answer, n) : NULL;
        if (!line)
                return n > 0 ? -ENOMEM : -ECANCELED;
        *ret = line;
        return 0;
}

static int block_signals(struct asking *a) {
        sigset_t mask;

        (void) sigemptyset(&mask);
        for (size_t i = 0; i < ARRAY_SIZE(leaving); i++)
                (void) sigaddset(&mask, leaving[i]);
        if (sigprocmask(SIG_BLOCK, &mask, &a->old_mask) < 0)
                return -errno;
        a->signals = signalfd(-1, &mask, SFD_CLOEXEC);
        return a->signals < 0 ? -errno : 0;
}

static int hide(struct asking *a) {
        struct termios hidden;

        if (tcgetattr(a->tty, &a->old) < 0)
                return -errno;
        hidden = a->old;
        hidden.c_lflag &= ~(tcflag_t) (ECHO | ECHOE | ECHOK | ECHONL);
        if (tcsetattr(a->tty, TCSADRAIN, &hidden) < 0)
                return -errno;
        a->changed = true;
        return 0;
}

static void put_back(struct asking *a) {
        if (a->changed) {
                (void) tcsetattr(a->tty, TCSADRAIN, &a->old);
                /* The line end that was typed has not been shown. */
                (void) dprintf(a->tty, "\n");
        }
        a->changed = false;
        if (a->signals >= 0)
                (void) close(a->signals);
        a->signals = -1;
        (void) sigprocmask(SIG_SETMASK, &a->old_mask, NULL);
}

/* Returns 0 with a line, 1 with a signal. */
static int read_answer(struct asking *a, int *ret_signal) {
        struct pollfd fds[] = { { .fd = a->signals, .events = POLLIN }, { .fd = a->tty, .events = POLLIN } };

        for (;;) {
                struct signalfd_siginfo si;
                ssize_t n;

                if (poll(fds, ARRAY_SIZE(fds), -1) < 0 && errno != EINTR)
                        return -errno;
                if (fds[0].revents != 0 && read(a->signals, &si, sizeof(si)) == sizeof(si)) {
                        *ret_signal = (int) si.ssi_signo;
                        return 1;
                }
                if (fds[1].revents == 0)
                        continue;
                n = read(a->tty, a->answer + a->n, sizeof(a->answer) - a->n);
                if (n < 0)
                        return -errno;
                if (n == 0)
                        return -ECANCELED;
                a->n += (size_t) n;
                if (a->answer[a->n - 1] == '\n')
                        return 0;
                if (a->n == sizeof(a->answer))
                        return -E2BIG;
        }
}

static int ask(struct asking *a, const char *question, enum prompt_echo echo, int *ret_signal) {
        int r = block_signals(a);

        if (r >= 0 && echo == PROMPT_HIDDEN)
                r = hide(a);
        if (r >= 0 && dprintf(a->tty, "%s", question) < 0)
                r = -errno;
        if (r >= 0)
                r = read_answer(a, ret_signal);
        put_back(a);
        return r;
}

int prompt(const char *question, enum prompt_echo echo, char **ret) {
        struct asking a = { .tty = open("/dev/tty", O_RDWR | O_CLOEXEC | O_NOCTTY), .signals = -1 };
        int r, sig = 0;

        if (a.tty < 0)
                return -ENXIO;
        /* Most signals end us here; after a stop we ask again. */
        while ((r = ask(&a, question, echo, &sig)) > 0)
                (void) raise(sig);
        if (r == 0)
                r = take_line(a.answer, a.n, ret);
        explicit_bzero(a.answer, sizeof(a.answer));
        (void) close(a.tty);
        return r;
}

int secret_from(int fd, char **ret) {
        char answer[ANSWER_MAX];
        size_t n = 0;
        int r = 0;

        while (n < sizeof(answer) && !memchr(answer, '\n', n)) {
                ssize_t k = read(fd, answer + n, sizeof(answer) - n);

                if (k < 0 && errno == EINTR)
                        continue;
                if (k < 0)
                        r = -errno;
                if (k <= 0)
                        break;
                n += (size_t) k;
        }
        if (r == 0 && n == sizeof(answer))
                r = -E2BIG;
        if (r == 0)
                r = take_line(answer, strnlen(answer, n) < n ? 0 : n, ret);
        explicit_bzero(answer, sizeof(answer));
        return r;
}

int secret_from_stdin(char **ret) {
        return secret_from(STDIN_FILENO, ret);
}
