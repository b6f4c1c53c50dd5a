/* The filters of one /sync loop: which of them the server keeps, and which are sent along in the address instead.
 * Makes no request. */
#pragma once

#include "matrix/sync/sync.h"

/* Zeroes to start with. */
struct sync_filters {
        char *ids[SYNC_FILTERS_MAX][2]; /* [kind][with own presence] */
        char **under_way;               /* one of them; NULL: not wanted any more */
        bool none_kept;                 /* the server keeps none */
        bool only_kept;                 /* it, or something before it, does not take others */
};

enum sync_filter_way {
        SYNC_FILTER_KEPT,       /* by its id, after an upload */
        SYNC_FILTER_NOT_KEPT,   /* in the address, since the server keeps none */
        SYNC_FILTER_SENT_ALONG, /* in the address, so that the answer does not wait for an upload */
};
/* `at_once`: the answer is to come however little there is. */
enum sync_filter_way sync_filters_way(const struct sync_filters *f, bool at_once);

/* Borrowed until the next call; NULL: not uploaded. */
const char *sync_filters_id(const struct sync_filters *f, enum sync_filter kind, bool presence);

/* That one is being uploaded. */
void sync_filters_upload(struct sync_filters *f, enum sync_filter kind, bool presence);
/* The answer to that. False: it has failed. */
bool sync_filters_take(struct sync_filters *f, const struct matrix_reply *reply);

/* Nothing is sent along from now on but where nothing is kept. */
void sync_filters_keep(struct sync_filters *f);

/* Of all that are kept; also the end. */
void sync_filters_forget(struct sync_filters *f);
