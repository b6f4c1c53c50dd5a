/* Slots of MSC4143: where in a room a group call may take place. Many clients know nothing of them, so that only a
 * slot which somebody has closed says anything: its members are in no call until it is opened again. */
#pragma once

#include "matrix/calls/event.h"

/* Closed ones that are remembered. */
#define SLOTS_CLOSED_MAX 32

struct slot {
        char *room_id, *id;
        int64_t closed_at_msec; /* by its server's clock */
        bool doubtful;          /* may have been opened in a gap */
};

/* Embedded; all zero is empty. */
struct slots {
        struct slot closed[SLOTS_CLOSED_MAX];
        size_t n;
};

/* A slot that matters is not forgotten for one that does not. */
typedef bool (*slot_matters_t)(const void *userdata, const char *room_id, const char *slot_id);

void slots_done(struct slots *s);
bool slots_is_of_slot(const struct matrix_event *e);
/* Takes what the event says, if it is a slot's. 0, or -ENOMEM: what was known of it stands. */
int slots_event(struct slots *s, const struct matrix_event *e, slot_matters_t matters, const void *userdata);
/* Events may have been missed: whoever joins from now on says that the slot is open. */
void slots_doubt(struct slots *s);
void slots_drop_room(struct slots *s, const char *room_id);
/* Whether a join that was sent at that time is of no effect. `slot_id` may be NULL: names none. */
bool slots_is_closed(const struct slots *s, const char *room_id, const char *slot_id, int64_t joined_at_msec);
