/* Presence as busyd sees it: canonical values, and how much of a busy is shown. Pure. */
#pragma once

#include "core/account-settings.h"
#include "core/base.h"
#include "core/claim.h"
#include "matrix/outputs/other-clients.h"
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
        enum other_clients_verdict others;
        bool chosen; /* the state was claimed for this call already: a choice that was made stands */
        enum presence_cure cure;
        const char *message;
};
void presence_want(const struct presence_facts *f, struct claim_want *ret, const char **ret_why);
/* After that was refused: idle instead of busy, then the message alone. False: there is nothing less. */
bool presence_fall_back(struct claim_want *w);
