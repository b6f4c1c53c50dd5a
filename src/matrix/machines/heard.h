/* The other machines of the same user that run busyd, by what they have told in account data: one entry each, of a
 * type that ends in the id of its device (design, section 6; reference 9). Account data has no time and is never
 * gone, so an entry says how long it may be believed. Pure. */
#pragma once

#include "matrix/machines/entry.h"

#define HEARD_MAX 8 /* machines */

struct heard;

int heard_new(struct heard **ret);
struct heard *heard_free(struct heard *h);
CLEANUP(struct heard, heard_free);

/* An entry of account data other than our own; `type` may be any. `age`: how old it is by the clocks of both machines,
 * 0 if it has just come. Returns whether something changed. What cannot be understood, as the empty entry of a
 * machine that has logged out, or is not told any more, as by one that has started anew, counts as done. */
bool heard_take(struct heard *h, const char *type, const json_t *content, usec_t age, usec_t now);

/* A whole state begins, and ends: entries that were not in it are gone. The end returns whether there were any. */
void heard_resync_begin(struct heard *h);
bool heard_resync_end(struct heard *h);

/* What is not believed any more counts as done. Returns whether something changed. */
bool heard_expire(struct heard *h, usec_t now);
usec_t heard_deadline(const struct heard *h);

/* `devices`: those that the server had at `asked_at` or later. What others said until then is not believed any more:
 * they have logged out. A list that does not name our own device says nothing. Returns whether something changed. */
bool heard_take_devices(struct heard *h, const json_t *devices, const char *device_id, usec_t asked_at);

/* Whether there is any other machine; whether it is this device's. */
bool heard_any(const struct heard *h);
bool heard_has(const struct heard *h, const char *device_id);
/* One of them holds the state of that output for a call. */
bool heard_holds(const struct heard *h, const char *output);
/* What they owe on that output; at most HEARD_MAX. `device_id`: ours, for who comes first. */
size_t heard_claims(const struct heard *h, const char *output, const char *device_id,
                    struct claim_other ret[HEARD_MAX]);
