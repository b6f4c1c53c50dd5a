/* Buses that go, or hang: the user's, without which busyd cannot be told anything, and the system's. */
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <time.h>
#include <unistd.h>

#include "system/mock.h"

static void call_in_world(struct world *w) {
        hs_client_polls(w->hs, PHONE, "online");
        hs_person_sets(w->hs, PHONE, "online", "Reading");
        world_start_online(w);
        call_starts(w, ROOM, "c1");
        expect_presence(w, HS_BUSY, NULL);
        expect_claim(w, "held");
}

/* Ends with a failure, so that the unit starts it anew, and says why, once. */
static void expect_end(struct world *w) {
        int code = world_wait_end(w);
        SCOPED(free) char *log = world_log(w);
        const char *said = strstr(log, "error: ");

        check(w, code == 1, "busyd ended with %d", code);
        check(w, said && strstr(said, "The user bus is gone") && !strstr(said + 1, "error: "), "not said, or more");
}

WORLD_TEST(bus_loss, a_user_bus_that_goes_ends_busyd_which_gives_back) {
        call_in_world(w);
        world_restart_bus(w);
        expect_end(w);
        expect_presence(w, "online", "Reading");
        world_start_online(w);
        expect_presence(w, HS_BUSY, NULL);
        call_hangup(w, ROOM, "c1");
        expect_nothing_owed(w);
        expect_presence(w, "online", "Reading");
}

WORLD_TEST(bus_loss, without_another_bus_it_is_the_same) {
        call_in_world(w);
        private_bus_stop(w->bus);
        expect_end(w);
        expect_presence(w, "online", "Reading");
        world_restart_bus(w);
}

/* What the server does not take in time stays owed. */
WORLD_TEST(bus_loss, a_server_that_hangs_does_not_hold_up_the_end) {
        call_in_world(w);
        hs_fault(w->hs, &(struct hs_fault){ .match = { .path = "*/presence/*" }, .kind = HS_HANG });
        world_restart_bus(w);
        expect_end(w);
        hs_clear_faults(w->hs);
        call_hangup(w, ROOM, "c1");
        world_start_online(w);
        expect_nothing_owed(w);
        expect_presence(w, "online", "Reading");
}

static pid_t start_holder(struct world *w) {
        const char *const argv[] = { BUSYCTL_PROGRAM, "run", "--", "sleep", "60", NULL };

        return world_program(w, argv, -1, "run.log");
}

WORLD_TEST(bus_loss, holds_end_with_their_bus) {
        pid_t holder;

        hs_client_polls(w->hs, PHONE, "online");
        hs_person_sets(w->hs, PHONE, "online", "Reading");
        world_start_online(w);
        holder = start_holder(w);
        expect_availability(w, "busy");
        expect_presence(w, HS_BUSY, NULL);
        world_restart_bus(w);
        expect_end(w);
        expect_presence(w, "online", "Reading");
        world_start_online(w);
        expect_availability(w, "free");
        process_kill(holder);
}

/* ---- the system bus ---- */

#define MM_ROOT  "/org/freedesktop/ModemManager1"
#define MM_MODEM MM_ROOT "/Modem/0"
#define MM_CALL  MM_ROOT "/Call/1"

static struct mock *start_modem_in_call(struct world *w, const struct private_bus *bus) {
        struct mock *mm = mock_new(w, bus,
                                   &(struct mock_options){ "org.freedesktop.ModemManager1", MM_ROOT,
                                                           "org.freedesktop.ModemManager1", .has_objects = true });

        mock_call(mm, MM_ROOT, "AddObject", "ssa{sv}a(ssss)", MM_MODEM, "org.freedesktop.ModemManager1.Modem.Voice", 1,
                  "Calls", "ao", 1, MM_CALL, 0);
        mock_call(mm, MM_ROOT, "AddObject", "ssa{sv}a(ssss)", MM_CALL, "org.freedesktop.ModemManager1.Call", 1,
                  "State", "i", 4, 0);
        mock_call(mm, MM_MODEM, "EmitSignal", "sssav", "org.freedesktop.ModemManager1.Modem.Voice", "CallAdded", "o",
                  1, "o", MM_CALL);
        return mm;
}

WORLD_TEST(bus_loss, a_system_bus_that_goes_is_opened_again, .no_homeserver = true) {
        struct private_bus *bus = world_system_bus(w);
        struct mock *mm = start_modem_in_call(w, bus);

        world_start(w);
        expect_source(w, "modemmanager", "watching");
        expect_availability(w, "busy");
        private_bus_stop(bus);
        expect_source_detail(w, "modemmanager", "the system bus is gone");
        expect_source(w, "modemmanager", "unavailable");
        expect_availability(w, "free");
        check(w, private_bus_restart(bus), "no system bus");
        mock_free(mm);
        mm = start_modem_in_call(w, bus);
        expect_source(w, "modemmanager", "watching");
        expect_availability(w, "busy");
        mock_free(mm);
        private_bus_free(bus);
}

WORLD_TEST(bus_loss, a_system_bus_that_comes_later_is_found, .no_homeserver = true) {
        struct private_bus *bus;
        struct mock *mm;

        world_start(w);
        expect_source_detail(w, "modemmanager", "no system bus");
        bus = world_system_bus(w);
        mm = start_modem_in_call(w, bus);
        expect_source(w, "modemmanager", "watching");
        expect_availability(w, "busy");
        mock_free(mm);
        private_bus_free(bus);
}

/* ---- buses that hang ---- */

/* Seconds after which libsystemd gives up a bus that does not let it in. */
#define HANG_ENDS_AFTER 90

/* Who connects waits there for ever. */
static int mute_bus(struct world *w, const char *name) {
        struct sockaddr_un at = { .sun_family = AF_UNIX };
        int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

        snprintf(at.sun_path, sizeof(at.sun_path), "%s", world_path(w, "%s", name));
        (void) unlink(at.sun_path);
        check(w, fd >= 0 && bind(fd, (struct sockaddr *) &at, sizeof(at)) == 0 && listen(fd, 16) == 0,
              "no socket for a bus");
        return fd;
}

WORLD_TEST(bus_loss, a_system_bus_that_answers_nothing_does_not_hold_up_the_end, .no_homeserver = true) {
        int fd = mute_bus(w, "system.socket");
        time_t begun;

        world_start(w);
        begun = time(NULL);
        cr_assert_eq(world_stop(w), 0);
        check(w, time(NULL) - begun < HANG_ENDS_AFTER / 2, "busyd waits for the system bus");
        close(fd);
}

static int wait_connection(struct world *w, int fd) {
        struct pollfd p = { .fd = fd, .events = POLLIN };

        check(w, poll(&p, 1, (int) patience()) > 0, "nobody comes to the bus");
        return accept4(fd, NULL, NULL, SOCK_CLOEXEC);
}

/* It is asked where the state is kept, and then, on another connection, whether busyd runs already. */
static void end_at_connection(struct world *w, int n) {
        int fd, connection = -1;

        private_bus_stop(w->bus);
        fd = mute_bus(w, "bus.socket");
        w->busyd = world_spawn(w);
        for (int i = 0; i < n; i++) {
                if (connection >= 0)
                        close(connection);
                connection = wait_connection(w, fd);
        }
        check(w, world_stop(w) == 0, "busyd ended with %#x", (unsigned) w->status);
        close(connection);
        close(fd);
}

WORLD_TEST(bus_loss, a_user_bus_that_lets_nobody_in_does_not_hold_up_the_end) {
        end_at_connection(w, 1);
}

WORLD_TEST(bus_loss, nor_does_one_that_does_not_say_who_is_there) {
        end_at_connection(w, 2);
}

WORLD_TEST(bus_loss, a_user_bus_that_gives_no_name_holds_up_nothing) {
        const struct hs_match whoami = { .path = "*/whoami" };

        hs_person_sets(w->hs, PHONE, "online", "Reading");
        hs_fault(w->hs, &(struct hs_fault){ .match = whoami, .kind = HS_HANG });
        w->busyd = world_spawn(w);
        check(w, hs_wait_request(w->hs, whoami, 0, patience(), NULL), "the server is not asked");
        private_bus_hang(w->bus, true);
        hs_clear_faults(w->hs);
        check(w, hs_wait_seen(w->hs, patience()), "the server is not listened to");
        call_starts(w, ROOM, "c1");
        expect_presence(w, HS_BUSY, NULL);
        check(w, world_stop(w) == 0, "busyd ended with %#x", (unsigned) w->status);
        expect_presence(w, "online", "Reading");
        private_bus_hang(w->bus, false);
}
