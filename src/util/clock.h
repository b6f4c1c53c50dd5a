/* The clocks. Only edges and the manager read them; the core gets the time as an argument. */
#pragma once

#include "core/base.h"

usec_t clock_now(void);      /* CLOCK_BOOTTIME */
usec_t clock_wall_now(void); /* CLOCK_REALTIME */
uint32_t random_u32(void);   /* for jitter, not for secrets */
