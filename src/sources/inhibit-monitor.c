/* What programs ask to be kept awake for, on desktops that would not tell: neither GNOME's session manager nor
 * Plasma's power management is there, but somebody takes the requests. A monitor sees them made, answered and taken
 * back. Of those that were made before it listened nothing is known. */
#include "sources/inhibit-monitor.h"

#include <errno.h>
#include <stdio.h>

#include "sources/base.h"
#include "sources/identity.h"
#include "sources/leavers.h"
#include "sources/monitor.h"
#include "sources/reasons.h"

/* With a reason that is a call's; more are not looked at. */
#define INHIBITS_MAX 64
#define SENDER_SIZE  64
#define REASON_SIZE  128 /* longer ones are no call's */
#define HANDLE_SIZE  256 /* an object of the portal */
#define ID_SIZE      16

#define BUS_NAME         "org.freedesktop.DBus"
#define BUS_PATH         "/org/freedesktop/DBus"
#define SCREENSAVER      "org.freedesktop.ScreenSaver"
#define POWER            "org.freedesktop.PowerManagement"
#define POWER_INHIBIT    "org.freedesktop.PowerManagement.Inhibit"
#define PORTAL           "org.freedesktop.portal.Desktop"
#define PORTAL_INHIBIT   "org.freedesktop.portal.Inhibit"
#define PORTAL_REQUEST   "org.freedesktop.portal.Request"
#define DETAIL_OTHERS    "this desktop tells by itself"
#define DETAIL_NOBODY    "nobody takes such requests"
#define RULES_OF(name)   "type='method_return',sender='" name "'", "type='error',sender='" name "'"
#define RULE(face, name) "type='method_call',interface='" face "',member='" name "'"

static const struct monitor_rules rules = {
        .calls = (const char *const[]){ RULE(SCREENSAVER, "Inhibit"), RULE(POWER_INHIBIT, "Inhibit"),
                                        RULE(PORTAL_INHIBIT, "Inhibit"), NULL },
        .rest = (const char *const[]){ RULE(SCREENSAVER, "UnInhibit"), RULE(POWER_INHIBIT, "UnInhibit"),
                                       RULE(PORTAL_REQUEST, "Close"), RULES_OF(SCREENSAVER), RULES_OF(POWER),
                                       RULES_OF(PORTAL), NULL },
};

/* Who takes requests, and who tells of them. */
static const struct {
        const char *name;
        bool tells;
} services[] = {
        { "org.gnome.SessionManager", true },
        { "org.kde.Solid.PowerManagement.PolicyAgent", true },
        { SCREENSAVER, false },
        { POWER, false },
        { PORTAL, false },
};

struct other;

struct service {
        struct other *source;
        const char *name;
        bool tells, known, there; /* `known`: the bus has answered */
        sd_bus_slot *changed, *asked;
};

struct inhibit {
        struct other *source;
        char id[ID_SIZE]; /* "": free */
        const char *name; /* of the service */
        char sender[SENDER_SIZE];
        char reason[REASON_SIZE];
        uint64_t cookie;          /* of the request; 0: it is answered */
        uint32_t number;          /* the answer... */
        char handle[HANDLE_SIZE]; /* ...or the portal's */
        sd_bus_slot *naming;
};

struct other {
        struct source source;
        struct monitor *monitor;
        struct leavers *leavers; /* who made the requests of the table */
        struct service services[ARRAY_SIZE(services)];
        struct inhibit inhibits[INHIBITS_MAX];
        unsigned serial;
};

/* ---- the table ---- */

static void forget(struct inhibit *i) {
        source_end(&i->source->source, i->id);
        i->naming = sd_bus_slot_unref(i->naming);
        *i = (struct inhibit){ .source = i->source };
}

static void forget_all(struct other *o, const char *sender, const char *name) {
        for (size_t k = 0; k < INHIBITS_MAX; k++) {
                struct inhibit *i = &o->inhibits[k];

                if (i->id[0] && (!sender || streq(i->sender, sender)) && (!name || streq(i->name, name)))
                        forget(i);
        }
}

static void report(struct inhibit *i, const char *app) {
        struct source *s = &i->source->source;
        struct call_report r = { .id = i->id, .app = app, .phase = CALL_ACTIVE, .lasts = USEC_NEVER };

        if (reason_find(s->context.reasons, app, i->reason, &r.evidence, &r.what))
                source_report(s, &r);
        else
                forget(i);
}

static struct inhibit *add(struct other *o, const char *name, const char *reason, sd_bus_message *m) {
        const char *what;
        enum call_evidence evidence;

        if (strlen(reason) >= REASON_SIZE || !reason_find(o->source.context.reasons, NULL, reason, &evidence, &what))
                return NULL;
        for (size_t k = 0; k < INHIBITS_MAX; k++) {
                struct inhibit *i = &o->inhibits[k];

                if (i->id[0])
                        continue;
                *i = (struct inhibit){ .source = o, .name = name };
                (void) snprintf(i->id, sizeof(i->id), "%u", ++o->serial);
                (void) snprintf(i->sender, sizeof(i->sender), "%s", sd_bus_message_get_sender(m));
                (void) snprintf(i->reason, sizeof(i->reason), "%s", reason);
                (void) sd_bus_message_get_cookie(m, &i->cookie);
                source_touch(&o->source);
                return i;
        }
        source_tell_bad(&o->source, NULL, "there are more inhibitors than are looked at");
        return NULL;
}

/* ---- requests ---- */

static void on_inhibit(struct other *o, sd_bus_message *m, const char *name) {
        char identity[SOURCE_APP_MAX];
        const char *app, *reason;
        struct inhibit *i;

        if (!sd_bus_message_has_signature(m, "ss") || sd_bus_message_read(m, "ss", &app, &reason) < 0) {
                source_tell_bad(&o->source, m, "why the session is kept awake cannot be read");
                return;
        }
        i = add(o, name, reason, m);
        if (i)
                report(i, identity_of_name(identity, sizeof(identity), app));
}

static void on_uninhibit(struct other *o, sd_bus_message *m, const char *name) {
        uint32_t number;

        if (sd_bus_message_read(m, "u", &number) <= 0)
                return;
        for (size_t k = 0; k < INHIBITS_MAX; k++) {
                struct inhibit *i = &o->inhibits[k];

                if (i->id[0] && !i->handle[0] && i->cookie == 0 && i->number == number && streq(i->name, name) &&
                    streq(i->sender, sd_bus_message_get_sender(m)))
                        forget(i);
        }
}

/* The portal's callers do not say who they are. */
static int on_pid(sd_bus_message *m, void *userdata, sd_bus_error *error) {
        char app[SOURCE_APP_MAX] = "";
        struct inhibit *i = userdata;
        uint32_t pid;

        i->naming = sd_bus_slot_unref(i->naming);
        if (!sd_bus_message_is_method_error(m, NULL) && sd_bus_message_read(m, "u", &pid) > 0)
                (void) identity_of_pid(app, sizeof(app), (pid_t) pid);
        report(i, app);
        return 0;
}

/* The reason out of "sua{sv}": a window, flags, options. */
static int read_portal_reason(sd_bus_message *m, const char **ret) {
        int r = sd_bus_message_has_signature(m, "sua{sv}") ? sd_bus_message_skip(m, "su") : -EBADMSG;

        *ret = "";
        if (r >= 0)
                r = sd_bus_message_enter_container(m, 'a', "{sv}");
        while (r >= 0 && (r = sd_bus_message_enter_container(m, 'e', "sv")) > 0) {
                const char *name, *contents = NULL;

                r = sd_bus_message_read(m, "s", &name);
                if (r >= 0)
                        r = sd_bus_message_peek_type(m, NULL, &contents);
                if (r >= 0)
                        r = streq(name, "reason") && streq(contents, "s") ? sd_bus_message_read(m, "v", "s", ret)
                                                                          : sd_bus_message_skip(m, "v");
                if (r >= 0)
                        r = sd_bus_message_exit_container(m);
        }
        return r;
}

static void on_portal_inhibit(struct other *o, sd_bus_message *m, const char *name) {
        const char *reason;
        struct inhibit *i;

        if (read_portal_reason(m, &reason) < 0) {
                source_tell_bad(&o->source, m, "why the session is kept awake cannot be read");
                return;
        }
        i = add(o, name, reason, m);
        if (i && sd_bus_call_method_async(o->source.context.user_bus, &i->naming, BUS_NAME, BUS_PATH, BUS_NAME,
                                          "GetConnectionUnixProcessID", on_pid, i, "s", i->sender) < 0)
                report(i, "");
}

static void on_portal_close(struct other *o, sd_bus_message *m, const char *name) {
        for (size_t k = 0; k < INHIBITS_MAX; k++) {
                struct inhibit *i = &o->inhibits[k];

                if (i->id[0] && i->handle[0] && streq(i->handle, sd_bus_message_get_path(m)) &&
                    streq(i->sender, sd_bus_message_get_sender(m)))
                        forget(i);
        }
}

/* ---- answers ---- */

/* What was refused keeps nothing awake, and says nothing about when it would end. */
static void take_answer(struct inhibit *i, sd_bus_message *m) {
        const char *handle;

        i->cookie = 0;
        if (sd_bus_message_is_method_error(m, NULL))
                forget(i);
        else if (sd_bus_message_has_signature(m, "u"))
                (void) sd_bus_message_read(m, "u", &i->number);
        else if (sd_bus_message_has_signature(m, "o") && sd_bus_message_read(m, "o", &handle) > 0)
                (void) snprintf(i->handle, sizeof(i->handle), "%s", handle);
}

static void on_answer(struct other *o, sd_bus_message *m) {
        const char *to = sd_bus_message_get_destination(m);
        uint64_t cookie;

        if (!to || sd_bus_message_get_reply_cookie(m, &cookie) < 0)
                return;
        for (size_t k = 0; k < INHIBITS_MAX; k++) {
                struct inhibit *i = &o->inhibits[k];

                if (i->id[0] && i->cookie != 0 && i->cookie == cookie && streq(i->sender, to)) {
                        take_answer(i, m);
                        return;
                }
        }
}

/* ---- the monitor ---- */

static void on_left(void *userdata, const char *name) {
        forget_all(userdata, name, NULL);
}

static const struct {
        const char *interface, *member, *name;
        void (*take)(struct other *o, sd_bus_message *m, const char *name);
} calls[] = {
        { SCREENSAVER, "Inhibit", SCREENSAVER, on_inhibit },
        { SCREENSAVER, "UnInhibit", SCREENSAVER, on_uninhibit },
        { POWER_INHIBIT, "Inhibit", POWER, on_inhibit },
        { POWER_INHIBIT, "UnInhibit", POWER, on_uninhibit },
        { PORTAL_INHIBIT, "Inhibit", PORTAL, on_portal_inhibit },
        { PORTAL_REQUEST, "Close", PORTAL, on_portal_close },
};

static void on_message(void *userdata, sd_bus_message *m) {
        struct other *o = userdata;
        uint8_t type;

        if (sd_bus_message_get_type(m, &type) < 0 || !sd_bus_message_get_sender(m))
                return;
        if (type == SD_BUS_MESSAGE_METHOD_RETURN || type == SD_BUS_MESSAGE_METHOD_ERROR)
                on_answer(o, m);
        else
                for (size_t i = 0; i < ARRAY_SIZE(calls); i++)
                        if (sd_bus_message_is_method_call(m, calls[i].interface, calls[i].member))
                                calls[i].take(o, m, calls[i].name);
}

/* Only what is kept awake for a call. */
static bool matters(void *userdata, sd_bus_message *m) {
        const struct other *o = userdata;
        const char *app, *reason, *what;
        enum call_evidence evidence;
        bool simple = sd_bus_message_has_signature(m, "ss") > 0;
        int r = simple ? sd_bus_message_read(m, "ss", &app, &reason) : read_portal_reason(m, &reason);

        /* What cannot be read is told, once. */
        if (r < 0)
                return true;
        return strlen(reason) < REASON_SIZE && reason_find(o->source.context.reasons, NULL, reason, &evidence, &what);
}

static void on_up(void *userdata) {
        struct other *o = userdata;

        source_set_state(&o->source, SOURCE_WATCHING, "");
}

static void on_down(void *userdata, bool refused, const char *why) {
        struct other *o = userdata;
        char detail[SOURCE_DETAIL_MAX];

        forget_all(o, NULL, NULL);
        (void) snprintf(detail, sizeof(detail), "%s: %s",
                        refused ? "the bus lets us see no requests" : "requests cannot be seen now", why);
        source_set_state(&o->source, SOURCE_UNAVAILABLE, detail);
        source_touch(&o->source);
}

static void on_touched(void *userdata) {
        struct other *s = userdata;

        source_touch(&s->source);
}

static const struct monitor_ops monitor_ops = {
        .up = on_up,
        .down = on_down,
        .touched = on_touched,
        .matters = matters,
        .message = on_message,
};

/* ---- whether it is needed ---- */

static void unwatch(struct other *o, const char *detail) {
        o->monitor = monitor_free(o->monitor);
        forget_all(o, NULL, NULL);
        source_set_state(&o->source, SOURCE_UNAVAILABLE, detail);
}

static void decide(struct other *o) {
        bool told = false, taken = false;
        int r;

        for (size_t i = 0; i < ARRAY_SIZE(services); i++) {
                if (!o->services[i].known)
                        return;
                told = told || (o->services[i].there && o->services[i].tells);
                taken = taken || (o->services[i].there && !o->services[i].tells);
        }
        if (told || !taken) {
                unwatch(o, told ? DETAIL_OTHERS : DETAIL_NOBODY);
                return;
        }
        if (o->monitor)
                return;
        r = monitor_new(&o->monitor, o->source.context.event, o->source.context.user_bus, &rules, &monitor_ops, o);
        if (r < 0)
                on_down(o, false, strerror(-r));
}

static int on_owner_changed(sd_bus_message *m, void *userdata, sd_bus_error *error) {
        struct service *v = userdata;
        const char *name, *before, *after;

        if (sd_bus_message_read(m, "sss", &name, &before, &after) < 0)
                return 0;
        v->known = true;
        v->there = after[0] != '\0';
        if (before[0])
                forget_all(v->source, NULL, v->name);
        decide(v->source);
        return 0;
}

static int on_has_owner(sd_bus_message *m, void *userdata, sd_bus_error *error) {
        struct service *v = userdata;
        int there = false;

        v->asked = sd_bus_slot_unref(v->asked);
        if (!sd_bus_message_is_method_error(m, NULL))
                (void) sd_bus_message_read(m, "b", &there);
        v->known = true;
        v->there = there;
        decide(v->source);
        return 0;
}

static int on_match_installed(sd_bus_message *m, void *userdata, sd_bus_error *error) {
        return 0; /* what is there now is asked in any case */
}

static int watch_service(struct service *v) {
        sd_bus *bus = v->source->source.context.user_bus;
        char rule[256];
        int r;

        (void) snprintf(rule, sizeof(rule),
                        "type='signal',sender='" BUS_NAME "',path='" BUS_PATH "',interface='" BUS_NAME
                        "',member='NameOwnerChanged',arg0='%s'",
                        v->name);
        r = sd_bus_add_match_async(bus, &v->changed, rule, on_owner_changed, on_match_installed, v);
        if (r < 0)
                return r;
        return sd_bus_call_method_async(bus, &v->asked, BUS_NAME, BUS_PATH, BUS_NAME, "NameHasOwner", on_has_owner, v,
                                        "s", v->name);
}

static int watch_services(struct other *o) {
        for (size_t i = 0; i < ARRAY_SIZE(services); i++) {
                struct service *v = &o->services[i];
                int r;

                *v = (struct service){ .source = o, .name = services[i].name, .tells = services[i].tells };
                r = watch_service(v);
                if (r < 0)
                        return r;
        }
        return 0;
}

static struct source *stop(struct source *s) {
        struct other *o = (struct other *) s;

        if (!s)
                return NULL;
        source_end(s, NULL);
        o->monitor = monitor_free(o->monitor);
        o->leavers = leavers_free(o->leavers);
        for (size_t i = 0; i < ARRAY_SIZE(services); i++) {
                o->services[i].changed = sd_bus_slot_unref(o->services[i].changed);
                o->services[i].asked = sd_bus_slot_unref(o->services[i].asked);
        }
        for (size_t i = 0; i < INHIBITS_MAX; i++)
                o->inhibits[i].naming = sd_bus_slot_unref(o->inhibits[i].naming);
        free(o);
        return NULL;
}

CLEANUP(struct source, stop);

/* What becomes of a request is of interest as long as there is one. */
static void look_after(struct other *o) {
        size_t n = 0;

        leavers_begin(o->leavers);
        for (size_t i = 0; i < INHIBITS_MAX; i++)
                if (o->inhibits[i].id[0]) {
                        leavers_await(o->leavers, o->inhibits[i].sender);
                        n++;
                }
        leavers_end(o->leavers);
        monitor_attend(o->monitor, n > 0);
}

static usec_t run(struct source *s, usec_t now) {
        struct other *o = (struct other *) s;

        if (!o->monitor)
                return USEC_NEVER;
        look_after(o);
        return monitor_run(o->monitor, now);
}

static int start(struct source **ret, const struct source_kind *kind, const struct source_context *context) {
        struct other *o = calloc(1, sizeof(*o));
        SCOPED(stop) struct source *s = &o->source;
        int r = 0;

        if (!o)
                return -ENOMEM;
        source_init(s, kind, context);
        if (!context->user_bus)
                source_set_state(s, SOURCE_UNAVAILABLE, "the bus is not there");
        else {
                r = leavers_new(&o->leavers, context->user_bus, on_left, o);
                if (r >= 0)
                        r = watch_services(o);
        }
        if (r < 0)
                return r;
        *ret = TAKE(s);
        return 0;
}

const struct source_kind source_other_inhibitors = {
        .name = "other-inhibitors",
        .description = "programs that keep the session awake for a call, on other desktops",
        .start = start,
        .stop = stop,
        .run = run,
};
