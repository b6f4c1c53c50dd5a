/* When the access token of a session is renewed, and what an answer to that means. Decides on facts and carries
 * nothing out. One rule on 401: whatever the server says of the session with it, a session that can be renewed is
 * renewed first, and has ended only when that is refused for good. */
#pragma once

#include "core/backoff.h"
#include "core/base.h"

/* A token is renewed when so little of its time is left, or a tenth of it where that is less. */
#define TOKENS_MARGIN (30 * USEC_PER_SEC)

/* Refused for good is not for ever: a server may have lost its sessions for a moment. No longer than an account whose
 * session has ended waits at last: whoever is asked then is asked for new tokens as well. */
#define TOKENS_OVER (5 * USEC_PER_MIN)

/* A token that is not taken so soon after it came is not renewed again: that is the server's word on the request, or
 * on the session, and no new token changes it. Half of its life where that is less. */
#define TOKENS_FRESH USEC_PER_MIN

/* One that lives no longer than this is used while it lasts, and the next one asked for so much later: whoever gives
 * out what is over at once would be asked without end. */
#define TOKENS_LIFE_MIN USEC_PER_SEC
#define TOKENS_APART    (5 * USEC_PER_SEC)

/* Somebody else is at it: they need one request. */
#define TOKENS_BUSY_WAIT (USEC_PER_SEC / 2)

enum tokens_state {
        TOKENS_FIXED,    /* nothing renews it */
        TOKENS_GOOD,     /* as far as is known */
        TOKENS_RENEWING, /* one renewal is under way */
        TOKENS_WAITING,  /* it has failed, has brought next to nothing, or somebody else is at it; the next one is at
                          * `retry_at` */
        TOKENS_OVER_NOW, /* refused for good; before `retry_at` nothing is tried */
};

/* Written by the functions below alone. */
struct tokens {
        enum tokens_state state;
        bool rejected;    /* the server does not take the token */
        usec_t ends_at;   /* USEC_NEVER: not known, or never */
        usec_t ends_wall; /* the same by the other clock: either may be wrong, and to be early costs little */
        usec_t margin;
        usec_t fresh_until; /* 0: it is from before */
        usec_t retry_at;
        struct backoff backoff;
};

/* `expires_wall` as in struct token_pair. */
void tokens_begin(struct tokens *t, bool renewable, usec_t expires_wall, const struct instant *at);

/* ---- facts ---- */

/* The server has answered that it does not know the token. Returns whether it is to be renewed: then nothing has
 * ended.
 */
bool tokens_rejected(struct tokens *t, usec_t now);
/* There is a new token. */
void tokens_renewed(struct tokens *t, usec_t expires_wall, const struct instant *at);
/* Refused for good. */
void tokens_refused(struct tokens *t, usec_t now);
/* The server takes the token: a refusal of before was none for good. */
void tokens_worked(struct tokens *t);
/* No answer, or one that says nothing of the session. The old refresh token stands, and is soon used again: where the
 * answer alone was lost, servers take it for that long. `retry_after` USEC_NEVER: nobody asks for more. */
void tokens_failed(struct tokens *t, usec_t retry_after, usec_t now, uint32_t random);
/* Somebody else is renewing it. */
void tokens_taken(struct tokens *t, usec_t now);
/* A person asks, or the network is back: no wait counts any more. */
void tokens_retry(struct tokens *t);

/* ---- what to do ---- */

/* Whether it is to be renewed now; then it counts as being so. Asked where something may be sent: by itself it wakes
 * nobody. */
bool tokens_renew(struct tokens *t, const struct instant *at);
/* Nothing may be sent with the token: what wants to, waits. */
bool tokens_hold(const struct tokens *t, const struct instant *at);
/* When to ask again by itself; USEC_NEVER: not. */
usec_t tokens_deadline(const struct tokens *t);
