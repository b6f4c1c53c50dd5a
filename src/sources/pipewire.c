/* Microphone and camera, from PipeWire's graph. Which streams are calls is decided in microphone.c. A stream that
 * comes for a moment, as a paused one of PulseAudio does, is left to the core's delay, one that goes for a moment to
 * its grace. */
#include "sources/pipewire.h"

#include <errno.h>

#include "sources/base.h"

#ifdef WITH_PIPEWIRE

#include "sources/pipewire-graph.h"
#include "sources/sound.h"
#include "util/log.h"

struct stream_source;

/* What tells the two kinds apart. */
struct look {
        usec_t (*at_all)(struct stream_source *s, usec_t now); /* returns when to look again by itself */
        bool (*is_of)(const struct facts *f);                  /* which nodes it judges */
        void (*tell)(const struct stream_source *s, const struct node *n, struct source_stream *ret);
        bool at_sound;
};

struct stream_source {
        struct source source;
        struct sound sound; /* for the camera its lists alone */
        struct graph *graph;
        size_t slot;
        const struct look *look;
        bool changed; /* the graph has, since the last look */
        usec_t look_at;
        struct app_names names; /* of the stream that was told last */
};

/* ---- the microphone ---- */

/* Returns how many nodes there are. */
static size_t count_nodes(const struct stream_source *s, bool *ret_records) {
        size_t n = 0;

        *ret_records = false;
        for (struct node *node = graph_next(s->graph, NULL); node; node = graph_next(s->graph, node), n++)
                *ret_records = *ret_records || facts_are_capture(&node->facts);
        return n;
}

static usec_t look_at_streams(struct stream_source *s, usec_t now) {
        struct sound_stream *streams;
        bool records;
        size_t n = 0, size = count_nodes(s, &records);
        usec_t wake_at;

        if (!records && !sound_is_awake(&s->sound))
                return USEC_NEVER;
        streams = calloc(size + 1, sizeof(*streams));
        if (!streams) {
                log_warning("Out of memory: the microphone is not looked at");
                return USEC_NEVER;
        }
        for (struct node *node = graph_next(s->graph, NULL); node; node = graph_next(s->graph, node), n++) {
                streams[n] = (struct sound_stream){
                        .id = node->id,
                        .node = &node->facts,
                        .client = graph_client(s->graph, node),
                        .running = node->running,
                        .process = graph_process(s->graph, node),
                        .verdict = &node->noted[s->slot],
                };
                streams[n].app = graph_identify(s->graph, node, &streams[n].names);
        }
        wake_at = sound_look(&s->sound, &s->source, streams, n, now);
        free(streams);
        graph_watch_playback(s->graph, sound_is_awake(&s->sound));
        return wake_at;
}

static void tell_stream(const struct stream_source *s, const struct node *n, struct source_stream *ret) {
        sound_tell(&s->sound, &n->facts, &s->names, n->noted[s->slot], ret);
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
        return apps_are_left_out(names, &s->sound.lists) ? CAMERA_LEFT_OUT : CAMERA_ON;
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
        ret->why = note == CAMERA_LEFT_OUT ? apps_why_left_out(&s->names, &s->sound.lists) : "";
        ret->counts = note == CAMERA_ON;
        ret->evidence = EVIDENCE_WEAK;
}

/* ---- both ---- */

static void tell_state(struct stream_source *s) {
        if (graph_state(s->graph) == GRAPH_STARTING)
                return;
        if (graph_state(s->graph) == GRAPH_DOWN)
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
        sound_init(&s->sound, &s->source);
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
        sound_done(&s->sound);
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

#define KIND(which) .row = &look_##which, .start = start, .stop = stop, .run = run, .stream = stream

#else

#define KIND(which) .row = "busyd was built without PipeWire", .start = source_start_absent, .stop = source_stop_absent

#endif

const struct source_kind source_pipewire = {
        .name = "pipewire",
        .description = "programs at the microphone",
        KIND(microphone),
};

const struct source_kind source_camera = {
        .name = "camera",
        .description = "programs at the camera",
        KIND(camera),
};
