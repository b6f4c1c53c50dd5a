/* Events whose key has not come yet: keys and events travel by different ways, and either can be first. In memory
 * only. */
#pragma once

#include "matrix/calls/event.h"

#define LATE_MAX          256
#define LATE_PER_ROOM_MAX 32
#define LATE_LOST_MAX     32            /* rooms and senders of one answer */
#define LATE_KEPT_USEC    USEC_PER_HOUR /* an invite that old rings no more */

struct late;

int late_new(struct late **ret);
struct late *late_free(struct late *l);
CLEANUP(struct late, late_free);

/* Keeps a copy of an encrypted event until a key of that session comes. In a full room, and in a full table, the
 * oldest one goes, see late_take_lost(). 1, or 0 if it is kept already, torn no more; -ENOMEM. */
int late_put(struct late *l, const struct matrix_event *e, const char *session_id, usec_t now);

/* An event that is kept. */
struct late_event {
        struct matrix_event event; /* its `age` and `sticky_ttl` are those of the moment when it was found */
        json_t *owner;             /* of all that the event borrows */
        bool torn;                 /* see late_tear() */
};
void late_event_done(struct late_event *e);
static inline void late_event_done_scoped(struct late_event *e) {
        late_event_done(e);
}

/* The oldest event that waits for this session of the room, now that its key is there: 1, or 0 if there is none. It
 * stays in the table until it was dealt with. */
int late_find(const struct late *l, const char *room_id, const char *session_id, usec_t now, struct late_event *ret);
void late_remove(struct late *l, const struct late_event *e);

/* What has followed those of a room is not known, NULL: those of any. They stay, since one may be the end of what is
 * known to have begun. */
void late_tear(struct late *l, const char *room_id);

/* One that went for want of room since the last time, of each sender in a room the newest: 1, or 0. It may have been
 * the end of what is known to have begun. */
int late_take_lost(struct late *l, usec_t now, struct late_event *ret);

/* To look at all of them, the oldest first: 1, or 0 beyond the last one. Borrowed until the next change. */
int late_at(const struct late *l, size_t i, const char **ret_room_id, const char **ret_session_id);

/* Ends those that are too old, but for those in rooms where a call goes on, which one may end; `is_live` NULL: there
 * is none. When to run next. */
usec_t late_run(struct late *l, usec_t now, bool (*is_live)(void *userdata, const char *room_id), void *userdata);
size_t late_count(const struct late *l);
