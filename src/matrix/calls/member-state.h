/* State events by which the user's clients say that they are in a call: one entry per room, type and state key. The
 * last event of anybody wins there; it counts while it is the user's and not expired. */
#pragma once

#include "matrix/calls/report-set.h"

struct own_state_kind {
        const struct call_family *family;
        const char *what; /* of reports */
        bool announced;   /* struct call_report */
        /* Whether the content says "in a call", and when that began and runs out. */
        bool (*read)(const struct matrix_event *e, const struct observer_time *t, moment_t *ret_since,
                     moment_t *ret_until);
};

/* What `new` of such a family calls; `kind` is static. */
int own_state_new(struct observer **ret, const struct observer_context *context, const struct own_state_kind *kind);
struct observer *own_state_free(struct observer *o);
void own_state_event(struct observer *o, const struct matrix_event *e, const struct observer_time *t);
void own_state_commit(struct observer *o, const struct observer_time *t);
void own_state_room_left(struct observer *o, const char *room_id);
void own_state_resync(struct observer *o, bool begins);
usec_t own_state_deadline(const struct observer *o);
bool own_state_in_call(const struct observer *o);

/* The family: its name, the types of its state, and its `new`. */
#define OWN_STATE_FAMILY(title, types, new_observer)                                                                  \
        {                                                                                                             \
                .name = (title), .message_types = (const char *const[]){ NULL }, .state_types = (types),              \
                .new = (new_observer), .free = own_state_free, .event = own_state_event, .commit = own_state_commit,  \
                .room_left = own_state_room_left, .resync = own_state_resync, .deadline = own_state_deadline,         \
                .tick = own_state_commit, .in_call = own_state_in_call,                                               \
        }
