/* Memory and disk that fail now and then: of what the product asks for, each allocation and each write, flush and
 * rename may be refused, by chance. Not where a sanitizer has the allocator. */
#pragma once

#include "door.h"

/* One in so many of each; 0: none. Begins anew for each world. */
struct torture {
        uint32_t memory, disk;
};

void torture_begin(const struct torture *t, struct chance chance);
/* A quiet time, in which all works: how what failed before is got over. */
void torture_rest(bool rests);

/* The product's own steps are in between; what is not its own, as the server's answer to it, is spared. Both return
 * what was before, for torture_back(). */
bool torture_enter(void);
bool torture_spare(void);
void torture_back(bool before);

static inline void torture_back_scoped(bool *before) {
        torture_back(*before);
}
#define SPARED __attribute__((cleanup(torture_back_scoped), unused)) bool torture_before = torture_spare()

/* Whether this step on the disk fails, with ENOSPC or EIO in errno. */
bool torture_fails_disk(void);

struct torture_counters {
        uint64_t allocations, refused, disk_failures;
};
extern struct torture_counters torture_counters;
