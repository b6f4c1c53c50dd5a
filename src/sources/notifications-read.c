/* See notifications-read.h. sd_bus_message_skip() walks through an image byte by byte; arrays of numbers are taken in
 * one step instead, which copies nothing. */
#include "sources/notifications-read.h"

#include <errno.h>

#include "sources/identity.h"

#define PARTS_MAX 1024 /* of one message: elements, hints, actions; an image is one */
#define DEPTH_MAX 16   /* of containers in a hint */

/* What sd_bus_message_read_array() takes. */
static const char *const number_types = "ynqiuxtd";

struct reader {
        sd_bus_message *m;
        unsigned parts_left;
        struct notification_message *to;
};

/* One value of a dictionary, a variant that is still to be read. */
typedef int (*entry_t)(struct reader *r, const char *name);

static int count_part(struct reader *r) {
        if (r->parts_left == 0)
                return -E2BIG;
        r->parts_left--;
        return 0;
}

/* ---- passing over ---- */

static int skip_basic(struct reader *r, char type) {
        const char types[] = { type, '\0' };

        return sd_bus_message_skip(r->m, types);
}

static bool is_array_of_numbers(char type, const char *contents) {
        return type == SD_BUS_TYPE_ARRAY && contents && contents[0] && !contents[1] &&
               strchr(number_types, contents[0]);
}

/* Goes into every container and out of it; without a call of itself, so that the depth has a limit of its own. */
static int skip_value(struct reader *r) {
        unsigned depth = 0;

        do {
                const char *contents;
                const void *data;
                size_t size;
                char type;
                int k = sd_bus_message_peek_type(r->m, &type, &contents);

                if (k < 0)
                        return k;
                if (k == 0 && depth == 0)
                        return -EBADMSG;
                if (k > 0 && count_part(r) < 0)
                        return -E2BIG;
                if (k == 0) {
                        k = sd_bus_message_exit_container(r->m);
                        depth--;
                } else if (is_array_of_numbers(type, contents))
                        k = sd_bus_message_read_array(r->m, contents[0], &data, &size);
                else if (strchr("avre", type)) {
                        k = depth < DEPTH_MAX ? sd_bus_message_enter_container(r->m, type, contents) : -E2BIG;
                        depth++;
                } else
                        k = skip_basic(r, type);
                if (k < 0)
                        return k;
        } while (depth > 0);
        return 0;
}

/* ---- values ---- */

/* A variant of a string; of anything else "" with a reason to go on. */
static int read_text(struct reader *r, const char **ret) {
        const char *contents;
        char type;
        int k = sd_bus_message_peek_type(r->m, &type, &contents);

        *ret = "";
        if (k <= 0)
                return k < 0 ? k : -EBADMSG;
        if (type != SD_BUS_TYPE_VARIANT || !streq(contents, "s"))
                return skip_value(r);
        return sd_bus_message_read(r->m, "v", "s", ret);
}

static int read_field(struct reader *r, char field[NOTIFICATION_KEY_MAX]) {
        const char *value;
        int k = read_text(r, &value);

        if (k >= 0)
                notification_set(field, value);
        return k;
}

/* An a{sv}. */
static int read_dict(struct reader *r, entry_t entry) {
        int k = sd_bus_message_enter_container(r->m, SD_BUS_TYPE_ARRAY, "{sv}");

        if (k <= 0)
                return k < 0 ? k : -EBADMSG;
        while ((k = sd_bus_message_enter_container(r->m, SD_BUS_TYPE_DICT_ENTRY, "sv")) > 0) {
                const char *name;

                k = count_part(r);
                if (k >= 0)
                        k = sd_bus_message_read_basic(r->m, SD_BUS_TYPE_STRING, &name);
                if (k >= 0)
                        k = entry(r, name);
                if (k >= 0)
                        k = sd_bus_message_exit_container(r->m);
                if (k < 0)
                        return k;
        }
        return k < 0 ? k : sd_bus_message_exit_container(r->m);
}

static int read_hint(struct reader *r, const char *name) {
        struct notification *n = &r->to->notification;

        if (streq(name, "category"))
                return read_field(r, n->category);
        if (streq(name, "sound-name"))
                return read_field(r, n->sound);
        if (streq(name, "x-kde-appname"))
                return read_field(r, n->kde_app);
        if (streq(name, "x-kde-eventId"))
                return read_field(r, n->kde_event);
        if (streq(name, "desktop-entry"))
                return read_text(r, &r->to->desktop_entry);
        if (streq(name, "x-shell-sender"))
                r->to->inner = true;
        return skip_value(r);
}

/* ---- org.freedesktop.Notifications ---- */

/* Pairs of key and label. */
static int read_actions(struct reader *r) {
        const char *key;
        int k = sd_bus_message_enter_container(r->m, SD_BUS_TYPE_ARRAY, "s");

        if (k <= 0)
                return k < 0 ? k : -EBADMSG;
        while ((k = sd_bus_message_read_basic(r->m, SD_BUS_TYPE_STRING, &key)) > 0) {
                if (count_part(r) < 0)
                        return -E2BIG;
                notification_add_action(&r->to->notification, key, "");
                k = sd_bus_message_at_end(r->m, false);
                if (k == 0)
                        k = sd_bus_message_skip(r->m, "s");
                if (k < 0)
                        return k;
        }
        return k < 0 ? k : sd_bus_message_exit_container(r->m);
}

static struct reader begin(sd_bus_message *m, struct notification_message *to) {
        *to = (struct notification_message){ .app_name = "", .desktop_entry = "" };
        return (struct reader){ .m = m, .parts_left = PARTS_MAX, .to = to };
}

/* The desktop entry is the better name. */
static void identify(struct notification_message *to) {
        const char *name = to->desktop_entry[0] ? to->desktop_entry : to->app_name;

        (void) identity_of_name(to->notification.app, sizeof(to->notification.app), name);
}

int notification_read(sd_bus_message *m, bool numbered, struct notification_message *ret) {
        struct reader r = begin(m, ret);
        uint32_t replaces = 0;
        int k;

        if (!sd_bus_message_has_signature(m, numbered ? "ususssasa{sv}i" : "susssasa{sv}i"))
                return -EBADMSG;
        k = numbered ? sd_bus_message_read(m, "u", &ret->number) : 0;
        if (k >= 0)
                k = sd_bus_message_read(m, "su", &ret->app_name, &replaces);
        if (k >= 0)
                k = sd_bus_message_skip(m, "sss"); /* icon, and the two texts */
        if (k >= 0)
                k = read_actions(&r);
        if (k >= 0)
                k = read_dict(&r, read_hint);
        if (k < 0)
                return k;
        if (!numbered)
                ret->number = replaces;
        identify(ret);
        return 0;
}

/* ---- the portal ---- */

struct button {
        const char *action, *purpose;
};

/* `b` is read as far as it is known. */
static int read_button_entry(struct reader *r, struct button *b) {
        const char *name;
        int k = sd_bus_message_read_basic(r->m, SD_BUS_TYPE_STRING, &name);

        if (k < 0)
                return k;
        if (streq(name, "action"))
                return read_text(r, &b->action);
        if (streq(name, "purpose"))
                return read_text(r, &b->purpose);
        return skip_value(r);
}

static int read_button(struct reader *r) {
        struct button b = { .action = "", .purpose = "" };
        int k;

        while ((k = sd_bus_message_enter_container(r->m, SD_BUS_TYPE_DICT_ENTRY, "sv")) > 0) {
                k = count_part(r);
                if (k >= 0)
                        k = read_button_entry(r, &b);
                if (k >= 0)
                        k = sd_bus_message_exit_container(r->m);
                if (k < 0)
                        return k;
        }
        if (k >= 0)
                notification_add_action(&r->to->notification, b.action, b.purpose);
        return k;
}

static int read_buttons(struct reader *r) {
        int k = sd_bus_message_enter_container(r->m, SD_BUS_TYPE_VARIANT, "aa{sv}");

        if (k >= 0)
                k = sd_bus_message_enter_container(r->m, SD_BUS_TYPE_ARRAY, "a{sv}");
        if (k < 0)
                return k;
        while ((k = sd_bus_message_enter_container(r->m, SD_BUS_TYPE_ARRAY, "{sv}")) > 0) {
                k = read_button(r);
                if (k >= 0)
                        k = sd_bus_message_exit_container(r->m);
                if (k < 0)
                        return k;
        }
        if (k >= 0)
                k = sd_bus_message_exit_container(r->m);
        return k < 0 ? k : sd_bus_message_exit_container(r->m);
}

static int read_portal_entry(struct reader *r, const char *name) {
        const char *contents;
        char type;

        if (streq(name, "category"))
                return read_field(r, r->to->notification.category);
        if (streq(name, "buttons") && sd_bus_message_peek_type(r->m, &type, &contents) > 0 &&
            type == SD_BUS_TYPE_VARIANT && streq(contents, "aa{sv}"))
                return read_buttons(r);
        return skip_value(r);
}

int notification_read_portal(sd_bus_message *m, struct notification_message *ret) {
        struct reader r = begin(m, ret);
        int k;

        if (!sd_bus_message_has_signature(m, "sa{sv}"))
                return -EBADMSG;
        k = sd_bus_message_read(m, "s", &ret->portal_id);
        return k < 0 ? k : read_dict(&r, read_portal_entry);
}

/* ---- mako ---- */

static int read_listed_number(struct reader *r) {
        const char *contents;
        char type;
        int k = sd_bus_message_peek_type(r->m, &type, &contents);

        if (k > 0 && type == SD_BUS_TYPE_VARIANT && streq(contents, "u"))
                return sd_bus_message_read(r->m, "v", "u", &r->to->number);
        return skip_value(r);
}

static int read_listed_entry(struct reader *r, const char *name) {
        if (streq(name, "id"))
                return read_listed_number(r);
        if (streq(name, "category"))
                return read_field(r, r->to->notification.category);
        if (streq(name, "desktop-entry"))
                return read_text(r, &r->to->desktop_entry);
        if (streq(name, "app-name"))
                return read_text(r, &r->to->app_name);
        return skip_value(r);
}

int notification_read_listed(sd_bus_message *m, struct notification_message *ret) {
        struct reader r = begin(m, ret);
        int k = sd_bus_message_at_end(m, false);

        if (k != 0)
                return k < 0 ? k : 0;
        k = read_dict(&r, read_listed_entry);
        if (k < 0)
                return k;
        identify(ret);
        return 1;
}
