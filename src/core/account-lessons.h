/* What busyd has learned of an account by itself, and a later run should know. */
#pragma once

#include "core/claim-value.h"

struct account_lessons {
        bool sticks; /* busy has stuck there while another client of the user was online */
        /* Where each device has a message of its own: what ours has, or may have; "": none. */
        char words[CLAIM_TEXT_MAX];
};

static inline bool account_lessons_equal(const struct account_lessons *a, const struct account_lessons *b) {
        return a->sticks == b->sticks && streq(a->words, b->words);
}
