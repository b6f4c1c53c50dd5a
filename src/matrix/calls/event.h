/* Events of rooms as structs: what the kinds of calls are fed with, wherever it was read and whether or not it was
 * decrypted. Made by sync/events.c. */
#pragma once

#include <jansson.h>

#include "core/base.h"

/* The specification's limit of user, room and event ids, types and state keys: longer ones do not come through. */
#define MATRIX_ID_BYTES_MAX 255

enum event_place {
        EVENT_STATE,    /* state before the timeline */
        EVENT_TIMELINE, /* new, in order of arrival */
        EVENT_STICKY,   /* sticky section of MSC4354 */
};

/* Strings are borrowed from whoever made it. Absent strings are NULL. */
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

/* The events of one answer. Order: room by room, and of each room its state, then timeline, then sticky. Borrowed. */
struct room_events {
        const struct matrix_event *events;
        size_t n_events;
        const char *const *left_rooms; /* the user is no longer in them */
        size_t n_left_rooms;
        const char *torn_room; /* of a page of older events: what was said in that room before it could not be read */
};
