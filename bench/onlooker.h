/* Another user who is told of the presence of several, in a process of its own: when each value came. */
#pragma once

#include "interop/people.h"

struct onlooker;

struct seen {
        usec_t at;   /* when the answer that told it had arrived */
        size_t whom; /* index in the list */
        char state[64], message[256];
};

/* `watcher` shares a room with each of them. Returns once nothing is missed any more. */
struct onlooker *onlooker_start(struct device *watcher, const char *const *user_ids, size_t n);
struct onlooker *onlooker_free(struct onlooker *o); /* NULL is fine; returns NULL */

/* Readable when there is something to take. */
int onlooker_fd(const struct onlooker *o);
/* The next one, without waiting; false: nothing more so far. */
bool onlooker_take(struct onlooker *o, struct seen *ret);
