/* Stands between the manager and what busy does on this machine (src/desktop): puts settings, facts and the journal
 * into its words. */
#pragma once

#include <systemd/sd-bus.h>

#include "core/availability.h"
#include "core/base.h"
#include "desktop/facts.h"

struct config;
struct desk;
struct state;

/* All borrowed. */
struct desk_context {
        sd_event *event;
        sd_bus *bus; /* the user's; NULL: none */
        struct state *state;
        void (*touched)(void *userdata); /* desk_run() soon, but not from within */
        void *userdata;
};

int desk_new(struct desk **ret, const struct desk_context *context);
struct desk *desk_free(struct desk *d); /* NULL is fine; returns NULL */
CLEANUP(struct desk, desk_free);

/* -ENOMEM: not all of it is taken. */
int desk_configure(struct desk *d, const struct config *config);

struct desk_facts {
        bool known; /* else nothing is begun */
        bool busy;
        usec_t since_wall;
        const char *reason;
        const struct call_table *calls;
        const struct availability *availability; /* says which of the calls count */
};

/* Once a turn. Returns when to call again. */
usec_t desk_run(struct desk *d, const struct desk_facts *facts, const struct instant *at);
/* The user's word, if one was said on the desktop since the last time. */
bool desk_take_word(struct desk *d, struct desktop_word *ret);
/* Nothing is to be put back on this machine. */
bool desk_is_at_rest(const struct desk *d);
