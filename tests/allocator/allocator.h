/* The C library's allocator, for tests of what happens without memory: who asks is refused where `refuses` says so.
 * With it come strdup(), asprintf(), streams in memory and jansson, which all ask there. */
#pragma once

#include "core/base.h"

/* Not where a sanitizer has the allocator. */
bool allocator_can_refuse(void);

/* NULL: nothing is refused. */
void allocator_set(bool (*refuses)(void));

/* What this thread was given, less what it gave back. */
int64_t allocator_balance(void);
