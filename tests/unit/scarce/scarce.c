/* See scarce.h. */
#include "scarce/scarce.h"

#include <stdio.h>

#include "allocator/allocator.h"

/* Beyond that a scenario goes round in circles. */
#define ROUNDS_MAX 20000

static struct scarce *now;

static bool refuses(void) {
        if (now->n == 0)
                return false;
        now->asked++;
        if (now->asked != now->n && !(now->for_good && now->asked > now->n))
                return false;
        now->refused++;
        return true;
}

struct scarce scarce(void) {
        return (struct scarce){ 0 };
}

const char *scarce_where(const struct scarce *s) {
        static char text[64];

        (void) snprintf(text, sizeof(text), "allocation %u%s", s->n, s->for_good ? " and those after it" : "");
        return text;
}

bool scarce_again(struct scarce *s) {
        bool first = s->rounds++ == 0;

        /* In the first one the libraries take what they keep for good. */
        cr_assert(s->n == 0 || allocator_balance() <= s->balance, "%lld are left over without %s",
                  (long long) (allocator_balance() - s->balance), scarce_where(s));
        if (!first && !allocator_can_refuse())
                return false;
        if (s->n > 0 && s->refused == 0) {
                cr_assert_gt(s->n, 1, "it asks for no memory at all");
                if (s->for_good)
                        return false;
                s->for_good = true;
                s->n = 0;
        }
        s->n += !first;
        cr_assert_lt(s->n, ROUNDS_MAX);
        s->asked = s->refused = 0;
        s->balance = allocator_balance();
        return true;
}

void scarce_begin(struct scarce *s) {
        now = s;
        allocator_set(refuses);
}

void scarce_end(struct scarce *s) {
        allocator_set(NULL);
}
