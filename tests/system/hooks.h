/* Commands of on-busy and on-free that have been started. */
#pragma once

#include "system/harness.h"

/* Those of a busyd that was killed go on without it: what they do comes before what the next one has to do. They are
 * known by the file "hooks" of this world on their command lines. */
void hooks_end(const struct world *w);
