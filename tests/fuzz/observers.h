/* All call families behind one sink that checks what it is told: whatever a server sends, reports stay sane, few, and
 * every one of them ends. */
#pragma once

#include <stdio.h>

#include "matrix/calls/family.h"
#include "must.h"
#include "json/json.h"
#include "util/log.h"

#define ME            "@me:hs"
#define ROOM          "!r:hs"
#define FAMILIES_MAX  8
#define CALL_ID_BYTES 1100

struct observers {
        struct observer *of[FAMILIES_MAX];
        struct observer_context context;
        struct call_sink sink;
        struct observer_time time;
        char calls[CALLS_PER_SOURCE_MAX][CALL_ID_BYTES];
        usec_t until[CALLS_PER_SOURCE_MAX];
        size_t n_calls;
};

static inline size_t find_call(const struct observers *o, const char *id) {
        size_t i = 0;

        while (i < o->n_calls && !streq(o->calls[i], id))
                i++;
        return i;
}

static inline void on_report(void *userdata, const struct call_report *r) {
        struct observers *o = userdata;
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
        struct observers *o = userdata;
        size_t i = find_call(o, id);

        must(i < o->n_calls, "what ends was reported");
        o->n_calls--;
        memmove(o->calls[i], o->calls[o->n_calls], CALL_ID_BYTES);
        o->until[i] = o->until[o->n_calls];
}

static inline void observers_open(struct observers *o) {
        log_set_max_level(LOG_EMERG);
        memset(o, 0, sizeof(*o));
        o->sink = (struct call_sink){ .report = on_report, .end = on_end, .userdata = o };
        o->context = (struct observer_context){
                .me = ME, .source = "matrix/fuzz", .sink = &o->sink, .call_cap = 4 * USEC_PER_HOUR
        };
        o->time = (struct observer_time){ .now = 2 * USEC_PER_HOUR, .wall = UINT64_C(1700000000000000) };
        for (size_t i = 0; call_families[i]; i++)
                must(i < FAMILIES_MAX && call_families[i]->new (&o->of[i], &o->context) == 0, "observers start");
}

static inline void observers_close(struct observers *o) {
        for (size_t i = 0; call_families[i]; i++)
                call_families[i]->free(o->of[i]);
}

static inline void observers_feed(struct observers *o, const struct sync_batch *b) {
        for (size_t f = 0; call_families[f]; f++) {
                for (size_t i = 0; i < b->n_events; i++)
                        call_families[f]->event(o->of[f], &b->events[i], &o->time);
                for (size_t i = 0; i < b->n_left_rooms; i++)
                        call_families[f]->room_left(o->of[f], b->left_rooms[i]);
                call_families[f]->commit(o->of[f], &o->time);
                must(call_families[f]->deadline(o->of[f]) > o->time.now, "a deadline lies ahead");
        }
        for (size_t i = 0; i < o->n_calls; i++)
                must(o->until[i] > o->time.now, "what is over was ended");
}

static inline void observers_wait(struct observers *o, usec_t usec) {
        o->time.now += usec;
        o->time.wall += usec;
        for (size_t f = 0; call_families[f]; f++) {
                if (call_families[f]->deadline(o->of[f]) <= o->time.now)
                        call_families[f]->tick(o->of[f], &o->time);
                must(call_families[f]->deadline(o->of[f]) > o->time.now, "a tick does all that is due");
        }
        for (size_t i = 0; i < o->n_calls; i++)
                must(o->until[i] > o->time.now, "what is over was ended");
}

/* Without a word for a day, nothing is left. */
static inline void observers_end(struct observers *o) {
        for (int hour = 0; hour < 24 && o->n_calls > 0; hour++)
                observers_wait(o, USEC_PER_HOUR);
        must(o->n_calls == 0, "every call ends");
        for (size_t f = 0; call_families[f]; f++)
                must(!call_families[f]->in_call(o->of[f]) && call_families[f]->deadline(o->of[f]) == USEC_NEVER,
                     "nothing is left to wait for");
}
