/* What is encrypted in a world: the user's identity, the device of somebody who calls and the user's phone, which give
 * their keys to the devices of busyd, late, or not at all, and lose their sessions with them. They do what current
 * clients do. NULL in all of what follows is a world in which nothing is encrypted. */
#pragma once

#include <jansson.h>

#include "door.h"
#include "model.h"

#define DEVICES_CALLER "@you:test"

struct devices;

/* NULL: built without encryption. */
struct devices *devices_new(struct model *m, uint64_t seed, unsigned reset_percent);
struct devices *devices_free(struct devices *d);
CLEANUP(struct devices, devices_free);

/* As `busyctl verify` does for the device of that session, whose keys in the state folder nobody uses now: makes them,
 * or signs those that are there again. */
void devices_verify(struct devices *d, const char *state_dir, const char *account, const char *device);
/* ... and as `busyctl logout` ends them. */
void devices_log_out(struct devices *d, const char *state_dir, const char *account, const char *device);
/* The user's identity signs it now: since when; USEC_NEVER: it does not, or it has no keys. */
usec_t devices_signed_since(struct devices *d, const char *device);
/* It has keys there, and no signature of that identity: since when; USEC_NEVER: it is not so. */
usec_t devices_unsigned_since(struct devices *d, const char *device);

/* ... and it never had one: it was introduced so that it could be compared. */
bool devices_never_signed(struct devices *d, const char *device);

/* What happens before a call in that room: a session is lost, a key is held back or comes late; the user resets their
 * identity, but not while another call goes on. */
void devices_before_call(struct devices *d, const char *room, bool alone);
/* A message to a room, encrypted: `event` {type, sender, content} is taken. */
void devices_say(struct devices *d, const char *room, json_t *event);
/* The keys of what the caller and the phone say in that room are with the device: since when (which may be later than
 * now); USEC_NEVER: they will not be. */
usec_t devices_readable_at(struct devices *d, const char *room, const char *device);

/* The same of what that user says there. */
usec_t devices_read_since(struct devices *d, const char *room, const char *user, const char *device);

usec_t devices_deadline(struct devices *d);
void devices_run(struct devices *d);

/* How comparing emoji has ended. */
enum comparing_end {
        COMPARING_GOES_ON, /* it has not */
        COMPARING_SIGNED,
        COMPARING_UNANSWERED,
        COMPARING_CANCELLED_HERE,
        COMPARING_CANCELLED_THERE,
        COMPARING_REFUSED,  /* by what was said: the identity is another one by now */
        COMPARING_UNSIGNED, /* both agree, and the signature does not come */
        COMPARING_KILLED,   /* busyctl was, and somebody keeps watch */
        COMPARING_CUT,      /* the machine went down, and whoever keeps watch with it */
        COMPARING_ENDS,
};

struct devices_counters {
        uint64_t worlds, verified, resets, lost, withheld, late, room_keys, said, healed, shown, farewells;
        uint64_t compared[COMPARING_ENDS]; /* COMPARING_GOES_ON: how often it was begun */
};
void devices_count_farewell(struct devices *d);
void devices_count_shown(struct devices *d);
void devices_count_compared(struct devices *d, enum comparing_end end);
/* Since the last time. */
struct devices_counters devices_counters(struct devices *d);
void devices_counters_add(struct devices_counters *to, const struct devices_counters *from);

/* Looked at by whoever judges: what one device of busyd asks for may be asked for. NULL: it may; else what is wrong,
 * borrowed. */
const char *devices_judge_request(struct devices *d, const char *method, const char *uri, const char *body);
/* What must be true of the server: as above. */
const char *devices_judge(struct devices *d);
