/* An encrypted direct room with somebody who calls and the user's own phone, which answers: devices of their own, by
 * libolm, that do what current clients do. They give their keys to busyd's device, as the server shows it. */
#pragma once

#include "crypto/sender.h"
#include "system/harness.h"

#define DM_ROOM "!dm:test"

struct dm {
        struct world *w;
        struct sender caller, phone;
        struct receiver_keys busyd; /* all zero: not met yet */
        json_t *last;               /* what was said last, encrypted */
};

/* The user's identity, with its recovery, has signed the phone; busyd's device is not there yet. Between
 * load_recorded() and drop_recorded(). */
void dm_begin(struct dm *d, struct world *w);
void dm_end(struct dm *d);
/* busyctl verify, which must succeed. */
void dm_verify(struct dm *d);

/* Both make a new key of the room and send it to busyd's device. False: it has no keys for them to begin with. */
bool dm_give_keys(struct dm *d);
/* The same of one of them, to be sent later: takes it with hs_to_device(). NULL: as above. */
json_t *dm_key_message(struct dm *d, struct sender *from);

/* Events of a call, encrypted: invite and hangup are the caller's, the answer the phone's. */
void dm_invite(struct dm *d, const char *call_id);
void dm_answer(struct dm *d, const char *call_id);
void dm_hangup(struct dm *d, const char *call_id);
/* With new keys: the call goes on. */
void dm_call(struct dm *d, const char *call_id);
/* What `from` says in the room; `content` is stolen. */
void dm_say(struct dm *d, struct sender *from, const char *type, json_t *content);
