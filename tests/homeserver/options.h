/* What a homeserver of the tests is like. */
#pragma once

#include "core/base.h"

#define HS_USER     "@me:test"
#define HS_PASSWORD "correct horse"
#define HS_BUSY     "org.matrix.msc3026.busy"

/* Whose rules for presence it follows (how they differ: presence.c). */
enum hs_kind {
        HS_SYNAPSE,
        HS_SYNAPSE_OLD, /* before 1.93 */
        HS_TUWUNEL,
        HS_CONTINUWUITY,
        HS_DENDRITE,
        HS_UNKNOWN, /* does not say what it is */
};

/* How the tokens of sessions end and are renewed (tokens.c). */
enum hs_renewal {
        HS_RENEWAL_NONE,    /* they live for ever */
        HS_RENEWAL_SYNAPSE, /* POST /refresh */
        HS_RENEWAL_OAUTH,   /* at an authorization server, which is below HS_TOKEN_PATH of the same one */
        HS_RENEWAL_COMPAT,  /* such a server's POST /refresh: whoever repeats one, loses the session */
};
#define HS_CLIENT_ID   "client"
#define HS_TOKEN_PATH  "/_matrix/oauth2/token"
#define HS_REVOKE_PATH "/_matrix/oauth2/revoke"

struct hs_options {
        enum hs_kind kind;
        enum hs_renewal renewal;
        int64_t token_msec;        /* how long an access token lives that can be renewed */
        bool hidden;               /* says nowhere what it is, as behind some proxies */
        bool activity;             /* tells when the user was really active, instead of "just now" */
        bool busy_off;             /* Synapse without msc3026_enabled */
        bool profile_off;          /* takes no fields in the profile */
        bool profile_old;          /* takes them as before the spec had them */
        bool presence_off;         /* presence switched off by the administrator */
        bool filter_events_absent; /* ignores every filter, as some servers do */
        int64_t rc_presence_msec;  /* one PUT of presence per so long; 0: no limit */
        bool alone;                /* the user shares no room: some kinds then tell them nothing of presence */
        int64_t device_drop_msec;  /* a silent device is dropped after so long; 0: 30 s, as Synapse does */
        int64_t idle_msec;         /* online, and on Tuwunel busy, counts as idle after so long; 0: 5 min */
        int64_t away_msec;         /* idle counts as offline after so long; 0: 30 min */
        int64_t fresh_msec;        /* what a poll said at its start counts for so long on Dendrite; 0: 10 s */
        int64_t quiet_msec;        /* polls that change no state write nothing for so long on Tuwunel; 0: 30 s */
        uint16_t port;             /* 0: a free one */
};
