/* Microphone and camera, from PipeWire's graph. Which stream counts is decided in pipewire-rule.c. A stream that comes
 * for a moment, as a paused one of PulseAudio does, is left to the core's delay, one that goes for a moment, as at a
 * mute, to its grace. */
#include "sources/pipewire.h"

#include <errno.h>
#include <stdio.h>

#include "sources/base.h"

#ifdef WITH_PIPEWIRE

#include "sources/pipewire-graph.h"
#include "sources/pipewire-rule.h"
#include "util/file.h"
#include "util/log.h"

#define PID_FILE_MAX 32

struct stream_source;

/* What tells the two kinds apart. */
struct look {
        void (*at_all)(struct stream_source *s);
        bool at_sound;
};

struct stream_source {
        struct source source; /* its lists are empty: programs here go by several names */
        struct app_lists lists;
        struct graph *graph;
        size_t slot;
        const struct look *look;
};

static void report(struct stream_source *s, const struct node *n, const char *app, const char *what,
                   enum call_evidence evidence) {
        source_report(&s->source, &(struct call_report){
                                          .id = n->id,
                                          .app = app,
                                          .what = what,
                                          .phase = CALL_ACTIVE,
                                          .evidence = evidence,
                                          .lasts = USEC_NEVER,
                                  });
}

/* ---- the microphone ---- */

static bool has_call_output(struct graph *g, const char *app) {
        for (struct node *n = graph_next(g, NULL); n; n = graph_next(g, n)) {
                struct app_names names;

                if (n->running && facts_are_call_output(&n->facts) && app[0] &&
                    streq(graph_identify(g, n, &names), app))
                        return true;
        }
        return false;
}

static void look_at_stream(struct stream_source *s, struct node *n) {
        struct app_names names;
        const char *app = graph_identify(s->graph, n, &names);
        enum mic_verdict verdict = mic_judge(&n->facts, n->running, &names, &s->lists, has_call_output(s->graph, app));
        bool counted = n->noted[s->slot] >= MIC_WEAK;

        if (verdict != n->noted[s->slot])
                log_debug("Stream %s of %s %s", n->id, app[0] ? app : "nobody", mic_verdict_to_string(verdict));
        n->noted[s->slot] = verdict;
        if (verdict >= MIC_WEAK)
                report(s, n, app, mic_verdict_to_string(verdict),
                       verdict == MIC_STRONG ? EVIDENCE_STRONG : EVIDENCE_WEAK);
        else if (counted)
                source_end(&s->source, n->id);
}

static void look_at_streams(struct stream_source *s) {
        for (struct node *n = graph_next(s->graph, NULL); n; n = graph_next(s->graph, n))
                if (facts_are_capture(&n->facts))
                        look_at_stream(s, n);
}

/* ---- the camera ---- */

/* A camera counts for each program that sees through it, and for itself if none is known. */
enum camera_note { CAMERA_NOT, CAMERA_ON, CAMERA_LEFT_OUT };

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

static void look_at_video(struct stream_source *s, struct node *n) {
        static const char *const words[] = { "does not run", "runs", "runs for a program that is left out" };
        struct app_names names;
        const char *app = graph_identify(s->graph, n, &names);
        enum camera_note note = judge_video(s, n, &names);
        bool counted = n->noted[s->slot] == CAMERA_ON;

        if (facts_are_camera(&n->facts))
                app = "";
        if (note != n->noted[s->slot])
                log_debug("Camera, node %s of %s: %s", n->id, app[0] ? app : "nobody", words[note]);
        n->noted[s->slot] = note;
        if (note == CAMERA_ON)
                report(s, n, app, "sees through the camera", EVIDENCE_WEAK);
        else if (counted)
                source_end(&s->source, n->id);
}

static void look_at_cameras(struct stream_source *s) {
        for (struct node *n = graph_next(s->graph, NULL); n; n = graph_next(s->graph, n))
                if (facts_are_camera(&n->facts) || facts_are_video_consumer(&n->facts))
                        look_at_video(s, n);
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

        s->look->at_all(s);
        tell_state(s);
        source_touch(&s->source);
}

static void on_gone(void *userdata, const char *id) {
        struct stream_source *s = userdata;

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
        *ret = &s->source;
        if (graph_state(s->graph) == GRAPH_COMPLETE)
                s->look->at_all(s);
        tell_state(s);
        return 0;
}

static struct source *stop(struct source *source) {
        struct stream_source *s = (struct stream_source *) source;

        graph_leave(s->graph, s->slot);
        source_end(source, NULL);
        free(s);
        return NULL;
}

static usec_t run(struct source *source, usec_t now) {
        return graph_run(((struct stream_source *) source)->graph, now);
}

static const struct look look_microphone = { .at_all = look_at_streams, .at_sound = true };
static const struct look look_camera = { .at_all = look_at_cameras };

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

#endif

const struct source_kind source_pipewire = {
        .name = "pipewire",
        .description = "programs at the microphone",
        .row = LOOK(microphone),
        .start = start,
        .stop = stop,
        .run = run,
};

const struct source_kind source_camera = {
        .name = "camera",
        .description = "programs at the camera",
        .row = LOOK(camera),
        .start = start,
        .stop = stop,
        .run = run,
};
