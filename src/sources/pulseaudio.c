/* The microphone where PipeWire does not carry the sound. Which streams are calls is decided as there (sound.h). */
#include "sources/pulseaudio.h"

#include <errno.h>

#include "sources/base.h"

#ifdef WITH_PULSE

#include "sources/pulse-server.h"
#include "sources/sound.h"
#include "util/log.h"

struct pulse_source {
        struct source source;
        struct sound sound;
        struct pulse_server *server;
        bool changed; /* the server's streams have, since the last look */
        usec_t look_at;
        struct app_names names; /* of the stream that was told last */
};

/* Of one stream; PulseAudio's own name of it is among them. */
static void names_of(struct app_names *ret, const struct pulse_stream *t) {
        *ret = (struct app_names){ 0 };
        app_names_add_facts(ret, &t->facts);
        app_names_add(ret, t->app);
}

static usec_t look(struct pulse_source *s, usec_t now) {
        struct sound_stream *streams;
        size_t n = 0, size = 0;
        usec_t wake_at;

        for (struct pulse_stream *t = pulse_server_next(s->server, NULL); t; t = pulse_server_next(s->server, t))
                size++;
        if (size == 0 && !sound_is_awake(&s->sound))
                return USEC_NEVER;
        streams = calloc(size + 1, sizeof(*streams));
        if (!streams) {
                log_warning("Out of memory: the microphone is not looked at");
                return USEC_NEVER;
        }
        for (struct pulse_stream *t = pulse_server_next(s->server, NULL); t;
             t = pulse_server_next(s->server, t), n++) {
                streams[n] = (struct sound_stream){
                        .id = t->id,
                        .node = &t->facts,
                        .app = t->app,
                        .running = t->running,
                        .process = t->process,
                        .verdict = &t->verdict,
                };
                names_of(&streams[n].names, t);
        }
        wake_at = sound_look(&s->sound, &s->source, streams, n, now);
        free(streams);
        pulse_server_watch_playback(s->server, sound_is_awake(&s->sound));
        return wake_at;
}

static void tell_state(struct pulse_source *s) {
        switch (pulse_server_state(s->server)) {
        case PULSE_STARTING:
                break;
        case PULSE_COMPLETE:
                source_set_state(&s->source, SOURCE_WATCHING, "");
                break;
        case PULSE_DOWN:
                source_set_state(&s->source, SOURCE_UNAVAILABLE, pulse_server_problem(s->server));
                break;
        }
}

static void on_changed(void *userdata) {
        struct pulse_source *s = userdata;

        s->changed = true;
        source_touch(&s->source);
}

static int start(struct source **ret, const struct source_kind *kind, const struct source_context *context) {
        struct pulse_source *s = calloc(1, sizeof(*s));
        int r;

        if (!s)
                return -ENOMEM;
        source_init(&s->source, kind, context);
        sound_init(&s->sound, &s->source);
        s->changed = true;
        s->look_at = USEC_NEVER;
        r = pulse_server_new(&s->server, context->event, on_changed, s);
        if (r < 0) {
                free(s);
                return r;
        }
        tell_state(s);
        *ret = &s->source;
        return 0;
}

static struct source *stop(struct source *source) {
        struct pulse_source *s = (struct pulse_source *) source;

        pulse_server_free(s->server);
        source_end(source, NULL);
        sound_done(&s->sound);
        free(s);
        return NULL;
}

static usec_t run(struct source *source, usec_t now) {
        struct pulse_source *s = (struct pulse_source *) source;
        usec_t server_at = pulse_server_run(s->server, now);

        if (pulse_server_state(s->server) != PULSE_STARTING && (s->changed || now >= s->look_at)) {
                s->changed = false;
                s->look_at = look(s, now);
                tell_state(s);
        }
        return usec_min(server_at, s->look_at);
}

static bool stream(struct source *source, size_t i, struct source_stream *ret) {
        struct pulse_source *s = (struct pulse_source *) source;

        for (struct pulse_stream *t = pulse_server_next(s->server, NULL); t; t = pulse_server_next(s->server, t)) {
                if (!facts_are_capture(&t->facts) || t->verdict == 0 || i-- > 0)
                        continue;
                names_of(&s->names, t);
                *ret = (struct source_stream){ .id = t->id, .app = t->app, .names = s->names.list };
                sound_tell(&s->sound, &t->facts, &s->names, t->verdict, ret);
                return true;
        }
        return false;
}

#define KIND .start = start, .stop = stop, .run = run, .stream = stream

#else

#define KIND .row = "busyd was built without PulseAudio", .start = source_start_absent, .stop = source_stop_absent

#endif

const struct source_kind source_pulseaudio = {
        .name = "pulseaudio",
        .description = "programs at the microphone, without PipeWire",
        KIND,
};
