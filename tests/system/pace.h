/* How slow this machine is at the moment, so that deadlines of tests count its own pace: a machine under load, or a
 * small one, is slow, and not red. */
#pragma once

#include <stdint.h>

/* So many milliseconds of an idle machine, in milliseconds of this one: never fewer, and at most PACE_MAX times as
 * many. Measured once in a process, which takes some milliseconds. */
int64_t paced(int64_t msec);

#define PACE_MAX 30
