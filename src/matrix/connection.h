/* The connection of one account: the state it is in, what an answer means for it, and what is tried next. It decides
 * and carries nothing out: facts are recorded, and connection_next() says once a turn what is to be done. Knows
 * nothing of what is polled or written. */
#pragma once

#include "core/base.h"
#include "matrix/client/client.h"
#include "matrix/server/probe.h"

enum connection_state {
        CONNECTION_CONNECTING, /* asking the server what it is, and whose the token is */
        CONNECTION_SYNCING,    /* first sync, or a resync after a gap */
        CONNECTION_ONLINE,     /* polling */
        CONNECTION_WAITING,    /* an attempt failed; the next one is at connection_retry_at() */
        CONNECTION_LOCKED,     /* by the server's administrator; tried again every few minutes */
        CONNECTION_SIGNED_OUT, /* the token is gone: `busyctl login`; asked again while something is at stake */
        CONNECTION_BROKEN, /* will not work without a change: wrong user, not a homeserver; tried again now and then */
};
const char *connection_state_to_string(enum connection_state s); /* "connecting", ... "signed-out", "broken" */

struct connection;

/* Copied. */
struct connection_options {
        const char *account, *homeserver, *user_id; /* for people; the last also against the token's */
        uint32_t (*random)(void *userdata);         /* for waits */
        void *userdata;
};

/* The first connection_next() asks the server. */
int connection_new(struct connection **ret, const struct connection_options *options);
struct connection *connection_free(struct connection *c);
CLEANUP(struct connection, connection_free);

/* ---- facts; connection_next() in the same turn ---- */

/* The answer to CONNECTION_ASK or CONNECTION_ASK_ASIDE. */
void connection_probed(struct connection *c, const struct probe_facts *facts);
void connection_probe_failed(struct connection *c, const struct matrix_reply *reply);
/* /sync has answered; `more`: not all that came since the position. Returns whether the account is online by that. */
bool connection_answered(struct connection *c, bool more, usec_t now);
/* /sync has failed. */
void connection_lost(struct connection *c, const struct matrix_reply *reply);
/* Nothing can be sent for now; a poll that is under way goes on. */
void connection_held(struct connection *c, const struct matrix_reply *why);
/* It can be again: what has failed for that is asked again at once. */
void connection_released(struct connection *c);
/* One request was told that the session has ended, or is locked: whether that is so, the server says when asked. */
void connection_doubt(struct connection *c);
/* After a suspend: `gap`, a stored position may hide things. */
void connection_wake(struct connection *c, bool gap);
/* A person asks for it, or the network is back: no wait counts any more, and nothing is final. */
void connection_retry(struct connection *c);

/* ---- what to do ---- */

struct connection_order {
        enum {
                CONNECTION_STAY,
                CONNECTION_STOP,      /* nothing is polled any more */
                CONNECTION_ASK,       /* nor here; the server is asked, from the first question on */
                CONNECTION_ASK_ASIDE, /* the same while the poll goes on */
                CONNECTION_POLL,      /* the poll begins, or begins anew */
        } step;
        enum {
                CONNECTION_KEEPS_POSITION,
                CONNECTION_RESYNCS,          /* a whole state first */
                CONNECTION_FORGETS_POSITION, /* also the stored one */
        } position;
};
/* `at_stake`: something is owed on the account or should be shown there, or a call goes on of which only it can tell.
 */
struct connection_order connection_next(struct connection *c, bool at_stake, usec_t now);
/* When the next attempt is due by itself; USEC_NEVER: none is. */
usec_t connection_retry_at(const struct connection *c, bool at_stake);

/* When what was told of calls is too old to count, since it is not known any more whether they go on; USEC_NEVER:
 * while it is online, or where nothing was ever told. */
usec_t connection_blind_at(const struct connection *c);

/* ---- what there is to tell ---- */

enum connection_state connection_state(const struct connection *c);
const char *connection_problem(const struct connection *c); /* "" or a sentence for people that says what to do */
/* Without a change of things nothing will come of it. */
bool connection_is_final(const struct connection *c);
/* Something may be written: the server is known, and nothing speaks against the session. */
bool connection_is_trusted(const struct connection *c);
/* It has been online, or has had its chance to. */
bool connection_is_settled(const struct connection *c);
