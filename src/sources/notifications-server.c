/* See notifications-server.h. All answers are wiped from memory, as they may hold texts. */
#include "sources/notifications-server.h"

#include <errno.h>
#include <stdio.h>

#include "sources/base.h"

#define BUS_NAME     "org.freedesktop.DBus"
#define BUS_PATH     "/org/freedesktop/DBus"
#define KDE_MANAGER  "org.kde.NotificationManager"
#define KDE_WATCHER  "org.kde.NotificationWatcher"
#define WATCHER_PATH "/NotificationWatcher"
#define OWNER_SIZE   64
/* The first snapshot waits for it; a server that takes longer has none of these interfaces. */
#define CALL_TIMEOUT (3 * USEC_PER_SEC)

struct notification_server {
        sd_bus *bus;
        const struct notification_server_ops *ops;
        void *userdata;
        char owner[OWNER_SIZE];
        bool forwards;
        sd_bus_slot *owner_changed, *owner_asked, *object, *registering, *listing, *action_invoked;
};

static int call(struct notification_server *s, sd_bus_slot **slot, const char *path, const char *interface,
                const char *member, sd_bus_message_handler_t callback) {
        SCOPED(sd_bus_message_unref) sd_bus_message *m = NULL;
        int r = sd_bus_message_new_method_call(s->bus, &m, s->owner, path, interface, member);

        if (r < 0)
                return r;
        r = sd_bus_message_set_auto_start(m, false);
        return r < 0 ? r : sd_bus_call_async(s->bus, slot, m, callback, s, CALL_TIMEOUT);
}

/* ---- Plasma ---- */

static bool is_from_server(const struct notification_server *s, sd_bus_message *m) {
        const char *sender = sd_bus_message_get_sender(m);

        return s->forwards && sender && streq(sender, s->owner);
}

static int on_forwarded(sd_bus_message *m, void *userdata, sd_bus_error *error) {
        struct notification_server *s = userdata;

        (void) sd_bus_message_sensitive(m);
        if (is_from_server(s, m))
                s->ops->notify(s->userdata, m);
        return sd_bus_reply_method_return(m, NULL);
}

static int on_forwarded_close(sd_bus_message *m, void *userdata, sd_bus_error *error) {
        struct notification_server *s = userdata;
        uint32_t number;

        if (is_from_server(s, m) && sd_bus_message_read(m, "u", &number) >= 0)
                s->ops->closed(s->userdata, number);
        return sd_bus_reply_method_return(m, NULL);
}

static const sd_bus_vtable watcher_vtable[] = {
        SD_BUS_VTABLE_START(0),
        SD_BUS_METHOD("Notify", "ususssasa{sv}i", "", on_forwarded, SD_BUS_VTABLE_UNPRIVILEGED),
        SD_BUS_METHOD("CloseNotification", "u", "", on_forwarded_close, SD_BUS_VTABLE_UNPRIVILEGED),
        SD_BUS_VTABLE_END,
};

static int on_action(sd_bus_message *m, void *userdata, sd_bus_error *error) {
        struct notification_server *s = userdata;
        const char *key;
        uint32_t number;

        if (is_from_server(s, m) && sd_bus_message_read(m, "us", &number, &key) >= 0)
                s->ops->action(s->userdata, number, key);
        return 0;
}

static int on_match_installed(sd_bus_message *m, void *userdata, sd_bus_error *error) {
        return 0; /* without it, only the moment of accepting is not seen */
}

static void start_forwarding(struct notification_server *s) {
        char rule[256];

        s->forwards = true;
        (void) snprintf(rule, sizeof(rule),
                        "type='signal',sender='%s',interface='" NOTIFICATIONS_NAME "',member='ActionInvoked'",
                        s->owner);
        (void) sd_bus_add_match_async(s->bus, &s->action_invoked, rule, on_action, on_match_installed, s);
}

static void stop_forwarding(struct notification_server *s) {
        s->forwards = false;
        s->action_invoked = sd_bus_slot_unref(s->action_invoked);
}

static int on_registered(sd_bus_message *m, void *userdata, sd_bus_error *error) {
        struct notification_server *s = userdata;

        s->registering = sd_bus_slot_unref(s->registering);
        if (!sd_bus_message_is_method_error(m, NULL))
                start_forwarding(s);
        s->ops->changed(s->userdata);
        return 0;
}

/* ---- mako ---- */

static int on_listed(sd_bus_message *m, void *userdata, sd_bus_error *error) {
        struct notification_server *s = userdata;
        bool is_list;

        (void) sd_bus_message_sensitive(m);
        s->listing = sd_bus_slot_unref(s->listing);
        is_list = !sd_bus_message_is_method_error(m, NULL) && sd_bus_message_has_signature(m, "aa{sv}") &&
                  sd_bus_message_enter_container(m, SD_BUS_TYPE_ARRAY, "a{sv}") > 0;
        s->ops->listed(s->userdata, is_list ? m : NULL);
        return 0;
}

void notification_server_list(struct notification_server *s) {
        s->listing = sd_bus_slot_unref(s->listing);
        if (!s->owner[0] ||
            call(s, &s->listing, "/fr/emersion/Mako", "fr.emersion.Mako", "ListNotifications", on_listed) < 0)
                s->ops->listed(s->userdata, NULL);
}

/* ---- who it is ---- */

static void set_owner(struct notification_server *s, const char *owner) {
        s->registering = sd_bus_slot_unref(s->registering);
        stop_forwarding(s);
        (void) snprintf(s->owner, sizeof(s->owner), "%s", owner);
        if (!owner[0] ||
            call(s, &s->registering, NOTIFICATIONS_PATH, KDE_MANAGER, "RegisterWatcher", on_registered) < 0)
                s->ops->changed(s->userdata);
}

static int on_owner_changed(sd_bus_message *m, void *userdata, sd_bus_error *error) {
        struct notification_server *s = userdata;
        const char *name, *before, *after;

        if (sd_bus_message_read(m, "sss", &name, &before, &after) >= 0)
                set_owner(s, after);
        return 0;
}

static int on_owner(sd_bus_message *m, void *userdata, sd_bus_error *error) {
        struct notification_server *s = userdata;
        const char *owner = "";

        s->owner_asked = sd_bus_slot_unref(s->owner_asked);
        if (!sd_bus_message_is_method_error(m, NULL))
                (void) sd_bus_message_read(m, "s", &owner);
        set_owner(s, owner);
        return 0;
}

static int begin(struct notification_server *s) {
        int r = sd_bus_add_object_vtable(s->bus, &s->object, WATCHER_PATH, KDE_WATCHER, watcher_vtable, s);

        if (r < 0)
                return r;
        r = sd_bus_add_match_async(s->bus, &s->owner_changed,
                                   "type='signal',sender='" BUS_NAME "',path='" BUS_PATH "',interface='" BUS_NAME
                                   "',member='NameOwnerChanged',arg0='" NOTIFICATIONS_NAME "'",
                                   on_owner_changed, on_match_installed, s);
        if (r < 0)
                return r;
        return sd_bus_call_method_async(s->bus, &s->owner_asked, BUS_NAME, BUS_PATH, BUS_NAME, "GetNameOwner",
                                        on_owner, s, "s", NOTIFICATIONS_NAME);
}

int notification_server_new(struct notification_server **ret, sd_bus *bus, const struct notification_server_ops *ops,
                            void *userdata) {
        SCOPED(notification_server_free) struct notification_server *s = calloc(1, sizeof(*s));
        int r;

        if (!s)
                return -ENOMEM;
        s->bus = sd_bus_ref(bus);
        s->ops = ops;
        s->userdata = userdata;
        r = begin(s);
        if (r < 0)
                return r;
        *ret = TAKE(s);
        return 0;
}

struct notification_server *notification_server_free(struct notification_server *s) {
        if (!s)
                return NULL;
        if (s->forwards)
                (void) sd_bus_call_method_async(s->bus, NULL, s->owner, NOTIFICATIONS_PATH, KDE_MANAGER,
                                                "UnRegisterWatcher", NULL, NULL, "");
        stop_forwarding(s);
        s->owner_changed = sd_bus_slot_unref(s->owner_changed);
        s->owner_asked = sd_bus_slot_unref(s->owner_asked);
        s->object = sd_bus_slot_unref(s->object);
        s->registering = sd_bus_slot_unref(s->registering);
        s->listing = sd_bus_slot_unref(s->listing);
        sd_bus_unref(s->bus);
        free(s);
        return NULL;
}

const char *notification_server_owner(const struct notification_server *s) {
        return s->owner;
}

bool notification_server_forwards(const struct notification_server *s) {
        return s->forwards;
}
