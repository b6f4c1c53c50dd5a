/* What the sources of sound servers have in common: all streams of the moment are put to the rule of microphone.h, its
 * calls are told, and what was decided of a stream is kept with it. */
#pragma once

#include "sources/base.h"
#include "sources/microphone.h"

/* A stream as its server tells of it; borrowed for the length of sound_look(). */
struct sound_stream {
        const char *id;                    /* never used again for another one */
        const struct facts *node, *client; /* in PipeWire's words; client NULL: not known */
        const char *app;                   /* the name that is shown, "" if there is none */
        struct app_names names;
        bool running;
        pid_t process;     /* of its program; 0: not known for sure */
        unsigned *verdict; /* kept by the server: enum mic_verdict of the last look, 0 before the first */
};

/* Embedded in a source. */
struct sound {
        struct app_lists lists;
        struct microphone *microphone; /* large: only while something records, or a call outlives its stream */
        struct peers_memory peers;
};

/* Takes over the lists of the source: programs at the microphone go by several names. */
void sound_init(struct sound *s, struct source *source);
void sound_done(struct sound *s);

/* Returns when to look again by itself; USEC_NEVER: not before something changes. */
usec_t sound_look(struct sound *s, struct source *source, struct sound_stream *streams, size_t n, usec_t now);

/* Something records, or a call goes on without: only then it matters what plays, and each song that begins would wake
 * us. */
bool sound_is_awake(const struct sound *s);

/* What was decided of a capture stream, and why. */
void sound_tell(const struct sound *s, const struct facts *node, const struct app_names *names, unsigned verdict,
                struct source_stream *ret);
