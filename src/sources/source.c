/* The table of sources, and what all of them share. */
#include "sources/source.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

#include "sources/base.h"
#include "sources/inhibit-monitor.h"
#include "sources/notifications.h"
#include "sources/pipewire.h"
#include "sources/pulseaudio.h"
#include "sources/services.h"
#include "sources/video.h"
#include "util/log.h"
#include "util/text.h"

const struct source_kind *const source_kinds[] = {
        &source_notifications,
        &source_pipewire,
        &source_pulseaudio,
        &source_camera,
        &source_video,
        &source_gnome_inhibitors,
        &source_plasma_inhibitors,
        &source_other_inhibitors,
        &source_modemmanager,
        &source_ofono,
        &source_pipewire_telephony,
        &source_bluez,
        &source_gnome_calls,
        &source_jami,
        &source_kdeconnect,
        NULL,
};

enum source_state source_state(const struct source *s) {
        return s->state;
}

const char *source_detail(const struct source *s) {
        return s->detail;
}

const char *source_state_to_string(enum source_state s) {
        static const char *const names[] = {
                [SOURCE_OFF] = "off",
                [SOURCE_STARTING] = "starting",
                [SOURCE_WATCHING] = "watching",
                [SOURCE_UNAVAILABLE] = "unavailable",
        };

        return names[s];
}

void source_init(struct source *s, const struct source_kind *kind, const struct source_context *context) {
        s->kind = kind;
        s->context = *context;
        s->state = SOURCE_STARTING;
        s->detail[0] = '\0';
        s->bad_told = false;
}

int source_start_absent(struct source **ret, const struct source_kind *kind, const struct source_context *context) {
        struct source *s = calloc(1, sizeof(*s));

        if (!s)
                return -ENOMEM;
        source_init(s, kind, context);
        *ret = s;
        source_set_state(s, SOURCE_OFF, kind->row);
        return 0;
}

struct source *source_stop_absent(struct source *s) {
        free(s);
        return NULL;
}

void source_set_state(struct source *s, enum source_state state, const char *detail) {
        if (s->state == state && streq(s->detail, detail))
                return;
        s->state = state;
        (void) snprintf(s->detail, sizeof(s->detail), "%s", detail);
        source_touch(s);
}

void source_touch(struct source *s) {
        s->context.touched(s->context.userdata);
}

static bool is_listed(const char *const *globs, const char *app) {
        for (; globs && *globs; globs++)
                if (glob_match(*globs, app))
                        return true;
        return false;
}

void source_report(struct source *s, const struct call_report *r) {
        struct call_report named = *r;

        named.source = s->kind->name;
        if (is_listed(s->context.ignore, r->app) ||
            (s->context.only && s->context.only[0] && !is_listed(s->context.only, r->app)))
                source_end(s, r->id);
        else
                s->context.sink->report(s->context.sink->userdata, &named);
}

void source_end(struct source *s, const char *id) {
        s->context.sink->end(s->context.sink->userdata, s->kind->name, id);
}

void source_tell_bad(struct source *s, sd_bus_message *m, const char *problem) {
        const char *member = m ? sd_bus_message_get_member(m) : NULL,
                   *types = m ? sd_bus_message_get_signature(m, 1) : NULL;

        log_full(s->bad_told ? LOG_DEBUG : LOG_WARNING, NULL, NULL, "Source %s: %s (%s, types \"%s\"); ignoring it",
                 s->kind->name, problem, member ? member : "an answer", types ? types : "");
        s->bad_told = true;
}
