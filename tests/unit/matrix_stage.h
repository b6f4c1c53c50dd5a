/* A stage for one kind: events in as the bytes of /sync, a sink that keeps what it was told, a clock by hand. */
#pragma once

#include <criterion/criterion.h>
#include <errno.h>
#include <stdarg.h>
#include <stdio.h>

#include "matrix/sync/events.h"
#include "matrix/calls/kind.h"
#include "json/json.h"

#define STAGE_ME        "@me:hs"
#define STAGE_ROOM      "!r:hs"
#define STAGE_CALLS_MAX 64
/* An afternoon; the machine has been up for two hours. */
#define STAGE_WALL_MSEC INT64_C(1700000000000)
#define STAGE_BOOT      (2 * USEC_PER_HOUR)

struct stage_call {
        char id[1024], what[128];
        enum call_phase phase;
        enum call_evidence evidence;
        usec_t since, until;
        bool announced;
};

struct stage {
        const struct call_kind *kind;
        struct kind_calls *of;
        struct kind_context context;
        struct call_sink sink;
        struct kind_time time;
        struct stage_call calls[STAGE_CALLS_MAX];
        size_t n_calls;
        unsigned n_told; /* reports and ends */
};

static inline struct stage_call *stage_find(struct stage *s, const char *id) {
        for (size_t i = 0; i < s->n_calls; i++)
                if (streq(s->calls[i].id, id))
                        return &s->calls[i];
        return NULL;
}

static inline void stage_on_report(void *userdata, const struct call_report *r) {
        struct stage *s = userdata;
        struct stage_call *c = stage_find(s, r->id);

        s->n_told++;
        cr_assert_str_eq(r->source, "matrix/test");
        cr_assert_str_eq(r->app, "matrix");
        cr_assert_not(strchr(r->what, '@'), "names somebody: %s", r->what);
        cr_assert_neq(r->phase, CALL_GONE);
        cr_assert_gt(r->lasts, 0, "%s is over already", r->id);
        if (!c) {
                cr_assert_lt(s->n_calls, STAGE_CALLS_MAX);
                c = &s->calls[s->n_calls++];
        }
        *c = (struct stage_call){
                .phase = r->phase,
                .evidence = r->evidence,
                .since = s->time.now - r->age,
                .until = usec_add(s->time.now, r->lasts),
                .announced = r->announced,
        };
        (void) snprintf(c->id, sizeof(c->id), "%s", r->id);
        (void) snprintf(c->what, sizeof(c->what), "%s", r->what);
}

static inline void stage_on_end(void *userdata, const char *source, const char *id) {
        struct stage *s = userdata;
        struct stage_call *c = stage_find(s, id);

        s->n_told++;
        cr_assert(c, "an end of what was never reported: %s", id);
        *c = s->calls[--s->n_calls];
}

static inline void stage_open(struct stage *s, const struct call_kind *kind) {
        *s = (struct stage){
                .kind = kind,
                .sink = { .report = stage_on_report, .end = stage_on_end, .userdata = s },
                .context = { .me = STAGE_ME, .source = "matrix/test", .call_cap = 4 * USEC_PER_HOUR },
                .time = { .now = STAGE_BOOT, .wall = (usec_t) STAGE_WALL_MSEC * USEC_PER_MSEC },
        };
        s->context.sink = &s->sink;
        cr_assert_eq(kind->new (&s->of, &s->context), 0);
}

static inline void stage_close(struct stage *s) {
        s->of = s->kind->free(s->of);
}

static inline enum call_phase stage_phase(struct stage *s, const char *id) {
        struct stage_call *c = stage_find(s, id);

        return c ? c->phase : CALL_GONE;
}

static inline int64_t stage_wall_msec(const struct stage *s) {
        return (int64_t) (s->time.wall / USEC_PER_MSEC);
}

/* Time passes; what is due is done, at its time. */
static inline void stage_wait(struct stage *s, usec_t usec) {
        usec_t end = s->time.now + usec;

        for (;;) {
                usec_t at = s->kind->deadline(s->of);

                if (at > end)
                        break;
                if (at > s->time.now) {
                        s->time.wall += at - s->time.now;
                        s->time.now = at;
                }
                s->kind->commit(s->of, &s->time);
                cr_assert_gt(s->kind->deadline(s->of), s->time.now, "the timer would spin");
        }
        s->time.wall += end - s->time.now;
        s->time.now = end;
        for (size_t i = 0; i < s->n_calls; i++)
                cr_assert_gt(s->calls[i].until, s->time.now, "%s outlived its deadline", s->calls[i].id);
}

static inline json_t *stage_json(const char *text) {
        json_t *root = NULL;

        cr_assert_eq(json_parse(text, strlen(text), &root), 0, "not JSON: %s", text);
        return root;
}

static inline void stage_feed_batch(struct stage *s, const struct sync_batch *batch) {
        for (size_t i = 0; i < batch->n_events; i++)
                s->kind->event(s->of, &batch->events[i], &s->time);
        for (size_t i = 0; i < batch->n_left_rooms; i++)
                s->kind->room_left(s->of, batch->left_rooms[i]);
}

static inline void stage_feed(struct stage *s, const char *body) {
        SCOPED(json_decref) json_t *root = stage_json(body);
        SCOPED(sync_batch_free) struct sync_batch *batch = NULL;

        cr_assert_eq(sync_batch_new(&batch, root, STAGE_ME), 0, "not a sync: %s", body);
        stage_feed_batch(s, batch);
}

static inline void stage_commit(struct stage *s) {
        s->kind->commit(s->of, &s->time);
}

/* One answer of /sync with these events of the room, a JSON list without its brackets. */
static inline void stage_sync(struct stage *s, const char *section, const char *events) {
        SCOPED(free) char *body = NULL;

        cr_assert_geq(asprintf(&body,
                               "{\"next_batch\":\"s\",\"rooms\":{\"join\":{\"" STAGE_ROOM
                               "\":{\"%s\":{\"events\":[%s]}}}}}",
                               section, events),
                      0);
        stage_feed(s, body);
        stage_commit(s);
}
