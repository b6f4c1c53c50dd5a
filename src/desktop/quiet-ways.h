/* How each kind of notification service is asked whether it is quiet, and made so. What it is, its own interface says:
 * whoever has not got it, answers with an error. */
#pragma once

#include <systemd/sd-bus.h>

#include "core/base.h"

/* What one needs to know between asking and switching. */
struct quiet_memory {
        char **modes;    /* NULL-terminated: what else is set beside being quiet; NULL: nothing */
        uint32_t cookie; /* 0: none */
};
void quiet_memory_clear(struct quiet_memory *m);

struct quiet_way {
        const char *name;    /* for people, and in the journal */
        const char *service; /* on the bus */
        bool ends_with_us;   /* the service itself takes it back when we leave the bus */
        bool is_lasting;     /* it is a setting on disk, and as it was when the service is started anew */

        /* Services with an interface of their own. `ask` and `set` append to what they make; `heard` and `was_set`
         * read the answer: 1 quiet, 0 not; a negative errno: it has no such thing. */
        int (*ask)(sd_bus *bus, const struct quiet_way *way, sd_bus_message **ret);
        int (*heard)(struct quiet_memory *m, sd_bus_message *reply);
        int (*set)(sd_bus *bus, const struct quiet_way *way, const struct quiet_memory *m, bool on,
                   sd_bus_message **ret);
        int (*was_set)(struct quiet_memory *m, bool on, sd_bus_message *reply); /* NULL: nothing to read */

        /* Those that are switched by a program: NULL-terminated, and what it prints where the service is quiet. */
        const char *const *ask_argv, *const *on_argv, *const *off_argv;
        const char *quiet_output;
};

/* Ends with one without a name. */
extern const struct quiet_way quiet_ways[];
