/* See stock.h. */
#include "matrix/crypto/stock.h"

struct stock stock_begin(usec_t fallback_since_wall, usec_t now) {
        return (struct stock){
                .fallback_since_wall = fallback_since_wall,
                .forget_at = usec_add(now, STOCK_FALLBACK_FORGET_USEC),
        };
}

void stock_server_says(struct stock *s, size_t n_on_server, bool fallback_is_unused) {
        s->known = true;
        s->n_on_server = n_on_server;
        s->fallback_is_unused = fallback_is_unused;
}

static bool hour_is_over(const struct stock *s, usec_t now) {
        return now >= usec_add(s->hour_since, USEC_PER_HOUR);
}

static size_t may_make(const struct stock *s, usec_t now) {
        size_t made = hour_is_over(s, now) ? 0 : s->n_in_hour;

        return made < STOCK_PER_HOUR_MAX ? STOCK_PER_HOUR_MAX - made : 0;
}

/* A clock that was set back makes no key last longer. */
static bool fallback_is_old(const struct stock *s, usec_t wall) {
        return s->fallback_since_wall == 0 || s->fallback_since_wall > wall ||
               wall - s->fallback_since_wall >= STOCK_FALLBACK_AGE_USEC;
}

struct stock_order stock_decide(const struct stock *s, usec_t now, usec_t wall) {
        struct stock_order o = { .wake_at = USEC_NEVER };

        if (s->forget_at > 0 && now >= s->forget_at)
                o.forget_fallback = true;
        else if (s->forget_at > 0)
                o.wake_at = s->forget_at;
        if (!s->known)
                return o;
        if (s->n_on_server < STOCK_LOW) {
                size_t missing = STOCK_FULL - s->n_on_server, may = may_make(s, now);

                o.n_make = missing < may ? missing : may;
                if (o.n_make == 0)
                        o.wake_at = usec_min(o.wake_at, usec_add(s->hour_since, USEC_PER_HOUR));
        }
        /* The one before must have had its time: a library keeps two. */
        if (fallback_is_old(s, wall) || !s->fallback_is_unused) {
                o.make_fallback = s->forget_at == 0 || o.forget_fallback || s->fallback_since_wall == 0;
        } else {
                usec_t left = STOCK_FALLBACK_AGE_USEC - (wall - s->fallback_since_wall);

                o.wake_at = usec_min(o.wake_at, usec_add(now, left));
        }
        return o;
}

void stock_done(struct stock *s, const struct stock_order *o, usec_t now, usec_t wall) {
        if (o->n_make > 0) {
                if (hour_is_over(s, now)) {
                        s->hour_since = now;
                        s->n_in_hour = 0;
                }
                s->n_in_hour += o->n_make;
                s->n_on_server += o->n_make;
        }
        if (o->forget_fallback)
                s->forget_at = 0;
        if (o->make_fallback) {
                /* What it takes the place of, if anything, goes in a while. */
                if (s->fallback_since_wall > 0)
                        s->forget_at = usec_add(now, STOCK_FALLBACK_FORGET_USEC);
                s->fallback_since_wall = wall;
                s->fallback_is_unused = true;
        }
}
