/* All call kinds behind one sink that checks what it is told: whatever a server sends, reports stay sane, few, and
 * every one of them ends. */
#pragma once

#include <stdio.h>

#include "matrix/calls/kind.h"
#include "matrix/sync/events.h"
#include "must.h"
#include "json/json.h"
#include "util/log.h"

#define ME            "@me:hs"
#define ROOM          "!r:hs"
#define KINDS_MAX     8
#define CALL_ID_BYTES 1100

struct kinds {
        struct kind_calls *of[KINDS_MAX];
        struct kind_context context;
        struct call_sink sink;
        struct kind_time time;
        char calls[CALLS_PER_SOURCE_MAX][CALL_ID_BYTES];
        usec_t until[CALLS_PER_SOURCE_MAX];
        size_t n_calls;
};

static inline size_t find_call(const struct kinds *o, const char *id) {
        size_t i = 0;

        while (i < o->n_calls && !streq(o->calls[i], id))
                i++;
        return i;
}

static inline void on_report(void *userdata, const struct call_report *r) {
        struct kinds *o = userdata;
        size_t i = find_call(o, r->id);

        must(streq(r->source, "matrix/fuzz") && r->id[0], "a report has a source and an id");
        must(strlen(r->id) < CALL_ID_BYTES, "an id has a limit");
        must(r->phase != CALL_GONE && r->evidence == EVIDENCE_PROOF, "a report is of a call");
        must(r->lasts > 0 && r->lasts != USEC_NEVER, "a call runs out some time");
        must(r->age < o->time.now, "a call begins after the boot");
        must(!strchr(r->what, '@') && !strchr(r->what, '!'), "the evidence names nobody");
        if (i == o->n_calls) {
                must(o->n_calls < CALLS_PER_SOURCE_MAX, "the call table has room for all reports");
                (void) snprintf(o->calls[o->n_calls++], CALL_ID_BYTES, "%s", r->id);
        }
        o->until[i] = usec_add(o->time.now, r->lasts);
}

static inline void on_end(void *userdata, const char *source, const char *id) {
        struct kinds *o = userdata;
        size_t i = find_call(o, id);

        must(i < o->n_calls, "what ends was reported");
        o->n_calls--;
        memmove(o->calls[i], o->calls[o->n_calls], CALL_ID_BYTES);
        o->until[i] = o->until[o->n_calls];
}

static inline void kinds_open(struct kinds *o) {
        log_set_max_level(LOG_EMERG);
        memset(o, 0, sizeof(*o));
        o->sink = (struct call_sink){ .report = on_report, .end = on_end, .userdata = o };
        o->context = (struct kind_context){
                .me = ME, .source = "matrix/fuzz", .sink = &o->sink, .call_cap = 4 * USEC_PER_HOUR
        };
        o->time = (struct kind_time){ .now = 2 * USEC_PER_HOUR, .wall = UINT64_C(1700000000000000) };
        for (size_t i = 0; call_kinds[i]; i++)
                must(i < KINDS_MAX && call_kinds[i]->new (&o->of[i], &o->context) == 0, "kinds start");
}

static inline void kinds_close(struct kinds *o) {
        for (size_t i = 0; call_kinds[i]; i++)
                call_kinds[i]->free(o->of[i]);
}

static inline void kinds_feed(struct kinds *o, const struct sync_batch *b) {
        for (size_t f = 0; call_kinds[f]; f++) {
                for (size_t i = 0; i < b->n_events; i++)
                        call_kinds[f]->event(o->of[f], &b->events[i], &o->time);
                for (size_t i = 0; i < b->n_left_rooms; i++)
                        call_kinds[f]->room_left(o->of[f], b->left_rooms[i]);
                call_kinds[f]->commit(o->of[f], &o->time);
                must(call_kinds[f]->deadline(o->of[f]) > o->time.now, "a deadline lies ahead");
        }
        for (size_t i = 0; i < o->n_calls; i++)
                must(o->until[i] > o->time.now, "what is over was ended");
}

static inline void kinds_wait(struct kinds *o, usec_t usec) {
        o->time.now += usec;
        o->time.wall += usec;
        for (size_t f = 0; call_kinds[f]; f++) {
                if (call_kinds[f]->deadline(o->of[f]) <= o->time.now)
                        call_kinds[f]->commit(o->of[f], &o->time);
                must(call_kinds[f]->deadline(o->of[f]) > o->time.now, "a tick does all that is due");
        }
        for (size_t i = 0; i < o->n_calls; i++)
                must(o->until[i] > o->time.now, "what is over was ended");
}

/* Without a word for a day, nothing is left. */
static inline void kinds_end(struct kinds *o) {
        for (int hour = 0; hour < 24 && o->n_calls > 0; hour++)
                kinds_wait(o, USEC_PER_HOUR);
        must(o->n_calls == 0, "every call ends");
        for (size_t f = 0; call_kinds[f]; f++)
                must(!call_kinds[f]->in_call(o->of[f]) && call_kinds[f]->deadline(o->of[f]) == USEC_NEVER,
                     "nothing is left to wait for");
}
