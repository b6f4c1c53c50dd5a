/* The accounts that have no session on disk: their token comes from the service manager or from a command. Where their
 * homeserver is the configuration says; whose the token is, and which device's, the server. Nothing of that is stored,
 * each run of busyd asks anew. */
#pragma once

#include <systemd/sd-event.h>

#include "state/session.h"

struct account_config;
struct control;
struct outsider;

/* Embedded; set up with the first three members. */
struct outsiders {
        sd_event *event; /* only handed on, to transfers */
        void (*touched)(void *userdata);
        void *userdata;
        struct outsider *all[ACCOUNTS_MAX];
        size_t n;
};

void outsiders_done(struct outsiders *o);

/* `session` has the token and nothing else; with 0 it has the rest too. -EAGAIN: the server is asked, or it could not
 * be, which is told where it is noticed. */
int outsiders_get(struct outsiders *o, const char *name, const struct account_config *config, struct session *session);
/* All of which outsiders_get() was not asked since the last time. */
void outsiders_sweep(struct outsiders *o);
/* Asks again what was in vain. */
void outsiders_retry(struct outsiders *o);

/* Once a turn; returns when to call again. `ret_news`: ask outsiders_get() again. */
usec_t outsiders_run(struct outsiders *o, usec_t now, bool *ret_news);
/* The next account whose token the server does not take: told once for each token. NULL: none. */
const char *outsiders_take_rejected(struct outsiders *o);
/* Somebody has not been answered yet. */
bool outsiders_are_open(const struct outsiders *o);

/* The i-th; NULL: there is no such. */
const char *outsiders_name(const struct outsiders *o, size_t i);
/* It is not known yet whose its token is. */
bool outsiders_wait(const struct outsiders *o, const char *name);
/* Shows the i-th, if that one waits: returns whether it does. */
bool outsiders_publish(struct outsiders *o, size_t i, struct control *control, const struct instant *at);
