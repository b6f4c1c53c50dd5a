/* Which encrypted rooms may have calls of two, and with whom: legacy calls are made in rooms of two people, so that
 * nothing else has to be read. Fed with answers of /sync; pure. Until it has seen every room once, each may be one. */
#pragma once

#include <jansson.h>

#include "core/base.h"

#define ENCRYPTED_ROOMS_MAX 2000
/* Rooms of which the server has to be asked who is in them, until the next look at all. */
#define ENCRYPTED_ROOMS_ASKED_MAX 200

struct encrypted_rooms {
        json_t *of; /* {ROOM: {joined, invited, other?, asked?}} */
        bool seen;  /* every room, once */
        unsigned n_asked;
};

int encrypted_rooms_init(struct encrypted_rooms *r);
void encrypted_rooms_done(struct encrypted_rooms *r);

/* The filter of a look at all of them; NULL if out of memory. */
json_t *encrypted_rooms_filter_new(void);

/* An answer of /sync. `all`: to that look, whatever is not in it is gone. Returns 1 if anything changed, or 0;
 * -ENOMEM: to be given again; -EBADMSG, changing nothing: it is no such answer, and says nothing of what is gone. */
int encrypted_rooms_take(struct encrypted_rooms *r, const json_t *answer, bool all);

/* A message came in a room that is not known: the server is to be asked. -ENOMEM. */
int encrypted_rooms_note(struct encrypted_rooms *r, const char *room_id);
/* A room of which it is not known who is in it; NULL: none. Borrowed until the next change. */
const char *encrypted_rooms_unclear(const struct encrypted_rooms *r);
/* The answer to GET /rooms/ROOM/joined_members; NULL: it cannot be had. It is not unclear after that. -ENOMEM, or
 * -EBADMSG, changing nothing: it is no such answer. */
int encrypted_rooms_clear_up(struct encrypted_rooms *r, const char *room_id, const json_t *answer, const char *me);

/* At most two people are in it, as far as is known. */
bool encrypted_rooms_may_have_calls(const struct encrypted_rooms *r, const char *room_id);

/* The other ones in rooms of two: at most `max`, borrowed until the next change. False: it is not known of all. */
bool encrypted_rooms_others(const struct encrypted_rooms *r, const char **ret, size_t max, size_t *ret_n);
