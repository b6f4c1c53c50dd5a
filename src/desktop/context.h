/* What each effect of this room is given when it is made. */
#pragma once

#include <sys/types.h>
#include <systemd/sd-bus.h>

#include "core/base.h"

/* Where is written down what is to be put back on this machine before it is changed: the door behind which the state
 * folder is. Given from above, so that nobody here needs a disk. */
struct desktop_journal {
        /* What an earlier run wrote under this name; NULL: nothing. Borrowed until the next change. */
        const char *(*get)(void *userdata, const char *name);
        /* On disk when it returns 0; else a negative errno, and what was there before stands. `value` NULL: nothing is
         * to be put back any more. */
        int (*put)(void *userdata, const char *name, const char *value);
        void *userdata;
};

/* Effects keep a copy. */
struct desktop_context {
        sd_event *event;
        sd_bus *bus; /* the user's; NULL: none, and what needs it is not done */
        struct desktop_journal journal;
        /* What the program of this process may go by, one a line; returns buf, "" if nobody knows. NULL: nobody ever
         * does. */
        const char *(*names_of_pid)(char *buf, size_t size, pid_t pid);
        void (*touched)(void *userdata); /* desktop_run() soon, but not from within */
        /* For the history: something was done, or could not be; its key in the configuration, and in words how it
         * went. From desktop_run(). */
        void (*done)(void *userdata, const char *name, bool ok, const char *outcome);
        void *userdata;
};
