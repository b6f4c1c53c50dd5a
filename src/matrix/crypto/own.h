/* Whether this device is still what the user's identity has signed, as the server shows it. Pure. */
#pragma once

#include <jansson.h>

#include "core/base.h"

enum own_state {
        OWN_UNKNOWN,  /* not asked yet */
        OWN_SIGNED,   /* as it should be: others may give it keys */
        OWN_UNPROVEN, /* signed, as others see it, by an identity that the user has not proved here */
        OWN_UNSIGNED, /* the user has another identity now, or ours has lost its signature: to be verified again */
        OWN_GONE,     /* the server has no keys of this device: they were never uploaded, or it was signed out */
        OWN_OTHER,    /* ... has other ones: what we have is old or a copy; to be logged in anew */
        OWN_STATES,
};

struct own_device {
        const char *user_id, *device_id;
        const char *curve25519, *ed25519;
        const char *master; /* the user's key as it was when they verified */
};

/* What an answer of /keys/query, asked for the own user, shows; OWN_UNKNOWN if it does not speak of that user, or
 * there is no memory to look at it. */
enum own_state own_judge(const struct own_device *own, const json_t *answer);
