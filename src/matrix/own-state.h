/* State events by which the user's clients say that they are in a call: one entry per room, type and state key. The
 * last event of anybody wins there; it counts while it is the user's and not expired. */
#pragma once

#include "matrix/family-tools.h"

struct own_state_kind {
        const char *name; /* begins the ids of reports */
        const char *what; /* of reports */
        const char *const *types;
        bool announced; /* struct call_report */
        /* Whether the content says "in a call", and when that began and runs out. */
        bool (*read)(const struct matrix_event *e, const struct observer_time *t, moment_t *ret_since,
                     moment_t *ret_until);
};

/* The functions of a call_family of this kind; `kind` is static. */
int own_state_new(struct observer **ret, const struct observer_context *context, const struct own_state_kind *kind);
struct observer *own_state_free(struct observer *o);
void own_state_event(struct observer *o, const struct matrix_event *e, const struct observer_time *t);
void own_state_commit(struct observer *o, const struct observer_time *t);
void own_state_room_left(struct observer *o, const char *room_id);
void own_state_resync(struct observer *o, bool begins);
usec_t own_state_deadline(const struct observer *o);
bool own_state_in_call(const struct observer *o);
