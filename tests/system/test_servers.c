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

static size_t n_polls(struct world *w, const char *query) {
        return hs_count(w->hs, (struct hs_match){ .path = "*/sync", .query = query }, 0);
}

/* Nothing but what the spec has is written, and no poll counts. Which word leaves the user alone is found out by one
 * that is no word of the spec: this one refuses it, and so does as the spec says. */
WORLD_TEST(servers, unknown, .homeserver.kind = HS_UNKNOWN) {
        size_t n_none, n_offline;

        one_call(w, "unavailable");
        expect_never_written(w, "busy");
        n_none = n_polls(w, "set_presence=none");
        n_offline = n_polls(w, "set_presence=offline");
        check(w, n_none == 1, "the word that was refused was sent %zu times", n_none);
        check(w, n_none + n_offline == hs_count(w->hs, HS_SYNC, 0), "other words were sent");
}

WORLD_TEST(servers, unknown_is_overwritten, .homeserver.kind = HS_UNKNOWN) {
        the_phone_overwrites_it(w);
}

WORLD_TEST(servers, unknown_is_healed, .homeserver.kind = HS_UNKNOWN) {
        killed_and_the_call_is_over(w, "unavailable");
}

/* It says that it takes busy, and does not. What cannot be told is treated as keeping presence per device: the own
 * value is withdrawn, and what the user's other client says next is what shows. */
WORLD_TEST(servers, unknown_promises_busy, .homeserver.kind = HS_UNKNOWN) {
        hs_fault(w->hs, &(struct hs_fault){ .match = { .path = "*/versions" },
                                            .status = 200,
                                            .body = "{\"versions\":[\"v1.11\"],\"unstable_features\":"
                                                    "{\"org.matrix.msc3026.busy_presence\":true}}" });
        person_is_in_call(w, "unavailable");
        call_hangup(w, ROOM, "c1");
        expect_presence(w, "offline", READING);
        expect_nothing_owed(w);
        hs_client_polls(w->hs, PHONE, "online");
        expect_presence(w, "online", READING);
        expect_few_writes(w);
        check(w, hs_count(w->hs, (struct hs_match){ .method = "PUT", .body = HS_BUSY }, 0) == 1, "not tried once");
}
