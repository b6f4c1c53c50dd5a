/* A start soon after an end: Synapse answers a poll that repeats an earlier one from a cache of two minutes, old
 * events one by one. */
#include <stdlib.h>

#include "interop/desk.h"

DESK_TEST(restart, a_call_that_is_over_does_not_come_back, 0) {
        struct witness *w;
        char *story;

        desk_let_pass(25 * USEC_PER_SEC);
        /* Each in an answer of its own. */
        send_invite(d->peer, d->room, "call1", 60000);
        desk_let_pass(2 * USEC_PER_SEC);
        send_answer(d->phone, d->room, "call1");
        desk_let_pass(USEC_PER_SEC);
        send_select(d->peer, d->room, "call1", d->phone);
        desk_expect(d, PRESENCE_BUSY_WIRE, DESK_MESSAGE);
        desk_let_pass(23 * USEC_PER_SEC);
        send_hangup(d->peer, d->room, "call1", "user_hangup");
        desk_expect(d, "offline", "before");
        desk_expect_claim(d, "free");
        desk_let_pass(17 * USEC_PER_SEC);
        w = witness_start(d->other, d->me);
        desk_check(d, world_stop(d->world) == 0, "busyd does not end well");
        world_start_online(d->world);
        /* What is old would have come before what is new. */
        desk_let_pass(10 * USEC_PER_SEC);
        desk_call_in(d, "call2");
        story = witness_until(w, PRESENCE_BUSY_WIRE " " DESK_MESSAGE);
        send_hangup(d->peer, d->room, "call2", "user_hangup");
        free(witness_until(w, "offline before"));
        cr_assert_eq(desk_times_busy(d), 2, "busy %u times, after:\n%s", desk_times_busy(d), story);
        desk_expect_claim(d, "free");
        expect_nothing_owed(d->world);
        free(story);
        witness_free(w);
}
