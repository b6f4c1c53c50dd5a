/* Values of the profile field that says "this user is in a call" (MSC4426), as claims know them. Pure. */
#pragma once

#include <jansson.h>

#include "core/claim.h"
#include "matrix/outputs/stand-in.h"

/* The field's value as canonical text, "" where there is none, or what stands in for it, if a claim cannot hold that.
 * Returns 0 or -ENOMEM. */
int profile_value(struct claim_value *ret, struct stand_in *longer, const json_t *body, const char *field);

/* What says that the user joined then. */
int profile_joined(struct claim_value *ret, int64_t seconds);
/* Whether it says that, whenever it was, and nothing else. */
bool profile_is_joined(const struct claim_value *v);
/* What a value says, for people; "" for none. */
const char *profile_words(const char *value);
