/* The tokens of one session, see tokens.h.
 *
 *   good -> renewing            little of its time is left, or the server does not take it
 *   renewing -> good            there is a new one
 *   renewing -> waiting         no answer that counts; again soon, and with the old refresh token. Or a token that
 *                               lasts for a moment
 *   waiting -> renewing
 *   renewing -> over            refused for good: the server's word on the session stands, until it is tried again
 *   over -> renewing            a while later, if the server still does not take the token, or by hand; at once, if it
 *                               has taken it meanwhile */
#include "matrix/client/tokens.h"

/* The first repetitions come within the 15 s in which a server that has answered forgives them. */
#define RETRY_FIRST (2 * USEC_PER_SEC)
#define RETRY_MAX   (5 * USEC_PER_MIN)

static void set_end(struct tokens *t, usec_t expires_wall, const struct instant *at) {
        usec_t left = expires_wall > at->wall ? expires_wall - at->wall : 0;

        t->rejected = false;
        t->ends_wall = expires_wall > 0 ? expires_wall : USEC_NEVER;
        t->ends_at = expires_wall > 0 ? usec_add(at->now, left) : USEC_NEVER;
        t->margin = usec_min(TOKENS_MARGIN, left / 10);
}

void tokens_begin(struct tokens *t, bool renewable, usec_t expires_wall, const struct instant *at) {
        *t = (struct tokens){ .state = renewable ? TOKENS_GOOD : TOKENS_FIXED,
                              .retry_at = USEC_NEVER,
                              .backoff = { .first = RETRY_FIRST, .cap = RETRY_MAX } };
        set_end(t, expires_wall, at);
}

static bool ends_within(const struct tokens *t, usec_t span, const struct instant *at) {
        return usec_add(at->now, span) >= t->ends_at || usec_add(at->wall, span) >= t->ends_wall;
}

/* ---- facts ---- */

bool tokens_rejected(struct tokens *t, usec_t now) {
        switch (t->state) {
        case TOKENS_FIXED:
                return false;
        case TOKENS_OVER_NOW:
                if (now < t->retry_at)
                        return false;
                t->state = TOKENS_GOOD;
                break;
        case TOKENS_GOOD:
                if (now < t->fresh_until)
                        return false;
                break;
        case TOKENS_RENEWING:
        case TOKENS_WAITING:
                break;
        }
        t->rejected = true;
        return true;
}

void tokens_renewed(struct tokens *t, usec_t expires_wall, const struct instant *at) {
        t->state = TOKENS_GOOD;
        t->retry_at = USEC_NEVER;
        backoff_reset(&t->backoff);
        set_end(t, expires_wall, at);
        t->fresh_until = usec_add(at->now, TOKENS_FRESH);
        if (t->ends_at != USEC_NEVER)
                t->fresh_until = usec_min(t->fresh_until, at->now + (t->ends_at - at->now) / 2);
        if (usec_add(at->now, TOKENS_LIFE_MIN) >= t->ends_at) {
                t->state = TOKENS_WAITING;
                t->retry_at = usec_add(at->now, TOKENS_APART);
        }
}

void tokens_refused(struct tokens *t, usec_t now) {
        t->state = TOKENS_OVER_NOW;
        t->rejected = false;
        t->retry_at = usec_add(now, TOKENS_OVER);
        backoff_reset(&t->backoff);
}

void tokens_worked(struct tokens *t) {
        if (t->state == TOKENS_OVER_NOW)
                t->retry_at = 0;
}

void tokens_failed(struct tokens *t, usec_t retry_after, usec_t now, uint32_t random) {
        usec_t wait = backoff_next(&t->backoff, random);

        t->state = TOKENS_WAITING;
        t->retry_at = usec_add(now, retry_after != USEC_NEVER && retry_after > wait ? retry_after : wait);
}

void tokens_taken(struct tokens *t, usec_t now) {
        t->state = TOKENS_WAITING;
        t->retry_at = usec_add(now, TOKENS_BUSY_WAIT);
}

void tokens_retry(struct tokens *t) {
        backoff_reset(&t->backoff);
        if (t->state == TOKENS_WAITING || t->state == TOKENS_OVER_NOW)
                t->retry_at = 0;
}

/* ---- what to do ---- */

static bool is_wanted(const struct tokens *t, const struct instant *at) {
        switch (t->state) {
        case TOKENS_GOOD:
                return t->rejected || ends_within(t, t->margin, at);
        case TOKENS_WAITING:
                return at->now >= t->retry_at;
        case TOKENS_FIXED:
        case TOKENS_RENEWING:
        case TOKENS_OVER_NOW:
                break;
        }
        return false;
}

bool tokens_renew(struct tokens *t, const struct instant *at) {
        if (!is_wanted(t, at))
                return false;
        t->state = TOKENS_RENEWING;
        t->retry_at = USEC_NEVER;
        return true;
}

bool tokens_hold(const struct tokens *t, const struct instant *at) {
        switch (t->state) {
        case TOKENS_RENEWING:
                return true;
        case TOKENS_WAITING: /* what is left of it is used meanwhile */
                return t->rejected || ends_within(t, 0, at);
        case TOKENS_GOOD:
        case TOKENS_FIXED:
        case TOKENS_OVER_NOW:
                break;
        }
        return false;
}

usec_t tokens_deadline(const struct tokens *t) {
        return t->state == TOKENS_WAITING ? t->retry_at : USEC_NEVER;
}
