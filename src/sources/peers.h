/* Whether a program has a connection to a peer: for engines that open playback with every capture, so that two-way
 * sound says nothing of them. Gecko is one: its streams are the same in a call and for a voice message.
 *
 * Known by the processes that the program has started:
 *   - the thread that Gecko has for calls, as long as there is a peer connection with sound or pictures;
 *   - where no thread has a name that Gecko gives to those of WebRTC, and so that one may have another name, by a UDP
 *     socket that waits for anybody: a peer connection gathers such ones on each interface before it is made, also
 *     where its sound then goes another way. A page that only passes data has them as well, so where threads are known
 *     by their names they say nothing. The program's own are not looked at: HTTP/3 has them too.
 * What has ended meanwhile has neither. Nothing is opened but what /proc says of the user's own processes. */
#pragma once

#include <sys/types.h>

#include "core/base.h"

enum peers {
        PEERS_UNKNOWN, /* cannot be seen: it counts as if there were one */
        PEERS_NONE,
        PEERS_LIVE,
};

/* Of the program with that process; 0: not known. */
enum peers peers_look(pid_t pid);

/* Captures that are looked at, at one time; of more nothing is known. */
#define PEERS_MAX    8
#define PEERS_ID_MAX 24

/* What is known of each capture stream. Embedded; zeroes to start with. */
struct peers_memory {
        struct peers_entry {
                char id[PEERS_ID_MAX]; /* "": free */
                usec_t since, look_at;
                enum peers peers;
                bool seen;
        } entries[PEERS_MAX];
};

/* Those not asked about since the last time are forgotten. Returns when to ask about the others again, USEC_NEVER if
 * not before something changes. */
usec_t peers_run(struct peers_memory *m);

/* Of a capture stream that runs. A page may take the microphone first and call later, so as long as nobody is
 * seen it is looked at again, each time after as long as it has gone on by then; once there is somebody, that holds as
 * long as the stream. */
enum peers peers_of(struct peers_memory *m, const char *id, pid_t pid, usec_t now);
