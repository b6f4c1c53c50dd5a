/* Copies of other programs' messages: a second, private connection to a bus that has become a monitor. It hears what
 * its rules let through, says nothing ever again, and comes back by itself. Whatever it delivers is wiped from memory
 * afterwards, since it may hold texts that are nobody's business. */
#pragma once

#include <systemd/sd-bus.h>
#include <systemd/sd-event.h>

#include "core/base.h"

struct monitor;

struct monitor_ops {
        /* It listens; of what went before nothing was heard. */
        void (*up)(void *userdata);
        /* It does not listen (any more): forget what was heard. `refused`: the bus does not want us to, and will not
         * be asked again; otherwise monitor_run() wants to run before this turn of the loop ends. Called again when a
         * further try fails. */
        void (*down)(void *userdata, bool refused, const char *why);
        /* Valid for the length of the call. Never reply to it. */
        void (*message)(void *userdata, sd_bus_message *m);
};

/* Connects to the bus that `like` is connected to. `rules` (NULL-terminated) and `ops` are borrowed. Narrow rules: the
 * bus copies every match. Asynchronous. */
int monitor_new(struct monitor **ret, sd_event *event, sd_bus *like, const char *const *rules,
                const struct monitor_ops *ops, void *userdata);
struct monitor *monitor_free(struct monitor *m); /* without a callback */
CLEANUP(struct monitor, monitor_free);
/* Connects again if that is due. Returns when to run next; USEC_NEVER: not before ops->down(). */
usec_t monitor_run(struct monitor *m, usec_t now);
