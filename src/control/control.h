/* The bus object (design, section 7). Unpacks, calls one function, replies; publishes what the manager tells. Keeps
 * copies of what it publishes, compares, and sends one PropertiesChanged per object and loop turn, after the state
 * is final. dbus/org.busyd.Busyd1.xml is the contract. */
#pragma once

#include <systemd/sd-bus.h>
#include <systemd/sd-event.h>

#include "core/availability.h"
#include "core/base.h"
#include "core/calls.h"

#define CONTROL_HOLDS_PER_PEER_MAX 32
#define CONTROL_HOLDS_MAX          CALLS_PER_SOURCE_MAX /* each becomes a call of the source "hold" */
#define CONTROL_TEXT_MAX           512                  /* bytes of an app, reason or message argument */
#define CONTROL_DURATION_MAX       (UINT64_C(720) * USEC_PER_HOUR)
#define CONTROL_HISTORY_MAX        200
#define CONTROL_STREAMS_MAX        128

struct control;

/* Something that a source has looked at, see struct source_stream. `evidence` "": it is not reported. */
struct control_stream_view {
        const char *source, *id, *app, *what, *why, *evidence;
        const char *const *names; /* NULL-terminated */
};
typedef int (*control_take_stream_t)(void *taker, const struct control_stream_view *v);

/* Something that busy has done on this machine, as a hook. */
struct control_effect_view {
        usec_t at_wall;
        const char *name;
        bool ok;
        const char *outcome;
};

/* What the manager does for the bus. Each returns 0 or a negative errno; *ret_problem, if set, is a sentence for
 * people that control frees. What follows for availability is published when they return. */
struct control_ops {
        /* duration 0: without an end. -ENOENT: `until_calls_end` without a call. */
        int (*set_mode)(void *userdata, enum mode mode, usec_t duration, bool until_calls_end, const char *message,
                        char **ret_problem);
        /* A hold began or ended; control owns cookies and watches the owners. `duration` 0: until released. */
        int (*hold)(void *userdata, uint32_t cookie, const char *app, const char *reason, usec_t duration);
        void (*release)(void *userdata, uint32_t cookie);
        int (*reload)(void *userdata, char **ret_problem);
        int (*reload_accounts)(void *userdata);
        /* -ENOENT: there is no such account. */
        int (*let_go)(void *userdata, const char *account);
        /* The newest first. Strings borrowed until the next call. 0: no more, 1: *ret is set. */
        int (*history)(void *userdata, size_t i, usec_t *ret_at_wall, bool *ret_busy, const char **ret_reason);
        /* As `history`: what followed on this machine. */
        int (*effects)(void *userdata, size_t i, struct control_effect_view *ret);
        /* `source` "": every one. -EINVAL: no such source; -ENOENT: `once` and there is no call. */
        int (*ignore)(void *userdata, const char *app, const char *source, bool once, char **ret_problem);
        /* -ENOENT: it was not ignored. */
        int (*allow)(void *userdata, const char *app, const char *source, char **ret_problem);
        /* As `history`. */
        int (*ignored)(void *userdata, size_t i, const char **ret_app, const char **ret_source);
        /* Hands everything that the sources have looked at to `take`, until that returns a negative number. */
        void (*streams)(void *userdata, control_take_stream_t take, void *taker);
        /* What has come of control_publish(): 0, or a negative errno; -EEXIST: another busyd runs. */
        void (*named)(void *userdata, int error);
        void *userdata;
};

/* Exports the objects on `bus`, the user bus, which must be attached to its event loop; the name comes with
 * control_publish(). Cookies of holds follow `last_cookie`, a random number: see holds_new(). */
int control_new(struct control **ret, sd_bus *bus, uint32_t last_cookie, const struct control_ops *ops);
struct control *control_free(struct control *c);
CLEANUP(struct control, control_free);

/* Another busyd has the bus name. Waits for the bus's answer: for the start only. */
bool control_name_is_taken(sd_bus *bus);
/* Requests the bus name: ops.named() tells what comes of it, unless this fails. */
int control_publish(struct control *c);

/* The hold ended by itself (its duration was over). */
void control_hold_ended(struct control *c, uint32_t cookie);

/* ---- views: strings are copied; times are wall clock, 0 for none ---- */

struct control_manager_view {
        bool settled, busy;
        usec_t since_wall;
        enum mode mode;
        usec_t mode_until_wall; /* 0: stays */
        bool mode_until_calls_end;
        const char *message; /* by hand, or "" */
        const char *problem; /* what a user should know, or "" */
};
void control_set_manager(struct control *c, const struct control_manager_view *v);

struct control_output_view {
        const char *name;    /* "presence" */
        const char *claim;   /* claim_phase_to_string() */
        const char *shows;   /* what the server shows, for people: "busy: In a call" */
        const char *restore; /* what will be put back, for people; "" if nothing is owed */
        const char *note;    /* why it is less than busy, or stuck and what ends it; "" */
};
struct control_account_view {
        const char *name, *user_id, *homeserver, *server, *state, *problem;
        usec_t retry_at_wall;
        const char *
                encrypted_calls; /* "off", "unsupported", "unverified", "checking", "verified", ...; NULL: not known */
        unsigned n_withholding, n_unreadable;
        const struct control_output_view *outputs;
        size_t n_outputs;
};
/* Adds or updates. */
int control_set_account(struct control *c, const struct control_account_view *v);
void control_remove_account(struct control *c, const char *name);

struct control_call_view {
        uint64_t serial; /* the object is /org/busyd/Busyd1/call/SERIAL */
        const char *source, *app, *what, *phase, *evidence;
        const char *sign; /* the event it rests on; "" */
        usec_t since_wall;
        bool counts;         /* it makes busy now */
        const char *why_not; /* if it does not: "counts in 3s", "ringing does not count", ...; else "" */
};
int control_set_call(struct control *c, const struct control_call_view *v);
/* Forgets it. */
void control_remove_call(struct control *c, uint64_t serial);

struct control_source_view {
        const char *name;
        const char *state;  /* "watching", "unavailable", "off" */
        const char *detail; /* why unavailable; "" */
        unsigned n_calls;
};
int control_set_source(struct control *c, const struct control_source_view *v);
