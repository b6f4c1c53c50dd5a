/* Microphone and camera, from PipeWire's graph. Which streams are calls is decided in microphone.c. A stream that
 * comes for a moment, as a paused one of PulseAudio does, is left to the core's delay, one that goes for a moment to
 * its grace. */
#include "sources/pipewire.h"

#include <errno.h>
#include <stdio.h>

#include "sources/base.h"

#ifdef WITH_PIPEWIRE

#include "sources/microphone.h"
#include "sources/pipewire-graph.h"
#include "util/file.h"
#include "util/log.h"

#define PID_FILE_MAX 32

struct stream_source;

/* What tells the two kinds apart. */
struct look {
        usec_t (*at_all)(struct stream_source *s, usec_t now); /* returns when to look again by itself */
        bool (*is_of)(const struct facts *f);                  /* which nodes it judges */
        void (*tell)(const struct stream_source *s, const struct node *n, struct source_stream *ret);
        bool at_sound;
};

struct stream_source {
        struct source source; /* its lists are empty: programs here go by several names */
        struct app_lists lists;
        struct graph *graph;
        size_t slot;
        const struct look *look;
        bool changed; /* the graph has, since the last look */
        usec_t look_at;
        struct microphone *microphone; /* large: only while something records, or a call outlives its stream */
        struct peers_memory peers;
        struct app_names names; /* of the stream that was told last */
};

/* ---- the microphone ---- */

struct seen_stream {
        struct node *node;
        struct app_names names;
};

/* Of the stream that records now; NULL while there is none. */
static const char *const *names_of_call(const struct mic_call *c, const struct seen_stream *seen, size_t n) {
        for (size_t i = 0; i < n; i++)
                if (streq(seen[i].node->id, c->stream))
                        return seen[i].names.list;
        return NULL;
}

static void tell_call(struct stream_source *s, const struct mic_call *c, const char *const *names) {
        if (c->state == MIC_CALL_ON && c->verdict == MIC_MUTED)
                log_debug("Call %s of %s %s", c->id, c->program.app, mic_verdict_to_string(c->verdict));
        if (c->state != MIC_CALL_ON) {
                source_end(&s->source, c->id);
                return;
        }
        source_report(&s->source,
                      &(struct call_report){
                              .id = c->id,
                              .app = c->program.app,
                              .names = names,
                              .what = mic_verdict_to_string(c->verdict),
                              .phase = CALL_ACTIVE,
                              .evidence = mic_verdict_is_strong(c->verdict) ? EVIDENCE_STRONG : EVIDENCE_WEAK,
                              .lasts = c->lasts,
                              .device = true,
                      });
}

static void log_verdicts(struct stream_source *s, const struct seen_stream *seen, const struct mic_stream *streams,
                         size_t n) {
        for (size_t i = 0; i < n; i++) {
                if (streams[i].verdict == seen[i].node->noted[s->slot])
                        continue;
                log_debug("Stream %s of %s %s", streams[i].id, streams[i].app[0] ? streams[i].app : "nobody",
                          mic_verdict_to_string(streams[i].verdict));
                seen[i].node->noted[s->slot] = streams[i].verdict;
        }
}

/* Returns how many nodes there are. */
static size_t count_nodes(const struct stream_source *s, bool *ret_records) {
        size_t n = 0;

        *ret_records = false;
        for (struct node *node = graph_next(s->graph, NULL); node; node = graph_next(s->graph, node), n++)
                *ret_records = *ret_records || facts_are_capture(&node->facts);
        return n;
}

static bool is_asked_for_peers(const struct node *n) {
        return facts_are_capture(&n->facts) && n->running && facts_play_always(&n->facts);
}

static usec_t look_at_streams(struct stream_source *s, usec_t now) {
        SCOPED(free) char *memory = NULL;
        struct mic_stream *streams;
        struct seen_stream *seen;
        bool records;
        size_t n = 0, size = count_nodes(s, &records);
        usec_t wake_at;

        if (!records && !s->microphone)
                return USEC_NEVER;
        memory = calloc(size + 1, sizeof(*streams) + sizeof(*seen));
        if (!s->microphone)
                s->microphone = calloc(1, sizeof(*s->microphone));
        if (!memory || !s->microphone) {
                log_warning("Out of memory: the microphone is not looked at");
                return USEC_NEVER;
        }
        streams = (struct mic_stream *) (void *) memory;
        seen = (struct seen_stream *) (void *) (streams + size);
        for (struct node *node = graph_next(s->graph, NULL); node; node = graph_next(s->graph, node), n++) {
                seen[n].node = node;
                streams[n] = (struct mic_stream){
                        .id = node->id,
                        .node = &node->facts,
                        .client = graph_client(s->graph, node),
                        .app = graph_identify(s->graph, node, &seen[n].names),
                        .names = &seen[n].names,
                        .running = node->running,
                        .peers = is_asked_for_peers(node)
                                         ? peers_of(&s->peers, node->id, graph_process(s->graph, node), now)
                                         : PEERS_UNKNOWN,
                };
        }
        wake_at = usec_min(peers_run(&s->peers), microphone_look(s->microphone, streams, n, &s->lists, now));
        log_verdicts(s, seen, streams, n);
        for (size_t i = 0; i < s->microphone->n_calls; i++)
                tell_call(s, &s->microphone->calls[i], names_of_call(&s->microphone->calls[i], seen, n));
        if (!records && s->microphone->n_calls == 0) {
                free(s->microphone);
                s->microphone = NULL;
        }
        graph_watch_playback(s->graph, s->microphone);
        return wake_at;
}

static void tell_stream(const struct stream_source *s, const struct node *n, struct source_stream *ret) {
        enum mic_verdict v = n->noted[s->slot];

        ret->what = mic_verdict_to_string(v);
        ret->why = mic_why(&n->facts, &s->names, &s->lists, v);
        ret->counts = v >= MIC_WEAK;
        ret->evidence = mic_verdict_is_strong(v) ? EVIDENCE_STRONG : EVIDENCE_WEAK;
}

/* ---- the camera ---- */

/* A camera counts for each program that sees through it, and for itself if none is known. */
enum camera_note { CAMERA_NOT = 1, CAMERA_ON, CAMERA_LEFT_OUT }; /* 0: not looked at yet */

static bool sees_camera(struct graph *g, const struct node *consumer) {
        for (struct node *n = graph_next(g, NULL); n; n = graph_next(g, n))
                if (facts_are_camera(&n->facts) && n->running && graph_is_linked(g, n, consumer))
                        return true;
        return false;
}

static bool is_seen_through(struct graph *g, const struct node *camera) {
        for (struct node *n = graph_next(g, NULL); n; n = graph_next(g, n))
                if (facts_are_video_consumer(&n->facts) && n->running && graph_is_linked(g, camera, n))
                        return true;
        return false;
}

static enum camera_note judge_video(struct stream_source *s, struct node *n, const struct app_names *names) {
        if (!n->running)
                return CAMERA_NOT;
        if (facts_are_camera(&n->facts))
                return is_seen_through(s->graph, n) ? CAMERA_NOT : CAMERA_ON;
        if (!sees_camera(s->graph, n))
                return CAMERA_NOT;
        return apps_are_left_out(names, &s->lists) ? CAMERA_LEFT_OUT : CAMERA_ON;
}

static const char *note_to_string(enum camera_note note, const struct facts *node) {
        switch (note) {
        case CAMERA_NOT:
                return facts_are_camera(node) ? "is a camera" : "does not see through a camera";
        case CAMERA_ON:
                return facts_are_camera(node) ? "is a camera that runs" : "sees through the camera";
        case CAMERA_LEFT_OUT:
                return "belongs to a program that is left out";
        }
        return "";
}

static void look_at_video(struct stream_source *s, struct node *n) {
        struct app_names names;
        const char *app = graph_identify(s->graph, n, &names);
        enum camera_note note = judge_video(s, n, &names);
        bool counted = n->noted[s->slot] == CAMERA_ON;

        if (facts_are_camera(&n->facts))
                app = "";
        if (note != n->noted[s->slot])
                log_debug("Camera, node %s of %s: %s", n->id, app[0] ? app : "nobody",
                          note_to_string(note, &n->facts));
        n->noted[s->slot] = note;
        if (note == CAMERA_ON)
                source_report(&s->source, &(struct call_report){ .id = n->id,
                                                                 .app = app,
                                                                 .names = app[0] ? names.list : NULL,
                                                                 .what = note_to_string(note, &n->facts),
                                                                 .phase = CALL_ACTIVE,
                                                                 .evidence = EVIDENCE_WEAK,
                                                                 .lasts = USEC_NEVER,
                                                                 .device = true });
        else if (counted)
                source_end(&s->source, n->id);
}

static bool is_video(const struct facts *f) {
        return facts_are_camera(f) || facts_are_video_consumer(f);
}

static usec_t look_at_cameras(struct stream_source *s, usec_t now) {
        for (struct node *n = graph_next(s->graph, NULL); n; n = graph_next(s->graph, n))
                if (is_video(&n->facts))
                        look_at_video(s, n);
        return USEC_NEVER;
}

static void tell_video(const struct stream_source *s, const struct node *n, struct source_stream *ret) {
        enum camera_note note = n->noted[s->slot];

        ret->what = note_to_string(note, &n->facts);
        ret->why = note == CAMERA_LEFT_OUT ? apps_why_left_out(&s->names, &s->lists) : "";
        ret->counts = note == CAMERA_ON;
        ret->evidence = EVIDENCE_WEAK;
}

/* ---- both ---- */

/* Whether the sound goes through PulseAudio itself, which PipeWire may run beside for video only. Either server leaves
 * its process id in the same place. */
static bool pulseaudio_runs(void) {
        const char *runtime = getenv("XDG_RUNTIME_DIR");
        SCOPED(free) char *pid = NULL, *comm = NULL;
        char path[4096];

        (void) snprintf(path, sizeof(path), "%s/pulse/pid", runtime ? runtime : "");
        if (!runtime || file_read(path, PID_FILE_MAX, &pid, NULL) < 0)
                return false;
        (void) snprintf(path, sizeof(path), "/proc/%ld/comm", strtol(pid, NULL, 10));
        return file_read(path, PID_FILE_MAX, &comm, NULL) >= 0 && streq(comm, "pulseaudio\n");
}

static void tell_state(struct stream_source *s) {
        if (graph_state(s->graph) == GRAPH_STARTING)
                return;
        if (s->look->at_sound && pulseaudio_runs())
                source_set_state(&s->source, SOURCE_UNAVAILABLE, "PulseAudio without PipeWire is not watched");
        else if (graph_state(s->graph) == GRAPH_DOWN)
                source_set_state(&s->source, SOURCE_UNAVAILABLE, graph_problem(s->graph));
        else
                source_set_state(&s->source, SOURCE_WATCHING, "");
}

static void on_changed(void *userdata) {
        struct stream_source *s = userdata;

        s->changed = true;
        source_touch(&s->source);
}

static void on_gone(void *userdata, const char *id) {
        struct stream_source *s = userdata;

        /* A call at the microphone may outlive its stream. */
        if (!s->look->at_sound)
                source_end(&s->source, id);
}

static int start(struct source **ret, const struct source_kind *kind, const struct source_context *context) {
        struct stream_source *s = calloc(1, sizeof(*s));
        int r;

        if (!s)
                return -ENOMEM;
        source_init(&s->source, kind, context);
        s->lists = (struct app_lists){ context->ignore, context->only, context->call_apps };
        s->source.context.ignore = NULL;
        s->source.context.only = NULL;
        s->look = kind->row;
        r = graph_join(&s->graph, context->event,
                       &(struct graph_listener){ .changed = on_changed, .gone = on_gone, .userdata = s }, &s->slot);
        if (r < 0) {
                free(s);
                return r;
        }
        s->changed = true;
        s->look_at = USEC_NEVER;
        if (graph_state(s->graph) == GRAPH_DOWN)
                tell_state(s);
        *ret = &s->source;
        return 0;
}

static struct source *stop(struct source *source) {
        struct stream_source *s = (struct stream_source *) source;

        graph_leave(s->graph, s->slot);
        source_end(source, NULL);
        free(s->microphone);
        free(s);
        return NULL;
}

static usec_t run(struct source *source, usec_t now) {
        struct stream_source *s = (struct stream_source *) source;
        usec_t graph_at = graph_run(s->graph, now);

        if (graph_state(s->graph) != GRAPH_STARTING && (s->changed || now >= s->look_at)) {
                s->changed = false;
                s->look_at = s->look->at_all(s, now);
                tell_state(s);
        }
        return usec_min(graph_at, s->look_at);
}

static bool stream(struct source *source, size_t i, struct source_stream *ret) {
        struct stream_source *s = (struct stream_source *) source;

        for (struct node *n = graph_next(s->graph, NULL); n; n = graph_next(s->graph, n)) {
                if (!s->look->is_of(&n->facts) || n->noted[s->slot] == 0 || i-- > 0)
                        continue;
                *ret = (struct source_stream){ .id = n->id, .app = graph_identify(s->graph, n, &s->names) };
                ret->names = s->names.list;
                s->look->tell(s, n, ret);
                return true;
        }
        return false;
}

static const struct look look_microphone = {
        .at_all = look_at_streams, .is_of = facts_are_capture, .tell = tell_stream, .at_sound = true
};
static const struct look look_camera = { .at_all = look_at_cameras, .is_of = is_video, .tell = tell_video };

#define LOOK(which) &look_##which

#else

#define LOOK(which) NULL

static int start(struct source **ret, const struct source_kind *kind, const struct source_context *context) {
        struct source *s = calloc(1, sizeof(*s));

        if (!s)
                return -ENOMEM;
        source_init(s, kind, context);
        *ret = s;
        source_set_state(s, SOURCE_OFF, "busyd was built without PipeWire");
        return 0;
}

static struct source *stop(struct source *s) {
        free(s);
        return NULL;
}

static usec_t run(struct source *s, usec_t now) {
        return USEC_NEVER;
}

static bool stream(struct source *s, size_t i, struct source_stream *ret) {
        return false;
}

#endif

const struct source_kind source_pipewire = {
        .name = "pipewire",
        .description = "programs at the microphone",
        .row = LOOK(microphone),
        .start = start,
        .stop = stop,
        .run = run,
        .stream = stream,
};

const struct source_kind source_camera = {
        .name = "camera",
        .description = "programs at the camera",
        .row = LOOK(camera),
        .start = start,
        .stop = stop,
        .run = run,
        .stream = stream,
};
