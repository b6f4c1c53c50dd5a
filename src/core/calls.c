/* The call table. A list in order of arrival: tables are small, and order is what people see. */
#include "core/calls.h"

#include <errno.h>

struct entry {
        struct call call;
        /* What the reports since the last call_table_date() said, and whether they made or broke the call. */
        bool undated, is_new, unsteady;
        usec_t age, steady_age, lasts;
        struct entry *next;
};

/* Bytes of each string of an entry that is made ahead; a longer source or id does not go in. */
#define SPARE_STRING_MAX 768

struct call_table {
        struct entry *first;
        struct entry *spare; /* for when there is no memory; NULL: it is used up, or could not be made yet */
        size_t n;
        uint64_t next_serial;
};

static void names_free(char **names) {
        for (char **n = names; n && *n; n++)
                free(*n);
        free(names);
}

static void entry_free(struct entry *e) {
        if (!e)
                return;
        free(e->call.source);
        free(e->call.id);
        free(e->call.app);
        free(e->call.what);
        free(e->call.sign);
        names_free(e->call.names);
        free(e);
}

/* ---- a spare entry ---- */

static struct entry *spare_new(void) {
        struct entry *e = calloc(1, sizeof(*e));
        struct call *c;

        if (!e)
                return NULL;
        c = &e->call;
        c->source = malloc(SPARE_STRING_MAX);
        c->id = malloc(SPARE_STRING_MAX);
        c->app = malloc(SPARE_STRING_MAX);
        c->what = malloc(SPARE_STRING_MAX);
        c->sign = malloc(SPARE_STRING_MAX);
        if (c->source && c->id && c->app && c->what && c->sign)
                return e;
        entry_free(e);
        return NULL;
}

/* Words that do not fit are left out: cut somewhere, they could be no text any more. */
static void fill(char *spare, const char *text) {
        size_t n = strlen(text);

        memcpy(spare, n < SPARE_STRING_MAX ? text : "", n < SPARE_STRING_MAX ? n + 1 : 1);
}

static struct entry *take_spare(struct call_table *t, const struct call_report *r) {
        struct entry *e = t->spare;

        if (!e || strlen(r->source) >= SPARE_STRING_MAX || strlen(r->id) >= SPARE_STRING_MAX)
                return NULL;
        t->spare = NULL;
        fill(e->call.source, r->source);
        fill(e->call.id, r->id);
        fill(e->call.app, r->app);
        fill(e->call.what, r->what);
        fill(e->call.sign, r->sign ? r->sign : "");
        return e;
}

/* ---- the list ---- */

int call_table_new(struct call_table **ret) {
        struct call_table *t = calloc(1, sizeof(*t));

        if (!t)
                return -ENOMEM;
        t->next_serial = 1;
        t->spare = spare_new();
        if (!t->spare) {
                free(t);
                return -ENOMEM;
        }
        *ret = t;
        return 0;
}

/* Ends every call that `matches`; returns how many. */
static size_t end_where(struct call_table *t, bool (*matches)(const struct call *c, const void *arg),
                        const void *arg) {
        size_t n = 0;

        for (struct entry **p = &t->first; *p;) {
                struct entry *e = *p;

                if (!matches(&e->call, arg)) {
                        p = &e->next;
                        continue;
                }
                *p = e->next;
                entry_free(e);
                n++;
        }
        t->n -= n;
        return n;
}

static bool matches_any(const struct call *c, const void *arg) {
        return true;
}

static bool matches_source(const struct call *c, const void *arg) {
        return streq(c->source, arg);
}

static bool matches_key(const struct call *c, const void *arg) {
        const struct call_report *key = arg;

        return streq(c->source, key->source) && streq(c->id, key->id);
}

static bool is_stale(const struct call *c, const void *arg) {
        const usec_t *now = arg;

        return c->until <= *now;
}

struct call_table *call_table_free(struct call_table *t) {
        if (!t)
                return NULL;
        (void) end_where(t, matches_any, NULL);
        entry_free(t->spare);
        free(t);
        return NULL;
}

static struct entry *find(const struct call_table *t, const char *source, const char *id) {
        for (struct entry *e = t->first; e; e = e->next)
                if (streq(e->call.source, source) && streq(e->call.id, id))
                        return e;
        return NULL;
}

size_t call_table_count(const struct call_table *t, const char *source) {
        size_t n = 0;

        for (const struct entry *e = t->first; e; e = e->next)
                if (streq(e->call.source, source))
                        n++;
        return n;
}

static int replace(char **p, const char *with) {
        char *copy;

        if (*p && streq(*p, with))
                return 0;
        copy = strdup(with);
        if (!copy)
                return -ENOMEM;
        free(*p);
        *p = copy;
        return 1;
}

static bool names_are(char *const *names, const char *const *with) {
        if (!names || !with)
                return !names && !with;
        while (*names && *with && streq(*names, *with))
                names++, with++;
        return !*names && !*with;
}

/* As replace(). */
static int replace_names(char ***p, const char *const *with) {
        char **copy = NULL;
        size_t n = 0;

        if (names_are(*p, with))
                return 0;
        while (with && with[n])
                n++;
        if (with && !(copy = calloc(n + 1, sizeof(*copy))))
                return -ENOMEM;
        for (size_t i = 0; i < n; i++) {
                copy[i] = strdup(with[i]);
                if (!copy[i]) {
                        names_free(copy);
                        return -ENOMEM;
                }
        }
        names_free(*p);
        *p = copy;
        return 1;
}

static void append(struct call_table *t, struct entry *e) {
        struct entry **p = &t->first;

        while (*p)
                p = &(*p)->next;
        *p = e;
        t->n++;
}

static bool is_full(const struct call_table *t, const char *source) {
        return t->n >= CALLS_MAX || call_table_count(t, source) >= CALLS_PER_SOURCE_MAX;
}

static bool copy_strings(struct call *c, const struct call_report *r) {
        return replace(&c->source, r->source) >= 0 && replace(&c->id, r->id) >= 0 && replace(&c->app, r->app) >= 0 &&
               replace(&c->what, r->what) >= 0 && replace(&c->sign, r->sign ? r->sign : "") >= 0 &&
               replace_names(&c->names, r->names) >= 0;
}

static struct entry *entry_new(const struct call_report *r) {
        struct entry *e = calloc(1, sizeof(*e));

        if (!e || copy_strings(&e->call, r))
                return e;
        entry_free(e);
        return NULL;
}

static int add(struct call_table *t, const struct call_report *r) {
        struct entry *e;

        if (is_full(t, r->source))
                return -E2BIG;
        e = entry_new(r);
        if (!e)
                e = take_spare(t, r);
        if (!e)
                return -ENOMEM;
        e->call.phase = r->phase;
        e->call.evidence = r->evidence;
        e->call.since = e->call.steady_since = e->call.until = USEC_NEVER;
        e->call.announced = r->announced;
        e->call.device = r->device;
        e->undated = e->is_new = true;
        e->age = r->age;
        e->lasts = r->lasts;
        e->call.serial = t->next_serial++;
        append(t, e);
        return 1;
}

static int update(struct entry *e, const struct call_report *r) {
        struct call *c = &e->call;
        bool steady = call_phase_is_in_call(c->phase) == call_phase_is_in_call(r->phase) && r->evidence <= c->evidence;
        /* Words that cannot be copied stay as they were; all else is taken. */
        bool words = replace(&c->app, r->app) > 0;
        bool changed;

        words |= replace(&c->what, r->what) > 0;
        words |= replace(&c->sign, r->sign ? r->sign : "") > 0;
        words |= r->names && replace_names(&c->names, r->names) > 0;
        changed = words || c->phase != r->phase || c->evidence != r->evidence || c->announced != r->announced ||
                  c->device != r->device;
        e->undated = true;
        e->unsteady = e->unsteady || !steady;
        e->steady_age = r->age;
        e->lasts = r->lasts;
        c->phase = r->phase;
        c->evidence = r->evidence;
        c->announced = r->announced;
        c->device = r->device;
        c->doubted = false;
        return changed;
}

int call_table_report(struct call_table *t, const struct call_report *r) {
        struct entry *e;

        if (!r->source[0] || !r->id[0])
                return -EINVAL;
        if (r->phase == CALL_GONE || r->lasts == 0)
                return call_table_end(t, r->source, r->id);
        e = find(t, r->source, r->id);
        return e ? update(e, r) : add(t, r);
}

static usec_t date_of(usec_t age, usec_t now) {
        return age < now ? now - age : 1;
}

void call_table_date(struct call_table *t, usec_t now) {
        if (!t->spare)
                t->spare = spare_new();
        for (struct entry *e = t->first; e; e = e->next) {
                if (!e->undated)
                        continue;
                if (e->is_new)
                        e->call.since = e->call.steady_since = date_of(e->age, now);
                if (e->unsteady) {
                        usec_t steady_since = date_of(e->steady_age, now);

                        e->call.steady_since = steady_since > e->call.since ? steady_since : e->call.since;
                }
                e->call.until = usec_add(now, e->lasts);
                e->undated = e->is_new = e->unsteady = false;
        }
}

int call_table_end(struct call_table *t, const char *source, const char *id) {
        const struct call_report key = { .source = source, .id = id };

        return end_where(t, matches_key, &key) > 0;
}

int call_table_move(struct call_table *to, struct call_table *from, const struct call *c) {
        if (is_full(to, c->source))
                return -E2BIG;
        for (struct entry **p = &from->first; *p; p = &(*p)->next)
                if (&(*p)->call == c) {
                        struct entry *e = *p;

                        *p = e->next;
                        e->next = NULL;
                        from->n--;
                        e->call.serial = to->next_serial++;
                        append(to, e);
                        break;
                }
        return 0;
}

size_t call_table_end_source(struct call_table *t, const char *source) {
        return end_where(t, matches_source, source);
}

void call_table_doubt(struct call_table *t, const char *source, bool doubted) {
        for (struct entry *e = t->first; e; e = e->next)
                if (streq(e->call.source, source))
                        e->call.doubted = doubted;
}

size_t call_table_expire(struct call_table *t, usec_t now) {
        return end_where(t, is_stale, &now);
}

usec_t call_table_deadline(const struct call_table *t) {
        usec_t deadline = USEC_NEVER;

        for (const struct entry *e = t->first; e; e = e->next)
                deadline = usec_min(deadline, e->call.until);
        return deadline;
}

const struct call *call_table_next(const struct call_table *t, const struct call *previous) {
        /* The call is the first member of its entry. */
        const struct entry *e = previous ? ((const struct entry *) previous)->next : t->first;

        return e ? &e->call : NULL;
}

bool call_phase_is_in_call(enum call_phase p) {
        return p == CALL_ACTIVE || p == CALL_HELD;
}

const char *call_phase_to_string(enum call_phase p) {
        static const char *const names[] = {
                [CALL_GONE] = "gone",
                [CALL_RINGING_IN] = "ringing-in",
                [CALL_RINGING_OUT] = "ringing-out",
                [CALL_ACTIVE] = "active",
                [CALL_HELD] = "held",
        };

        return names[p];
}

const char *call_evidence_to_string(enum call_evidence e) {
        static const char *const names[] = {
                [EVIDENCE_WEAK] = "weak",
                [EVIDENCE_STRONG] = "strong",
                [EVIDENCE_PROOF] = "proof",
        };

        return names[e];
}
