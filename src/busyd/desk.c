#include "busyd/desk.h"

#include <errno.h>
#include <stdio.h>

#include "config/config.h"
#include "desktop/desktop.h"
#include "sources/identity.h"
#include "state/state.h"
#include "util/log.h"
#include "util/text.h"

#define APPS_MAX 2048 /* bytes; what is more is left out */

struct desk {
        struct desk_context context;
        struct desktop *desktop;
        usec_t now_wall; /* of the turn that goes on */
};

/* ---- journal ---- */

static const char *journal_get(void *userdata, const char *name) {
        const struct desk *d = userdata;

        return state_get_desktop(d->context.state, name);
}

static int journal_put(void *userdata, const char *name, const char *value) {
        const struct desk *d = userdata;

        if (!value)
                return state_remove_desktop(d->context.state, name);
        return state_put_desktop(d->context.state, name, value);
}

/* ---- what it is told ---- */

static bool has_line(const char *lines, const char *line) {
        size_t n = strlen(line);

        for (const char *l = lines; *l != '\0'; l += strcspn(l, "\n") + 1)
                if (strcspn(l, "\n") == n && strncmp(l, line, n) == 0)
                        return true;
        return false;
}

/* Each application once, a line each; the last one has its end as well. */
static void list_apps(const struct desk_facts *f, usec_t now, char *buf, size_t size) {
        size_t used = 0;

        buf[0] = '\0';
        for (const struct call *c = call_table_next(f->calls, NULL); c; c = call_table_next(f->calls, c)) {
                char app[128];
                size_t n;

                if (!availability_counts(f->availability, f->calls, c, now, NULL))
                        continue;
                n = strlen(text_printable(app, sizeof(app), c->app));
                if (n == 0 || has_line(buf, app) || used + n + 2 > size)
                        continue;
                memcpy(buf + used, app, n);
                memcpy(buf + used + n, "\n", 2);
                used += n + 1;
        }
}

static void on_touched(void *userdata) {
        const struct desk *d = userdata;

        d->context.touched(d->context.userdata);
}

static void on_done(void *userdata, const char *name, bool ok, const char *outcome) {
        const struct desk *d = userdata;
        int r;

        if (ok)
                log_info("%s: %s", name, outcome);
        else
                log_warning("%s: %s", name, outcome);
        r = state_add_effect(d->context.state, &(struct state_effect){
                                                       .at_wall = d->now_wall,
                                                       .name = name,
                                                       .ok = ok,
                                                       .outcome = outcome,
                                               });
        if (r < 0)
                log_debug("What %s has done cannot be stored: %s", name, strerror(-r));
}

usec_t desk_run(struct desk *d, const struct desk_facts *f, const struct instant *at) {
        char apps[APPS_MAX];
        size_t n;

        d->now_wall = at->wall;
        list_apps(f, at->now, apps, sizeof(apps));
        n = strlen(apps);
        if (n > 0)
                apps[n - 1] = '\0';
        return desktop_run(
                d->desktop,
                &(struct desktop_facts){ .known = f->known,
                                         .busy = f->busy,
                                         .since_wall = f->since_wall,
                                         .apps = f->busy ? apps : "",
                                         .reason = f->reason,
                                         .mode = f->availability->mode,
                                         .mode_until_wall = instant_to_wall(at, f->availability->mode_until),
                                         .mode_until_calls_end = f->availability->until_calls_end,
                                         .now_wall = at->wall },
                at->now);
}

bool desk_take_word(struct desk *d, struct desktop_word *ret) {
        return desktop_take_word(d->desktop, ret);
}

bool desk_is_at_rest(const struct desk *d) {
        return desktop_is_at_rest(d->desktop);
}

/* ---- making and ending ---- */

int desk_configure(struct desk *d, const struct config *config) {
        return desktop_configure(d->desktop, &(struct desktop_settings){
                                                     .hooks = { .on_busy = config->on_busy,
                                                                .on_free = config->on_free,
                                                                .time_max = config->hook_time_max },
                                                     .quiet = config->do_not_disturb,
                                                     .pause_players = config->pause_players,
                                                     .tray = config->tray,
                                             });
}

int desk_new(struct desk **ret, const struct desk_context *context) {
        SCOPED(desk_free) struct desk *d = calloc(1, sizeof(*d));
        int r;

        if (!d)
                return -ENOMEM;
        d->context = *context;
        r = desktop_new(&d->desktop, &(struct desktop_context){
                                             .event = context->event,
                                             .bus = context->bus,
                                             .journal = { .get = journal_get, .put = journal_put, .userdata = d },
                                             .names_of_pid = identities_of_pid,
                                             .touched = on_touched,
                                             .done = on_done,
                                             .userdata = d,
                                     });
        if (r < 0)
                return r;
        *ret = TAKE(d);
        return 0;
}

struct desk *desk_free(struct desk *d) {
        if (!d)
                return NULL;
        desktop_free(d->desktop);
        free(d);
        return NULL;
}
