/* Copies of other programs' messages: private connections to a bus that have become monitors. They hear what their
 * rules let through, say nothing ever again, and come back by themselves. Whatever is delivered is wiped from memory
 * afterwards, since it may hold texts that are nobody's business.
 *
 * Most of what passes is of no interest, and shall wake us once at most: so there are two connections. The bell hears
 * the calls with which something may begin; what becomes of it is heard by the ear, which nobody waits for until then.
 */
#pragma once

#include <systemd/sd-bus.h>
#include <systemd/sd-event.h>

#include "core/base.h"

struct monitor;

/* Both NULL-terminated and borrowed. Narrow ones: the bus copies every match. */
struct monitor_rules {
        const char *const *calls; /* method calls */
        const char *const *rest;  /* all else; passed over unless it comes while monitor_attend() says so */
};

struct monitor_ops {
        /* It listens; of what went before nothing was heard. */
        void (*up)(void *userdata);
        /* It does not listen (any more): forget what was heard. `refused`: the bus does not want us to, and will not
         * be asked again. Called again when a further try fails. */
        void (*down)(void *userdata, bool refused, const char *why);
        /* monitor_run() wants to run before this turn of the loop ends. Only sets a mark. */
        void (*touched)(void *userdata);
        /* One of the `calls` has been made while nobody attends: whether something begins with it. It is passed over
         * if not. */
        bool (*matters)(void *userdata, sd_bus_message *m);
        /* A call before what its sender says next, and before its answer. Valid for the length of the call. Never
         * reply to it. */
        void (*message)(void *userdata, sd_bus_message *m);
};

/* Connects to the bus that `like` is connected to. `ops` is borrowed. Asynchronous. */
int monitor_new(struct monitor **ret, sd_event *event, sd_bus *like, const struct monitor_rules *rules,
                const struct monitor_ops *ops, void *userdata);
struct monitor *monitor_free(struct monitor *m); /* without a callback */
CLEANUP(struct monitor, monitor_free);
/* Something goes on, of which everything is to be told at once; or no longer. To be called before monitor_run() in the
 * turn in which it began. */
void monitor_attend(struct monitor *m, bool attend);
/* Connects again if that is due, and reads what can be had without being woken for it: ops may be called. Returns when
 * to run next; USEC_NEVER: not before ops->down(). */
usec_t monitor_run(struct monitor *m, usec_t now);
