/* Dendrite: one value for the user, no busy, and polls count by what they say when they start. The phone's last poll
 * has always started too long ago to count still. */
#include "system/kinds.h"

#define IDLE     "unavailable"
#define NO_WORD  "none" /* of those that change anything */
#define DENDRITE .kind = HS_DENDRITE, .filter_events_absent = true, .fresh_msec = 1

WORLD_TEST(dendrite, one_call, .homeserver = { DENDRITE }) {
        one_call(w, IDLE);
        expect_never_written(w, "busy");
        expect_polls(w, NO_WORD);
        expect_no_refusals(w);
}

/* Others never see a change because of a poll of busyd. */
WORLD_TEST(dendrite, does_not_flap, .homeserver = { DENDRITE }) {
        size_t shown;

        person_is_online(w);
        shown = hs_n_shown(w->hs);
        for (int i = 0; i < 3; i++)
                poll_starts_anew(w);
        check(w, hs_n_shown(w->hs) == shown, "it flaps");
        expect_polls(w, NO_WORD);
}

WORLD_TEST(dendrite, is_not_there_by_itself, .homeserver = { DENDRITE }) {
        world_start_online(w);
        poll_starts_anew(w);
        check(w, hs_n_shown(w->hs) == 0, "busyd's poll shows");
        call_starts(w, ROOM, "c1");
        expect_presence(w, IDLE, IN_CALL);
        call_hangup(w, ROOM, "c1");
        expect_presence(w, "offline", "");
        expect_nothing_owed(w);
}

/* What was PUT stays while the other client's polls say the same, whatever polls busyd makes. */
WORLD_TEST(dendrite, survives_polls, .homeserver = { DENDRITE }) {
        size_t shown;

        person_is_in_call(w, IDLE);
        shown = hs_n_shown(w->hs);
        for (int i = 0; i < 3; i++) {
                hs_client_polls(w->hs, PHONE, "online");
                poll_starts_anew(w);
        }
        check(w, hs_n_shown(w->hs) == shown, "it was overwritten");
        check(w, hs_count(w->hs, HS_PRESENCE_PUT, 0) == 1, "written again");
        call_ends(w);
}

WORLD_TEST(dendrite, is_written_again_over_another_client, .homeserver = { DENDRITE }) {
        the_phone_overwrites_it(w);
}

WORLD_TEST(dendrite, a_person_is_left_alone, .homeserver = { DENDRITE }) {
        a_person_is_left_alone(w, IDLE);
}

/* As it is by default: all is taken, and nothing comes of it. */
WORLD_TEST(dendrite, presence_is_off, .homeserver = { DENDRITE, .presence_off = true }) {
        world_start_online(w);
        call_starts(w, ROOM, "c1");
        expect_claim(w, "no-effect");
        expect_note(w, "switched off");
        expect_availability(w, "busy");
        poll_starts_anew(w);
        call_hangup(w, ROOM, "c1");
        expect_availability(w, "free");
        expect_nothing_owed(w);
        check(w, hs_count(w->hs, HS_PRESENCE_PUT, 0) <= 2, "repeated");
}

/* Without a message only the state can tell, and another client might have overwritten that: tried a few times. */
WORLD_TEST(dendrite, presence_is_off_and_there_is_no_message, .homeserver = { DENDRITE, .presence_off = true }) {
        size_t mark = 0;

        world_config(w, KINDS_CONFIG("message =\n"));
        world_start_online(w);
        call_starts(w, ROOM, "c1");
        for (int i = 0; i < 3; i++)
                expect_write(w, &mark);
        expect_claim(w, "no-effect");
        call_hangup(w, ROOM, "c1");
        expect_availability(w, "free");
        expect_nothing_owed(w);
        expect_few_writes(w);
}

WORLD_TEST(dendrite, the_server_restarts, .homeserver = { DENDRITE }) {
        the_server_restarts(w, IDLE);
        expect_few_writes(w);
}

WORLD_TEST(dendrite, killed_and_the_call_is_over, .homeserver = { DENDRITE }) {
        killed_and_the_call_is_over(w, IDLE);
}

WORLD_TEST(dendrite, killed_and_the_call_goes_on, .homeserver = { DENDRITE }) {
        killed_and_the_call_goes_on(w, IDLE);
}

/* A version that minds a word that is not in the spec is told the one that does the least harm. */
WORLD_TEST(dendrite, minds_the_word, .homeserver = { DENDRITE }) {
        struct hs_match none = { .path = "*/sync", .query = "set_presence=" NO_WORD }, offline = none;

        hs_fault(w->hs,
                 &(struct hs_fault){ .match = none,
                                     .status = 400,
                                     .body = "{\"errcode\":\"M_INVALID_PARAM\",\"error\":\"Bad set_presence\"}" });
        world_start_online(w);
        call_starts(w, ROOM, "c1");
        expect_presence(w, IDLE, IN_CALL);
        call_hangup(w, ROOM, "c1");
        expect_presence(w, IDLE, "");
        expect_nothing_owed(w);
        offline.query = "set_presence=offline";
        check(w, hs_count(w->hs, none, 0) == 1, "insists");
        check(w, hs_count(w->hs, offline, 0) == 0, "makes an online user flap");
}

/* The only client has gone during the call: nothing would ever take an online down again. */
WORLD_TEST(dendrite, what_nobody_keeps_up_is_not_put_back, .homeserver = { DENDRITE }) {
        free(hs_login(w->hs, PHONE)); /* and was not seen since */
        hs_person_sets(w->hs, PHONE, "online", READING);
        world_start_online(w);
        call_starts(w, ROOM, "c1");
        expect_presence(w, IDLE, IN_CALL);
        call_hangup(w, ROOM, "c1");
        expect_presence(w, "offline", READING);
        expect_nothing_owed(w);
        check(w, hs_wait_presence(w->hs, "offline", READING, 0), "it did not stay");
}

/* A server that does not tell who is there gets back what was there. */
WORLD_TEST(dendrite, who_is_there_is_not_told, .homeserver = { DENDRITE }) {
        hs_fault(w->hs, &(struct hs_fault){ .match = { .path = "*/devices" },
                                            .status = 403,
                                            .body = "{\"errcode\":\"M_FORBIDDEN\",\"error\":\"no\"}" });
        person_is_in_call(w, IDLE);
        call_ends(w);
}
