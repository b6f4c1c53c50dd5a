/* The bus object as its users see it: a real dbus-daemon, control.c with a scripted manager in a process of its own,
 * and libdbus, which is nobody's relative, as the client. */
#include <criterion/criterion.h>
#include <dbus/dbus.h>
#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "control/control.h"
#include "control_script.h"
#include "control_xml.h"

#define ROOT        "/org/busyd/Busyd1"
#define NAME        "org.busyd.Busyd1"
#define MANAGER     NAME ".Manager"
#define ERROR(name) NAME ".Error." name
#define DEADLINE_MS 20000

struct fixture {
        char dir[64], address[256];
        pid_t bus_pid, pid;
        int fd;
        DBusConnection *client;
};

static struct fixture f;

/* A child that dies with us. Returns 0 in it. */
static pid_t fork_bound(void) {
        pid_t parent = getpid(), pid = fork();

        cr_assert_geq(pid, 0);
        if (pid == 0 && (prctl(PR_SET_PDEATHSIG, SIGKILL) < 0 || getppid() != parent))
                _exit(94);
        return pid;
}

static void read_text(int fd, char *buf, size_t size) {
        struct pollfd p = { .fd = fd, .events = POLLIN };
        ssize_t n;

        cr_assert_eq(poll(&p, 1, DEADLINE_MS), 1, "nothing came");
        n = read(fd, buf, size - 1);
        cr_assert_gt(n, 0);
        buf[n] = '\0';
}

static void start_bus(void) {
        char config[128], print[32];
        int fds[2];
        FILE *file;

        (void) snprintf(f.dir, sizeof(f.dir), "/tmp/busyd-control.XXXXXX");
        cr_assert(mkdtemp(f.dir));
        (void) snprintf(config, sizeof(config), "%s/bus.conf", f.dir);
        file = fopen(config, "we");
        cr_assert(file);
        (void) fprintf(file,
                       "<busconfig><type>session</type><listen>unix:path=%s/bus</listen><auth>EXTERNAL</auth>"
                       "<policy context='default'><allow send_destination='*'/><allow receive_sender='*'/>"
                       "<allow own='*'/></policy></busconfig>\n",
                       f.dir);
        cr_assert_eq(fclose(file), 0);
        cr_assert_eq(pipe(fds), 0);
        (void) snprintf(print, sizeof(print), "--print-address=%d", fds[1]);
        f.bus_pid = fork_bound();
        if (f.bus_pid == 0) {
                char argument[160];

                (void) snprintf(argument, sizeof(argument), "--config-file=%s", config);
                execlp("dbus-daemon", "dbus-daemon", argument, "--nofork", print, NULL);
                _exit(95);
        }
        (void) close(fds[1]);
        read_text(fds[0], f.address, sizeof(f.address));
        f.address[strcspn(f.address, "\n")] = '\0';
        (void) close(fds[0]);
}

static pid_t start_control(int *ret_fd) {
        int fds[2];
        pid_t pid;

        cr_assert_eq(socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, fds), 0);
        pid = fork_bound();
        if (pid == 0) {
                (void) close(fds[0]);
                _exit(serve(f.address, fds[1]));
        }
        (void) close(fds[1]);
        *ret_fd = fds[0];
        return pid;
}

static DBusConnection *connect_client(void) {
        DBusConnection *c = dbus_connection_open_private(f.address, NULL);

        cr_assert(c);
        dbus_connection_set_exit_on_disconnect(c, FALSE);
        cr_assert(dbus_bus_register(c, NULL));
        return c;
}

static void disconnect_client(DBusConnection *c) {
        dbus_connection_close(c);
        dbus_connection_unref(c);
}

static void do_it(const char *line) {
        cr_assert_eq(write(f.fd, line, strlen(line)), (ssize_t) strlen(line));
}

static void expect_told(const char *expected) {
        char line[1024];

        read_text(f.fd, line, sizeof(line));
        cr_assert_str_eq(line, expected);
}

static void set_up(void) {
        DBusError error = DBUS_ERROR_INIT;

        start_bus();
        f.pid = start_control(&f.fd);
        expect_told("publish 0");
        f.client = connect_client();
        /* With an error to fill it waits for the answer: from now on no signal is missed. */
        dbus_bus_add_match(f.client, "type='signal',path_namespace='" ROOT "'", &error);
        cr_assert_not(dbus_error_is_set(&error));
}

static void end_child(pid_t pid, bool kill_it) {
        int status;

        if (kill_it)
                (void) kill(pid, SIGTERM);
        cr_assert_eq(waitpid(pid, &status, 0), pid);
        if (!kill_it)
                cr_assert(WIFEXITED(status) && WEXITSTATUS(status) == 0, "status %d", status);
}

static void tear_down(void) {
        char path[128];

        /* In this order: nobody reads any more what it would tell of the client's leaving. */
        (void) close(f.fd);
        end_child(f.pid, false);
        disconnect_client(f.client);
        end_child(f.bus_pid, true);
        (void) snprintf(path, sizeof(path), "%s/bus.conf", f.dir);
        (void) unlink(path);
        (void) snprintf(path, sizeof(path), "%s/bus", f.dir);
        (void) unlink(path);
        cr_assert_eq(rmdir(f.dir), 0);
}

TestSuite(control_bus, .init = set_up, .fini = tear_down);

/* ---- calls ---- */

static DBusMessage *send_call(DBusConnection *c, DBusMessage *m, DBusError *error) {
        DBusMessage *reply = dbus_connection_send_with_reply_and_block(c, m, DEADLINE_MS, error);

        dbus_message_unref(m);
        return reply;
}

static DBusMessage *new_call(const char *path, const char *interface, const char *method, int type, va_list ap) {
        DBusMessage *m = dbus_message_new_method_call(NAME, path, interface, method);

        cr_assert(m);
        cr_assert(type == DBUS_TYPE_INVALID || dbus_message_append_args_valist(m, type, ap));
        return m;
}

/* Returns the reply, which must be one. */
static DBusMessage *call(DBusConnection *c, const char *path, const char *interface, const char *method, int type,
                         ...) {
        DBusError error = DBUS_ERROR_INIT;
        DBusMessage *reply;
        va_list ap;

        va_start(ap, type);
        reply = send_call(c, new_call(path, interface, method, type, ap), &error);
        va_end(ap);
        cr_assert(reply, "%s: %s: %s", method, error.name, error.message);
        return reply;
}

/* The call must fail with this error, and its text must have these words. */
static void expect_error(const char *what, const char *name, const char *words, DBusConnection *c, DBusMessage *m) {
        DBusError error = DBUS_ERROR_INIT;

        cr_assert_null(send_call(c, m, &error), "%s", what);
        cr_assert_str_eq(error.name, name, "%s", what);
        cr_assert(strstr(error.message, words), "%s: %s", what, error.message);
        dbus_error_free(&error);
}

static DBusMessage *request(const char *method, int type, ...) {
        DBusMessage *m;
        va_list ap;

        va_start(ap, type);
        m = new_call(ROOT, MANAGER, method, type, ap);
        va_end(ap);
        return m;
}

static uint32_t hold(DBusConnection *c, const char *app, uint64_t duration) {
        const char *reason = "why";
        DBusMessage *reply;
        uint32_t cookie;

        if (duration > 0)
                reply = call(c, ROOT, MANAGER, "HoldFor", DBUS_TYPE_STRING, &app, DBUS_TYPE_STRING, &reason,
                             DBUS_TYPE_UINT64, &duration, DBUS_TYPE_INVALID);
        else
                reply = call(c, ROOT, MANAGER, "Hold", DBUS_TYPE_STRING, &app, DBUS_TYPE_STRING, &reason,
                             DBUS_TYPE_INVALID);
        cr_assert(dbus_message_get_args(reply, NULL, DBUS_TYPE_UINT32, &cookie, DBUS_TYPE_INVALID));
        dbus_message_unref(reply);
        return cookie;
}

static DBusMessage *release(uint32_t cookie) {
        return request("Release", DBUS_TYPE_UINT32, &cookie, DBUS_TYPE_INVALID);
}

/* Writes what a reply holds, in the order of its fields, with a space before each. */
static void put_values(struct xml_text *out, DBusMessageIter *at) {
        for (; dbus_message_iter_get_arg_type(at) != DBUS_TYPE_INVALID; dbus_message_iter_next(at)) {
                int type = dbus_message_iter_get_arg_type(at);
                DBusBasicValue v = { 0 };
                char number[32];

                if (dbus_type_is_container(type)) {
                        DBusMessageIter inner;

                        dbus_message_iter_recurse(at, &inner);
                        xml_put(out, type == DBUS_TYPE_ARRAY ? " [" : "");
                        put_values(out, &inner);
                        xml_put(out, type == DBUS_TYPE_ARRAY ? " ]" : "");
                        continue;
                }
                dbus_message_iter_get_basic(at, &v);
                (void) snprintf(number, sizeof(number), "%llu", (unsigned long long) v.u64);
                xml_put(out, " ");
                xml_put(out, type == DBUS_TYPE_STRING || type == DBUS_TYPE_OBJECT_PATH ? v.str : number);
        }
}

static const char *values_of(DBusMessage *m) {
        static struct xml_text out;
        DBusMessageIter at;

        out.text[0] = '\0';
        if (dbus_message_iter_init(m, &at))
                put_values(&out, &at);
        dbus_message_unref(m);
        return out.text;
}

/* The next signal, as "path member values". */
static void expect_signal(const char *expected) {
        struct timespec start, now;

        (void) clock_gettime(CLOCK_MONOTONIC, &start);
        for (;;) {
                DBusMessage *m = dbus_connection_pop_message(f.client);

                if (!m) {
                        (void) clock_gettime(CLOCK_MONOTONIC, &now);
                        cr_assert_lt((now.tv_sec - start.tv_sec) * 1000, DEADLINE_MS, "no %s", expected);
                        cr_assert(dbus_connection_read_write(f.client, 1000));
                        continue;
                }
                if (dbus_message_get_type(m) == DBUS_MESSAGE_TYPE_SIGNAL && dbus_message_get_path(m) &&

                    strncmp(dbus_message_get_path(m), ROOT, strlen(ROOT)) == 0) {
                        char got[4096];

                        (void) snprintf(got, sizeof(got), "%s %s", dbus_message_get_path(m) + strlen(ROOT),
                                        dbus_message_get_member(m));
                        strncat(got, values_of(m), sizeof(got) - strlen(got) - 1);
                        cr_assert_str_eq(got, expected);
                        return;
                }
                dbus_message_unref(m);
        }
}

#define ACCOUNT_ADDED(claim)                                                                                          \
        " InterfacesAdded " ROOT "/account/my_2ehome [ " NAME                                                         \
        ".Account [ UserId @a:b Homeserver https://b Server  State online RetryAt 0 Problem  Outputs [ "              \
        "presence " claim " busy: In a call online: Here  profile off   not supported ] "                             \
        "EncryptedCalls verified KeysWithheld 0 Unreadable 1 ] ]"
#define CALL_ADDED(counts)                                                                                            \
        " InterfacesAdded " ROOT "/call/12 [ " NAME ".Call [ Source pipewire App Firefox What holds the microphone "  \
        "Phase active Evidence strong Since 3 Counts " counts " Sign  ] ]"
#define MANAGER_CHANGED(values) " PropertiesChanged " MANAGER " [" values " ] [ ]"

/* ---- tests ---- */

static void read_contract(char *buf, size_t size) {
        FILE *file = fopen(DBUS_XML, "re");
        size_t n;

        cr_assert(file, "%s", DBUS_XML);
        n = fread(buf, 1, size - 1, file);
        buf[n] = '\0';
        (void) fclose(file);
}

static void expect_contract(const char *path, const char *interface) {
        static char contract[XML_TEXT_MAX];
        static struct xml_text wanted, got;
        DBusMessage *reply;
        const char *xml;

        wanted.text[0] = got.text[0] = '\0';
        read_contract(contract, sizeof(contract));
        reply = call(f.client, path, DBUS_INTERFACE_INTROSPECTABLE, "Introspect", DBUS_TYPE_INVALID);
        cr_assert(dbus_message_get_args(reply, NULL, DBUS_TYPE_STRING, &xml, DBUS_TYPE_INVALID));
        cr_assert(xml_put_interface(&wanted, contract, interface), "%s", interface);
        cr_assert(xml_put_interface(&got, xml, interface), "%s of %s", interface, path);
        cr_assert_str_eq(got.text, wanted.text);
        dbus_message_unref(reply);
}

Test(control_bus, exports_the_contract) {
        do_it("account");
        expect_signal(ACCOUNT_ADDED("free"));
        expect_signal(" InterfacesAdded " ROOT
                      "/source/pipewire [ org.busyd.Busyd1.Source [ State watching Detail  Calls 0 ] ]");
        do_it("call");
        expect_signal(CALL_ADDED("0 WhyNot in 3s"));
        expect_contract(ROOT, MANAGER);
        expect_contract(ROOT "/account/my_2ehome", NAME ".Account");
        expect_contract(ROOT "/call/12", NAME ".Call");
        expect_contract(ROOT "/source/pipewire", NAME ".Source");
}

Test(control_bus, sends_one_signal_for_a_burst_and_none_for_what_was_undone) {
        do_it("free");
        expect_signal(MANAGER_CHANGED(" Since 5000000 Settled 1"));
        do_it("burst");
        expect_signal(MANAGER_CHANGED(" Availability busy Since 7000098 Problem b"));
        do_it("free");
        expect_signal(MANAGER_CHANGED(" Availability free Since 5000000 Problem "));
        do_it("undone");
        do_it("free");
        do_it("problem");
        expect_signal(MANAGER_CHANGED(" Problem look ?[1m here?"));
}

Test(control_bus, objects_come_change_and_go) {
        do_it("fleeting call");
        do_it("call");
        expect_signal(CALL_ADDED("0 WhyNot in 3s"));
        do_it("call");
        do_it("call counts");
        expect_signal("/call/12 PropertiesChanged org.busyd.Busyd1.Call [ Counts 1 WhyNot  ] [ ]");
        do_it("call gone");
        expect_signal(" InterfacesRemoved " ROOT "/call/12 [ org.busyd.Busyd1.Call ]");
}

Test(control_bus, outputs_of_an_account_change_as_one_value) {
        do_it("account held");
        expect_signal(ACCOUNT_ADDED("held"));
        do_it("account held");
        do_it("account gone");
        expect_signal(" InterfacesRemoved " ROOT "/account/my_2ehome [ org.busyd.Busyd1.Account ]");
}

Test(control_bus, explains_from_what_it_was_told) {
        DBusMessage *reply;

        do_it("account held");
        expect_signal(ACCOUNT_ADDED("held"));
        do_it("call counts");
        expect_signal(CALL_ADDED("1 WhyNot "));
        reply = call(f.client, ROOT, MANAGER, "Explain", DBUS_TYPE_INVALID);
        cr_assert_str_eq(dbus_message_get_signature(reply), "a(tsssssbts)a(ssssss)");
        cr_assert_str_eq(values_of(reply),
                         " [ 12 pipewire Firefox holds the microphone active strong 1 3  ] [ my.home "
                         "presence held busy: In a call online: Here  my.home profile off   not "
                         "supported ]");
}

Test(control_bus, history_is_as_long_as_asked_and_allowed) {
        uint32_t two = 2, many = 100000;
        DBusMessage *reply;
        DBusMessageIter at;

        cr_assert_str_eq(
                values_of(call(f.client, ROOT, MANAGER, "History", DBUS_TYPE_UINT32, &two, DBUS_TYPE_INVALID)),
                " [ 1000 busy because 999 free because ]");
        reply = call(f.client, ROOT, MANAGER, "History", DBUS_TYPE_UINT32, &many, DBUS_TYPE_INVALID);
        cr_assert(dbus_message_iter_init(reply, &at));
        cr_assert_eq(dbus_message_iter_get_element_count(&at), CONTROL_HISTORY_MAX);
        dbus_message_unref(reply);
}

Test(control_bus, effects_are_as_many_as_asked_and_allowed) {
        uint32_t two = 2, many = 100000;
        DBusMessage *reply;
        DBusMessageIter at;

        cr_assert_str_eq(
                values_of(call(f.client, ROOT, MANAGER, "Effects", DBUS_TYPE_UINT32, &two, DBUS_TYPE_INVALID)),
                " [ 1000 on-busy 1 it has run 999 on-busy 0 it has run ]");
        reply = call(f.client, ROOT, MANAGER, "Effects", DBUS_TYPE_UINT32, &many, DBUS_TYPE_INVALID);
        cr_assert(dbus_message_iter_init(reply, &at));
        cr_assert_eq(dbus_message_iter_get_element_count(&at), CONTROL_HISTORY_MAX);
        dbus_message_unref(reply);
}

Test(control_bus, holds_belong_to_their_owner) {
        DBusConnection *other = connect_client();
        uint32_t first = hold(f.client, "first", 0), second = hold(other, "second", 0);

        cr_assert(first != 0 && second != 0 && first != second);
        expect_told("hold 4294967295 first why 0");
        expect_told("hold 1 second why 0");
        expect_error("a stranger's", ERROR("NoSuchHold"), "cookie 4294967295", other, release(first));
        dbus_message_unref(send_call(f.client, release(first), NULL));
        expect_told("release 4294967295");
        expect_error("twice", ERROR("NoSuchHold"), "cookie 4294967295", f.client, release(first));
        disconnect_client(other);
        expect_told("release 1");
}

Test(control_bus, all_holds_of_a_leaver_end) {
        DBusConnection *other = connect_client();

        (void) hold(other, "a", 0);
        (void) hold(other, "b", 0);
        (void) hold(f.client, "c", 0);
        expect_told("hold 4294967295 a why 0");
        expect_told("hold 1 b why 0");
        expect_told("hold 2 c why 0");
        disconnect_client(other);
        expect_told("release 1");
        expect_told("release 4294967295");
        dbus_message_unref(send_call(f.client, release(2), NULL));
        expect_told("release 2");
}

/* Asks and leaves before the answer: whatever the daemon sees first, nothing may stay. */
Test(control_bus, a_hold_ends_when_its_owner_left_before_it_began) {
        const char *app = "hasty", *reason = "why";
        DBusConnection *other = connect_client();
        DBusMessage *m = request("Hold", DBUS_TYPE_STRING, &app, DBUS_TYPE_STRING, &reason, DBUS_TYPE_INVALID);

        cr_assert(dbus_connection_send(other, m, NULL));
        dbus_message_unref(m);
        dbus_connection_flush(other);
        disconnect_client(other);
        expect_told("hold 4294967295 hasty why 0");
        expect_told("release 4294967295");
}

Test(control_bus, timed_holds_outlive_their_owner) {
        DBusConnection *other = connect_client();
        uint32_t timed = hold(other, "timed", 5 * USEC_PER_SEC), untimed = hold(other, "untimed", 0);

        expect_told("hold 4294967295 timed why 5000000");
        expect_told("hold 1 untimed why 0");
        disconnect_client(other);
        expect_told("release 1");
        dbus_message_unref(send_call(f.client, release(timed), NULL));
        expect_told("release 4294967295");
        cr_assert_neq(timed, untimed);
}

Test(control_bus, a_hold_that_ended_by_itself_is_forgotten) {
        uint32_t timed = hold(f.client, "timed", 1);

        expect_told("hold 4294967295 timed why 1");
        do_it("4294967295");
        expect_told("ended");
        expect_error("ended", ERROR("NoSuchHold"), "cookie 4294967295", f.client, release(timed));
}

Test(control_bus, a_hold_that_the_manager_refuses_is_none) {
        const char *app = "refused", *reason = "";

        expect_error("refused", ERROR("Failed"), "Cannot hold", f.client,
                     request("Hold", DBUS_TYPE_STRING, &app, DBUS_TYPE_STRING, &reason, DBUS_TYPE_INVALID));
        expect_told("hold 4294967295 refused  0");
        expect_error("not there", ERROR("NoSuchHold"), "cookie 4294967295", f.client, release(4294967295));
}

static void hold_many(DBusConnection *c, size_t n) {
        for (size_t i = 0; i < n; i++) {
                char line[1024];

                (void) hold(c, "many", 0);
                read_text(f.fd, line, sizeof(line));
        }
}

Test(control_bus, holds_are_limited) {
        const char *app = "one more", *reason = "";
        DBusConnection *other = connect_client(), *third = connect_client();

        hold_many(f.client, CONTROL_HOLDS_PER_PEER_MAX);
        expect_error("of one peer", ERROR("TooManyHolds"), "32", f.client,
                     request("Hold", DBUS_TYPE_STRING, &app, DBUS_TYPE_STRING, &reason, DBUS_TYPE_INVALID));
        hold_many(other, CONTROL_HOLDS_MAX - CONTROL_HOLDS_PER_PEER_MAX);
        expect_error("in all", ERROR("TooManyHolds"), "64", third,
                     request("Hold", DBUS_TYPE_STRING, &app, DBUS_TYPE_STRING, &reason, DBUS_TYPE_INVALID));
        disconnect_client(third);
        disconnect_client(other);
        for (size_t i = 0; i < CONTROL_HOLDS_MAX - CONTROL_HOLDS_PER_PEER_MAX; i++) {
                char line[1024];

                read_text(f.fd, line, sizeof(line));
                cr_assert_eq(strncmp(line, "release", 7), 0, "%s", line);
        }
}

Test(control_bus, modes_are_passed_on) {
        const char *busy = "busy", *message = "Writing";
        uint64_t duration = 60 * USEC_PER_SEC;

        dbus_message_unref(call(f.client, ROOT, MANAGER, "SetMode", DBUS_TYPE_STRING, &busy, DBUS_TYPE_UINT64,
                                &duration, DBUS_TYPE_STRING, &message, DBUS_TYPE_INVALID));
        expect_told("mode busy 60000000 0 Writing");
        expect_error("no call", ERROR("NoCall"), "no call", f.client,
                     request("SetFreeUntilCallsEnd", DBUS_TYPE_INVALID));
        expect_told("mode free 0 1 ");
        expect_error("bad config", ERROR("Config"), "busyd.conf:3", f.client, request("Reload", DBUS_TYPE_INVALID));
}

Test(control_bus, accounts_are_let_go_by_name) {
        const char *home = "home", *other = "other", *empty = "";

        dbus_message_unref(call(f.client, ROOT, MANAGER, "ReloadAccounts", DBUS_TYPE_INVALID));
        expect_told("reload accounts");
        dbus_message_unref(call(f.client, ROOT, MANAGER, "LetGo", DBUS_TYPE_STRING, &home, DBUS_TYPE_INVALID));
        expect_told("let go home");
        expect_error("no such account", ERROR("NoSuchAccount"), "\"other\"", f.client,
                     request("LetGo", DBUS_TYPE_STRING, &other, DBUS_TYPE_INVALID));
        expect_told("let go other");
        expect_error("no name", ERROR("InvalidArgument"), "account is empty", f.client,
                     request("LetGo", DBUS_TYPE_STRING, &empty, DBUS_TYPE_INVALID));
}

static const struct mode_row {
        const char *what, *mode;
        uint64_t duration;
        const char *message, *words;
} bad_modes[] = {
        { "unknown mode", "lunch", 0, "", "mode" },
        { "empty mode", "", 0, "", "mode" },
        { "31 days", "busy", 31 * 24 * USEC_PER_HOUR, "", "duration" },
        { "for ever", "free", UINT64_MAX, "", "30 days" },
        { "auto with an end", "auto", 1, "", "duration" },
        { "message for free", "free", 0, "x", "message" },
        { "message of two lines", "busy", 0, "a\nb", "message has control characters" },
        { "message with C1", "busy", 0, "a\xc2\x9b", "message has control characters" },
};

Test(control_bus, bad_modes_are_named) {
        for (size_t i = 0; i < ARRAY_SIZE(bad_modes); i++) {
                const struct mode_row *row = &bad_modes[i];

                expect_error(row->what, ERROR("InvalidArgument"), row->words, f.client,
                             request("SetMode", DBUS_TYPE_STRING, &row->mode, DBUS_TYPE_UINT64, &row->duration,
                                     DBUS_TYPE_STRING, &row->message, DBUS_TYPE_INVALID));
        }
}

Test(control_bus, bad_holds_are_named) {
        char long_text[CONTROL_TEXT_MAX + 2] = "";
        const struct {
                const char *what, *app, *reason;
                uint64_t duration;
                const char *words;
        } rows[] = {
                { "no app", "", "x", 1, "app is empty" },
                { "long app", long_text, "x", 1, "app has 513 bytes, at most 512" },
                { "long reason", "x", long_text, 1, "reason has 513 bytes" },
                { "escape in app", "\x1b[0m", "x", 1, "app has control characters" },
                { "no duration", "x", "x", 0, "duration is 0" },
                { "long duration", "x", "x", CONTROL_DURATION_MAX + 1, "30 days" },
        };

        memset(long_text, 'a', sizeof(long_text) - 1);
        for (size_t i = 0; i < ARRAY_SIZE(rows); i++)
                expect_error(rows[i].what, ERROR("InvalidArgument"), rows[i].words, f.client,
                             request("HoldFor", DBUS_TYPE_STRING, &rows[i].app, DBUS_TYPE_STRING, &rows[i].reason,
                                     DBUS_TYPE_UINT64, &rows[i].duration, DBUS_TYPE_INVALID));
}

static DBusMessage *ignore(const char *app, const char *source, dbus_bool_t once) {
        return request("Ignore", DBUS_TYPE_STRING, &app, DBUS_TYPE_STRING, &source, DBUS_TYPE_BOOLEAN, &once,
                       DBUS_TYPE_INVALID);
}

static DBusMessage *allow(const char *app) {
        const char *source = "";

        return request("Allow", DBUS_TYPE_STRING, &app, DBUS_TYPE_STRING, &source, DBUS_TYPE_INVALID);
}

Test(control_bus, what_is_ignored_is_passed_on) {
        dbus_message_unref(send_call(f.client, ignore("zoom", "pipewire", false), NULL));
        expect_told("ignore zoom pipewire 0");
        expect_error("no call", ERROR("NoCall"), "no such call", f.client, ignore("zoom", "", true));
        expect_told("ignore zoom  1");
        expect_error("no source", ERROR("InvalidArgument"), "nowhere", f.client, ignore("zoom", "nowhere", false));
        expect_told("ignore zoom nowhere 0");
        expect_error("no app", ERROR("InvalidArgument"), "app is empty", f.client, ignore("", "", false));
        expect_error("escape in source", ERROR("InvalidArgument"), "source has control characters", f.client,
                     ignore("zoom", "\x1b[0m", false));
        dbus_message_unref(send_call(f.client, allow("zoom"), NULL));
        expect_told("allow zoom ");
        expect_error("not ignored", ERROR("NotIgnored"), "not ignored", f.client, allow("skype"));
        expect_told("allow skype ");
        cr_assert_str_eq(values_of(call(f.client, ROOT, MANAGER, "Ignored", DBUS_TYPE_INVALID)),
                         " [ zoom  zoom pipewire ]");
}

Test(control_bus, what_was_looked_at_is_told_up_to_a_limit) {
        const char *first = " [ pipewire 7 zoom records known strong [ ZOOM VoiceEngine zo?om ]", *got;
        DBusMessage *reply = send_call(f.client, request("Streams", DBUS_TYPE_INVALID), NULL);
        DBusMessageIter at;

        cr_assert(dbus_message_iter_init(reply, &at));
        cr_assert_eq(dbus_message_iter_get_element_count(&at), CONTROL_STREAMS_MAX);
        got = values_of(reply);
        cr_assert_eq(strncmp(got, first, strlen(first)), 0, "%.100s", got);
}

Test(control_bus, a_second_instance_is_told) {
        char line[64], expected[64];
        pid_t pid;
        int fd;

        pid = start_control(&fd);
        (void) snprintf(expected, sizeof(expected), "publish %d", -EEXIST);
        read_text(fd, line, sizeof(line));
        cr_assert_str_eq(line, expected);
        end_child(pid, false);
        (void) close(fd);
}
