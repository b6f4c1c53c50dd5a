/* What the user has configured for one Matrix account. Config fills it, the account and its outputs read it. */
#pragma once

#include "core/base.h"

/* An account's name: [A-Za-z0-9_-], so that it can be a file name, a section and a part of an object path. */
#define ACCOUNT_NAME_MAX 64
/* Letters of a name that is given now: busyd.conf has no longer one in the name of a section. */
#define ACCOUNT_NAME_NEW_MAX 40
#define ACCOUNTS_MAX         128
bool account_name_is_valid(const char *name);

enum presence_mode {
        PRESENCE_AUTO,
        PRESENCE_BUSY,
        PRESENCE_STATUS, /* message only */
        PRESENCE_OFF,
};

/* Which calls are looked for in encrypted rooms, once the session was verified. */
enum encrypted_calls {
        ENCRYPTED_CALLS_DM,  /* in rooms of two, and the user's own anywhere */
        ENCRYPTED_CALLS_OWN, /* what the user's own devices say of calls, and nobody else's */
        ENCRYPTED_CALLS_OFF,
};

struct account_settings {
        enum presence_mode presence;
        const char *message;     /* shown during a call; "": the user's own message is kept */
        bool profile_call;       /* say in the profile that the user is in a call */
        usec_t poll_timeout;     /* of a long poll, 10 s to 1 h */
        usec_t poll_pause;       /* at most, after an answer that carried nothing for us */
        usec_t refresh_interval; /* overrides the traits'; 0: as they say */
        usec_t call_cap;         /* a call that nothing is heard of any more ends then */
        enum encrypted_calls encrypted_calls;
};
