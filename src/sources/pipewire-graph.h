/* What is in PipeWire's graph, as far as microphone and camera need it: capture streams, cameras and who sees them.
 * One graph and one connection for all sources of the process. Opens no stream of its own. */
#pragma once

#include <systemd/sd-event.h>

#include "sources/pipewire-rule.h"

/* Objects of each kind that are looked at; a graph has some dozens. */
#define GRAPH_OBJECTS_MAX 1024
/* Sources that share the graph. */
#define GRAPH_LISTENERS_MAX 2

#define GRAPH_APP_MAX 128

enum graph_state {
        GRAPH_STARTING, /* the snapshot is not complete */
        GRAPH_COMPLETE,
        GRAPH_DOWN, /* no server, no nodes */
};

struct graph_listener {
        void (*changed)(void *userdata);              /* nodes or the state did; graph_run() wants to run */
        void (*gone)(void *userdata, const char *id); /* of a node */
        void *userdata;
};

struct node {
        char id[24]; /* unlike PipeWire's, never used again */
        struct facts facts;
        bool running;
        unsigned noted[GRAPH_LISTENERS_MAX]; /* a listener's own */
};

struct graph;

/* Joins the graph, making it if nobody has; listener->changed() comes later. `ret_slot`: the index in noted[]. */
int graph_join(struct graph **ret, sd_event *event, const struct graph_listener *listener, size_t *ret_slot);
void graph_leave(struct graph *g, size_t slot);

/* Any of those who joined may run it, all of them should. Returns when to run next; USEC_NEVER: not before a change.
 */
usec_t graph_run(struct graph *g, usec_t now);

/* Playback streams are among the nodes only while they are watched. At first they are not. */
void graph_watch_playback(struct graph *g, bool watch);

enum graph_state graph_state(const struct graph *g);
const char *graph_problem(const struct graph *g); /* while it is down */

/* Start with NULL, ends with NULL. */
struct node *graph_next(struct graph *g, struct node *previous);
/* Whether video goes from one to the other. */
bool graph_is_linked(const struct graph *g, const struct node *from, const struct node *to);

/* What is known of the client that a node belongs to; NULL: nothing. Borrowed until the next turn. */
const struct facts *graph_client(const struct graph *g, const struct node *n);

/* The process of the program behind a node; 0: not known for sure, as for one in a sandbox. */
pid_t graph_process(const struct graph *g, const struct node *n);

/* The names of the program behind a node, and the one that is shown: one of identity.h, "" if there is none. Borrowed
 * until the next turn. */
const char *graph_identify(struct graph *g, struct node *n, struct app_names *ret_names);
