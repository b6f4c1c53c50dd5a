/* Calls to the daemon, see bus.h. */
#include <errno.h>
#include <stdarg.h>
#include <stdio.h>

#include "busyctl/bus.h"
#include "busyctl/print.h"
#include "json/json.h"
#include "util/clock.h"
#include "util/text.h"

/* Of the specification, with the NUL. */
#define SIGNATURE_MAX 256

/* The unit that D-Bus activation starts too. */
#define SYSTEMD   "org.freedesktop.systemd1"
#define UNIT_PATH "/org/freedesktop/systemd1/unit/busyd_2eservice"
/* It takes its name after two seconds at the latest. */
#define START_MAX (10 * USEC_PER_SEC)

static int read_value(sd_bus_message *m, json_t **ret);

static int json_from_text(const char *s, json_t **ret) {
        size_t size = strlen(s) + 1;
        SCOPED(free) char *printable = malloc(size);

        if (!printable)
                return -ENOMEM;
        *ret = json_string(text_printable(printable, size, s));
        return *ret ? 0 : -ENOMEM;
}

static int read_basic(sd_bus_message *m, char type, json_t **ret) {
        union {
                const char *s;
                int b;
                uint32_t u;
                uint64_t t;
                double d;
        } v = { .t = 0 };
        int r = sd_bus_message_read_basic(m, type, &v);

        if (r < 0)
                return r;
        switch (type) {
        case 's':
        case 'o':
                return json_from_text(v.s, ret);
        case 'b':
                *ret = json_boolean(v.b);
                break;
        case 'u':
                *ret = json_integer(v.u);
                break;
        case 't':
                *ret = json_integer(v.t > INT64_MAX ? INT64_MAX : (json_int_t) v.t);
                break;
        case 'd':
                *ret = json_real(v.d);
                break;
        default:
                return -EOPNOTSUPP;
        }
        return *ret ? 0 : -ENOMEM;
}

/* Values up to the end of what was entered, as an array. */
static int read_values(sd_bus_message *m, json_t **ret) {
        SCOPED(json_decref) json_t *values = json_array();

        if (!values)
                return -ENOMEM;
        for (;;) {
                json_t *value;
                int r = sd_bus_message_at_end(m, false);

                if (r < 0)
                        return r;
                if (r > 0)
                        break;
                r = read_value(m, &value);
                if (r < 0)
                        return r;
                if (json_array_append_new(values, value) < 0)
                        return -ENOMEM;
        }
        *ret = TAKE(values);
        return 0;
}

static int read_pair(sd_bus_message *m, const char *contents, json_t *object) {
        const char *key;
        json_t *value;
        int r = sd_bus_message_enter_container(m, 'e', contents);

        if (r <= 0)
                return r;
        r = sd_bus_message_read_basic(m, contents[0], &key);
        if (r < 0)
                return r;
        r = read_value(m, &value);
        if (r < 0)
                return r;
        if (json_object_set_new(object, key, value) < 0)
                return -ENOMEM;
        r = sd_bus_message_exit_container(m);
        return r < 0 ? r : 1;
}

/* A dictionary with texts for keys. */
static int read_object(sd_bus_message *m, const char *contents, json_t **ret) {
        SCOPED(json_decref) json_t *object = json_object();
        char pair[SIGNATURE_MAX];
        int r;

        if (!object)
                return -ENOMEM;
        /* Without the braces. */
        (void) snprintf(pair, sizeof(pair), "%.*s", (int) strlen(contents) - 2, contents + 1);
        if (pair[0] != 's' && pair[0] != 'o')
                return -EOPNOTSUPP;
        do
                r = read_pair(m, pair, object);
        while (r > 0);
        if (r == 0)
                *ret = TAKE(object);
        return r;
}

static int read_value(sd_bus_message *m, json_t **ret) {
        const char *contents;
        char type;
        int r = sd_bus_message_peek_type(m, &type, &contents);

        if (r <= 0)
                return r < 0 ? r : -EBADMSG;
        if (!contents)
                return read_basic(m, type, ret);
        r = sd_bus_message_enter_container(m, type, contents);
        if (r < 0)
                return r;
        if (type == 'v')
                r = read_value(m, ret);
        else if (type == 'a' && contents[0] == '{')
                r = read_object(m, contents, ret);
        else
                r = read_values(m, ret);
        if (r < 0)
                return r;
        r = sd_bus_message_exit_container(m);
        if (r < 0) {
                json_decref(*ret);
                return r;
        }
        return 0;
}

enum exit_code bus_open(struct ctl *c) {
        int r;

        if (c->bus)
                return CTL_OK;
        r = sd_bus_open_user_with_description(&c->bus, "busyctl");
        if (r >= 0)
                return CTL_OK;
        c->bus = NULL;
        if (!c->quiet)
                complain("Cannot reach the user bus: %s. busyctl must run in the session of a logged-in user.",
                         strerror(-r));
        return CTL_UNREACHABLE;
}

void bus_close(struct ctl *c) {
        c->bus = sd_bus_flush_close_unref(c->bus);
}

/* The daemon, or what should start it, is not there: as opposed to an answer that says no. */
static bool is_absent(const sd_bus_error *e) {
        static const char *const names[] = {
                SD_BUS_ERROR_SERVICE_UNKNOWN, SD_BUS_ERROR_NAME_HAS_NO_OWNER, SD_BUS_ERROR_NO_REPLY,
                SD_BUS_ERROR_DISCONNECTED,    SD_BUS_ERROR_TIMEOUT,           SD_BUS_ERROR_NO_SERVER,
        };

        for (size_t i = 0; i < ARRAY_SIZE(names); i++)
                if (sd_bus_error_has_name(e, names[i]))
                        return true;
        /* Activation that failed: by the bus, or by systemd for the bus. */
        return e->name && (strncmp(e->name, "org.freedesktop.DBus.Error.Spawn", 32) == 0 ||
                           strncmp(e->name, "org.freedesktop.systemd1.", 25) == 0);
}

static bool is_not_running(const sd_bus_error *e) {
        return sd_bus_error_has_name(e, SD_BUS_ERROR_SERVICE_UNKNOWN) ||
               sd_bus_error_has_name(e, SD_BUS_ERROR_NAME_HAS_NO_OWNER);
}

/* Of the unit, as systemd calls it: "inactive", "failed", ...; "" if nobody keeps one. The caller frees; NULL without
 * memory. */
static char *unit_state(struct ctl *c) {
        sd_bus_message *m = NULL, *reply = NULL;
        const char *state = "";
        char *copy;
        int r = sd_bus_message_new_method_call(c->bus, &m, SYSTEMD, UNIT_PATH, DBUS_PROPS, "Get");

        if (r >= 0)
                r = sd_bus_message_append(m, "ss", SYSTEMD ".Unit", "ActiveState");
        if (r >= 0)
                r = sd_bus_message_set_auto_start(m, false);
        if (r >= 0)
                r = sd_bus_call(c->bus, m, 0, NULL, &reply);
        if (r >= 0 && sd_bus_message_read(reply, "v", "s", &state) < 0)
                state = "";
        copy = strdup(state);
        sd_bus_message_unref(reply);
        sd_bus_message_unref(m);
        return copy;
}

/* `message`: why it could not be started, NULL if nobody tried. */
static void complain_of_absence(struct ctl *c, const char *message) {
        SCOPED(free) char *state = unit_state(c);

        /* One that has failed too often does not start before it is reset; after a single failure that does no harm.
         */
        if (state && streq(state, "failed")) {
                complain("busyd is not running: it has failed. Why is in: journalctl --user -u busyd");
                complain("Start it again with: systemctl --user reset-failed busyd && systemctl --user start busyd");
        } else
                complain("busyd is not running%s%s. Start it with: systemctl --user start busyd",
                         message ? " and could not be started: " : "", message ? message : "");
}

/* busyctl was upgraded, and the busyd that runs was not yet: only ever more can be asked of it. */
static bool is_older(const sd_bus_error *e) {
        static const char *const names[] = { SD_BUS_ERROR_UNKNOWN_METHOD, SD_BUS_ERROR_UNKNOWN_INTERFACE,
                                             SD_BUS_ERROR_UNKNOWN_PROPERTY, SD_BUS_ERROR_UNKNOWN_OBJECT };

        for (size_t i = 0; i < ARRAY_SIZE(names); i++)
                if (sd_bus_error_has_name(e, names[i]))
                        return true;
        return false;
}

static enum exit_code failed(struct ctl *c, const sd_bus_error *e, int r) {
        const char *message = e->message && e->message[0] ? e->message : strerror(-r);
        bool absent = is_absent(e) || r == -ENOTCONN || r == -ECONNRESET;

        if (c->quiet)
                return absent ? CTL_UNREACHABLE : CTL_FAILED;
        if (sd_bus_error_has_name(e, SD_BUS_ERROR_NO_REPLY) || sd_bus_error_has_name(e, SD_BUS_ERROR_TIMEOUT))
                complain("busyd does not answer. See: systemctl --user status busyd");
        else if (is_not_running(e))
                complain_of_absence(c, NULL);
        else if (absent)
                complain_of_absence(c, message);
        else if (is_older(e))
                complain("The busyd that runs is older than busyctl, and does not know this. Start it anew: systemctl "
                         "--user restart busyd");
        else
                complain("%s", message);
        return absent ? CTL_UNREACHABLE : CTL_FAILED;
}

/* By systemd, where there is one: at a login, bars ask before busyd is there. */
static bool is_being_started(struct ctl *c) {
        SCOPED(free) char *state = unit_state(c);

        return state && streq(state, "activating");
}

static bool has_owner(struct ctl *c) {
        return sd_bus_get_name_creds(c->bus, BUS_NAME, 0, NULL) >= 0;
}

/* Whether it is there by now. */
static bool wait_for_start(struct ctl *c) {
        usec_t deadline = clock_now() + START_MAX;

        if (!is_being_started(c) || bus_watch(c) < 0)
                return false;
        while (!has_owner(c))
                if (bus_wait(c, deadline) <= 0)
                        return false;
        return true;
}

static int call(struct ctl *c, const char *interface, const char *method, sd_bus_error *error, json_t **ret,
                const char *types, va_list ap) {
        sd_bus_message *m = NULL, *reply = NULL;
        int r = sd_bus_message_new_method_call(c->bus, &m, BUS_NAME, BUS_PATH, interface, method);

        if (r >= 0 && types)
                r = sd_bus_message_appendv(m, types, ap);
        if (r >= 0 && c->when_absent != ABSENT_START)
                r = sd_bus_message_set_auto_start(m, false);
        if (r >= 0)
                r = sd_bus_call(c->bus, m, 0, error, &reply);
        if (r >= 0 && ret)
                r = read_values(reply, ret);
        sd_bus_message_unref(reply);
        sd_bus_message_unref(m);
        return r;
}

enum exit_code bus_call(struct ctl *c, const char *interface, const char *method, json_t **ret, const char *types,
                        ...) {
        sd_bus_error error = SD_BUS_ERROR_NULL;
        enum exit_code code = bus_open(c);
        va_list ap;
        int r;

        if (code != CTL_OK)
                return code;
        va_start(ap, types);
        r = call(c, interface, method, &error, ret, types, ap);
        va_end(ap);
        if (r < 0 && c->when_absent == ABSENT_WAIT && is_not_running(&error) && wait_for_start(c)) {
                sd_bus_error_free(&error);
                va_start(ap, types);
                r = call(c, interface, method, &error, ret, types, ap);
                va_end(ap);
        }
        if (r < 0)
                code = failed(c, &error, r);
        sd_bus_error_free(&error);
        return code;
}

static int on_signal(sd_bus_message *m, void *userdata, sd_bus_error *error) {
        return 0;
}

int bus_watch(struct ctl *c) {
        int r = sd_bus_add_match(c->bus, NULL, "type='signal',sender='" BUS_NAME "',path_namespace='" BUS_PATH "'",
                                 on_signal, NULL);

        if (r >= 0)
                r = sd_bus_add_match(c->bus, NULL,
                                     "type='signal',sender='org.freedesktop.DBus',member='NameOwnerChanged',"
                                     "arg0='" BUS_NAME "'",
                                     on_signal, NULL);
        if (r < 0)
                complain("Cannot watch busyd: %s", strerror(-r));
        return r;
}

int bus_wait(struct ctl *c, usec_t deadline) {
        for (;;) {
                usec_t now = clock_now();
                int r = sd_bus_process(c->bus, NULL);

                if (r != 0)
                        return r;
                if (now >= deadline)
                        return 0;
                r = sd_bus_wait(c->bus, deadline - now);
                if (r < 0)
                        return r;
        }
}

enum exit_code bus_sessions_changed(struct ctl *c) {
        struct ctl quiet = { .bus = c->bus, .when_absent = ABSENT_LEAVE, .quiet = true };
        enum exit_code code = bus_call(&quiet, BUS_MANAGER, "ReloadAccounts", NULL, NULL);

        c->bus = quiet.bus;
        if (code == CTL_FAILED)
                complain("busyd runs, but could not take that up. See: busyctl status");
        return code;
}
