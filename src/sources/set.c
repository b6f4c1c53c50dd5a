/* See set.h. A source of the set is
 *
 *   off          not enabled, or not configured yet
 *   kept out     enabled, but there is a `problem`: the user is away, its bus is not there, or it cannot be started
 *   running      `source` is set; its state is its own
 *
 * and restart() is the one place where that changes. */
#include "sources/set.h"

#include <errno.h>
#include <stdio.h>

#include "sources/base.h"
#include "util/log.h"
#include "util/text.h"

enum list { LIST_IGNORE, LIST_ONLY, LIST_CALL_APPS, LIST_REASONS, LISTS };

struct member {
        struct source_set *set;
        const struct source_kind *kind;
        struct source *source; /* NULL: it does not run */
        bool enabled;
        char **lists[LISTS];
        bool settled; /* it has told what goes on, once since it was started */
        char problem[SOURCE_DETAIL_MAX];
};

struct source_set {
        sd_event *event;
        sd_bus *user_bus, *system_bus;
        struct call_sink sink; /* silent while the set is freed */
        struct source_set_handler handler;
        char no_system_bus[SOURCE_DETAIL_MAX];
        bool away;
        struct member *members; /* in the order of source_kinds */
        size_t n;
};

/* ---- starting and stopping ---- */

static void note_settled(struct member *m) {
        if (!m->source || source_state(m->source) != SOURCE_STARTING)
                m->settled = true;
}

static void on_touched(void *userdata) {
        struct member *m = userdata;

        m->set->handler.touched(m->set->handler.userdata);
}

static void stop(struct member *m) {
        if (m->source)
                m->source = m->kind->stop(m->source);
        m->problem[0] = '\0';
}

static void start(struct member *m) {
        const struct source_set *s = m->set;
        const struct source_context context = {
                .event = s->event,
                .user_bus = s->user_bus,
                .system_bus = s->system_bus,
                .sink = &s->sink,
                .ignore = (const char *const *) m->lists[LIST_IGNORE],
                .only = (const char *const *) m->lists[LIST_ONLY],
                .call_apps = (const char *const *) m->lists[LIST_CALL_APPS],
                .reasons = (const char *const *) m->lists[LIST_REASONS],
                .touched = on_touched,
                .userdata = m,
        };
        int r = m->kind->start(&m->source, m->kind, &context);

        if (r >= 0)
                return;
        m->source = NULL;
        (void) snprintf(m->problem, sizeof(m->problem), "%s", strerror(-r));
        log_warning("Source %s cannot be started: %s; going on without it", m->kind->name, strerror(-r));
}

static void restart(struct member *m) {
        const struct source_set *s = m->set;

        stop(m);
        if (!m->enabled)
                ;
        else if (s->away)
                (void) snprintf(m->problem, sizeof(m->problem), "your session is not in front");
        else if (m->kind->on_system_bus && !s->system_bus)
                (void) snprintf(m->problem, sizeof(m->problem), "%s", s->no_system_bus);
        else
                start(m);
        m->settled = false;
        note_settled(m);
        on_touched(m);
}

/* ---- settings ---- */

static const char *const *list_of(const struct source_settings *settings, enum list list) {
        switch (list) {
        case LIST_IGNORE:
                return settings->ignore;
        case LIST_ONLY:
                return settings->only;
        case LIST_CALL_APPS:
                return settings->call_apps;
        case LIST_REASONS:
                return settings->reasons;
        case LISTS:
                break;
        }
        return NULL;
}

static bool is_same_list(char **a, const char *const *b) {
        size_t i = 0;

        for (; a && a[i] && b && b[i]; i++)
                if (!streq(a[i], b[i]))
                        return false;
        return (!a || !a[i]) && (!b || !b[i]);
}

static bool is_same(const struct member *m, const struct source_settings *settings) {
        if (m->enabled != settings->enabled)
                return false;
        for (enum list list = 0; list < LISTS; list++)
                if (!is_same_list(m->lists[list], list_of(settings, list)))
                        return false;
        return true;
}

static void free_list(char **list) {
        for (char **p = list; p && *p; p++)
                free(*p);
        free(list);
}

static int copy_list(char ***ret, const char *const *list) {
        char **copy;
        size_t n = 0;

        while (list && list[n])
                n++;
        copy = calloc(n + 1, sizeof(*copy));
        if (!copy)
                return -ENOMEM;
        for (size_t i = 0; i < n; i++) {
                copy[i] = strdup(list[i]);
                if (!copy[i]) {
                        free_list(copy);
                        return -ENOMEM;
                }
        }
        *ret = copy;
        return 0;
}

/* The lists are borrowed by the source that runs: it has to be stopped. */
static int take_settings(struct member *m, const struct source_settings *settings) {
        char **lists[LISTS] = { NULL };

        for (enum list list = 0; list < LISTS; list++)
                if (copy_list(&lists[list], list_of(settings, list)) < 0) {
                        while (list-- > 0)
                                free_list(lists[list]);
                        return -ENOMEM;
                }
        for (enum list list = 0; list < LISTS; list++) {
                free_list(m->lists[list]);
                m->lists[list] = lists[list];
        }
        m->enabled = settings->enabled;
        return 0;
}

int source_set_configure(struct source_set *s, const char *name, const struct source_settings *settings) {
        for (size_t i = 0; i < s->n; i++) {
                struct member *m = &s->members[i];
                int r;

                if (!streq(m->kind->name, name))
                        continue;
                if (is_same(m, settings))
                        return 0;
                stop(m);
                r = take_settings(m, settings);
                restart(m);
                return r < 0 ? r : 1;
        }
        return -ENOENT;
}

/* ---- what all of them depend on ---- */

void source_set_set_system_bus(struct source_set *s, sd_bus *bus, const char *problem) {
        sd_bus_unref(s->system_bus);
        s->system_bus = bus ? sd_bus_ref(bus) : NULL;
        (void) snprintf(s->no_system_bus, sizeof(s->no_system_bus), "%s", problem ? problem : "");
        for (size_t i = 0; i < s->n; i++)
                if (s->members[i].kind->on_system_bus)
                        restart(&s->members[i]);
}

void source_set_set_away(struct source_set *s, bool away) {
        if (s->away == away)
                return;
        s->away = away;
        for (size_t i = 0; i < s->n; i++)
                restart(&s->members[i]);
}

/* ---- running ---- */

usec_t source_set_run(struct source_set *s, usec_t now) {
        usec_t next = USEC_NEVER;

        for (size_t i = 0; i < s->n; i++) {
                struct member *m = &s->members[i];

                if (m->source && m->kind->run)
                        next = usec_min(next, m->kind->run(m->source, now));
                note_settled(m);
        }
        return next;
}

bool source_set_is_settled(const struct source_set *s) {
        for (size_t i = 0; i < s->n; i++)
                if (!s->members[i].settled)
                        return false;
        return true;
}

static enum source_state state_of(const struct member *m) {
        if (m->source)
                return source_state(m->source);
        return m->problem[0] ? SOURCE_UNAVAILABLE : SOURCE_OFF;
}

bool source_set_view(const struct source_set *s, size_t i, struct source_view *ret) {
        const struct member *m = &s->members[i];

        if (i >= s->n)
                return false;
        *ret = (struct source_view){
                .name = m->kind->name,
                .state = state_of(m),
                .detail = m->source ? source_detail(m->source) : m->problem,
        };
        return true;
}

bool source_set_stream(const struct source_set *s, size_t source, size_t i, struct source_stream *ret) {
        const struct member *m = &s->members[source];

        return m->source && m->kind->stream && m->kind->stream(m->source, i, ret);
}

/* ---- making and ending ---- */

int source_set_new(struct source_set **ret, sd_event *event, sd_bus *user_bus,
                   const struct source_set_handler *handler) {
        SCOPED(source_set_free) struct source_set *s = calloc(1, sizeof(*s));
        size_t n = 0;

        if (!s)
                return -ENOMEM;
        while (source_kinds[n])
                n++;
        s->members = calloc(n + 1, sizeof(*s->members));
        if (!s->members)
                return -ENOMEM;
        s->n = n;
        for (size_t i = 0; i < n; i++)
                s->members[i] = (struct member){ .set = s, .kind = source_kinds[i], .settled = true };
        s->event = sd_event_ref(event);
        s->user_bus = user_bus ? sd_bus_ref(user_bus) : NULL;
        s->sink = *handler->sink;
        s->handler = *handler;
        (void) snprintf(s->no_system_bus, sizeof(s->no_system_bus), "there is no system bus");
        *ret = TAKE(s);
        return 0;
}

static void ignore_end(void *userdata, const char *source, const char *id) {
}

static void ignore_touch(void *userdata) {
}

struct source_set *source_set_free(struct source_set *s) {
        if (!s)
                return NULL;
        s->sink.end = ignore_end;
        s->handler.touched = ignore_touch;
        for (size_t i = 0; i < s->n; i++) {
                stop(&s->members[i]);
                for (enum list list = 0; list < LISTS; list++)
                        free_list(s->members[i].lists[list]);
        }
        free(s->members);
        sd_bus_unref(s->user_bus);
        sd_bus_unref(s->system_bus);
        sd_event_unref(s->event);
        free(s);
        return NULL;
}
