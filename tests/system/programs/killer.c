/* Starts a program, and kills it with SIGKILL at one of its system calls that writes, flushes, renames, removes, makes
 * or sends something, or lets that call fail; which one, the test says in a page that both share (crash_page.h). The
 * kernel stops the program at those calls alone (seccomp), so that all else goes at its usual pace.
 *
 *   killer PROGRAM [ARGUMENT...]
 *
 * The program keeps the process that was started; the one that watches it is nobody's child. What it starts itself is
 * followed and left alone. */
#include <errno.h>
#include <fcntl.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <signal.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/ptrace.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <sys/user.h>
#include <sys/wait.h>
#include <unistd.h>

#include "system/crash_page.h"

#define ARRAY_SIZE(a) (sizeof(a) / sizeof((a)[0]))
#define PTRACE_GO                                                                                                     \
        (PTRACE_O_TRACESECCOMP | PTRACE_O_TRACECLONE | PTRACE_O_TRACEFORK | PTRACE_O_TRACEVFORK |                     \
         PTRACE_O_TRACEEXEC | PTRACE_O_TRACESYSGOOD | PTRACE_O_EXITKILL)

/* Where the descriptor, the path or the data of a call are among its arguments; -1: nowhere. */
static const struct call {
        const char *name;
        long number;
        int fd, path, data; /* data: a buffer, its size behind it */
        int vector;         /* an array of them, its length behind it */
        int message;        /* a struct msghdr */
} calls[] = {
        { "write", SYS_write, 0, -1, 1, -1, -1 },
        { "pwrite", SYS_pwrite64, 0, -1, 1, -1, -1 },
        { "writev", SYS_writev, 0, -1, -1, 1, -1 },
        { "pwritev", SYS_pwritev, 0, -1, -1, 1, -1 },
        { "send", SYS_sendto, 0, -1, 1, -1, -1 },
        { "sendmsg", SYS_sendmsg, 0, -1, -1, -1, 1 },
        { "sendmmsg", SYS_sendmmsg, 0, -1, -1, -1, 1 },
        { "fsync", SYS_fsync, 0, -1, -1, -1, -1 },
        { "fdatasync", SYS_fdatasync, 0, -1, -1, -1, -1 },
        { "ftruncate", SYS_ftruncate, 0, -1, -1, -1, -1 },
        { "fallocate", SYS_fallocate, 0, -1, -1, -1, -1 },
        { "open", SYS_openat, -1, 1, -1, -1, -1 }, /* where it makes a file */
        { "renameat", SYS_renameat, -1, 3, -1, -1, -1 },
        { "renameat2", SYS_renameat2, -1, 3, -1, -1, -1 },
        { "unlinkat", SYS_unlinkat, -1, 1, -1, -1, -1 },
        { "linkat", SYS_linkat, -1, 3, -1, -1, -1 },
        { "mkdirat", SYS_mkdirat, -1, 1, -1, -1, -1 },
        { "recv", SYS_recvfrom, 0, -1, -1, -1, -1 },
        { "connect", SYS_connect, 0, -1, -1, -1, -1 },
#ifdef SYS_rename
        { "rename", SYS_rename, -1, 1, -1, -1, -1 },
        { "unlink", SYS_unlink, -1, 0, -1, -1, -1 },
        { "link", SYS_link, -1, 1, -1, -1, -1 },
        { "mkdir", SYS_mkdir, -1, 0, -1, -1, -1 },
#endif
};

/* They can only fail, and count where they concern a connection to a server. */
static bool changes_nothing(const struct call *c) {
        return c->number == SYS_recvfrom || c->number == SYS_connect;
}

static struct crash_page *page;
static FILE *list; /* NULL: not wanted */
static pid_t program;

/* ---- what is seen of a call ---- */

static size_t read_memory(pid_t pid, uint64_t address, void *to, size_t size) {
        struct iovec here = { to, size }, there = { (void *) address, size }; /* NOLINT: another process's */
        ssize_t n = process_vm_readv(pid, &here, 1, &there, 1, 0);

        return n > 0 ? (size_t) n : 0;
}

static const struct call *find_call(uint64_t number) {
        for (size_t i = 0; i < ARRAY_SIZE(calls); i++)
                if ((uint64_t) calls[i].number == number)
                        return &calls[i];
        return NULL;
}

/* The first bytes of what it writes. */
static void read_data(pid_t pid, const struct call *c, const uint64_t *arguments, char *to, size_t size) {
        struct iovec first = { 0 };
        struct msghdr message = { 0 };

        if (c->data >= 0)
                first = (struct iovec){ (void *) arguments[c->data], arguments[c->data + 1] }; /* NOLINT: as above */
        else if (c->vector >= 0)
                (void) read_memory(pid, arguments[c->vector], &first, sizeof(first));
        else if (c->message >= 0 && read_memory(pid, arguments[c->message], &message, sizeof(message)))
                (void) read_memory(pid, (uint64_t) message.msg_iov, &first, sizeof(first));
        if (first.iov_len < size - 1)
                size = first.iov_len + 1;
        to[first.iov_base ? read_memory(pid, (uint64_t) first.iov_base, to, size - 1) : 0] = '\0';
}

static bool is_request(const char *data) {
        static const char *const methods[] = { "GET /", "PUT /", "POST /", "DELETE /" };

        for (size_t i = 0; i < ARRAY_SIZE(methods); i++)
                if (strncmp(data, methods[i], strlen(methods[i])) == 0)
                        return true;
        return false;
}

/* Only the name of a file, without what differs from run to run. */
static void name_file(const char *path, char *to, size_t size) {
        const char *slash = strrchr(path, '/');
        char *temporary;

        (void) snprintf(to, size, "%.200s", slash && slash[1] ? slash + 1 : slash ? "folder" : path);
        temporary = strstr(to, ".tmp-");
        if (temporary)
                temporary[4] = '\0';
}

/* Up to the second space: method and path. Without what differs from run to run. */
static void cut_request(char *data) {
        char *space = strchr(data, ' ');

        data[strcspn(data, "?\r\n")] = '\0';
        if (space && (space = strchr(space + 1, ' ')))
                *space = '\0';
}

static bool is_to_server(int fd) {
        int of_program = (int) syscall(SYS_pidfd_open, program, 0), copy, domain = -1;

        copy = (int) syscall(SYS_pidfd_getfd, of_program, fd, 0);
        (void) getsockopt(copy, SOL_SOCKET, SO_DOMAIN, &domain, &(socklen_t){ sizeof(domain) });
        close(copy);
        close(of_program);
        return domain == AF_INET;
}

/* What is written to, in words. False: it does not count: the log, and what the program tells itself. */
static bool describe(pid_t pid, const struct call *c, const uint64_t *arguments, char *to, size_t size) {
        char link[64], target[PATH_MAX] = "", log[PATH_MAX] = "";
        ssize_t n;

        if (c->path >= 0) {
                char path[PATH_MAX];

                if (c->number == SYS_openat && !(arguments[2] & O_CREAT))
                        return false;
                path[read_memory(pid, arguments[c->path], path, 256)] = '\0';
                name_file(path, to, size);
                return true;
        }
        if (changes_nothing(c)) {
                (void) snprintf(to, size, "server");
                return is_to_server((int) arguments[c->fd]);
        }
        (void) snprintf(link, sizeof(link), "/proc/%d/fd/%d", pid, (int) arguments[c->fd]);
        n = readlink(link, target, sizeof(target) - 1);
        target[n > 0 ? n : 0] = '\0';
        (void) snprintf(link, sizeof(link), "/proc/%d/fd/2", pid);
        n = readlink(link, log, sizeof(log) - 1);
        log[n > 0 ? n : 0] = '\0';
        if (strcmp(target, log) == 0 || strncmp(target, "anon_inode:", 11) == 0 || strncmp(target, "pipe:", 5) == 0)
                return false;
        if (strncmp(target, "socket:", 7) == 0) {
                read_data(pid, c, arguments, to, size);
                if (is_request(to))
                        cut_request(to);
                else
                        (void) snprintf(to, size, "bus");
                return true;
        }
        name_file(target, to, size);
        return true;
}

/* ---- the watch ---- */

static void kill_program(void) {
        atomic_store(&page->killed, 1);
        (void) kill(program, SIGKILL);
}

/* False: not on this architecture. */
static bool refuse(pid_t tid, int error) {
#ifdef __x86_64__
        struct user_regs_struct registers;

        if (ptrace(PTRACE_GETREGS, tid, 0, &registers) < 0)
                return false;
        registers.orig_rax = ~0ULL;
        registers.rax = (unsigned long long) -error;
        atomic_store(&page->killed, 1);
        return ptrace(PTRACE_SETREGS, tid, 0, &registers) == 0;
#else
        (void) tid;
        (void) error;
        return false;
#endif
}

/* Threads are the program, its children are not. */
static bool is_program(pid_t tid) {
        char path[64];
        struct stat st;

        (void) snprintf(path, sizeof(path), "/proc/%d/task/%d", program, tid);
        return stat(path, &st) == 0;
}

/* By what describe() says of it. */
static bool is_socket(const char *target) {
        return strchr(target, '/') || strcmp(target, "bus") == 0 || strcmp(target, "server") == 0;
}

/* Returns how to go on: to the end of the call, if something is to be done there. */
static enum __ptrace_request on_call(pid_t tid) {
        static uint32_t step, n; /* of the calls of this step */
        struct __ptrace_syscall_info info = { 0 };
        const struct call *c;
        char target[256];
        bool request;

        if (!is_program(tid) || ptrace(PTRACE_GET_SYSCALL_INFO, tid, sizeof(info), &info) < 0 ||
            !(c = find_call(info.seccomp.nr)) ||
            !describe(tid, c, (const uint64_t *) info.seccomp.args, target, sizeof(target)))
                return PTRACE_CONT;
        if (step != atomic_load(&page->step)) {
                step = atomic_load(&page->step);
                n = 0;
        }
        n++;
        request = strchr(target, '/') != NULL;
        if (list)
                fprintf(list, "%u %u %s %s%s\n", step, n, c->name, target, request ? " after" : "");
        if (atomic_load(&page->at_call) != n || atomic_load(&page->at_step) != step)
                return PTRACE_CONT;
        if (request && atomic_load(&page->after))
                return PTRACE_SYSCALL;
        if (!atomic_load(&page->refuse) || !refuse(tid, is_socket(target) ? ECONNRESET : EIO))
                kill_program();
        return PTRACE_CONT;
}

static void on_stop(pid_t tid, int status) {
        int signal = WSTOPSIG(status), event = status >> 16;
        enum __ptrace_request on = PTRACE_CONT;

        if (event == PTRACE_EVENT_SECCOMP)
                on = on_call(tid);
        else if (event == PTRACE_EVENT_STOP && signal != SIGTRAP)
                on = PTRACE_LISTEN; /* stopped by a signal */
        else if (signal == (SIGTRAP | 0x80))
                kill_program();
        (void) ptrace(on, tid, 0, event || signal == (SIGTRAP | 0x80) ? 0 : signal);
}

static void watch(void) {
        int status;
        pid_t tid;

        while ((tid = waitpid(-1, &status, __WALL)) > 0 || errno == EINTR) {
                if (tid > 0 && WIFSTOPPED(status))
                        on_stop(tid, status);
                else if (tid == program && list)
                        (void) fflush(list);
        }
}

/* In the process that watches: tells through `ready` that it does. */
static void watcher(int ready) {
        const char *path = getenv(KILLER_LOG);

        if (ptrace(PTRACE_SEIZE, program, 0, PTRACE_GO) < 0)
                _exit(EXIT_FAILURE);
        list = path ? fopen(path, "ae") : NULL;
        if (list)
                (void) setvbuf(list, NULL, _IOLBF, 0);
        (void) !write(ready, "", 1);
        close(ready);
        watch();
        _exit(EXIT_SUCCESS);
}

/* ---- the program ---- */

static int stop_at_calls(void) {
        struct sock_filter filter[4 + 2 * ARRAY_SIZE(calls) + 4];
        size_t n = 0;

        filter[n++] = (struct sock_filter) BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr));
        for (size_t i = 0; i < ARRAY_SIZE(calls); i++) {
                if (changes_nothing(&calls[i]) && !atomic_load(&page->refuse))
                        continue;
                filter[n++] =
                        (struct sock_filter) BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, (uint32_t) calls[i].number, 0, 1);
                filter[n++] = (struct sock_filter) BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_TRACE);
        }
        filter[n++] = (struct sock_filter) BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW);
        return prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) < 0
                       ? -1
                       : prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER,
                               &(struct sock_fprog){ .len = (unsigned short) n, .filter = filter });
}

int main(int argc, char **argv) {
        const char *path = getenv(KILLER_PAGE);
        int file = path ? open(path, O_RDWR | O_CLOEXEC) : -1, fds[2];
        pid_t child;
        char ready;

        if (argc < 2 || file < 0 || pipe2(fds, O_CLOEXEC) < 0)
                return EXIT_FAILURE;
        page = mmap(NULL, sizeof(*page), PROT_READ | PROT_WRITE, MAP_SHARED, file, 0);
        if (page == MAP_FAILED)
                return EXIT_FAILURE;
        program = getpid();
        (void) prctl(PR_SET_PTRACER, PR_SET_PTRACER_ANY);
        child = fork();
        if (child == 0) {
                close(fds[0]);
                if (fork() == 0)
                        watcher(fds[1]);
                _exit(EXIT_SUCCESS);
        }
        close(fds[1]);
        (void) waitpid(child, NULL, 0);
        if (read(fds[0], &ready, 1) != 1 || stop_at_calls() < 0) {
                fprintf(stderr, "killer: it cannot be watched here\n");
                return 125;
        }
        unsetenv(KILLER_PAGE);
        unsetenv(KILLER_LOG);
        execvp(argv[1], argv + 1);
        return 127;
}
