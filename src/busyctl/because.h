/* Why the user is busy, or is not, in sentences for people. */
#pragma once

#include <jansson.h>

/* Of a document of facts_status(), and what facts_ignored() says: an array of texts, the nearest reason first; never
 * empty once busyd is settled. It names no call: those are listed with why they count. The caller owns it; NULL
 * without memory. */
json_t *because(const json_t *status, const json_t *ignored);
