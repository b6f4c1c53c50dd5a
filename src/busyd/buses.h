/* The connections to the user's bus and to the system's. Without the user's bus nobody can tell busyd anything, nor
 * take back what was asked of it: its loss is the end of this run. The system bus is opened again, ever more slowly.
 */
#pragma once

#include <systemd/sd-bus.h>
#include <systemd/sd-event.h>

#include "core/base.h"

struct buses;

struct buses_handler {
        /* The user bus is gone, for this run. From within its callbacks: only record it. */
        void (*user_lost)(void *userdata);
        /* buses_system() is another one, or NULL: whoever used it has to let go. Comes from buses_run(). */
        void (*system_changed)(void *userdata);
        /* buses_run() wants to run before this turn of the loop ends. */
        void (*touched)(void *userdata);
        void *userdata;
};

/* Fails, with a word in the log, if there is no user bus. No callback comes before it has returned. */
int buses_new(struct buses **ret, sd_event *event, const struct buses_handler *handler);
struct buses *buses_free(struct buses *b); /* sends what the user bus takes soon */
CLEANUP(struct buses, buses_free);

sd_bus *buses_user(struct buses *b);
sd_bus *buses_system(struct buses *b);                   /* NULL: it is not there */
const char *buses_system_problem(const struct buses *b); /* for people; "" while it is there */

/* Opens the system bus again if that is due. Returns when to run next; USEC_NEVER: not before handler->touched(). */
usec_t buses_run(struct buses *b, usec_t now);
/* What is not there is tried in the next run: a person asks, or the machine is awake again. */
void buses_retry_now(struct buses *b);
