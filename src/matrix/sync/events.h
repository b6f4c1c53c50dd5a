/* /sync and /messages: bytes in, structs out. Takes a decrypted event as well as a plain one: what comes out
 * does not say where it was read. */
#pragma once

#include <jansson.h>

#include "core/base.h"

/* Events taken from one answer; what is beyond is dropped and `overflow` says so. */
#define SYNC_EVENTS_MAX 20000

/* The specification's limit of user, room and event ids, types and state keys: longer ones do not come through. */
#define MATRIX_ID_BYTES_MAX 255

enum event_place {
        EVENT_STATE,    /* state before the timeline */
        EVENT_TIMELINE, /* new, in order of arrival */
        EVENT_STICKY,   /* sticky section of MSC4354 */
};

/* Strings are borrowed from the batch. Absent strings are NULL. */
struct matrix_event {
        enum event_place place;
        const char *room_id;
        const char *type;
        const char *sender;
        const char *event_id;
        const char *state_key;    /* NULL: not a state event */
        const char *redacts;      /* of m.room.redaction, from either place the spec allows */
        int64_t origin_server_ts; /* ms since 1970; 0: absent */
        int64_t age;              /* ms at response time, from unsigned.age; -1: absent */
        int64_t sticky_duration;  /* ms, MSC4354; -1: not sticky */
        int64_t sticky_ttl;       /* ms left at response time; -1: absent */
        const json_t *content;    /* an object, possibly empty; never NULL */
};

/* Order of events: room by room, and of each room its state, then timeline, then sticky. */
struct sync_batch {
        json_t *root;           /* owns everything borrowed here */
        json_t *no_content;     /* stands in where an event has none */
        const char *next_batch; /* never NULL */
        struct matrix_event *events;
        size_t n_events;
        bool overflow;
        struct sync_gap {
                const char *room_id, *prev_batch;
        } * gaps; /* rooms whose timeline is limited */
        size_t n_gaps;
        const char *torn_room; /* of a page of /messages: what was said in that room before it could not be read */
        json_t *gap_rooms;     /* owns the ids that sync_batch_add_gap() was given */
        const char **left_rooms;
        size_t n_left_rooms;
        bool own_presence;                 /* the last own m.presence; others' are skipped, whatever the filter was */
        const char *presence, *status_msg; /* status_msg "" if absent */
        int64_t last_active_ago;           /* ms; -1: absent */
        struct sync_account_data {
                const char *type;
                const json_t *content;
        } * account_data;
        size_t n_account_data;
};

/* Parses an answer of /sync for the user `me`. Keeps a reference of its own of `root`. Returns -EBADMSG if it is no
 * such answer (no next_batch string); anything odd inside is skipped. */
int sync_batch_new(struct sync_batch **ret, json_t *root, const char *me);
/* One more room to be read back, from the end of this batch. Copies the id. */
int sync_batch_add_gap(struct sync_batch *b, const char *room_id);
struct sync_batch *sync_batch_free(struct sync_batch *b);
CLEANUP(struct sync_batch, sync_batch_free);

/* Parses an answer of /messages?dir=b of one room: the events in order of arrival (oldest first), as EVENT_TIMELINE;
 * next_batch is "". State events are left out: what they said may have been replaced since. -EBADMSG if there is no
 * chunk. `room_id` must outlive the batch. */
int sync_batch_new_from_messages(struct sync_batch **ret, json_t *root, const char *me, const char *room_id);
