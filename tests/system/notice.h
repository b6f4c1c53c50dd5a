/* A desktop that notifies: a scripted notification server and programs that send it notifications, on the private bus
 * of a world. Everything happens in the test's own thread, one step at a time. */
#pragma once

#include "system/mock.h"

#define NOTIFICATIONS "org.freedesktop.Notifications"
#define PORTAL        "org.freedesktop.portal.Desktop"

/* A connection, of a program or a service. */
DBusConnection *desk_connect(struct world *w);
void desk_disconnect(DBusConnection *c);
/* Takes the name over if need be. */
void desk_own(struct world *w, DBusConnection *c, const char *name);
void desk_send(DBusConnection *c, DBusMessage *m); /* takes and flushes it */
/* The next call of this method that reaches the service; others are answered with UnknownMethod. */
DBusMessage *desk_next_call(struct world *w, DBusConnection *service, const char *member);

struct notice {
        const char *app, *summary, *body; /* NULL: "App", and texts */
        const char *actions[8];           /* keys and labels */
        const char *hints[16];            /* names and strings */
        size_t image;                     /* bytes of an image hint in front of the others */
        uint32_t replaces;
        bool no_reply;
        const char *to; /* NULL: the server's name */
};

DBusMessage *notice_message(const struct notice *n);
/* Sends it, lets the server answer with `id`, 0: with an error. */
void notice_send(struct world *w, DBusConnection *program, DBusConnection *server, const struct notice *n,
                 uint32_t id);
void notice_closed(DBusConnection *server, uint32_t id);
void notice_action(DBusConnection *server, uint32_t id, const char *key);

/* The service answers the next call of this method with an error. */
void desk_refuse(struct world *w, DBusConnection *service, const char *member);
/* A server like most, and a busyd that listens; `config` is added to what the tests need. */
DBusConnection *desk_start(struct world *w, const char *config);

/* The phases of all calls are these, in any order, separated by spaces; "" none. */
void expect_phases(struct world *w, const char *phases);
