/* A deadline of an object that reads no clock. Something happens between two turns: later_set() notes how long to wait
 * from there. The object's run function is told the time once a turn: later_run() makes a point in time of the span,
 * and says when it has come. */
#pragma once

#include "core/base.h"

struct later {
        bool set;
        usec_t span;
        usec_t at; /* 0: the span has not begun to run yet */
};

/* In `span` from the next turn on; replaces what was set before. Whoever owns the object has to run it in this turn.
 */
static inline void later_set(struct later *l, usec_t span) {
        *l = (struct later){ .set = true, .span = span };
}

static inline void later_clear(struct later *l) {
        *l = (struct later){ 0 };
}

static inline bool later_is_set(const struct later *l) {
        return l->set;
}

/* When it will be due; USEC_NEVER if it is not set. */
static inline usec_t later_at(struct later *l, usec_t now) {
        if (!l->set)
                return USEC_NEVER;
        if (l->at == 0)
                l->at = usec_add(now, l->span);
        return l->at;
}

/* Whether it is due: true once, it is cleared then. */
static inline bool later_run(struct later *l, usec_t now) {
        if (!l->set || later_at(l, now) > now)
                return false;
        later_clear(l);
        return true;
}
