/* What keeps the session awake, as Plasma's power management tells it. What goes on now is one list, read again after
 * every change, in whatever form this version gives it: a property a(ssssu) since Plasma 6.5; a method that answers
 * a(ss), although it is declared a{ss}, before; the same with aas, in between and after. */
#include <errno.h>
#include <stdio.h>

#include "sources/identity.h"
#include "sources/reasons.h"
#include "sources/services.h"
#include "sources/bus-source.h"

#define INHIBITIONS_MAX 64  /* of those that are calls */
#define LIST_MAX        512 /* of all that are looked at */
#define ID_SIZE         192

#define NAME      "org.kde.Solid.PowerManagement.PolicyAgent"
#define PATH      "/org/kde/Solid/PowerManagement/PolicyAgent"
#define INTERFACE "org.kde.Solid.PowerManagement.PolicyAgent"

#define FLAG_ACTIVE 1U

struct plasma {
        struct bus_source bus;
        char ids[INHIBITIONS_MAX][ID_SIZE];
        bool seen[INHIBITIONS_MAX]; /* in the list that is being read */
        size_t n_ids;
        bool asking, ask_again;
};

static struct plasma *plasma_of(void *s) {
        return s;
}

/* ---- one inhibition ---- */

static int mark(struct plasma *p, const char *id) {
        for (size_t i = 0; i < p->n_ids; i++)
                if (streq(p->ids[i], id)) {
                        p->seen[i] = true;
                        return 0;
                }
        if (p->n_ids >= INHIBITIONS_MAX)
                return -E2BIG;
        (void) snprintf(p->ids[p->n_ids], ID_SIZE, "%s", id);
        p->seen[p->n_ids++] = true;
        return 0;
}

/* The list has no ids. Who and what for is enough: the same twice is one call. */
static void take(struct plasma *p, const char *who, const char *why) {
        char app[SOURCE_APP_MAX], id[ID_SIZE];
        struct call_report r = { .id = id, .phase = CALL_ACTIVE, .lasts = USEC_NEVER };

        r.app = identity_of_name(app, sizeof(app), who);
        if (!reason_find(p->bus.source.context.reasons, app, why, &r.evidence, &r.what))
                return;
        (void) snprintf(id, sizeof(id), "%s: %s", app, r.what);
        if (mark(p, id) < 0)
                source_tell_bad(&p->bus.source, NULL, "there are more inhibitions than are kept");
        else
                source_report(&p->bus.source, &r);
}

/* ---- the list, in each of its forms ---- */

static int read_pair(struct plasma *p, sd_bus_message *m) {
        const char *who, *why;
        int r = sd_bus_message_read(m, "(ss)", &who, &why);

        if (r > 0)
                take(p, who, why);
        return r;
}

static int read_entry(struct plasma *p, sd_bus_message *m) {
        const char *who, *why;
        int r = sd_bus_message_read(m, "{ss}", &who, &why);

        if (r > 0)
                take(p, who, why);
        return r;
}

/* who, why and perhaps more */
static int read_strings(struct plasma *p, sd_bus_message *m) {
        const char *who = NULL, *why = NULL;
        int r = sd_bus_message_enter_container(m, 'a', "s");

        if (r <= 0)
                return r;
        r = sd_bus_message_read(m, "s", &who);
        if (r > 0)
                r = sd_bus_message_read(m, "s", &why);
        if (r > 0)
                take(p, who, why);
        while (r > 0)
                r = sd_bus_message_skip(m, NULL) < 0 ? -EBADMSG : !sd_bus_message_at_end(m, false);
        return r < 0 ? r : sd_bus_message_exit_container(m) < 0 ? -EBADMSG : 1;
}

static int read_full(struct plasma *p, sd_bus_message *m) {
        const char *what, *who, *why, *mode;
        uint32_t flags;
        int r = sd_bus_message_read(m, "(ssssu)", &what, &who, &why, &mode, &flags);

        if (r > 0 && (flags & FLAG_ACTIVE) != 0)
                take(p, who, why);
        return r;
}

static const struct form {
        const char *types; /* of one element */
        int (*read)(struct plasma *p, sd_bus_message *m);
} forms[] = {
        { "(ss)", read_pair },
        { "{ss}", read_entry },
        { "as", read_strings },
        { "(ssssu)", read_full },
};

static const struct form *find_form(sd_bus_message *m) {
        const char *types;
        char type;

        if (sd_bus_message_peek_type(m, &type, &types) <= 0 || type != 'a')
                return NULL;
        for (size_t i = 0; i < ARRAY_SIZE(forms); i++)
                if (streq(forms[i].types, types))
                        return &forms[i];
        return NULL;
}

/* Ends what is no longer in the list. */
static void sweep(struct plasma *p) {
        for (size_t i = p->n_ids; i > 0; i--) {
                if (p->seen[i - 1])
                        continue;
                source_end(&p->bus.source, p->ids[i - 1]);
                p->n_ids--;
                p->seen[i - 1] = p->seen[p->n_ids];
                memmove(p->ids[i - 1], p->ids[p->n_ids], ID_SIZE);
        }
}

static int read_list(struct plasma *p, sd_bus_message *m) {
        const struct form *form = find_form(m);
        size_t n = 0;
        int r;

        if (!form)
                return -EBADMSG;
        memset(p->seen, 0, sizeof(p->seen));
        r = sd_bus_message_enter_container(m, 'a', form->types);
        while (r > 0 && n++ < LIST_MAX)
                r = form->read(p, m);
        if (r < 0)
                return r;
        sweep(p);
        return 0;
}

/* ---- asking ---- */

static int ask(struct plasma *p);

static void on_answered(struct plasma *p, sd_bus_message *m, int error) {
        p->asking = false;
        if (error < 0) {
                source_tell_bad(&p->bus.source, m, "the list of inhibitions cannot be read");
                bus_service_fail(p->bus.service, "its list of inhibitions cannot be read", NULL);
                return;
        }
        if (p->ask_again)
                (void) ask(p);
}

static void on_list(void *s, const char *subject, sd_bus_message *reply, const sd_bus_error *error) {
        struct plasma *p = plasma_of(s);

        if (reply)
                on_answered(p, reply, read_list(p, reply));
        else
                bus_service_fail(p->bus.service, "what keeps the session awake is not told", error);
}

static int read_property(struct plasma *p, sd_bus_message *m) {
        const char *types;
        char type;
        int r = sd_bus_message_peek_type(m, &type, &types);

        if (r <= 0 || type != 'v')
                return -EBADMSG;
        r = sd_bus_message_enter_container(m, 'v', types);
        return r < 0 ? r : read_list(p, m);
}

/* Older versions have no such property, and say so in several ways. */
static void on_property(void *s, const char *subject, sd_bus_message *reply, const sd_bus_error *error) {
        struct plasma *p = plasma_of(s);
        int r = reply ? read_property(p, reply) : -ENOENT;

        if (r >= 0)
                on_answered(p, reply, 0);
        else if (bus_service_call(p->bus.service, PATH, INTERFACE, "ListInhibitions", NULL, on_list, "") < 0)
                bus_service_fail(p->bus.service, "it cannot be asked", NULL);
}

/* One question at a time; what changes meanwhile is asked for after it. */
static int ask(struct plasma *p) {
        int r;

        p->ask_again = p->asking;
        if (p->asking)
                return 0;
        r = bus_service_call(p->bus.service, PATH, "org.freedesktop.DBus.Properties", "Get", NULL, on_property, "ss",
                             INTERFACE, "ActiveInhibitions");
        p->asking = r >= 0;
        return r;
}

static int on_changed(sd_bus_message *m, void *userdata, sd_bus_error *ret_error) {
        struct plasma *p = userdata;

        if (ask(p) < 0)
                bus_service_fail(p->bus.service, "it cannot be asked", NULL);
        return 0;
}

static int begin(void *s) {
        struct plasma *p = plasma_of(s);
        int r;

        r = bus_service_match(p->bus.service, "path='" PATH "',interface='" INTERFACE "',member='InhibitionsChanged'",
                              on_changed);
        if (r >= 0)
                r = bus_service_match(p->bus.service,
                                      "path='" PATH "',interface='org.freedesktop.DBus.Properties',"
                                      "member='PropertiesChanged',arg0='" INTERFACE "'",
                                      on_changed);
        return r < 0 ? r : ask(p);
}

static void reset(void *s) {
        struct plasma *p = plasma_of(s);

        p->n_ids = 0;
        p->asking = p->ask_again = false;
        source_end(s, NULL);
}

static const struct bus_service_ops ops = { begin, reset, bus_source_changed };

static int start(struct source **ret, const struct source_kind *kind, const struct source_context *context) {
        return bus_source_start(ret, sizeof(struct plasma), kind, context, context->user_bus, NAME,
                                "Plasma's power management", &ops);
}

const struct source_kind source_plasma_inhibitors = {
        .name = "plasma-inhibitors",
        .description = "programs that keep the session awake for a call, on Plasma",
        .start = start,
        .stop = bus_source_stop,
        .run = bus_source_run,
};
