/* Which of the calls that are reported come into the table: not those of applications that the user does not want to
 * count. They wait in a second one, which decides nothing, and so can come back at once.
 *
 * The user's list is kept in the state; what the configuration ignores does not get here. A call in the second table
 * whose application is not on the list is one that is ignored until it ends. */
#include <errno.h>
#include <stdarg.h>
#include <stdio.h>

#include "busyd/internal.h"
#include "util/clock.h"
#include "util/log.h"
#include "util/text.h"

static bool matches(const struct state_ignored *i, const char *source, const char *app) {
        return (i->source[0] == '\0' || streq(i->source, source)) && glob_match(i->app, app);
}

static bool is_listed(const struct manager *m, const char *source, const char *app) {
        struct state_ignored ignored;

        for (size_t i = 0; state_ignored_at(m->state, i, &ignored) >= 0; i++)
                if (matches(&ignored, source, app))
                        return true;
        return false;
}

/* ---- calls come in ---- */

static bool is_ignored_once(const struct manager *m, const char *source, const char *id) {
        for (const struct call *c = call_table_next(m->ignored, NULL); c; c = call_table_next(m->ignored, c))
                if (streq(c->source, source) && streq(c->id, id))
                        return !is_listed(m, source, c->app);
        return false;
}

int ignore_report(struct manager *m, const struct call_report *r) {
        bool ignored = is_listed(m, r->source, r->app) || is_ignored_once(m, r->source, r->id);
        int k = call_table_report(ignored ? m->ignored : m->calls, r, clock_now());

        /* Its application may have become known only now. */
        (void) call_table_end(ignored ? m->calls : m->ignored, r->source, r->id);
        return k;
}

void ignore_end(struct manager *m, const char *source, const char *id) {
        struct call_table *const tables[] = { m->calls, m->ignored };

        for (size_t i = 0; i < ARRAY_SIZE(tables); i++)
                if (id)
                        (void) call_table_end(tables[i], source, id);
                else
                        (void) call_table_end_source(tables[i], source);
}

/* ---- the user's word ---- */

static const struct call *first_to_ignore(const struct manager *m, const struct state_ignored *which) {
        for (const struct call *c = call_table_next(m->calls, NULL); c; c = call_table_next(m->calls, c))
                if (matches(which, c->source, c->app))
                        return c;
        return NULL;
}

static const struct call *first_to_allow(const struct manager *m, const struct state_ignored *which) {
        for (const struct call *c = call_table_next(m->ignored, NULL); c; c = call_table_next(m->ignored, c))
                if (matches(which, c->source, c->app) && !is_listed(m, c->source, c->app))
                        return c;
        return NULL;
}

/* Returns how many calls went over. There is no more room for one only while there are far too many. */
static size_t move_calls(struct manager *m, const struct state_ignored *which, bool ignore) {
        struct call_table *from = ignore ? m->calls : m->ignored, *to = ignore ? m->ignored : m->calls;
        const struct call *c;
        size_t n = 0;

        while ((c = ignore ? first_to_ignore(m, which) : first_to_allow(m, which)) != NULL) {
                if (call_table_move(to, from, c) < 0)
                        break;
                n++;
        }
        return n;
}

static bool is_known_source(const char *source) {
        for (size_t i = 0; source_kinds[i]; i++)
                if (streq(source_kinds[i]->name, source))
                        return true;
        return source[0] == '\0' || streq(source, HOLD_SOURCE) || strncmp(source, "matrix/", 7) == 0;
}

static void tell(char **ret_problem, const char *format, ...) __attribute__((format(printf, 2, 3)));
static void tell(char **ret_problem, const char *format, ...) {
        va_list ap;

        va_start(ap, format);
        if (vasprintf(ret_problem, format, ap) < 0)
                *ret_problem = NULL;
        va_end(ap);
}

static int check_source(const char *source, char **ret_problem) {
        if (is_known_source(source))
                return 0;
        tell(ret_problem, "There is no source \"%s\"; 'busyctl sources' lists them", source);
        return -EINVAL;
}

int ignore_add(struct manager *m, const char *app, const char *source, bool once, char **ret_problem) {
        const struct state_ignored which = { .app = app, .source = source };
        int r = check_source(source, ret_problem);

        if (r < 0)
                return r;
        r = once ? 0 : state_add_ignored(m->state, &which);
        if (r == -E2BIG)
                tell(ret_problem, "There are %d entries, as many as there may be; 'busyctl ignore' lists them",
                     STATE_IGNORED_MAX);
        if (r < 0)
                return r;
        if (move_calls(m, &which, /* ignore= */ true) == 0 && once)
                return -ENOENT;
        log_info("Calls of %s do not count %s, by hand", app, once ? "until they end" : "any more");
        return 0;
}

/* Whether busyd.conf keeps it out, whatever is allowed here. */
static bool is_configured(const struct manager *m, const char *app, const char *source) {
        for (size_t i = 0; source_kinds[i]; i++) {
                const char *name = source_kinds[i]->name;
                const struct source_config *config = config_source(m->config, name);

                for (char **glob = config->ignore; glob && *glob; glob++)
                        if ((source[0] == '\0' || streq(source, name)) && glob_match(*glob, app))
                                return true;
        }
        return false;
}

int ignore_remove(struct manager *m, const char *app, const char *source, char **ret_problem) {
        const struct state_ignored which = { .app = app, .source = source };
        int r = check_source(source, ret_problem);

        if (r < 0)
                return r;
        r = state_remove_ignored(m->state, &which);
        if (r < 0)
                return r;
        if (move_calls(m, &which, /* ignore= */ false) == 0 && r == 0) {
                if (is_configured(m, app, source))
                        tell(ret_problem, "%s is ignored in busyd.conf, where only you can change it", app);
                return -ENOENT;
        }
        log_info("Calls of %s count again, by hand", app);
        return 0;
}
