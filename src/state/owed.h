/* What is owed, as JSON: in the journal, and where machines of one user tell each other. */
#pragma once

#include <jansson.h>

#include "core/claim.h"

/* False, leaving *ret as it is, if a member is missing (but for `order`, then 1), of another type or too large. Others
 * are ignored. */
bool owed_from_json(const json_t *o, struct claim_owed *ret);
/* NULL if out of memory. */
json_t *owed_to_json(const struct claim_owed *owed);
