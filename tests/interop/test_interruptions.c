/* The server goes away in the middle of a call, or the session does. */
#include <signal.h>
#include <stdlib.h>

#include "interop/desk.h"

/* After its restart Synapse holds busy without a device, out of everybody's reach, for as long as a silent busy device
 * (60 min, here 60 s). Until then busyd can only give back the message, and say so. */
#define RESTARTED .synapse = { .busy_timeout_msec = 60000 }

static void restart_in_call(struct desk *d, int signal) {
        SCOPED(free) char *note = NULL;
        long log;

        desk_call_in(d, "call1");
        desk_expect(d, PRESENCE_BUSY_WIRE, DESK_MESSAGE);
        desk_expect_claim(d, "held");
        synapse_stop(d->synapse, signal);
        desk_check(d, peer_wait_is(d->world->peer, ACCOUNT_PATH, BUSYD_ACCOUNT, "State", "waiting"),
                   "busyd does not see that the server is gone");
        log = synapse_log_end(d->synapse);
        synapse_continue(d->synapse);
        (void) synapse_log_wait(d->synapse, log, LOG_COUNTED_POLL_CAME);
        desk_shows(d, PRESENCE_BUSY_WIRE, DESK_MESSAGE);

        send_hangup(d->peer, d->room, "call1", "user_hangup");
        desk_expect(d, PRESENCE_BUSY_WIRE, "before");
        desk_expect_claim(d, "stuck");
        note = desk_output(d, "note");
        desk_check(d, strlen(note) > 0, "status does not say what holds it and what ends it");

        desk_expect(d, "offline", "before");
        desk_expect_claim(d, "free");
        expect_nothing_owed(d->world);
}

DESK_TEST(interruptions, synapse_restarts, RESTARTED) {
        restart_in_call(d, SIGTERM);
}

DESK_TEST(interruptions, synapse_is_killed, RESTARTED) {
        restart_in_call(d, SIGKILL);
}

DESK_TEST(interruptions, signed_out_from_another_client, 0) {
        SCOPED(free) char *device = device_find(d->phone, "busyd"), *problem = NULL;

        desk_call_in(d, "call1");
        desk_expect(d, PRESENCE_BUSY_WIRE, DESK_MESSAGE);
        desk_expect_claim(d, "held");
        device_sign_out_other(d->phone, device);
        desk_check(d, peer_wait_is(d->world->peer, ACCOUNT_PATH, BUSYD_ACCOUNT, "State", "signed-out"),
                   "busyd does not see that it is signed out");
        problem = peer_get(d->world->peer, ACCOUNT_PATH, BUSYD_ACCOUNT, "Problem");
        desk_check(d, problem && strstr(problem, "busyctl login"), "not said what to do: %s", problem);

        /* It stays owed, and a new login pays it. */
        send_hangup(d->peer, d->room, "call1", "user_hangup");
        desk_log_in(d);
        desk_check(d, peer_wait_is(d->world->peer, ACCOUNT_PATH, BUSYD_ACCOUNT, "State", "online"),
                   "the new session is not used");
        desk_expect(d, "offline", "before");
        desk_expect_claim(d, "free");
        expect_nothing_owed(d->world);
}
