/* Who is on a call at the microphone: from all sound streams of the moment, and from what they were before (design,
 * section 4). Pure: the streams and `now` in, calls out.
 *
 * A call is two-way: a program records and plays at the same time. It outlives a microphone that a mute has closed as
 * long as what it plays goes on, or begins anew within MIC_SILENCE_MAX, and for MIC_MUTE_MAX at most. What the program
 * has played besides for longer is no sign of it. Of an engine that always plays while it records, what plays is a
 * sign only where the program has a connection to a peer, or that cannot be seen. */
#pragma once

#include "sources/peers.h"
#include "sources/pipewire-rule.h"

#define MIC_MUTE_MAX (30 * USEC_PER_MIN)
/* Shorter than the grace after hints less their delay: who begins anew within it is still busy by then. */
#define MIC_SILENCE_MAX (6 * USEC_PER_SEC)

/* Calls at one time; more are not looked at. */
#define MIC_CALLS_MAX 64
/* Streams that play at one time; more of them are taken for old. */
#define MIC_HEARD_MAX 64

#define MIC_ID_MAX  24
#define MIC_APP_MAX 128

/* A stream of sound, capture or playback. What it points at is borrowed for the length of microphone_look(). */
struct mic_stream {
        const char *id;                    /* never used again for another one */
        const struct facts *node, *client; /* client NULL: not known */
        const char *app;                   /* the name that is shown, "" if there is none */
        const struct app_names *names;
        bool running;
        enum peers peers;         /* only asked of captures for which facts_play_always() */
        enum mic_verdict verdict; /* set by microphone_look() */
};

/* What makes streams those of one program. Strings are cut where they are longer. */
struct mic_program {
        char portal[MIC_APP_MAX]; /* of a sandbox, whose process ids are its own */
        char pid[16];
        char binary[MIC_APP_MAX];
        char app[MIC_APP_MAX];
};

enum mic_call_state {
        MIC_CALL_ON,
        MIC_CALL_SILENT, /* over, but what it plays may begin anew at once */
        MIC_CALL_OVER,   /* forgotten with the next look */
};

struct mic_call {
        char id[MIC_ID_MAX]; /* of the stream that began it */
        enum mic_call_state state;
        enum mic_verdict verdict; /* MIC_WEAK and above */
        usec_t lasts;             /* from the look on; USEC_NEVER: until it is over */
        char stream[MIC_ID_MAX];  /* that records now; "": none */
        struct mic_program program;
        /* for microphone.c only */
        char playback[MIC_ID_MAX];  /* that made it two-way; "": it never was */
        usec_t muted_at, silent_at; /* 0: not so */
        bool seen;
};

/* A stream that plays, and since when. */
struct mic_heard {
        char id[MIC_ID_MAX];
        usec_t since;
        bool still;
};

/* Embedded; zeroes to start with. Only calls[0..n_calls) may be read, and only their documented fields. */
struct microphone {
        struct mic_call calls[MIC_CALLS_MAX];
        size_t n_calls;
        struct mic_heard heard[MIC_HEARD_MAX];
        size_t n_heard;
};

/* Looks at all streams there are. Each call is on, or not any more: those that ended are told once, as
 * MIC_CALL_SILENT or MIC_CALL_OVER. Returns when to look again by itself, USEC_NEVER if not. */
usec_t microphone_look(struct microphone *m, struct mic_stream *streams, size_t n, const struct app_lists *lists,
                       usec_t now);
