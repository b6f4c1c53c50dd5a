/* What a process may do where it is started, found out by trying.
 *
 *   probe sandbox FILE    one line for each thing that busyd.service forbids: "NAME: allowed" or the errno's name
 *   probe jit WORD        makes code while it runs, as just-in-time compilers do, runs it, and prints WORD
 */
#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/mount.h>
#include <sys/personality.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <unistd.h>

#define PAGE 4096

static int writable_and_executable(void) {
        void *p = mmap(NULL, PAGE, PROT_READ | PROT_WRITE | PROT_EXEC, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

        return p == MAP_FAILED ? -1 : 0;
}

static int executable_later(void) {
        void *p = mmap(NULL, PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

        return p == MAP_FAILED ? -1 : mprotect(p, PAGE, PROT_READ | PROT_EXEC);
}

static int packet_socket(void) {
        return socket(AF_PACKET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
}

static int bluetooth_socket(void) {
        return socket(AF_BLUETOOTH, SOCK_RAW | SOCK_CLOEXEC, 1);
}

static int inet_socket(void) {
        return socket(AF_INET6, SOCK_STREAM | SOCK_CLOEXEC, 0);
}

static int user_namespace(void) {
        return unshare(CLONE_NEWUSER);
}

static int set_user_id(void) {
        int fd = open("/tmp/busyd-probe", O_CREAT | O_RDWR | O_CLOEXEC, 0700);
        int r = fd < 0 ? -1 : fchmod(fd, S_ISUID | 0700), error = errno;

        (void) unlink("/tmp/busyd-probe");
        errno = error;
        return r;
}

static int real_time(void) {
        return sched_setscheduler(0, SCHED_FIFO, &(struct sched_param){ .sched_priority = 1 });
}

static int other_personality(void) {
        return personality(PER_LINUX32);
}

static int mounting(void) {
        return mount("none", "/tmp", "tmpfs", 0, NULL);
}

static int new_privileges(void) {
        if (prctl(PR_GET_NO_NEW_PRIVS, 0, 0, 0, 0) != 1)
                return 0;
        errno = EPERM;
        return -1;
}

static int priority(void) {
        return setpriority(PRIO_PROCESS, 0, 5);
}

static int change_owner(void) {
        return chown("/proc/self/exe", (uid_t) -1, (gid_t) -1);
}

static int kernel_key(void) {
        return (int) syscall(SYS_add_key, "user", "busyd-probe", "x", (size_t) 1, -3 /* the session's */);
}

static int locked_memory(void) {
        static char page[PAGE];

        return mlock(page, sizeof(page));
}

/* Without parameters the kernel would say EFAULT. */
static int asynchronous_files(void) {
        return (int) syscall(SYS_io_uring_setup, 1, NULL);
}

/* Its own: which needs no right. */
static int memory_of_processes(void) {
        char from = 'x', to = 0;

        return (int) process_vm_readv(getpid(), &(struct iovec){ &to, 1 }, 1, &(struct iovec){ &from, 1 }, 1, 0);
}

static int core_dump(void) {
        struct rlimit limit;

        if (getrlimit(RLIMIT_CORE, &limit) < 0 || limit.rlim_max > 0)
                return 0;
        errno = EPERM;
        return -1;
}

static int readable_by_others(void) {
        mode_t mask = umask(0);

        if ((mask & 077) != 077)
                return 0;
        errno = EPERM;
        return -1;
}

static int sandbox(const char *path) {
        static const struct {
                const char *name;
                int (*attempt)(void);
        } attempts[] = {
                { "writable-and-executable", writable_and_executable },
                { "executable-later", executable_later },
                { "packet-socket", packet_socket },
                { "bluetooth-socket", bluetooth_socket },
                { "inet-socket", inet_socket },
                { "user-namespace", user_namespace },
                { "set-user-id", set_user_id },
                { "real-time", real_time },
                { "personality", other_personality },
                { "mount", mounting },
                { "new-privileges", new_privileges },
                { "priority", priority },
                { "change-owner", change_owner },
                { "kernel-key", kernel_key },
                { "locked-memory", locked_memory },
                { "asynchronous-files", asynchronous_files },
                { "memory-of-processes", memory_of_processes },
                { "core-dump", core_dump },
                { "readable-by-others", readable_by_others },
        };
        FILE *f = fopen(path, "we");

        if (!f)
                return 1;
        for (size_t i = 0; i < sizeof(attempts) / sizeof(attempts[0]); i++)
                (void) fprintf(f, "%s: %s\n", attempts[i].name,
                               attempts[i].attempt() >= 0 ? "allowed" : strerrorname_np(errno));
        return fclose(f) == 0 ? 0 : 1;
}

/* A function that returns at once. */
static int jit(const char *word) {
#if defined(__x86_64__)
        static const unsigned char code[] = { 0xc3 };
#elif defined(__aarch64__)
        static const unsigned char code[] = { 0xc0, 0x03, 0x5f, 0xd6 };
#else
        static const unsigned char code[] = { 0 };
#endif
        void *p = mmap(NULL, PAGE, PROT_READ | PROT_WRITE | PROT_EXEC, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

        if (p == MAP_FAILED) {
                perror("no memory for code");
                return 1;
        }
        memcpy(p, code, sizeof(code));
        __builtin___clear_cache(p, (char *) p + sizeof(code));
#if defined(__x86_64__) || defined(__aarch64__)
        ((void (*)(void)) p)();
#endif
        puts(word);
        return 0;
}

int main(int argc, char **argv) {
        if (argc == 3 && strcmp(argv[1], "sandbox") == 0)
                return sandbox(argv[2]);
        if (argc == 3 && strcmp(argv[1], "jit") == 0)
                return jit(argv[2]);
        return 2;
}
