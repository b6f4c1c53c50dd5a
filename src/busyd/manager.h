/* Carries facts from the edges into the core, and what the core asks for out to the edges. Owns the sets of accounts
 * and sources, the book of calls, the availability and the configuration.
 *
 * It reads no clock and has no timer: whoever runs it passes the moment in, calls manager_turn() soon after it was
 * touched and at the deadline that the last turn returned. Nothing here may be called from within a turn. */
#pragma once

#include <systemd/sd-bus.h>
#include <systemd/sd-event.h>

#include "core/availability.h"
#include "core/base.h"

struct config;
struct control;
struct control_stream_view;
struct logind;
struct state;

struct manager;

/* All borrowed. */
struct manager_edges {
        sd_event *event; /* only handed on to the accounts and the sources */
        sd_bus *user_bus, *system_bus;
        struct state *state;
        struct control *control;
        struct logind *logind;
        /* A fact came in: manager_turn() soon, but not from within. */
        void (*touched)(void *userdata);
        void *userdata;
};

/* Takes the configuration. */
int manager_new(struct manager **ret, struct config *config, const struct manager_edges *edges,
                const struct instant *at);
struct manager *manager_free(struct manager *m); /* NULL is fine; returns NULL */
CLEANUP(struct manager, manager_free);

/* Sources and accounts begin. */
int manager_start(struct manager *m, const struct instant *at);

/* Looks at every fact, decides, and has done what follows. Returns when to call again at the latest. */
usec_t manager_turn(struct manager *m, const struct instant *at);

/* Gives back what is owed, for at most MANAGER_STOP_MAX, then manager_is_over(). A second call ends it at once: the
 * journal keeps what is owed. The first `code` stays. */
#define MANAGER_STOP_MAX (5 * USEC_PER_SEC)
void manager_stop(struct manager *m, int code, const struct instant *at);
bool manager_is_over(const struct manager *m, int *ret_code);

/* ---- the user's word. Each only notes it down: the next turn acts. *ret_problem, if set, is a sentence for people
 * that the caller frees. ---- */

/* `duration` 0: without an end. */
void manager_set_mode(struct manager *m, enum mode mode, usec_t duration, const char *message,
                      const struct instant *at);
/* -ENOENT: there is no call. */
int manager_free_until_calls_end(struct manager *m, const struct instant *at);

/* As call_book_report(). `duration` 0: until released. */
int manager_hold(struct manager *m, uint32_t cookie, const char *app, const char *reason, usec_t duration);
void manager_release(struct manager *m, uint32_t cookie);

/* As call_book_ignore() and call_book_allow(). */
int manager_ignore(struct manager *m, const char *app, const char *source, bool once, char **ret_problem);
int manager_allow(struct manager *m, const char *app, const char *source, char **ret_problem);

/* Hands what the sources have looked at to `take`, until it returns a negative number. */
void manager_streams(const struct manager *m, int (*take)(void *taker, const struct control_stream_view *v),
                     void *taker);

/* Takes the new configuration; NULL: it has a mistake, and the present one stays. Either way the accounts are made to
 * fit the sessions on disk, and every wait of theirs ends. */
void manager_reload(struct manager *m, struct config *config, const struct instant *at);
/* The accounts alone. */
int manager_reload_accounts(struct manager *m, const struct instant *at);

/* The user logs out of an account: see accounts_let_go(). It is taken up again after MANAGER_LET_GO_MAX if it is still
 * there: busyctl may have died on the way. -ENOENT: there is none. */
#define MANAGER_LET_GO_MAX (5 * USEC_PER_MIN)
int manager_let_go(struct manager *m, const char *account, const struct instant *at);

/* ---- what the machine does ---- */

/* Whoever is asleep is not on a call, and could not say when it ended. logind_let_sleep() once all is given back. */
void manager_sleep(struct manager *m, bool about_to, const struct instant *at);
/* The user's session came to the front, or somebody else is there now. */
void manager_set_in_front(struct manager *m, bool is);
/* The system bus was opened again; NULL: it is gone, and `problem` says so. */
void manager_set_system_bus(struct manager *m, sd_bus *bus, const char *problem);
/* The network has changed: every wait ends, and polls are made anew. */
void manager_network_changed(struct manager *m, const struct instant *at);

/* ---- for the service manager and the log ---- */

const struct availability_verdict *manager_verdict(const struct manager *m);
size_t manager_n_accounts(const struct manager *m);
