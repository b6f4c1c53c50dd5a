/* What an account reads in encrypted rooms, where its session is a verified device (matrix/crypto): carries out what
 * the receiver asks for, one request at a time, and puts what was read in the place of what was encrypted. An account
 * without such a device has none of this and asks for nothing. Reads no clock and owns no timer. */
#pragma once

#include <jansson.h>

#include "core/account-settings.h"
#include "core/base.h"
#include "matrix/calls/event.h"
#include "matrix/client/client.h"

struct kinds;

#define ENCRYPTED_KEY_BYTES 32

/* A device with keys that its user's identity does not sign keeps those who have verified the user from writing to
 * them: so long it may stay one, unless it has never been anything else, and at least so long after that was told. */
#define ENCRYPTED_UNSIGNED_MAX (UINT64_C(7) * 24 * USEC_PER_HOUR)
#define ENCRYPTED_TOLD_MIN     USEC_PER_HOUR

/* Where the device is kept. Borrowed, but for what `stored` points to. */
struct encrypted_keeper {
        const json_t *stored; /* as it was put last */
        const uint8_t *key;
        /* On disk when it returns 0. */
        int (*put)(void *userdata, const json_t *receiver);
        void *userdata;
};

struct encrypted_options {
        struct matrix_client *client;
        const char *account, *user_id; /* copied */
        enum encrypted_calls scope;
        uint32_t (*random)(void *userdata);
        void (*touched)(void *userdata);
        bool (*is_live)(void *userdata, const char *room_id); /* a call of the user goes on there */
        void *userdata;
};

enum encrypted_state {
        ENCRYPTED_CHECKING,   /* whether the user's identity has signed this device is being asked */
        ENCRYPTED_VERIFIED,   /* it has */
        ENCRYPTED_UNPROVEN,   /* an identity has that the user has not proved here: to be verified again */
        ENCRYPTED_UNVERIFIED, /* it has not, or not any more: to be verified again */
        ENCRYPTED_LOST,       /* the server has other keys of this device: to be logged in anew */
        ENCRYPTED_OFF, /* nothing is to be read; a device that harms others is ENCRYPTED_UNVERIFIED there, too */
        ENCRYPTED_STATES,
};

struct encrypted_facts {
        enum encrypted_state state;
        bool harms;           /* it has stayed without its signature too long: the session is to be ended */
        size_t n_withholding; /* users who do not give their keys */
        size_t n_unreadable;  /* what no key fits, since the start */
};

/* NULL in all of what follows is an account without: what has to be read is there as it is. */
struct encrypted;

/* -EBADMSG: what is stored is broken, of another library, or of a newer busyd; -EKEYREJECTED: of another key;
 * -EOPNOTSUPP: built without; -ENOPKG: the library is not installed; -ENOMEM. */
int encrypted_new(struct encrypted **ret, const struct encrypted_keeper *keeper,
                  const struct encrypted_options *options, const struct instant *at);
struct encrypted *encrypted_free(struct encrypted *e);
CLEANUP(struct encrypted, encrypted_free);

/* What is read: from the next answer on. Where that is nothing, only whether the device harms others is looked at. */
void encrypted_set_scope(struct encrypted *e, enum encrypted_calls scope);

/* Of an answer of /sync all but events of calls, as it came, before anything else is made of it. What it brought is on
 * disk when it returns 0. Below 0: it must not count as come. */
int encrypted_take(struct encrypted *e, const json_t *answer, const struct instant *at);
/* A whole state was taken: who is in which room is to be looked at anew. */
void encrypted_resync(struct encrypted *e);
/* Whether events that have come wait for an answer on whose devices they are of: they may end what others begin. */
bool encrypted_awaits(const struct encrypted *e, usec_t now);
/* Whether what comes next should not be waited for long: keys have come, which are sent before what they read. */
bool encrypted_expects(struct encrypted *e);

/* What has followed in that room is not known, NULL: in any, nor whose devices have changed. Events there whose keys
 * have not come begin nothing from then on, unless they are given again; what they end, they end. */
void encrypted_torn(struct encrypted *e, const char *room_id);

/* Tells the calls of events, with what can be read in the place of what is encrypted. -ENOMEM: of none that is
 * encrypted, and all are to be given again. */
int encrypted_apply(struct encrypted *e, struct kinds *kinds, const struct room_events *events,
                    const struct instant *at);
/* The same of events of before whose keys have come since. Returns whether there were any, or -ENOMEM: nothing of it
 * is to be committed before the rest has come as well, for which encrypted_run() names the time. */
int encrypted_apply_late(struct encrypted *e, struct kinds *kinds, const struct instant *at);

/* Once a turn: does what is due, and returns when to run next. `says` as set_presence of /sync; NULL: the server
 * cannot be asked now. */
usec_t encrypted_run(struct encrypted *e, const char *says, const struct instant *at);
/* A person asks for it: every wait is over. */
void encrypted_retry_now(struct encrypted *e);
/* The server answers again: a wait that was only a back-off is over. */
void encrypted_answers_again(struct encrypted *e);
/* Drops what is in flight: it is asked again. */
void encrypted_stop(struct encrypted *e);

/* False: there is nothing of all this. */
bool encrypted_facts(const struct encrypted *e, struct encrypted_facts *ret);
