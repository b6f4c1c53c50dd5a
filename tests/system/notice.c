#include "system/notice.h"

#include <stdio.h>
#include <time.h>

#define SERVER_PATH "/org/freedesktop/Notifications"

static int64_t now_msec(void) {
        struct timespec t;

        clock_gettime(CLOCK_MONOTONIC, &t);
        return t.tv_sec * 1000 + t.tv_nsec / 1000000;
}

DBusConnection *desk_connect(struct world *w) {
        DBusConnection *c = dbus_connection_open_private(private_bus_address(w->bus), NULL);

        check(w, c && dbus_bus_register(c, NULL), "no connection to the bus");
        dbus_connection_set_exit_on_disconnect(c, FALSE);
        return c;
}

void desk_disconnect(DBusConnection *c) {
        dbus_connection_close(c);
        dbus_connection_unref(c);
}

void desk_own(struct world *w, DBusConnection *c, const char *name) {
        int r = dbus_bus_request_name(c, name, DBUS_NAME_FLAG_ALLOW_REPLACEMENT | DBUS_NAME_FLAG_REPLACE_EXISTING,
                                      NULL);

        check(w, r == DBUS_REQUEST_NAME_REPLY_PRIMARY_OWNER, "cannot own %s", name);
}

void desk_send(DBusConnection *c, DBusMessage *m) {
        dbus_connection_send(c, m, NULL);
        dbus_connection_flush(c);
        dbus_message_unref(m);
}

DBusMessage *desk_next_call(struct world *w, DBusConnection *service, const char *member) {
        int64_t until = now_msec() + patience();

        while (now_msec() < until) {
                DBusMessage *m = dbus_connection_pop_message(service);

                if (!m)
                        dbus_connection_read_write(service, 200);
                else if (dbus_message_get_type(m) != DBUS_MESSAGE_TYPE_METHOD_CALL)
                        dbus_message_unref(m);
                else if (streq(dbus_message_get_member(m), member))
                        return m;
                else {
                        desk_send(service, dbus_message_new_error(m, DBUS_ERROR_UNKNOWN_METHOD, NULL));
                        dbus_message_unref(m);
                }
        }
        check(w, false, "nobody calls %s", member);
        return NULL;
}

void desk_refuse(struct world *w, DBusConnection *service, const char *member) {
        DBusMessage *m = desk_next_call(w, service, member);

        desk_send(service, dbus_message_new_error(m, DBUS_ERROR_UNKNOWN_METHOD, NULL));
        dbus_message_unref(m);
}

DBusConnection *desk_start(struct world *w, const char *config) {
        DBusConnection *server = desk_connect(w);
        char text[1024];

        snprintf(text, sizeof(text),
                 "[busyd]\nringing = all\nhint-delay = 0s\nend-grace = 0s\nhint-end-grace = 0s\nlog-level = debug\n"
                 "[source pipewire]\nenabled = no\n[source camera]\nenabled = no\n%s",
                 config);
        world_config(w, text);
        desk_own(w, server, NOTIFICATIONS);
        world_start(w);
        /* What others can. */
        desk_refuse(w, server, "RegisterWatcher");
        desk_refuse(w, server, "ListNotifications");
        expect_source(w, "notifications", "watching");
        return server;
}

/* ---- notifications ---- */

static void append_variant(DBusMessageIter *dict, const char *name, const char *value) {
        DBusMessageIter entry, variant;

        dbus_message_iter_open_container(dict, DBUS_TYPE_DICT_ENTRY, NULL, &entry);
        dbus_message_iter_append_basic(&entry, DBUS_TYPE_STRING, &name);
        dbus_message_iter_open_container(&entry, DBUS_TYPE_VARIANT, "s", &variant);
        dbus_message_iter_append_basic(&variant, DBUS_TYPE_STRING, &value);
        dbus_message_iter_close_container(&entry, &variant);
        dbus_message_iter_close_container(dict, &entry);
}

/* "image-data": width, height, row stride, alpha, bits per sample, channels, pixels. */
static void append_image(DBusMessageIter *dict, size_t size) {
        static unsigned char pixels[8 << 20];
        const unsigned char *data = pixels;
        const char *name = "image-data";
        dbus_int32_t numbers[] = { 1, (dbus_int32_t) (size / 4), 4, 0, 8, 4 };
        dbus_bool_t alpha = TRUE;
        DBusMessageIter entry, variant, image, bytes;

        dbus_message_iter_open_container(dict, DBUS_TYPE_DICT_ENTRY, NULL, &entry);
        dbus_message_iter_append_basic(&entry, DBUS_TYPE_STRING, &name);
        dbus_message_iter_open_container(&entry, DBUS_TYPE_VARIANT, "(iiibiiay)", &variant);
        dbus_message_iter_open_container(&variant, DBUS_TYPE_STRUCT, NULL, &image);
        for (size_t i = 0; i < ARRAY_SIZE(numbers); i++)
                if (i == 3)
                        dbus_message_iter_append_basic(&image, DBUS_TYPE_BOOLEAN, &alpha);
                else
                        dbus_message_iter_append_basic(&image, DBUS_TYPE_INT32, &numbers[i]);
        dbus_message_iter_open_container(&image, DBUS_TYPE_ARRAY, "y", &bytes);
        dbus_message_iter_append_fixed_array(&bytes, DBUS_TYPE_BYTE, &data, (int) size);
        dbus_message_iter_close_container(&image, &bytes);
        dbus_message_iter_close_container(&variant, &image);
        dbus_message_iter_close_container(&entry, &variant);
        dbus_message_iter_close_container(dict, &entry);
}

static void append_actions(DBusMessageIter *to, const char *const *actions) {
        DBusMessageIter array;

        dbus_message_iter_open_container(to, DBUS_TYPE_ARRAY, "s", &array);
        for (; *actions; actions++)
                dbus_message_iter_append_basic(&array, DBUS_TYPE_STRING, actions);
        dbus_message_iter_close_container(to, &array);
}

static void append_hints(DBusMessageIter *to, const struct notice *n) {
        DBusMessageIter dict;

        dbus_message_iter_open_container(to, DBUS_TYPE_ARRAY, "{sv}", &dict);
        if (n->image > 0)
                append_image(&dict, n->image);
        for (size_t i = 0; n->hints[i]; i += 2)
                append_variant(&dict, n->hints[i], n->hints[i + 1]);
        dbus_message_iter_close_container(to, &dict);
}

DBusMessage *notice_message(const struct notice *n) {
        DBusMessage *m = dbus_message_new_method_call(n->to ?: NOTIFICATIONS, SERVER_PATH, NOTIFICATIONS, "Notify");
        const char *app = n->app ?: "App", *icon = "", *summary = n->summary ?: "Summary", *body = n->body ?: "Body";
        dbus_uint32_t replaces = n->replaces;
        dbus_int32_t timeout = 0;
        DBusMessageIter i;

        dbus_message_append_args(m, DBUS_TYPE_STRING, &app, DBUS_TYPE_UINT32, &replaces, DBUS_TYPE_STRING, &icon,
                                 DBUS_TYPE_STRING, &summary, DBUS_TYPE_STRING, &body, DBUS_TYPE_INVALID);
        dbus_message_iter_init_append(m, &i);
        append_actions(&i, n->actions);
        append_hints(&i, n);
        dbus_message_iter_append_basic(&i, DBUS_TYPE_INT32, &timeout);
        dbus_message_set_no_reply(m, n->no_reply);
        return m;
}

void notice_send(struct world *w, DBusConnection *program, DBusConnection *server, const struct notice *n,
                 uint32_t id) {
        DBusMessage *call, *reply;

        desk_send(program, notice_message(n));
        call = desk_next_call(w, server, "Notify");
        if (!n->no_reply) {
                reply = id != 0 ? dbus_message_new_method_return(call)
                                : dbus_message_new_error(call, DBUS_ERROR_FAILED, NULL);
                if (id != 0)
                        dbus_message_append_args(reply, DBUS_TYPE_UINT32, &id, DBUS_TYPE_INVALID);
                desk_send(server, reply);
        }
        dbus_message_unref(call);
}

void notice_closed(DBusConnection *server, uint32_t id) {
        DBusMessage *m = dbus_message_new_signal(SERVER_PATH, NOTIFICATIONS, "NotificationClosed");
        dbus_uint32_t reason = 2;

        dbus_message_append_args(m, DBUS_TYPE_UINT32, &id, DBUS_TYPE_UINT32, &reason, DBUS_TYPE_INVALID);
        desk_send(server, m);
}

void notice_action(DBusConnection *server, uint32_t id, const char *key) {
        DBusMessage *m = dbus_message_new_signal(SERVER_PATH, NOTIFICATIONS, "ActionInvoked");

        dbus_message_append_args(m, DBUS_TYPE_UINT32, &id, DBUS_TYPE_STRING, &key, DBUS_TYPE_INVALID);
        desk_send(server, m);
}

/* ---- what busyd makes of it ---- */

static size_t count(const char *text, const char *part) {
        size_t n = 0;

        for (; (text = strstr(text, part)); text += strlen(part))
                n++;
        return n;
}

static bool has_phases(const char *objects, const char *phases) {
        static const char *const all[] = { "ringing-in", "ringing-out", "active", "held" };

        for (size_t i = 0; i < ARRAY_SIZE(all); i++) {
                char part[64];

                snprintf(part, sizeof(part), "\"Phase\", \"%s\"", all[i]);
                if (count(objects, part) != count(phases, all[i]))
                        return false;
        }
        return true;
}

void expect_phases(struct world *w, const char *phases) {
        int64_t until = now_msec() + patience(), left;

        do {
                SCOPED(free) char *objects = peer_objects(w->peer);

                if (has_phases(objects, phases))
                        return;
                left = until - now_msec();
                if (left <= 0)
                        fprintf(stderr, "%s\n", objects);
                else
                        peer_wait(w->peer, left);
        } while (left > 0);
        check(w, false, "the calls are not \"%s\"", phases);
}
