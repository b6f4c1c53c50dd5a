#include "system/bus.h"

#include <dbus/dbus.h>
#include <fcntl.h>
#include <limits.h>
#include <poll.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "system/broker.h"
#include "system/process.h"

/* ---- the bus ---- */

struct private_bus {
        pid_t pid;
        sd_bus *controller; /* of a dbus-broker; NULL: a dbus-daemon */
        char address[512], dir[256], name[64];
};

static const char *const bus_config =
        "<!DOCTYPE busconfig PUBLIC \"-//freedesktop//DTD D-Bus Bus Configuration 1.0//EN\"\n"
        " \"http://www.freedesktop.org/standards/dbus/1.0/busconfig.dtd\">\n"
        "<busconfig>\n"
        "  <type>session</type>\n"
        "  <listen>unix:path=%s/%s.socket</listen>\n"
        "  <servicedir>%s/services</servicedir>\n"
        "  <policy context=\"default\">\n"
        "    <allow send_destination=\"*\" eavesdrop=\"true\"/>\n"
        "    <allow eavesdrop=\"true\"/>\n"
        "    <allow own=\"*\"/>\n"
        "  </policy>\n"
        "</busconfig>\n";

static bool read_address(int fd, char *ret, size_t size) {
        struct pollfd p = { .fd = fd, .events = POLLIN };
        ssize_t n = poll(&p, 1, (int) patience()) > 0 ? read(fd, ret, size - 1) : -1;

        if (n <= 0)
                return false;
        ret[n] = 0;
        ret[strcspn(ret, "\n")] = 0;
        return true;
}

static bool start_broker(struct private_bus *b) {
        snprintf(b->address, sizeof(b->address), "unix:path=%s/%s.socket", b->dir, b->name);
        b->pid = broker_start(b->address + strlen("unix:path="), &b->controller);
        return b->pid > 0;
}

static bool wants_broker(void) {
        const char *kind = getenv("BUSYD_TEST_BUS");

        return kind && streq(kind, "dbus-broker");
}

static bool start_daemon(struct private_bus *b) {
        const char *dir = b->dir, *name = b->name;
        char config[PATH_MAX], option[PATH_MAX + 32], text[4096];
        const char *const env[] = { "PATH=/usr/local/bin:/usr/bin:/bin", NULL };
        const char *const argv[] = { "dbus-daemon", option, "--nofork", "--nopidfile", "--print-address=3", NULL };
        int fds[2];
        bool ok;

        snprintf(config, sizeof(config), "%s/services", dir);
        mkdir(config, 0700);
        snprintf(config, sizeof(config), "%s/%s.conf", dir, name);
        snprintf(option, sizeof(option), "--config-file=%s", config);
        snprintf(text, sizeof(text), bus_config, dir, name, dir);
        file_put(config, text);
        if (pipe2(fds, O_CLOEXEC) < 0)
                abort();
        b->pid = process_start(&(struct process_options){
                .argv = argv, .env = env, .in = -1, .out = -1, .err = STDERR_FILENO, .pass = fds[1], .pass_as = 3 });
        close(fds[1]);
        ok = read_address(fds[0], b->address, sizeof(b->address));
        close(fds[0]);
        return ok;
}

static bool start(struct private_bus *b) {
        return wants_broker() ? start_broker(b) : start_daemon(b);
}

void private_bus_stop(struct private_bus *b) {
        if (b->pid > 0)
                process_kill(b->pid);
        b->pid = 0;
        b->controller = sd_bus_close_unref(b->controller);
}

bool private_bus_restart(struct private_bus *b) {
        private_bus_stop(b);
        return start(b);
}

struct private_bus *private_bus_free(struct private_bus *b) {
        if (!b)
                return NULL;
        private_bus_stop(b);
        free(b);
        return NULL;
}

struct private_bus *private_bus_new(const char *dir, const char *name) {
        struct private_bus *b = calloc(1, sizeof(*b));

        snprintf(b->dir, sizeof(b->dir), "%s", dir);
        snprintf(b->name, sizeof(b->name), "%s", name);
        return start(b) ? b : private_bus_free(b);
}

void private_bus_hang(const struct private_bus *b, bool hangs) {
        (void) kill(b->pid, hangs ? SIGSTOP : SIGCONT);
}

const char *private_bus_address(const struct private_bus *b) {
        return b->address;
}

/* ---- a client ---- */

struct peer {
        DBusConnection *connection;
};

static int64_t now_msec(void) {
        struct timespec t;

        clock_gettime(CLOCK_MONOTONIC, &t);
        return t.tv_sec * 1000 + t.tv_nsec / 1000000;
}

static dbus_uint32_t bus_pid(DBusConnection *connection) {
        DBusMessage *call = dbus_message_new_method_call(DBUS_SERVICE_DBUS, DBUS_PATH_DBUS, DBUS_INTERFACE_DBUS,
                                                         "GetConnectionUnixProcessID");
        const char *name = DBUS_SERVICE_DBUS;
        dbus_uint32_t pid = 0;
        DBusMessage *reply;

        dbus_message_append_args(call, DBUS_TYPE_STRING, &name, DBUS_TYPE_INVALID);
        reply = dbus_connection_send_with_reply_and_block(connection, call, (int) patience(), NULL);
        dbus_message_unref(call);
        if (!reply)
                return 0;
        dbus_message_get_args(reply, NULL, DBUS_TYPE_UINT32, &pid, DBUS_TYPE_INVALID);
        dbus_message_unref(reply);
        return pid;
}

/* A test that ran on somebody's session bus would act on their calls. */
static bool is_own(const struct private_bus *b, DBusConnection *connection) {
        /* dbus-broker names its controller. */
        pid_t pid = b->controller ? getpid() : b->pid;

        return strstr(b->address, b->dir) && bus_pid(connection) == (dbus_uint32_t) pid;
}

struct peer *peer_new_at(const char *address) {
        struct peer *p = calloc(1, sizeof(*p));

        p->connection = dbus_connection_open_private(address, NULL);
        if (!p->connection)
                return peer_free(p);
        dbus_connection_set_exit_on_disconnect(p->connection, FALSE);
        if (!dbus_bus_register(p->connection, NULL))
                return peer_free(p);
        dbus_bus_add_match(p->connection, "type='signal'", NULL);
        return p;
}

struct peer *peer_new(const struct private_bus *b) {
        struct peer *p = peer_new_at(b->address);

        return p && is_own(b, p->connection) ? p : peer_free(p);
}

struct peer *peer_free(struct peer *p) {
        if (!p)
                return NULL;
        if (p->connection) {
                dbus_connection_close(p->connection);
                dbus_connection_unref(p->connection);
        }
        free(p);
        return NULL;
}

bool peer_sees_name(struct peer *p, const char *name) {
        return dbus_bus_name_has_owner(p->connection, name, NULL);
}

void peer_wait(struct peer *p, int64_t msec) {
        bool had = false;
        DBusMessage *m;

        while ((m = dbus_connection_pop_message(p->connection))) {
                dbus_message_unref(m);
                had = true;
        }
        if (!had)
                dbus_connection_read_write(p->connection, (int) msec);
}

/* ---- values as text ---- */

static void render(FILE *f, DBusMessageIter *i, bool nested);

static void render_all(FILE *f, DBusMessageIter *i, const char *open, const char *close) {
        DBusMessageIter inner;
        bool first = true;

        fputs(open, f);
        for (dbus_message_iter_recurse(i, &inner); dbus_message_iter_get_arg_type(&inner) != DBUS_TYPE_INVALID;
             dbus_message_iter_next(&inner)) {
                if (!first)
                        fputs(", ", f);
                first = false;
                render(f, &inner, true);
        }
        fputs(close, f);
}

static void render(FILE *f, DBusMessageIter *i, bool nested) {
        int type = dbus_message_iter_get_arg_type(i);
        DBusBasicValue v = { 0 };
        DBusMessageIter inner;

        if (dbus_type_is_basic(type))
                dbus_message_iter_get_basic(i, &v);
        switch (type) {
        case DBUS_TYPE_STRING:
        case DBUS_TYPE_OBJECT_PATH:
        case DBUS_TYPE_SIGNATURE:
                fprintf(f, nested ? "\"%s\"" : "%s", v.str);
                break;
        case DBUS_TYPE_BOOLEAN:
                fputs(v.bool_val ? "true" : "false", f);
                break;
        case DBUS_TYPE_UINT32:
                fprintf(f, "%u", v.u32);
                break;
        case DBUS_TYPE_UINT64:
                fprintf(f, "%llu", (unsigned long long) v.u64);
                break;
        case DBUS_TYPE_VARIANT:
                dbus_message_iter_recurse(i, &inner);
                render(f, &inner, nested);
                break;
        case DBUS_TYPE_ARRAY:
                render_all(f, i, "[", "]");
                break;
        case DBUS_TYPE_STRUCT:
                render_all(f, i, "(", ")");
                break;
        case DBUS_TYPE_DICT_ENTRY:
                render_all(f, i, "{", "}");
                break;
        default:
                fprintf(f, "<%c>", type);
                break;
        }
}

static char *render_message(DBusMessage *m) {
        DBusMessageIter i;
        char *text = NULL;
        size_t size;
        FILE *f = open_memstream(&text, &size);

        if (dbus_message_get_type(m) == DBUS_MESSAGE_TYPE_ERROR)
                fprintf(f, "%s: ", dbus_message_get_error_name(m));
        if (dbus_message_iter_init(m, &i))
                do {
                        if (ftell(f) > 0 && dbus_message_get_type(m) != DBUS_MESSAGE_TYPE_ERROR)
                                fputs(", ", f);
                        render(f, &i, false);
                } while (dbus_message_iter_next(&i));
        fclose(f);
        return text;
}

/* ---- asking ---- */

/* Takes the call. */
static char *ask(struct peer *p, DBusMessage *call, bool *ret_ok) {
        DBusPendingCall *pending = NULL;
        DBusMessage *reply = NULL;
        char *text;

        dbus_connection_send_with_reply(p->connection, call, &pending, (int) patience());
        dbus_message_unref(call);
        if (pending) {
                dbus_pending_call_block(pending);
                reply = dbus_pending_call_steal_reply(pending);
                dbus_pending_call_unref(pending);
        }
        if (ret_ok)
                *ret_ok = reply && dbus_message_get_type(reply) == DBUS_MESSAGE_TYPE_METHOD_RETURN;
        text = reply ? render_message(reply) : strdup("org.freedesktop.DBus.Error.Disconnected: ");
        if (reply)
                dbus_message_unref(reply);
        return text;
}

char *peer_get(struct peer *p, const char *path, const char *interface, const char *property) {
        DBusMessage *call = dbus_message_new_method_call(BUSYD_NAME, path, DBUS_INTERFACE_PROPERTIES, "Get");
        SCOPED(free) char *text = NULL;
        bool ok;

        dbus_message_append_args(call, DBUS_TYPE_STRING, &interface, DBUS_TYPE_STRING, &property, DBUS_TYPE_INVALID);
        dbus_message_set_auto_start(call, FALSE);
        text = ask(p, call, &ok);
        return ok ? TAKE(text) : NULL;
}

static bool wait_property(struct peer *p, const char *path, const char *interface, const char *property,
                          const char *value, bool whole) {
        int64_t until = now_msec() + patience();

        for (;;) {
                SCOPED(free) char *text = peer_get(p, path, interface, property);
                int64_t left = until - now_msec();

                if (text && (whole ? streq(text, value) : strstr(text, value) != NULL))
                        return true;
                if (left <= 0) {
                        fprintf(stderr, "%s %s is \"%s\", not \"%s\"\n", path, property, text ?: "(not there)", value);
                        return false;
                }
                peer_wait(p, left);
        }
}

bool peer_wait_is(struct peer *p, const char *path, const char *interface, const char *property, const char *value) {
        return wait_property(p, path, interface, property, value, true);
}

bool peer_wait_has(struct peer *p, const char *path, const char *interface, const char *property, const char *part) {
        return wait_property(p, path, interface, property, part, false);
}

char *peer_call(struct peer *p, const char *path, const char *interface, const char *method, bool *ret_ok,
                int first_type, ...) {
        DBusMessage *call = dbus_message_new_method_call(BUSYD_NAME, path, interface, method);
        va_list arguments;

        va_start(arguments, first_type);
        dbus_message_append_args_valist(call, first_type, arguments);
        va_end(arguments);
        return ask(p, call, ret_ok);
}

char *peer_objects(struct peer *p) {
        return peer_call(p, BUSYD_PATH, "org.freedesktop.DBus.ObjectManager", "GetManagedObjects", NULL,
                         DBUS_TYPE_INVALID);
}
