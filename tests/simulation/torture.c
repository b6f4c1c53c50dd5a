/* See torture.h. */
#include "torture.h"

#include <errno.h>

#include "allocator/allocator.h"

static struct torture torture;
static struct chance chance;
static bool in_product, resting;

struct torture_counters torture_counters;

void torture_rest(bool rests) {
        resting = rests;
}

bool torture_enter(void) {
        bool before = in_product;

        in_product = true;
        return before;
}

bool torture_spare(void) {
        bool before = in_product;

        in_product = false;
        return before;
}

void torture_back(bool before) {
        in_product = before;
}

static bool fails(uint32_t one_in) {
        return in_product && !resting && one_in > 0 && chance_below(&chance, one_in) == 0;
}

static bool refuses(void) {
        torture_counters.allocations += in_product;
        if (!fails(torture.memory))
                return false;
        torture_counters.refused++;
        return true;
}

void torture_begin(const struct torture *t, struct chance c) {
        torture = *t;
        chance = c;
        in_product = resting = false;
        allocator_set(refuses);
}

bool torture_fails_disk(void) {
        if (!fails(torture.disk))
                return false;
        torture_counters.disk_failures++;
        errno = chance_percent(&chance, 50) ? ENOSPC : EIO;
        return true;
}
