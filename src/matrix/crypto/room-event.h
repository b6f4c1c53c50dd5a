/* Events of rooms: out of what is encrypted, what it stands for. Pure but for the table of what was read, which the
 * keys have. */
#pragma once

#include "matrix/calls/event.h"
#include "matrix/crypto/room-keys.h"

enum room_verdict {
        ROOM_READ,
        ROOM_NO_KEY,       /* there is none yet: a key may come after what it reads */
        ROOM_KEY_UNPROVEN, /* there is one, and nobody has said yet whose */
        /* Refused: */
        ROOM_NOT_ENCRYPTED, /* nothing that Megolm has encrypted */
        ROOM_OTHER_SENDER,  /* the key is another user's */
        ROOM_UNSIGNED_OWN,  /* in the user's own name, from a device that the user's identity has not signed, and not
                               that a call is over */
        ROOM_UNREADABLE,    /* older than the key, or forged */
        ROOM_NO_EVENT,      /* read, and no event is in it */
        ROOM_OTHER_ROOM,    /* was sent to another room, and put into this one */
        ROOM_REPLAYED,      /* was read before, as another event */
        ROOM_VERDICTS,
};

/* What was read. `event` borrows from `root` and from the event that it was read out of. */
struct room_plaintext {
        json_t *root;
        struct matrix_event event;
        bool unsigned_device; /* of a device that its owner's identity has not signed */
};
void room_plaintext_done(struct room_plaintext *p);
static inline void room_plaintext_done_scoped(struct room_plaintext *p) {
        room_plaintext_done(p);
}

/* The key that an m.room.encrypted needs: 0, or -EBADMSG if it is none of Megolm. Borrowed from the event. */
int room_event_session(const struct matrix_event *e, const char **ret_session_id);

/* Reads an event in the name of what the server says of it: sender, times and stickiness are those outside, type and
 * content those inside. A verdict, or -ENOMEM; *ret is set by ROOM_READ alone. */
int room_event_read(struct room_keys *keys, const char *me, const struct matrix_event *e, struct room_plaintext *ret);
