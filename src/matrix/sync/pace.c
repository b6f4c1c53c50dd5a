/* How long a poll may take, and how long to rest after one. Pure. */
#include "matrix/sync/sync.h"

/* A shorter poll would cost more than a proxy that cuts it. */
#define POLL_TIMEOUT_MIN (10 * USEC_PER_SEC)
/* What ends earlier is a broken server rather than an impatient proxy. */
#define CUT_AFTER_MIN (8 * USEC_PER_SEC)
/* A longer poll is tried again this much later: the network may be another one by then. */
#define RECOVER_AFTER USEC_PER_HOUR

/* Answers at once, one after the other: a server that does so for longer is not worth being hurried for. */
#define HURRIED_MAX    8
#define HURRIED_WITHIN USEC_PER_SEC
/* ... and where such answers bring nothing at all, this much rest costs nobody anything, whatever is configured.
 * Others may be events of a flood with a call among them, which is lost where the flood outruns us. */
#define NOTHING_COSTS (USEC_PER_SEC / 2)

/* So many answers with nothing for a call of the user, as our own writes come back to us, cost hardly any rest; and
 * one is forgiven for each turn of the server's limiter in which nothing of the kind came. */
#define SPARED_MAX   3
#define SPARED_EVERY SYNC_TURN
/* ... and so many while another machine of the user's is about to tell something. */
#define SPARED_WHILE_EXPECTING 12

void sync_pace_init(struct sync_pace *p, usec_t max) {
        *p = (struct sync_pace){ .max = max, .timeout = max, .recover_at = USEC_NEVER };
}

usec_t sync_pace_timeout(struct sync_pace *p, usec_t now) {
        if (now >= p->recover_at) {
                p->timeout = usec_min(p->timeout * 2, p->max);
                p->recover_at = p->timeout < p->max ? usec_add(now, RECOVER_AFTER) : USEC_NEVER;
        }
        return p->timeout;
}

bool sync_pace_cut(struct sync_pace *p, const struct matrix_reply *reply, usec_t timeout, usec_t ran, usec_t now) {
        bool unanswered = reply->outcome == MATRIX_UNSURE || reply->outcome == MATRIX_NOT_MATRIX;

        /* What has an errcode was said by the homeserver. */
        if (ran < CUT_AFTER_MIN || ran >= timeout || reply->errcode || !unanswered)
                return false;
        p->timeout = timeout / 2 > POLL_TIMEOUT_MIN ? timeout / 2 : POLL_TIMEOUT_MIN;
        p->recover_at = usec_add(now, RECOVER_AFTER);
        return true;
}

static void forgive(struct sync_rest *r, usec_t now) {
        usec_t quiet = now - r->answered_at;

        r->n_spared -= (unsigned) usec_min(r->n_spared, quiet / SPARED_EVERY);
        r->answered_at = now;
}

static bool is_hurried_too_much(struct sync_rest *r, usec_t ran) {
        r->n_hurried = ran < HURRIED_WITHIN ? r->n_hurried + 1 : 0;
        return r->n_hurried > HURRIED_MAX;
}

static usec_t least_rest(struct sync_rest *r, const struct sync_rest_facts *f) {
        r->n_empty = f->empty && f->ran < HURRIED_WITHIN ? r->n_empty + 1 : 0;
        return r->n_empty > HURRIED_MAX ? NOTHING_COSTS : 0;
}

/* So near the end of a turn that a pause would outlast it, so many polls of each go at once instead. */
#define UNPAUSED_MAX 2

static void begin_turn(struct sync_rest *r, usec_t now) {
        r->turn_until = usec_add(now, SYNC_TURN);
        r->n_unpaused = 0;
}

/* A poll takes nothing from anybody while somebody has the turn. With a head start somebody has it, whoever it is, and
 * until it ends nobody else can: ours begins within that time, and early enough to be there before the other client's
 * next one can have the next turn. */
static usec_t rest_within_turn(struct sync_rest *r, const struct sync_rest_facts *f, usec_t wanted) {
        const bool begins = f->now >= r->turn_until;

        if (begins)
                begin_turn(r, f->now);
        if (!f->turns_at_stake || f->expecting)
                return wanted;
        if (begins && wanted == 0)
                wanted = usec_min(SYNC_HEAD_START, f->max);
        else if (wanted > 0 && usec_add(f->now, SYNC_HEAD_START) >= r->turn_until) {
                if (r->n_unpaused++ < UNPAUSED_MAX)
                        return 0;
                /* A flood wakes the other client as well: it takes the next turn meanwhile. */
                begin_turn(r, f->now);
        }
        return wanted > 0 ? usec_min(wanted, r->turn_until - SYNC_HEAD_START - f->now) : 0;
}

static usec_t rest_by_what_came(struct sync_rest *r, const struct sync_rest_facts *f) {
        unsigned spared_max = f->expecting ? SPARED_WHILE_EXPECTING : SPARED_MAX;

        if (f->concerned) {
                r->n_spared = 0;
                return rest_within_turn(r, f, is_hurried_too_much(r, f->ran) ? f->max : 0);
        }
        r->n_hurried = 0;
        if (f->timed_out)
                return 0;
        forgive(r, f->now);
        if ((f->costly && !f->expecting) || r->n_spared >= spared_max)
                return rest_within_turn(r, f, f->max);
        r->n_spared++;
        return rest_within_turn(r, f, 0);
}

usec_t sync_rest_next(struct sync_rest *r, const struct sync_rest_facts *f) {
        usec_t least = least_rest(r, f), rest = rest_by_what_came(r, f);

        return rest > least ? rest : least;
}
