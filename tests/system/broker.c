#include "system/broker.h"

#include <stdio.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "system/process.h"

#define BROKER_NAME "org.bus1.DBus.Broker"
#define BROKER_PATH "/org/bus1/DBus/Broker"

/* A batch of rules: who may connect, own names, send, receive. */
#define RULES "bta(btbs)a(btssssuutt)a(btssssuutt)"

/* Everybody may do everything. */
static int append_rules(sd_bus_message *m) {
        const uint64_t priority = 1, any_fds = UINT64_MAX;
        int r = sd_bus_message_open_container(m, 'r', RULES);

        if (r >= 0)
                r = sd_bus_message_append(m, "bt", 1, priority);
        if (r >= 0)
                r = sd_bus_message_append(m, "a(btbs)", 1, 1, priority, 1, "");
        for (int i = 0; i < 2 && r >= 0; i++)
                r = sd_bus_message_append(m, "a(btssssuutt)", 1, 1, priority, "", "", "", "", 0, 0, UINT64_C(0),
                                          any_fds);
        return r < 0 ? r : sd_bus_message_close_container(m);
}

static int append_policy(sd_bus_message *m) {
        static const char type[] = "a(u(" RULES "))a(buu(" RULES "))a(ss)bs";
        static const char variant[] = "(a(u(" RULES "))a(buu(" RULES "))a(ss)bs)";
        int r = sd_bus_message_open_container(m, 'v', variant);

        if (r >= 0)
                r = sd_bus_message_open_container(m, 'r', type);
        if (r >= 0)
                r = sd_bus_message_open_container(m, 'a', "(u(" RULES "))");
        if (r >= 0)
                r = sd_bus_message_open_container(m, 'r', "u(" RULES ")");
        if (r >= 0)
                r = sd_bus_message_append(m, "u", UINT32_MAX);
        if (r >= 0)
                r = append_rules(m);
        if (r >= 0)
                r = sd_bus_message_close_container(m);
        if (r >= 0)
                r = sd_bus_message_close_container(m);
        if (r >= 0)
                r = sd_bus_message_append(m, "a(buu(" RULES "))a(ss)bs", 0, 0, 0, "");
        if (r >= 0)
                r = sd_bus_message_close_container(m);
        return r < 0 ? r : sd_bus_message_close_container(m);
}

static int add_listener(sd_bus *controller, int fd) {
        sd_bus_message *m = NULL;
        int r = sd_bus_message_new_method_call(controller, &m, NULL, BROKER_PATH, BROKER_NAME, "AddListener");

        if (r >= 0)
                r = sd_bus_message_append(m, "oh", "/org/bus1/DBus/Listener/0", fd);
        if (r >= 0)
                r = append_policy(m);
        if (r >= 0)
                r = sd_bus_call(controller, m, (uint64_t) patience() * USEC_PER_MSEC, NULL, NULL);
        sd_bus_message_unref(m);
        return r;
}

static int listen_at(const char *path) {
        struct sockaddr_un address = { .sun_family = AF_UNIX };
        int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);

        snprintf(address.sun_path, sizeof(address.sun_path), "%s", path);
        (void) unlink(path); /* of one that was here before */
        if (fd < 0 || bind(fd, (struct sockaddr *) &address, sizeof(address)) < 0 || listen(fd, SOMAXCONN) < 0)
                abort();
        return fd;
}

static pid_t start(int controller) {
        const char *const env[] = { "PATH=/usr/local/bin:/usr/bin:/bin", NULL };
        const char *const argv[] = { "dbus-broker",
                                     "--controller",
                                     "3",
                                     "--machine-id",
                                     "0123456789abcdef0123456789abcdef",
                                     "--max-bytes",
                                     "536870912",
                                     "--max-fds",
                                     "4096",
                                     "--max-matches",
                                     "16384",
                                     "--max-objects",
                                     "16384",
                                     NULL };

        return process_start(&(struct process_options){ .argv = argv,
                                                        .env = env,
                                                        .in = -1,
                                                        .out = -1,
                                                        .err = STDERR_FILENO,
                                                        .pass = controller,
                                                        .pass_as = 3 });
}

pid_t broker_start(const char *path, sd_bus **ret_controller) {
        int pair[2], listener = listen_at(path), r;
        sd_bus *controller = NULL;
        pid_t pid;

        if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0, pair) < 0)
                abort();
        pid = start(pair[1]);
        close(pair[1]);
        r = sd_bus_new(&controller);
        if (r >= 0)
                r = sd_bus_set_fd(controller, pair[0], pair[0]);
        if (r >= 0)
                r = sd_bus_start(controller);
        if (r >= 0)
                r = add_listener(controller, listener);
        close(listener);
        if (r < 0) {
                fprintf(stderr, "dbus-broker takes no listener: %s\n", strerror(-r));
                sd_bus_close_unref(controller);
                process_kill(pid);
                return -1;
        }
        *ret_controller = controller;
        return pid;
}
