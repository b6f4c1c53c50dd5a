/* Whether another client of the user keeps presence alive (design, section 3; reference 2.8): what is seen of the own
 * presence, less what busyd itself has put there, decides. Pure.
 *
 *   none     offline, and as far as was looked nothing else in the last 90 s, nor was anybody active unseen: a person
 *            who says offline has a client that says otherwise with its next poll
 *   live     something other than offline in the last 90 s that cannot be ours
 *   unknown  all else: after a start, after a gap, or what is seen may still be our own
 *
 * A claim of ours hides the others: as long as it stands, what was known when it began still holds. One that is told
 * of, and long not seen any more, hides nobody: the server drops the state of a device that is silent. */
#pragma once

#include "core/base.h"
#include "core/claim.h"

/* A poll start that the server's limiter swallows makes a live client look offline for a moment. */
#define OTHER_CLIENTS_QUIET (90 * USEC_PER_SEC)

/* So long a device counts after it has put itself online, and so long what we wrote may still be seen. */
#define OTHER_CLIENTS_OWN (65 * USEC_PER_SEC)

/* Nobody comes and goes again unseen in less: a silent device is dropped after this. */
#define OTHER_CLIENTS_BLIND (35 * USEC_PER_SEC)

enum other_clients_verdict {
        OTHER_CLIENTS_UNKNOWN,
        OTHER_CLIENTS_NONE,
        OTHER_CLIENTS_LIVE,
};

/* Embedded; zeroes to start with. The fields belong to other-clients.c. */
struct other_clients {
        bool begun;
        bool watching;
        usec_t watching_since;
        usec_t current_at;                 /* until then, at least, `shown` was what stood there */
        bool shown;                        /* something other than offline */
        bool theirs;                       /* ... that cannot be ours */
        usec_t live_at;                    /* when something that cannot be ours was seen last; 0: never */
        usec_t shown_at;                   /* when something that may have been theirs was seen last; 0: never */
        bool quiet;                        /* nothing but offline, or ours, since `quiet_since` */
        usec_t quiet_since;                /* 0: as long as was looked */
        bool own;                          /* something of ours stands there, or is on its way */
        usec_t missing_since;              /* ... and something else is shown; 0: it is not */
        char own_state[CLAIM_STATE_MAX];   /* "": any */
        usec_t own_until;                  /* may still be seen until then */
        usec_t own_over_at;                /* ours was active until then; 0: never */
        enum other_clients_verdict before; /* as it was when ours came */
};

/* The own presence as it is at `now`. */
void other_clients_seen(struct other_clients *o, const char *state, usec_t now);
/* When a client of the user was active last, as the server says. Before other_clients_seen(). */
void other_clients_active(struct other_clients *o, usec_t at);
/* Whether each change is told from now on. */
void other_clients_watch(struct other_clients *o, bool watching, usec_t now);
/* A state of ours, or of another machine of ours, goes out; and has been taken away again. */
void other_clients_own(struct other_clients *o, const char *state, usec_t now);
void other_clients_own_over(struct other_clients *o, usec_t now);

/* *ret_until: when it may be another one without a new fact; USEC_NEVER: it will not be. */
enum other_clients_verdict other_clients_judge(struct other_clients *o, usec_t now, usec_t *ret_until);
