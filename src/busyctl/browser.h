/* The user's browser, and the session that it would open in. */
#pragma once

#include "core/base.h"

/* Has the desktop open the address, without waiting for it. False: there is none here, as over ssh, or nothing that
 * opens addresses. */
bool browser_open(const char *address);

/* Whether the user sits at another machine. */
bool browser_is_elsewhere(void);
