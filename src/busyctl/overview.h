/* What one look at a whole account shows: the user's other machines that run busyd, and where calls are hidden by
 * encryption. Pure. */
#pragma once

#include <jansson.h>

#include "core/base.h"

/* The filter of that look: little more than names comes back. `by_prefix`: types may end in a wildcard. NULL if out of
 * memory. */
json_t *overview_filter(bool by_prefix);

#define OVERVIEW_MACHINES_MAX 16

struct overview {
        const char *machines[OVERVIEW_MACHINES_MAX]; /* ids of devices other than `own`; borrowed from the answer */
        size_t n_machines;
        size_t n_encrypted;        /* rooms */
        size_t n_encrypted_direct; /* ... of no more than two */
};

/* `body`: the answer. -EBADMSG: it is none to that look. */
int overview_read(struct overview *ret, const json_t *body, const char *own);
