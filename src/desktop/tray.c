/* See tray.h. States:
 *
 *   off        nothing is on the bus
 *   exported   (`menu` is there) the objects are on the bus, under a name of their own: as nobody can tell a tray that
 *              an icon is gone, that name is given back for it. `watcher` looks for who lists the icons of a session,
 * and tells it the name whenever one comes */
#include "desktop/tray.h"

#include <errno.h>
#include <stdio.h>
#include <time.h>
#include <unistd.h>

#include "desktop/tray-icon.h"
#include "desktop/tray-menu.h"
#include "util/bus-service.h"
#include "util/log.h"
#include "util/text.h"

#define ITEM       "org.kde.StatusNotifierItem"
#define AT         "/StatusNotifierItem"
#define MENU_AT    AT "/Menu"
#define WATCHER    "org.kde.StatusNotifierWatcher"
#define WATCHER_AT "/StatusNotifierWatcher"
#define TIME_MAX   32

enum row {
        ROW_STATE,
        ROW_WHY,
        ROW_LINE_ABOVE,
        ROW_BUSY_HALF_HOUR,
        ROW_BUSY_HOUR,
        ROW_BUSY,
        ROW_FREE_HALF_HOUR,
        ROW_FREE_CALL,
        ROW_FREE,
        ROW_LINE_BELOW,
        ROW_AUTO,
        ROW_PAUSE,
        ROWS,
};
_Static_assert(ROWS <= TRAY_MENU_ROWS_MAX, "a menu has as many rows at the most");

static const struct choice {
        const char *label; /* NULL: it is no choice */
        struct desktop_word word;
} choices[ROWS] = {
        [ROW_BUSY_HALF_HOUR] = { "Busy for 30 minutes", { .mode = MODE_BUSY, .duration = 30 * USEC_PER_MIN } },
        [ROW_BUSY_HOUR] = { "Busy for an hour", { .mode = MODE_BUSY, .duration = USEC_PER_HOUR } },
        [ROW_BUSY] = { "Busy", { .mode = MODE_BUSY } },
        [ROW_FREE_HALF_HOUR] = { "Free for 30 minutes", { .mode = MODE_FREE, .duration = 30 * USEC_PER_MIN } },
        [ROW_FREE_CALL] = { "Free until this call ends", { .mode = MODE_FREE, .until_calls_end = true } },
        [ROW_FREE] = { "Free", { .mode = MODE_FREE } },
        [ROW_AUTO] = { "As the calls say", { .mode = MODE_AUTO } },
        [ROW_PAUSE] = { "Pause", { .mode = MODE_PAUSED } },
};

struct tray {
        struct desktop_context context;
        bool on;
        bool failed; /* it cannot be put on the bus; until the next configuration */
        char name[sizeof(ITEM) + 24];
        sd_bus_slot *item, *naming;
        struct tray_menu *menu; /* NULL: off */
        struct bus_service *watcher;
        bool told_none; /* that nobody shows icons */

        /* What is shown. */
        enum tray_look look;
        usec_t since, until;
        struct tray_menu_row rows[ROWS];

        bool has_word;
        struct desktop_word word;
};

/* ---- what there is to see ---- */

/* Worked out anew each time, moments on the wall clock wobble. */
static void keep_time(usec_t *kept, usec_t fresh) {
        usec_t distance = fresh > *kept ? fresh - *kept : *kept - fresh;

        if (fresh == 0 || distance > USEC_PER_SEC)
                *kept = fresh;
}

/* "14:02", with the date if that is another one. */
static const char *time_text(char *buf, usec_t wall, usec_t now_wall) {
        time_t at = (time_t) (wall / USEC_PER_SEC), now = (time_t) (now_wall / USEC_PER_SEC);
        struct tm tm, tm_now;
        bool today;

        buf[0] = '\0';
        if (!localtime_r(&at, &tm) || !localtime_r(&now, &tm_now))
                return buf;
        today = tm.tm_year == tm_now.tm_year && tm.tm_yday == tm_now.tm_yday;
        if (strftime(buf, TIME_MAX, today ? "%H:%M" : "%Y-%m-%d %H:%M", &tm) == 0)
                buf[0] = '\0';
        return buf;
}

static enum tray_look look_of(const struct desktop_facts *f) {
        if (!f->known)
                return TRAY_LOOK_UNKNOWN;
        if (f->mode == MODE_PAUSED)
                return TRAY_LOOK_PAUSED;
        return f->busy ? TRAY_LOOK_BUSY : TRAY_LOOK_FREE;
}

static void say_state(char *buf, size_t size, enum tray_look look, usec_t since, usec_t now_wall) {
        char clock[TIME_MAX];

        switch (look) {
        case TRAY_LOOK_UNKNOWN:
                (void) snprintf(buf, size, "Not known yet");
                break;
        case TRAY_LOOK_PAUSED:
                (void) snprintf(buf, size, "Paused: nobody is told");
                break;
        case TRAY_LOOK_FREE:
        case TRAY_LOOK_BUSY:
                (void) snprintf(buf, size, "%s since %s", look == TRAY_LOOK_BUSY ? "Busy" : "Free",
                                time_text(clock, since, now_wall));
                break;
        }
}

static void say_why(char *buf, size_t size, const struct desktop_facts *f, usec_t until) {
        char clock[TIME_MAX];

        if (f->mode == MODE_AUTO)
                (void) text_printable(buf, size, f->reason);
        else if (f->mode_until_calls_end)
                (void) snprintf(buf, size, "By hand, until this call ends");
        else if (until > 0)
                (void) snprintf(buf, size, "By hand, until %s", time_text(clock, until, f->now_wall));
        else
                (void) snprintf(buf, size, "By hand");
}

static void make_rows(struct tray_menu_row *rows, enum tray_look look, usec_t since, usec_t until,
                      const struct desktop_facts *f) {
        memset(rows, 0, ROWS * sizeof(*rows));
        for (size_t i = 0; i < ROWS; i++)
                if (choices[i].label)
                        (void) snprintf(rows[i].label, sizeof(rows[i].label), "%s", choices[i].label);
        say_state(rows[ROW_STATE].label, sizeof(rows->label), look, since, f->now_wall);
        say_why(rows[ROW_WHY].label, sizeof(rows->label), f, until);
        rows[ROW_STATE].dead = rows[ROW_WHY].dead = true;
        rows[ROW_WHY].hidden = rows[ROW_WHY].label[0] == '\0';
        /* A row without a label would be a line. */
        if (rows[ROW_WHY].hidden)
                (void) snprintf(rows[ROW_WHY].label, sizeof(rows->label), "-");
        rows[ROW_FREE_CALL].dead = !(f->mode == MODE_AUTO && f->busy);
        rows[ROW_AUTO].mark = f->mode == MODE_AUTO ? TRAY_MENU_MARKED : TRAY_MENU_UNMARKED;
        rows[ROW_PAUSE].mark = f->mode == MODE_PAUSED ? TRAY_MENU_MARKED : TRAY_MENU_UNMARKED;
}

static void emit(const struct tray *t, const char *signal) {
        int r = sd_bus_emit_signal(t->context.bus, AT, ITEM, signal, NULL);

        if (r < 0)
                log_debug("The tray shows an older state: %s", strerror(-r));
}

/* What is shown follows the facts, and whoever shows it is told what has changed. */
static void show(struct tray *t, const struct desktop_facts *facts) {
        struct tray_menu_row rows[ROWS];
        enum tray_look look = look_of(facts);
        bool other_look = look != t->look, other_text;

        keep_time(&t->since, facts->since_wall);
        keep_time(&t->until, facts->mode_until_wall);
        make_rows(rows, look, t->since, t->until, facts);
        other_text = !streq(rows[ROW_STATE].label, t->rows[ROW_STATE].label) ||
                     !streq(rows[ROW_WHY].label, t->rows[ROW_WHY].label);
        memcpy(t->rows, rows, sizeof(rows));
        t->look = look;
        if (!t->menu)
                return;
        tray_menu_set(t->menu, rows);
        if (other_look)
                emit(t, "NewIcon");
        if (other_text)
                emit(t, "NewToolTip");
}

/* ---- the words of the user ---- */

/* Pause is switched on and off by the same row. */
static void on_chosen(void *userdata, size_t row) {
        struct tray *t = userdata;

        if (!choices[row].label)
                return;
        t->word = choices[row].word;
        if (row == ROW_PAUSE && t->rows[row].mark == TRAY_MENU_MARKED)
                t->word = choices[ROW_AUTO].word;
        t->has_word = true;
        t->context.touched(t->context.userdata);
}

bool tray_take_word(struct tray *t, struct desktop_word *ret) {
        if (!t->has_word)
                return false;
        t->has_word = false;
        *ret = t->word;
        return true;
}

/* ---- the item ---- */

static const struct text {
        const char *property, *value;
} texts[] = {
        { "Category", "Communications" }, { "Id", "busyd" },   { "Title", "busyd" },
        { "Status", "Active" },           { "Menu", MENU_AT },
};

/* Of all that there may be besides nothing is. */
static int get_text(sd_bus *bus, const char *path, const char *interface, const char *property, sd_bus_message *reply,
                    void *userdata, sd_bus_error *error) {
        for (size_t i = 0; i < ARRAY_SIZE(texts); i++)
                if (streq(property, texts[i].property))
                        return sd_bus_message_append(reply, streq(property, "Menu") ? "o" : "s", texts[i].value);
        return sd_bus_message_append(reply, "s", "");
}

static int get_window(sd_bus *bus, const char *path, const char *interface, const char *property,
                      sd_bus_message *reply, void *userdata, sd_bus_error *error) {
        return sd_bus_message_append(reply, "i", 0);
}

static int get_is_menu(sd_bus *bus, const char *path, const char *interface, const char *property,
                       sd_bus_message *reply, void *userdata, sd_bus_error *error) {
        return sd_bus_message_append(reply, "b", 1);
}

static int get_picture(sd_bus *bus, const char *path, const char *interface, const char *property,
                       sd_bus_message *reply, void *userdata, sd_bus_error *error) {
        const struct tray *t = userdata;

        if (!streq(property, "IconPixmap"))
                return sd_bus_message_append(reply, "a(iiay)", 0);
        return tray_icon_append(reply, t->look);
}

/* Where it may have markup. */
static void escape(char *buf, size_t size, const char *text) {
        size_t used = 0;

        for (; *text != '\0'; text++) {
                const char *entity = *text == '&' ? "&amp;" : *text == '<' ? "&lt;" : *text == '>' ? "&gt;" : NULL;
                size_t n = entity ? strlen(entity) : 1;

                if (used + n + 1 > size)
                        break;
                memcpy(buf + used, entity ? entity : text, n);
                used += n;
        }
        buf[used] = '\0';
}

static int get_tool_tip(sd_bus *bus, const char *path, const char *interface, const char *property,
                        sd_bus_message *reply, void *userdata, sd_bus_error *error) {
        const struct tray *t = userdata;
        const struct tray_menu_row *why = &t->rows[ROW_WHY];
        char text[5 * TRAY_MENU_LABEL_MAX];

        escape(text, sizeof(text), why->hidden ? "" : why->label);
        return sd_bus_message_append(reply, "(sa(iiay)ss)", "", 0, t->rows[ROW_STATE].label, text);
}

/* A click opens the menu, which is the tray's, as ItemIsMenu says. Some trays look at nothing and activate: there it
 * switches between busy by hand and what the calls say. Where they are to go is of no interest. */
static int on_activate(sd_bus_message *m, void *userdata, sd_bus_error *error) {
        struct tray *t = userdata;
        bool follows = t->rows[ROW_AUTO].mark == TRAY_MENU_MARKED;

        t->word = choices[follows ? ROW_BUSY : ROW_AUTO].word;
        t->has_word = true;
        t->context.touched(t->context.userdata);
        return sd_bus_reply_method_return(m, NULL);
}

/* Without ContextMenu(): there is a menu. */
static const sd_bus_vtable vtable[] = {
        SD_BUS_VTABLE_START(0),
        SD_BUS_PROPERTY("Category", "s", get_text, 0, 0),
        SD_BUS_PROPERTY("Id", "s", get_text, 0, 0),
        SD_BUS_PROPERTY("Title", "s", get_text, 0, 0),
        SD_BUS_PROPERTY("Status", "s", get_text, 0, 0),
        SD_BUS_PROPERTY("WindowId", "i", get_window, 0, 0),
        SD_BUS_PROPERTY("IconName", "s", get_text, 0, 0),
        SD_BUS_PROPERTY("IconThemePath", "s", get_text, 0, 0), /* of no spec, and asked for by all */
        SD_BUS_PROPERTY("IconPixmap", "a(iiay)", get_picture, 0, 0),
        SD_BUS_PROPERTY("OverlayIconName", "s", get_text, 0, 0),
        SD_BUS_PROPERTY("OverlayIconPixmap", "a(iiay)", get_picture, 0, 0),
        SD_BUS_PROPERTY("AttentionIconName", "s", get_text, 0, 0),
        SD_BUS_PROPERTY("AttentionIconPixmap", "a(iiay)", get_picture, 0, 0),
        SD_BUS_PROPERTY("AttentionMovieName", "s", get_text, 0, 0),
        SD_BUS_PROPERTY("ToolTip", "(sa(iiay)ss)", get_tool_tip, 0, 0),
        SD_BUS_PROPERTY("ItemIsMenu", "b", get_is_menu, 0, 0),
        SD_BUS_PROPERTY("Menu", "o", get_text, 0, 0),
        SD_BUS_METHOD_WITH_ARGS("Activate", SD_BUS_ARGS("i", x, "i", y), SD_BUS_NO_RESULT, on_activate, 0),
        SD_BUS_SIGNAL("NewTitle", "", 0),
        SD_BUS_SIGNAL("NewIcon", "", 0),
        SD_BUS_SIGNAL("NewAttentionIcon", "", 0),
        SD_BUS_SIGNAL("NewOverlayIcon", "", 0),
        SD_BUS_SIGNAL("NewToolTip", "", 0),
        SD_BUS_SIGNAL_WITH_ARGS("NewStatus", SD_BUS_ARGS("s", status), 0),
        SD_BUS_VTABLE_END,
};

/* ---- who shows it ---- */

static void on_registered(void *userdata, const char *subject, sd_bus_message *reply, const sd_bus_error *error) {
        struct tray *t = userdata;

        if (reply)
                log_debug("tray: the icon is shown");
        else
                bus_service_fail(t->watcher, "does not take the icon", error);
}

static int on_watcher_start(void *userdata) {
        struct tray *t = userdata;

        t->told_none = false;
        return bus_service_call(t->watcher, WATCHER_AT, WATCHER, "RegisterStatusNotifierItem", NULL, on_registered,
                                "s", t->name);
}

static void on_watcher_reset(void *userdata) {
}

static void on_watcher_changed(void *userdata) {
        struct tray *t = userdata;

        t->context.touched(t->context.userdata);
        if (bus_service_state(t->watcher) != BUS_SERVICE_UNAVAILABLE || t->told_none)
                return;
        t->told_none = true;
        log_info("tray: no icon is shown: %s", bus_service_detail(t->watcher));
}

static const struct bus_service_ops watcher_ops = { on_watcher_start, on_watcher_reset, on_watcher_changed };

/* Without one sd-bus would take a refusal for the end of the connection. */
static int on_named(sd_bus_message *m, void *userdata, sd_bus_error *error) {
        if (sd_bus_message_is_method_error(m, NULL))
                log_debug("tray: the bus refuses a name: %s", sd_bus_message_get_error(m)->name);
        return 0;
}

/* ---- on and off ---- */

static void withdraw(struct tray *t) {
        t->watcher = bus_service_free(t->watcher);
        t->item = sd_bus_slot_unref(t->item);
        t->naming = sd_bus_slot_unref(t->naming);
        if (t->menu)
                (void) sd_bus_release_name_async(t->context.bus, NULL, t->name, on_named, NULL);
        t->menu = tray_menu_free(t->menu);
        t->has_word = false;
}

/* The name is asked for before the watcher is told it, on the same connection. */
static int export(struct tray *t) {
        sd_bus *bus = t->context.bus;
        int r = sd_bus_add_object_vtable(bus, &t->item, AT, ITEM, vtable, t);

        if (r >= 0)
                r = tray_menu_new(&t->menu, bus, MENU_AT, t->rows, ROWS, on_chosen, t);
        if (r >= 0)
                r = sd_bus_request_name_async(bus, &t->naming, t->name, 0, on_named, NULL);
        if (r >= 0)
                r = bus_service_new(&t->watcher, bus, WATCHER, "the desktop's tray", &watcher_ops, t);
        return r < 0 ? r : 0;
}

usec_t tray_run(struct tray *t, const struct desktop_facts *facts, usec_t now) {
        bool on = t->on && t->context.bus && !t->failed;
        int r = 0;

        if (on)
                show(t, facts);
        if (on && !t->menu)
                r = export(t);
        if (r < 0) {
                log_warning("tray: the icon cannot be put on the bus: %s", strerror(-r));
                t->failed = true;
        }
        if (!on || t->failed)
                withdraw(t);
        return t->watcher ? bus_service_run(t->watcher, now) : USEC_NEVER;
}

void tray_configure(struct tray *t, bool on) {
        t->on = on;
        t->failed = false;
}

int tray_new(struct tray **ret, const struct desktop_context *context) {
        struct tray *t = calloc(1, sizeof(*t));

        if (!t)
                return -ENOMEM;
        t->context = *context;
        (void) snprintf(t->name, sizeof(t->name), ITEM "-%d-1", (int) getpid());
        *ret = t;
        return 0;
}

struct tray *tray_free(struct tray *t) {
        if (!t)
                return NULL;
        if (t->context.bus)
                withdraw(t);
        free(t);
        return NULL;
}
