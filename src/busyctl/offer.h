/* At the end of a login: its session may be verified at once. */
#pragma once

#include <jansson.h>

#include "busyctl/busyctl.h"

/* Asks at the terminal, where there is one and calls in encrypted rooms are not seen without; `examined`: what works
 * on the account, as of examine.h. CTL_FAILED where the session is not to be used after that. */
enum exit_code offer_to_verify(struct ctl *c, const char *folder, const char *name, const json_t *examined);
