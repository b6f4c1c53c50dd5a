/* Presence as busyd sees it: canonical values, and what the account remembers of its own one. Pure. */
#pragma once

#include "core/base.h"
#include "core/claim.h"
#include "matrix/account.h"
#include "matrix/server/traits.h"

#define PRESENCE_OUTPUT "presence"

#define PRESENCE_STATE_BUSY        "busy"
#define PRESENCE_STATE_UNAVAILABLE "unavailable"
#define PRESENCE_STATE_OFFLINE     "offline"

/* One word for both names of busy, "offline" where there is none, else the server's words. Returns -E2BIG, changing
 * nothing, if a claim value cannot hold them. */
int presence_value(struct claim_value *ret, const char *presence, const char *status_msg);

/* The word of a PUT for a canonical state. */
const char *presence_word(const char *state, const struct server_traits *t);

/* What can be done about a busy that other clients of the user would keep. */
enum presence_cure {
        CURE_NONE,
        CURE_FAILS, /* there is one, and the server does not take it */
        CURE_WORKS,
};

/* What decides how much of a busy is shown. */
struct presence_facts {
        enum presence_mode mode;
        bool takes_busy;  /* the server says so */
        bool copies_busy; /* its traits */
        bool sticks;      /* was seen to */
        bool live;        /* another client keeps presence alive */
        enum presence_cure cure;
        const char *message;
};
void presence_want(const struct presence_facts *f, struct claim_want *ret, const char **ret_why);
/* After that was refused: idle instead of busy, then the message alone. False: there is nothing less. */
bool presence_fall_back(struct claim_want *w);

/* Embedded; zeroes to start with. */
struct presence_watch {
        struct claim_value shown;
        bool shown_known; /* and nothing was written since */
        usec_t first, last;
        bool broken; /* was offline after `last`, or not looked at */
};

/* `own`: a claim of ours is part of what is shown, so it tells nothing about other clients. */
void presence_watch_seen(struct presence_watch *w, const struct claim_value *v, bool own, usec_t now);
void presence_watch_written(struct presence_watch *w);
/* Reference 2.8. `watching`: a change would have been told. */
void presence_watch_live(const struct presence_watch *w, bool watching, usec_t now, usec_t *ret_first,
                         usec_t *ret_last);
/* Whether that means that another client has been keeping presence alive for 90 s. */
bool presence_is_live(usec_t first, usec_t last, usec_t now);
