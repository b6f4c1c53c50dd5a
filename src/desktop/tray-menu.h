/* A menu on the bus, as com.canonical.dbusmenu (version 3) has it: one level, a fixed number of rows, whose look
 * changes. It knows nothing of what they mean. */
#pragma once

#include <systemd/sd-bus.h>

#include "core/base.h"

#define TRAY_MENU_ROWS_MAX  16
#define TRAY_MENU_LABEL_MAX 192

enum tray_menu_mark {
        TRAY_MENU_PLAIN,
        TRAY_MENU_UNMARKED, /* can be on, and is off */
        TRAY_MENU_MARKED,
};

struct tray_menu_row {
        char label[TRAY_MENU_LABEL_MAX]; /* for people, as it is to be read; "": a line that separates */
        bool hidden, dead;               /* dead: cannot be chosen */
        enum tray_menu_mark mark;
};

struct tray_menu;

/* Exports it at `path` on `bus`. `chosen` is called when a row was clicked that is neither hidden nor dead; of several
 * at once for the last one only. `n` up to TRAY_MENU_ROWS_MAX. The strings are borrowed, the rows copied. */
int tray_menu_new(struct tray_menu **ret, sd_bus *bus, const char *path, const struct tray_menu_row *rows, size_t n,
                  void (*chosen)(void *userdata, size_t row), void *userdata);
struct tray_menu *tray_menu_free(struct tray_menu *m); /* NULL is fine; returns NULL */

/* As many rows as in the beginning; says on the bus what has changed. */
void tray_menu_set(struct tray_menu *m, const struct tray_menu_row *rows);
