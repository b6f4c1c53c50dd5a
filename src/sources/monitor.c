/* See monitor.h. The bus disconnects a monitor that sends, and sd-bus replies by itself to calls that nobody took:
 * hence the monitor mode of sd-bus, and a filter that takes every message. */
#include "sources/monitor.h"

#include <errno.h>
#include <malloc.h>

#include "core/backoff.h"
#include "sources/base.h"
#include "util/clock.h"
#include "util/later.h"

#define BUS_NAME    "org.freedesktop.DBus"
#define BUS_PATH    "/org/freedesktop/DBus"
#define RETRY_FIRST (1 * USEC_PER_SEC)
#define RETRY_CAP   (5 * USEC_PER_MIN)
/* Messages with images come in megabytes. Blocks above this size go back to the system with the message; left to
 * itself, malloc() would raise the mark to the largest of them and keep as much. */
#define MAPPED_MIN (128 * 1024)

struct monitor {
        sd_event *event;
        char *address;
        const char *const *rules;
        const struct monitor_ops *ops;
        void *userdata;
        sd_bus *bus;
        sd_bus_slot *become;
        struct later retry;
        struct backoff backoff;
        bool listens;
};

static void disconnect_bus(struct monitor *m) {
        m->listens = false;
        m->become = sd_bus_slot_unref(m->become);
        m->bus = sd_bus_close_unref(m->bus);
}

/* The connection stays until the next try replaces it: this runs from within its callbacks. */
static void plan_retry(struct monitor *m) {
        m->listens = false;
        later_set(&m->retry, backoff_next(&m->backoff, random_u32()));
}

static void lose(struct monitor *m, const char *why) {
        if (later_is_set(&m->retry))
                return;
        plan_retry(m);
        m->ops->down(m->userdata, false, why);
}

static int on_message(sd_bus_message *message, void *userdata, sd_bus_error *error) {
        struct monitor *m = userdata;

        (void) sd_bus_message_sensitive(message);
        if (sd_bus_message_is_signal(message, "org.freedesktop.DBus.Local", "Disconnected"))
                lose(m, "the bus has cut the connection");
        else if (m->listens) {
                backoff_reset(&m->backoff);
                m->ops->message(m->userdata, message);
        }
        return 1;
}

/* AppArmor, a sandbox's proxy, a bus without monitors: asking again would not help. */
static bool is_refusal(const sd_bus_error *error) {
        return sd_bus_error_has_names(error, SD_BUS_ERROR_ACCESS_DENIED, SD_BUS_ERROR_AUTH_FAILED,
                                      SD_BUS_ERROR_UNKNOWN_METHOD, SD_BUS_ERROR_UNKNOWN_INTERFACE,
                                      SD_BUS_ERROR_NOT_SUPPORTED, SD_BUS_ERROR_MATCH_RULE_INVALID);
}

static int on_become(sd_bus_message *reply, void *userdata, sd_bus_error *ret_error) {
        struct monitor *m = userdata;
        const sd_bus_error *error = sd_bus_message_get_error(reply);

        m->become = sd_bus_slot_unref(m->become);
        if (!error) {
                m->listens = true;
                m->ops->up(m->userdata);
        } else if (is_refusal(error))
                m->ops->down(m->userdata, true, error->name);
        else
                lose(m, error->name);
        return 1;
}

static int ask_to_become(struct monitor *m) {
        SCOPED(sd_bus_message_unref) sd_bus_message *call = NULL;
        int r = sd_bus_message_new_method_call(m->bus, &call, BUS_NAME, BUS_PATH, BUS_NAME ".Monitoring",
                                               "BecomeMonitor");

        if (r < 0)
                return r;
        r = sd_bus_message_append_strv(call, (char **) (uintptr_t) m->rules);
        if (r < 0)
                return r;
        r = sd_bus_message_append(call, "u", 0);
        if (r < 0)
                return r;
        return sd_bus_call_async(m->bus, &m->become, call, on_become, m, 0);
}

static int open_bus(struct monitor *m) {
        int r = sd_bus_new(&m->bus);

        if (r < 0)
                return r;
        (void) sd_bus_set_description(m->bus, "monitor");
        r = sd_bus_set_address(m->bus, m->address);
        if (r >= 0)
                r = sd_bus_set_bus_client(m->bus, true);
        if (r >= 0)
                r = sd_bus_set_monitor(m->bus, true);
        if (r >= 0)
                r = sd_bus_start(m->bus);
        if (r >= 0)
                r = sd_bus_add_filter(m->bus, NULL, on_message, m);
        if (r >= 0)
                r = sd_bus_attach_event(m->bus, m->event, SD_EVENT_PRIORITY_NORMAL);
        return r < 0 ? r : ask_to_become(m);
}

static int connect_bus(struct monitor *m) {
        int r;

        disconnect_bus(m);
        r = open_bus(m);
        if (r < 0) {
                disconnect_bus(m);
                plan_retry(m);
        }
        return r;
}

usec_t monitor_run(struct monitor *m, usec_t now) {
        int r = later_run(&m->retry, now) ? connect_bus(m) : 0;

        if (r < 0)
                m->ops->down(m->userdata, false, strerror(-r));
        return later_at(&m->retry, now);
}

int monitor_new(struct monitor **ret, sd_event *event, sd_bus *like, const char *const *rules,
                const struct monitor_ops *ops, void *userdata) {
        SCOPED(monitor_free) struct monitor *m = calloc(1, sizeof(*m));
        const char *address;
        int r = sd_bus_get_address(like, &address);

        if (r < 0)
                return r;
        if (!m)
                return -ENOMEM;
        *m = (struct monitor){
                .event = sd_event_ref(event),
                .address = strdup(address),
                .rules = rules,
                .ops = ops,
                .userdata = userdata,
                .backoff = { .first = RETRY_FIRST, .cap = RETRY_CAP },
        };
        if (!m->address)
                return -ENOMEM;
        (void) mallopt(M_MMAP_THRESHOLD, MAPPED_MIN);
        r = connect_bus(m);
        if (r < 0)
                return r;
        *ret = TAKE(m);
        return 0;
}

struct monitor *monitor_free(struct monitor *m) {
        if (!m)
                return NULL;
        disconnect_bus(m);
        sd_event_unref(m->event);
        free(m->address);
        free(m);
        return NULL;
}
