/* libpipewire's loop and connection under sd-event: made, lost, made again. Knows nothing of what goes over it. */
#pragma once

#include <pipewire/pipewire.h>
#include <systemd/sd-event.h>

#include "core/base.h"

struct pipewire_connection;

struct pipewire_connection_ops {
        /* A fresh connection: the registry is about to tell all globals. */
        void (*up)(void *userdata, struct pw_registry *registry);
        /* The server has answered all that was asked before pipewire_connection_sync(). */
        void (*synced)(void *userdata);
        /* A turn of the loop is over: what came in is consistent. */
        void (*turn)(void *userdata);
        /* There is no server: proxies of an earlier one have to go now. `problem` is for people. Afterwards
         * pipewire_connection_run() wants to run before this turn of the loop ends. */
        void (*down)(void *userdata, const char *problem);
};

/* Connects at once; ops->up or ops->down comes before this returns. `ops` is borrowed. */
int pipewire_connection_new(struct pipewire_connection **ret, sd_event *event,
                            const struct pipewire_connection_ops *ops, void *userdata);
/* No callbacks any more; all proxies must be gone. */
struct pipewire_connection *pipewire_connection_free(struct pipewire_connection *c);
CLEANUP(struct pipewire_connection, pipewire_connection_free);

/* Connects again if that is due. Returns when to run next; USEC_NEVER: not before ops->down(). */
usec_t pipewire_connection_run(struct pipewire_connection *c, usec_t now);

void pipewire_connection_sync(struct pipewire_connection *c);
