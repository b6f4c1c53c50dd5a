/* See notifications-table.h. What becomes of one notification:
 *
 *   1 ringing  -> ringing            until closed, declined, its sender or server gone, at most 90 s
 *   2 ringing, accepted -> active    for 20 s, also if it is closed meanwhile
 *   3 ongoing  -> active             until closed, hung up, its sender or server gone
 *   4 1-3, replaced by ringing or ongoing -> 1, 3
 *   5 1-3, replaced by anything else -> gone
 *   6 a new one that says ended or unanswered -> the only call of the same sender is gone */
#include "sources/notifications-table.h"

#include <errno.h>
#include <stdio.h>

#include "util/later.h"

#define SENDER_SIZE    64
#define PORTAL_ID_SIZE 128
#define CALL_ID_SIZE   16

struct entry {
        enum call_phase phase; /* CALL_GONE: this place is free */
        char id[CALL_ID_SIZE];
        char sender[SENDER_SIZE];
        bool portal;
        char portal_id[PORTAL_ID_SIZE];
        uint32_t number;
        uint64_t cookie;
        char app[NOTIFICATION_APP_MAX];
        enum call_evidence evidence;
        char accept[NOTIFICATION_KEY_MAX], decline[NOTIFICATION_KEY_MAX];
        bool answered, unnamed;
        bool news;  /* to be reported in the next run */
        bool stale; /* it has rung for too long, and is kept as long as it can be seen to end: it may still be accepted
                     */
        struct later end; /* when it is too old */
        unsigned order;   /* grows with every beginning */
};

struct notification_table {
        const struct call_sink *sink;
        unsigned serial, order;
        struct entry entries[NOTIFICATIONS_MAX];
};

int notification_table_new(struct notification_table **ret, const struct call_sink *sink) {
        struct notification_table *t = calloc(1, sizeof(*t));

        if (!t)
                return -ENOMEM;
        t->sink = sink;
        *ret = t;
        return 0;
}

struct notification_table *notification_table_free(struct notification_table *t) {
        free(t);
        return NULL;
}

/* ---- one entry ---- */

/* Nothing that can be seen will end it. */
static bool is_loose(const struct entry *e) {
        return !e->portal && e->number == 0;
}

static void begin(struct notification_table *t, struct entry *e) {
        e->order = ++t->order;
        e->stale = false;
        if (e->answered)
                later_set(&e->end, NOTIFICATION_ANSWERED_MAX);
        else if (e->phase == CALL_RINGING_IN || is_loose(e))
                later_set(&e->end, NOTIFICATION_RINGING_MAX);
        else
                later_clear(&e->end);
}

static const char *describe(const struct entry *e) {
        if (e->answered)
                return "a call was accepted in its notification";
        return e->phase == CALL_RINGING_IN ? "a notification of an incoming call"
                                           : "a notification of an ongoing call";
}

static void end(struct notification_table *t, struct entry *e) {
        t->sink->end(t->sink->userdata, "", e->id);
        *e = (struct entry){ .phase = CALL_GONE };
}

static usec_t rest_of(struct entry *e, usec_t now) {
        if (e->stale)
                return 0;
        return later_is_set(&e->end) ? later_at(&e->end, now) - now : USEC_NEVER;
}

static void report(struct notification_table *t, struct entry *e, usec_t now) {
        t->sink->report(t->sink->userdata, &(struct call_report){
                                                   .source = "",
                                                   .id = e->id,
                                                   .app = e->app,
                                                   .what = describe(e),
                                                   .phase = e->phase,
                                                   .evidence = e->evidence,
                                                   .lasts = rest_of(e, now),
                                           });
        e->news = false;
}

bool notification_table_has_news(const struct notification_table *t) {
        for (size_t i = 0; i < NOTIFICATIONS_MAX; i++)
                if (t->entries[i].phase != CALL_GONE && t->entries[i].news)
                        return true;
        return false;
}

usec_t notification_table_run(struct notification_table *t, usec_t now) {
        usec_t next = USEC_NEVER;

        for (size_t i = 0; i < NOTIFICATIONS_MAX; i++) {
                struct entry *e = &t->entries[i];

                if (e->phase == CALL_GONE)
                        continue;
                if (later_run(&e->end, now)) {
                        e->stale = true;
                        if (e->answered || is_loose(e)) {
                                end(t, e);
                                continue;
                        }
                }
                if (e->news && !e->unnamed)
                        report(t, e, now);
                next = usec_min(next, later_at(&e->end, now));
        }
        return next;
}

/* ---- finding ---- */

static bool is_of(const struct entry *e, const char *sender) {
        return strncmp(e->sender, sender, SENDER_SIZE - 1) == 0;
}

static bool is_named(const struct entry *e, const struct notification_key *k) {
        if (e->phase == CALL_GONE || e->portal != (k->portal_id != NULL))
                return false;
        if (!e->portal)
                return k->number != 0 && e->number == k->number;
        return strncmp(e->portal_id, k->portal_id, PORTAL_ID_SIZE - 1) == 0 && (!k->sender[0] || is_of(e, k->sender));
}

static struct entry *find(struct notification_table *t, const struct notification_key *k) {
        for (size_t i = 0; i < NOTIFICATIONS_MAX; i++)
                if (is_named(&t->entries[i], k))
                        return &t->entries[i];
        return NULL;
}

bool notification_table_has(const struct notification_table *t, uint32_t number) {
        const struct notification_key k = { .sender = "", .number = number };

        for (size_t i = 0; i < NOTIFICATIONS_MAX; i++)
                if (is_named(&t->entries[i], &k))
                        return true;
        return false;
}

/* Free ones go first, then the oldest ringing, then the oldest. */
static bool goes_before(const struct entry *a, const struct entry *b) {
        if (b->phase == CALL_GONE || a->phase == CALL_GONE)
                return b->phase != CALL_GONE;
        if ((a->phase == CALL_RINGING_IN) != (b->phase == CALL_RINGING_IN))
                return a->phase == CALL_RINGING_IN;
        return a->order < b->order;
}

/* Does this program have all it may have? What has rung for too long goes now. */
static bool is_full(struct notification_table *t, const char *sender) {
        size_t n = 0;

        for (size_t i = 0; i < NOTIFICATIONS_MAX && sender[0]; i++) {
                struct entry *e = &t->entries[i];

                if (e->phase == CALL_GONE || !is_of(e, sender))
                        continue;
                if (e->stale)
                        end(t, e);
                else
                        n++;
        }
        return n >= NOTIFICATIONS_PER_PROGRAM_MAX;
}

static struct entry *make_room(struct notification_table *t) {
        struct entry *e = &t->entries[0];

        for (size_t i = 1; i < NOTIFICATIONS_MAX; i++)
                if (goes_before(&t->entries[i], e))
                        e = &t->entries[i];
        if (e->phase != CALL_GONE)
                end(t, e);
        (void) snprintf(e->id, sizeof(e->id), "%u", ++t->serial);
        return e;
}

/* ---- events ---- */

/* With several calls of one program it cannot be told which of them is meant; they close their own. */
static void end_only_call(struct notification_table *t, const char *sender, enum notification_meaning meaning) {
        struct entry *only = NULL;

        for (size_t i = 0; i < NOTIFICATIONS_MAX; i++) {
                struct entry *e = &t->entries[i];

                if (e->phase == CALL_GONE || !sender[0] || !is_of(e, sender) ||
                    (meaning == NOTIFICATION_UNANSWERED && e->phase != CALL_RINGING_IN))
                        continue;
                if (only)
                        return;
                only = e;
        }
        if (only)
                end(t, only);
}

static void fill(struct notification_table *t, struct entry *e, const struct notification_key *k,
                 const struct notification *n, enum call_phase phase) {
        bool goes_on = e->phase == phase && !e->answered;

        e->phase = phase;
        e->answered = false;
        e->portal = k->portal_id != NULL;
        e->number = k->number;
        e->cookie = k->cookie;
        (void) snprintf(e->sender, sizeof(e->sender), "%s", k->sender);
        (void) snprintf(e->portal_id, sizeof(e->portal_id), "%s", k->portal_id ? k->portal_id : "");
        e->evidence = notification_evidence(n);
        memcpy(e->accept, n->accept, sizeof(e->accept));
        memcpy(e->decline, n->decline, sizeof(e->decline));
        if (n->app[0])
                memcpy(e->app, n->app, sizeof(e->app));
        if (!goes_on)
                begin(t, e);
        e->news = true;
}

const char *notification_table_notify(struct notification_table *t, const struct notification_key *k,
                                      const struct notification *n, bool unnamed) {
        enum notification_meaning meaning = notification_meaning(n);
        struct entry *e;
        bool fresh;

        e = find(t, k);
        fresh = !e;
        if (meaning != NOTIFICATION_RINGING && meaning != NOTIFICATION_ONGOING) {
                if (e)
                        end(t, e);
                else if (meaning != NOTIFICATION_OTHER)
                        end_only_call(t, k->sender, meaning);
                return NULL;
        }
        if (fresh) {
                if (is_full(t, k->sender))
                        return NULL;
                e = make_room(t);
                e->unnamed = unnamed;
        }
        fill(t, e, k, n, meaning == NOTIFICATION_RINGING ? CALL_RINGING_IN : CALL_ACTIVE);
        return fresh ? e->id : NULL;
}

void notification_table_name(struct notification_table *t, const char *id, const char *app, bool known) {
        for (size_t i = 0; i < NOTIFICATIONS_MAX; i++) {
                struct entry *e = &t->entries[i];

                if (e->phase == CALL_GONE || !streq(e->id, id))
                        continue;
                (void) snprintf(e->app, sizeof(e->app), "%s", app);
                e->unnamed = false;
                if (known)
                        e->evidence = EVIDENCE_STRONG;
                e->news = true;
        }
}

void notification_table_replied(struct notification_table *t, const char *sender, uint64_t cookie, uint32_t number) {
        for (size_t i = 0; i < NOTIFICATIONS_MAX; i++) {
                struct entry *e = &t->entries[i];
                const struct notification_key same = { .sender = "", .number = number };
                struct entry *stale;

                if (e->phase == CALL_GONE || e->cookie == 0 || e->cookie != cookie || !is_of(e, sender))
                        continue;
                stale = number != 0 && number != e->number ? find(t, &same) : NULL;
                if (stale)
                        end(t, stale);
                e->cookie = 0;
                e->number = number;
                if (number == 0)
                        end(t, e);
                else if (e->phase != CALL_RINGING_IN && !e->answered)
                        later_clear(&e->end);
                e->news = e->phase != CALL_GONE;
                return;
        }
}

void notification_table_closed(struct notification_table *t, const struct notification_key *k) {
        struct entry *e;

        e = find(t, k);
        if (!e || (k->sender[0] && e->sender[0] && !is_of(e, k->sender)))
                return;
        if (!e->answered) {
                end(t, e);
                return;
        }
        e->number = 0;
        e->portal = false;
}

void notification_table_action(struct notification_table *t, const struct notification_key *k, const char *action) {
        struct entry *e;

        e = find(t, k);
        if (!e || !action[0])
                return;
        if (streq(action, e->decline))
                end(t, e);
        else if (streq(action, e->accept) && e->phase == CALL_RINGING_IN) {
                e->phase = CALL_ACTIVE;
                e->answered = true;
                begin(t, e);
                e->news = true;
        }
}

void notification_table_sender_gone(struct notification_table *t, const char *sender) {
        for (size_t i = 0; i < NOTIFICATIONS_MAX; i++)
                if (t->entries[i].phase != CALL_GONE && sender[0] && is_of(&t->entries[i], sender))
                        end(t, &t->entries[i]);
}

void notification_table_server_gone(struct notification_table *t, bool portal) {
        for (size_t i = 0; i < NOTIFICATIONS_MAX; i++) {
                struct entry *e = &t->entries[i];

                if (e->phase != CALL_GONE && e->portal == portal && !e->answered)
                        end(t, e);
        }
}

void notification_table_clear(struct notification_table *t) {
        for (size_t i = 0; i < NOTIFICATIONS_MAX; i++)
                if (t->entries[i].phase != CALL_GONE)
                        end(t, &t->entries[i]);
}

const char *notification_table_sender(const struct notification_table *t, size_t i) {
        for (size_t k = 0; k < NOTIFICATIONS_MAX; k++)
                if (t->entries[k].phase != CALL_GONE && i-- == 0)
                        return t->entries[k].sender;
        return NULL;
}
