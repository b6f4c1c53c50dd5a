/* Values of the profile field that says "this user is in a call" (MSC4426), as claims know them. Pure. */
#pragma once

#include <jansson.h>

#include "core/claim.h"

/* The field's value as canonical text, "" where there is none. -E2BIG, changing nothing, if a claim cannot hold it. */
int profile_value(struct claim_value *ret, const json_t *body, const char *field);

/* What says that the user joined then. */
int profile_joined(struct claim_value *ret, int64_t seconds);
/* Whether it says that, whenever it was, and nothing else. */
bool profile_is_joined(const struct claim_value *v);
/* What a value says, for people; "" for none. */
const char *profile_words(const char *value);
