/* The calls of one account, of every kind: fed answer by answer, told the time, asked for the next deadline. Pure. */
#pragma once

#include "core/base.h"
#include "matrix/calls/event.h"
#include "matrix/calls/kind.h"

struct kinds;

/* Copies the context's strings, borrows its sink; its `full` and `lacks` are not looked at. */
int kinds_new(struct kinds **ret, const struct kind_context *context);
struct kinds *kinds_free(struct kinds *k); /* reports nothing; NULL is fine; returns NULL */
CLEANUP(struct kinds, kinds_free);

/* What to ask the server for: arrays of event types, NULL if out of memory. */
json_t *kinds_message_types_new(void);
json_t *kinds_state_types_new(void);
/* What ends calls but concerns every room, so that it is wanted only while there is a call: memberships, redactions.
 */
json_t *kinds_in_call_types_new(void);

/* The events of an answer. Nothing is reported before kinds_commit(). */
void kinds_apply(struct kinds *k, const struct room_events *events, const struct kind_time *t);
/* An event that cannot be read will never be: whatever calls it may have ended are not believed in any more. */
void kinds_lost(struct kinds *k, const struct matrix_event *e, const struct kind_time *t);
/* Whether something of what was applied or committed since the last time could not be remembered for want of memory.
 * Then the answer is to be applied once more, and not committed before: what comes twice counts once. */
bool kinds_take_lack(struct kinds *k);
/* What was applied is a whole: reports. Returns whether anything since the last time concerns a call of the user: said
 * by the user, said in a room with such a call, or a call began, changed or ended by it. */
bool kinds_commit(struct kinds *k, const struct kind_time *t);
/* What was reported may be over, and nobody told: the sink is told so, and with the next kinds_commit() that it is not
 * so any more. */
void kinds_doubt(struct kinds *k);
/* Around kinds_apply() of a whole state: what is not in it is gone. */
void kinds_resync(struct kinds *k, bool begins);

/* Ends what has run out by `now`; returns the next deadline, USEC_NEVER if there is none. */
usec_t kinds_run(struct kinds *k, usec_t now);

bool kinds_in_call(const struct kinds *k);
/* A call of the user, in whatever phase, is in that room. */
bool kinds_has_room(const struct kinds *k, const char *room_id);
/* Whether a kind listens to messages of that type. */
bool kinds_want_message(const char *type);
/* Whether a message can only end calls. */
bool kinds_only_end(const struct matrix_event *e);
/* See call_kind.rooms. */
size_t kinds_rooms(const struct kinds *k, const char **ret, size_t max);
/* See call_kind.unseen; the types of that state, NULL if out of memory. */
json_t *kinds_unseen_types_new(void);
size_t kinds_unseen(const struct kinds *k, const char **ret, size_t max);
/* That state; NULL: it cannot be had. Reports. */
void kinds_looked(struct kinds *k, const struct room_events *state, const struct kind_time *t);
void kinds_set_call_cap(struct kinds *k, usec_t call_cap);
/* Once for each kind: what there was more of than is looked at; else NULL. Static. */
const char *kinds_take_full(struct kinds *k);
