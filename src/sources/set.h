/* The local sources: which of them run, as configured, and what is known of each. Reports go through one sink. Reads
 * no clock and owns no timer. */
#pragma once

#include "sources/source.h"

struct source_set;

/* What a section [source NAME] says. Lists are NULL-terminated, or NULL for empty. */
struct source_settings {
        bool enabled;
        const char *const *ignore, *const *only; /* globs of applications */
        const char *const *call_apps;            /* likewise: known to be call programs */
        const char *const *reasons;              /* see util/reason-line.h */
};

struct source_set_handler {
        const struct call_sink *sink; /* borrowed */
        /* Something happened: source_set_run() wants to run before this turn of the loop ends. Only sets a mark. */
        void (*touched)(void *userdata);
        void *userdata;
};

/* `user_bus` may be NULL. Nothing runs before it is configured. */
int source_set_new(struct source_set **ret, sd_event *event, sd_bus *user_bus,
                   const struct source_set_handler *handler);
struct source_set *source_set_free(struct source_set *s); /* tells nothing any more */
CLEANUP(struct source_set, source_set_free);

/* The source of this name begins, begins again, or ends, if anything in its section changed. Copies the settings.
 * Returns 1 if so, 0 if all is as it was, -ENOENT if there is no such source, -ENOMEM. */
int source_set_configure(struct source_set *s, const char *name, const struct source_settings *settings);

/* The system bus was connected, or connected anew; NULL: it is not there, and `problem` says so. Sources on it begin
 * again. Before the first call there is none. */
void source_set_set_system_bus(struct source_set *s, sd_bus *bus, const char *problem);

/* While the user is away, no source runs: what a microphone or a modem does is not the user's doing. */
void source_set_set_away(struct source_set *s, bool away);

/* Does what is due; reports may come out of it. Returns when to run next, USEC_NEVER if not before it is touched. */
usec_t source_set_run(struct source_set *s, usec_t now);

/* Each source has told what goes on, or has nothing to tell. */
bool source_set_is_settled(const struct source_set *s);

struct source_view {
        const char *name;
        enum source_state state;
        const char *detail; /* why it is unavailable; "" */
};

/* False: there are only `i` sources. Borrowed until the set changes. */
bool source_set_view(const struct source_set *s, size_t i, struct source_view *ret);

/* The `i`th thing that a source, counted as above, has looked at; false: there are only `i`. Borrowed until the next
 * call. */
bool source_set_stream(const struct source_set *s, size_t source, size_t i, struct source_stream *ret);
