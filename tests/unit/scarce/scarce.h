/* A scenario played again and again: once with all the memory that it wants, and then each time refused another
 * allocation, until it asks for no further one; each alone, and after that each and all that come later. After each
 * round what must hold is asserted, and nothing may be left over.
 *
 *     for (struct scarce s = scarce(); scarce_again(&s);) {
 *             struct thing *t = thing_new();
 *
 *             scarce_begin(&s);
 *             r = thing_do(t);
 *             scarce_end(&s);
 *             cr_assert(r == 0 || r == -ENOMEM);
 *             thing_free(t);
 *     }
 *
 * Where memory cannot be refused, under a sanitizer, it is played only the first time. */
#pragma once

#include <criterion/criterion.h>

#include "core/base.h"

struct scarce {
        bool for_good; /* all that come later, too */
        unsigned n;    /* the allocation that is refused, from 1 on; 0: none */
        unsigned rounds, asked;
        unsigned refused; /* in this round */
        int64_t balance;
};

struct scarce scarce(void);
bool scarce_again(struct scarce *s);
void scarce_begin(struct scarce *s);
void scarce_end(struct scarce *s);

/* "allocation 3", for what is asserted. */
const char *scarce_where(const struct scarce *s);
