/* What a claim has of a value that is longer than it can hold: its beginning, and what tells it from any other. It is
 * compared like every value, and is never one of ours; where it is to be written, the whole is. Only the run that has
 * seen the whole has it. */
#pragma once

#include "core/base.h"

/* Embedded; begin with zeroes. */
struct stand_in {
        char *whole; /* the one seen last; NULL: none yet */
};

void stand_in_done(struct stand_in *s);

/* Keeps the whole, and fills `ret`, which has room for `size` bytes: fewer than the whole. Returns 0 or -ENOMEM, then
 * changing nothing. */
int stand_in_take(struct stand_in *s, char *ret, size_t size, const char *whole);

/* Whether what is in a room of that size stands in for something. */
bool stand_in_is(const char *value, size_t size);

/* What is to be written for it: itself, unless it stands in for something. NULL: for what is not known any more. */
const char *stand_in_whole(const struct stand_in *s, const char *value, size_t size);

/* How what is not known any more began, for people. Returns ret. */
const char *stand_in_beginning(char *ret, size_t size, const char *value);
