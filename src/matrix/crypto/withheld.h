/* Keys that senders say they do not give to this device, for who wants to know why a call was not seen. */
#pragma once

#include <jansson.h>

#include "core/base.h"

#define WITHHELD_MAX 200

enum withheld_code {
        WITHHELD_UNVERIFIED, /* our device is not signed by the user's identity (any more), or the sender wants more */
        WITHHELD_BLACKLISTED,
        WITHHELD_UNAUTHORISED,
        WITHHELD_UNAVAILABLE,
        WITHHELD_NO_OLM, /* they found no key of ours to begin a session with: not of one room key, but of all */
        WITHHELD_OTHER,
};

struct withheld;

int withheld_new(struct withheld **ret);
struct withheld *withheld_free(struct withheld *w);
CLEANUP(struct withheld, withheld_free);

/* The content of an m.room_key.withheld. 1: remembered; 0: it says nothing new; -EBADMSG: it is none; -ENOMEM.
 * *ret_code is set by 1 and 0. */
int withheld_take(struct withheld *w, const char *user_id, const json_t *content, enum withheld_code *ret_code);
/* A key of that session has come after all. */
void withheld_came(struct withheld *w, const char *room_id, const char *session_id);
/* How many users withhold something. */
size_t withheld_users(const struct withheld *w);
