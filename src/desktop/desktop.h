/* What busy does on this machine beside showing itself: the user's hooks, and
 * quiet notifications, paused music, an icon. Effects only: it decides nothing about
 * calls, and is told once a turn what is so. */
#pragma once

#include "core/base.h"
#include "desktop/context.h"
#include "desktop/hooks.h"

struct desktop;

struct desktop_settings {
        struct hooks_settings hooks;
        bool quiet; /* do-not-disturb while busy */
        bool pause_players;
        bool tray;
};

int desktop_new(struct desktop **ret, const struct desktop_context *context);
struct desktop *desktop_free(struct desktop *d); /* NULL is fine; returns NULL */
CLEANUP(struct desktop, desktop_free);

/* Copies the settings. -ENOMEM */
int desktop_configure(struct desktop *d, const struct desktop_settings *settings);

/* Once a turn. Returns when to call again. */
usec_t desktop_run(struct desktop *d, const struct desktop_facts *facts, usec_t now);
/* What the user said on the desktop since the last time. False: nothing. */
bool desktop_take_word(struct desktop *d, struct desktop_word *ret);
/* Nothing is to be put back. */
bool desktop_is_at_rest(const struct desktop *d);
