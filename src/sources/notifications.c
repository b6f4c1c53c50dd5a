/* Notifications of calls, as they pass on the bus: mostly of ringing. The source hears them through a monitor, or from
 * the server itself where that is Plasma. What a message says is read in notifications-read.c, what it means is in
 * notifications-meaning.c, and what becomes of it in notifications-table.c; here everything is only carried there. */
#include "sources/notifications.h"

#include <errno.h>
#include <stdio.h>

#include "sources/apps.h"
#include "sources/base.h"
#include "sources/identity.h"
#include "sources/leavers.h"
#include "sources/monitor.h"
#include "sources/notifications-read.h"
#include "sources/notifications-server.h"
#include "sources/notifications-table.h"
#include "util/log.h"

#define BUS_NAME         "org.freedesktop.DBus"
#define BUS_PATH         "/org/freedesktop/DBus"
#define PORTAL_NAME      "org.freedesktop.portal.Desktop"
#define PORTAL_INTERFACE "org.freedesktop.portal.Notification"
/* Questions for the process behind a portal's notification; more at once stay without a name. */
#define NAMINGS_MAX  8
#define CALL_ID_SIZE 16
#define OWNER_SIZE   64

#define OWNER_RULE(name) "type='signal',interface='" BUS_NAME "',member='NameOwnerChanged',arg0='" name "'"

/* The rules for owners must not name the bus as sender: dbus-broker keeps such rules apart by name, where monitors are
 * not looked for. */
#define PORTAL_CALLS "type='method_call',interface='" PORTAL_INTERFACE "',member='AddNotification'"
#define PORTAL_REST                                                                                                   \
        "type='method_call',interface='" PORTAL_INTERFACE "',member='RemoveNotification'",                            \
                "type='signal',interface='" PORTAL_INTERFACE "'", OWNER_RULE(NOTIFICATIONS_NAME),                     \
                OWNER_RULE(PORTAL_NAME)

static const struct monitor_rules all_rules = {
        .calls = (const char *const[]){ PORTAL_CALLS,
                                        "type='method_call',interface='" NOTIFICATIONS_NAME
                                        "',member='Notify',destination='" NOTIFICATIONS_NAME "'",
                                        NULL },
        .rest = (const char *const[]){ PORTAL_REST,
                                       "type='method_call',interface='" NOTIFICATIONS_NAME
                                       "',member='CloseNotification'",
                                       "type='method_return',sender='" NOTIFICATIONS_NAME "'",
                                       "type='error',sender='" NOTIFICATIONS_NAME "'",
                                       "type='signal',interface='" NOTIFICATIONS_NAME "'", NULL },
};
/* Where the server forwards the rest. */
static const struct monitor_rules portal_rules = {
        .calls = (const char *const[]){ PORTAL_CALLS, NULL },
        .rest = (const char *const[]){ PORTAL_REST, NULL },
};

struct notifications;

struct naming {
        struct notifications *source;
        sd_bus_slot *slot; /* NULL: free */
        char id[CALL_ID_SIZE];
};

struct notifications {
        struct source source;
        struct call_sink sink; /* of the table */
        struct notification_table *table;
        struct notification_server *server;
        struct monitor *monitor;
        struct leavers *leavers; /* who sent what is in the table */
        bool monitor_forwarded;  /* the rules the monitor was made with */
        bool listens;            /* the monitor does */
        char owner[OWNER_SIZE];  /* of the server's name, as the monitor heard it last */
        struct naming namings[NAMINGS_MAX];
};

static void take_report(void *userdata, const struct call_report *r) {
        struct notifications *s = userdata;

        source_report(&s->source, r);
}

static void take_end(void *userdata, const char *source, const char *id) {
        struct notifications *s = userdata;

        source_end(&s->source, id);
}

static bool is_known(const struct notifications *s, const char *const *names) {
        return apps_class(names) == APP_TALK || apps_class(names) == APP_CALLS ||
               apps_match(s->source.context.call_apps, names);
}

static bool knows(const struct notifications *s, const struct notification_message *n) {
        return is_known(s, (const char *const[]){ n->notification.app, n->app_name, n->desktop_entry, NULL });
}

/* The table reports when it runs. */
static void tell(struct notifications *s) {
        if (notification_table_has_news(s->table))
                source_touch(&s->source);
}

/* ---- org.freedesktop.Notifications ---- */

static void take_notification(struct notifications *s, struct notification_message *n,
                              const struct notification_key *k) {
        n->notification.known = knows(s, n);
        (void) notification_table_notify(s->table, k, &n->notification, false);
}

static const char *sender_of(sd_bus_message *m) {
        const char *sender = sd_bus_message_get_sender(m);

        return sender ? sender : "";
}

/* GNOME Shell gets every notification a second time, from the helper that has the public name: of the two, the one to
 * the public name counts. A unique name counts as well if it may be the owner's. */
static bool is_to_server(const struct notifications *s, sd_bus_message *m) {
        const char *to = sd_bus_message_get_destination(m);

        if (!to)
                return false;
        return streq(to, NOTIFICATIONS_NAME) || (to[0] == ':' && (!s->owner[0] || streq(to, s->owner)));
}

static bool is_from_server(const struct notifications *s, sd_bus_message *m) {
        return !s->owner[0] || streq(sender_of(m), s->owner);
}

static void set_owner(struct notifications *s, const char *owner) {
        (void) snprintf(s->owner, sizeof(s->owner), "%s", owner);
}

static uint64_t cookie_of(sd_bus_message *m) {
        uint64_t cookie = 0;

        if (sd_bus_message_get_expect_reply(m) > 0)
                (void) sd_bus_message_get_cookie(m, &cookie);
        return cookie;
}

static void on_notify(struct notifications *s, sd_bus_message *m) {
        struct notification_message n;

        if (!is_to_server(s, m))
                return;
        if (notification_read(m, false, &n) < 0)
                source_tell_bad(&s->source, m, "a notification cannot be read");
        else if (!n.inner)
                take_notification(s, &n,
                                  &(struct notification_key){
                                          .sender = sender_of(m), .number = n.number, .cookie = cookie_of(m) });
}

/* Only of those the caller made itself; of others the server will tell whether it was done. */
static void on_close(struct notifications *s, sd_bus_message *m) {
        uint32_t number;

        if (is_to_server(s, m) && sd_bus_message_read(m, "u", &number) > 0)
                notification_table_closed(s->table,
                                          &(struct notification_key){ .sender = sender_of(m), .number = number });
}

static void on_reply(struct notifications *s, sd_bus_message *m) {
        const char *caller = sd_bus_message_get_destination(m);
        uint32_t number = 0;
        uint64_t cookie;

        if (!caller || sd_bus_message_get_reply_cookie(m, &cookie) < 0)
                return;
        /* Plasma has other things under this name, which answer other questions. */
        if (!sd_bus_message_is_method_error(m, NULL) &&
            (!sd_bus_message_has_signature(m, "u") || sd_bus_message_read(m, "u", &number) <= 0))
                return;
        notification_table_replied(s->table, caller, cookie, number);
}

static void take_closed(void *userdata, uint32_t number) {
        struct notifications *s = userdata;

        notification_table_closed(s->table, &(struct notification_key){ .sender = "", .number = number });
}

static void take_action(void *userdata, uint32_t number, const char *key) {
        struct notifications *s = userdata;

        notification_table_action(s->table, &(struct notification_key){ .sender = "", .number = number }, key);
        tell(s);
}

static void on_server_signal(struct notifications *s, sd_bus_message *m) {
        const char *key;
        uint32_t number;

        if (!is_from_server(s, m))
                return;
        if (sd_bus_message_is_signal(m, NULL, "NotificationClosed") && sd_bus_message_read(m, "u", &number) > 0)
                take_closed(s, number);
        else if (sd_bus_message_is_signal(m, NULL, "ActionInvoked") && sd_bus_message_read(m, "us", &number, &key) > 0)
                take_action(s, number, key);
}

/* ---- the portal ---- */

static void set_name(struct notifications *s, const char *id, uint32_t pid) {
        char app[NOTIFICATION_APP_MAX];
        const char *const names[] = { app, NULL };

        (void) identity_of_pid(app, sizeof(app), (pid_t) pid);
        notification_table_name(s->table, id, app, is_known(s, names));
        tell(s);
}

static int on_pid(sd_bus_message *m, void *userdata, sd_bus_error *error) {
        struct naming *n = userdata;
        uint32_t pid = 0;

        n->slot = sd_bus_slot_unref(n->slot);
        if (!sd_bus_message_is_method_error(m, NULL))
                (void) sd_bus_message_read(m, "u", &pid);
        set_name(n->source, n->id, pid);
        return 0;
}

/* The portal's callers do not say who they are. */
static void ask_name(struct notifications *s, const char *id, const char *sender) {
        struct naming *n = s->namings;

        while (n < s->namings + NAMINGS_MAX && n->slot)
                n++;
        if (n == s->namings + NAMINGS_MAX) {
                set_name(s, id, 0);
                return;
        }
        n->source = s;
        (void) snprintf(n->id, sizeof(n->id), "%s", id);
        if (sd_bus_call_method_async(s->source.context.user_bus, &n->slot, BUS_NAME, BUS_PATH, BUS_NAME,
                                     "GetConnectionUnixProcessID", on_pid, n, "s", sender) < 0)
                set_name(s, id, 0);
}

static void on_portal_add(struct notifications *s, sd_bus_message *m) {
        struct notification_message n;
        const char *id;

        if (notification_read_portal(m, &n) < 0) {
                source_tell_bad(&s->source, m, "a notification cannot be read");
                return;
        }
        id = notification_table_notify(s->table,
                                       &(struct notification_key){ .sender = sender_of(m), .portal_id = n.portal_id },
                                       &n.notification, true);
        if (id)
                ask_name(s, id, sender_of(m));
}

static void on_portal_remove(struct notifications *s, sd_bus_message *m) {
        const char *id;

        if (sd_bus_message_read(m, "s", &id) > 0)
                notification_table_closed(s->table,
                                          &(struct notification_key){ .sender = sender_of(m), .portal_id = id });
}

static void on_portal_action(struct notifications *s, sd_bus_message *m) {
        const char *id, *action, *to = sd_bus_message_get_destination(m);

        if (sd_bus_message_read(m, "ss", &id, &action) > 0)
                notification_table_action(
                        s->table, &(struct notification_key){ .sender = to ? to : "", .portal_id = id }, action);
}

/* ---- the bus ---- */

static void on_owner_changed(struct notifications *s, sd_bus_message *m) {
        const char *name, *before, *after;

        if (!streq(sender_of(m), BUS_NAME) || sd_bus_message_read(m, "sss", &name, &before, &after) <= 0)
                return;
        if (streq(name, NOTIFICATIONS_NAME)) {
                set_owner(s, after);
                notification_table_server_gone(s->table, false);
        } else if (streq(name, PORTAL_NAME))
                notification_table_server_gone(s->table, true);
}

static void on_left(void *userdata, const char *name) {
        struct notifications *s = userdata;

        notification_table_sender_gone(s->table, name);
        tell(s);
}

static const struct {
        const char *interface, *member;
        bool signal;
        void (*take)(struct notifications *s, sd_bus_message *m);
} messages[] = {
        { NOTIFICATIONS_NAME, "Notify", false, on_notify },
        { NOTIFICATIONS_NAME, "CloseNotification", false, on_close },
        { NOTIFICATIONS_NAME, "NotificationClosed", true, on_server_signal },
        { NOTIFICATIONS_NAME, "ActionInvoked", true, on_server_signal },
        { PORTAL_INTERFACE, "AddNotification", false, on_portal_add },
        { PORTAL_INTERFACE, "RemoveNotification", false, on_portal_remove },
        { PORTAL_INTERFACE, "ActionInvoked", true, on_portal_action },
        { BUS_NAME, "NameOwnerChanged", true, on_owner_changed },
};

static void on_message(void *userdata, sd_bus_message *m) {
        struct notifications *s = userdata;
        uint8_t type;

        if (sd_bus_message_get_type(m, &type) < 0)
                return;
        if (type == SD_BUS_MESSAGE_METHOD_RETURN || type == SD_BUS_MESSAGE_METHOD_ERROR) {
                on_reply(s, m);
                tell(s);
                return;
        }
        for (size_t i = 0; i < ARRAY_SIZE(messages); i++)
                if (messages[i].signal ? sd_bus_message_is_signal(m, messages[i].interface, messages[i].member)
                                       : sd_bus_message_is_method_call(m, messages[i].interface, messages[i].member))
                        messages[i].take(s, m);
        tell(s);
}

/* ---- starting ---- */

static void on_up(void *userdata) {
        struct notifications *s = userdata;

        s->listens = true;
        if (notification_server_forwards(s->server))
                source_set_state(&s->source, SOURCE_WATCHING, "");
        else
                notification_server_list(s->server);
}

static void take_listed(void *userdata, sd_bus_message *m) {
        struct notifications *s = userdata;
        struct notification_message n;
        int r = m ? 1 : 0;

        while (r > 0 && (r = notification_read_listed(m, &n)) > 0)
                if (n.number != 0 && !notification_table_has(s->table, n.number))
                        take_notification(s, &n, &(struct notification_key){ .sender = "", .number = n.number });
        if (r < 0)
                source_tell_bad(&s->source, m, "the list of notifications cannot be read");
        if (s->listens)
                source_set_state(&s->source, SOURCE_WATCHING, "");
        tell(s);
}

static void on_down(void *userdata, bool refused, const char *why) {
        struct notifications *s = userdata;
        char detail[SOURCE_DETAIL_MAX];

        s->listens = false;
        source_touch(&s->source);
        if (notification_server_forwards(s->server)) {
                /* Only the portal's are missed. */
                notification_table_server_gone(s->table, true);
                source_set_state(&s->source, SOURCE_WATCHING, "");
                return;
        }
        notification_table_clear(s->table);
        (void) snprintf(detail, sizeof(detail), "%s: %s",
                        refused ? "the bus lets us see no notifications" : "notifications cannot be seen now", why);
        source_set_state(&s->source, SOURCE_UNAVAILABLE, detail);
}

/* Whether it may begin a call; what replaces or ends one is heard as long as there is one. */
static bool matters(void *userdata, sd_bus_message *m) {
        const struct notifications *s = userdata;
        struct notification_message n = { 0 };
        enum notification_meaning meaning;
        bool portal = sd_bus_message_is_method_call(m, PORTAL_INTERFACE, NULL) > 0;

        int r = portal ? notification_read_portal(m, &n) : notification_read(m, false, &n);

        /* What cannot be read is told, once. */
        if (r < 0 || n.inner)
                return r < 0;
        /* Who it is from is asked later, where it does not say so. */
        n.notification.known = portal || knows(s, &n);
        meaning = notification_meaning(&n.notification);
        return meaning == NOTIFICATION_RINGING || meaning == NOTIFICATION_ONGOING;
}

static void on_touched(void *userdata) {
        struct notifications *s = userdata;

        source_touch(&s->source);
}

static const struct monitor_ops monitor_ops = {
        .up = on_up,
        .down = on_down,
        .touched = on_touched,
        .matters = matters,
        .message = on_message,
};

/* The monitor's rules follow from what the server can. */
static void on_server_changed(void *userdata) {
        struct notifications *s = userdata;
        bool forwards = notification_server_forwards(s->server);
        int r;

        set_owner(s, notification_server_owner(s->server));
        if (forwards || s->monitor_forwarded)
                notification_table_server_gone(s->table, false);
        if (s->monitor && s->monitor_forwarded == forwards)
                return;
        s->monitor = monitor_free(s->monitor);
        s->monitor_forwarded = forwards;
        s->listens = false;
        r = monitor_new(&s->monitor, s->source.context.event, s->source.context.user_bus,
                        forwards ? &portal_rules : &all_rules, &monitor_ops, s);
        if (r < 0)
                on_down(s, false, strerror(-r));
}

static void take_forwarded(void *userdata, sd_bus_message *m) {
        struct notifications *s = userdata;
        struct notification_message n;

        if (notification_read(m, true, &n) < 0)
                source_tell_bad(&s->source, m, "a notification cannot be read");
        else
                take_notification(s, &n, &(struct notification_key){ .sender = "", .number = n.number });
        tell(s);
}

static const struct notification_server_ops server_ops = {
        .changed = on_server_changed,
        .notify = take_forwarded,
        .closed = take_closed,
        .action = take_action,
        .listed = take_listed,
};

static struct source *notifications_stop(struct source *source) {
        struct notifications *s = (struct notifications *) source;

        if (!s)
                return NULL;
        source_end(source, NULL);
        s->monitor = monitor_free(s->monitor);
        s->leavers = leavers_free(s->leavers);
        s->server = notification_server_free(s->server);
        for (size_t i = 0; i < NAMINGS_MAX; i++)
                s->namings[i].slot = sd_bus_slot_unref(s->namings[i].slot);
        s->table = notification_table_free(s->table);
        free(s);
        return NULL;
}

CLEANUP(struct source, notifications_stop);

/* What becomes of a call is of interest as long as there is one. */
static void look_after(struct notifications *s) {
        const char *sender;
        size_t n = 0;

        if (!s->leavers)
                return;
        leavers_begin(s->leavers);
        while ((sender = notification_table_sender(s->table, n))) {
                leavers_await(s->leavers, sender);
                n++;
        }
        leavers_end(s->leavers);
        if (s->monitor)
                monitor_attend(s->monitor, n > 0);
}

static usec_t notifications_run(struct source *source, usec_t now) {
        struct notifications *s = (struct notifications *) source;
        usec_t next;

        /* First of all: what has just begun is not to be passed over. */
        look_after(s);
        next = s->monitor ? monitor_run(s->monitor, now) : USEC_NEVER;
        next = usec_min(next, notification_table_run(s->table, now));
        look_after(s);
        return next;
}

static int notifications_start(struct source **ret, const struct source_kind *kind,
                               const struct source_context *context) {
        struct notifications *s = calloc(1, sizeof(*s));
        SCOPED(notifications_stop) struct source *source = &s->source;
        int r;

        if (!s)
                return -ENOMEM;
        source_init(source, kind, context);
        s->sink = (struct call_sink){ .report = take_report, .end = take_end, .userdata = s };
        r = notification_table_new(&s->table, &s->sink);
        if (r < 0)
                return r;
        if (!context->user_bus)
                source_set_state(source, SOURCE_UNAVAILABLE, "there is no session bus");
        else {
                r = leavers_new(&s->leavers, context->user_bus, on_left, s);
                if (r >= 0)
                        r = notification_server_new(&s->server, context->user_bus, &server_ops, s);
        }
        if (r < 0)
                return r;
        *ret = TAKE(source);
        return 0;
}

const struct source_kind source_notifications = {
        .name = "notifications",
        .description = "notifications of calls, mostly of ringing",
        .start = notifications_start,
        .stop = notifications_stop,
        .run = notifications_run,
};
