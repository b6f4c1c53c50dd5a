/* A trip of the user's browser: to a page of the server, and back to an address on this machine, with a word that only
 * such a browser can know. Listens to nothing and opens nothing itself. */
#pragma once

#include "core/base.h"

struct trip;

enum trip_kind {
        TRIP_CODE,  /* OAuth 2.0: the path is what the server knows, the word is `state` (RFC 6749, 4.1) */
        TRIP_TOKEN, /* single sign-on of the Matrix API: the word is the path, a login token comes back */
};

/* What of a request that came to this machine is. */
enum trip_answer {
        TRIP_STRANGE, /* not what is waited for, and nothing has changed */
        TRIP_BACK,
        TRIP_REFUSED, /* the user, or the server, does not want it */
};

/* The parameter `name` of a request; NULL: it is not there. Borrowed. */
typedef const char *(*trip_value_t)(void *request, const char *name);

/* `issuer` of OAuth: who alone may answer; NULL: not known. Copied. */
int trip_new(struct trip **ret, enum trip_kind kind, const char *issuer);
struct trip *trip_free(struct trip *t); /* wipes what was brought */
CLEANUP(struct trip, trip_free);

const char *trip_path(const struct trip *t);  /* "/...": where requests are waited for */
const char *trip_state(const struct trip *t); /* the word */
/* "http://127.0.0.1:PORT", before the path. The trip begins, with a time limit. */
int trip_set_origin(struct trip *t, const char *origin);
const char *trip_redirect(const struct trip *t); /* what the browser comes back to; NULL before trip_set_origin() */

/* A request of that path. Only the first that is not strange counts, whatever comes later is. */
enum trip_answer trip_take(struct trip *t, trip_value_t value, void *request);
/* What it brought: a secret, borrowed; NULL: then `ret_problem` says, for people, why. */
const char *trip_brought(const struct trip *t, const char **ret_problem);

/* How long the user has. */
#define TRIP_TIME_MAX (10 * USEC_PER_MIN)
/* 1: nobody has come back in time, said once; else 0, and *ret_next is the next deadline, CLOCK_BOOTTIME. */
int trip_run(struct trip *t, usec_t now, usec_t *ret_next);
