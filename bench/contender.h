/* Who does the job in scripts/bench compare: busyd, the floor below it, and a peer. Each has a world of its own, with
 * a scripted homeserver of its own behind a relay that counts. */
#pragma once

#include "relay.h"
#include "system/harness.h"

enum contender_kind {
        CONTENDER_FLOOR, /* floor.c: what the two requests cost */
        CONTENDER_PEER,  /* peer.py: a script on matrix-nio */
        CONTENDER_BUSYD,
        CONTENDER_BEFORE, /* another busyd, of before a change */
        CONTENDER_KINDS,
};

static inline bool contender_is_busyd(enum contender_kind kind) {
        return kind == CONTENDER_BUSYD || kind == CONTENDER_BEFORE;
}

struct contender {
        enum contender_kind kind;
        struct world *world;
        struct relay *relay;
        pid_t pid; /* 0: does not run */
};

const char *contender_name(enum contender_kind kind);
/* The peer needs its virtual environment: BUSYD_BENCH_PEER is its Python. BUSYD_BENCH_BEFORE is the program of the
 * other busyd. */
bool contender_is_there(enum contender_kind kind);

/* `busyd_config` ends within the section of the account. With `tls` its homeserver is at https:. */
void contender_init(struct contender *c, enum contender_kind kind, const char *busyd_config, bool tls);
void contender_done(struct contender *c);

/* Returns when it polls on from behind its first answer. */
void contender_start(struct contender *c);
void contender_stop(struct contender *c);

/* For relays in front of what runs in this world: key.pem and certificate.pem in its folder. */
void contender_certificate(struct world *w);
/* The session of a world's busyd, at the relay of its homeserver. */
void contender_session(struct world *w, const struct relay *relay);
