/* A real Synapse for the length of a test: sqlite in a temporary folder, a free port of the loopback, no federation.
 * Whatever goes wrong here fails the test at once, with Synapse's log on stderr: callers need no checks. */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "core/base.h"

struct synapse;

/* The administrator; the password is everybody's. */
#define SYNAPSE_ADMIN    "admin"
#define SYNAPSE_PASSWORD "open sesame"

struct synapse_options {
        bool no_busy;               /* msc3026_enabled: false */
        bool no_presence;           /* presence.enabled: false */
        bool no_presence_limit;     /* rc_presence lifted; else Synapse's own: one action per user and 10 s */
        bool delayed_events;        /* MSC4140: a client can leave behind what happens if it dies */
        bool sticky_events;         /* MSC4354 */
        unsigned token_sec;         /* how long a token that can be renewed lives; 0: Synapse's own */
        unsigned renewable_sec;     /* ... and for how long it can be; 0: for ever */
        unsigned busy_timeout_msec; /* BUSY_ONLINE_TIMEOUT (60 min) shortened; 0: Synapse's own */
};

/* Starts it in a new folder below `dir` and waits until it says that it is ready. */
struct synapse *synapse_start(const char *dir, const struct synapse_options *options);
struct synapse *synapse_free(struct synapse *s); /* stops it; NULL is fine; returns NULL */

/* One that somebody else has started, whose synapse.log is in `folder`: it can be used and its log be read. */
struct synapse *synapse_elsewhere(const char *folder, const char *url);

/* Ends the process, as an administrator (SIGTERM) or a power cut (SIGKILL) would; the data stays. */
void synapse_stop(struct synapse *s, int signal);
/* Starts it again on the same port and data. */
void synapse_continue(struct synapse *s);

/* Registers an application service: the text of its file, as its administrator would put it there. It counts from the
 * next synapse_continue(). */
void synapse_add_appservice(struct synapse *s, const char *registration);

const char *synapse_url(const struct synapse *s); /* without a trailing slash */

/* The Python of its virtual environment. */
const char *synapse_python(void);

/* ---- its log: what reached it, and when ---- */

/* Where the log ends now: what comes after can be waited for and counted from here. */
long synapse_log_end(const struct synapse *s);

/* Waits until a line after `from` contains all of `parts` ("one|another"), for at most interop_deadline_msec();
 * returns the place behind that line. */
long synapse_log_wait(struct synapse *s, long from, const char *parts);

/* Parts of the lines about busyd's writes: as they arrive, as they are taken, and as they are told to wait. */
#define LOG_PRESENCE_PUT_CAME    "Received request: PUT |/presence/"
#define LOG_PRESENCE_PUT_DONE    "Processed| 200 \"PUT |/presence/|\"busyd/"
#define LOG_PRESENCE_PUT_DELAYED "Processed| 429 \"PUT |/presence/|\"busyd/"
/* A poll that keeps a claim alive ends (its line comes with its answer). */
#define LOG_COUNTED_POLL_CAME "Received request: GET |/sync?|set_presence=unavailable"
/* One of 20 s: those that have no turn at the presence limiter are shorter. */
#define LOG_LONG_COUNTED_POLL_CAME "Received request: GET |/sync?|timeout=19|set_presence=unavailable"
#define LOG_COUNTED_POLL_DONE      "Processed| 200 \"GET |/sync?|set_presence=unavailable|\"busyd/"
/* A poll of an online client begins. */
#define LOG_ONLINE_POLL_CAME "Received request: GET |/sync?|set_presence=online"

/* How many such lines there are now. */
unsigned synapse_log_count(const struct synapse *s, long from, const char *parts);

/* The log and what it printed, on stderr. */
void synapse_show(const struct synapse *s);

/* What is "soon" at this machine's pace: nothing in these tests should take so long, and everything that does has
 * failed. On an idle machine longer than the longest wait that Synapse imposes (35 s for a device to drop). */
int64_t interop_deadline_msec(void);
/* The same as an instant, from now on. */
usec_t interop_deadline(void);
