/* What busy does on this machine beside showing itself: the user's hooks, and
 * quiet notifications, paused music. Effects only: it decides nothing about
 * calls, and is told once a turn what is so. */
#pragma once

#include <systemd/sd-bus.h>

#include "core/base.h"
#include "desktop/hooks.h"
#include "desktop/journal.h"

struct desktop;

struct desktop_context {
        sd_event *event;
        sd_bus *bus; /* the user's; NULL: none */
        struct desktop_journal journal;
        void (*touched)(void *userdata); /* desktop_run() soon, but not from within */
        /* For the history: something was done, or could not be; its key in the configuration, and in words how it
         * went. From desktop_run(). */
        void (*done)(void *userdata, const char *name, bool ok, const char *outcome);
        void *userdata;
};

struct desktop_settings {
        struct hooks_settings hooks;
        bool quiet; /* do-not-disturb while busy */
        bool pause_players;
};

/* Copies the context. */
int desktop_new(struct desktop **ret, const struct desktop_context *context);
struct desktop *desktop_free(struct desktop *d); /* NULL is fine; returns NULL */
CLEANUP(struct desktop, desktop_free);

/* Copies the settings. -ENOMEM */
int desktop_configure(struct desktop *d, const struct desktop_settings *settings);

/* Once a turn. Returns when to call again. */
usec_t desktop_run(struct desktop *d, const struct desktop_facts *facts, usec_t now);
/* Nothing is to be put back. */
bool desktop_is_at_rest(const struct desktop *d);
