/* Memory that a flood has taken goes back to the system: the allocator keeps what lies between what is still used. */
#pragma once

#include "core/base.h"

struct memory {
        size_t kept; /* free bytes that stayed after the last time */
};

/* Gives back what is free if that is much more than last time; else costs a look at the allocator's counters. */
void memory_give_back(struct memory *m);
