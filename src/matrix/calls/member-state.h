/* State events by which the user's clients say that they are in a call: one entry per room, type and state key. The
 * last event of anybody wins there; it counts while it is the user's and not expired. */
#pragma once

#include "matrix/calls/report-set.h"

struct member_state_kind {
        const struct call_kind *kind;
        const char *what, *sign; /* of reports */
        bool announced;          /* struct call_report */
        /* Whether the content says "in a call", and when that began and runs out. */
        bool (*read)(const struct matrix_event *e, const struct kind_time *t, moment_t *ret_since,
                     moment_t *ret_until);
};

/* What `new` of such a kind calls; `kind` is static. */
int member_state_new(struct kind_calls **ret, const struct kind_context *context,
                     const struct member_state_kind *kind);
struct kind_calls *member_state_free(struct kind_calls *o);
void member_state_event(struct kind_calls *o, const struct matrix_event *e, const struct kind_time *t);
void member_state_commit(struct kind_calls *o, const struct kind_time *t);
void member_state_room_left(struct kind_calls *o, const char *room_id);
void member_state_resync(struct kind_calls *o, bool begins);
usec_t member_state_deadline(const struct kind_calls *o);
bool member_state_in_call(const struct kind_calls *o);
bool member_state_has_room(const struct kind_calls *o, const char *room_id);

/* The kind: its name, the types of its state, and its `new`. */
#define MEMBER_STATE_KIND(title, types, new_calls)                                                                    \
        {                                                                                                             \
                .name = (title), .message_types = (const char *const[]){ NULL }, .state_types = (types),              \
                .new = (new_calls), .free = member_state_free, .event = member_state_event,                           \
                .commit = member_state_commit, .room_left = member_state_room_left, .resync = member_state_resync,    \
                .deadline = member_state_deadline, .in_call = member_state_in_call,                                   \
                .has_room = member_state_has_room,                                                                    \
        }
