/* How many keys lie on the server for others to begin sessions with, and when new ones are made. Pure: it decides, its
 * owner makes keys, stores and uploads them. */
#pragma once

#include "core/base.h"

#define STOCK_LOW  25
#define STOCK_FULL 50
/* On its first day a device in a big account is asked for keys by hundreds of others; the fallback key carries those
 * that come when the stock is empty. */
#define STOCK_PER_HOUR_MAX         50
#define STOCK_FALLBACK_AGE_USEC    (UINT64_C(7) * 24 * USEC_PER_HOUR)
#define STOCK_FALLBACK_FORGET_USEC USEC_PER_HOUR /* messages by the one before are on their way for a while */

/* All zeroes is one of which nothing is known. */
struct stock {
        bool known; /* the server has said what is there */
        size_t n_on_server;
        bool fallback_is_unused;
        usec_t fallback_since_wall; /* kept on disk; 0: there is none */
        usec_t forget_at;           /* the fallback key before this one; 0: it was forgotten */
        usec_t hour_since;
        size_t n_in_hour;
};

/* As it was on disk: whether there is a fallback key before the current one is not known, so it is kept a while. */
struct stock stock_begin(usec_t fallback_since_wall, usec_t now);

/* What /sync says, or an answer to an upload (`fallback_is_unused` true there). */
void stock_server_says(struct stock *s, size_t n_on_server, bool fallback_is_unused);

struct stock_order {
        size_t n_make;        /* one-time keys */
        bool make_fallback;   /* a new one */
        bool forget_fallback; /* the one before the current one */
        usec_t wake_at;       /* when to ask again, USEC_NEVER: once the server says more */
};
/* What is to be done now; the old fallback key is forgotten before a new one is made. */
struct stock_order stock_decide(const struct stock *s, usec_t now, usec_t wall);
/* It was done. */
void stock_done(struct stock *s, const struct stock_order *o, usec_t now, usec_t wall);
