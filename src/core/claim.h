/* Something busyd has written on an account and owes back (design, section 5): one machine for every account and
 * every output. Pure: facts in, at most one next step out. */
#pragma once

#include "core/claim-limits.h"
#include "core/claim-others.h"
#include "core/claim-value.h"

/* A leave that is acknowledged without effect is tried this often before it counts as stuck; entering, where a single
 * time tells nothing, before it counts as having none. */
#define CLAIM_LEAVE_TRIES_MAX 3

/* The cure is repeated once: a session may catch busy again while it runs (reference 12). */
#define CLAIM_CURES_MAX 2

/* Until then an acknowledged write may be seen by itself; after that it is read. Also the time in which another
 * session of the user would catch a busy (reference 2.3, 2.4 step 4). */
#define CLAIM_VERIFY_AFTER (2 * USEC_PER_SEC)

/* What was read where nobody tells of changes says nothing about now after that. */
#define CLAIM_VIEW_LASTS (2 * USEC_PER_SEC)

/* A connection that has died in silence brings nothing, and looks like one where nothing happens: what was told longer
 * ago is read before it is taken for what was there before us, and before it is written over. Where a write of ours
 * was never told, what was read instead lasts no longer than where nobody tells. */
#define CLAIM_PUSH_LASTS (60 * USEC_PER_SEC)

/* What another client of the user does at the end of its own call is done by then. */
#define CLAIM_ASK_AFTER (5 * USEC_PER_SEC)

/* A write whose answer was lost, in this run or by the end of an earlier one, has landed by then, or never will: no
 * proxy and no server keeps a request longer. Until then it is looked for this often where nobody tells. */
#define CLAIM_LANDS_WITHIN (60 * USEC_PER_SEC)
#define CLAIM_LOOK_EVERY   (20 * USEC_PER_SEC)

/* How the place that is written to behaves. Outputs fill it from the server's traits. Strings are static. */
struct claim_traits {
        bool per_device;          /* what is read is an aggregate of devices; leaving withdraws the own value */
        const char *withdrawn;    /* the state that says "this device has no opinion" */
        const char *taken;        /* the state of somebody on a call; NULL: any that is not empty */
        const char *kept_as;      /* the state that what keeps ours alive may put in place of another; NULL: none */
        bool sticky;              /* another session of the user may catch `taken` and keep it */
        bool text_per_device;     /* so is the text: the own one would show again once the others' devices are away */
        bool person_writes_whole; /* a person's write replaces state and text together */
        bool text_tells_person;   /* a changed text is a person's word; else a changed state is */
        bool pushed;              /* the server tells of changes by itself: reads only where that is not enough */
        bool curable;             /* a cure is configured */
        usec_t refresh_interval;  /* write again while held; USEC_NEVER: something else keeps it alive */

        /* It stands in for a longer value, which a later run could not put back; NULL: none does. */
        bool (*stands_in)(const struct claim_value *v);
};

/* What should stand there while the user is busy. A part that is not claimed is left as it is. */
struct claim_want {
        struct claim_value value;
        bool state_claimed, text_claimed;
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
        CLAIM_JOURNAL, /* flush claim_entry() to disk, then claim_on_journalled() or claim_on_failure() */
        CLAIM_USE,     /* ... which is there already: only what follows from that, then claim_on_journalled() */
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
        CLAIM_FAILED_NOT_APPLIED, /* certainly without effect (429, 401, no connection): try again */
        CLAIM_FAILED_UNSURE,      /* may have taken effect, or still take it (timeout, cut, 5xx): try again */
        CLAIM_FAILED_REFUSED,     /* refused for good */
};

/* What is owed. Phases free and stuck have none; on disk it may be kept a while longer. */
struct claim_debt {
        struct claim_owed is;
        bool owed;
        bool on_disk;        /* ... as it is now, but for `unsure` */
        bool unsure_on_disk; /* the `unsure` that is on disk */
        usec_t begun_at;     /* 0: in an earlier run */
        bool written;        /* a write of `is` took, or may have taken, effect */
        bool open;           /* the fate of the last write is unknown */
        bool suspected;      /* from an earlier run, and perhaps never was */
        bool resumed;        /* from an earlier run: what it had under way may land from the first decision on */
        bool words_away;     /* words of others may be hidden by a lost write of what gives back */
        bool kept;           /* all was given back, and `is` stays on disk until a lost write cannot land any more */
        bool armed;          /* there is an entry on disk that was put there ahead of a call, see claim_expect() */
        bool fits;           /* ... which is `is`, but for its mark */
        usec_t lands_by;     /* a lost write of `is` may land until then; 0: there is none */
        usec_t restored_by;  /* ... of what gives back, or repeats what was there before a part was added */
        usec_t crossed_by;   /* what another machine gives back, not knowing of `is`, may land until then */
        usec_t put_back_by;  /* what one has put back without hearing of us has shown by then; 0: none has */
        bool goal_unsent;    /* the newest words of ours never were: they do not stand there */
        usec_t goal_at;      /* the newest value of ours was acknowledged first; 0: not yet */
        bool added_sent;     /* the added parts of `is` are in a write that took, or may have taken, effect */
};

/* What the server shows. */
struct claim_view {
        struct claim_value is;
        bool ever;      /* `is` was seen */
        bool known;     /* ... and is what stands there now */
        bool told;      /* ... as it was pushed; else it was read */
        bool live;      /* pushes come; without them what was read holds for CLAIM_VIEW_LASTS */
        bool unechoed;  /* a write of ours that changed it was acknowledged, and nothing was pushed since */
        bool over_ours; /* its words came over ours or another machine's, or over what is owed back */
        char beside[CLAIM_STATE_MAX]; /* the state that came with its words, or as they went; "": none are there, and
                                       * it was there before, beside ours or another machine's */
        usec_t at;                    /* when it was told or read */
        usec_t since;                 /* its words are not known to have come before that */
        usec_t state_since;           /* ... nor its state */
};

/* The step under way, and the last write. */
struct claim_flight {
        enum claim_step step;
        struct claim_value value; /* of the last write */
        bool back;                /* it gave back */
        bool echoed;              /* it was pushed before its acknowledgement came */
        bool told;                /* its state was pushed since it was sent */
        bool displaced;           /* ... and then another: whatever state shows since is not ours */
        usec_t other_at; /* another state was told beside another machine's claim, and ours not since; 0: none */
        struct claim_value other; /* with words of somebody else, told in place of ours since; "": none was */
};

/* Another client of the user may have written: this is to be read. Lives as long as something is wanted. */
struct claim_inquiry {
        bool due, under_way;
        bool released; /* the other one may have taken away its own claim */
        usec_t at;
};

/* Likely to be wanted soon: what has been done about that. */
struct claim_ahead {
        bool likely;
        bool asked;   /* what stands there: once for each time it is likely */
        bool failed;  /* nothing more is tried about it this time */
        bool refused; /* the server refuses to show it or to take it: nor any time, until it takes a write */
        bool arming;  /* the step under way puts the entry on disk */
};

/* A lost write may still land. */
struct claim_free {
        usec_t look_at; /* 0: not decided yet */
        bool looked;    /* for the last time */
};

/* On the way there. */
struct claim_entering {
        usec_t written_at; /* a value of ours was acknowledged; 0: not yet, or not any more */
        bool outdated;     /* ... which is not what is wanted now */
        bool seen;         /* ... and was seen there */
        bool landed;       /* a value of this claim was */
        unsigned lost;     /* so often it was not there after the acknowledgement */
};

struct claim_held {
        usec_t written_at;
        bool doubt;  /* something else was pushed: read to be sure */
        bool lost;   /* the server has lost our value: look, and write it again */
        bool looked; /* for what a lost write may have put over it */
};

/* On the way back: leaving and shared. */
struct claim_leaving {
        usec_t ours_at;             /* our value was acknowledged, and nothing was written since; 0: not so */
        bool outdated;              /* ... which was not what was wanted last */
        bool must_finish;           /* before anything new begins */
        bool waited;                /* for another machine that was ending, once */
        bool yielded;               /* a person has written meanwhile: */
        struct claim_value persons; /* ... this */
        bool hidden;                /* ... told before it was known that what gives back was there, which may */
        struct claim_value hider;   /* ... have come after that */
        struct claim_value back;    /* what gives back */
        bool restores;              /* ... and puts back words */
        bool restored;              /* ... which may have taken effect */
        bool put_back;              /* ... and has, while the other machines were not heard */
        usec_t left_at;             /* ... and acknowledged; 0: not yet */
        bool confirmed;             /* ... and seen */
        bool withdrawn;             /* our device's state was */
        bool behind;                /* a lost write may have landed since, behind words of others */
        bool stuck;                 /* another session holds it */
        bool over;                  /* nothing is left to be given back: the journal is to say so */
        bool keeps;                 /* ... and keeps the entry for what may still land */
        unsigned tries, cures;
        usec_t look_at; /* shared: look again then */
};

/* Yielded, foreign, refused and no effect: why nothing more is done for this call. */
struct claim_stopped {
        struct claim_value judged; /* what that was said of */
        struct claim_value former; /* yielded: ... and before that, with other words */
        usec_t lost_at;            /* when a read found it in place of our acknowledged value; 0: not so */
        usec_t look_at;            /* foreign: perhaps another machine's, which is not heard; 0: not so */
        usec_t written_at;         /* refused: a value of ours from before that was acknowledged; 0: there is none */
        bool text_due;             /* yielded: the own text is still there, and is to be taken away */
        bool outdone;              /* yielded: another machine has found newer words since, which are owed back */
};

/* Embedded; start it with claim_init(). The fields belong to the files that include claim-parts.h. */
struct claim {
        struct claim_traits traits;
        struct claim_others others;
        struct claim_limits limits;

        bool wanted;            /* by the user's calls */
        struct claim_want want; /* ... or likely to be */
        struct claim_ahead ahead;

        bool deaf;       /* to other machines */
        usec_t heard_at; /* they have told something last */
        bool left;       /* one of them may have left something to us, without anything being owed here */

        bool caught;         /* what was given back last is still held by another session, as far as is known */
        bool caught_unheard; /* ... perhaps by another machine: they were not heard when that was found */

        struct claim_debt debt;
        unsigned last_order; /* of the last claim of which all was given back, in this run; 0: there was none */
        usec_t none_since; /* ... which did not know the words before its own, and left none: since then; 0: not so */
        struct claim_view view;
        struct claim_flight flight;
        struct claim_inquiry inquiry;

        enum claim_phase phase;
        enum claim_phase told; /* by claim_take_change() */
        union {
                struct claim_free free;
                struct claim_entering entering;
                struct claim_held held;
                struct claim_leaving leaving;
                struct claim_stopped stopped;
        } in;
};

void claim_init(struct claim *c, const struct claim_traits *traits);
void claim_done(struct claim *c);
void claim_set_traits(struct claim *c, const struct claim_traits *traits);

/* ---- facts ---- */

/* A journal entry found at start: it is owed from an earlier run. Before the first decision. */
void claim_resume(struct claim *c, const struct claim_owed *owed);

/* ... and what was found is only what may be owed, since the journal was lost: where other words stand, it is not. */
void claim_suspect(struct claim *c);

/* What should stand there now; NULL: nothing, give back what is owed. Only the newest counts, and the same again
 * changes nothing. Within a call it may change, claim a part more, and the state no more. */
void claim_set_want(struct claim *c, const struct claim_want *want);

/* This is likely to be wanted soon (a call rings); NULL: nothing is. As long as nothing is wanted or owed, the entry
 * of a claim on it is put on disk ahead ("armed"), so that the first write needs not wait for the disk. It is marked
 * as one of which all was given back: nothing of it stands there as far as is known, and a write of it may land. So it
 * costs nothing to find it at a start: what stands there is ours only if it has our words, and else left alone. The
 * mark goes once the first write was answered. A crash before that leaves a write of ours behind a marked entry, and a
 * person who has written exactly the same meanwhile is not told from us: then it is given back, since the other
 * mistake would be busy for ever. */
void claim_expect(struct claim *c, const struct claim_want *want);

/* The server pushed its value; claim_on_unsure(): pushes may have been missed. */
void claim_on_seen(struct claim *c, const struct claim_value *v, usec_t now);
void claim_on_unsure(struct claim *c);

/* The server has lost our value, as known from its traits; it is written again if it is still wanted. */
void claim_on_erased(struct claim *c);

/* The server has refused to tell what stands there when it was not the claim that asked: not asked ahead of calls. */
void claim_on_refused(struct claim *c);

/* Another client of the user may write there about now, and nobody tells what. `released`: it may take away its own
 * claim, and with it what stands there: then what was there before us is no person's word, and its place is free. */
void claim_on_doubt(struct claim *c, bool released, usec_t now);

/* All that the user's other machines have told, which is copied. Returns 0, or -ENOMEM: then the former list stays. */
int claim_on_others(struct claim *c, const struct claim_other *others, size_t n, usec_t now);

/* Until now the others had to believe that the user is on a call here. Where that was long over, since it could not be
 * told, or an earlier run's, one that has ended meanwhile has left to us what it has put there. */
void claim_on_told_over(struct claim *c);

/* Nothing is heard of the user's other machines, and what they have told may be long over: what they may have put
 * there is left alone until they are heard, or it is gone. */
void claim_set_deaf(struct claim *c, bool deaf);

/* The answers to a step; exactly one for each step that claim_decide() returned. */
void claim_on_read(struct claim *c, const struct claim_value *v, usec_t now, uint32_t random);
void claim_on_journalled(struct claim *c);
void claim_on_written(struct claim *c, usec_t now);
void claim_on_forgotten(struct claim *c);
/* `retry_at`: what the server asks for; USEC_NEVER: nothing. Waits as claim_limits_failed() says, with
 * `random` as jitter. */
void claim_on_failure(struct claim *c, enum claim_failure f, usec_t retry_at, usec_t now, uint32_t random);

/* The server answers again: a wait that was only a back-off is over. */
void claim_on_reconnected(struct claim *c);

/* Something has happened after which everything may be different (a person's reload, a wake from sleep, another
 * network, an hour): every wait is over, also one that the server has asked for. */
void claim_try_again(struct claim *c);

/* ---- decisions ---- */

/* The next step; none while one is under way. The same facts give the same step. */
struct claim_request claim_decide(struct claim *c, usec_t now);

/* ---- questions ---- */

enum claim_phase claim_phase(const struct claim *c);
/* True once for each change of the phase, or several since the last question; *ret_from is the phase told last. */
bool claim_take_change(struct claim *c, enum claim_phase *ret_from);

const struct claim_want *claim_wanted(const struct claim *c); /* NULL: nothing is */
enum claim_step claim_in_flight(const struct claim *c);       /* CLAIM_NOTHING: no step is under way */

/* What is owed; NULL: nothing is. */
const struct claim_owed *claim_owed(const struct claim *c);

/* By this machine, in the last claim of this run, or by another one of the user that tells: no person's. */
bool claim_text_is_ours(const struct claim *c, const struct claim_value *v);

/* What CLAIM_JOURNAL asks to be put on disk. */
const struct claim_owed *claim_entry(const struct claim *c);

/* An entry is on disk, and nothing of it is owed. */
bool claim_is_armed(const struct claim *c);

/* Nothing is owed that could be given back now: there is nothing, or another machine goes on with it. Two that end
 * together would each leave it to the other. */
bool claim_is_at_rest(const struct claim *c);

/* What will be put back, as far as is known by now. Only while something is owed. */
struct claim_value claim_prior(const struct claim *c);

/* What the user's other machines should be told; false: nothing is owed, or it is not on disk yet. */
bool claim_tell_others(const struct claim *c, struct claim_other *ret);

/* Our value stands there, as far as is known: whatever keeps it alive should run. With one value per user that would
 * overwrite a person's, or the prior one where an earlier run died before its write, and waits until it is known that
 * there is none. With a state for each device what was seen stands before its acknowledgement comes. */
bool claim_is_standing(const struct claim *c);

/* Foreign, because it may be another machine's: as long as none is heard, it is looked at now and then. */
bool claim_waits_to_hear(const struct claim *c);

/* Stuck, and not for another machine's claim: what is given back there is kept by whoever has caught it. */
bool claim_is_known_to_stick(const struct claim *c);

/* Something else was seen in place of what is held, and the next step reads, unless that has to wait. */
bool claim_is_to_be_read(const struct claim *c, usec_t now);

/* What was sent last, from the moment it was, perhaps in an earlier run, and so stands there if nobody else has
 * written; NULL: nothing that is known. */
const struct claim_value *claim_written(const struct claim *c);

/* What the server showed last; NULL: never seen. */
const struct claim_value *claim_shown(const struct claim *c);
