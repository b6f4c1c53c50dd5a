/* What keeps the session awake, as GNOME's session manager tells it, and why: programs on a call say so. Each
 * inhibitor is an object whose reason and owner have to be asked for. */
#include <errno.h>

#include "sources/identity.h"
#include "sources/reasons.h"
#include "sources/services.h"
#include "sources/bus-source.h"

#define INHIBITORS_MAX 64 /* of those whose reason may be a call's */

#define NAME      "org.gnome.SessionManager"
#define PATH      "/org/gnome/SessionManager"
#define INTERFACE "org.gnome.SessionManager"
#define INHIBITOR "org.gnome.SessionManager.Inhibitor"

struct inhibitor {
        char *path, *reason;
};

struct gnome {
        struct bus_source bus;
        struct inhibitor inhibitors[INHIBITORS_MAX];
        size_t n_inhibitors;
};

static struct gnome *gnome_of(void *s) {
        return s;
}

/* ---- the table ---- */

static struct inhibitor *find(struct gnome *g, const char *path) {
        for (size_t i = 0; i < g->n_inhibitors; i++)
                if (streq(g->inhibitors[i].path, path))
                        return &g->inhibitors[i];
        return NULL;
}

static void clear(struct inhibitor *i) {
        free(i->path);
        free(i->reason);
}

static void forget(struct gnome *g, struct inhibitor *i) {
        clear(i);
        *i = g->inhibitors[--g->n_inhibitors];
}

static int add(struct gnome *g, const char *path, const char *reason) {
        struct inhibitor i = { 0 };

        if (g->n_inhibitors >= INHIBITORS_MAX)
                return -E2BIG;
        i = (struct inhibitor){ .path = strdup(path), .reason = strdup(reason) };
        if (!i.path || !i.reason) {
                clear(&i);
                return -ENOMEM;
        }
        g->inhibitors[g->n_inhibitors++] = i;
        return 0;
}

/* ---- asking about one ---- */

static void report(struct gnome *g, const struct inhibitor *i, const char *app_id) {
        char app[SOURCE_APP_MAX];
        struct call_report r = { .id = i->path, .phase = CALL_ACTIVE, .lasts = USEC_NEVER };

        r.app = identity_of_name(app, sizeof(app), app_id);
        if (reason_find(g->bus.source.context.reasons, app, i->reason, &r.evidence, &r.what))
                source_report(&g->bus.source, &r);
}

/* It may be gone by now: then it never mattered. */
static void on_app_id(void *s, const char *path, sd_bus_message *reply, const sd_bus_error *error) {
        struct gnome *g = gnome_of(s);
        struct inhibitor *i = find(g, path);
        const char *app_id;

        if (!i)
                return;
        if (reply && sd_bus_message_read(reply, "s", &app_id) >= 0) {
                report(g, i, app_id);
                return;
        }
        if (reply)
                source_tell_bad(s, reply, "who keeps the session awake cannot be read");
        forget(g, i);
}

static void on_reason(void *s, const char *path, sd_bus_message *reply, const sd_bus_error *error) {
        struct gnome *g = gnome_of(s);
        enum call_evidence evidence;
        const char *reason, *what;

        if (!reply)
                return;
        if (sd_bus_message_read(reply, "s", &reason) < 0) {
                source_tell_bad(s, reply, "why the session is kept awake cannot be read");
                return;
        }
        if (find(g, path) || !reason_find(g->bus.source.context.reasons, NULL, reason, &evidence, &what))
                return;
        if (add(g, path, reason) < 0 ||
            bus_service_call(g->bus.service, path, INHIBITOR, "GetAppId", path, on_app_id, "") < 0)
                source_tell_bad(s, NULL, "there are more inhibitors than are looked at");
}

static void look_at(struct gnome *g, const char *path) {
        if (bus_service_call(g->bus.service, path, INHIBITOR, "GetReason", path, on_reason, "") < 0)
                source_tell_bad(&g->bus.source, NULL, "there are more inhibitors than are looked at");
}

/* ---- which there are ---- */

static int on_added(sd_bus_message *m, void *userdata, sd_bus_error *ret_error) {
        const char *path;

        if (sd_bus_message_read(m, "o", &path) < 0)
                source_tell_bad(userdata, m, "a new inhibitor cannot be read");
        else
                look_at(gnome_of(userdata), path);
        return 0;
}

static int on_removed(sd_bus_message *m, void *userdata, sd_bus_error *ret_error) {
        struct inhibitor *i;
        const char *path;

        if (sd_bus_message_read(m, "o", &path) < 0) {
                source_tell_bad(userdata, m, "a gone inhibitor cannot be read");
                return 0;
        }
        source_end(userdata, path);
        i = find(gnome_of(userdata), path);
        if (i)
                forget(gnome_of(userdata), i);
        return 0;
}

static void on_list(void *s, const char *subject, sd_bus_message *reply, const sd_bus_error *error) {
        struct gnome *g = gnome_of(s);
        const char *path;
        int r;

        if (!reply) {
                bus_service_fail(g->bus.service, "what keeps the session awake is not told", error);
                return;
        }
        r = sd_bus_message_enter_container(reply, 'a', "o");
        while (r > 0 && (r = sd_bus_message_read(reply, "o", &path)) > 0)
                look_at(g, path);
        if (r < 0) {
                source_tell_bad(s, reply, "the list of inhibitors cannot be read");
                bus_service_fail(g->bus.service, "its list of inhibitors cannot be read", NULL);
        }
}

static int begin(void *s) {
        struct bus_service *w = gnome_of(s)->bus.service;
        int r;

        r = bus_service_match(w, "path='" PATH "',interface='" INTERFACE "',member='InhibitorAdded'", on_added);
        if (r >= 0)
                r = bus_service_match(w, "path='" PATH "',interface='" INTERFACE "',member='InhibitorRemoved'",
                                      on_removed);
        if (r >= 0)
                r = bus_service_call(w, PATH, INTERFACE, "GetInhibitors", NULL, on_list, "");
        return r;
}

static void reset(void *s) {
        struct gnome *g = gnome_of(s);

        while (g->n_inhibitors > 0)
                forget(g, &g->inhibitors[0]);
        source_end(s, NULL);
}

static const struct bus_service_ops ops = { begin, reset, bus_source_changed };

static int start(struct source **ret, const struct source_kind *kind, const struct source_context *context) {
        return bus_source_start(ret, sizeof(struct gnome), kind, context, context->user_bus, NAME,
                                "GNOME's session manager", &ops);
}

const struct source_kind source_gnome_inhibitors = {
        .name = "gnome-inhibitors",
        .description = "programs that keep the session awake for a call, on GNOME",
        .start = start,
        .stop = bus_source_stop,
        .run = bus_source_run,
};
