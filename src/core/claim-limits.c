#include "core/claim-limits.h"

/* With its jitter not below CLAIM_REPEATS_AFTER, which leaves some time for what is told late. */
#define RETRY_FIRST (5 * USEC_PER_SEC)
#define RETRY_CAP   (5 * USEC_PER_MIN)

/* Of a server that is there: its next try is at most 40 s later. */
#define FAILURES_WHILE_REACHED_MAX 3

_Static_assert(RETRY_FIRST / 2 >= CLAIM_REPEATS_AFTER, "see backoff_next()");

void claim_limits_init(struct claim_limits *l) {
        *l = (struct claim_limits){ .backoff = { .first = RETRY_FIRST, .cap = RETRY_CAP } };
}

static void end_wait(struct claim_limits *l) {
        l->waits = CLAIM_WAITS_FOR_NOTHING;
        l->retry_at = 0;
}

void claim_limits_renew(struct claim_limits *l) {
        l->is_fresh = true;
        if (l->waits == CLAIM_WAITS_TO_REPEAT)
                end_wait(l);
}

usec_t claim_limits_write_at(const struct claim_limits *l, bool back) {
        usec_t used = l->writes[back ? 0 : 1];

        return l->is_fresh || used == 0 ? 0 : usec_add(used, USEC_PER_MIN);
}

void claim_limits_spend(struct claim_limits *l, usec_t now) {
        l->was_fresh = l->is_fresh;
        l->is_fresh = false;
        if (l->was_fresh)
                return;
        memmove(l->writes, l->writes + 1, sizeof(l->writes) - sizeof(l->writes[0]));
        l->writes[CLAIM_WRITES_PER_MINUTE_MAX - 1] = now;
}

void claim_limits_unspend(struct claim_limits *l) {
        if (l->was_fresh) {
                l->is_fresh = true;
                return;
        }
        memmove(l->writes + 1, l->writes, sizeof(l->writes) - sizeof(l->writes[0]));
        l->writes[0] = 0;
}

void claim_limits_failed(struct claim_limits *l, bool wrote, usec_t asked, usec_t now, uint32_t random) {
        bool is_first = l->backoff.failures == 0, names_time = asked != USEC_NEVER && asked > now;
        usec_t own = usec_add(now, backoff_next(&l->backoff, random));

        l->write_failed = l->write_failed || wrote;
        /* Once a server may be taken at its word. */
        l->waits = names_time && (is_first || asked > own) ? CLAIM_WAITS_AS_ASKED : CLAIM_WAITS_TO_RETRY;
        l->retry_at = l->waits == CLAIM_WAITS_AS_ASKED ? asked : own;
}

void claim_limits_repeat(struct claim_limits *l, unsigned n, usec_t now, uint32_t random) {
        struct backoff b = { .first = RETRY_FIRST, .cap = RETRY_CAP, .failures = n };

        l->waits = CLAIM_WAITS_TO_REPEAT;
        l->retry_at = usec_add(now, backoff_next(&b, random));
}

void claim_limits_worked(struct claim_limits *l) {
        backoff_reset(&l->backoff);
        l->write_failed = false;
}

void claim_limits_worked_but_for_writes(struct claim_limits *l) {
        if (!l->write_failed)
                backoff_reset(&l->backoff);
        else
                backoff_limit(&l->backoff, FAILURES_WHILE_REACHED_MAX);
}

void claim_limits_end_backoff(struct claim_limits *l) {
        if (l->waits != CLAIM_WAITS_AS_ASKED)
                end_wait(l);
}

void claim_limits_end_waits(struct claim_limits *l) {
        end_wait(l);
        claim_limits_worked(l);
}
