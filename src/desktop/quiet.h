/* Do-not-disturb while busy: makes the desktop's notification service quiet, and gives back what was there before.
 *
 * Every service of the table in quiet-ways.c that is on the bus is asked first. One that is quiet already is left
 * alone. One that is not is written down in the journal, then made quiet; when busy is over it is asked again, and
 * given back only if it still is as we left it: else somebody has decided otherwise meanwhile, and that stands. A
 * service that is started anew while busy is made quiet again, unless it keeps on disk what it is told. After a crash
 * the journal says what is owed. Who cannot be asked while something is owed is asked again for some hours, and
 * whenever busy begins or ends. */
#pragma once

#include "core/base.h"
#include "desktop/context.h"
#include "desktop/facts.h"

struct quiet;

int quiet_new(struct quiet **ret, const struct desktop_context *context);
struct quiet *quiet_free(struct quiet *q); /* NULL is fine; returns NULL */
CLEANUP(struct quiet, quiet_free);

/* Off: what is owed is given back. */
void quiet_configure(struct quiet *q, bool on);

/* Once a turn. Returns when to call again. */
usec_t quiet_run(struct quiet *q, const struct desktop_facts *facts, usec_t now);
/* Nothing is owed to a service that is there, and none is being asked. */
bool quiet_is_at_rest(const struct quiet *q);
