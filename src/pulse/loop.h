/* libpulse's main loop on sd-event, one to one: each of its sockets, timers and deferred calls is an event source.
 * There is no thread, and nobody reads a clock: libpulse's timers are points of the wall clock, which is what
 * sd-event's are as well. */
#pragma once

#include <pulse/mainloop-api.h>
#include <systemd/sd-event.h>

#include "core/base.h"

struct pulse_loop;

int pulse_loop_new(struct pulse_loop **ret, sd_event *event);
/* All that was made in it must be gone. */
struct pulse_loop *pulse_loop_free(struct pulse_loop *l);
CLEANUP(struct pulse_loop, pulse_loop_free);

/* For pa_context_new(). Lives as long as the loop. */
pa_mainloop_api *pulse_loop_api(struct pulse_loop *l);
