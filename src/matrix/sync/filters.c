/* See filters.h. Pure. */
#include "matrix/sync/filters.h"

#include "json/json.h"

enum sync_filter_way sync_filters_way(const struct sync_filters *f, bool at_once) {
        if (at_once && !f->only_kept)
                return SYNC_FILTER_SENT_ALONG;
        return f->none_kept ? SYNC_FILTER_NOT_KEPT : SYNC_FILTER_KEPT;
}

const char *sync_filters_id(const struct sync_filters *f, enum sync_filter kind, bool presence) {
        return f->ids[kind][presence];
}

void sync_filters_upload(struct sync_filters *f, enum sync_filter kind, bool presence) {
        f->under_way = &f->ids[kind][presence];
}

bool sync_filters_take(struct sync_filters *f, const struct matrix_reply *reply) {
        const char *id = json_member_string(reply->body, "filter_id");

        if (reply->outcome == MATRIX_OK && id) {
                if (f->under_way) {
                        free(*f->under_way);
                        *f->under_way = strdup(id);
                }
                return true;
        }
        if (reply->outcome != MATRIX_OK && reply->outcome != MATRIX_UNRECOGNIZED &&
            reply->outcome != MATRIX_NOT_FOUND && reply->outcome != MATRIX_REFUSED)
                return false;
        f->none_kept = true;
        return true;
}

void sync_filters_keep(struct sync_filters *f) {
        f->only_kept = true;
}

void sync_filters_forget(struct sync_filters *f) {
        f->under_way = NULL;
        for (size_t i = 0; i < SYNC_FILTERS_MAX; i++)
                for (size_t j = 0; j < ARRAY_SIZE(f->ids[i]); j++) {
                        free(f->ids[i][j]);
                        f->ids[i][j] = NULL;
                }
}
