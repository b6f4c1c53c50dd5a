/* Continuwuity: one value for the user, the last writer wins, no busy, and filters are ignored. */
#include "system/kinds.h"

#define IDLE         "unavailable"
#define CONTINUWUITY .kind = HS_CONTINUWUITY, .filter_events_absent = true

WORLD_TEST(continuwuity, one_call, .homeserver = { CONTINUWUITY }) {
        one_call(w, IDLE);
        expect_never_written(w, "busy");
        expect_polls(w, "offline");
}

WORLD_TEST(continuwuity, is_written_again_over_another_client, .homeserver = { CONTINUWUITY }) {
        the_phone_overwrites_it(w);
        expect_polls(w, "offline");
}

WORLD_TEST(continuwuity, does_not_fight, .homeserver = { CONTINUWUITY }) {
        size_t mark = 0;

        person_is_online(w);
        call_starts(w, ROOM, "c1");
        for (int i = 0; i < WRITES_MAX - 1; i++) {
                expect_write(w, &mark);
                hs_client_polls(w->hs, PHONE, "online");
        }
        call_ends(w);
        expect_few_writes(w);
}

WORLD_TEST(continuwuity, a_person_is_left_alone, .homeserver = { CONTINUWUITY }) {
        a_person_is_left_alone(w, IDLE);
}

/* The presence of everybody comes with /sync. */
static void other_sets(struct world *w, const char *presence, const char *message) {
        size_t mark = hs_n_requests(w->hs);

        hs_other_sets(w->hs, OTHER_USER, presence, message);
        check(w, hs_wait_request(w->hs, HS_SYNC, mark, patience(), NULL), "it did not reach busyd");
}

WORLD_TEST(continuwuity, others_are_not_the_user, .homeserver = { CONTINUWUITY }) {
        person_is_online(w);
        other_sets(w, "busy", "On the phone");
        call_starts(w, ROOM, "c1");
        expect_presence(w, IDLE, IN_CALL);
        expect_claim(w, "held");
        other_sets(w, "online", "Hello");
        poll_starts_anew(w);
        expect_claim(w, "held");
        expect_note(w, "unavailable, \"In a call\"");
        call_hangup(w, ROOM, "c1");
        other_sets(w, IDLE, IN_CALL);
        expect_presence(w, "online", READING);
        expect_nothing_owed(w);
        check(w, hs_count(w->hs, HS_PRESENCE_PUT, 0) == 2, "written for others");
}

/* Idle becomes offline when it has not been confirmed for a while. */
WORLD_TEST(continuwuity, is_written_again_before_it_gets_old,
           .homeserver = { CONTINUWUITY, .away_msec = GETS_OLD_MSEC }) {
        size_t shown, mark = 0;

        is_refreshed_before_it_gets_old(w);
        world_start_online(w);
        call_starts(w, ROOM, "c1");
        expect_presence(w, IDLE, IN_CALL);
        shown = hs_n_shown(w->hs);
        for (int i = 0; i < 3; i++)
                expect_write(w, &mark);
        check(w, hs_n_shown(w->hs) == shown, "it got old");
        call_hangup(w, ROOM, "c1");
        expect_presence(w, "offline", "");
        expect_nothing_owed(w);
        expect_few_writes(w);
}

WORLD_TEST(continuwuity, the_server_restarts, .homeserver = { CONTINUWUITY }) {
        the_server_restarts(w, IDLE);
        expect_few_writes(w);
        expect_polls(w, "offline");
}

WORLD_TEST(continuwuity, the_server_restarts_without_the_phone, .homeserver = { CONTINUWUITY }) {
        the_server_restarts_without_the_phone(w, IDLE);
        expect_few_writes(w);
}

WORLD_TEST(continuwuity, killed_and_the_call_is_over, .homeserver = { CONTINUWUITY }) {
        killed_and_the_call_is_over(w, IDLE);
}

WORLD_TEST(continuwuity, killed_and_the_call_goes_on, .homeserver = { CONTINUWUITY }) {
        killed_and_the_call_goes_on(w, IDLE);
}

/* Meanwhile the phone has overwritten the state: the message is still owed. */
WORLD_TEST(continuwuity, killed_and_overwritten, .homeserver = { CONTINUWUITY }) {
        hs_client_polls(w->hs, PHONE, IDLE);
        hs_person_sets(w->hs, PHONE, IDLE, READING);
        world_start_online(w);
        call_starts(w, ROOM, "c1");
        expect_presence(w, IDLE, IN_CALL);
        world_kill(w);
        call_hangup(w, ROOM, "c1");
        hs_client_polls(w->hs, PHONE, "online");
        world_start(w);
        expect_presence(w, "online", READING);
        expect_nothing_owed(w);
}

WORLD_TEST(continuwuity, presence_is_disabled, .homeserver = { CONTINUWUITY, .presence_off = true }) {
        presence_is_disabled(w);
}

WORLD_TEST(continuwuity, nobody_can_look, .homeserver = { CONTINUWUITY, .alone = true }) {
        nobody_can_look(w);
}

/* What was written while nobody could look is found at the next start by what the journal says. */
WORLD_TEST(continuwuity, killed_and_nobody_can_look, .homeserver = { CONTINUWUITY, .alone = true }) {
        world_start_online(w);
        call_starts(w, ROOM, "c1");
        expect_presence(w, IDLE, IN_CALL);
        world_kill(w);
        call_hangup(w, ROOM, "c1");
        world_start(w);
        expect_presence(w, "offline", "");
        expect_nothing_owed(w);
}

/* ---- behind a proxy that hides what it is: then polls say "none", which is a word like any other here ---- */

#define HIDDEN CONTINUWUITY, .hidden = true

WORLD_TEST(continuwuity, hidden_and_nobody_is_there, .homeserver = { HIDDEN }) {
        world_start_online(w);
        call_starts(w, ROOM, "c1");
        expect_presence(w, IDLE, IN_CALL);
        expect_claim(w, "held");
        call_hangup(w, ROOM, "c1");
        expect_presence(w, "offline", "");
        expect_nothing_owed(w);
        expect_never_written(w, "none");
}

/* It says so no longer than until it has seen what that does. */
WORLD_TEST(continuwuity, hidden_and_a_person_is_online, .homeserver = { HIDDEN }) {
        size_t mark;

        person_is_online(w);
        check(w,
              hs_wait_request(w->hs, (struct hs_match){ .path = "*/sync", .query = "set_presence=offline" }, 0,
                              patience(), NULL),
              "it goes on saying what others see");
        mark = hs_n_requests(w->hs);
        hs_client_polls(w->hs, PHONE, "online");
        call_starts(w, ROOM, "c1");
        expect_presence(w, IDLE, IN_CALL);
        expect_claim(w, "held");
        call_hangup(w, ROOM, "c1");
        expect_presence(w, "online", READING);
        expect_nothing_owed(w);
        check(w, hs_count(w->hs, (struct hs_match){ .path = "*/sync", .query = "set_presence=none" }, mark) == 0,
              "said again");
        expect_never_written(w, "none");
}
