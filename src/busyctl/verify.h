/* Verifying a session, so that busyd is given the keys of encrypted calls. */
#pragma once

#include "busyctl/busyctl.h"

/* Whether this program can. */
bool verify_is_built(void);

/* The account of that name in the state folder; tells of all that it does on stderr, and what came of it on stdout. */
enum exit_code verify_account(struct ctl *c, const struct args *a, const char *folder, const char *name);
