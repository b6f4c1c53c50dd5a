/* See bus_watch.h. */
#include "bus_watch.h"

#include <stdio.h>

#include "util/clock.h"

struct bus_watch {
        sd_event *event;
        sd_bus *bus;
        const char *interface, *property; /* constants of the caller */
        char value[64];
        usec_t at;
};

static int read_value(struct bus_watch *watch, sd_bus_message *m) {
        const char *contents, *text;
        int32_t number;
        char type;
        int r = sd_bus_message_peek_type(m, &type, &contents);

        if (r < 0)
                return r;
        if (streq(contents, "s")) {
                r = sd_bus_message_read(m, "v", "s", &text);
                if (r >= 0)
                        (void) snprintf(watch->value, sizeof(watch->value), "%s", text);
                return r;
        }
        r = sd_bus_message_read(m, "v", "i", &number);
        if (r >= 0)
                (void) snprintf(watch->value, sizeof(watch->value), "%d", number);
        return r;
}

static int read_changes(struct bus_watch *watch, sd_bus_message *m) {
        const char *name;
        int r;

        r = sd_bus_message_read(m, "s", &name);
        if (r < 0 || !streq(name, watch->interface))
                return r;
        r = sd_bus_message_enter_container(m, 'a', "{sv}");
        while (r >= 0 && (r = sd_bus_message_enter_container(m, 'e', "sv")) > 0) {
                r = sd_bus_message_read(m, "s", &name);
                if (r >= 0 && streq(name, watch->property)) {
                        watch->at = clock_now();
                        return read_value(watch, m);
                }
                r = r < 0 ? r : sd_bus_message_skip(m, "v");
                r = r < 0 ? r : sd_bus_message_exit_container(m);
        }
        return r;
}

static int on_changed(sd_bus_message *m, void *userdata, sd_bus_error *ret_error) {
        if (read_changes(userdata, m) < 0)
                abort();
        return 0;
}

struct bus_watch *bus_watch_new(sd_event *event, const struct private_bus *bus, const char *path,
                                const char *interface, const char *property) {
        struct bus_watch *watch = calloc(1, sizeof(*watch));

        if (!watch)
                abort();
        watch->event = sd_event_ref(event);
        watch->interface = interface;
        watch->property = property;
        if (sd_bus_new(&watch->bus) < 0 || sd_bus_set_address(watch->bus, private_bus_address(bus)) < 0 ||
            sd_bus_set_bus_client(watch->bus, true) < 0 || sd_bus_start(watch->bus) < 0 ||
            sd_bus_match_signal(watch->bus, NULL, NULL, path, "org.freedesktop.DBus.Properties", "PropertiesChanged",
                                on_changed, watch) < 0 ||
            sd_bus_attach_event(watch->bus, event, 0) < 0)
                abort();
        return watch;
}

struct bus_watch *bus_watch_free(struct bus_watch *watch) {
        if (!watch)
                return NULL;
        sd_bus_flush_close_unref(watch->bus);
        sd_event_unref(watch->event);
        free(watch);
        return NULL;
}

const char *bus_watch_value(const struct bus_watch *watch, usec_t *ret_at) {
        *ret_at = watch->at;
        return watch->value;
}

sd_bus *bus_watch_bus(struct bus_watch *watch) {
        return watch->bus;
}

void loop_until(sd_event *event, struct world *w, bool (*done)(void *userdata), void *userdata, const char *what) {
        usec_t deadline = clock_now() + (usec_t) patience() * USEC_PER_MSEC;

        while (!done(userdata)) {
                usec_t now = clock_now();

                check(w, now < deadline, "never: %s", what);
                check(w, sd_event_run(event, deadline - now) >= 0, "the loop fails");
        }
}

struct wanted {
        const struct bus_watch *watch;
        const char *value;
};

static bool is_told(void *userdata) {
        const struct wanted *wanted = userdata;

        return streq(wanted->watch->value, wanted->value);
}

usec_t bus_watch_wait(struct bus_watch *watch, struct world *w, const char *value) {
        loop_until(watch->event, w, is_told, &(struct wanted){ watch, value }, value);
        return watch->at;
}
