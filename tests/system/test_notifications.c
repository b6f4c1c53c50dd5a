/* Calls that are seen in notifications. */
#include "system/notice.h"

/* A call program with a server to talk to, while busyd listens. */
struct desk {
        DBusConnection *server, *program;
};

static struct desk ordinary_desk(struct world *w) {
        return (struct desk){ .server = desk_start(w, ""), .program = desk_connect(w) };
}

static void desk_end(struct desk *d) {
        desk_disconnect(d->program);
        desk_disconnect(d->server);
}

#define RINGING .hints = { "category", "call.incoming", "desktop-entry", "im.dino.Dino" }
#define ACTIONS .actions = { "default", "Show", "reject", "No", "accept", "Yes" }

WORLD_TEST(notifications, a_call_rings_and_is_given_up, .no_homeserver = true) {
        struct desk d = ordinary_desk(w);

        notice_send(w, d.program, d.server, &(struct notice){ RINGING }, 7);
        expect_phases(w, "ringing-in");
        expect_availability(w, "busy");
        notice_closed(d.server, 7);
        expect_phases(w, "");
        expect_availability(w, "free");
        desk_end(&d);
}

WORLD_TEST(notifications, accepting_makes_it_active_although_it_is_closed, .no_homeserver = true) {
        struct desk d = ordinary_desk(w);

        notice_send(w, d.program, d.server, &(struct notice){ RINGING, ACTIONS }, 7);
        expect_phases(w, "ringing-in");
        notice_action(d.server, 7, "accept");
        notice_closed(d.server, 7);
        expect_phases(w, "active");
        notice_send(w, d.program, d.server, &(struct notice){ .hints = { "category", "call.ended" } }, 8);
        expect_phases(w, "");
        desk_end(&d);
}

WORLD_TEST(notifications, rejecting_ends_it, .no_homeserver = true) {
        struct desk d = ordinary_desk(w);

        notice_send(w, d.program, d.server, &(struct notice){ RINGING, ACTIONS }, 7);
        expect_phases(w, "ringing-in");
        notice_action(d.server, 7, "reject");
        expect_phases(w, "");
        desk_end(&d);
}

WORLD_TEST(notifications, one_is_replaced_from_ringing_to_ended, .no_homeserver = true) {
        struct desk d = ordinary_desk(w);

        notice_send(w, d.program, d.server, &(struct notice){ RINGING }, 7);
        expect_phases(w, "ringing-in");
        notice_send(w, d.program, d.server,
                    &(struct notice){ .replaces = 7,
                                      .hints = { "category", "call.ongoing", "desktop-entry", "linphone" } },
                    7);
        expect_phases(w, "active");
        expect_availability(w, "busy");
        notice_send(w, d.program, d.server, &(struct notice){ .replaces = 7, .hints = { "category", "call.ended" } },
                    7);
        expect_phases(w, "");
        desk_end(&d);
}

WORLD_TEST(notifications, an_unanswered_one_ends_the_ringing, .no_homeserver = true) {
        struct desk d = ordinary_desk(w);

        notice_send(w, d.program, d.server, &(struct notice){ RINGING }, 7);
        expect_phases(w, "ringing-in");
        notice_send(w, d.program, d.server, &(struct notice){ .hints = { "category", "call.unanswered" } }, 8);
        expect_phases(w, "");
        desk_end(&d);
}

WORLD_TEST(notifications, two_at_once_end_each_by_itself, .no_homeserver = true) {
        struct desk d = ordinary_desk(w);
        DBusConnection *other = desk_connect(w);

        notice_send(w, d.program, d.server, &(struct notice){ RINGING }, 7);
        notice_send(w, other, d.server, &(struct notice){ .hints = { "category", "x-kde.incoming-call" } }, 8);
        expect_phases(w, "ringing-in ringing-in");
        notice_closed(d.server, 7);
        expect_phases(w, "ringing-in");
        desk_disconnect(other);
        expect_phases(w, "");
        desk_end(&d);
}

WORLD_TEST(notifications, the_program_closes_its_own_alone, .no_homeserver = true) {
        struct desk d = ordinary_desk(w);
        DBusConnection *other = desk_connect(w);
        dbus_uint32_t id = 7;

        notice_send(w, d.program, d.server, &(struct notice){ RINGING }, id);
        expect_phases(w, "ringing-in");
        for (int i = 0; i < 2; i++) {
                DBusMessage *m = dbus_message_new_method_call(NOTIFICATIONS, "/org/freedesktop/Notifications",
                                                              NOTIFICATIONS, "CloseNotification");

                dbus_message_append_args(m, DBUS_TYPE_UINT32, &id, DBUS_TYPE_INVALID);
                desk_send(i == 0 ? other : d.program, m);
                if (i == 0) { /* heard before the other, and without effect */
                        notice_send(w, other, d.server, &(struct notice){ RINGING }, 8);
                        expect_phases(w, "ringing-in ringing-in");
                }
        }
        expect_phases(w, "ringing-in");
        desk_disconnect(other);
        desk_end(&d);
}

WORLD_TEST(notifications, numbers_are_void_with_the_server, .no_homeserver = true) {
        struct desk d = ordinary_desk(w);
        DBusConnection *old = d.server;

        notice_send(w, d.program, d.server, &(struct notice){ RINGING }, 7);
        expect_phases(w, "ringing-in");
        d.server = desk_connect(w);
        desk_own(w, d.server, NOTIFICATIONS);
        expect_phases(w, "");
        desk_refuse(w, d.server, "RegisterWatcher");
        notice_send(w, d.program, d.server, &(struct notice){ RINGING }, 1);
        expect_phases(w, "ringing-in");
        notice_closed(old, 1); /* nobody's any more */
        notice_send(w, d.program, d.server, &(struct notice){ RINGING }, 2);
        expect_phases(w, "ringing-in ringing-in");
        desk_disconnect(d.server);
        expect_phases(w, "");
        desk_disconnect(old);
        desk_disconnect(d.program);
}

WORLD_TEST(notifications, one_without_a_reply_rings_until_its_program_leaves, .no_homeserver = true) {
        struct desk d = ordinary_desk(w);

        notice_send(w, d.program, d.server, &(struct notice){ RINGING, .no_reply = true }, 0);
        expect_phases(w, "ringing-in");
        desk_disconnect(d.program);
        expect_phases(w, "");
        desk_disconnect(d.server);
}

WORLD_TEST(notifications, a_refused_one_does_not_ring, .no_homeserver = true) {
        struct desk d = ordinary_desk(w);

        notice_send(w, d.program, d.server, &(struct notice){ RINGING }, 0);
        notice_send(w, d.program, d.server, &(struct notice){ RINGING }, 3);
        expect_phases(w, "ringing-in");
        desk_end(&d);
}

/* GNOME's helper sends each notification on to the shell. */
WORLD_TEST(notifications, a_doubled_one_is_one, .no_homeserver = true) {
        struct desk d = ordinary_desk(w);
        DBusConnection *shell = desk_connect(w);

        desk_own(w, shell, "org.gnome.Shell");
        notice_send(w, d.program, d.server, &(struct notice){ RINGING }, 7);
        notice_send(w, d.server, shell, &(struct notice){ RINGING, .to = "org.gnome.Shell" }, 7);
        notice_send(w, d.server, d.server,
                    &(struct notice){ .hints = { "category", "call.incoming", "x-shell-sender", ":1.9" } }, 9);
        notice_send(w, d.program, d.server, &(struct notice){ .hints = { "category", "x-kde.incoming-call" } }, 8);
        expect_phases(w, "ringing-in ringing-in");
        desk_disconnect(shell);
        desk_end(&d);
}

WORLD_TEST(notifications, nothing_else_rings, .no_homeserver = true) {
        struct desk d = ordinary_desk(w);

        notice_send(w, d.program, d.server, &(struct notice){ .app = "Mail" }, 1);
        notice_send(w, d.program, d.server, &(struct notice){ .hints = { "category", "im.received" } }, 2);
        notice_send(w, d.program, d.server, &(struct notice){ .hints = { "category", "call" } }, 3);
        notice_send(w, d.program, d.server, &(struct notice){ .hints = { "category", "call.unanswered" } }, 4);
        notice_send(w, d.program, d.server, &(struct notice){ ACTIONS }, 5);
        notice_send(w, d.program, d.server, &(struct notice){ RINGING }, 6);
        expect_phases(w, "ringing-in");
        desk_end(&d);
}

WORLD_TEST(notifications, garbage_is_passed_over, .no_homeserver = true) {
        struct desk d = ordinary_desk(w);
        DBusMessage *m = dbus_message_new_method_call(NOTIFICATIONS, "/", NOTIFICATIONS, "Notify");
        dbus_uint32_t number = 7;

        dbus_message_append_args(m, DBUS_TYPE_UINT32, &number, DBUS_TYPE_INVALID);
        desk_send(d.program, m);
        desk_send(d.program, dbus_message_new_method_call(NOTIFICATIONS, "/", NOTIFICATIONS, "CloseNotification"));
        desk_send(d.server, dbus_message_new_signal("/", NOTIFICATIONS, "NotificationClosed"));
        desk_send(d.server, dbus_message_new_signal("/", NOTIFICATIONS, "ActionInvoked"));
        desk_send(d.program, dbus_message_new_method_call(NOTIFICATIONS, "/", "org.freedesktop.portal.Notification",
                                                          "AddNotification"));
        desk_refuse(w, d.server, "Notify");
        notice_send(w, d.program, d.server, &(struct notice){ RINGING }, 6);
        expect_phases(w, "ringing-in");
        check(w, world_wait_log(w, "a notification cannot be read"), "it is not told");
        desk_end(&d);
}

WORLD_TEST(notifications, can_be_switched_off, .no_homeserver = true) {
        world_config(w, "[source notifications]\nenabled = no\n");
        world_start(w);
        expect_source(w, "notifications", "off");
}

WORLD_TEST(notifications, an_ignored_program_does_not_ring, .no_homeserver = true) {
        DBusConnection *server = desk_start(w, "[source notifications]\nignore = im.dino.*\n"),
                       *program = desk_connect(w);

        notice_send(w, program, server, &(struct notice){ RINGING }, 6);
        notice_send(w, program, server, &(struct notice){ .hints = { "category", "call.incoming" } }, 7);
        expect_phases(w, "ringing-in");
        desk_disconnect(program);
        desk_disconnect(server);
}
