#include "desktop/desktop.h"

#include <errno.h>

#include "desktop/players.h"
#include "desktop/quiet.h"
#include "desktop/tray.h"

struct desktop {
        struct hooks *hooks;
        struct quiet *quiet;
        struct players *players;
        struct tray *tray;
};

int desktop_new(struct desktop **ret, const struct desktop_context *context) {
        SCOPED(desktop_free) struct desktop *d = calloc(1, sizeof(*d));
        int r = d ? 0 : -ENOMEM;

        if (r == 0)
                r = hooks_new(&d->hooks, context);
        if (r == 0)
                r = quiet_new(&d->quiet, context);
        if (r == 0)
                r = players_new(&d->players, context);
        if (r == 0)
                r = tray_new(&d->tray, context);
        if (r < 0)
                return r;
        *ret = TAKE(d);
        return 0;
}

struct desktop *desktop_free(struct desktop *d) {
        if (!d)
                return NULL;
        hooks_free(d->hooks);
        quiet_free(d->quiet);
        players_free(d->players);
        tray_free(d->tray);
        free(d);
        return NULL;
}

int desktop_configure(struct desktop *d, const struct desktop_settings *settings) {
        quiet_configure(d->quiet, settings->quiet);
        players_configure(d->players, settings->pause_players);
        tray_configure(d->tray, settings->tray);
        return hooks_configure(d->hooks, &settings->hooks);
}

usec_t desktop_run(struct desktop *d, const struct desktop_facts *facts, usec_t now) {
        usec_t wake_at = quiet_run(d->quiet, facts, now);

        wake_at = usec_min(wake_at, players_run(d->players, facts, now));
        wake_at = usec_min(wake_at, tray_run(d->tray, facts, now));
        return usec_min(wake_at, hooks_run(d->hooks, facts, now));
}

bool desktop_take_word(struct desktop *d, struct desktop_word *ret) {
        return tray_take_word(d->tray, ret);
}

bool desktop_is_at_rest(const struct desktop *d) {
        return hooks_are_at_rest(d->hooks) && quiet_is_at_rest(d->quiet) && players_are_at_rest(d->players);
}
