/* `busyctl verify --emoji` on a machine, with the user before both devices: the product's own receiver and comparison,
 * what busyctl does around them, and a phone that answers as current clients do, or does not. */
#pragma once

#include "devices.h"

struct comparing;

/* This session is to be verified by emoji. */
bool comparing_is_wanted(struct devices *d);
/* busyd has let go of the account. NULL: it cannot be begun, and nothing has changed. */
struct comparing *comparing_new(struct devices *d, const char *state_dir, const char *account, const char *device);
/* Before its end: the machine has gone down with it. */
struct comparing *comparing_free(struct comparing *c);

usec_t comparing_deadline(const struct comparing *c);
enum comparing_end comparing_run(struct comparing *c);
/* The device had no keys before, so that it has to go where nobody signs it. */
bool comparing_introduces(const struct comparing *c);
