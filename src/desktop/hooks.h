/* The user's commands for the moment when busy begins and when it is over: `on-busy` and `on-free`.
 *
 * They run beside the loop, one at a time: on-free never overtakes the on-busy before it. What changes while one runs
 * is looked at when it has ended: only if it is then different from what the last one was told, the other one runs. So
 * they alternate, however short the calls are, and there is never a queue. That on-busy has run is in the journal
 * until on-free has ended: after a crash the next start knows which of the two was the last. */
#pragma once

#include "core/base.h"
#include "desktop/context.h"
#include "desktop/facts.h"

struct hooks;

struct hooks_settings {
        const char *on_busy, *on_free; /* as of util/words.h; NULL: none */
        usec_t time_max;               /* of each */
};

int hooks_new(struct hooks **ret, const struct desktop_context *context);
/* Ends the hook that runs. NULL is fine; returns NULL. */
struct hooks *hooks_free(struct hooks *h);
CLEANUP(struct hooks, hooks_free);

/* Copies the settings; they hold for the hooks to come. -ENOMEM: those of before stand. */
int hooks_configure(struct hooks *h, const struct hooks_settings *settings);

/* Once a turn: begins and ends what is due. Returns when to call again. */
usec_t hooks_run(struct hooks *h, const struct desktop_facts *facts, usec_t now);
/* None runs, and on-free was the last. */
bool hooks_are_at_rest(const struct hooks *h);
