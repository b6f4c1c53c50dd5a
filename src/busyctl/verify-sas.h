/* busyctl verify --emoji: without a recovery key, by another session that the user has at hand. */
#pragma once

#include "busyctl/busyctl.h"

struct verifying;

/* Whether there is a terminal to show emoji on. */
enum exit_code verify_sas_is_possible(void);
/* All of it, once busyd has let go of the account. */
enum exit_code verify_sas(struct verifying *v);
