/* See microphone.h.
 *
 *   on -> on, muted      its stream is gone, and what made it two-way plays on
 *   on -> silent         ... and that is gone too; it is over unless it plays again within MIC_SILENCE_MAX
 *   on -> over           it never was two-way, or had been silent for MIC_SILENCE_MAX by then
 *   silent -> on, muted  the same program plays again */
#include "sources/microphone.h"

#include <stdio.h>

#include "sources/identity.h"

/* ---- which streams are of one program ---- */

static const char *either(const struct mic_stream *s, enum fact which) {
        const char *own = fact(s->node, which);

        return own[0] || !s->client ? own : fact(s->client, which);
}

static void program_of(struct mic_program *ret, const struct mic_stream *s) {
        const char *pid = fact(s->node, FACT_APP_PID);

        /* Of a client that speaks PulseAudio, PipeWire knows only the process of its own server for all of them. */
        if (!pid[0] && s->client && !streq(fact(s->client, FACT_CLIENT_API), "pipewire-pulse"))
                pid = fact(s->client, FACT_CLIENT_PID);
        (void) snprintf(ret->portal, sizeof(ret->portal), "%s", either(s, FACT_PORTAL_APP_ID));
        (void) snprintf(ret->pid, sizeof(ret->pid), "%s", pid);
        (void) snprintf(ret->binary, sizeof(ret->binary), "%s", either(s, FACT_APP_BINARY));
        (void) snprintf(ret->app, sizeof(ret->app), "%s", s->app);
}

/* A browser may record in one process and play in another, so that the same binary is as good as the same process,
 * unless it is one that runs other programs. */
static bool is_same_program(const struct mic_program *a, const struct mic_program *b) {
        if (a->portal[0] || b->portal[0])
                return streq(a->portal, b->portal);
        if (a->pid[0] && streq(a->pid, b->pid))
                return true;
        if (a->binary[0] && b->binary[0])
                return streq(a->binary, b->binary) && !program_is_runtime(a->binary);
        return !(a->pid[0] && b->pid[0]) && a->app[0] && streq(a->app, b->app);
}

/* ---- what it plays ---- */

static bool is_heard(const struct mic_stream *s) {
        return facts_are_playback(s->node) && s->running && !streq(fact(s->node, FACT_CORKED), "true");
}

/* The playback of a program: `before` if that goes on, else one in role Communication, else any. NULL: none. */
static const struct mic_stream *find_playback(const struct mic_stream *streams, size_t n,
                                              const struct mic_program *program, const char *before) {
        const struct mic_stream *found = NULL;

        for (size_t i = 0; i < n; i++) {
                struct mic_program p;

                if (!is_heard(&streams[i]))
                        continue;
                program_of(&p, &streams[i]);
                if (!is_same_program(&p, program))
                        continue;
                if (before && streq(streams[i].id, before))
                        return &streams[i];
                if (!found || facts_are_of_call(streams[i].node))
                        found = &streams[i];
        }
        return found;
}

static void note_heard(struct microphone *m, const struct mic_stream *streams, size_t n, usec_t now) {
        size_t kept = 0;

        for (size_t i = 0; i < m->n_heard; i++)
                m->heard[i].still = false;
        for (size_t i = 0; i < n; i++) {
                size_t k = 0;

                if (!is_heard(&streams[i]))
                        continue;
                while (k < m->n_heard && !streq(m->heard[k].id, streams[i].id))
                        k++;
                if (k == MIC_HEARD_MAX)
                        continue;
                if (k == m->n_heard) {
                        m->heard[m->n_heard++].since = now;
                        (void) snprintf(m->heard[k].id, sizeof(m->heard[k].id), "%s", streams[i].id);
                }
                m->heard[k].still = true;
        }
        for (size_t i = 0; i < m->n_heard; i++)
                if (m->heard[i].still)
                        m->heard[kept++] = m->heard[i];
        m->n_heard = kept;
}

static usec_t heard_since(const struct microphone *m, const char *id) {
        for (size_t i = 0; i < m->n_heard; i++)
                if (streq(m->heard[i].id, id))
                        return m->heard[i].since;
        return 0;
}

/* What made the call two-way, or what came in its place about when it went. */
static const struct mic_stream *find_rest(const struct microphone *m, const struct mic_call *c,
                                          const struct mic_stream *streams, size_t n, usec_t went_at) {
        const struct mic_stream *found = NULL;

        for (size_t i = 0; i < n; i++) {
                struct mic_program p;

                if (!is_heard(&streams[i]))
                        continue;
                if (streq(streams[i].id, c->playback))
                        return &streams[i];
                program_of(&p, &streams[i]);
                if (is_same_program(&p, &c->program) &&
                    usec_add(heard_since(m, streams[i].id), MIC_SILENCE_MAX) >= went_at)
                        found = &streams[i];
        }
        return found;
}

/* ---- calls ---- */

static void forget_over(struct microphone *m) {
        size_t kept = 0;

        for (size_t i = 0; i < m->n_calls; i++)
                if (m->calls[i].state != MIC_CALL_OVER)
                        m->calls[kept++] = m->calls[i];
        m->n_calls = kept;
}

static struct mic_call *find_call(struct microphone *m, const struct mic_stream *s,
                                  const struct mic_program *program) {
        for (size_t i = 0; i < m->n_calls; i++)
                if (streq(m->calls[i].stream, s->id))
                        return &m->calls[i];
        /* The microphone is opened again after a mute. */
        for (size_t i = 0; i < m->n_calls; i++)
                if (!m->calls[i].seen && m->calls[i].muted_at > 0 && is_same_program(&m->calls[i].program, program))
                        return &m->calls[i];
        return NULL;
}

static struct mic_call *new_call(struct microphone *m, const struct mic_stream *s) {
        struct mic_call *c;

        if (m->n_calls == MIC_CALLS_MAX)
                return NULL;
        c = &m->calls[m->n_calls++];
        *c = (struct mic_call){ .state = MIC_CALL_ON };
        (void) snprintf(c->id, sizeof(c->id), "%s", s->id);
        return c;
}

static enum mic_partner partner_of(const struct mic_stream *s, const struct mic_stream *playback) {
        if (!playback)
                return PARTNER_NONE;
        if (facts_are_of_call(playback->node))
                return PARTNER_PLAYS_CALL;
        return facts_play_always(s->node) && s->peers == PEERS_NONE ? PARTNER_APART : PARTNER_PLAYS;
}

/* The microphone is open. What an engine plays may go before it, where a mute makes both anew: the order says nothing.
 */
static void note_playback(struct mic_call *c, const struct mic_stream *playback, usec_t now) {
        if (!playback) {
                if (c->silent_at == 0)
                        c->silent_at = now;
                return;
        }
        c->silent_at = 0;
        (void) snprintf(c->playback, sizeof(c->playback), "%s", mic_verdict_is_strong(c->verdict) ? playback->id : "");
}

static void look_at_capture(struct microphone *m, struct mic_stream *s, const struct mic_stream *streams, size_t n,
                            const struct app_lists *lists, usec_t now) {
        const struct mic_stream *playback;
        struct mic_program program;
        struct mic_call *c;

        program_of(&program, s);
        c = find_call(m, s, &program);
        playback = find_playback(streams, n, &program, c ? c->playback : NULL);
        s->verdict = mic_judge(s->node, s->running, s->names, lists, partner_of(s, playback));
        if (s->verdict < MIC_WEAK)
                return;
        c = c ? c : new_call(m, s);
        if (!c)
                return;
        c->seen = true;
        c->state = MIC_CALL_ON;
        c->verdict = s->verdict;
        c->lasts = USEC_NEVER;
        c->program = program;
        c->muted_at = 0;
        (void) snprintf(c->stream, sizeof(c->stream), "%s", s->id);
        note_playback(c, playback, now);
}

/* Its stream is gone, or records no more. Returns when to look again. */
static usec_t look_at_mute(const struct microphone *m, struct mic_call *c, const struct mic_stream *streams, size_t n,
                           usec_t now) {
        const struct mic_stream *playback = NULL;
        usec_t until;

        c->stream[0] = '\0';
        if (c->muted_at == 0)
                c->muted_at = now;
        until = usec_add(c->muted_at, MIC_MUTE_MAX);
        if (!c->playback[0] || now >= until || (c->silent_at > 0 && now >= usec_add(c->silent_at, MIC_SILENCE_MAX))) {
                c->state = MIC_CALL_OVER;
                return USEC_NEVER;
        }
        playback = find_rest(m, c, streams, n, c->silent_at > 0 ? c->silent_at : now);
        if (!playback) {
                if (c->silent_at == 0)
                        c->silent_at = now;
                c->state = MIC_CALL_SILENT;
                return usec_min(until, usec_add(c->silent_at, MIC_SILENCE_MAX));
        }
        (void) snprintf(c->playback, sizeof(c->playback), "%s", playback->id);
        c->silent_at = 0;
        c->state = MIC_CALL_ON;
        c->verdict = MIC_MUTED;
        c->lasts = until - now;
        return until;
}

usec_t microphone_look(struct microphone *m, struct mic_stream *streams, size_t n, const struct app_lists *lists,
                       usec_t now) {
        usec_t wake_at = USEC_NEVER;

        forget_over(m);
        note_heard(m, streams, n, now);
        for (size_t i = 0; i < m->n_calls; i++)
                m->calls[i].seen = false;
        for (size_t i = 0; i < n; i++)
                if (facts_are_capture(streams[i].node))
                        look_at_capture(m, &streams[i], streams, n, lists, now);
        for (size_t i = 0; i < m->n_calls; i++)
                if (!m->calls[i].seen)
                        wake_at = usec_min(wake_at, look_at_mute(m, &m->calls[i], streams, n, now));
        return wake_at;
}
