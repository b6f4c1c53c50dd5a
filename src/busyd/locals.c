/* The local sources: started and stopped as configured, and whether they have told what goes on now. */
#include <errno.h>

#include "busyd/internal.h"
#include "util/log.h"

static void on_changed(void *userdata, struct source *s) {
        struct manager *m = userdata;

        for (size_t i = 0; i < m->n_sources; i++)
                if (m->sources[i].source == s && source_state(s) != SOURCE_STARTING)
                        m->sources[i].settled = true;
        manager_touch(m);
}

static void start_source(struct manager *m, struct local_source *l) {
        const struct source_config *config = config_source(m->config, l->kind->name);
        const struct source_context context = {
                .event = m->event,
                .user_bus = m->bus,
                .system_bus = m->system_bus,
                .sink = call_book_sink(m->book),
                .ignore = (const char *const *) config->ignore,
                .only = (const char *const *) config->only,
                .call_apps = (const char *const *) config->call_apps,
                .reasons = (const char *const *) config->reasons,
                .changed = on_changed,
                .userdata = m,
        };
        int r;

        l->settled = true;
        if (!config->enabled)
                return;
        if (m->away) {
                l->problem = strdup("your session is not in front");
                return;
        }
        r = l->kind->start(&l->source, l->kind, &context);
        if (r < 0) {
                l->problem = strdup(strerror(-r));
                log_warning("Source %s cannot be started: %s; going on without it", l->kind->name, strerror(-r));
                return;
        }
        l->settled = source_state(l->source) != SOURCE_STARTING;
}

int locals_start(struct manager *m) {
        size_t n = 0;

        while (source_kinds[n])
                n++;
        m->sources = calloc(n + 1, sizeof(*m->sources));
        if (!m->sources)
                return -ENOMEM;
        m->n_sources = n;
        for (size_t i = 0; i < n; i++) {
                m->sources[i].kind = source_kinds[i];
                start_source(m, &m->sources[i]);
        }
        return 0;
}

static void stop_source(struct local_source *l) {
        if (l->source)
                l->source = l->kind->stop(l->source);
        free(TAKE(l->problem));
}

void locals_set_away(struct manager *m, bool away) {
        if (m->away == away)
                return;
        m->away = away;
        for (size_t i = 0; i < m->n_sources; i++) {
                stop_source(&m->sources[i]);
                start_source(m, &m->sources[i]);
        }
}

void locals_stop(struct manager *m) {
        for (size_t i = 0; i < m->n_sources; i++)
                stop_source(&m->sources[i]);
        free(m->sources);
        m->sources = NULL;
        m->n_sources = 0;
}

bool locals_are_settled(const struct manager *m) {
        for (size_t i = 0; i < m->n_sources; i++)
                if (!m->sources[i].settled)
                        return false;
        return true;
}
