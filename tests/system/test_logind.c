/* Sleep, and sessions that are not in front: logind played by a mock. */
#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

#include "system/mock.h"

#define NAME    "org.freedesktop.login1"
#define PATH    "/org/freedesktop/login1"
#define MANAGER "org.freedesktop.login1.Manager"
#define SESSION "org.freedesktop.login1.Session"
#define OURS    PATH "/session/_32"
#define THEIRS  PATH "/session/_33"
#define OURS_2  PATH "/session/_34"

struct stage {
        struct world *w;
        struct private_bus *bus;
        struct mock *logind, *call; /* NULL: none */
        int inhibitor; /* reads from what the inhibitor writes to: readable once taken, hung up once let go */
};

#define LOGIND_TEST(test, ...)                                                                                        \
        static void test##_on(struct stage *s);                                                                       \
        WORLD_TEST(logind, test, __VA_ARGS__) {                                                                       \
                struct stage s = { .w = w, .bus = world_system_bus(w) };                                              \
                                                                                                                      \
                stage_open(&s);                                                                                       \
                test##_on(&s);                                                                                        \
                mock_free(s.call);                                                                                    \
                mock_free(s.logind);                                                                                  \
                close(s.inhibitor);                                                                                   \
                private_bus_free(s.bus);                                                                              \
        }                                                                                                             \
        static void test##_on(struct stage *s)

/* Inhibit, as code of the mock. */
static const char *inhibit(struct stage *s) {
        static char code[512];

        snprintf(code, sizeof(code),
                 "import os\n"
                 "fd = os.open('%s', os.O_WRONLY)\n"
                 "os.write(fd, b'x')\n"
                 "ret = dbus.types.UnixFd(fd)\n"
                 "os.close(fd)\n",
                 world_path(s->w, "inhibitor"));
        return code;
}

static void start_logind(struct stage *s) {
        char setup[1024];

        snprintf(setup, sizeof(setup), "mock.AddMethod('" MANAGER "', 'Inhibit', 'ssss', 'h', '''\n%s''')",
                 inhibit(s));
        s->logind =
                mock_new(s->w, s->bus,
                         &(struct mock_options){ .name = NAME, .path = PATH, .interface = MANAGER, .setup = setup });
}

static int open_reader(struct stage *s) {
        int fd = open(world_path(s->w, "inhibitor"), O_RDONLY | O_NONBLOCK | O_CLOEXEC);

        check(s->w, fd >= 0, "no FIFO");
        return fd;
}

static void stage_open(struct stage *s) {
        mkfifo(world_path(s->w, "inhibitor"), 0600);
        s->inhibitor = open_reader(s);
        start_logind(s);
}

static void add_session(struct stage *s, const char *path, const char *class, const char *type, int active) {
        mock_call(s->logind, PATH, "AddObject", "ssa{sv}a(ssss)", path, SESSION, 4, "Id", "s", "2", "Class", "s",
                  class, "Type", "s", type, "Active", "b", active, 0);
}

static void add_desktop(struct stage *s, const char *path, int active) {
        add_session(s, path, "user", "wayland", active);
}

static void set_active(struct stage *s, const char *path, int active) {
        mock_call(s->logind, path, "UpdateProperties", "sa{sv}", SESSION, 1, "Active", "b", active);
}

static void switch_session(struct stage *s, const char *from, const char *to) {
        set_active(s, from, 0);
        set_active(s, to, 1);
}

/* A session of the user's, or of somebody else's, on a seat; "": on none. */
struct listed {
        const char *path, *seat;
        enum { MINE, OTHERS } whose;
};

/* What there is: replaces the list; ends with one that has no path. */
static void list_sessions(struct stage *s, const struct listed *sessions) {
        char code[1024];
        int n = snprintf(code, sizeof(code), "ret = dbus.Array([], signature='(susso)')\n");

        for (; sessions->path; sessions++)
                n += snprintf(code + n, sizeof(code) - (size_t) n,
                              "ret.append(('2', dbus.UInt32(%u), 'somebody', '%s', dbus.ObjectPath('%s')))\n",
                              getuid() + sessions->whose, sessions->seat, sessions->path);
        mock_call(s->logind, PATH, "AddMethod", "sssss", MANAGER, "ListSessions", "", "a(susso)", code);
}

#define LIST_SESSIONS(s, ...) list_sessions(s, (const struct listed[]){ __VA_ARGS__, {} })

static void set_inhibit(struct stage *s, const char *code) {
        mock_call(s->logind, PATH, "AddMethod", "sssss", MANAGER, "Inhibit", "ssss", "h", code);
}

static void tell_sleep(struct stage *s, int about_to) {
        mock_call(s->logind, PATH, "EmitSignal", "sssav", MANAGER, "PrepareForSleep", "b", 1, "b", about_to);
}

static void expect_inhibited(struct stage *s) {
        struct pollfd p = { .fd = s->inhibitor, .events = POLLIN };
        char taken;

        check(s->w, poll(&p, 1, (int) patience()) > 0 && read(s->inhibitor, &taken, 1) == 1, "no inhibitor is taken");
}

static void expect_let_go(struct stage *s) {
        struct pollfd p = { .fd = s->inhibitor };

        check(s->w, poll(&p, 1, (int) patience()) > 0 && (p.revents & POLLHUP) != 0, "sleep is not let through");
        /* a new reader has not been hung up on */
        s->inhibitor = open_reader(s);
        close(p.fd);
}

static bool is_held(struct stage *s) {
        struct pollfd p = { .fd = s->inhibitor };

        return poll(&p, 1, 0) == 0;
}

static void hold(struct stage *s) {
        const char *app = "tests", *reason = "trying";
        bool ok;

        free(peer_call(s->w->peer, BUSYD_PATH, BUSYD_MANAGER, "Hold", &ok, DBUS_TYPE_STRING, &app, DBUS_TYPE_STRING,
                       &reason, DBUS_TYPE_INVALID));
        check(s->w, ok, "no hold");
}

/* ---- sleep ---- */

LOGIND_TEST(gives_back_before_sleep_and_is_busy_again_after) {
        hs_client_polls(s->w->hs, PHONE, "online");
        hs_person_sets(s->w->hs, PHONE, "online", "Reading");
        world_start_online(s->w);
        expect_inhibited(s);
        hold(s);
        expect_presence(s->w, HS_BUSY, NULL);
        expect_claim(s->w, "held");
        check(s->w, is_held(s), "the inhibitor is gone before anything is asked of it");
        tell_sleep(s, 1);
        expect_let_go(s);
        expect_presence(s->w, "online", "Reading");
        expect_nothing_owed(s->w);
        tell_sleep(s, 0);
        expect_inhibited(s);
        expect_presence(s->w, HS_BUSY, NULL);
        tell_sleep(s, 1);
        expect_let_go(s);
        expect_nothing_owed(s->w);
}

LOGIND_TEST(nothing_owed_lets_sleep_at_once, .no_homeserver = true) {
        world_start(s->w);
        expect_inhibited(s);
        tell_sleep(s, 1);
        expect_let_go(s);
        tell_sleep(s, 1); /* told twice */
        tell_sleep(s, 0);
        expect_inhibited(s);
        tell_sleep(s, 0);
        tell_sleep(s, 1);
        expect_let_go(s);
}

/* busyd starts while the machine is about to sleep, and logind takes no inhibitor then. */
LOGIND_TEST(one_that_was_refused_is_taken_after_the_next_sleep, .no_homeserver = true) {
        set_inhibit(s, "raise dbus.exceptions.DBusException('not now', name='" MANAGER ".OperationInProgress')");
        world_start(s->w);
        check(s->w, world_wait_log(s->w, "does not let busyd hold up sleep"), "it is not told");
        set_inhibit(s, inhibit(s));
        tell_sleep(s, 0);
        expect_inhibited(s);
        tell_sleep(s, 1);
        expect_let_go(s);
        tell_sleep(s, 0);
        expect_inhibited(s);
}

LOGIND_TEST(a_server_that_does_not_answer_does_not_keep_awake) {
        world_start_online(s->w);
        expect_inhibited(s);
        hold(s);
        expect_presence(s->w, HS_BUSY, NULL);
        expect_claim(s->w, "held");
        hs_fault(s->w->hs, &(struct hs_fault){ .match = { .path = "*/presence/*" }, .kind = HS_HANG });
        tell_sleep(s, 1);
        expect_let_go(s);
        hs_clear_faults(s->w->hs);
}

LOGIND_TEST(logind_restarts_while_about_to_sleep) {
        world_start_online(s->w);
        expect_inhibited(s);
        hold(s);
        expect_presence(s->w, HS_BUSY, NULL);
        expect_claim(s->w, "held");
        tell_sleep(s, 1);
        expect_let_go(s);
        expect_nothing_owed(s->w);
        mock_free(s->logind);
        expect_presence(s->w, HS_BUSY, NULL);
        start_logind(s);
        expect_inhibited(s);
}

LOGIND_TEST(garbage_is_passed_over, .no_homeserver = true) {
        LIST_SESSIONS(s, { OURS, "seat0", MINE });
        add_desktop(s, OURS, 1);
        world_start(s->w);
        expect_inhibited(s);
        mock_call(s->logind, PATH, "EmitSignal", "sssav", MANAGER, "PrepareForSleep", "s", 1, "s", "soon");
        mock_call(s->logind, OURS, "EmitSignal", "sssav", "org.freedesktop.DBus.Properties", "PropertiesChanged",
                  "sa{sv}as", 3, "s", SESSION, "a{sv}", 1, "Active", "s", "perhaps", "as", 0);
        check(s->w, world_wait_log(s->w, "ignoring it"), "nothing was told");
        tell_sleep(s, 1);
        expect_let_go(s);
}

/* ---- the session in front ---- */

#define DINO  "/org/gnome/SessionManager/Inhibitor1"
#define GNOME "org.gnome.SessionManager"

/* A call of a local source. */
static void start_call(struct stage *s) {
        const char *path = "/org/gnome/SessionManager";

        s->call = mock_new(s->w, s->w->bus,
                           &(struct mock_options){ .name = GNOME,
                                                   .path = path,
                                                   .interface = GNOME,
                                                   .setup = "mock.AddMethod('" GNOME "', 'GetInhibitors', '', 'ao', "
                                                            "'ret = dbus.Array([\"" DINO "\"], signature=\"o\")')" });
        mock_call(s->call, path, "AddObject", "ssa{sv}a(ssss)", DINO, GNOME ".Inhibitor", 0, 2, "GetAppId", "", "s",
                  "ret = 'im.dino.Dino'", "GetReason", "", "s", "ret = 'Ongoing call'");
}

/* Ours, and somebody else's on the same seat; one of them is in front. */
static void two_people(struct stage *s, bool ours_in_front) {
        LIST_SESSIONS(s, { OURS, "seat0", MINE }, { THEIRS, "seat0", OTHERS });
        add_desktop(s, OURS, ours_in_front);
        add_desktop(s, THEIRS, !ours_in_front);
}

static void expect_away(struct stage *s) {
        expect_source_detail(s->w, "gnome-inhibitors", "not in front");
        expect_availability(s->w, "free");
}

LOGIND_TEST(local_calls_count_while_the_session_is_in_front, .no_homeserver = true) {
        start_call(s);
        two_people(s, true);
        world_start(s->w);
        expect_availability(s->w, "busy");
        switch_session(s, OURS, THEIRS);
        expect_source(s->w, "gnome-inhibitors", "unavailable");
        expect_away(s);
        switch_session(s, THEIRS, OURS);
        expect_availability(s->w, "busy");
}

/* Nobody has said that the call is over. */
LOGIND_TEST(free_holds_while_somebody_else_is_in_front, .no_homeserver = true) {
        bool ok;

        start_call(s);
        two_people(s, true);
        world_start(s->w);
        expect_availability(s->w, "busy");
        free(peer_call(s->w->peer, BUSYD_PATH, BUSYD_MANAGER, "SetFreeUntilCallsEnd", &ok, DBUS_TYPE_INVALID));
        cr_assert(ok);
        switch_session(s, OURS, THEIRS);
        expect_source(s->w, "gnome-inhibitors", "unavailable");
        switch_session(s, THEIRS, OURS);
        expect_source(s->w, "gnome-inhibitors", "watching");
        check(s->w, peer_wait_is(s->w->peer, BUSYD_PATH "/source/gnome_2dinhibitors", BUSYD_SOURCE, "Calls", "1"),
              "the call is not there again");
        check(s->w, peer_wait_is(s->w->peer, BUSYD_PATH, BUSYD_MANAGER, "ModeUntilCallsEnd", "true"), "free is over");
        expect_availability(s->w, "free");
}

LOGIND_TEST(any_session_of_the_user_will_do, .no_homeserver = true) {
        start_call(s);
        LIST_SESSIONS(s, { OURS, "seat0", MINE }, { OURS_2, "seat0", MINE }, { THEIRS, "seat0", OTHERS });
        add_desktop(s, OURS, 0);
        add_desktop(s, OURS_2, 1);
        add_desktop(s, THEIRS, 0);
        world_start(s->w);
        expect_availability(s->w, "busy");
        expect_source(s->w, "gnome-inhibitors", "watching");
        switch_session(s, OURS_2, THEIRS);
        expect_away(s);
        switch_session(s, THEIRS, OURS);
        expect_availability(s->w, "busy");
}

LOGIND_TEST(nobody_else_is_in_front_at_an_empty_console, .no_homeserver = true) {
        start_call(s);
        LIST_SESSIONS(s, { OURS, "seat0", MINE });
        add_desktop(s, OURS, 0);
        world_start(s->w);
        expect_availability(s->w, "busy");
}

/* It is in front while the screen is locked, and while who comes next logs in. */
LOGIND_TEST(a_login_screen_is_nobody, .no_homeserver = true) {
        start_call(s);
        LIST_SESSIONS(s, { OURS, "seat0", MINE }, { THEIRS, "seat0", OTHERS });
        add_desktop(s, OURS, 0);
        add_session(s, THEIRS, "greeter", "wayland", 1);
        world_start(s->w);
        expect_availability(s->w, "busy");
}

LOGIND_TEST(another_seat_is_another_place, .no_homeserver = true) {
        start_call(s);
        LIST_SESSIONS(s, { OURS, "seat0", MINE }, { THEIRS, "seat1", OTHERS });
        add_desktop(s, OURS, 0);
        add_desktop(s, THEIRS, 1);
        world_start(s->w);
        expect_availability(s->w, "busy");
}

/* It is always active, and no place at which a microphone is. */
LOGIND_TEST(a_shell_from_elsewhere_is_not_in_front, .no_homeserver = true) {
        start_call(s);
        LIST_SESSIONS(s, { OURS, "seat0", MINE }, { THEIRS, "seat0", OTHERS }, { OURS_2, "", MINE });
        add_desktop(s, OURS, 0);
        add_desktop(s, THEIRS, 1);
        add_session(s, OURS_2, "user", "tty", 1);
        world_start(s->w);
        expect_away(s);
}

LOGIND_TEST(holds_count_all_the_same, .no_homeserver = true) {
        two_people(s, false);
        world_start(s->w);
        expect_source_detail(s->w, "gnome-inhibitors", "not in front");
        hold(s);
        expect_availability(s->w, "busy");
}

LOGIND_TEST(away_at_start, .no_homeserver = true) {
        start_call(s);
        two_people(s, false);
        world_start(s->w);
        expect_away(s);
        switch_session(s, THEIRS, OURS);
        expect_availability(s->w, "busy");
}

LOGIND_TEST(without_a_session_all_counts, .no_homeserver = true) {
        start_call(s);
        LIST_SESSIONS(s, { THEIRS, "seat0", OTHERS });
        add_desktop(s, THEIRS, 1);
        world_start(s->w);
        expect_availability(s->w, "busy");
        /* one begins, in the background */
        add_desktop(s, OURS, 0);
        LIST_SESSIONS(s, { OURS, "seat0", MINE }, { THEIRS, "seat0", OTHERS });
        mock_call(s->logind, PATH, "EmitSignal", "sssav", MANAGER, "SessionNew", "so", 2, "s", "2", "o", OURS);
        expect_away(s);
        /* and ends */
        LIST_SESSIONS(s, { THEIRS, "seat0", OTHERS });
        mock_call(s->logind, PATH, "EmitSignal", "sssav", MANAGER, "SessionRemoved", "so", 2, "s", "2", "o", OURS);
        expect_availability(s->w, "busy");
}

LOGIND_TEST(logind_dies_while_away, .no_homeserver = true) {
        start_call(s);
        two_people(s, false);
        world_start(s->w);
        expect_away(s);
        mock_free(s->logind);
        expect_availability(s->w, "busy");
        start_logind(s);
}
