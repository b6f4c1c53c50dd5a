/* What failed polls say of the position that they began at, and how soon a lost one is started over from a whole
 * state. */
#pragma once

#include "core/backoff.h"
#include "matrix/client/client.h"

/* sync_position_init() makes it; the fields belong to position.c, but for `rejected`. */
struct sync_position {
        unsigned rejected; /* by something in between, in a row */
        unsigned stumbled; /* the server, over the request, in a row */
        usec_t lost_at;    /* 0: never */
        bool works;        /* since then */
        struct backoff backoff;
};
void sync_position_init(struct sync_position *p);

/* A poll was answered; `used`: one that began at the position. */
void sync_position_answered(struct sync_position *p, bool used);

/* The server takes us for who we are, and does not take the request: which part of it, no errcode says for sure. */
bool sync_is_refusal(const struct matrix_reply *reply);
/* So does something in between, which does not say so in words of Matrix. */
bool sync_is_rejection(const struct matrix_reply *reply);

/* Counts a failure of a poll that began at the position, and is none of the above: whether the position is to be given
 * up for it. */
bool sync_position_fails(struct sync_position *p, const struct matrix_reply *reply);

/* It was given up. Returns whether it is the first one for a while; where it is not, sync_position_wait() says how
 * long to wait, by a `random` value. */
bool sync_position_lost(struct sync_position *p, usec_t now);
usec_t sync_position_wait(struct sync_position *p, uint32_t random);
