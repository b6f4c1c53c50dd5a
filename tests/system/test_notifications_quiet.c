/* Looking for calls among notifications wakes busyd for nothing but notifications. */
#include "system/notice.h"
#include "system/rest.h"

#define N 20

/* Without a system bus busyd would look for one now and then. */
static DBusConnection *quiet_desk(struct world *w, struct private_bus **ret_system) {
        *ret_system = world_system_bus(w);
        return desk_start(w, "");
}

static void mail_comes(struct world *w, DBusConnection *program, DBusConnection *server, uint32_t id) {
        notice_send(w, program, server, &(struct notice){ .hints = { "category", "email.arrived" } }, id);
        notice_action(server, id, "default");
        notice_closed(server, id);
}

WORLD_TEST(notifications_quiet, programs_that_come_and_go_wake_nobody, .no_homeserver = true) {
        struct private_bus *system;
        DBusConnection *server = quiet_desk(w, &system);
        unsigned long long before = wakeups_at_rest(w), after;

        programs_come_and_go(w, N);
        after = wakeups_at_rest(w);
        check(w, after == before, "%llu times for %d programs", after - before, N);
        desk_disconnect(server);
        cr_assert_eq(world_stop(w), 0);
        private_bus_free(system);
}

WORLD_TEST(notifications_quiet, mails_wake_at_most_once_each, .no_homeserver = true) {
        struct private_bus *system;
        DBusConnection *server = quiet_desk(w, &system), *program = desk_connect(w);
        unsigned long long before, after;

        /* With the first ones busyd learns how this bus passes them on. */
        for (uint32_t i = 0; i < N / 2; i++)
                mail_comes(w, program, server, i + 1);
        before = wakeups_at_rest(w);
        for (uint32_t i = 0; i < N; i++)
                mail_comes(w, program, server, i + 1);
        after = wakeups_at_rest(w);
        check(w, after <= before + N, "%llu times for %d mails", after - before, N);
        desk_disconnect(program);
        desk_disconnect(server);
        cr_assert_eq(world_stop(w), 0);
        private_bus_free(system);
}

/* What was put off meanwhile is none of its business. */
WORLD_TEST(notifications_quiet, a_call_after_them_is_seen_and_ends, .no_homeserver = true) {
        struct private_bus *system;
        DBusConnection *server = quiet_desk(w, &system), *program = desk_connect(w);

        for (uint32_t i = 0; i < N; i++)
                mail_comes(w, program, server, 7);
        notice_send(w, program, server, &(struct notice){ .hints = { "category", "call.incoming" } }, 7);
        expect_phases(w, "ringing-in");
        notice_closed(server, 7);
        expect_phases(w, "");
        notice_send(w, program, server, &(struct notice){ .hints = { "category", "call.incoming" } }, 8);
        expect_phases(w, "ringing-in");
        desk_disconnect(program);
        expect_phases(w, "");
        desk_disconnect(server);
        cr_assert_eq(world_stop(w), 0);
        private_bus_free(system);
}

/* After a call nothing but notifications wakes it again. */
WORLD_TEST(notifications_quiet, it_is_quiet_again_after_a_call, .no_homeserver = true) {
        struct private_bus *system;
        DBusConnection *server = quiet_desk(w, &system), *program = desk_connect(w);
        unsigned long long before, after;

        notice_send(w, program, server, &(struct notice){ .hints = { "category", "call.incoming" } }, 7);
        expect_phases(w, "ringing-in");
        notice_closed(server, 7);
        expect_phases(w, "");
        before = wakeups_at_rest(w);
        for (uint32_t i = 0; i < N; i++)
                notice_closed(server, 100 + i);
        programs_come_and_go(w, N);
        after = wakeups_at_rest(w);
        check(w, after == before, "%llu times", after - before);
        desk_disconnect(program);
        desk_disconnect(server);
        cr_assert_eq(world_stop(w), 0);
        private_bus_free(system);
}

static void signals(DBusConnection *c, const char *path, const char *interface, const char *name) {
        DBusMessage *m = dbus_message_new_signal(path, interface, name);
        const char *text = "x";

        cr_assert(dbus_message_append_args(m, DBUS_TYPE_STRING, &text, DBUS_TYPE_INVALID));
        cr_assert(dbus_connection_send(c, m, NULL));
        dbus_message_unref(m);
        dbus_connection_flush(c);
}

/* A player that tells its position, an applet that tells the weather. */
WORLD_TEST(notifications_quiet, what_other_programs_tell_wakes_nobody, .no_homeserver = true) {
        struct private_bus *system;
        DBusConnection *server = quiet_desk(w, &system), *program = desk_connect(w);
        unsigned long long before, after;

        cr_assert_eq(dbus_bus_request_name(program, "org.mpris.MediaPlayer2.radio", 0, NULL),
                     DBUS_REQUEST_NAME_REPLY_PRIMARY_OWNER);
        before = wakeups_at_rest(w);
        for (uint32_t i = 0; i < N; i++) {
                signals(program, "/org/mpris/MediaPlayer2", "org.freedesktop.DBus.Properties", "PropertiesChanged");
                signals(program, "/org/example/Weather", "org.example.Weather", "Changed");
        }
        after = wakeups_at_rest(w);
        check(w, after == before, "%llu times for %d signals", after - before, 2 * N);
        desk_disconnect(program);
        desk_disconnect(server);
        cr_assert_eq(world_stop(w), 0);
        private_bus_free(system);
}

/* A download that counts its percents: one notification, put in its own place again and again. */
WORLD_TEST(notifications_quiet, one_that_is_renewed_wakes_at_most_once_each, .no_homeserver = true) {
        struct private_bus *system;
        DBusConnection *server = quiet_desk(w, &system), *program = desk_connect(w);
        const struct notice percent = { .hints = { "category", "transfer" }, .replaces = 1 };
        unsigned long long before, after;

        for (uint32_t i = 0; i < N / 2; i++)
                notice_send(w, program, server, &percent, 1);
        before = wakeups_at_rest(w);
        for (uint32_t i = 0; i < N; i++)
                notice_send(w, program, server, &percent, 1);
        after = wakeups_at_rest(w);
        check(w, after <= before + N, "%llu times for %d percents", after - before, N);
        desk_disconnect(program);
        desk_disconnect(server);
        cr_assert_eq(world_stop(w), 0);
        private_bus_free(system);
}
