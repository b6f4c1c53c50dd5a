#include "desktop/quiet-ways.h"

#include <errno.h>

#define PROPERTIES    "org.freedesktop.DBus.Properties"
#define NOTIFICATIONS "org.freedesktop.Notifications"
#define AT            "/org/freedesktop/Notifications"

void quiet_memory_clear(struct quiet_memory *m) {
        for (char **mode = m->modes; mode && *mode; mode++)
                free(*mode);
        free(m->modes);
        *m = (struct quiet_memory){ 0 };
}

static int make(sd_bus *bus, const struct quiet_way *way, const char *path, const char *interface, const char *member,
                sd_bus_message **ret) {
        int r = sd_bus_message_new_method_call(bus, ret, way->service, path, interface, member);

        return r < 0 ? r : sd_bus_message_set_auto_start(*ret, false);
}

/* ---- dunst ---- */

#define DUNST "org.dunstproject.cmd0"

static int get_property(sd_bus *bus, const struct quiet_way *way, const char *interface, const char *name,
                        sd_bus_message **ret) {
        int r = make(bus, way, AT, PROPERTIES, "Get", ret);

        return r < 0 ? r : sd_bus_message_append(*ret, "ss", interface, name);
}

static int read_flag(sd_bus_message *reply, const char *types) {
        int is_set, r = types[0] == 'v' ? sd_bus_message_read(reply, "v", "b", &is_set)
                                        : sd_bus_message_read(reply, types, &is_set);

        return r < 0 ? r : is_set != 0;
}

static int dunst_ask(sd_bus *bus, const struct quiet_way *way, sd_bus_message **ret) {
        return get_property(bus, way, DUNST, "paused", ret);
}

static int dunst_heard(struct quiet_memory *m, sd_bus_message *reply) {
        return read_flag(reply, "v");
}

static int dunst_set(sd_bus *bus, const struct quiet_way *way, const struct quiet_memory *m, bool on,
                     sd_bus_message **ret) {
        int r = make(bus, way, AT, PROPERTIES, "Set", ret);

        return r < 0 ? r : sd_bus_message_append(*ret, "ssv", DUNST, "paused", "b", (int) on);
}

/* ---- mako: a mode among others, which stay ---- */

#define MAKO      "fr.emersion.Mako"
#define MAKO_AT   "/fr/emersion/Mako"
#define MAKO_MODE "do-not-disturb"

static int mako_ask(sd_bus *bus, const struct quiet_way *way, sd_bus_message **ret) {
        return make(bus, way, MAKO_AT, MAKO, "ListModes", ret);
}

static int mako_heard(struct quiet_memory *m, sd_bus_message *reply) {
        int r;

        quiet_memory_clear(m);
        r = sd_bus_message_read_strv(reply, &m->modes);
        if (r < 0)
                return r;
        for (char **mode = m->modes; mode && *mode; mode++)
                if (streq(*mode, MAKO_MODE))
                        return 1;
        return 0;
}

static int mako_set(sd_bus *bus, const struct quiet_way *way, const struct quiet_memory *m, bool on,
                    sd_bus_message **ret) {
        int r = make(bus, way, MAKO_AT, MAKO, "SetModes", ret);

        if (r >= 0)
                r = sd_bus_message_open_container(*ret, 'a', "s");
        for (char **mode = m->modes; r >= 0 && mode && *mode; mode++)
                if (!streq(*mode, MAKO_MODE))
                        r = sd_bus_message_append(*ret, "s", *mode);
        if (r >= 0 && on)
                r = sd_bus_message_append(*ret, "s", MAKO_MODE);
        return r < 0 ? r : sd_bus_message_close_container(*ret);
}

/* ---- swaync ---- */

#define SWAYNC    "org.erikreider.swaync.cc"
#define SWAYNC_AT "/org/erikreider/swaync/cc"

static int swaync_ask(sd_bus *bus, const struct quiet_way *way, sd_bus_message **ret) {
        return make(bus, way, SWAYNC_AT, SWAYNC, "GetDnd", ret);
}

static int swaync_heard(struct quiet_memory *m, sd_bus_message *reply) {
        return read_flag(reply, "b");
}

static int swaync_set(sd_bus *bus, const struct quiet_way *way, const struct quiet_memory *m, bool on,
                      sd_bus_message **ret) {
        int r = make(bus, way, SWAYNC_AT, SWAYNC, "SetDnd", ret);

        return r < 0 ? r : sd_bus_message_append(*ret, "b", (int) on);
}

/* ---- Plasma: an inhibitor beside those of others; the user's own setting is not touched ---- */

static int plasma_ask(sd_bus *bus, const struct quiet_way *way, sd_bus_message **ret) {
        return get_property(bus, way, NOTIFICATIONS, "Inhibited", ret);
}

static int plasma_heard(struct quiet_memory *m, sd_bus_message *reply) {
        int r = read_flag(reply, "v");

        return r < 0 ? r : m->cookie != 0;
}

static int plasma_set(sd_bus *bus, const struct quiet_way *way, const struct quiet_memory *m, bool on,
                      sd_bus_message **ret) {
        int r = make(bus, way, AT, NOTIFICATIONS, on ? "Inhibit" : "UnInhibit", ret);

        if (r < 0)
                return r;
        return on ? sd_bus_message_append(*ret, "ssa{sv}", "busyd", "on a call", 0)
                  : sd_bus_message_append(*ret, "u", m->cookie);
}

static int plasma_was_set(struct quiet_memory *m, bool on, sd_bus_message *reply) {
        m->cookie = 0;
        return on ? sd_bus_message_read(reply, "u", &m->cookie) : 0;
}

/* ---- GNOME: a setting without an interface on the bus, reached by GNOME's own program ---- */

#define BANNERS "org.gnome.desktop.notifications", "show-banners"

const struct quiet_way quiet_ways[] = {
        {
                .name = "dunst",
                .service = NOTIFICATIONS,
                .ask = dunst_ask,
                .heard = dunst_heard,
                .set = dunst_set,
        },
        {
                .name = "mako",
                .service = NOTIFICATIONS,
                .ask = mako_ask,
                .heard = mako_heard,
                .set = mako_set,
        },
        {
                .name = "Plasma",
                .service = NOTIFICATIONS,
                .ends_with_us = true,
                .ask = plasma_ask,
                .heard = plasma_heard,
                .set = plasma_set,
                .was_set = plasma_was_set,
        },
        {
                .name = "swaync",
                .service = SWAYNC,
                .is_lasting = true,
                .ask = swaync_ask,
                .heard = swaync_heard,
                .set = swaync_set,
        },
        {
                .name = "GNOME",
                .service = "org.gnome.Shell",
                .is_lasting = true,
                .ask_argv = (const char *const[]){ "gsettings", "get", BANNERS, NULL },
                .on_argv = (const char *const[]){ "gsettings", "set", BANNERS, "false", NULL },
                .off_argv = (const char *const[]){ "gsettings", "set", BANNERS, "true", NULL },
                .quiet_output = "false\n",
        },
        { 0 },
};
