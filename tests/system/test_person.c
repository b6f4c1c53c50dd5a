/* The user's word is final: what they set by hand, before, during or after a call, is not overwritten. */
#include "system/harness.h"

static void in_call(struct world *w) {
        hs_client_polls(w->hs, PHONE, "online");
        hs_person_sets(w->hs, PHONE, "online", "Reading");
        world_start_online(w);
        call_starts(w, ROOM, "c1");
        expect_presence(w, HS_BUSY, NULL);
        expect_claim(w, "held");
}

WORLD_TEST(person, changes_the_message_during_the_call) {
        in_call(w);
        hs_person_sets(w->hs, PHONE, "online", "Do not disturb me");
        call_hangup(w, ROOM, "c1");
        expect_presence(w, "online", "Do not disturb me");
        expect_nothing_owed(w);
        cr_assert(hs_wait_presence(w->hs, "online", "Do not disturb me", 0));
}

WORLD_TEST(person, clears_the_message_during_the_call) {
        in_call(w);
        hs_person_sets(w->hs, PHONE, "online", NULL);
        call_hangup(w, ROOM, "c1");
        expect_presence(w, "online", "");
        expect_nothing_owed(w);
        cr_assert(hs_wait_presence(w->hs, "online", "", 0));
}

WORLD_TEST(person, changes_the_message_while_busyd_is_dead) {
        in_call(w);
        world_kill(w);
        hs_person_sets(w->hs, PHONE, "online", "By hand");
        call_hangup(w, ROOM, "c1");
        world_start(w);
        expect_presence(w, "online", "By hand");
        expect_nothing_owed(w);
        cr_assert(hs_wait_presence(w->hs, "online", "By hand", 0));
}

/* Busy set by a person before the call is theirs: nothing is owed, nothing is written. */
WORLD_TEST(person, was_busy_before) {
        hs_client_polls(w->hs, PHONE, "online");
        hs_person_sets(w->hs, PHONE, HS_BUSY, "Writing");
        world_start_online(w);
        call_starts(w, ROOM, "c1");
        expect_claim(w, "foreign");
        call_hangup(w, ROOM, "c1");
        expect_claim(w, "free");
        cr_assert_eq(hs_count(w->hs, HS_PRESENCE_PUT, 0), 0);
        cr_assert(hs_wait_presence(w->hs, HS_BUSY, "Writing", 0));
}

/* Another client has caught busy: said, with what ends it, and not fought over. */
WORLD_TEST(person, client_keeps_busy) {
        in_call(w);
        hs_client_polls(w->hs, PHONE, "online");
        call_hangup(w, ROOM, "c1");
        expect_claim(w, "stuck");
        expect_availability(w, "free");
        expect_presence(w, HS_BUSY, "Reading");
        check(w, hs_count(w->hs, HS_PRESENCE_PUT, 0) <= 8, "it loops");
        hs_person_sets(w->hs, PHONE, "online", "Reading");
        expect_presence(w, "online", "Reading");
}
