/* See tray-menu.h. On the bus row i has the number i + 1; 0 is the menu itself. Since rows neither come nor go the
 * layout stays the same, and only properties change. */
#include "desktop/tray-menu.h"

#include <errno.h>

#include "util/bus-service.h"
#include "util/log.h"

#define INTERFACE "com.canonical.dbusmenu"
#define VERSION   3
#define REVISION  1
#define ASKED_MAX 64 /* numbers that one question may have */

struct tray_menu {
        sd_bus *bus;
        const char *path;
        struct tray_menu_row rows[TRAY_MENU_ROWS_MAX];
        size_t n;
        void (*chosen)(void *userdata, size_t row);
        void *userdata;
        sd_bus_slot *slot;
};

/* NULL: it is the menu, or there is none. */
static const struct tray_menu_row *row_at(const struct tray_menu *m, int32_t id) {
        return id >= 1 && (size_t) id <= m->n ? &m->rows[id - 1] : NULL;
}

static bool exists(const struct tray_menu *m, int32_t id) {
        return id == 0 || row_at(m, id);
}

/* ---- properties ---- */

/* An underscore marks the letter that chooses a row: one to be read is written twice. */
static int append_label(sd_bus_message *reply, const char *label) {
        char twice[2 * TRAY_MENU_LABEL_MAX], *to = twice;

        for (; *label != '\0'; label++) {
                *to++ = *label;
                if (*label == '_')
                        *to++ = '_';
        }
        *to = '\0';
        return sd_bus_message_append(reply, "v", "s", twice);
}

enum property {
        PROPERTY_TYPE,
        PROPERTY_LABEL,
        PROPERTY_ENABLED,
        PROPERTY_VISIBLE,
        PROPERTY_TOGGLE_TYPE,
        PROPERTY_TOGGLE_STATE,
        PROPERTY_CHILDREN,
        PROPERTIES,
};

static const char *const property_names[PROPERTIES] = {
        [PROPERTY_TYPE] = "type",
        [PROPERTY_LABEL] = "label",
        [PROPERTY_ENABLED] = "enabled",
        [PROPERTY_VISIBLE] = "visible",
        [PROPERTY_TOGGLE_TYPE] = "toggle-type",
        [PROPERTY_TOGGLE_STATE] = "toggle-state",
        [PROPERTY_CHILDREN] = "children-display",
};

/* Whether it has a property; what is not told is by default "standard", "", true, true, "", -1 and "". What can change
 * is always told. `row` NULL: the menu. */
static bool has(const struct tray_menu_row *row, enum property p) {
        if (!row)
                return p == PROPERTY_CHILDREN;
        switch (p) {
        case PROPERTY_TYPE:
                return row->label[0] == '\0';
        case PROPERTY_LABEL:
        case PROPERTY_ENABLED:
                return row->label[0] != '\0';
        case PROPERTY_VISIBLE:
                return true;
        case PROPERTY_TOGGLE_TYPE:
        case PROPERTY_TOGGLE_STATE:
                return row->mark != TRAY_MENU_PLAIN;
        case PROPERTY_CHILDREN:
        case PROPERTIES:
                break;
        }
        return false;
}

static int append_value(sd_bus_message *reply, const struct tray_menu_row *row, enum property p) {
        switch (p) {
        case PROPERTY_TYPE:
                return sd_bus_message_append(reply, "v", "s", "separator");
        case PROPERTY_LABEL:
                return append_label(reply, row->label);
        case PROPERTY_ENABLED:
                return sd_bus_message_append(reply, "v", "b", (int) !row->dead);
        case PROPERTY_VISIBLE:
                return sd_bus_message_append(reply, "v", "b", (int) !row->hidden);
        case PROPERTY_TOGGLE_TYPE:
                return sd_bus_message_append(reply, "v", "s", "checkmark");
        case PROPERTY_TOGGLE_STATE:
                return sd_bus_message_append(reply, "v", "i", row->mark == TRAY_MENU_MARKED ? 1 : 0);
        case PROPERTY_CHILDREN:
                return sd_bus_message_append(reply, "v", "s", "submenu");
        case PROPERTIES:
                break;
        }
        return -EINVAL;
}

/* a{sv} */
static int append_properties(sd_bus_message *reply, const struct tray_menu_row *row) {
        int r = sd_bus_message_open_container(reply, 'a', "{sv}");

        for (enum property p = 0; r >= 0 && p < PROPERTIES; p++) {
                if (!has(row, p))
                        continue;
                r = sd_bus_message_open_container(reply, 'e', "sv");
                if (r >= 0)
                        r = sd_bus_message_append(reply, "s", property_names[p]);
                if (r >= 0)
                        r = append_value(reply, row, p);
                if (r >= 0)
                        r = sd_bus_message_close_container(reply);
        }
        return r < 0 ? r : sd_bus_message_close_container(reply);
}

/* (ia{sv}) */
static int append_group(sd_bus_message *reply, const struct tray_menu *m, int32_t id) {
        int r = sd_bus_message_open_container(reply, 'r', "ia{sv}");

        if (r >= 0)
                r = sd_bus_message_append(reply, "i", id);
        if (r >= 0)
                r = append_properties(reply, row_at(m, id));
        return r < 0 ? r : sd_bus_message_close_container(reply);
}

/* ---- questions. Names of properties that are asked for are not looked at: more than asked may be told ---- */

static int no_such_row(sd_bus_error *error, int32_t id) {
        return sd_bus_error_setf(error, SD_BUS_ERROR_INVALID_ARGS, "The menu has no row %d", id);
}

static int append_layout(sd_bus_message *reply, const struct tray_menu *m, int32_t id, bool with_rows) {
        int r = sd_bus_message_open_container(reply, 'r', "ia{sv}av");

        if (r >= 0)
                r = sd_bus_message_append(reply, "i", id);
        if (r >= 0)
                r = append_properties(reply, row_at(m, id));
        if (r >= 0)
                r = sd_bus_message_open_container(reply, 'a', "v");
        for (size_t i = 1; r >= 0 && id == 0 && with_rows && i <= m->n; i++) {
                r = sd_bus_message_open_container(reply, 'v', "(ia{sv}av)");
                if (r >= 0)
                        r = append_layout(reply, m, (int32_t) i, false);
                if (r >= 0)
                        r = sd_bus_message_close_container(reply);
        }
        if (r >= 0)
                r = sd_bus_message_close_container(reply);
        return r < 0 ? r : sd_bus_message_close_container(reply);
}

static int on_get_layout(sd_bus_message *message, void *userdata, sd_bus_error *error) {
        SCOPED(sd_bus_message_unref) sd_bus_message *reply = NULL;
        const struct tray_menu *m = userdata;
        int32_t id, depth;
        int r = sd_bus_message_read(message, "ii", &id, &depth);

        if (r < 0)
                return r;
        if (!exists(m, id))
                return no_such_row(error, id);
        r = sd_bus_message_new_method_return(message, &reply);
        if (r >= 0)
                r = sd_bus_message_append(reply, "u", REVISION);
        if (r >= 0)
                r = append_layout(reply, m, id, depth != 0);
        return r < 0 ? r : sd_bus_message_send(reply);
}

/* Of the numbers in the message those that exist, none: all of them. */
static int read_rows(const struct tray_menu *m, sd_bus_message *message, int32_t *ret, size_t *ret_n) {
        size_t n = 0, n_asked = 0;
        int32_t id;
        int r = sd_bus_message_enter_container(message, 'a', "i");

        while (r >= 0 && (r = sd_bus_message_read(message, "i", &id)) > 0) {
                n_asked++;
                if (n < ASKED_MAX && exists(m, id))
                        ret[n++] = id;
        }
        if (r < 0)
                return r;
        for (id = 0; n_asked == 0 && (size_t) id <= m->n; id++)
                ret[n++] = id;
        *ret_n = n;
        return 0;
}

static int on_get_group_properties(sd_bus_message *message, void *userdata, sd_bus_error *error) {
        SCOPED(sd_bus_message_unref) sd_bus_message *reply = NULL;
        const struct tray_menu *m = userdata;
        int32_t rows[ASKED_MAX];
        size_t n;
        int r = read_rows(m, message, rows, &n);

        if (r >= 0)
                r = sd_bus_message_new_method_return(message, &reply);
        if (r >= 0)
                r = sd_bus_message_open_container(reply, 'a', "(ia{sv})");
        for (size_t i = 0; r >= 0 && i < n; i++)
                r = append_group(reply, m, rows[i]);
        if (r >= 0)
                r = sd_bus_message_close_container(reply);
        return r < 0 ? r : sd_bus_message_send(reply);
}

static int on_get_property(sd_bus_message *message, void *userdata, sd_bus_error *error) {
        SCOPED(sd_bus_message_unref) sd_bus_message *reply = NULL;
        const struct tray_menu *m = userdata;
        const char *name;
        int32_t id;
        int r = sd_bus_message_read(message, "is", &id, &name);

        if (r < 0)
                return r;
        if (!exists(m, id))
                return no_such_row(error, id);
        for (enum property p = 0; p < PROPERTIES; p++) {
                if (!streq(name, property_names[p]) || !has(row_at(m, id), p))
                        continue;
                r = sd_bus_message_new_method_return(message, &reply);
                if (r >= 0)
                        r = append_value(reply, row_at(m, id), p);
                return r < 0 ? r : sd_bus_message_send(reply);
        }
        return sd_bus_error_setf(error, SD_BUS_ERROR_INVALID_ARGS, "Row %d has no such property", id);
}

/* ---- what is done with it ---- */

/* Nothing waits for a menu to be opened. */
static int on_about_to_show(sd_bus_message *message, void *userdata, sd_bus_error *error) {
        return sd_bus_reply_method_return(message, "b", 0);
}

static int on_about_to_show_group(sd_bus_message *message, void *userdata, sd_bus_error *error) {
        return sd_bus_reply_method_return(message, "aiai", 0, 0);
}

static void choose(const struct tray_menu *m, int32_t id) {
        const struct tray_menu_row *row = row_at(m, id);

        if (row && !row->hidden && !row->dead && row->label[0] != '\0')
                m->chosen(m->userdata, (size_t) id - 1);
}

/* What has happened to which row: a click, or something else, as that the pointer is over it. */
static int read_event(sd_bus_message *message, int32_t *ret_id, bool *ret_click) {
        const char *what;
        uint32_t at;
        int r = sd_bus_message_read(message, "is", ret_id, &what);

        if (r >= 0)
                r = sd_bus_message_skip(message, "v");
        if (r >= 0)
                r = sd_bus_message_read(message, "u", &at);
        if (r >= 0)
                *ret_click = streq(what, "clicked");
        return r;
}

static int on_event(sd_bus_message *message, void *userdata, sd_bus_error *error) {
        const struct tray_menu *m = userdata;
        bool click;
        int32_t id;
        int r = read_event(message, &id, &click);

        if (r < 0)
                return r;
        if (!exists(m, id))
                return no_such_row(error, id);
        if (click)
                choose(m, id);
        return sd_bus_reply_method_return(message, NULL);
}

static int on_event_group(sd_bus_message *message, void *userdata, sd_bus_error *error) {
        const struct tray_menu *m = userdata;
        SCOPED(sd_bus_message_unref) sd_bus_message *reply = NULL;
        int32_t id, clicked = 0;
        bool click;
        int r = sd_bus_message_new_method_return(message, &reply);

        if (r >= 0)
                r = sd_bus_message_open_container(reply, 'a', "i");
        if (r >= 0)
                r = sd_bus_message_enter_container(message, 'a', "(isvu)");
        while (r >= 0 && (r = sd_bus_message_enter_container(message, 'r', "isvu")) > 0) {
                r = read_event(message, &id, &click);
                if (r >= 0 && click)
                        clicked = id;
                if (r >= 0 && !exists(m, id))
                        r = sd_bus_message_append(reply, "i", id);
                if (r >= 0)
                        r = sd_bus_message_exit_container(message);
        }
        if (r >= 0)
                r = sd_bus_message_close_container(reply);
        if (r < 0)
                return r;
        choose(m, clicked);
        return sd_bus_message_send(reply);
}

/* ---- the object ---- */

static int get_version(sd_bus *bus, const char *path, const char *interface, const char *property,
                       sd_bus_message *reply, void *userdata, sd_bus_error *error) {
        return sd_bus_message_append(reply, "u", VERSION);
}

static int get_text(sd_bus *bus, const char *path, const char *interface, const char *property, sd_bus_message *reply,
                    void *userdata, sd_bus_error *error) {
        return sd_bus_message_append(reply, "s", streq(property, "Status") ? "normal" : "ltr");
}

static int get_folders(sd_bus *bus, const char *path, const char *interface, const char *property,
                       sd_bus_message *reply, void *userdata, sd_bus_error *error) {
        return sd_bus_message_append(reply, "as", 0);
}

#define METHOD SD_BUS_VTABLE_UNPRIVILEGED

static const sd_bus_vtable vtable[] = {
        SD_BUS_VTABLE_START(0),
        SD_BUS_PROPERTY("Version", "u", get_version, 0, SD_BUS_VTABLE_PROPERTY_CONST),
        SD_BUS_PROPERTY("TextDirection", "s", get_text, 0, SD_BUS_VTABLE_PROPERTY_CONST),
        SD_BUS_PROPERTY("Status", "s", get_text, 0, SD_BUS_VTABLE_PROPERTY_CONST),
        SD_BUS_PROPERTY("IconThemePath", "as", get_folders, 0, SD_BUS_VTABLE_PROPERTY_CONST),
        SD_BUS_METHOD_WITH_ARGS("GetLayout", SD_BUS_ARGS("i", parentId, "i", recursionDepth, "as", propertyNames),
                                SD_BUS_RESULT("u", revision, "(ia{sv}av)", layout), on_get_layout, METHOD),
        SD_BUS_METHOD_WITH_ARGS("GetGroupProperties", SD_BUS_ARGS("ai", ids, "as", propertyNames),
                                SD_BUS_RESULT("a(ia{sv})", properties), on_get_group_properties, METHOD),
        SD_BUS_METHOD_WITH_ARGS("GetProperty", SD_BUS_ARGS("i", id, "s", name), SD_BUS_RESULT("v", value),
                                on_get_property, METHOD),
        SD_BUS_METHOD_WITH_ARGS("Event", SD_BUS_ARGS("i", id, "s", eventId, "v", data, "u", timestamp),
                                SD_BUS_NO_RESULT, on_event, METHOD),
        SD_BUS_METHOD_WITH_ARGS("EventGroup", SD_BUS_ARGS("a(isvu)", events), SD_BUS_RESULT("ai", idErrors),
                                on_event_group, METHOD),
        SD_BUS_METHOD_WITH_ARGS("AboutToShow", SD_BUS_ARGS("i", id), SD_BUS_RESULT("b", needUpdate), on_about_to_show,
                                METHOD),
        SD_BUS_METHOD_WITH_ARGS("AboutToShowGroup", SD_BUS_ARGS("ai", ids),
                                SD_BUS_RESULT("ai", updatesNeeded, "ai", idErrors), on_about_to_show_group, METHOD),
        SD_BUS_SIGNAL_WITH_ARGS("ItemsPropertiesUpdated",
                                SD_BUS_ARGS("a(ia{sv})", updatedProps, "a(ias)", removedProps), 0),
        SD_BUS_SIGNAL_WITH_ARGS("LayoutUpdated", SD_BUS_ARGS("u", revision, "i", parent), 0),
        SD_BUS_SIGNAL_WITH_ARGS("ItemActivationRequested", SD_BUS_ARGS("i", id, "u", timestamp), 0),
        SD_BUS_VTABLE_END,
};

static bool is_same(const struct tray_menu_row *a, const struct tray_menu_row *b) {
        return streq(a->label, b->label) && a->hidden == b->hidden && a->dead == b->dead && a->mark == b->mark;
}

void tray_menu_set(struct tray_menu *m, const struct tray_menu_row *rows) {
        SCOPED(sd_bus_message_unref) sd_bus_message *signal = NULL;
        bool changed = false;
        int r = sd_bus_message_new_signal(m->bus, &signal, m->path, INTERFACE, "ItemsPropertiesUpdated");

        if (r >= 0)
                r = sd_bus_message_open_container(signal, 'a', "(ia{sv})");
        for (size_t i = 0; i < m->n; i++) {
                if (is_same(&m->rows[i], &rows[i]))
                        continue;
                changed = true;
                m->rows[i] = rows[i];
                if (r >= 0)
                        r = append_group(signal, m, (int32_t) i + 1);
        }
        if (!changed)
                return;
        if (r >= 0)
                r = sd_bus_message_close_container(signal);
        if (r >= 0)
                r = sd_bus_message_append(signal, "a(ias)", 0);
        if (r >= 0)
                r = sd_bus_send(m->bus, signal, NULL);
        if (r < 0)
                log_debug("The menu of the tray shows an older state: %s", strerror(-r));
}

int tray_menu_new(struct tray_menu **ret, sd_bus *bus, const char *path, const struct tray_menu_row *rows, size_t n,
                  void (*chosen)(void *userdata, size_t row), void *userdata) {
        struct tray_menu *m = calloc(1, sizeof(*m));
        int r;

        if (!m)
                return -ENOMEM;
        m->bus = sd_bus_ref(bus);
        m->path = path;
        m->n = n;
        memcpy(m->rows, rows, n * sizeof(*rows));
        m->chosen = chosen;
        m->userdata = userdata;
        r = sd_bus_add_object_vtable(bus, &m->slot, path, INTERFACE, vtable, m);
        if (r < 0) {
                tray_menu_free(m);
                return r;
        }
        *ret = m;
        return 0;
}

struct tray_menu *tray_menu_free(struct tray_menu *m) {
        if (!m)
                return NULL;
        sd_bus_slot_unref(m->slot);
        sd_bus_unref(m->bus);
        free(m);
        return NULL;
}
