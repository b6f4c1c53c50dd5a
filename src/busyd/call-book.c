/* The book of calls, see call-book.h. Calls of applications that the user does not want to count go into a second
 * table, which decides nothing, so that they can come back at once. A call there whose application is not on the
 * user's list is one that is ignored until it ends. */
#include "busyd/call-book.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>

#include "config/config.h"
#include "control/control.h"
#include "sources/source.h"
#include "state/state.h"
#include "util/log.h"
#include "util/text.h"

struct call_book {
        struct state *state;
        struct call_book_handler handler;
        struct call_sink sink;
        struct call_table *calls, *ignored;
        uint64_t published[CALLS_MAX]; /* serials of the calls on the bus */
        size_t n_published;
        bool storm_told;
};

/* Whose a call is. */
struct owner {
        const char *source, *app;
        const char *const *names;
};

static struct owner owner_of(const struct call *c) {
        return (struct owner){ c->source, c->app, (const char *const *) c->names };
}

static bool matches(const struct state_ignored *i, const struct owner *o) {
        if (i->source[0] && !streq(i->source, o->source))
                return false;
        for (const char *const *name = o->names; name && *name; name++)
                if (glob_match(i->app, *name))
                        return true;
        return glob_match(i->app, o->app);
}

static bool call_matches(const struct state_ignored *i, const struct call *c) {
        const struct owner o = owner_of(c);

        return matches(i, &o);
}

static bool is_listed(const struct call_book *b, const struct owner *o) {
        struct state_ignored ignored;

        for (size_t i = 0; state_ignored_at(b->state, i, &ignored) >= 0; i++)
                if (matches(&ignored, o))
                        return true;
        return false;
}

static bool call_is_listed(const struct call_book *b, const struct call *c) {
        const struct owner o = owner_of(c);

        return is_listed(b, &o);
}

/* ---- calls come in ---- */

static const struct call *find(const struct call_table *t, const struct call_report *r) {
        for (const struct call *c = call_table_next(t, NULL); c; c = call_table_next(t, c))
                if (streq(c->source, r->source) && streq(c->id, r->id))
                        return c;
        return NULL;
}

int call_book_report(struct call_book *b, const struct call_report *r) {
        const struct call *uncounted = find(b->ignored, r), *known = uncounted ? uncounted : find(b->calls, r);
        const char *const *names = known && !r->names ? (const char *const *) known->names : r->names;
        const struct owner o = { r->source, r->app, names };
        bool once = uncounted && !call_is_listed(b, uncounted), ignored = once || is_listed(b, &o);
        struct call_report whole = *r;
        int k;

        whole.names = names; /* also when it goes over to the other table */
        k = call_table_report(ignored ? b->ignored : b->calls, &whole);

        /* Its application may have become known only now. */
        (void) call_table_end(ignored ? b->calls : b->ignored, r->source, r->id);
        b->handler.touched(b->handler.userdata);
        return k;
}

static void on_report(void *userdata, const struct call_report *r) {
        struct call_book *b = userdata;
        int k = call_book_report(b, r);

        if (k == -E2BIG && !b->storm_told) {
                b->storm_told = true;
                log_warning("Source %s reports more calls than the %d that are kept; the rest does not count",
                            r->source, CALLS_PER_SOURCE_MAX);
        } else if (k < 0 && k != -E2BIG)
                log_warning("A call of source %s is lost: %s", r->source, strerror(-k));
}

void call_book_end(struct call_book *b, const char *source, const char *id) {
        struct call_table *const tables[] = { b->calls, b->ignored };

        for (size_t i = 0; i < ARRAY_SIZE(tables); i++)
                if (id)
                        (void) call_table_end(tables[i], source, id);
                else
                        (void) call_table_end_source(tables[i], source);
        b->handler.touched(b->handler.userdata);
}

static void on_end(void *userdata, const char *source, const char *id) {
        call_book_end(userdata, source, id);
}

static void on_doubt(void *userdata, const char *source, bool doubted) {
        struct call_book *b = userdata;

        call_table_doubt(b->calls, source, doubted);
        call_table_doubt(b->ignored, source, doubted);
        b->handler.touched(b->handler.userdata);
}

const struct call_sink *call_book_sink(struct call_book *b) {
        return &b->sink;
}

const struct call_table *call_book_calls(const struct call_book *b) {
        return b->calls;
}

static usec_t run_table(struct call_book *b, struct call_table *t, usec_t now) {
        call_table_date(t, now);
        for (const struct call *c = call_table_next(t, NULL); c; c = call_table_next(t, c))
                if (c->until <= now && streq(c->source, HOLD_SOURCE))
                        b->handler.hold_ended(b->handler.userdata, (uint32_t) strtoul(c->id, NULL, 10));
        (void) call_table_expire(t, now);
        return call_table_deadline(t);
}

usec_t call_book_run(struct call_book *b, usec_t now) {
        return usec_min(run_table(b, b->calls, now), run_table(b, b->ignored, now));
}

/* ---- the user's word ---- */

static const struct call *first_to_ignore(const struct call_book *b, const struct state_ignored *which) {
        for (const struct call *c = call_table_next(b->calls, NULL); c; c = call_table_next(b->calls, c))
                if (call_matches(which, c))
                        return c;
        return NULL;
}

static const struct call *first_to_allow(const struct call_book *b, const struct state_ignored *which) {
        for (const struct call *c = call_table_next(b->ignored, NULL); c; c = call_table_next(b->ignored, c))
                if (call_matches(which, c) && !call_is_listed(b, c))
                        return c;
        return NULL;
}

/* Returns how many calls went over. There is no more room for one only while there are far too many. */
static size_t move_calls(struct call_book *b, const struct state_ignored *which, bool ignore) {
        struct call_table *from = ignore ? b->calls : b->ignored, *to = ignore ? b->ignored : b->calls;
        const struct call *c;
        size_t n = 0;

        while ((c = ignore ? first_to_ignore(b, which) : first_to_allow(b, which)) != NULL) {
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

int call_book_ignore(struct call_book *b, const char *app, const char *source, bool once, char **ret_problem) {
        const struct state_ignored which = { .app = app, .source = source };
        int r = check_source(source, ret_problem);

        if (r < 0)
                return r;
        r = once ? 0 : state_add_ignored(b->state, &which);
        if (r == -E2BIG)
                tell(ret_problem, "There are %d entries, as many as there may be; 'busyctl ignore' lists them",
                     STATE_IGNORED_MAX);
        if (r < 0)
                return r;
        if (move_calls(b, &which, /* ignore= */ true) == 0 && once)
                return -ENOENT;
        log_info("Calls of %s do not count %s, by hand", app, once ? "until they end" : "any more");
        return 0;
}

/* Whether busyd.conf keeps it out, whatever is allowed here. */
static bool is_configured(const struct config *config, const char *app, const char *source) {
        for (size_t i = 0; source_kinds[i]; i++) {
                const char *name = source_kinds[i]->name;

                for (char **glob = config_source(config, name)->ignore; glob && *glob; glob++)
                        if ((source[0] == '\0' || streq(source, name)) && glob_match(*glob, app))
                                return true;
        }
        return false;
}

/* Whether calls of `which`, or some of them, are ignored by this entry, which is not taken back with it. */
static bool is_ignored_by(const struct call_book *b, const struct state_ignored *which,
                          const struct state_ignored *entry) {
        if (which->source[0] && entry->source[0] && !streq(which->source, entry->source))
                return false;
        if (glob_match(entry->app, which->app))
                return true;
        for (const struct call *c = call_table_next(b->ignored, NULL); c; c = call_table_next(b->ignored, c))
                if (call_matches(which, c) && call_matches(entry, c))
                        return true;
        return false;
}

/* An entry goes by the words it was made with, and by no others. */
static void tell_why_not_allowed(const struct call_book *b, const struct config *config,
                                 const struct state_ignored *which, char **ret_problem) {
        struct state_ignored entry;

        for (size_t i = 0; state_ignored_at(b->state, i, &entry) >= 0; i++) {
                if (!is_ignored_by(b, which, &entry))
                        continue;
                tell(ret_problem, "%s is ignored by \"%s\"%s%s: allow that, as 'busyctl ignore' lists it", which->app,
                     entry.app, entry.source[0] ? " of " : ", everywhere", entry.source);
                return;
        }
        if (is_configured(config, which->app, which->source))
                tell(ret_problem, "%s is ignored in busyd.conf, where only you can change it", which->app);
}

int call_book_allow(struct call_book *b, const struct config *config, const char *app, const char *source,
                    char **ret_problem) {
        const struct state_ignored which = { .app = app, .source = source };
        int r = check_source(source, ret_problem);

        if (r < 0)
                return r;
        r = state_remove_ignored(b->state, &which);
        if (r < 0)
                return r;
        if (move_calls(b, &which, /* ignore= */ false) == 0 && r == 0) {
                tell_why_not_allowed(b, config, &which, ret_problem);
                return -ENOENT;
        }
        log_info("Calls of %s count again, by hand", app);
        return 0;
}

/* ---- what the bus shows ---- */

static const char *why_not(const struct availability *a, const struct call *c, usec_t from, usec_t now, char *buf,
                           size_t size) {
        char in[64];

        if (a->mode == MODE_FREE)
                return "you said free";
        if (availability_is_spoken_for(a, c))
                return "you said free in it";
        if (c->doubted)
                return "its server has yet to say whether it still goes on";
        if (from == USEC_NEVER && !call_phase_is_in_call(c->phase))
                return "ringing does not count";
        if (from == USEC_NEVER)
                return "weak evidence alone does not count";
        /* Up to whole seconds: nobody reads more. */
        from = usec_add(from - now, USEC_PER_SEC - 1) / USEC_PER_SEC * USEC_PER_SEC;
        (void) snprintf(buf, size, "counts in %s", format_duration(in, sizeof(in), from));
        return buf;
}

static void publish_call(const struct call_book *b, struct control *control, const struct availability *a,
                         const struct call *c, const struct instant *at) {
        char buf[128];
        usec_t from;
        bool counts = availability_counts(a, b->calls, c, at->now, &from) && a->mode != MODE_FREE;
        int r = control_set_call(control,
                                 &(struct control_call_view){
                                         .serial = c->serial,
                                         .source = c->source,
                                         .app = c->app,
                                         .what = c->what,
                                         .sign = c->sign,
                                         .phase = call_phase_to_string(c->phase),
                                         .evidence = call_evidence_to_string(c->evidence),
                                         .since_wall = instant_to_wall(at, c->since),
                                         .counts = counts,
                                         .why_not = counts ? "" : why_not(a, c, from, at->now, buf, sizeof(buf)),
                                 });

        if (r < 0)
                log_debug("Call %llu cannot be published: %s", (unsigned long long) c->serial, strerror(-r));
}

static bool is_known(const struct call_book *b, uint64_t serial) {
        for (const struct call *c = call_table_next(b->calls, NULL); c; c = call_table_next(b->calls, c))
                if (c->serial == serial)
                        return true;
        return false;
}

void call_book_publish(struct call_book *b, struct control *control, const struct availability *a,
                       const struct instant *at) {
        for (size_t i = 0; i < b->n_published; i++)
                if (!is_known(b, b->published[i]))
                        control_remove_call(control, b->published[i]);
        b->n_published = 0;
        for (const struct call *c = call_table_next(b->calls, NULL); c; c = call_table_next(b->calls, c)) {
                publish_call(b, control, a, c, at);
                b->published[b->n_published++] = c->serial;
        }
}

/* ---- making and ending ---- */

int call_book_new(struct call_book **ret, struct state *state, const struct call_book_handler *handler) {
        SCOPED(call_book_free) struct call_book *b = calloc(1, sizeof(*b));
        int r;

        if (!b)
                return -ENOMEM;
        b->state = state;
        b->handler = *handler;
        b->sink = (struct call_sink){ .report = on_report, .end = on_end, .doubt = on_doubt, .userdata = b };
        r = call_table_new(&b->calls);
        if (r >= 0)
                r = call_table_new(&b->ignored);
        if (r < 0)
                return r;
        *ret = TAKE(b);
        return 0;
}

struct call_book *call_book_free(struct call_book *b) {
        if (!b)
                return NULL;
        call_table_free(b->calls);
        call_table_free(b->ignored);
        free(b);
        return NULL;
}
