/* Free or busy, and when to look again (design, section 4). Pure: the call table, the mode and `now` in,
 * a verdict out. */
#pragma once

#include "core/base.h"
#include "core/calls.h"

enum mode {
        MODE_AUTO,
        MODE_BUSY,
        MODE_FREE,
        MODE_PAUSED, /* detect and publish on the bus, write nothing anywhere */
};

enum ringing_policy {
        RINGING_NO,
        RINGING_OUTGOING,
        RINGING_ALL,
};

struct availability_policy {
        usec_t start_delay; /* proof must stand this long */
        usec_t hint_delay;  /* hints must stand this long, unbroken */
        usec_t proof_grace; /* busy goes on this long after the last call, if that was proof */
        usec_t hint_grace;  /* ... if it was a hint */
        enum ringing_policy ringing;
        bool count_weak; /* weak evidence alone counts, like a strong hint */
};

#define AVAILABILITY_POLICY_DEFAULT                                                                                   \
        {                                                                                                             \
                .start_delay = 0, .hint_delay = 3 * USEC_PER_SEC, .proof_grace = 5 * USEC_PER_SEC,                    \
                .hint_grace = 10 * USEC_PER_SEC, .ringing = RINGING_NO, .count_weak = false,                          \
        }

/* So long after a call that might have made busy a further one is likely: calls that come and go, however many,
 * prepare nothing anew. */
#define AVAILABILITY_LIKELY_FOR USEC_PER_MIN

struct availability_verdict {
        bool settled;   /* every present source has spoken once; until then nothing is published */
        bool busy;      /* what the bus shows */
        bool likely;    /* free, and perhaps busy soon: a call rings, or has to stand a while before it counts */
        bool write;     /* what outputs may act on `busy`; false while paused and before settling */
        usec_t since;   /* when `busy` last changed */
        usec_t wake_at; /* ask again then; USEC_NEVER: only after an event */
};

/* One application on one source: the same call, however often its streams are made anew. */
struct moment_call {
        char source[80], app[128]; /* cut where they are longer */
        uint64_t serial;           /* of the call that was it last: its application may become known later */
        usec_t seen_at;            /* it would have counted then */
        usec_t blind;              /* its source cannot tell whether it goes on: taken for so long after `seen_at` */
};

/* Applications that one `free` can hold for; what is more of a moment counts again. */
#define MOMENT_CALLS_MAX 32
/* Embedded; start it with availability_init. The fields belong to availability.c; `mode`, `mode_until` and
 * `until_calls_end` may be read. */
struct availability {
        struct availability_policy policy;
        enum mode mode;
        usec_t mode_until;
        bool until_calls_end; /* this `free` ends with the calls of its moment */
        /* What counts now or would soon, or did until the grace that runs; while `until_calls_end` those of then. */
        struct moment_call moment[MOMENT_CALLS_MAX];
        size_t n_moment;
        bool moment_open;      /* from an earlier run: those are its calls that are found before settling */
        usec_t moment_over_at; /* when that `free` ends; USEC_NEVER: a call of the moment goes on */
        usec_t word_at;        /* when it was said; kept after its end, until another word; 0: it was not */
        uint64_t word_serial;  /* of the newest call there was then */
        bool settled;
        bool busy;
        usec_t since;
        bool counting; /* a call counted at the last look, against which the user had not said free */
        usec_t grace;  /* of what counted last */
        usec_t release_at;
        usec_t likely_until; /* a call that may make busy was there a short while ago */
};

void availability_init(struct availability *a, const struct availability_policy *policy, usec_t now);

/* Takes effect with the next decision; a running call is judged anew. */
void availability_set_policy(struct availability *a, const struct availability_policy *policy);

/* The user's word. `until`: the mode falls back to auto then; USEC_NEVER: stays. MODE_FREE without an end is that of
 * availability_free_until_calls_end() where that can be. */
void availability_set_mode(struct availability *a, enum mode mode, usec_t until, const struct call_table *calls,
                           usec_t now);

/* MODE_FREE until the grace after the calls of now is over: those that count, or would when they have stood long
 * enough, by application and source. In the grace after a call it ends with that. -ENOENT if there is neither. */
int availability_free_until_calls_end(struct availability *a, const struct call_table *calls, usec_t now);

/* After a restart: MODE_FREE until the calls that the first snapshots find are gone. */
void availability_await_calls_end(struct availability *a);

/* This source cannot tell at present what goes on: its calls of the moment are not taken for gone before they have not
 * been seen for `span`. 0: it can tell. */
void availability_set_blind(struct availability *a, const char *source, usec_t span);

/* The machine has slept: what ended meanwhile leaves no grace behind. */
void availability_wake(struct availability *a);

/* Every present source has finished its first snapshot. */
void availability_settle(struct availability *a);

/* Whether this call counts towards busy at `now`, and if not yet, from when on it will (USEC_NEVER: not
 * as things are). `ret_from` may be NULL. */
bool availability_counts(const struct availability *a, const struct call_table *calls, const struct call *c,
                         usec_t now, usec_t *ret_from);

/* It went on when the user said free in the calls of that moment, and was found anew after those were over, as when
 * its account was logged out meanwhile: it does not count either. */
bool availability_is_spoken_for(const struct availability *a, const struct call *c);

/* The one decision. Time never goes back between two calls. */
struct availability_verdict availability_decide(struct availability *a, const struct call_table *calls, usec_t now);

/* "auto", "busy", "free", "paused". */
const char *mode_to_string(enum mode m);
int mode_from_string(const char *s, enum mode *ret); /* -EINVAL */
