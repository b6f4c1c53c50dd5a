/* Has busyd give back what it owes on an account before the account's session ends. */
#pragma once

#include "busyctl/busyctl.h"

/* Returns once nothing is owed on the account of that name in the state folder `folder`: at once if nothing is, else
 * with progress on stderr. CTL_FAILED, told, if it cannot be had; then a running busyd goes on with the account. With
 * `force` it waits only as long as busyd itself waits at its end, and succeeds in any case. */
enum exit_code let_go(struct ctl *c, const char *folder, const char *name, bool force);
