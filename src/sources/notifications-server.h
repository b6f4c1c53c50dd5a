/* What the notification server itself can be asked, over the ordinary connection: who it is, Plasma's watcher
 * interface and mako's list. Never started, and asked nothing that it answers with texts it need not tell. */
#pragma once

#include <systemd/sd-bus.h>

#include "core/base.h"

#define NOTIFICATIONS_NAME "org.freedesktop.Notifications"
#define NOTIFICATIONS_PATH "/org/freedesktop/Notifications"

struct notification_server;

struct notification_server_ops {
        /* It came, went or was replaced, and whether it forwards notifications to us is known. First called for the
         * server at the start, also if there is none. */
        void (*changed)(void *userdata);
        /* Forwarded: a Notify with the server's id in front; a notification that is gone; an action that was taken. */
        void (*notify)(void *userdata, sd_bus_message *m);
        void (*closed)(void *userdata, uint32_t number);
        void (*action)(void *userdata, uint32_t number, const char *key);
        /* The answer to notification_server_list(), standing in an array of notifications; NULL: there is no list. */
        void (*listed)(void *userdata, sd_bus_message *m);
};

int notification_server_new(struct notification_server **ret, sd_bus *bus, const struct notification_server_ops *ops,
                            void *userdata);
struct notification_server *notification_server_free(struct notification_server *s);
CLEANUP(struct notification_server, notification_server_free);

const char *notification_server_owner(const struct notification_server *s); /* unique name; "" none */
bool notification_server_forwards(const struct notification_server *s);
/* Asks for the notifications of now; answered by ops->listed(), at once if there is nobody to ask. */
void notification_server_list(struct notification_server *s);
