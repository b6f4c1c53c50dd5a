/* A source's view of one service on a bus: noticed when it comes and goes, asked when it is there, never started.
 *
 * While the name has no owner, the source is unavailable ("X is not running"). When it gets one, ops->start() installs
 * its matches and asks for what goes on now, in this order; once all of that is answered the source is watching. When
 * the owner goes, or is replaced, matches and questions end by themselves, all calls of the source end, and
 * ops->reset() forgets the rest. Everything is asynchronous; callbacks get the source. */
#pragma once

#include "sources/base.h"

/* Signals one source may be interested in, and questions it may have open. */
#define WATCH_MATCHES_MAX 16
#define WATCH_CALLS_MAX   256

struct watch_ops {
        int (*start)(struct source *s); /* a negative errno is taken as watch_fail() */
        void (*reset)(struct source *s);
};

struct watch;

/* Only failing for lack of memory: without a bus (NULL) the source is unavailable. `title` is for people. Strings and
 * ops are borrowed. */
int watch_new(struct watch **ret, struct source *s, sd_bus *bus, const char *name, const char *title,
              const struct watch_ops *ops);
/* Ends matches and questions without a callback. */
struct watch *watch_free(struct watch *w);
CLEANUP(struct watch, watch_free);

/* From ops->start(): signals of the service; `rule` without type and sender, as in "interface='a.b',member='C'". The
 * callback's userdata is the source; it returns 0. */
int watch_match(struct watch *w, const char *rule, sd_bus_message_handler_t callback);

/* `reply` NULL: it failed with `error`. `subject` is the one of the question. */
typedef void (*watch_answer_t)(struct source *s, const char *subject, sd_bus_message *reply,
                               const sd_bus_error *error);

/* Asks the service. `subject` (copied, may be NULL) says whom it is about, for the answer. `types` and what follows as
 * for sd_bus_message_append(). -E2BIG at the limit. */
int watch_call(struct watch *w, const char *path, const char *interface, const char *member, const char *subject,
               watch_answer_t answer, const char *types, ...);
/* org.freedesktop.DBus.Properties.GetAll: answers a{sv}. */
int watch_get_all(struct watch *w, const char *path, const char *interface, const char *subject,
                  watch_answer_t answer);

/* The service cannot be watched: the source is unavailable and says why. Tried again, a few times and ever more
 * slowly, unless the service refuses us; and in any case when the service comes back. `error` may be NULL. */
void watch_fail(struct watch *w, const char *what, const sd_bus_error *error);
