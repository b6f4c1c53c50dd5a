/* Streams of sound that come, say who they are, run, pause and go, a line each: what counts as a call stays sane and
 * little, and ends when its streams have gone. */
#include <string.h>

#include "core/base.h"
#include "must.h"
#include "sources/microphone.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define STREAMS_MAX 80 /* more than are heard, and than there may be calls */

struct stream {
        char id[8];
        struct facts node, client;
        char app[MIC_APP_MAX];
        bool there, running;
};

struct stage {
        struct stream streams[STREAMS_MAX];
        struct microphone microphone;
        usec_t now;
};

/* In place: a list of names points into itself. */
static void name(struct app_names *names, struct stream *t) {
        (void) facts_identify(t->app, sizeof(t->app), &t->node, &t->client);
        *names = (struct app_names){ 0 };
        app_names_add_facts(names, &t->node);
        app_names_add_facts(names, &t->client);
        app_names_add(names, t->app);
}

/* Returns when to look again. */
static usec_t look(struct stage *s) {
        struct mic_stream streams[STREAMS_MAX];
        struct app_names names[STREAMS_MAX];
        usec_t next;
        size_t n = 0;

        for (size_t i = 0; i < STREAMS_MAX; i++) {
                struct stream *t = &s->streams[i];

                if (!t->there)
                        continue;
                name(&names[n], t);
                streams[n] = (struct mic_stream){ .id = t->id,
                                                  .node = &t->node,
                                                  .client = &t->client,
                                                  .app = t->app,
                                                  .names = &names[n],
                                                  .running = t->running };
                n++;
        }
        next = microphone_look(&s->microphone, streams, n, &(struct app_lists){ 0 }, s->now);
        must(next > s->now, "what was due is done");
        must(s->microphone.n_calls <= MIC_CALLS_MAX && s->microphone.n_heard <= MIC_HEARD_MAX, "tables have limits");
        for (size_t i = 0; i < n; i++)
                must(!facts_are_capture(streams[i].node) || streams[i].verdict, "each that records was looked at");
        for (size_t i = 0; i < s->microphone.n_calls; i++) {
                const struct mic_call *c = &s->microphone.calls[i];

                must(c->id[0] && memchr(c->id, '\0', sizeof(c->id)), "a call has an id");
                must(c->state != MIC_CALL_ON || c->lasts > 0, "a call lasts");
                must(c->verdict >= MIC_WEAK, "a call is one");
        }
        return next;
}

/* "KEY=VALUE" of the node, "@KEY=VALUE" of its client. */
static void say(struct stream *t, const char *line) {
        struct facts *f = line[0] == '@' ? &t->client : &t->node;
        const char *at = strchr(line, '=');
        char key[64];

        if (line[0] == '@')
                line++;
        if (!at || (size_t) (at - line) >= sizeof(key))
                return;
        memcpy(key, line, (size_t) (at - line));
        key[at - line] = '\0';
        must(facts_set(f, key, at + 1) == 0, "there is memory");
}

static void go(struct stream *t) {
        facts_done(&t->node);
        facts_done(&t->client);
        memset(t, 0, sizeof(*t));
}

/* A letter for what happens, one for which stream, and what it says. */
static void happen(struct stage *s, const char *line, unsigned serial) {
        struct stream *t;

        if (!line[0] || !line[1])
                return;
        t = &s->streams[(unsigned char) line[1] % STREAMS_MAX];
        if (!t->there) {
                t->there = true;
                (void) snprintf(t->id, sizeof(t->id), "%u", serial % 1000000);
        }
        switch (line[0]) {
        case 'r':
                t->running = true;
                break;
        case 'p':
                t->running = false;
                break;
        case 'g':
                go(t);
                break;
        case 'w':
                s->now += (usec_t) (unsigned char) line[1] * USEC_PER_SEC;
                break;
        default:
                say(t, line + 2);
        }
        (void) look(s);
}

/* Nobody is there: within the time that a mute may last, nothing is left. */
static void finish(struct stage *s) {
        usec_t next;

        for (size_t i = 0; i < STREAMS_MAX; i++)
                go(&s->streams[i]);
        for (unsigned n = 0; (next = look(s)) != USEC_NEVER; n++) {
                must(n < 4 * MIC_CALLS_MAX, "it comes to an end");
                s->now = next;
        }
        (void) look(s);
        must(s->microphone.n_calls == 0, "no call without a stream");
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
        const char *at = (const char *) data, *end = at + size;
        struct stage s = { .now = USEC_PER_HOUR };
        char line[512];

        for (unsigned serial = 1; at < end && serial < 2000; serial++) {
                const char *stop = memchr(at, '\n', (size_t) (end - at));
                size_t length = (size_t) ((stop ? stop : end) - at);

                (void) snprintf(line, sizeof(line), "%.*s", (int) length, at);
                happen(&s, line, serial);
                at += length + 1;
        }
        finish(&s);
        return 0;
}
