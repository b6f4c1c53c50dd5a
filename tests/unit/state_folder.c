/* Where state lives: with and without systemd, of versions that differ. systemd is played on a bus of the test's own.
 */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <systemd/sd-bus.h>

#include "state/folder.h"
#include "util_temp.h"

struct stage {
        struct temp_dir t;
        pid_t bus, systemd;
};

/* ---- systemd ---- */

static const char *version;
static bool has_unit;

static int get_version(sd_bus *bus, const char *path, const char *interface, const char *property,
                       sd_bus_message *reply, void *userdata, sd_bus_error *error) {
        return sd_bus_message_append(reply, "s", version);
}

static int get_folders(sd_bus *bus, const char *path, const char *interface, const char *property,
                       sd_bus_message *reply, void *userdata, sd_bus_error *error) {
        return has_unit ? sd_bus_message_append(reply, "as", 1, "busyd") : sd_bus_message_append(reply, "as", 0);
}

static const sd_bus_vtable manager[] = {
        SD_BUS_VTABLE_START(0),
        SD_BUS_PROPERTY("Version", "s", get_version, 0, 0),
        SD_BUS_VTABLE_END,
};

static const sd_bus_vtable service[] = {
        SD_BUS_VTABLE_START(0),
        SD_BUS_PROPERTY("StateDirectory", "as", get_folders, 0, 0),
        SD_BUS_VTABLE_END,
};

static void play(int ready) {
        sd_bus *bus = NULL;

        (void) prctl(PR_SET_PDEATHSIG, SIGKILL);
        if (sd_bus_open_user(&bus) < 0 ||
            sd_bus_add_object_vtable(bus, NULL, "/org/freedesktop/systemd1", "org.freedesktop.systemd1.Manager",
                                     manager, NULL) < 0 ||
            sd_bus_add_object_vtable(bus, NULL, "/org/freedesktop/systemd1/unit/busyd_2eservice",
                                     "org.freedesktop.systemd1.Service", service, NULL) < 0 ||
            sd_bus_request_name(bus, "org.freedesktop.systemd1", 0) < 0)
                _exit(1);
        (void) !write(ready, "x", 1);
        while (sd_bus_process(bus, NULL) > 0 || sd_bus_wait(bus, UINT64_MAX) >= 0)
                ;
        _exit(1);
}

/* One that has the name and never answers. */
static void play_dead(int ready) {
        sd_bus *bus = NULL;

        (void) prctl(PR_SET_PDEATHSIG, SIGKILL);
        if (sd_bus_open_user(&bus) < 0 || sd_bus_request_name(bus, "org.freedesktop.systemd1", 0) < 0)
                _exit(1);
        (void) !write(ready, "x", 1);
        for (;;)
                (void) pause();
}

static void start_systemd(struct stage *s, const char *is_version, bool unit) {
        struct pollfd p = { .events = POLLIN };
        int fds[2];

        version = is_version;
        has_unit = unit;
        cr_assert_eq(pipe2(fds, O_CLOEXEC), 0);
        s->systemd = fork();
        cr_assert_geq(s->systemd, 0);
        if (s->systemd == 0)
                (is_version ? play : play_dead)(fds[1]);
        p.fd = fds[0];
        cr_assert_eq(poll(&p, 1, 10000), 1);
        (void) close(fds[0]);
        (void) close(fds[1]);
}

static void end_process(pid_t *pid) {
        if (*pid <= 0)
                return;
        (void) kill(*pid, SIGKILL);
        cr_assert_eq(waitpid(*pid, NULL, 0), *pid);
        *pid = 0;
}

/* ---- stage ---- */

static void start_bus(struct stage *s) {
        char socket[128], address[160];
        int fds[2];
        char line[256];

        (void) snprintf(socket, sizeof(socket), "unix:path=%s/bus", s->t.path);
        cr_assert_eq(pipe(fds), 0);
        s->bus = fork();
        cr_assert_geq(s->bus, 0);
        if (s->bus == 0) {
                char print[32];

                (void) prctl(PR_SET_PDEATHSIG, SIGKILL);
                (void) snprintf(print, sizeof(print), "--print-address=%d", fds[1]);
                (void) snprintf(address, sizeof(address), "--address=%s", socket);
                (void) execlp("dbus-daemon", "dbus-daemon", "--session", "--nofork", "--nopidfile", address, print,
                              NULL);
                _exit(1);
        }
        (void) close(fds[1]);
        cr_assert_gt(read(fds[0], line, sizeof(line)), 0, "no dbus-daemon");
        (void) close(fds[0]);
        cr_assert_eq(setenv("DBUS_SESSION_BUS_ADDRESS", socket, 1), 0);
}

static struct stage stage_open(void) {
        struct stage s = { .t = temp_dir() };

        cr_assert_eq(unsetenv("STATE_DIRECTORY"), 0);
        cr_assert_eq(setenv("XDG_STATE_HOME", temp_path(&s.t, "state"), 1), 0);
        cr_assert_eq(setenv("XDG_CONFIG_HOME", temp_path(&s.t, "config"), 1), 0);
        cr_assert_eq(setenv("DBUS_SESSION_BUS_ADDRESS", "unix:path=/nonexistent", 1), 0);
        return s;
}

static void stage_close(struct stage *s) {
        end_process(&s->systemd);
        end_process(&s->bus);
        temp_dir_scoped(&s->t);
}

static void add(const struct stage *s, const char *folder, const char *file) {
        SCOPED(free) char *path = NULL;

        cr_assert_eq(dir_make(temp_path(&s->t, folder)), 0);
        cr_assert_gt(asprintf(&path, "%s/%s", temp_path(&s->t, folder), file), 0);
        cr_assert_eq(file_write(path, "", 0, 0600), 0);
}

static void expect_folder(const struct stage *s, const char *expected, const char *what) {
        SCOPED(free) char *folder = NULL;

        cr_assert_eq(state_folder(&folder), 0);
        cr_expect_str_eq(folder, temp_path(&s->t, expected), "%s", what);
}

#define IN_STATE  "state/busyd"
#define IN_CONFIG "config/busyd"

Test(state_folder, without_systemd_it_is_where_state_lies) {
        struct stage s = stage_open();

        expect_folder(&s, IN_STATE, "nothing there");
        add(&s, IN_CONFIG, "busyd.conf");
        expect_folder(&s, IN_STATE, "a configuration is no state");
        add(&s, IN_CONFIG, "session-default.json");
        expect_folder(&s, IN_CONFIG, "state among the configuration");
        add(&s, IN_STATE, "session-default.json");
        expect_folder(&s, IN_STATE, "state in both");
        stage_close(&s);
}

Test(state_folder, given_by_the_service_manager) {
        struct stage s = stage_open();
        SCOPED(free) char *several = NULL;

        cr_assert_gt(asprintf(&several, "%s:/other", temp_path(&s.t, "given")), 0);
        cr_assert_eq(setenv("STATE_DIRECTORY", several, 1), 0);
        expect_folder(&s, "given", "the first of several");
        cr_assert_eq(setenv("STATE_DIRECTORY", "relative", 1), 0);
        expect_folder(&s, IN_STATE, "no path");
        stage_close(&s);
}

/* What the service would be given, whatever was left elsewhere by a run in the foreground. */
Test(state_folder, is_that_of_the_service) {
        static const struct {
                const char *what, *version;
                bool unit, in_state, in_config;
                const char *expected;
        } rows[] = {
                { "252, fresh", "252.39-1~deb12u1", true, false, false, IN_CONFIG },
                { "252, with a stray folder", "252", true, true, false, IN_CONFIG },
                { "252, in both", "252", true, true, true, IN_CONFIG },
                { "252, without the unit", "252", false, true, false, IN_STATE },
                { "257, fresh", "257.7-1", true, false, false, IN_STATE },
                { "257, in both", "257", true, true, true, IN_STATE },
                { "257, upgraded: systemd will link the one to the other", "257", true, false, true, IN_CONFIG },
        };

        for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
                struct stage s = stage_open();

                start_bus(&s);
                start_systemd(&s, rows[i].version, rows[i].unit);
                if (rows[i].in_state)
                        add(&s, IN_STATE, "mode.json");
                if (rows[i].in_config)
                        add(&s, IN_CONFIG, "mode.json");
                expect_folder(&s, rows[i].expected, rows[i].what);
                stage_close(&s);
        }
}

Test(state_folder, systemd_that_does_not_answer_is_not_waited_for, .timeout = 60) {
        struct stage s = stage_open();

        start_bus(&s);
        start_systemd(&s, NULL, false);
        add(&s, IN_CONFIG, "mode.json");
        expect_folder(&s, IN_CONFIG, "as without it");
        stage_close(&s);
}
