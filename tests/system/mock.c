#include "system/mock.h"

#include <fcntl.h>
#include <stdarg.h>
#include <stdio.h>
#include <systemd/sd-bus.h>
#include <time.h>
#include <unistd.h>

#define PYTHON "/usr/bin/python3"
#define MOCK   "org.freedesktop.DBus.Mock"

struct mock {
        struct world *world;
        sd_bus *bus;
        pid_t pid;
        char name[128];
};

static int64_t now_msec(void) {
        struct timespec t;

        clock_gettime(CLOCK_MONOTONIC, &t);
        return t.tv_sec * 1000 + t.tv_nsec / 1000000;
}

static sd_bus *connect_to(const struct private_bus *bus) {
        sd_bus *b = NULL;

        if (sd_bus_new(&b) < 0 || sd_bus_set_address(b, private_bus_address(bus)) < 0 ||
            sd_bus_set_bus_client(b, true) < 0 || sd_bus_start(b) < 0)
                abort();
        return b;
}

static bool is_there(struct mock *m) {
        return sd_bus_get_name_creds(m->bus, m->name, 0, NULL) >= 0;
}

/* Every name that comes or goes wakes us. */
static void wait_for_name(struct mock *m, bool there) {
        int64_t until = now_msec() + patience();

        while (is_there(m) != there) {
                int64_t left = until - now_msec();

                check(m->world, left > 0, "the mock of %s does not %s", m->name, there ? "come" : "go");
                if (sd_bus_process(m->bus, NULL) == 0)
                        sd_bus_wait(m->bus, (uint64_t) left * USEC_PER_MSEC);
        }
}

static int on_any(sd_bus_message *message, void *userdata, sd_bus_error *ret_error) {
        return 0;
}

/* As a template, all of which is there before the service answers anybody. */
static const char *write_template(struct world *w, const struct mock_options *o) {
        static char path[256];
        SCOPED(free) char *text = NULL;

        if (asprintf(&text,
                     "import dbus\n"
                     "BUS_NAME = '%s'\n"
                     "MAIN_OBJ = '%s'\n"
                     "MAIN_IFACE = '%s'\n"
                     "SYSTEM_BUS = False\n"
                     "IS_OBJECT_MANAGER = %s\n"
                     "def load(mock, parameters):\n"
                     "    %s\n",
                     o->name, o->path, o->interface, o->has_objects ? "True" : "False", o->setup) < 0)
                abort();
        snprintf(path, sizeof(path), "%s", world_path(w, "%s.py", o->name));
        file_put(path, text);
        return path;
}

static pid_t start_python(struct world *w, const struct private_bus *bus, const struct mock_options *o) {
        const char *argv[16] = { PYTHON, "-m", "dbusmock" };
        const char *env[] = { "PATH=/usr/bin:/bin", "LANG=C.UTF-8", NULL, NULL, NULL };
        char session[640], system_bus[640];
        int log = open(world_path(w, "mock.log"), O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600);
        size_t n = 3;
        pid_t pid;

        snprintf(session, sizeof(session), "DBUS_SESSION_BUS_ADDRESS=%s", private_bus_address(bus));
        snprintf(system_bus, sizeof(system_bus), "DBUS_SYSTEM_BUS_ADDRESS=%s", private_bus_address(bus));
        env[2] = session;
        env[3] = system_bus;
        if (o->template_name || o->setup) {
                argv[n++] = "--template";
                argv[n++] = o->template_name ?: write_template(w, o);
                argv[n++] = "--parameters";
                argv[n++] = o->parameters ?: "{}";
        } else {
                if (o->has_objects)
                        argv[n++] = "-m";
                argv[n++] = o->name;
                argv[n++] = o->path;
                argv[n++] = o->interface;
        }
        pid = process_start(
                &(struct process_options){ .argv = argv, .env = env, .in = -1, .out = log, .err = log, .pass = -1 });
        close(log);
        return pid;
}

struct mock *mock_new(struct world *w, const struct private_bus *bus, const struct mock_options *options) {
        struct mock *m = calloc(1, sizeof(*m));

        m->world = w;
        m->bus = connect_to(bus);
        snprintf(m->name, sizeof(m->name), "%s", options->name);
        if (sd_bus_match_signal(m->bus, NULL, "org.freedesktop.DBus", NULL, "org.freedesktop.DBus", "NameOwnerChanged",
                                on_any, NULL) < 0)
                abort();
        m->pid = start_python(w, bus, options);
        check(w, m->pid > 0, "python-dbusmock cannot be started");
        wait_for_name(m, true);
        return m;
}

struct mock *mock_free(struct mock *m) {
        if (!m)
                return NULL;
        process_kill(m->pid);
        wait_for_name(m, false);
        sd_bus_close_unref(m->bus);
        free(m);
        return NULL;
}

static void call(struct mock *m, const char *path, const char *interface, const char *member, const char *types,
                 va_list values) {
        sd_bus_error error = SD_BUS_ERROR_NULL;
        sd_bus_message *question = NULL;
        int r = sd_bus_message_new_method_call(m->bus, &question, m->name, path, interface, member);

        if (r >= 0 && types[0])
                r = sd_bus_message_appendv(question, types, values);
        check(m->world, r >= 0, "%s cannot be put: %s", member, strerror(-r));
        r = sd_bus_call(m->bus, question, (uint64_t) patience() * USEC_PER_MSEC, &error, NULL);
        check(m->world, r >= 0, "%s of %s: %s %s", member, m->name, error.name, error.message);
        sd_bus_error_free(&error);
        sd_bus_message_unref(question);
}

void mock_call(struct mock *m, const char *path, const char *member, const char *types, ...) {
        va_list values;

        va_start(values, types);
        call(m, path, MOCK, member, types, values);
        va_end(values);
}

void mock_use(struct mock *m, const char *path, const char *interface, const char *member, const char *types, ...) {
        va_list values;

        va_start(values, types);
        call(m, path, interface, member, types, values);
        va_end(values);
}

/* ---- what tests of sources say often ---- */

struct private_bus *world_system_bus(struct world *w) {
        struct private_bus *b = private_bus_new(w->dir, "system");

        check(w, b != NULL, "no system bus of our own");
        return b;
}

static void expect_property(struct world *w, const char *name, const char *property, const char *value, bool whole) {
        SCOPED(free) char *path = NULL;
        bool is;

        if (sd_bus_path_encode(BUSYD_PATH "/source", name, &path) < 0)
                abort();
        is = whole ? peer_wait_is(w->peer, path, BUSYD_SOURCE, property, value)
                   : peer_wait_has(w->peer, path, BUSYD_SOURCE, property, value);
        check(w, is, "source %s: %s is not %s", name, property, value);
}

void expect_source(struct world *w, const char *name, const char *state) {
        expect_property(w, name, "State", state, true);
}

void expect_source_detail(struct world *w, const char *name, const char *part) {
        expect_property(w, name, "Detail", part, false);
}

void expect_source_calls(struct world *w, const char *name, const char *count) {
        expect_property(w, name, "Calls", count, true);
}

void expect_shown(struct world *w, const char *part) {
        int64_t until = now_msec() + patience();

        for (;;) {
                SCOPED(free) char *objects = peer_objects(w->peer);

                if (strstr(objects, part))
                        return;
                check(w, now_msec() < until, "%s is not among %s", part, objects);
                peer_wait(w->peer, until - now_msec());
        }
}

void expect_untold(struct world *w, const char *secret) {
        SCOPED(free) char *objects = peer_objects(w->peer), *log = world_log(w);

        check(w, !strstr(objects, secret), "%s is on the bus", secret);
        check(w, !strstr(log, secret), "%s is in the log", secret);
}
