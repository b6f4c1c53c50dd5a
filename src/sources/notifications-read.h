/* From messages to the few fields that matter. Texts and images are passed over where they lie. Only for the
 * notification source's files and their tests. All return -EBADMSG for a message that makes no sense, -E2BIG for one
 * of more parts than any sane program sends. */
#pragma once

#include <systemd/sd-bus.h>

#include "sources/notifications-meaning.h"

/* Borrowed from the message. */
struct notification_message {
        struct notification notification;     /* without `known` */
        const char *app_name, *desktop_entry; /* "" none */
        uint32_t number;                      /* replaces_id, or the one a server's list or Plasma tells; 0: none */
        const char *portal_id;                /* NULL unless from the portal */
        bool inner;                           /* GNOME's second hop of a notification that was seen already */
};

/* org.freedesktop.Notifications.Notify; with `numbered`, org.kde.NotificationWatcher.Notify, which has the server's id
 * in front. */
int notification_read(sd_bus_message *m, bool numbered, struct notification_message *ret);
/* org.freedesktop.portal.Notification.AddNotification. */
int notification_read_portal(sd_bus_message *m, struct notification_message *ret);
/* One entry of fr.emersion.Mako.ListNotifications, when the message stands in its array. 0 at the end. */
int notification_read_listed(sd_bus_message *m, struct notification_message *ret);
