/* What the polls of one /sync loop say for set_presence. No word of the spec may leave the user alone there; a server
 * that insists on one, or shows what is none, gets the least harmful. Where a poll's word becomes the user's state,
 * and another client's as well, the two wake each other, and whoever looks sees the user come and go: a word that
 * fights so is kept back, as long as there is another. */
#pragma once

#include "core/backoff.h"
#include "matrix/sync/sync.h"

/* sync_words_init() makes it. */
struct sync_words {
        enum {
                SYNC_NONE_TAKEN,
                SYNC_NONE_OR_FILTER_REFUSED, /* one of both it was, as the next answer tells; until then as REFUSED */
                SYNC_NONE_REFUSED,           /* or shown to others */
        } none;
        bool none_answered;        /* by the last poll that said it */
        usec_t none_until;         /* what refused it is believed; once it was shown: USEC_NEVER */
        struct backoff none_spans; /* ... for how long, until it is taken */
        bool shows_another;        /* state than the word of the poll that has brought it */
        unsigned n_turns;
        usec_t turn_at;                             /* the last one */
        usec_t fights_until[SET_PRESENCE_NONE + 1]; /* by word; 0: it does not */
};

void sync_words_init(struct sync_words *w);

enum set_presence sync_words_pick(const struct sync_words *w, const struct set_presence_words *says, bool held);

/* A poll that said SET_PRESENCE_NONE was refused for that. Else the server, which has taken it in the poll before, or
 * what stands in front of it, minds something else. */
bool sync_words_are_minded(const struct sync_words *w);
/* It was refused, for whatever reason; `sent_along`: it may also have been for its filter. */
void sync_words_refused(struct sync_words *w, bool sent_along, usec_t now);
/* It was for the filter. */
void sync_words_filter_refused(struct sync_words *w);
/* A poll that said that was answered. */
void sync_words_taken(struct sync_words *w, enum set_presence said);
/* One that said that has brought the own presence. */
void sync_words_seen(struct sync_words *w, enum set_presence said, const char *shown, usec_t now);
void sync_words_age(struct sync_words *w, usec_t now);
