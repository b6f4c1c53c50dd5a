/* Homeservers that are Synapse with other settings, or nobody knows what. */
#include "system/kinds.h"

/* `unavailable` is hidden behind the phone's `online`; the message shows. */
WORLD_TEST(servers, synapse_without_the_flag, .homeserver.busy_off = true) {
        one_call(w, "online");
        expect_never_written(w, HS_BUSY);
}

WORLD_TEST(servers, synapse_without_the_flag_alone, .homeserver.busy_off = true) {
        world_start_online(w);
        call_starts(w, ROOM, "c1");
        expect_presence(w, "unavailable", IN_CALL);
        call_hangup(w, ROOM, "c1");
        expect_presence(w, "offline", "");
        expect_nothing_owed(w);
}

/* One PUT of presence for each second: nothing is lost, only later. */
WORLD_TEST(servers, limits_presence, .homeserver.rc_presence_msec = 1000) {
        one_call(w, HS_BUSY);
}

/* Nothing but what the spec has, and no poll that counts. */
WORLD_TEST(servers, unknown, .homeserver.kind = HS_UNKNOWN) {
        one_call(w, "unavailable");
        expect_never_written(w, "busy");
        expect_polls(w, "offline");
        expect_no_refusals(w);
}

WORLD_TEST(servers, unknown_is_overwritten, .homeserver.kind = HS_UNKNOWN) {
        the_phone_overwrites_it(w);
}

WORLD_TEST(servers, unknown_is_healed, .homeserver.kind = HS_UNKNOWN) {
        killed_and_the_call_is_over(w, "unavailable");
}

/* It says that it takes busy, and does not. */
WORLD_TEST(servers, unknown_promises_busy, .homeserver.kind = HS_UNKNOWN) {
        hs_fault(w->hs, &(struct hs_fault){ .match = { .path = "*/versions" },
                                            .status = 200,
                                            .body = "{\"versions\":[\"v1.11\"],\"unstable_features\":"
                                                    "{\"org.matrix.msc3026.busy_presence\":true}}" });
        one_call(w, "unavailable");
        check(w, hs_count(w->hs, (struct hs_match){ .method = "PUT", .body = HS_BUSY }, 0) == 1, "not tried once");
}
