/* How soon a claim may act again: what the server asks for, its own back-off, and the limit of writes. */
#pragma once

#include "core/backoff.h"
#include "core/base.h"

/* Writes in one minute that the user's calls did not ask for: repeats, refreshes, and above all a fight with another
 * writer, which must stay quiet. The last of them is kept for giving back. The first write after each change of what
 * is wanted does not count, and cures do not: both are as seldom as calls. */
#define CLAIM_WRITES_PER_MINUTE_MAX 4

/* A value that did not last is written again no sooner. */
#define CLAIM_REPEATS_AFTER (2 * USEC_PER_SEC)

/* Embedded; start it with claim_limits_init(). The fields belong to claim-limits.c. */
struct claim_limits {
        usec_t retry_at;
        enum {
                CLAIM_WAITS_FOR_NOTHING,
                CLAIM_WAITS_TO_REPEAT, /* ends with the next change of what is wanted */
                CLAIM_WAITS_TO_RETRY,  /* ends when the server answers again */
                CLAIM_WAITS_AS_ASKED,  /* by the server: ends by claim_limits_end_waits() alone */
        } waits;
        struct backoff backoff;
        bool write_failed; /* since one has worked last: what else works does not end the back-off */
        usec_t writes[CLAIM_WRITES_PER_MINUTE_MAX]; /* those that count, the oldest first; 0: none */
        bool is_fresh;                              /* the next write is asked for by the user's calls */
        bool was_fresh;                             /* the last one was */
};

void claim_limits_init(struct claim_limits *l);

/* Something else is wanted: the next write does not count. */
void claim_limits_renew(struct claim_limits *l);

/* When a write may be made, as far as their number goes; in the past: now. `back`: it gives back. */
usec_t claim_limits_write_at(const struct claim_limits *l, bool back);
void claim_limits_spend(struct claim_limits *l, usec_t now);
/* The last write certainly had no effect, and does not count. */
void claim_limits_unspend(struct claim_limits *l);

/* A request has failed, `wrote`: a write. Waits until `asked`, the server's word (USEC_NEVER, or past: none), the
 * first time in a row; then for the later of that and the own back-off. `random`: any value, the jitter. */
void claim_limits_failed(struct claim_limits *l, bool wrote, usec_t asked, usec_t now, uint32_t random);
/* A write has worked and did not last, for the nth time in a row: backs off. */
void claim_limits_repeat(struct claim_limits *l, unsigned n, usec_t now, uint32_t random);
/* A write has worked, or all that was to be done is. */
void claim_limits_worked(struct claim_limits *l);
/* Something else has: whoever answers reads and takes no write is asked less and less often, and still every minute.
 */
void claim_limits_worked_but_for_writes(struct claim_limits *l);

/* The server answers again: the own back-off is over. */
void claim_limits_end_backoff(struct claim_limits *l);
/* Every wait is over, also one that the server has asked for. */
void claim_limits_end_waits(struct claim_limits *l);
