/* Reading gaps back: one room after the other, one page after the other. */
#include "matrix/sync/gaps.h"

#include <errno.h>

#include "matrix/client/api.h"
#include "json/json.h"

struct gap_fill {
        struct matrix_client *client;
        const char *me;
        const struct sync_batch *batch;
        json_t *types;
        gap_done_t done;
        void *userdata;
        struct http_request *request;
        size_t room;
        unsigned pages_of_room;
        struct sync_batch *pages[GAP_ROOMS_MAX * GAP_PAGES_MAX];
        size_t n_pages;
        const char **torn; /* as many as there are gaps */
        size_t n_torn;
};

static void on_page(const struct matrix_reply *reply, void *userdata);

static size_t n_rooms(const struct gap_fill *f) {
        return f->batch->n_gaps < GAP_ROOMS_MAX ? f->batch->n_gaps : GAP_ROOMS_MAX;
}

static int ask(struct gap_fill *f, const char *from) {
        return matrix_messages_get(f->client, f->batch->gaps[f->room].room_id, from, GAP_PAGE_EVENTS, f->types,
                                   on_page, f, &f->request);
}

/* Some of what was said in this room will not be read. */
static void tear(struct gap_fill *f) {
        const char *room = f->batch->gaps[f->room].room_id;

        if (f->pages_of_room > 0)
                f->pages[f->n_pages - 1]->torn_room = room;
        else
                f->torn[f->n_torn++] = room;
}

static void begin_room(struct gap_fill *f) {
        f->room++;
        f->pages_of_room = 0;
}

/* The next room; false when there is none left. A room that cannot be asked about is passed over. */
static bool next_room(struct gap_fill *f) {
        for (begin_room(f); f->room < n_rooms(f); begin_room(f)) {
                if (f->batch->gaps[f->room].prev_batch && ask(f, f->batch->gaps[f->room].prev_batch) >= 0)
                        return true;
                tear(f);
        }
        return false;
}

/* There is no reading back those beyond the limit. */
static void tear_what_is_too_much(struct gap_fill *f) {
        for (size_t i = n_rooms(f); i < f->batch->n_gaps; i++)
                f->torn[f->n_torn++] = f->batch->gaps[i].room_id;
}

static void tear_rest(struct gap_fill *f) {
        for (; f->room < n_rooms(f); begin_room(f))
                tear(f);
}

/* Returns where the page before this one begins, or NULL if this was the last. */
static const char *keep_page(struct gap_fill *f, const struct matrix_reply *reply) {
        struct sync_batch *page;

        if (sync_batch_new_from_messages(&page, reply->body, f->me, f->batch->gaps[f->room].room_id) < 0) {
                tear(f);
                return NULL;
        }
        f->pages[f->n_pages++] = page;
        f->pages_of_room++;
        if (page->n_events == 0)
                return NULL;
        if (f->pages_of_room >= GAP_PAGES_MAX) {
                tear(f);
                return NULL;
        }
        return json_member_string(reply->body, "end");
}

static bool is_temporary(enum matrix_outcome o) {
        return o == MATRIX_RETRY || o == MATRIX_UNSURE || o == MATRIX_SIGNED_OUT || o == MATRIX_LOCKED ||
               o == MATRIX_NOT_MATRIX;
}

static void on_page(const struct matrix_reply *reply, void *userdata) {
        struct gap_fill *f = userdata;
        const char *end = NULL;

        f->request = NULL;
        if (reply->outcome == MATRIX_OK)
                end = keep_page(f, reply);
        else if (is_temporary(reply->outcome)) {
                tear_rest(f);
                f->done(reply, /* filled= */ false, f->userdata);
                return;
        } else
                tear(f);
        if (end && ask(f, end) >= 0)
                return;
        if (end)
                tear(f);
        if (!next_room(f))
                f->done(reply, /* filled= */ true, f->userdata);
}

int gap_fill_start(struct gap_fill **ret, struct matrix_client *client, const char *me, const struct sync_batch *batch,
                   const json_t *types, gap_done_t done, void *userdata) {
        SCOPED(gap_fill_free) struct gap_fill *f = calloc(1, sizeof(*f));
        bool asks;

        if (!f)
                return -ENOMEM;
        f->client = client;
        f->me = me;
        f->batch = batch;
        f->types = json_incref((json_t *) types);
        f->done = done;
        f->userdata = userdata;
        f->room = SIZE_MAX; /* before the first */
        f->torn = calloc(batch->n_gaps, sizeof(*f->torn));
        if (!f->torn)
                return -ENOMEM;
        tear_what_is_too_much(f);
        asks = next_room(f);
        *ret = TAKE(f);
        return asks;
}

struct gap_fill *gap_fill_free(struct gap_fill *f) {
        if (!f)
                return NULL;
        http_request_free(f->request);
        for (size_t i = 0; i < f->n_pages; i++)
                sync_batch_free(f->pages[i]);
        json_decref(f->types);
        free(f->torn);
        free(f);
        return NULL;
}

struct sync_batch *const *gap_fill_pages(const struct gap_fill *f, size_t *ret_n) {
        *ret_n = f->n_pages;
        return f->pages;
}

const char *const *gap_fill_torn(const struct gap_fill *f, size_t *ret_n) {
        *ret_n = f->n_torn;
        return f->torn;
}
