/* The user's word is final: what they set by hand, before, during or after a call, is not overwritten. */
#include "system/kinds.h"

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

/* Three times what a claim has room for, in letters of three bytes. */
static const char *long_message(void) {
        static char text[3 * 1024 + 1];

        for (char *at = text; at < text + sizeof(text) - 1; at += 3)
                memcpy(at, "忙", 3);
        return text;
}

static void sets_a_long_message_during_the_call(struct world *w, const char *shown) {
        world_config(w, KINDS_CONFIG("presence = busy\n"));
        person_is_in_call(w, shown);
        /* A poll of busyd that begins after these words would write its own state over theirs, as on such a server any
         * client's does; where nobody tells of them, what a poll has taken away makes busyd look soon after it. */
        poll_starts_anew(w);
        check(w, hs_wait_presence_seen(w->hs, patience()), "busyd does not poll on");
        hs_person_sets(w->hs, PHONE, "online", long_message());
        expect_claim(w, "yielded");
        call_hangup(w, ROOM, "c1");
        expect_presence(w, "online", long_message());
        expect_nothing_owed(w);
        check(w, hs_wait_presence(w->hs, "online", long_message(), 0), "it was written over");
        call_starts(w, ROOM, "c2");
        expect_claim(w, "refused");
        expect_note(w, "too long");
        call_hangup(w, ROOM, "c2");
        expect_nothing_owed(w);
        check(w, hs_wait_presence(w->hs, "online", long_message(), 0), "it was written over by the next call");
}

WORLD_TEST(person, sets_a_long_message_during_the_call) {
        sets_a_long_message_during_the_call(w, HS_BUSY);
}

WORLD_TEST(person, sets_a_long_message_during_the_call_on_an_old_synapse, .homeserver.kind = HS_SYNAPSE_OLD) {
        sets_a_long_message_during_the_call(w, HS_BUSY);
}

WORLD_TEST(person, sets_a_long_message_during_the_call_on_dendrite,
           .homeserver = { .kind = HS_DENDRITE, .filter_events_absent = true, .fresh_msec = 1 }) {
        sets_a_long_message_during_the_call(w, "unavailable");
}

WORLD_TEST(person, sets_a_long_message_during_the_call_on_continuwuity,
           .homeserver = { .kind = HS_CONTINUWUITY, .filter_events_absent = true }) {
        sets_a_long_message_during_the_call(w, "unavailable");
}

WORLD_TEST(person, sets_a_long_message_during_the_call_on_tuwunel,
           .homeserver = { .kind = HS_TUWUNEL, .quiet_msec = 1 }) {
        sets_a_long_message_during_the_call(w, "busy");
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
