/* What others may send to a user of a real Synapse, and what no library of ours would write: it costs its own event
 * only. */
#include <stdlib.h>

#include "interop/desk.h"

/* Beyond what 64 bits hold, with and without a sign. */
#define ODD_NUMBER  "18446744073709551615"
#define LONG_NUMBER "12345678901234567890123456789012345678901"

static void say_odd_things(struct desk *d, struct device *stranger, const char *old_room) {
        static const char *const contents[] = {
                "{\"n\":" ODD_NUMBER "}", "{\"n\":-" LONG_NUMBER "}",
                "{\"n\":1e999}",          "{\"n\":[{\"" ODD_NUMBER "\":" LONG_NUMBER "}]}",
                "{\"s\":\"\\ud800\"}",
        };

        static const char *const levels[] = {
                "{\"users\":{\"@peer:busyd.test\":100,\"@x:busyd.test\":" LONG_NUMBER "}}",
                "{\"users\":{\"@peer:busyd.test\":100,\"@x:busyd.test\":\"" LONG_NUMBER "\"}}",
                "{\"users\":{\"@peer:busyd.test\":100},\"org.example.odd\":" ODD_NUMBER "}",
        };

        static const struct {
                const char *content;
                bool taken;
        } ends[] = {
                { "{\"call_id\":\"another\",\"version\":\"1\",\"n\":9223372036854775807,\"x\":-1.5e308}", true },
                { "{\"call_id\":\"another\",\"version\":\"1\",\"n\":" ODD_NUMBER "}", false },
                { "{\"call_id\":\"another\",\"version\":\"1\",\"n\":" LONG_NUMBER "}", false },
        };

        for (size_t i = 0; i < ARRAY_SIZE(contents); i++)
                (void) device_send_to_device_text(stranger, d->me, "org.example.odd", contents[i]);
        desk_check(d, device_send_to_device_text(stranger, d->me, "org.example.odd", contents[0]) == 200,
                   "Synapse does not let a stranger send that any more");
        /* Synapse looks at the numbers of power levels, and in newer rooms at those of all events. */
        for (size_t i = 0; i < ARRAY_SIZE(levels); i++) {
                (void) room_put_state_text(d->peer, d->room, "m.room.power_levels", levels[i]);
                (void) room_put_state_text(d->peer, old_room, "m.room.power_levels", levels[i]);
        }
        /* And in no event is there a number that Synapse's own parts cannot hold. */
        for (size_t i = 0; i < ARRAY_SIZE(ends); i++) {
                long status = room_send_text(d->peer, old_room, "m.call.hangup", ends[i].content);

                desk_check(d, !ends[i].taken || status == 200, "Synapse does not take %s any more", ends[i].content);
        }
}

DESK_TEST(odd_values, a_call_ends_whatever_a_stranger_sends_in_the_middle_of_it, 0) {
        struct device *stranger = device_login(d->synapse, "stranger");
        SCOPED(free) char *old_room = room_new_old(d->peer, d->phone);

        desk_call_in(d, "call1");
        desk_expect(d, PRESENCE_BUSY_WIRE, DESK_MESSAGE);
        desk_expect_claim(d, "held");
        say_odd_things(d, stranger, old_room);
        send_hangup(d->peer, d->room, "call1", "user_hangup");
        desk_expect(d, "offline", "before");
        desk_expect_claim(d, "free");
        expect_nothing_owed(d->world);
        device_free(stranger);
}

/* What was sent while busyd did not run is the first that it gets. */
DESK_TEST(odd_values, a_call_after_a_start_is_seen_whatever_was_sent_before_it, 0) {
        struct device *stranger = device_login(d->synapse, "stranger");
        SCOPED(free) char *old_room = room_new_old(d->peer, d->phone);

        desk_check(d, world_stop(d->world) == 0, "busyd does not end well");
        say_odd_things(d, stranger, old_room);
        world_start_online(d->world);
        desk_call_in(d, "call1");
        desk_expect(d, PRESENCE_BUSY_WIRE, DESK_MESSAGE);
        send_hangup(d->peer, d->room, "call1", "user_hangup");
        desk_expect(d, "offline", "before");
        desk_expect_claim(d, "free");
        expect_nothing_owed(d->world);
        device_free(stranger);
}
