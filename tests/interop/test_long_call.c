/* A call of more than an hour, with everything that makes it long shortened alike: Synapse keeps a silent busy device
 * for 30 s instead of 60 min, and busyd polls for 10 s instead of 10 min. */
#include <stdlib.h>

#include "interop/desk.h"
#include "util/clock.h"

#define BUSY_TIMEOUT_MSEC 30000

/* Three times the life of a silent busy device, plus what Synapse waits after its start before it first looks. */
#define POLLS 12

#define SHORTENED .synapse = { .busy_timeout_msec = BUSY_TIMEOUT_MSEC }, .config = "poll-timeout = 10s\n"

DESK_TEST(long_call, polls_keep_busy_alive, SHORTENED) {
        long log = synapse_log_end(d->synapse), at = log;

        desk_call_in(d, "call1");
        desk_expect(d, PRESENCE_BUSY_WIRE, DESK_MESSAGE);
        desk_expect_claim(d, "held");
        for (unsigned polls = 0; polls < POLLS; polls++) {
                at = synapse_log_wait(d->synapse, at, LOG_COUNTED_POLL_DONE);
                desk_shows(d, PRESENCE_BUSY_WIRE, DESK_MESSAGE);
        }
        desk_check(d, desk_writes(d, log) == 1, "%u writes to stay busy", desk_writes(d, log));
        send_hangup(d->peer, d->room, "call1", "user_hangup");
        desk_expect(d, "offline", "before");
        desk_expect_claim(d, "free");
        expect_nothing_owed(d->world);
}

/* The last sign of life came then, or at most a second before. */
static void expect_counted(struct desk *d, usec_t at) {
        usec_t deadline = interop_deadline();

        while (clock_now() + USEC_PER_SEC < at + device_presence_get(d->peer, d->me).active_ago) {
                desk_check(d, clock_now() < deadline, "Synapse counts no poll");
                desk_let_pass(50 * USEC_PER_MSEC);
        }
}

/* The same polls are a dead man's timer: without busyd, Synapse ends it (so long after the poll that it was killed in
 * would have ended). One that comes within ten seconds of another has no turn at Synapse's limit of presence: the next
 * one follows as soon as it has. */
DESK_TEST(long_call, synapse_ends_busy_when_busyd_is_gone, .synapse = { .busy_timeout_msec = BUSY_TIMEOUT_MSEC },
          .config = "poll-timeout = 20s\n") {
        long log = synapse_log_end(d->synapse);

        desk_call_in(d, "call1");
        desk_expect(d, PRESENCE_BUSY_WIRE, DESK_MESSAGE);
        (void) synapse_log_wait(d->synapse, log, LOG_LONG_COUNTED_POLL_CAME);
        expect_counted(d, clock_now());
        world_kill(d->world);
        desk_expect(d, "offline", DESK_MESSAGE);

        /* The message has no such timer: busyd gives it back when it comes again. */
        send_hangup(d->peer, d->room, "call1", "user_hangup");
        world_start_online(d->world);
        desk_expect(d, "offline", "before");
        desk_expect_claim(d, "free");
        expect_nothing_owed(d->world);
}
