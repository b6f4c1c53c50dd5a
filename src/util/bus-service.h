/* One service on a bus: noticed when it comes and goes, asked while it is there, never started.
 *
 * While the name has no owner, the service is unavailable ("X is not running"). When it gets one, ops->start()
 * installs its matches and asks for what goes on now, in this order; once all of that is answered it is watched. When
 * the owner goes, or is replaced, matches and questions end by themselves, and ops->reset() forgets what it told.
 * Everything is asynchronous. Reads no clock: waits end in bus_service_run(). */
#pragma once

#include <systemd/sd-bus.h>

#include "core/base.h"

/* Signals one user may be interested in, and questions it may have open. */
#define BUS_SERVICE_MATCHES_MAX 16
#define BUS_SERVICE_CALLS_MAX   256

#define BUS_SERVICE_DETAIL_MAX 256

CLEANUP(sd_bus_message, sd_bus_message_unref);

enum bus_service_state {
        BUS_SERVICE_STARTING, /* whether it is there is not known, or not all questions of ops->start() are answered */
        BUS_SERVICE_WATCHING,
        BUS_SERVICE_UNAVAILABLE, /* not running, or it cannot be asked: see the detail */
};

struct bus_service_ops {
        int (*start)(void *userdata); /* a negative errno is taken as bus_service_fail() */
        void (*reset)(void *userdata);
        /* State, detail or deadline may be others now: bus_service_run() wants to run before this turn ends. */
        void (*changed)(void *userdata);
};

struct bus_service;

/* Only failing for lack of memory: without a bus (NULL) the service is unavailable. `title` is for people. Strings and
 * ops are borrowed. No callback comes before it has returned. */
int bus_service_new(struct bus_service **ret, sd_bus *bus, const char *name, const char *title,
                    const struct bus_service_ops *ops, void *userdata);
/* Ends matches and questions; of the callbacks only ops->reset() comes, if the service was there. */
struct bus_service *bus_service_free(struct bus_service *s);
CLEANUP(struct bus_service, bus_service_free);

enum bus_service_state bus_service_state(const struct bus_service *s);
const char *bus_service_detail(const struct bus_service *s); /* why it is unavailable; "" */
const char *bus_service_owner(const struct bus_service *s);  /* the unique name of who has it now; "": nobody */

/* Tries again if that is due. Returns when to run next; USEC_NEVER: not before ops->changed(). */
usec_t bus_service_run(struct bus_service *s, usec_t now);

/* From ops->start(): signals of the service; `rule` without type and sender, as in "interface='a.b',member='C'". The
 * callback gets the userdata of bus_service_new(); it returns 0. */
int bus_service_match(struct bus_service *s, const char *rule, sd_bus_message_handler_t callback);

/* `reply` NULL: it failed with `error`. `subject` is the one of the question. */
typedef void (*bus_service_answer_t)(void *userdata, const char *subject, sd_bus_message *reply,
                                     const sd_bus_error *error);

/* Asks the service. `subject` (copied, may be NULL) says whom it is about, for the answer. `types` and what follows as
 * for sd_bus_message_append(). -E2BIG at the limit. */
int bus_service_call(struct bus_service *s, const char *path, const char *interface, const char *member,
                     const char *subject, bus_service_answer_t answer, const char *types, ...);
/* org.freedesktop.DBus.Properties.GetAll: answers a{sv}. */
int bus_service_get_all(struct bus_service *s, const char *path, const char *interface, const char *subject,
                        bus_service_answer_t answer);

/* Questions whose subject `is_about` this are not answered any more. */
void bus_service_drop(struct bus_service *s, bool (*is_about)(const char *subject, const char *what),
                      const char *what);

/* The service cannot be watched: it is unavailable and the detail says why. Tried again, a few times and ever more
 * slowly, unless the service refuses us; and in any case when the service comes back. `error` may be NULL. */
void bus_service_fail(struct bus_service *s, const char *what, const sd_bus_error *error);
