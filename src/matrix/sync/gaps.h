/* Events that an answer of /sync left out: read back from /messages, within limits. */
#pragma once

#include "matrix/client/client.h"
#include "matrix/sync/events.h"

/* A busy account after a pause must not be read back whole: state comes complete anyway, and an older message
 * says nothing about a call of now. */
#define GAP_ROOMS_MAX   16
#define GAP_PAGES_MAX   4
#define GAP_PAGE_EVENTS 50

struct gap_fill;

/* The last answer; `filled` false: it is a failure. Called once, never from within gap_fill_start(), not after
 * gap_fill_free(). */
typedef void (*gap_done_t)(const struct matrix_reply *reply, bool filled, void *userdata);

/* Borrows client and batch; takes a reference of types (of the events to read). Returns 1; or 0 if there is nothing to
 * ask for, and done will not be called; -ENOMEM. */
int gap_fill_start(struct gap_fill **ret, struct matrix_client *client, const char *me, const struct sync_batch *batch,
                   const json_t *types, gap_done_t done, void *userdata);
struct gap_fill *gap_fill_free(struct gap_fill *f); /* NULL is fine; returns NULL */
CLEANUP(struct gap_fill, gap_fill_free);

/* What was read; within a room the newest first, and the last one with a torn_room where that was not all. Borrowed.
 */
struct sync_batch *const *gap_fill_pages(const struct gap_fill *f, size_t *ret_n);
/* The rooms of which nothing could be read, those beyond the limit too. Borrowed. */
const char *const *gap_fill_torn(const struct gap_fill *f, size_t *ret_n);
