/* The connection to the user bus at its end: a real dbus-daemon, which hangs or does not. */
#include <criterion/criterion.h>
#include <limits.h>
#include <signal.h>
#include <stdio.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <unistd.h>

#include "busyd/buses.h"
#include "util/clock.h"
#include "util_temp.h"

/* More than the end takes where the bus is not there, and far less than it would take to be told that it hangs. */
#define SOON (15 * USEC_PER_SEC)

#define TEST_PATH      "/org/busyd/Test"
#define TEST_INTERFACE "org.busyd.Test"
#define N_TOLD_MAX     100000

static struct {
        struct temp_dir dir;
        pid_t bus;
        sd_event *event;
        struct buses *buses;
        unsigned n_told; /* signals that were handed to the bus */
} t;

static void ignore(void *userdata) {
}

static void start_bus(void) {
        char address[PATH_MAX + 16], option[PATH_MAX + 32], ready[8];
        int fds[2];

        (void) snprintf(address, sizeof(address), "unix:path=%s", temp_path(&t.dir, "bus"));
        (void) snprintf(option, sizeof(option), "--address=%s", address);
        cr_assert_eq(pipe(fds), 0);
        t.bus = fork();
        if (t.bus == 0) {
                char print[32];

                (void) prctl(PR_SET_PDEATHSIG, SIGKILL);
                (void) snprintf(print, sizeof(print), "--print-address=%d", fds[1]);
                execlp("dbus-daemon", "dbus-daemon", "--session", "--nofork", "--nopidfile", option, print, NULL);
                _exit(95);
        }
        (void) close(fds[1]);
        cr_assert_gt(read(fds[0], ready, sizeof(ready)), 0, "no bus");
        (void) close(fds[0]);
        cr_assert_eq(setenv("DBUS_SESSION_BUS_ADDRESS", address, 1), 0);
        cr_assert_eq(setenv("DBUS_SYSTEM_BUS_ADDRESS", "unix:path=/nonexistent", 1), 0);
}

static void open_buses(void) {
        const struct buses_handler handler = { .user_lost = ignore, .system_changed = ignore, .touched = ignore };

        cr_assert_geq(buses_new(&t.buses, t.event, &handler), 0);
}

static void setup(void) {
        t.dir = temp_dir();
        start_bus();
        cr_assert_geq(sd_event_new(&t.event), 0);
        open_buses();
}

static void teardown(void) {
        (void) kill(t.bus, SIGKILL);
        sd_event_unref(t.event);
        temp_dir_scoped(&t.dir);
}

TestSuite(buses, .init = setup, .fini = teardown, .timeout = 120);

/* Asking for the name waits for that. */
static void get_in(sd_bus *bus) {
        const char *name;

        cr_assert_geq(sd_bus_get_unique_name(bus, &name), 0);
}

static void expect_end_soon(void) {
        usec_t begun = clock_now();

        t.buses = buses_free(t.buses);
        cr_assert_lt(clock_now() - begun, SOON);
}

/* Until some of it waits here. */
static void tell_too_much(sd_bus *bus) {
        int small = 4096;
        uint64_t n = 0;

        cr_assert_eq(setsockopt(sd_bus_get_fd(bus), SOL_SOCKET, SO_SNDBUF, &small, sizeof(small)), 0);
        for (t.n_told = 0; n == 0; t.n_told++) {
                cr_assert_lt(t.n_told, N_TOLD_MAX, "the bus takes all");
                cr_assert_geq(sd_bus_emit_signal(bus, TEST_PATH, TEST_INTERFACE, "Told", "u", t.n_told), 0);
                cr_assert_geq(sd_bus_get_n_queued_write(bus, &n), 0);
        }
}

Test(buses, one_that_takes_nothing_is_not_waited_for) {
        sd_bus *bus = buses_user(t.buses);

        get_in(bus);
        cr_assert_eq(kill(t.bus, SIGSTOP), 0);
        tell_too_much(bus);
        expect_end_soon();
}

Test(buses, nor_is_one_that_has_let_nobody_in) {
        get_in(buses_user(t.buses));
        t.buses = buses_free(t.buses);
        cr_assert_eq(kill(t.bus, SIGSTOP), 0);
        open_buses();
        cr_assert_geq(sd_bus_emit_signal(buses_user(t.buses), TEST_PATH, TEST_INTERFACE, "Told", "u", 0), 0);
        expect_end_soon();
}

static int on_told(sd_bus_message *m, void *userdata, sd_bus_error *error) {
        unsigned *n = userdata;

        (*n)++;
        return 0;
}

/* A bus that is slow only has a moment. */
Test(buses, what_is_still_to_be_said_is_said) {
        sd_bus *bus = buses_user(t.buses), *listener = NULL;
        unsigned n_heard = 0;

        get_in(bus);
        cr_assert_geq(sd_bus_open_user(&listener), 0);
        cr_assert_geq(sd_bus_match_signal(listener, NULL, NULL, TEST_PATH, TEST_INTERFACE, "Told", on_told, &n_heard),
                      0);
        cr_assert_eq(kill(t.bus, SIGSTOP), 0);
        tell_too_much(bus);
        cr_assert_eq(kill(t.bus, SIGCONT), 0);
        t.buses = buses_free(t.buses);
        while (n_heard < t.n_told) {
                int r = sd_bus_process(listener, NULL);

                cr_assert_geq(r, 0);
                cr_assert(r > 0 || sd_bus_wait(listener, SOON) > 0, "%u of %u", n_heard, t.n_told);
        }
        sd_bus_close_unref(listener);
}
