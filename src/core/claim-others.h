/* What the user's other machines have told of their claims at the same place (design, section 6): their values are no
 * prior and no person's word, and what they go on to claim is given back by the last of them. The list is a copy of
 * what was told last; what it means for one claim follows from that claim's own debt, which each question gets. */
#pragma once

#include "core/claim-value.h"

/* What another machine of the same user has told that it owes. */
struct claim_other {
        struct claim_owed owed;
        bool live;      /* the user is on a call there; else it gives back */
        bool waits;     /* ... or would, but still waits for the others */
        bool done;      /* nothing is owed any more; told for the sake of those who saw its value */
        bool silent;    /* ... as far as anybody waits for it: it has not said so, and may have left its value there */
        bool withdrawn; /* its state on a device of its own was taken away */
        bool text_lost; /* somebody has changed its text, which it no longer keeps up */
        bool overwritten; /* a person has, state and text together: what it has put there stands no more */
        bool late;        /* a write of it that gave back was lost, and may land after it is done */
        bool put_back;    /* it heard nothing of the others when it put back the words that it had found */
        bool first;       /* of several that wait for each other, it gives back before us */
        usec_t done_for;  /* by its own word, when that was heard; 0: no longer than is known here */
};

/* So many of those that are done are remembered to be: those that are told of, and the last ones of the rest. */
#define CLAIM_OTHERS_DONE_MAX 8

/* A write that one of them has lost has landed by then. */
#define CLAIM_OTHERS_SETTLE (65 * USEC_PER_SEC)

/* Embedded; all zero is none. The fields belong to claim-others.c. */
struct claim_others {
        struct claim_other *of; /* owned */
        size_t n, room;
        struct claim_done {
                uint64_t contents; /* of what was owed, as several machines may count alike; 0: none */
                usec_t at;         /* since when it is known to be done; 0: before the clock began */
                bool known;        /* ... to be so when our claim has found what it owes back */
                bool before;       /* ... and long enough for having put nothing of that there */
        } done[CLAIM_OTHERS_DONE_MAX];
        unsigned n_done; /* the place after the one that was taken last, and more */
};

/* Each that the user is on a call for in that list was told of before, and was not done. */
bool claim_others_know_all(const struct claim_others *o, const struct claim_other *list, size_t n);

/* One of that list has put back what it had found without hearing of us, which was told of before, and not that. */
bool claim_others_tell_put_back(const struct claim_others *o, const struct claim_other *list, size_t n);

/* Copies the list. Returns 1 if a claim has ended that was not done before, else 0, or -ENOMEM, changing nothing. */
int claim_others_set(struct claim_others *o, const struct claim_other *list, size_t n, usec_t now);
void claim_others_done(struct claim_others *o);

/* All of them together, as they are now. */
struct claim_others_now {
        unsigned going_on;   /* the parts that one of them goes on to claim */
        bool state_is_about; /* one of them has not given its state back yet */
        bool will_give_back; /* one of them is about to give everything back, before us */
        bool gives_back;     /* ... at once: its turn is before ours */
        bool about;          /* one of them is not done */
        bool any_over;       /* one of them gives back, or has: perhaps not knowing of us */
        bool any_ending;     /* ... and is not done */
        bool repeats_words;  /* one that claims none is not done: what it writes repeats those that it has read */
        bool any_late;       /* a write that gave back may land, of one that was not done long before our claim */
};
struct claim_others_now claim_others_now(const struct claim_others *o);

/* The parts of `v` that one of them puts there. */
unsigned claim_others_wrote(const struct claim_others *o, const struct claim_value *v);

/* `v` is taken by one of them, or by all of us together. Where each has a state of its own (`per_device`), words tell
 * nothing about it. */
bool claim_others_hold(const struct claim_others *o, const struct claim_owed *own, bool per_device,
                       const struct claim_value *v);

/* ... and that one may have put it there since `own` began: where words do not tell, who was done long before has not.
 */
bool claim_others_explain(const struct claim_others *o, const struct claim_owed *own, bool per_device,
                          const struct claim_value *v);

/* One of them that is done may have left parts of `own` to us: it was not when ours began. */
bool claim_others_may_have_left(const struct claim_others *o, const struct claim_owed *own);
/* What one of them that is done has put there, and still stands: that by words, or where it has put none, by a state
 * that is `taken`. NULL: nothing does, or it does not know what was before. */
const struct claim_owed *claim_others_left_standing(const struct claim_others *o, const struct claim_value *v,
                                                    bool taken);
/* One of them gives back what is `own` as well, and has yet to say that it is done. */
bool claim_others_may_leave(const struct claim_others *o, const struct claim_owed *own);

/* One of them has found words of `own`, was never told what was before them, and puts back none beside `state`: the
 * one that it has found, or `withdrawn` where that was taken; NULL: beside whatever others say. Its end was told not
 * long before `since` or later, and by `until`, or comes now where that is USEC_NEVER; both USEC_NEVER: or may not be
 * heard of yet. */
bool claim_others_may_have_left_none(const struct claim_others *o, const struct claim_owed *own, const char *state,
                                     const char *withdrawn, usec_t since, usec_t until);

/* One of them gives back, or has since our claim began, which says the same as `own`, and has found `text`. Beside
 * which state as above. */
bool claim_others_may_have_put_back(const struct claim_others *o, const struct claim_owed *own, const char *text,
                                    const char *state, const char *withdrawn);

/* One of them that says the same and began before `own` has put back `text` without hearing of us, and `own` has found
 * other words since; or none, as it has found words of `own`. Beside which state as above. */
bool claim_others_put_back(const struct claim_others *o, const struct claim_owed *own, const char *text,
                           const char *state, const char *withdrawn);

/* The state that one of them has found before it has put `state` there, which it left when it was done: that shows
 * since `since`, when it was not done yet, and it has found the words that `own` has found. NULL: none has left it. */
const char *claim_others_left_state(const struct claim_others *o, const struct claim_owed *own, const char *state,
                                    usec_t since);

/* The words that one of them has found before it has put `text` there, which stands and is of `own` as well; NULL:
 * none of them has, or it does not know. */
const char *claim_others_words_before(const struct claim_others *o, const struct claim_owed *own, const char *text);

/* What one of them has given way to where each device has its own words: a person has written that since `own` began.
 * NULL: nothing. */
const char *claim_others_persons_word(const struct claim_others *o, const struct claim_owed *own);

/* Where each device has its own words, what one of them gives back takes the words away that show on none, until it
 * has seen that and puts them back: those, of the newest one that is at it; "": none. */
const char *claim_others_words_away(const struct claim_others *o);

/* A device of one of them may have these words: it says them, or has put them back. */
bool claim_others_may_show(const struct claim_others *o, const char *text);

/* What is owed back from now on was found there, or told, at `seen_at`: who was done long before had no part in it. */
void claim_others_found(struct claim_others *o, usec_t seen_at);

/* They are all done, and were so long before `seen_at`. */
bool claim_others_are_long_done(const struct claim_others *o, usec_t seen_at);
/* `own` is of an earlier run, which knew of them what we do not: as it has kept. */
void claim_others_found_before(struct claim_others *o, const struct claim_owed *own);

/* Replaces what one of them put into `v` by what it found there. `done_only`: as far as that will not change any more.
 * With `own`, also by what one that came later than that claim has found: it has seen what a person did after us. */
void claim_others_look_through(const struct claim_others *o, const struct claim_owed *own, bool per_device,
                               bool done_only, struct claim_value *v);

/* `told` is what the prior of `own` was by what they told until now: what none of them explains any more, or only by
 * what is our own, stays explained in `v`, which is that prior by now. */
void claim_others_keep_told(const struct claim_others *o, const struct claim_owed *own, bool per_device,
                            const struct claim_value *told, struct claim_value *v);
