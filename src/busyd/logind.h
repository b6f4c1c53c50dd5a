/* What logind tells: the machine is about to sleep, and whether the user's session is the one in front. */
#pragma once

#include <systemd/sd-bus.h>

#include "core/base.h"

/* How long sleep is held up at most; logind itself waits 5 s, unless configured otherwise. */
#define LOGIND_SLEEP_DELAY_MAX (4 * USEC_PER_SEC)

struct logind;

struct logind_handler {
        /* True: about to sleep; logind_let_sleep() once all is done. False: awake again. */
        void (*sleep)(void *userdata, bool about_to);
        /* A session of the user came to the front, or somebody else is there now and none of the user's is. It is in
         * front until told otherwise, also where there is no logind or no session. */
        void (*in_front)(void *userdata, bool is);
        /* logind_is_settled() may have changed, and logind_run() wants to run before this turn of the loop ends. */
        void (*changed)(void *userdata);
        void *userdata;
};

/* `system_bus` NULL: nothing is ever told. Asynchronous. */
int logind_new(struct logind **ret, sd_bus *system_bus, const struct logind_handler *handler);
struct logind *logind_free(struct logind *l); /* without a callback */
CLEANUP(struct logind, logind_free);
/* The connection was made anew, or lost (NULL). -ENOMEM. */
int logind_set_bus(struct logind *l, sd_bus *system_bus);

/* Does what is due, once a turn of the loop. Returns when to run next; USEC_NEVER: not before a callback. */
usec_t logind_run(struct logind *l, usec_t now);

void logind_let_sleep(struct logind *l);
/* It has told what is the case now, or there is nobody to do so. */
bool logind_is_settled(const struct logind *l);
