/* An icon among those of the desktop's tray, with a menu: whether it is busy or free, why, and the words that the user
 * can say by busyctl, too. By StatusNotifierItem and com.canonical.dbusmenu: whatever shows such icons draws it, and
 * this only tells what there is to draw. Off, or without a tray, nothing is done; off, nothing of it is on the bus. */
#pragma once

#include "core/base.h"
#include "desktop/context.h"
#include "desktop/facts.h"

struct tray;

int tray_new(struct tray **ret, const struct desktop_context *context);
struct tray *tray_free(struct tray *t); /* NULL is fine; returns NULL */
CLEANUP(struct tray, tray_free);

/* From the next tray_run() on. */
void tray_configure(struct tray *t, bool on);

/* Once a turn. Returns when to call again. */
usec_t tray_run(struct tray *t, const struct desktop_facts *facts, usec_t now);
/* What was chosen in the menu since the last time; of several the last one. False: nothing. */
bool tray_take_word(struct tray *t, struct desktop_word *ret);
