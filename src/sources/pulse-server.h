/* What PulseAudio's server says: who records, and while that is wanted who plays. Opens no stream of its own, and does
 * not start a server. */
#pragma once

#include <systemd/sd-event.h>

#include "sources/pipewire-rule.h"

/* Streams of each direction that are looked at; a server has some dozens. */
#define PULSE_STREAMS_MAX 1024

#define PULSE_ID_MAX  24
#define PULSE_APP_MAX 128

enum pulse_state {
        PULSE_STARTING, /* the snapshot is not complete */
        PULSE_COMPLETE,
        PULSE_DOWN, /* no server, no streams */
};

struct pulse_stream {
        char id[PULSE_ID_MAX]; /* unlike PulseAudio's index, never used again */
        struct facts facts;
        bool running;
        pid_t process; /* 0: not known for sure */
        char app[PULSE_APP_MAX];
        unsigned verdict; /* for whoever looks at it; 0 to start with */
};

struct pulse_server;

/* changed(): streams or the state did; pulse_server_run() wants to run before this turn of the loop ends. */
int pulse_server_new(struct pulse_server **ret, sd_event *event, void (*changed)(void *userdata), void *userdata);
struct pulse_server *pulse_server_free(struct pulse_server *s);
CLEANUP(struct pulse_server, pulse_server_free);

/* Connects if that is due. Returns when to run next; USEC_NEVER: not before a change. */
usec_t pulse_server_run(struct pulse_server *s, usec_t now);

enum pulse_state pulse_server_state(const struct pulse_server *s);
const char *pulse_server_problem(const struct pulse_server *s); /* while it is down, for people */

/* Streams that play are known only while they are watched. At first they are not. */
void pulse_server_watch_playback(struct pulse_server *s, bool watch);

/* Start with NULL, ends with NULL. */
struct pulse_stream *pulse_server_next(struct pulse_server *s, struct pulse_stream *previous);
