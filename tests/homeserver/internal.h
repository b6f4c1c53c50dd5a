/* What the files of the scripted homeserver share. Everything in struct hs is under `lock`. */
#pragma once

#include <microhttpd.h>
#include <pthread.h>

#include "homeserver.h"
#include "presence.h"

#define HS_BODY_MAX     (1U << 20)
#define HS_SESSIONS_MAX 32
#define HS_FAULTS_MAX   32

struct hs_waiter {
        int fd; /* eventfd, written at every change */
        struct hs_waiter *next;
};

struct hs_session {
        char token[64], device[64];
        bool revoked, soft;
        int64_t seen; /* ms since 1970; 0: never */
};

struct hs_event {
        char *room;
        json_t *event;
        int64_t position, arrived;
        bool left; /* not an event: the user left the room */
};

struct hs_fault_slot {
        struct hs_fault fault;
        char *strings[6]; /* copies the fault points into */
        unsigned used;
        bool cleared;
};

struct hs {
        pthread_mutex_t lock;
        pthread_cond_t changed; /* for the test's thread */
        struct hs_waiter *waiters;
        struct MHD_Daemon *daemon;
        int reserved_fd; /* bound and never listening: keeps the port while stopped */
        uint16_t port;
        bool stopping;
        char url[64];
        struct hs_options options;

        struct presence_model presence;
        char *shown_state, *shown_message; /* as last told */
        char **shown;                      /* the states, as they came */
        size_t n_shown;
        json_t *other_presence; /* the last change of somebody else's, as an event */
        int64_t other_position;
        int64_t presence_position, presence_turn;
        void (*on_presence)(void *userdata, const char *presence, const char *message);
        void *on_presence_userdata;

        int64_t position;
        int64_t polled_from; /* the furthest position a poll went on from */
        unsigned epoch;
        struct hs_event *events;
        size_t n_events;
        json_t *account_data;           /* type: content */
        json_t *account_data_positions; /* type: position */
        json_t *filters;                /* array */
        json_t *profile;
        struct hs_session sessions[HS_SESSIONS_MAX];
        size_t n_sessions;
        char appservice[64]; /* its token; "": none */
        unsigned serial;

        struct hs_request **requests;
        size_t n_requests;
        struct hs_fault_slot faults[HS_FAULTS_MAX];
        size_t n_faults;
        unsigned faults_cleared; /* how often */
};

/* One request under way. */
struct hs_context {
        struct hs *s;
        struct MHD_Connection *connection;
        struct hs_request *request;
        struct hs_session *session; /* NULL: no valid token */
        bool appservice;            /* its token */
        struct hs_session no_device;
        char *segments[16]; /* of the path, decoded */
        size_t n_segments;
        const char *last; /* what the "*" at the end of the pattern matched */
        json_t *body;     /* NULL: none, or no JSON */
        /* the answer */
        unsigned status;
        json_t *answer;
};

int64_t hs_now(void);      /* ms, monotonic */
int64_t hs_wall_now(void); /* ms since 1970 */

/* Everything that waits looks again. */
void hs_changed(struct hs *s);
/* Compares what is shown with what was told last. */
void hs_presence_check(struct hs *s);
/* Whether the user may know their own presence. */
bool hs_presence_is_told(const struct hs *s);
json_t *hs_presence_event(const char *sender, const char *state, const char *message); /* sync.c */
/* Waits for a change, without the lock meanwhile. False: the client or the server is going. */
bool hs_wait_change(struct hs_context *c, struct hs_waiter *w, int64_t until);
void hs_waiter_add(struct hs *s, struct hs_waiter *w);
void hs_waiter_remove(struct hs *s, struct hs_waiter *w);

const char *hs_query(const struct hs_context *c, const char *key);
void hs_error(struct hs_context *c, unsigned status, const char *errcode, const char *error);
void hs_route(struct hs_context *c); /* answers; routes.c */
void hs_sync(struct hs_context *c);  /* sync.c */
void hs_messages(struct hs_context *c);
struct hs_session *hs_session_new(struct hs *s, const char *device_id);
