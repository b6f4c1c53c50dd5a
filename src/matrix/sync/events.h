/* /sync and /messages: bytes in, structs out. Takes a decrypted event as well as a plain one: what comes out
 * does not say where it was read. */
#pragma once

#include <jansson.h>

#include "matrix/calls/event.h"

/* Events taken from one answer, of the user and of all others each: those push out none of the user's. What is beyond
 * is dropped and `overflow` says so, and of messages, `cut_rooms` in which rooms. */
#define SYNC_EVENTS_MAX 20000

/* Order of events: room by room, and of each room its state, then timeline, then sticky. */
struct sync_batch {
        json_t *root;           /* owns everything borrowed here */
        json_t *no_content;     /* stands in where an event has none */
        const char *next_batch; /* never NULL */
        struct matrix_event *events;
        size_t n_events;
        bool overflow;
        const char **cut_rooms;
        size_t n_cut_rooms;
        struct sync_gap {
                const char *room_id, *prev_batch; /* NULL: the server does not say where it is */
        } * gaps;                                 /* rooms whose timeline is limited */
        size_t n_gaps;
        const char *torn_room; /* of a page of /messages: what was said in that room before it could not be read */
        json_t *gap_rooms;     /* owns the ids that sync_batch_add_gap() was given */
        const char **left_rooms;
        size_t n_left_rooms;
        bool own_presence;                 /* the last own m.presence; others' are skipped, whatever the filter was */
        const char *presence, *status_msg; /* status_msg "" if absent */
        struct sync_account_data {
                const char *type;
                const json_t *content;
        } * account_data;
        size_t n_account_data;
};

/* The members of `rooms` in an answer that name rooms in which the user is not; NULL ends them. One who was taken out
 * of a room and invited again between two answers is in the one for invites alone, on some servers. */
extern const char *const sync_rooms_not_joined[];

/* The position that each answer of /sync has; NULL: it is none, whoever has given it, and says nothing of what is not
 * in it. */
const char *sync_next_batch(const json_t *answer);
#define SYNC_NO_ANSWER "the answer to /sync is not one of a homeserver"

/* Parses an answer of /sync for the user `me`. Keeps a reference of its own of `root`. Returns -EBADMSG if it is no
 * such answer; anything odd inside is skipped. */
int sync_batch_new(struct sync_batch **ret, json_t *root, const char *me);
/* The same of a whole state, of which only the user's own state is taken: not every server leaves out the others', and
 * it must not fill the table. */
int sync_batch_new_of_state(struct sync_batch **ret, json_t *root, const char *me);
/* One more room to be read back, from the end of this batch. Copies the id. */
int sync_batch_add_gap(struct sync_batch *b, const char *room_id);
struct sync_batch *sync_batch_free(struct sync_batch *b);
CLEANUP(struct sync_batch, sync_batch_free);

/* Parses an answer of /messages?dir=b of one room: the events in order of arrival (oldest first), as EVENT_TIMELINE;
 * next_batch is "". State events are left out: what they said may have been replaced since. -EBADMSG if there is no
 * chunk. `room_id` must outlive the batch. */
int sync_batch_new_from_messages(struct sync_batch **ret, json_t *root, const char *me, const char *room_id);

/* What is of interest for calls; borrowed from the batch. */
struct room_events sync_batch_events(const struct sync_batch *b);
