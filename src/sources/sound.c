/* See sound.h. */
#include "sources/sound.h"

#include "util/log.h"

void sound_init(struct sound *s, struct source *source) {
        struct source_context *context = &source->context;

        *s = (struct sound){ .lists = { context->ignore, context->only, context->call_apps } };
        context->ignore = NULL;
        context->only = NULL;
}

void sound_done(struct sound *s) {
        free(TAKE(s->microphone));
}

bool sound_is_awake(const struct sound *s) {
        return s->microphone != NULL;
}

/* Of the stream that records now; NULL while there is none. */
static const char *const *names_of_call(const struct mic_call *c, const struct sound_stream *streams, size_t n) {
        for (size_t i = 0; i < n; i++)
                if (streq(streams[i].id, c->stream))
                        return streams[i].names.list;
        return NULL;
}

static void tell_call(struct source *source, const struct mic_call *c, const char *const *names) {
        if (c->state == MIC_CALL_ON && c->verdict == MIC_MUTED)
                log_debug("Call %s of %s %s", c->id, c->program.app, mic_verdict_to_string(c->verdict));
        if (c->state != MIC_CALL_ON) {
                source_end(source, c->id);
                return;
        }
        source_report(source, &(struct call_report){
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

static void note_verdict(const struct sound_stream *s, enum mic_verdict verdict) {
        if (*s->verdict == verdict)
                return;
        log_debug("Stream %s of %s %s", s->id, s->app[0] ? s->app : "nobody", mic_verdict_to_string(verdict));
        *s->verdict = verdict;
}

static bool is_asked_for_peers(const struct sound_stream *s) {
        return facts_are_capture(s->node) && s->running && facts_play_always(s->node);
}

static struct mic_stream to_mic_stream(struct sound *s, const struct sound_stream *stream, usec_t now) {
        return (struct mic_stream){
                .id = stream->id,
                .node = stream->node,
                .client = stream->client,
                .app = stream->app,
                .names = &stream->names,
                .running = stream->running,
                .peers = is_asked_for_peers(stream) ? peers_of(&s->peers, stream->id, stream->process, now)
                                                    : PEERS_UNKNOWN,
        };
}

static bool has_capture(const struct sound_stream *streams, size_t n) {
        for (size_t i = 0; i < n; i++)
                if (facts_are_capture(streams[i].node))
                        return true;
        return false;
}

usec_t sound_look(struct sound *s, struct source *source, struct sound_stream *streams, size_t n, usec_t now) {
        struct mic_stream *judged;
        bool records = has_capture(streams, n);
        usec_t wake_at;

        if (!records && !s->microphone)
                return USEC_NEVER;
        judged = calloc(n + 1, sizeof(*judged));
        if (!s->microphone)
                s->microphone = calloc(1, sizeof(*s->microphone));
        if (!judged || !s->microphone) {
                log_warning("Out of memory: the microphone is not looked at");
                free(judged);
                return USEC_NEVER;
        }
        for (size_t i = 0; i < n; i++)
                judged[i] = to_mic_stream(s, &streams[i], now);
        wake_at = usec_min(peers_run(&s->peers), microphone_look(s->microphone, judged, n, &s->lists, now));
        for (size_t i = 0; i < n; i++)
                note_verdict(&streams[i], judged[i].verdict);
        free(judged);
        for (size_t i = 0; i < s->microphone->n_calls; i++)
                tell_call(source, &s->microphone->calls[i], names_of_call(&s->microphone->calls[i], streams, n));
        if (!records && s->microphone->n_calls == 0)
                free(TAKE(s->microphone));
        return wake_at;
}

void sound_tell(const struct sound *s, const struct facts *node, const struct app_names *names, unsigned verdict,
                struct source_stream *ret) {
        enum mic_verdict v = (enum mic_verdict) verdict;

        ret->what = mic_verdict_to_string(v);
        ret->why = mic_why(node, names, &s->lists, v);
        ret->counts = v >= MIC_WEAK;
        ret->evidence = mic_verdict_is_strong(v) ? EVIDENCE_STRONG : EVIDENCE_WEAK;
}
