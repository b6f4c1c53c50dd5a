/* Has busyd give back what it owes on an account before somebody else does something with the account's session. */
#pragma once

#include "busyctl/busyctl.h"

/* Returns once nothing is owed on the account of that name in the state folder `folder`: at once if nothing is, else
 * with progress on stderr. CTL_FAILED, told, if it cannot be had; then a running busyd goes on with the account. With
 * `force` it waits only as long as busyd itself waits at its end, and succeeds in any case. */
enum exit_code let_go(struct ctl *c, const char *folder, const char *name, bool force);

/* The same where the session goes on: a busyd that does not run has let go, whatever its journal says, and one that
 * does takes the account up again with ReloadAccounts, or by itself after a while. */
enum exit_code let_go_for_now(struct ctl *c, const char *name);
