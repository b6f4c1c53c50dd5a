/* Notifications as some desktops have them beside or instead of the usual: the portal, Plasma, mako; and none. */
#include "system/notice.h"

#include <stdio.h>

#define PORTAL_PATH         "/org/freedesktop/portal/desktop"
#define PORTAL_NOTIFICATION "org.freedesktop.portal.Notification"

/* ---- dictionaries of variants ---- */

static void add_variant(DBusMessageIter *dict, const char *name, int type, const void *value) {
        const char signature[] = { (char) type, '\0' };
        DBusMessageIter entry, variant;

        dbus_message_iter_open_container(dict, DBUS_TYPE_DICT_ENTRY, NULL, &entry);
        dbus_message_iter_append_basic(&entry, DBUS_TYPE_STRING, &name);
        dbus_message_iter_open_container(&entry, DBUS_TYPE_VARIANT, signature, &variant);
        dbus_message_iter_append_basic(&variant, type, value);
        dbus_message_iter_close_container(&entry, &variant);
        dbus_message_iter_close_container(dict, &entry);
}

static void add_string(DBusMessageIter *dict, const char *name, const char *value) {
        add_variant(dict, name, DBUS_TYPE_STRING, &value);
}

/* ---- the portal ---- */

static void add_button(DBusMessageIter *buttons, const char *action, const char *purpose) {
        DBusMessageIter dict;

        dbus_message_iter_open_container(buttons, DBUS_TYPE_ARRAY, "{sv}", &dict);
        add_string(&dict, "label", "Some words");
        add_string(&dict, "action", action);
        add_string(&dict, "purpose", purpose);
        dbus_message_iter_close_container(buttons, &dict);
}

static void add_buttons(DBusMessageIter *dict) {
        const char *name = "buttons";
        DBusMessageIter entry, variant, buttons;

        dbus_message_iter_open_container(dict, DBUS_TYPE_DICT_ENTRY, NULL, &entry);
        dbus_message_iter_append_basic(&entry, DBUS_TYPE_STRING, &name);
        dbus_message_iter_open_container(&entry, DBUS_TYPE_VARIANT, "aa{sv}", &variant);
        dbus_message_iter_open_container(&variant, DBUS_TYPE_ARRAY, "a{sv}", &buttons);
        add_button(&buttons, "app.no", "call.decline");
        add_button(&buttons, "app.yes", "call.accept");
        dbus_message_iter_close_container(&variant, &buttons);
        dbus_message_iter_close_container(&entry, &variant);
        dbus_message_iter_close_container(dict, &entry);
}

static void portal_add(DBusConnection *program, const char *id, const char *category) {
        DBusMessage *m = dbus_message_new_method_call(PORTAL, PORTAL_PATH, PORTAL_NOTIFICATION, "AddNotification");
        DBusMessageIter i, dict;

        dbus_message_iter_init_append(m, &i);
        dbus_message_iter_append_basic(&i, DBUS_TYPE_STRING, &id);
        dbus_message_iter_open_container(&i, DBUS_TYPE_ARRAY, "{sv}", &dict);
        add_string(&dict, "title", "Grandmother");
        add_buttons(&dict);
        add_string(&dict, "category", category);
        dbus_message_iter_close_container(&i, &dict);
        desk_send(program, m);
}

static void portal_remove(DBusConnection *program, const char *id) {
        DBusMessage *m = dbus_message_new_method_call(PORTAL, PORTAL_PATH, PORTAL_NOTIFICATION, "RemoveNotification");

        dbus_message_append_args(m, DBUS_TYPE_STRING, &id, DBUS_TYPE_INVALID);
        desk_send(program, m);
}

static void portal_action(DBusConnection *portal, DBusConnection *program, const char *id, const char *action) {
        DBusMessage *m = dbus_message_new_signal(PORTAL_PATH, PORTAL_NOTIFICATION, "ActionInvoked");
        DBusMessageIter i, array;

        dbus_message_set_destination(m, dbus_bus_get_unique_name(program));
        dbus_message_iter_init_append(m, &i);
        dbus_message_iter_append_basic(&i, DBUS_TYPE_STRING, &id);
        dbus_message_iter_append_basic(&i, DBUS_TYPE_STRING, &action);
        dbus_message_iter_open_container(&i, DBUS_TYPE_ARRAY, "v", &array);
        dbus_message_iter_close_container(&i, &array);
        desk_send(portal, m);
}

WORLD_TEST(notifications_portal, rings_and_is_removed_by_its_own_program, .no_homeserver = true) {
        DBusConnection *server = desk_start(w, ""), *portal = desk_connect(w), *one = desk_connect(w),
                       *two = desk_connect(w);

        desk_own(w, portal, PORTAL);
        portal_add(one, "call", "call.incoming");
        portal_add(two, "call", "call.incoming"); /* the same id, another program's */
        expect_phases(w, "ringing-in ringing-in");
        expect_availability(w, "busy");
        portal_remove(one, "call");
        expect_phases(w, "ringing-in");
        portal_add(two, "call", "call.unanswered");
        expect_phases(w, "");
        desk_disconnect(one);
        desk_disconnect(two);
        desk_disconnect(portal);
        desk_disconnect(server);
}

WORLD_TEST(notifications_portal, is_accepted_by_its_button, .no_homeserver = true) {
        DBusConnection *server = desk_start(w, ""), *portal = desk_connect(w), *one = desk_connect(w);

        desk_own(w, portal, PORTAL);
        portal_add(one, "call", "call.incoming");
        expect_phases(w, "ringing-in");
        portal_action(portal, one, "call", "app.yes");
        expect_phases(w, "active");
        portal_add(one, "call", "call.ongoing");
        portal_add(one, "other", "call.incoming");
        expect_phases(w, "active ringing-in");
        portal_action(portal, one, "other", "app.no");
        expect_phases(w, "active");
        desk_disconnect(portal);
        expect_phases(w, "");
        desk_disconnect(one);
        desk_disconnect(server);
}

/* ---- Plasma ---- */

static void reply_empty(DBusConnection *service, DBusMessage *call) {
        desk_send(service, dbus_message_new_method_return(call));
        dbus_message_unref(call);
}

/* What the program sent, with the number in front, to the watcher. */
static void forward(DBusConnection *server, const char *watcher, dbus_uint32_t number, const char *category) {
        DBusMessage *m =
                dbus_message_new_method_call(watcher, "/NotificationWatcher", "org.kde.NotificationWatcher", "Notify");
        const char *app = "plasma-dialer", *text = "Grandmother";
        dbus_uint32_t replaces = 0;
        dbus_int32_t timeout = 0;
        DBusMessageIter i, sub;

        dbus_message_append_args(m, DBUS_TYPE_UINT32, &number, DBUS_TYPE_STRING, &app, DBUS_TYPE_UINT32, &replaces,
                                 DBUS_TYPE_STRING, &text, DBUS_TYPE_STRING, &text, DBUS_TYPE_STRING, &text,
                                 DBUS_TYPE_INVALID);
        dbus_message_iter_init_append(m, &i);
        dbus_message_iter_open_container(&i, DBUS_TYPE_ARRAY, "s", &sub);
        dbus_message_iter_close_container(&i, &sub);
        dbus_message_iter_open_container(&i, DBUS_TYPE_ARRAY, "{sv}", &sub);
        add_string(&sub, "category", category);
        dbus_message_iter_close_container(&i, &sub);
        dbus_message_iter_append_basic(&i, DBUS_TYPE_INT32, &timeout);
        desk_send(server, m);
}

static void forward_close(DBusConnection *server, const char *watcher, dbus_uint32_t number) {
        DBusMessage *m = dbus_message_new_method_call(watcher, "/NotificationWatcher", "org.kde.NotificationWatcher",
                                                      "CloseNotification");

        dbus_message_append_args(m, DBUS_TYPE_UINT32, &number, DBUS_TYPE_INVALID);
        desk_send(server, m);
}

WORLD_TEST(notifications_plasma, tells_its_watcher, .no_homeserver = true) {
        DBusConnection *server = desk_connect(w), *program = desk_connect(w), *other = desk_connect(w);
        char watcher[64];
        DBusMessage *m;

        desk_own(w, server, NOTIFICATIONS);
        world_config(w, "[busyd]\nringing = all\n");
        world_start(w);
        m = desk_next_call(w, server, "RegisterWatcher");
        snprintf(watcher, sizeof(watcher), "%s", dbus_message_get_sender(m));
        reply_empty(server, m);
        expect_source(w, "notifications", "watching");

        /* Seen by a monitor, this would be a second one. */
        notice_send(w, program, server, &(struct notice){ .hints = { "category", "x-kde.incoming-call" } }, 7);
        forward(server, watcher, 7, "x-kde.incoming-call");
        forward(other, watcher, 9, "x-kde.incoming-call"); /* not from the server */
        expect_phases(w, "ringing-in");
        forward_close(server, watcher, 7);
        expect_phases(w, "");
        forward(server, watcher, 8, "call.incoming");
        expect_phases(w, "ringing-in");
        desk_disconnect(server);
        expect_phases(w, "");
        desk_disconnect(other);
        desk_disconnect(program);
}

/* ---- mako ---- */

static void add_listed(DBusMessageIter *list, dbus_uint32_t number, const char *category) {
        DBusMessageIter dict;

        dbus_message_iter_open_container(list, DBUS_TYPE_ARRAY, "{sv}", &dict);
        add_variant(&dict, "id", DBUS_TYPE_UINT32, &number);
        add_string(&dict, "app-name", "Linphone");
        add_string(&dict, "body", "Grandmother");
        add_string(&dict, "category", category);
        dbus_message_iter_close_container(list, &dict);
}

WORLD_TEST(notifications_mako, lists_what_rings_already, .no_homeserver = true) {
        DBusConnection *server = desk_connect(w);
        DBusMessage *call, *reply;
        DBusMessageIter i, list;

        desk_own(w, server, NOTIFICATIONS);
        world_config(w, "[busyd]\nringing = all\n");
        world_start(w);
        desk_refuse(w, server, "RegisterWatcher");
        call = desk_next_call(w, server, "ListNotifications");
        reply = dbus_message_new_method_return(call);
        dbus_message_iter_init_append(reply, &i);
        dbus_message_iter_open_container(&i, DBUS_TYPE_ARRAY, "a{sv}", &list);
        add_listed(&list, 3, "im.received");
        add_listed(&list, 4, "call.incoming");
        dbus_message_iter_close_container(&i, &list);
        dbus_message_unref(call);
        desk_send(server, reply);
        expect_source(w, "notifications", "watching");
        expect_phases(w, "ringing-in");
        notice_closed(server, 4);
        expect_phases(w, "");
        desk_disconnect(server);
}

/* ---- nobody, and too early ---- */

WORLD_TEST(notifications_none, is_watching_before_a_server_comes, .no_homeserver = true) {
        DBusConnection *server = desk_connect(w), *program = desk_connect(w);

        world_config(w, "[busyd]\nringing = all\n");
        world_start(w);
        expect_source(w, "notifications", "watching");
        desk_own(w, server, NOTIFICATIONS);
        desk_refuse(w, server, "RegisterWatcher");
        notice_send(w, program, server, &(struct notice){ .hints = { "category", "call.incoming" } }, 1);
        expect_phases(w, "ringing-in");
        notice_closed(server, 1);
        expect_phases(w, "");
        desk_disconnect(program);
        desk_disconnect(server);
}
