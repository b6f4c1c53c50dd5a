/* What the polls of one /sync loop say for set_presence. No word of the spec may leave the user alone there; a server
 * that insists on one, or shows what is none, gets the least harmful. */
#pragma once

#include "matrix/sync/sync.h"

/* Zeroes to start with. */
struct sync_word {
        enum {
                SYNC_NONE_TAKEN,
                SYNC_NONE_OR_FILTER_REFUSED, /* one of both it was, as the next answer tells; until then as REFUSED */
                SYNC_NONE_REFUSED,           /* or shown to others */
        } none;
};

enum set_presence sync_word(const struct sync_word *w, const struct sync_options *options, bool held);

/* A poll that said SET_PRESENCE_NONE was refused; `sent_along`: it may also have been for its filter. */
void sync_word_refused(struct sync_word *w, bool sent_along);
/* It was for the filter. */
void sync_word_filter_refused(struct sync_word *w);
void sync_word_answered(struct sync_word *w, const struct sync_batch *b);
