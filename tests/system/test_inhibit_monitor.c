/* Requests to be kept awake, where no desktop tells of them. */
#include "system/notice.h"
#include "system/rest.h"

#define SOURCE      "other-inhibitors"
#define SCREENSAVER "org.freedesktop.ScreenSaver"
#define POWER       "org.freedesktop.PowerManagement"
#define WEBRTC      "WebRTC has active PeerConnections"

/* A request, answered with the number; 0: with an error. */
static void inhibit(struct world *w, DBusConnection *program, DBusConnection *service, const char *name,
                    const char *interface, const char *app, const char *reason, dbus_uint32_t number) {
        DBusMessage *m = dbus_message_new_method_call(name, "/", interface, "Inhibit"), *reply;

        dbus_message_append_args(m, DBUS_TYPE_STRING, &app, DBUS_TYPE_STRING, &reason, DBUS_TYPE_INVALID);
        desk_send(program, m);
        m = desk_next_call(w, service, "Inhibit");
        reply = number != 0 ? dbus_message_new_method_return(m) : dbus_message_new_error(m, DBUS_ERROR_FAILED, NULL);
        if (number != 0)
                dbus_message_append_args(reply, DBUS_TYPE_UINT32, &number, DBUS_TYPE_INVALID);
        dbus_message_unref(m);
        desk_send(service, reply);
}

static void uninhibit(DBusConnection *program, const char *name, const char *interface, dbus_uint32_t number) {
        DBusMessage *m = dbus_message_new_method_call(name, "/", interface, "UnInhibit");

        dbus_message_append_args(m, DBUS_TYPE_UINT32, &number, DBUS_TYPE_INVALID);
        desk_send(program, m);
}

struct desk {
        DBusConnection *service, *program;
};

static struct desk start(struct world *w) {
        struct desk d = { .service = desk_connect(w), .program = desk_connect(w) };

        desk_own(w, d.service, SCREENSAVER);
        desk_own(w, d.service, POWER);
        world_config(w, "[busyd]\nend-grace = 0s\nhint-end-grace = 0s\nlog-level = debug\n");
        world_start(w);
        expect_source(w, SOURCE, "watching");
        return d;
}

static void end(struct desk *d) {
        desk_disconnect(d->program);
        desk_disconnect(d->service);
}

WORLD_TEST(inhibit_monitor, a_request_is_a_call_until_taken_back, .no_homeserver = true) {
        struct desk d = start(w);

        inhibit(w, d.program, d.service, SCREENSAVER, SCREENSAVER, "jami", "In a call", 5);
        expect_phases(w, "active");
        expect_availability(w, "busy");
        uninhibit(d.program, SCREENSAVER, SCREENSAVER, 5);
        expect_phases(w, "");
        expect_availability(w, "free");
        end(&d);
}

WORLD_TEST(inhibit_monitor, the_services_count_apart, .no_homeserver = true) {
        struct desk d = start(w);

        inhibit(w, d.program, d.service, SCREENSAVER, SCREENSAVER, "jami", "In a call", 5);
        inhibit(w, d.program, d.service, POWER, POWER ".Inhibit", "/opt/google/chrome/chrome", WEBRTC, 5);
        expect_phases(w, "active active");
        expect_shown(w, "google-chrome");
        uninhibit(d.program, POWER, POWER ".Inhibit", 5);
        expect_phases(w, "active");
        expect_availability(w, "busy");
        end(&d);
}

WORLD_TEST(inhibit_monitor, ends_with_its_program, .no_homeserver = true) {
        struct desk d = start(w);

        inhibit(w, d.program, d.service, SCREENSAVER, SCREENSAVER, "jami", "In a call", 5);
        expect_phases(w, "active");
        desk_disconnect(d.program);
        expect_phases(w, "");
        desk_disconnect(d.service);
}

WORLD_TEST(inhibit_monitor, ends_with_the_service, .no_homeserver = true) {
        struct desk d = start(w);

        inhibit(w, d.program, d.service, SCREENSAVER, SCREENSAVER, "jami", "In a call", 5);
        expect_phases(w, "active");
        desk_disconnect(d.service);
        expect_phases(w, "");
        expect_source(w, SOURCE, "unavailable");
        desk_disconnect(d.program);
}

WORLD_TEST(inhibit_monitor, others_nothing_and_garbage, .no_homeserver = true) {
        struct desk d = start(w);
        DBusConnection *other = desk_connect(w);
        DBusMessage *m;

        inhibit(w, d.program, d.service, SCREENSAVER, SCREENSAVER, "vlc", "Playing video", 1);
        inhibit(w, d.program, d.service, SCREENSAVER, SCREENSAVER, "vlc", "In a call", 2);
        inhibit(w, d.program, d.service, SCREENSAVER, SCREENSAVER, "jami", "In a call", 0);
        desk_send(d.program, dbus_message_new_method_call(SCREENSAVER, "/", SCREENSAVER, "Inhibit"));
        m = desk_next_call(w, d.service, "Inhibit");
        dbus_message_unref(m);
        desk_send(d.program, dbus_message_new_method_call(SCREENSAVER, "/", SCREENSAVER, "UnInhibit"));
        inhibit(w, d.program, d.service, SCREENSAVER, SCREENSAVER, "jami", "In a call", 3);
        uninhibit(other, SCREENSAVER, SCREENSAVER, 3); /* not its own */
        inhibit(w, other, d.service, SCREENSAVER, SCREENSAVER, "im.dino.Dino", "Ongoing call", 4);
        expect_phases(w, "active active");
        desk_disconnect(other);
        expect_phases(w, "active");
        end(&d);
}

WORLD_TEST(inhibit_monitor, leaves_it_to_a_desktop_that_tells, .no_homeserver = true) {
        struct desk d = start(w);
        DBusConnection *gnome = desk_connect(w);

        inhibit(w, d.program, d.service, SCREENSAVER, SCREENSAVER, "jami", "In a call", 5);
        expect_phases(w, "active");
        desk_own(w, gnome, "org.gnome.SessionManager");
        expect_source(w, SOURCE, "unavailable");
        expect_source_detail(w, SOURCE, "tells by itself");
        expect_phases(w, "");
        desk_disconnect(gnome);
        expect_source(w, SOURCE, "watching");
        end(&d);
}

/* ---- the portal ---- */

#define PORTAL_PATH "/org/freedesktop/portal/desktop"
#define HANDLE      PORTAL_PATH "/request/1_9/abc"

static void portal_inhibit(struct world *w, DBusConnection *program, DBusConnection *portal, const char *reason) {
        DBusMessage *m = dbus_message_new_method_call(PORTAL, PORTAL_PATH, "org.freedesktop.portal.Inhibit",
                                                      "Inhibit"),
                    *reply;
        const char *window = "", *name = "reason", *handle = HANDLE;
        dbus_uint32_t flags = 8;
        DBusMessageIter i, dict, entry, variant;

        dbus_message_append_args(m, DBUS_TYPE_STRING, &window, DBUS_TYPE_UINT32, &flags, DBUS_TYPE_INVALID);
        dbus_message_iter_init_append(m, &i);
        dbus_message_iter_open_container(&i, DBUS_TYPE_ARRAY, "{sv}", &dict);
        dbus_message_iter_open_container(&dict, DBUS_TYPE_DICT_ENTRY, NULL, &entry);
        dbus_message_iter_append_basic(&entry, DBUS_TYPE_STRING, &name);
        dbus_message_iter_open_container(&entry, DBUS_TYPE_VARIANT, "s", &variant);
        dbus_message_iter_append_basic(&variant, DBUS_TYPE_STRING, &reason);
        dbus_message_iter_close_container(&entry, &variant);
        dbus_message_iter_close_container(&dict, &entry);
        dbus_message_iter_close_container(&i, &dict);
        desk_send(program, m);
        m = desk_next_call(w, portal, "Inhibit");
        reply = dbus_message_new_method_return(m);
        dbus_message_append_args(reply, DBUS_TYPE_OBJECT_PATH, &handle, DBUS_TYPE_INVALID);
        dbus_message_unref(m);
        desk_send(portal, reply);
}

WORLD_TEST(inhibit_monitor, a_portal_request_is_closed, .no_homeserver = true) {
        struct desk d = start(w);
        DBusConnection *portal = desk_connect(w);

        desk_own(w, portal, PORTAL);
        portal_inhibit(w, d.program, portal, WEBRTC);
        expect_phases(w, "active");
        desk_send(d.program, dbus_message_new_method_call(PORTAL, HANDLE, "org.freedesktop.portal.Request", "Close"));
        expect_phases(w, "");
        desk_disconnect(portal);
        end(&d);
}

/* ---- it is quiet ---- */

#define N 20

WORLD_TEST(inhibit_monitor, films_and_programs_that_come_and_go_are_let_be, .no_homeserver = true) {
        struct private_bus *system = world_system_bus(w);
        struct desk d = start(w);
        unsigned long long before = wakeups_at_rest(w), after;

        programs_come_and_go(w, N);
        after = wakeups_at_rest(w);
        check(w, after == before, "%llu times for %d programs", after - before, N);
        for (dbus_uint32_t i = 1; i <= N; i++) {
                inhibit(w, d.program, d.service, SCREENSAVER, SCREENSAVER, "vlc", "Playing a film", i);
                uninhibit(d.program, SCREENSAVER, SCREENSAVER, i);
        }
        before = after;
        after = wakeups_at_rest(w);
        check(w, after <= before + N, "%llu times for %d films", after - before, N);
        end(&d);
        cr_assert_eq(world_stop(w), 0);
        private_bus_free(system);
}
