/* Ending a session. */
#pragma once

#include "busyctl/busyctl.h"

/* As busyctl logout does it; `force`: forgotten here, whatever stays behind. */
enum exit_code logout_account(struct ctl *c, const char *folder, const char *name, bool force);
