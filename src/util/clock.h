/* The clocks. Only edges and the manager read them; the core gets the time as an argument. */
#pragma once

#include "core/base.h"

usec_t clock_now(void);      /* CLOCK_BOOTTIME */
usec_t clock_wall_now(void); /* CLOCK_REALTIME */
/* The wall time of a point of CLOCK_BOOTTIME, by the offset of now; 0 for USEC_NEVER. */
usec_t clock_to_wall(usec_t boottime);
usec_t clock_from_wall(usec_t wall); /* the reverse; a wall time before the boot gives 0 */
uint32_t random_u32(void);           /* for jitter, not for secrets */
