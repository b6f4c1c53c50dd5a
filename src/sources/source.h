/* A local signal of calls: one file per source, one line in the table of source.c. A source translates what it
 * watches into call reports and decides nothing. What sources share: base.h (states, lists of applications),
 * bus-source.h (a service on a bus), identity.h (which application). Which of them run: set.h. */
#pragma once

#include <systemd/sd-bus.h>
#include <systemd/sd-event.h>

#include "core/base.h"
#include "core/calls.h"

enum source_state {
        SOURCE_OFF,      /* switched off in the configuration, or not built in */
        SOURCE_STARTING, /* the first snapshot is not complete */
        SOURCE_WATCHING,
        SOURCE_UNAVAILABLE, /* what it watches is not there; comes back by itself */
};
const char *source_state_to_string(enum source_state s);

struct source; /* one running source; each kind has its own struct behind it, which begins with struct source of base.h
                */

/* What every source is given. Copied at start; what it points at stays borrowed. */
struct source_context {
        sd_event *event;
        sd_bus *user_bus;   /* NULL: none */
        sd_bus *system_bus; /* NULL: none */
        const struct call_sink *sink;
        const char *const *ignore, *const *only; /* globs of applications, NULL-terminated or NULL */
        const char *const *reasons;              /* see util/reason-line.h; NULL-terminated or NULL */
        const char *const *call_apps;            /* likewise: known to be call programs */
        /* State, detail or deadline may be others now: the source wants to run before this turn of the loop ends. */
        void (*touched)(void *userdata);
        void *userdata;
};

/* Something that a source has looked at, whether it is a call or not. Says what programs say of themselves, never what
 * or with whom. Strings are borrowed until the next call, or until the source runs. */
struct source_stream {
        const char *id;           /* unique within the source */
        const char *app;          /* the name that is shown, "" if there is none */
        const char *const *names; /* all names that lists are compared with; NULL-terminated */
        const char *what;         /* what was decided, in a few words */
        const char *why;          /* and by what; "" where that says it all */
        bool counts;              /* it is reported, with this: */
        enum call_evidence evidence;
};

struct source_kind {
        const char *name;        /* section [source NAME], object /source/NAME, `source` of its reports */
        const char *description; /* one line for `busyctl sources` */
        bool on_system_bus;      /* it begins again whenever that connection does */
        const void *row;         /* what tells kinds that share their functions apart; NULL */
        /* Starts watching; asynchronous from here on. A missing service is no failure but SOURCE_UNAVAILABLE. */
        int (*start)(struct source **ret, const struct source_kind *kind, const struct source_context *context);
        struct source *(*stop)(struct source *s); /* ends its calls, frees it, returns NULL */
        /* Does what is due, once a turn of the loop; a source has no other clock. Returns when to run next, USEC_NEVER
         * if not before it is touched. NULL: it never has anything to do by itself. */
        usec_t (*run)(struct source *s, usec_t now);
        /* The `i`th thing it has looked at; false: there are only `i`. NULL: it tells of its calls only. */
        bool (*stream)(struct source *s, size_t i, struct source_stream *ret);
};

/* NULL-terminated. */
extern const struct source_kind *const source_kinds[];

enum source_state source_state(const struct source *s);
const char *source_detail(const struct source *s); /* why unavailable; "" */
