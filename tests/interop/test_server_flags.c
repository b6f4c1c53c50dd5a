/* Servers that do less: without the busy of MSC3026, and without presence. */
#include <stdlib.h>

#include "interop/desk.h"

DESK_TEST(server_flags, without_busy_it_falls_back_to_unavailable, .synapse = { .no_busy = true },
          .config = "poll-timeout = 10s\n") {
        long log = synapse_log_end(d->synapse);

        desk_call_in(d, "call1");
        desk_expect(d, "unavailable", DESK_MESSAGE);
        desk_expect_claim(d, "held");

        /* Synapse forgets a silent device after 35 s; four polls of 10 s outlast that. */
        for (unsigned polls = 0; polls < 4; polls++)
                log = synapse_log_wait(d->synapse, log, LOG_COUNTED_POLL_DONE);
        desk_shows(d, "unavailable", DESK_MESSAGE);

        send_hangup(d->peer, d->room, "call1", "user_hangup");
        desk_expect(d, "offline", "before");
        desk_expect_claim(d, "free");
        expect_nothing_owed(d->world);
}

DESK_TEST(server_flags, without_presence_it_says_so_and_stops, .synapse = { .no_presence = true }) {
        long log = synapse_log_end(d->synapse);
        SCOPED(free) char *note = NULL;

        desk_call_in(d, "call1");
        expect_availability(d->world, "busy");
        desk_expect_claim(d, "no-effect");
        note = desk_output(d, "note");
        desk_check(d, strlen(note) > 0, "status does not say that the server ignores presence");

        send_hangup(d->peer, d->room, "call1", "user_hangup");
        expect_availability(d->world, "free");
        desk_expect_claim(d, "free");
        expect_nothing_owed(d->world);
        desk_check(d, desk_writes(d, log) <= 2, "%u writes to a server that ignores them", desk_writes(d, log));
}
