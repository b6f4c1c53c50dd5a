/* Something busyd has written on an account and owes back (design, section 5): one machine for every account and
 * every output. Pure: facts in, at most one next step out. It knows a value as a state and a text and compares bytes;
 * what they mean is the output's business. */
#pragma once

#include "core/backoff.h"
#include "core/base.h"

/* With the terminating NUL. A longer value on the server is not claimed: its owner would lose it. */
#define CLAIM_STATE_MAX 128
#define CLAIM_TEXT_MAX  1024

/* Writes with effect in one minute, whatever happens: server limits are stricter still, and a fight with another
 * writer must stay quiet. The last of them is kept for giving back. Cures do not count: a leave has few. */
#define CLAIM_WRITES_PER_MINUTE_MAX 4

/* Of claims of several machines; beyond, it begins anew. */
#define CLAIM_ORDER_MAX 1000000

/* A leave that is acknowledged without effect is tried this often before it counts as stuck; entering, where a single
 * time tells nothing, before it counts as having none. */
#define CLAIM_LEAVE_TRIES_MAX 3

/* The cure is repeated once: a session may catch busy again while it runs (reference 12). */
#define CLAIM_CURES_MAX 2

/* Until then an acknowledged write may be seen by itself; after that it is read. Also the time in which another
 * session of the user would catch a busy (reference 2.3, 2.4 step 4). */
#define CLAIM_VERIFY_AFTER (2 * USEC_PER_SEC)

/* What another client of the user does at the end of its own call is done by then. */
#define CLAIM_ASK_AFTER (5 * USEC_PER_SEC)

struct claim_value {
        char state[CLAIM_STATE_MAX];
        char text[CLAIM_TEXT_MAX];
};

bool claim_value_equal(const struct claim_value *a, const struct claim_value *b);

/* NULL reads as "". Returns 0, or -E2BIG, changing nothing, if either does not fit. */
int claim_value_set(struct claim_value *v, const char *state, const char *text);

/* How the place that is written to behaves. Outputs fill it from the server's traits. Strings are static. */
struct claim_traits {
        bool per_device;          /* what is read is an aggregate of devices; leaving withdraws the own value */
        const char *withdrawn;    /* the state that says "this device has no opinion" */
        const char *taken;        /* the state of somebody on a call; NULL: any that is not empty */
        bool sticky;              /* another session of the user may catch `taken` and keep it */
        bool person_writes_whole; /* a person's write replaces state and text together */
        bool text_tells_person;   /* a changed text is a person's word; else a changed state is */
        bool pushed;              /* the server tells of changes by itself: reads only where that is not enough */
        bool curable;             /* a cure is configured */
        usec_t refresh_interval;  /* write again while held; USEC_NEVER: something else keeps it alive */
};

/* What should stand there while the user is busy. A part that is not claimed is left as it is. */
struct claim_want {
        struct claim_value value;
        bool state_claimed, text_claimed;
};

/* What is owed; the journal keeps exactly this. `ours` are the values that may stand on the server. */
struct claim_owed {
        struct claim_value prior;
        struct claim_value ours[2];
        unsigned n_ours; /* 1 or 2: with a changed one not yet acknowledged, the last is the newer */
        unsigned order;  /* 1 to CLAIM_ORDER_MAX: higher than that of each claim known when this one began;
                          * told to others only with a prior that was found at first hand, else 0 */
        bool state_claimed, text_claimed;
};
/* Whether a value of ours has this state or text, and claims it. */
bool claim_owed_has_state(const struct claim_owed *o, const char *state);
bool claim_owed_has_text(const struct claim_owed *o, const char *text);

/* What another machine of the same user has told that it owes at the same place. */
struct claim_other {
        struct claim_owed owed;
        bool live;      /* the user is on a call there; else it gives back */
        bool waits;     /* ... or would, but still waits for the others */
        bool done;      /* nothing is owed any more; told for the sake of those who saw its value */
        bool text_lost; /* somebody has changed its text, which it no longer keeps up */
        bool first;     /* of several that wait for each other, it gives back before us */
};

enum claim_phase {
        CLAIM_FREE,      /* nothing owed */
        CLAIM_ENTERING,  /* on its way to the server */
        CLAIM_HELD,      /* acknowledged and seen */
        CLAIM_LEAVING,   /* owed back, on its way */
        CLAIM_SHARED,    /* owed back, and another machine of the user goes on: the rest comes back after that */
        CLAIM_YIELDED,   /* a person changed it: no more writes for this call */
        CLAIM_FOREIGN,   /* taken by somebody else: left alone for this call, or until they release it */
        CLAIM_REFUSED,   /* the server refuses it for good: no more writes for this call */
        CLAIM_NO_EFFECT, /* acknowledged, and not there: the server ignores it; no more writes for this call */
        CLAIM_STUCK,     /* given back, and another session still holds it */
};
const char *claim_phase_to_string(enum claim_phase p); /* "free", ... "no-effect", "stuck" */

enum claim_step {
        CLAIM_NOTHING,
        CLAIM_READ,    /* read the server's value, then claim_on_read() or claim_on_failure() */
        CLAIM_JOURNAL, /* flush claim_owed() to disk, then claim_on_journalled() or claim_on_failure() */
        CLAIM_WRITE,   /* write `value`, then claim_on_written() or claim_on_failure() */
        CLAIM_CURE,    /* release other sessions, writing `value`; then claim_on_written() or claim_on_failure() */
        CLAIM_FORGET,  /* remove the journal entry, then claim_on_forgotten() or claim_on_failure() */
};

struct claim_request {
        enum claim_step step;
        struct claim_value value;
        usec_t wake_at; /* with CLAIM_NOTHING: decide again then; USEC_NEVER: only after a fact */
};

enum claim_failure {
        CLAIM_FAILED_NOT_APPLIED, /* certainly without effect (429, no connection): try again */
        CLAIM_FAILED_UNSURE,      /* may have taken effect (timeout, cut, 5xx): try again */
        CLAIM_FAILED_REFUSED,     /* refused for good */
        CLAIM_FAILED_SIGNED_OUT,  /* nothing goes until claim_on_signed_in() */
};

/* Embedded; start it with claim_init(). The fields belong to claim.c. */
struct claim {
        struct claim_traits traits;

        /* What the user's calls ask for. */
        bool wanted;
        struct claim_want want;

        /* What is owed. */
        bool owed, on_disk;
        struct claim_owed debt;
        usec_t begun_at;    /* 0: in an earlier run */
        bool maybe_written; /* a write of ours took, or may have taken, effect */
        bool unsure;        /* the fate of the last write is unknown: it may still land */

        /* What the server shows. */
        bool live;  /* pushes come; without them what was read holds for the next step only */
        bool known; /* `seen` is what stands there now */
        bool doubt; /* something else was pushed: read to be sure */
        bool asked; /* ... or may have been written: read at `ask_at` */
        bool asking, released;
        usec_t ask_at;
        usec_t lost_at; /* a read found `judged`, and that ended the claim; 0: not so */
        struct claim_value seen;
        bool ever_seen;
        bool signed_out;

        /* How far the way there, or the way back, has come. */
        enum claim_step in_flight;
        struct claim_value sent; /* the value of the last write */
        bool echoed;             /* ... was pushed before its acknowledgement came */
        bool acked, verified;    /* our value */
        bool left, confirmed;    /* what gives back was acknowledged; and seen */
        bool sent_back;          /* the last write gave back */
        bool shared;             /* given back as far as no other machine goes on */
        bool withdrawn;          /* ... and our device's state was */
        bool must_leave;         /* this leave is finished before anything new begins */
        unsigned leave_tries, cures;
        usec_t verify_at, written_at;
        enum claim_phase verdict;  /* CLAIM_FREE, or why nothing more is done for this call */
        struct claim_value judged; /* what that was said of */

        /* The user's other machines; borrowed. */
        const struct claim_other *others;
        size_t n_others;

        /* Limits. */
        usec_t retry_at;
        bool retry_asked; /* by the server, which knows best */
        struct backoff backoff;
        usec_t writes[CLAIM_WRITES_PER_MINUTE_MAX]; /* the oldest first */
};

void claim_init(struct claim *c, const struct claim_traits *traits);
void claim_set_traits(struct claim *c, const struct claim_traits *traits);

/* ---- facts ---- */

/* A journal entry found at start: it is owed from an earlier run. Before the first decision. */
void claim_resume(struct claim *c, const struct claim_owed *owed);

/* What should stand there now; NULL: nothing, give back what is owed. Only the newest counts. */
void claim_set_want(struct claim *c, const struct claim_want *want);

/* The server pushed its value; claim_on_unsure(): pushes may have been missed. */
void claim_on_seen(struct claim *c, const struct claim_value *v, usec_t now);
void claim_on_unsure(struct claim *c);

/* The server has lost our value, as known from its traits; it is written again if it is still wanted. */
void claim_on_erased(struct claim *c);

/* Another client of the user may write there about now, and nobody tells what. `released`: it may take away its own
 * claim, and with it what stands there: then what was there before us is no person's word, and its place is free. */
void claim_on_doubt(struct claim *c, bool released, usec_t now);

/* All that the user's other machines have told (design, section 6): their values are no prior and no person's word,
 * and what they go on to claim is given back by the last of them. Borrowed until the next call of this. */
void claim_on_others(struct claim *c, const struct claim_other *others, size_t n, usec_t now);

/* The answers to a step; exactly one for each step that claim_decide() returned. */
void claim_on_read(struct claim *c, const struct claim_value *v, usec_t now, uint32_t random);
void claim_on_journalled(struct claim *c);
void claim_on_written(struct claim *c, usec_t now);
void claim_on_forgotten(struct claim *c);
/* `retry_at`: what the server asks for; USEC_NEVER: backs off by itself, with `random` as jitter. */
void claim_on_failure(struct claim *c, enum claim_failure f, usec_t retry_at, usec_t now, uint32_t random);

/* The server answers again: a wait that was only a back-off is over. */
void claim_on_reconnected(struct claim *c);

/* A new session: what the old one wrote on its device is out of reach. */
void claim_on_signed_in(struct claim *c);

/* ---- decisions ---- */

/* The next step; none while one is under way. The same facts give the same step. */
struct claim_request claim_decide(struct claim *c, usec_t now);

enum claim_phase claim_phase(const struct claim *c);

/* What the journal must hold; NULL: nothing is owed. */
const struct claim_owed *claim_owed(const struct claim *c);

/* What will be put back, as far as is known by now. Only while something is owed. */
struct claim_value claim_prior(const struct claim *c);

/* What the user's other machines should be told; false: nothing is owed, or it is not on disk yet. */
bool claim_tell_others(const struct claim *c, struct claim_other *ret);

/* Our value stands there, as far as is known: whatever keeps it alive should run. */
bool claim_is_standing(const struct claim *c);

/* What was written last, perhaps in an earlier run, and so stands there if nobody else has written; NULL: nothing that
 * is known. */
const struct claim_value *claim_written(const struct claim *c);

/* What the server showed last; NULL: never seen. */
const struct claim_value *claim_shown(const struct claim *c);
