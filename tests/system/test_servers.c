/* Each kind of homeserver, by its own rules. */
#include "system/harness.h"

static void person_is_online(struct world *w) {
        hs_client_polls(w->hs, PHONE, "online");
        hs_person_sets(w->hs, PHONE, "online", "Reading");
        world_start_online(w);
}

static void one_call(struct world *w, const char *busy, const char *before) {
        person_is_online(w);
        call_starts(w, ROOM, "c1");
        expect_presence(w, busy, "In a call");
        expect_claim(w, "held");
        call_hangup(w, ROOM, "c1");
        expect_presence(w, before, "Reading");
        expect_nothing_owed(w);
}

/* `unavailable` is hidden behind the phone's `online`; the message shows. */
WORLD_TEST(servers, synapse_without_the_flag, .homeserver.busy_off = true) {
        one_call(w, "online", "online");
        cr_assert_eq(hs_count(w->hs, (struct hs_match){ .method = "PUT", .body = HS_BUSY }, 0), 0,
                     "busy needs the flag");
}

WORLD_TEST(servers, synapse_without_the_flag_alone, .homeserver.busy_off = true) {
        world_start_online(w);
        call_starts(w, ROOM, "c1");
        expect_presence(w, "unavailable", "In a call");
        call_hangup(w, ROOM, "c1");
        expect_presence(w, "offline", "");
        expect_nothing_owed(w);
}

WORLD_TEST(servers, tuwunel, .homeserver.kind = HS_TUWUNEL) {
        one_call(w, "busy", "online");
}

WORLD_TEST(servers, continuwuity, .homeserver = { .kind = HS_CONTINUWUITY, .filter_events_absent = true }) {
        one_call(w, "unavailable", "online");
}

WORLD_TEST(servers, dendrite, .homeserver = { .kind = HS_DENDRITE, .filter_events_absent = true }) {
        person_is_online(w);
        call_starts(w, ROOM, "c1");
        expect_presence(w, "unavailable", "In a call");
        call_hangup(w, ROOM, "c1");
        expect_presence(w, "online", "Reading");
        expect_nothing_owed(w);
}

/* One PUT of presence for each second: nothing is lost, only later. */
WORLD_TEST(servers, limits_presence, .homeserver.rc_presence_msec = 1000) {
        one_call(w, HS_BUSY, "online");
}
