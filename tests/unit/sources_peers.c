/* Whether a program has a connection to a peer, by what real processes have open. */
#include <arpa/inet.h>
#include <criterion/criterion.h>
#include <signal.h>
#include <stdio.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "sources/peers.h"

enum has {
        NOTHING,
        WAITING_SOCKET,
        WAITING_SOCKET_OF_IPV6,
        CONNECTED_SOCKET,
        STREAM_SOCKET,
        CALL_THREAD,
        OTHER_THREAD,
        OTHER_THREAD_AND_SOCKET,
        THREAD_OF_ANOTHER_NAME_AND_SOCKET,
};

static void open_socket(int family, int type, bool connected) {
        struct sockaddr_in at = { .sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
        struct sockaddr_in6 at6 = { .sin6_family = AF_INET6, .sin6_addr = IN6ADDR_LOOPBACK_INIT };
        bool six = family == AF_INET6;
        int fd = socket(family, type, 0);

        if (fd < 0 ||
            bind(fd, six ? (struct sockaddr *) &at6 : (struct sockaddr *) &at, six ? sizeof(at6) : sizeof(at)) < 0)
                _exit(1);
        at.sin_port = htons(9);
        if (connected && connect(fd, (struct sockaddr *) &at, sizeof(at)) < 0)
                _exit(1);
}

static void get(enum has has) {
        switch (has) {
        case WAITING_SOCKET:
                open_socket(AF_INET, SOCK_DGRAM, false);
                break;
        case WAITING_SOCKET_OF_IPV6:
                open_socket(AF_INET6, SOCK_DGRAM, false);
                break;
        case CONNECTED_SOCKET:
                open_socket(AF_INET, SOCK_DGRAM, true);
                break;
        case STREAM_SOCKET:
                open_socket(AF_INET, SOCK_STREAM, false);
                break;
        case CALL_THREAD:
                (void) prctl(PR_SET_NAME, "WebrtcC~read #1");
                break;
        case OTHER_THREAD:
                (void) prctl(PR_SET_NAME, "WebrtcWorker #1");
                break;
        case OTHER_THREAD_AND_SOCKET:
                get(OTHER_THREAD);
                get(WAITING_SOCKET);
                break;
        case THREAD_OF_ANOTHER_NAME_AND_SOCKET:
                (void) prctl(PR_SET_NAME, "RtcCall #1");
                get(WAITING_SOCKET);
                break;
        case NOTHING:
                break;
        }
}

/* A program that has `own`, started one that has nothing, and that one that has `other`. All end with the first. */
static pid_t program(enum has own, enum has other) {
        int pipes[2];
        char ready[2];
        pid_t pid;

        cr_assert_eq(pipe(pipes), 0);
        pid = fork();
        cr_assert_geq(pid, 0);
        if (pid == 0) {
                pid_t first = getpid();

                if (fork() == 0) {
                        (void) prctl(PR_SET_PDEATHSIG, SIGKILL);
                        if (fork() == 0) {
                                (void) prctl(PR_SET_PDEATHSIG, SIGKILL);
                                get(other);
                                (void) !write(pipes[1], "", 1);
                        }
                }
                /* Not before, or the others had it too. */
                if (getpid() == first) {
                        get(own);
                        (void) !write(pipes[1], "", 1);
                }
                for (;;)
                        pause();
        }
        (void) close(pipes[1]);
        for (size_t i = 0; i < sizeof(ready); i++)
                cr_assert_eq(read(pipes[0], &ready[i], 1), 1, "it could not be got");
        (void) close(pipes[0]);
        return pid;
}

static void end(pid_t pid) {
        (void) kill(pid, SIGKILL);
        (void) waitpid(pid, NULL, 0);
}

Test(peers, are_known_by_what_the_program_has_started) {
        static const struct {
                const char *what;
                enum has own, other;
                enum peers peers;
        } rows[] = {
                { "nothing", NOTHING, NOTHING, PEERS_NONE },
                { "a socket that waits for anybody", NOTHING, WAITING_SOCKET, PEERS_LIVE },
                { "one that asks for names", NOTHING, CONNECTED_SOCKET, PEERS_NONE },
                { "one of another kind", NOTHING, STREAM_SOCKET, PEERS_NONE },
                { "one of the program itself, as for HTTP/3", WAITING_SOCKET, NOTHING, PEERS_NONE },
                { "the engine's thread for calls", NOTHING, CALL_THREAD, PEERS_LIVE },
                { "another thread of it", NOTHING, OTHER_THREAD, PEERS_NONE },
                { "another thread of it, and a page that passes data", NOTHING, OTHER_THREAD_AND_SOCKET, PEERS_NONE },
                { "threads whose names are not known", NOTHING, THREAD_OF_ANOTHER_NAME_AND_SOCKET, PEERS_LIVE },
        };

        for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
                pid_t pid = program(rows[i].own, rows[i].other);

                cr_expect_eq(peers_look(pid), rows[i].peers, "%s", rows[i].what);
                end(pid);
        }
}

/* Starts what ends at once, again and again, without looking whether it has. */
static pid_t restless_program(void) {
        pid_t pid = fork();

        cr_assert_geq(pid, 0);
        if (pid == 0) {
                (void) prctl(PR_SET_PDEATHSIG, SIGKILL);
                if (fork() == 0) {
                        (void) prctl(PR_SET_PDEATHSIG, SIGKILL);
                        for (;;) {
                                pid_t child = fork();

                                if (child == 0)
                                        _exit(0);
                                (void) waitpid(child, NULL, 0);
                        }
                }
                for (;;)
                        pause();
        }
        return pid;
}

Test(peers, a_process_that_ends_meanwhile_is_nobody) {
        pid_t pid = restless_program();
        unsigned not_none = 0;

        for (unsigned look = 0; look < 200; look++)
                not_none += peers_look(pid) != PEERS_NONE;
        end(pid);
        cr_expect_eq(not_none, 0, "%u of 200 looks", not_none);
}

Test(peers, of_ipv6_as_well) {
        int fd = socket(AF_INET6, SOCK_DGRAM, 0);
        struct sockaddr_in6 at = { .sin6_family = AF_INET6, .sin6_addr = IN6ADDR_LOOPBACK_INIT };
        pid_t pid;

        if (fd < 0 || bind(fd, (struct sockaddr *) &at, sizeof(at)) < 0)
                cr_skip_test("there is no IPv6");
        pid = program(NOTHING, WAITING_SOCKET_OF_IPV6);
        cr_expect_eq(peers_look(pid), PEERS_LIVE);
        end(pid);
        (void) close(fd);
}

Test(peers, of_a_program_that_is_not_known_nothing_is_known) {
        pid_t pid = program(NOTHING, NOTHING);

        end(pid);
        cr_expect_eq(peers_look(0), PEERS_UNKNOWN);
        cr_expect_eq(peers_look(pid), PEERS_UNKNOWN);
}

Test(peers, are_looked_for_again_after_as_long_as_there_were_none) {
        const usec_t start = USEC_PER_HOUR, s = USEC_PER_SEC;
        static const unsigned at[] = { 0, 1, 2, 4, 8, 16 };
        struct peers_memory m = { 0 };
        pid_t nobody = program(NOTHING, NOTHING), call = program(NOTHING, WAITING_SOCKET);

        for (size_t i = 0; i + 1 < ARRAY_SIZE(at); i++) {
                cr_expect_eq(peers_of(&m, "a", nobody, start + at[i] * s), PEERS_NONE);
                cr_expect_eq(peers_run(&m), start + at[i + 1] * s, "after %u s", at[i]);
        }
        /* Not before its time, whatever else happens. */
        cr_expect_eq(peers_of(&m, "a", call, start + 9 * s), PEERS_NONE);
        cr_expect_eq(peers_run(&m), start + 16 * s);
        cr_expect_eq(peers_of(&m, "a", call, start + 16 * s), PEERS_LIVE);
        cr_expect_eq(peers_run(&m), USEC_NEVER);
        cr_expect_eq(peers_of(&m, "a", nobody, start + 100 * s), PEERS_LIVE);
        (void) peers_run(&m);
        /* It is gone, and another one comes under that name. */
        cr_expect_eq(peers_run(&m), USEC_NEVER);
        cr_expect_eq(peers_of(&m, "a", nobody, start + 200 * s), PEERS_NONE);
        end(nobody);
        end(call);
}

Test(peers, what_could_not_be_seen_is_looked_for_again) {
        struct peers_memory m = { 0 };
        pid_t gone = program(NOTHING, NOTHING), nobody = program(NOTHING, NOTHING);

        end(gone);
        cr_expect_eq(peers_of(&m, "a", gone, USEC_PER_HOUR), PEERS_UNKNOWN);
        cr_expect_eq(peers_run(&m), USEC_PER_HOUR + USEC_PER_SEC);
        cr_expect_eq(peers_of(&m, "a", nobody, USEC_PER_HOUR + USEC_PER_SEC), PEERS_NONE);
        end(nobody);
}

Test(peers, of_more_streams_than_are_looked_at_nothing_is_known) {
        struct peers_memory m = { 0 };
        pid_t pid = program(NOTHING, NOTHING);

        for (int i = 0; i <= PEERS_MAX; i++) {
                char id[8];

                (void) snprintf(id, sizeof(id), "%d", i);
                cr_expect_eq(peers_of(&m, id, pid, USEC_PER_HOUR), i < PEERS_MAX ? PEERS_NONE : PEERS_UNKNOWN);
        }
        end(pid);
}
