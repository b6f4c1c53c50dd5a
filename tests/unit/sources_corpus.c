/* Real situations at microphone and camera, one file each in tests/corpus (its README says how to write one), run
 * through the product's own rule and policy on a virtual clock, second by second: as PipeWire tells of them, and as
 * PulseAudio would. */
#include <criterion/criterion.h>
#include <dirent.h>
#include <stdio.h>

#include "core/availability.h"
#include "json/json.h"
#include "sources/identity.h"
#include "sources/microphone.h"
#ifdef WITH_PULSE
#include <pulse/proplist.h>

#include "sources/pulse-facts.h"
#endif
#include "util/file.h"

#define STREAMS_MAX      32
#define SPANS_MAX        16
#define SIZE_MAX_OF_FILE (64U << 10)
/* After the last thing that happens: longer than every grace, and than a mute may last where there was one. */
#define QUIET 30

struct stream {
        const char *name;
        const json_t *props;
        struct facts node, client;
        struct app_names names;
        char app[MIC_APP_MAX];
        bool there, running;
        enum peers peers;
        struct facts told; /* by PulseAudio, if that is who tells */
};

struct situation {
        const char *file;
        json_t *doc;
        struct stream streams[STREAMS_MAX];
        size_t n_streams;
        struct microphone microphone;
        struct call_table *table;
        struct availability availability;
        long spans[SPANS_MAX][2];
        size_t n_spans;
        char app[128];  /* of the call that counted first */
        size_t n_calls; /* at one time, at most */
        bool by_pulseaudio;
};

/* ---- the same in the words of PulseAudio ---- */

#ifdef WITH_PULSE

static bool is_said(const struct stream *t, enum fact which) {
        return fact(&t->node, which)[0] || fact(&t->client, which)[0];
}

/* A sandbox is known by what PulseAudio does not tell. */
static bool can_be_told(const struct stream *t) {
        return !is_said(t, FACT_PORTAL_APP_ID) && !json_object_get(t->props, "cgroup");
}

static bool is_corked(const struct stream *t) {
        return !t->running || streq(fact(&t->node, FACT_CORKED), "true");
}

/* Keys of PipeWire alone. */
static bool is_pipewires(const char *key) {
        static const char *const kinds[] = { "object.", "node.", "client.", "pipewire.", "stream.", "pulse." };

        for (size_t i = 0; i < ARRAY_SIZE(kinds); i++)
                if (strncmp(key, kinds[i], strlen(kinds[i])) == 0)
                        return true;
        return false;
}

static void add_texts(pa_proplist *p, const json_t *props) {
        const char *key;
        json_t *value;

        json_object_foreach((json_t *) props, key, value) {
                const char *text = json_string_value(value);

                if (streq(key, "media.role") && text && streq(text, "Communication"))
                        text = "phone";
                if (text && !is_pipewires(key))
                        cr_assert_eq(pa_proplist_sets(p, key, text), 0);
        }
}

/* To begin with, and whenever it runs or pauses. */
static void tell_by_pulseaudio(struct stream *t) {
        pa_proplist *p = pa_proplist_new();
        uint32_t client = is_said(t, FACT_VIRTUAL) || is_said(t, FACT_LINK_GROUP) ? PA_INVALID_INDEX : 1;

        facts_done(&t->told);
        add_texts(p, json_member_object(t->props, "client"));
        add_texts(p, t->props);
        if (facts_are_capture(&t->node))
                cr_assert_eq(
                        pulse_facts_of_capture(
                                &t->told,
                                &(pa_source_output_info){ .client = client,
                                                          .corked = is_corked(t),
                                                          .resample_method = is_said(t, FACT_METER) ? "peaks" : "copy",
                                                          .proplist = p },
                                streq(fact(&t->node, FACT_CAPTURES_SINK), "true")),
                        0);
        else
                cr_assert_eq(pulse_facts_of_playback(
                                     &t->told,
                                     &(pa_sink_input_info){ .client = client, .corked = is_corked(t), .proplist = p }),
                             0);
        pa_proplist_free(p);
}

#else

static bool can_be_told(const struct stream *t) {
        return false;
}

static void tell_by_pulseaudio(struct stream *t) {
}

#endif

/* ---- streams ---- */

static void take_props(struct facts *f, const json_t *props) {
        const char *key;
        json_t *value;

        json_object_foreach((json_t *) props, key, value) if (json_is_string(value))
                cr_assert_eq(facts_set(f, key, json_string_value(value)), 0);
}

static void name_stream(struct stream *t, const struct facts *node, const struct facts *client) {
        const char *cgroup = json_member_string(t->props, "cgroup");

        if (cgroup && cgroup_is_sandbox(cgroup))
                (void) identity_of_cgroup(t->app, sizeof(t->app), cgroup);
        else
                (void) facts_identify(t->app, sizeof(t->app), node, client);
        t->names = (struct app_names){ 0 };
        app_names_add_facts(&t->names, node);
        if (client)
                app_names_add_facts(&t->names, client);
        app_names_add(&t->names, t->app);
}

/* As whoever tells of it says, to begin with and after each change. */
static void tell_stream(const struct situation *s, struct stream *t) {
        if (!s->by_pulseaudio) {
                name_stream(t, &t->node, &t->client);
                return;
        }
        tell_by_pulseaudio(t);
        name_stream(t, &t->told, NULL);
}

static void add_stream(struct situation *s, const char *name, const json_t *props) {
        struct stream *t = &s->streams[s->n_streams++];
        const json_t *client = json_member_object(props, "client");

        cr_assert_lt(s->n_streams, STREAMS_MAX, "%s: too many streams", s->file);
        t->name = name;
        t->props = props;
        take_props(&t->node, props);
        if (client)
                take_props(&t->client, client);
        tell_stream(s, t);
}

static struct stream *find_stream(struct situation *s, const char *name) {
        for (size_t i = 0; i < s->n_streams; i++)
                if (streq(s->streams[i].name, name))
                        return &s->streams[i];
        return NULL;
}

/* ---- what happens ---- */

static void report(struct situation *s, const char *source, const char *id, const char *app, const char *what,
                   enum call_evidence evidence, usec_t lasts, bool device) {
        cr_assert_geq(call_table_report(s->table, &(struct call_report){ .source = source,
                                                                         .id = id,
                                                                         .app = app,
                                                                         .what = what,
                                                                         .phase = CALL_ACTIVE,
                                                                         .evidence = evidence,
                                                                         .lasts = lasts,
                                                                         .device = device }),
                      0);
}

/* [AT, STREAM, "runs" | "pauses" | "goes" | "apart" | "connected"], or [AT, SOURCE, APP, "begins" | "ends"] for a hint
 * of another source. */
static void happen(struct situation *s, const json_t *event) {
        const char *who = json_string_value(json_array_get(event, 1)),
                   *what = json_string_value(json_array_get(event, 2));
        struct stream *t = find_stream(s, who);

        if (json_array_size(event) == 4) {
                const char *step = json_string_value(json_array_get(event, 3));

                if (streq(step, "begins"))
                        report(s, who, what, what, who, EVIDENCE_WEAK, USEC_NEVER, streq(who, "camera"));
                else
                        (void) call_table_end(s->table, who, what);
                return;
        }
        cr_assert(t, "%s: no stream \"%s\"", s->file, who);
        if (streq(what, "apart") || streq(what, "connected")) {
                t->peers = streq(what, "apart") ? PEERS_NONE : PEERS_LIVE;
                return;
        }
        t->there = !streq(what, "goes");
        t->running = streq(what, "runs");
        tell_stream(s, t);
}

static void look(struct situation *s, usec_t now) {
        struct mic_stream streams[STREAMS_MAX];
        size_t n = 0, n_on = 0;

        for (size_t i = 0; i < s->n_streams; i++) {
                struct stream *t = &s->streams[i];

                if (t->there)
                        streams[n++] = (struct mic_stream){ .id = t->name,
                                                            .node = s->by_pulseaudio ? &t->told : &t->node,
                                                            .client = s->by_pulseaudio ? NULL : &t->client,
                                                            .app = t->app,
                                                            .names = &t->names,
                                                            .running = t->running,
                                                            .peers = t->peers };
        }
        (void) microphone_look(&s->microphone, streams, n, &(struct app_lists){ 0 }, now);
        for (size_t i = 0; i < s->microphone.n_calls; i++) {
                const struct mic_call *c = &s->microphone.calls[i];

                n_on += c->state == MIC_CALL_ON;
                if (c->state == MIC_CALL_ON)
                        report(s, "pipewire", c->id, c->program.app, mic_verdict_to_string(c->verdict),
                               mic_verdict_is_strong(c->verdict) ? EVIDENCE_STRONG : EVIDENCE_WEAK, c->lasts, true);
                else
                        (void) call_table_end(s->table, "pipewire", c->id);
        }
        s->n_calls = n_on > s->n_calls ? n_on : s->n_calls;
}

/* ---- what follows ---- */

static void note(struct situation *s, bool busy, long at, usec_t now) {
        bool was = s->n_spans > 0 && s->spans[s->n_spans - 1][1] < 0;

        if (busy == was)
                return;
        if (!busy) {
                s->spans[s->n_spans - 1][1] = at;
                return;
        }
        cr_assert_lt(s->n_spans, SPANS_MAX, "%s: flaps", s->file);
        s->spans[s->n_spans][0] = at;
        s->spans[s->n_spans++][1] = -1;
        for (const struct call *c = call_table_next(s->table, NULL); c && !s->app[0]; c = call_table_next(s->table, c))
                if (availability_counts(&s->availability, s->table, c, now, NULL))
                        (void) snprintf(s->app, sizeof(s->app), "%s", c->app);
}

static void play(struct situation *s) {
        const struct availability_policy policy = AVAILABILITY_POLICY_DEFAULT;
        const json_t *events = json_member_array(s->doc, "events");
        size_t n = json_array_size(events), next = 0;
        long end = (long) json_integer_value(json_array_get(json_array_get(events, n - 1), 0)) + QUIET;
        usec_t start = USEC_PER_HOUR;

        availability_init(&s->availability, &policy, start);
        availability_settle(&s->availability);
        for (long at = 0; at <= end; at++) {
                usec_t now = start + (usec_t) at * USEC_PER_SEC;

                while (next < n && json_integer_value(json_array_get(json_array_get(events, next), 0)) <= at)
                        happen(s, json_array_get(events, next++));
                look(s, now);
                call_table_date(s->table, now);
                (void) call_table_expire(s->table, now);
                note(s, availability_decide(&s->availability, s->table, now).busy, at, now);
        }
        if (s->n_spans > 0 && s->spans[s->n_spans - 1][1] < 0)
                s->spans[s->n_spans - 1][1] = 0;
}

static void expect(const struct situation *s) {
        const json_t *busy = json_member_array(s->doc, "busy");
        const char *app = json_member_string(s->doc, "app"), *what = json_member_string(s->doc, "what");

        cr_assert(busy && what, "%s: says not what is right", s->file);
        cr_expect_eq(s->n_spans, json_array_size(busy), "%s: %s: busy %zu times from %ld to %ld, by %s", s->file, what,
                     s->n_spans, s->n_spans ? s->spans[0][0] : 0, s->n_spans ? s->spans[0][1] : 0, s->app);
        for (size_t i = 0; i < s->n_spans && i < json_array_size(busy); i++) {
                const json_t *span = json_array_get(busy, i);

                for (size_t j = 0; j < 2; j++)
                        cr_expect_eq(s->spans[i][j], (long) json_integer_value(json_array_get(span, j)),
                                     "%s: %s: busy from %ld to %ld", s->file, what, s->spans[i][0], s->spans[i][1]);
        }
        if (json_object_get(s->doc, "calls"))
                cr_expect_eq(s->n_calls, (size_t) json_integer_value(json_object_get(s->doc, "calls")),
                             "%s: %s: %zu calls at one time", s->file, what, s->n_calls);
        if (app)
                cr_expect_str_eq(s->app, app, "%s: %s", s->file, what);
}

static bool can_all_be_told(const struct situation *s) {
        for (size_t i = 0; i < s->n_streams; i++)
                if (!can_be_told(&s->streams[i]))
                        return false;
        return true;
}

/* False: PulseAudio does not tell of what this is about. */
static bool run(const char *file, bool by_pulseaudio) {
        static struct situation s;
        SCOPED(free) char *text = NULL;
        char path[4096];
        const char *name;
        size_t size;
        json_t *props;
        bool can;

        s = (struct situation){ .file = file, .by_pulseaudio = by_pulseaudio };
        (void) snprintf(path, sizeof(path), "%s/../../corpus/%s", TEST_DATA, file);
        cr_assert_geq(file_read(path, SIZE_MAX_OF_FILE, &text, &size), 0, "%s", path);
        cr_assert_eq(json_parse(text, size, &s.doc), 0, "%s is not JSON", file);
        cr_assert_eq(call_table_new(&s.table), 0);
        json_object_foreach((json_t *) json_member_object(s.doc, "streams"), name, props) add_stream(&s, name, props);
        can = !by_pulseaudio || can_all_be_told(&s);
        if (can) {
                play(&s);
                expect(&s);
        }
        for (size_t i = 0; i < s.n_streams; i++) {
                facts_done(&s.streams[i].node);
                facts_done(&s.streams[i].client);
                facts_done(&s.streams[i].told);
        }
        call_table_free(s.table);
        json_decref(s.doc);
        return can;
}

static int is_situation(const struct dirent *d) {
        size_t n = strlen(d->d_name);

        return n > 5 && streq(d->d_name + n - 5, ".json");
}

/* Returns how many were told. */
static size_t run_all(bool by_pulseaudio) {
        struct dirent **list = NULL;
        int n = scandir(TEST_DATA "/../../corpus", &list, is_situation, alphasort);
        size_t told = 0;

        for (int i = 0; i < n; i++) {
                told += run(list[i]->d_name, by_pulseaudio);
                free(list[i]);
        }
        free(list);
        return told;
}

Test(corpus, every_situation_is_told_right) {
        cr_expect_geq(run_all(false), 140);
}

#ifdef WITH_PULSE
Test(corpus, every_situation_but_those_of_sandboxes_is_told_right_by_pulseaudio_too) {
        cr_expect_geq(run_all(true), 118);
}
#endif
