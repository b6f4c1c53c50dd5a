/* See position.h. */
#include "matrix/sync/position.h"

/* In a row. What is between us and the server may take offence at a position as well. */
#define REJECTED_MAX 3
/* The same of the server itself, which may have other trouble: by then it has been asked for minutes. */
#define STUMBLED_MAX 6

/* Between positions that the server gives and then does not take. It may take every second one: then the waits are no
 * longer than 20 s, and the next that is lost counts as the first only after such a time. */
#define RETRY_FIRST     (5 * USEC_PER_SEC)
#define RETRY_MAX       (5 * USEC_PER_MIN)
#define FAILURES_AT_ALL 2
#define FORGOTTEN_AFTER USEC_PER_MIN

void sync_position_init(struct sync_position *p) {
        *p = (struct sync_position){ .backoff = { .first = RETRY_FIRST, .cap = RETRY_MAX } };
}

void sync_position_answered(struct sync_position *p, bool used) {
        p->rejected = p->stumbled = 0;
        if (!used)
                return;
        p->works = true;
        backoff_limit(&p->backoff, FAILURES_AT_ALL);
}

bool sync_is_refusal(const struct matrix_reply *reply) {
        return reply->outcome == MATRIX_BAD_TOKEN_POS || reply->outcome == MATRIX_NOT_FOUND ||
               (reply->outcome == MATRIX_REFUSED && reply->errcode && reply->status != 401 && reply->status != 403);
}

/* Who asks for a password says nothing of the request. */
bool sync_is_rejection(const struct matrix_reply *reply) {
        return reply->outcome == MATRIX_NOT_MATRIX && reply->status >= 400 && reply->status < 500 &&
               reply->status != 401 && reply->status != 403 && reply->status != 407;
}

/* It has understood, and something has gone wrong in it: by the position, where that goes on. */
static bool is_stumble(const struct matrix_reply *reply) {
        return reply->status == 500 && reply->errcode;
}

static bool is_one_too_many(unsigned *n, unsigned max) {
        if (++*n < max)
                return false;
        *n = 0;
        return true;
}

bool sync_position_fails(struct sync_position *p, const struct matrix_reply *reply) {
        if (sync_is_rejection(reply))
                return is_one_too_many(&p->rejected, REJECTED_MAX);
        return is_stumble(reply) && is_one_too_many(&p->stumbled, STUMBLED_MAX);
}

bool sync_position_lost(struct sync_position *p, usec_t now) {
        bool is_first = p->lost_at == 0 || (p->works && now >= usec_add(p->lost_at, FORGOTTEN_AFTER));

        p->lost_at = now;
        p->works = false;
        if (is_first)
                backoff_reset(&p->backoff);
        return is_first;
}

usec_t sync_position_wait(struct sync_position *p, uint32_t random) {
        return backoff_next(&p->backoff, random);
}
