/* Something busyd has written on an account and owes back (design, section 5): one machine for every
 * account and every output. Pure: facts in, at most one next step out. It knows values as a state and a text
 * and compares bytes; what they mean is the output's business. */
#pragma once

#include "core/backoff.h"
#include "core/base.h"

/* With the terminating NUL. A longer value on the server is not claimed: its owner would lose it. */
#define CLAIM_STATE_MAX 128
#define CLAIM_TEXT_MAX  1024

/* Writes in one minute, whatever happens: server limits are stricter still, and a fight with another
 * writer must stay quiet. */
#define CLAIM_WRITES_PER_MINUTE_MAX 4

/* A leave whose write has no effect is tried this often before it counts as stuck. */
#define CLAIM_LEAVE_TRIES_MAX 3

struct claim_value {
        char state[CLAIM_STATE_MAX];
        char text[CLAIM_TEXT_MAX];
};

bool claim_value_equal(const struct claim_value *a, const struct claim_value *b);

/* Returns 0, or -E2BIG if either does not fit. NULL reads as "". */
int claim_value_set(struct claim_value *v, const char *state, const char *text);

/* How the place that is written to behaves. The output fills it from the server's traits. */
struct claim_traits {
        bool per_device;          /* what is read is an aggregate of devices; leaving withdraws the own value */
        const char *withdrawn;    /* the state that says "this device has no opinion"; static string */
        const char *sticky;       /* the one state that another session may catch and hold; NULL: none */
        bool person_writes_whole; /* a person's write replaces state and text together */
        bool text_tells_person;   /* a changed text is a person's word; otherwise a changed state is */
        bool pushed;              /* the server tells of changes by itself: no read to verify */
        bool curable;             /* a cure is configured */
        usec_t refresh_interval;  /* write again while held; USEC_NEVER: something else keeps it alive */
};

/* What should stand there while the user is busy. */
struct claim_want {
        struct claim_value value;
        bool state_claimed; /* false: the state is left as it is */
        bool text_claimed;  /* false: the text is left as it is */
};

enum claim_phase {
        CLAIM_FREE,      /* nothing owed */
        CLAIM_ENTERING,  /* on its way to the server */
        CLAIM_HELD,      /* acknowledged and seen */
        CLAIM_LEAVING,   /* owed back, on its way */
        CLAIM_YIELDED,   /* a person changed it: no more writes for this call */
        CLAIM_FOREIGN,   /* was busy before us: left alone for this call */
        CLAIM_REFUSED,   /* the server refuses it for good: no more writes for this call */
        CLAIM_NO_EFFECT, /* acknowledged and not there: the server ignores it; no more writes for this call */
        CLAIM_STUCK,     /* given back, and another session still holds it */
};

enum claim_step {
        CLAIM_NOTHING,
        CLAIM_READ,    /* read the server's value, then claim_on_read() or claim_on_failure() */
        CLAIM_JOURNAL, /* flush claim_owed() to disk, then claim_on_journalled() */
        CLAIM_WRITE,   /* write `value`, then claim_on_written() or claim_on_failure() */
        CLAIM_CURE,    /* release other sessions, writing `value`; then claim_on_cured() or claim_on_failure() */
        CLAIM_FORGET,  /* remove the journal entry, then claim_on_forgotten() */
};

struct claim_request {
        enum claim_step step;
        struct claim_value value;
        usec_t wake_at; /* decide again then; USEC_NEVER: only after a fact */
};

enum claim_failure {
        CLAIM_FAILED_NOT_APPLIED, /* certainly without effect (429, refused connection); try again */
        CLAIM_FAILED_UNSURE,      /* may have taken effect (timeout, cut, 5xx); try again */
        CLAIM_FAILED_REFUSED,     /* refused for good */
        CLAIM_FAILED_SIGNED_OUT,  /* nothing goes until claim_on_signed_in() */
};

/* What is owed: the journal keeps exactly this. `ours` are the values that may stand on the server, [1] only
 * if `n_ours` is 2 (the one before, as long as the change is not acknowledged). */
struct claim_owed {
        struct claim_value prior;
        struct claim_value ours[2];
        unsigned n_ours;
        bool state_claimed, text_claimed;
};

/* Embedded; start it with claim_init. The fields belong to claim.c; tests may read them. */
struct claim {
        struct claim_traits traits;

        /* the user, and what we want now */
        bool wanted;
        struct claim_want want;

        /* owed */
        bool owed, owed_on_disk;
        struct claim_owed debt;
        bool fresh_debt; /* journalled, and no write of ours was ever under way */

        /* the server */
        bool seen_known; /* `seen` is what the server shows now */
        struct claim_value seen;
        struct claim_value shown; /* last value seen, for people */
        bool signed_out;

        /* progress */
        enum claim_step in_flight;
        bool acked;    /* our value is acknowledged */
        bool verified; /* ... and was seen there */
        bool left;     /* the withdrawal is acknowledged */
        bool leave_sent;
        bool cured;
        bool confirm_by_read; /* a read after the acknowledgement, not an echo */
        unsigned leave_tries;
        usec_t verify_at;
        usec_t written_at;
        enum claim_phase verdict; /* YIELDED, FOREIGN, REFUSED, NO_EFFECT for this call, STUCK after it; else FREE */

        /* limits */
        usec_t retry_at;
        struct backoff backoff;
        usec_t writes[CLAIM_WRITES_PER_MINUTE_MAX];
};
