/* Tuwunel: a state and a message for each device, busy is called "busy", and every own poll takes it away again. */
#include "system/kinds.h"

#define BUSY   "busy"
#define TABLET "TABLET"

WORLD_TEST(tuwunel, one_call, .homeserver.kind = HS_TUWUNEL) {
        one_call(w, BUSY);
        expect_never_written(w, HS_BUSY);
        expect_polls(w, "offline");
}

WORLD_TEST(tuwunel, busy_comes_back_after_an_own_poll, .homeserver.kind = HS_TUWUNEL) {
        size_t shown;

        person_is_in_call(w, BUSY);
        shown = hs_n_shown(w->hs);
        poll_starts_anew(w);
        check(w, hs_was_shown(w->hs, "online", shown), "the poll did not take it away");
        expect_presence(w, BUSY, IN_CALL);
        expect_claim(w, "held");
        call_ends(w);
        expect_few_writes(w);
        expect_polls(w, "offline");
}

WORLD_TEST(tuwunel, many_own_polls_cost_few_writes, .homeserver.kind = HS_TUWUNEL) {
        person_is_in_call(w, BUSY);
        for (int i = 0; i < 8; i++)
                poll_starts_anew(w);
        expect_presence(w, BUSY, IN_CALL);
        expect_claim(w, "held");
        call_ends(w);
        expect_few_writes(w);
}

/* A poll takes away the state alone: with a claim on the message it leads to nothing. What is written again is looked
 * at once before. */
WORLD_TEST(tuwunel, the_message_survives_own_polls, .homeserver.kind = HS_TUWUNEL) {
        size_t first = 0, second, looks;

        world_config(w, KINDS_CONFIG("presence = status\nrefresh-interval = 5s\n"));
        person_is_in_call(w, "online");
        expect_write(w, &first);
        poll_starts_anew(w);
        expect_write(w, &first);
        second = first;
        expect_write(w, &second);
        looks = hs_count(w->hs, HS_PRESENCE_GET, first) - hs_count(w->hs, HS_PRESENCE_GET, second);
        check(w, looks == 1, "looked at %zu times", looks);
        check(w, hs_wait_presence(w->hs, "online", IN_CALL, 0), "it is gone");
        call_ends(w);
}

/* Busy counts as idle when it was not confirmed for a while; whatever another device does brings that to light. */
WORLD_TEST(tuwunel, is_written_again_before_it_gets_old,
           .homeserver = { .kind = HS_TUWUNEL, .idle_msec = GETS_OLD_MSEC, .quiet_msec = 1 }) {
        size_t shown, mark = 0;

        is_refreshed_before_it_gets_old(w);
        person_is_in_call(w, BUSY);
        shown = hs_n_shown(w->hs);
        for (int i = 0; i < 3; i++)
                expect_write(w, &mark);
        hs_client_polls(w->hs, TABLET, "online");
        check(w, hs_n_shown(w->hs) == shown, "it got old");
        call_ends(w);
        expect_few_writes(w);
}

WORLD_TEST(tuwunel, another_device_neither_hides_nor_keeps_it, .homeserver = { .kind = HS_TUWUNEL, .quiet_msec = 1 }) {
        size_t shown;

        person_is_in_call(w, BUSY);
        shown = hs_n_shown(w->hs);
        hs_client_polls(w->hs, TABLET, "online");
        hs_client_polls(w->hs, TABLET, "unavailable");
        check(w, !hs_was_shown(w->hs, "online", shown), "it was hidden");
        call_ends(w);
        hs_client_polls(w->hs, TABLET, "online");
        check(w, hs_wait_presence(w->hs, "online", READING, 0), "it was kept");
        expect_few_writes(w);
}

/* The phone's own message shows again whenever the phone was heard of last: nobody has changed anything. */
/* The phone is heard of, in a moment in which no poll of busyd's has just taken busy away. */
static void phone_shows_through(struct world *w) {
        for (unsigned i = 0; i < 5; i++) {
                hs_client_polls(w->hs, PHONE, "online");
                if (hs_wait_presence(w->hs, BUSY, READING, 0))
                        return;
                expect_presence(w, BUSY, IN_CALL);
        }
        check(w, false, "it does not");
}

WORLD_TEST(tuwunel, the_phones_message_shows_through, .homeserver = { .kind = HS_TUWUNEL, .quiet_msec = 1 }) {
        person_is_in_call(w, BUSY);
        phone_shows_through(w);
        poll_starts_anew(w);
        expect_presence(w, BUSY, IN_CALL);
        expect_claim(w, "held");
        phone_shows_through(w);
        call_ends(w);
        expect_few_writes(w);
}

/* Nothing of busyd's device outlives the call: what the person does to their message afterwards has its effect. */
WORLD_TEST(tuwunel, the_message_stays_the_phones, .homeserver = { .kind = HS_TUWUNEL, .quiet_msec = 1 }) {
        one_call(w, BUSY);
        hs_person_sets(w->hs, PHONE, "online", "Lunch");
        poll_starts_anew(w);
        check(w, hs_wait_presence(w->hs, "online", "Lunch", 0), "the new message is hidden");
        hs_person_sets(w->hs, PHONE, "online", NULL);
        poll_starts_anew(w);
        check(w, hs_wait_presence(w->hs, "online", "", 0), "the message cannot be taken away");
}

WORLD_TEST(tuwunel, the_message_is_changed_during_the_call, .homeserver = { .kind = HS_TUWUNEL, .quiet_msec = 1 }) {
        person_is_in_call(w, BUSY);
        hs_person_sets(w->hs, PHONE, "online", "Do not disturb me");
        call_hangup(w, ROOM, "c1");
        expect_presence(w, "online", "Do not disturb me");
        expect_nothing_owed(w);
        hs_person_sets(w->hs, PHONE, "online", NULL);
        poll_starts_anew(w);
        check(w, hs_wait_presence(w->hs, "online", "", 0), "the message cannot be taken away");
}

/* Seen where the own poll has taken busy away: not written over. */
WORLD_TEST(tuwunel, the_message_is_changed_before_an_own_poll, .homeserver = { .kind = HS_TUWUNEL, .quiet_msec = 1 }) {
        person_is_in_call(w, BUSY);
        poll_starts_anew(w);
        hs_person_sets(w->hs, PHONE, "online", "Do not disturb me");
        expect_claim(w, "yielded");
        call_hangup(w, ROOM, "c1");
        expect_nothing_owed(w);
        check(w, hs_wait_presence(w->hs, "online", "Do not disturb me", 0), "it was written over");
}

/* Each poll may take it away once, and there are as many as the restart takes. With the phone's record its message is
 * gone: giving back takes a second write. */
static void expect_few_writes_and_another(struct world *w) {
        size_t n = hs_count(w->hs, HS_PRESENCE_PUT, 0), polls = hs_count(w->hs, HS_SYNC, 0);

        check(w, n <= polls + 2, "%zu writes in %zu polls", n, polls);
}

WORLD_TEST(tuwunel, the_server_restarts, .homeserver.kind = HS_TUWUNEL) {
        the_server_restarts(w, BUSY);
        expect_few_writes_and_another(w);
        expect_polls(w, "offline");
}

WORLD_TEST(tuwunel, the_server_restarts_without_the_phone, .homeserver.kind = HS_TUWUNEL) {
        the_server_restarts_without_the_phone(w, BUSY);
        expect_few_writes_and_another(w);
}

WORLD_TEST(tuwunel, killed_and_the_call_is_over, .homeserver.kind = HS_TUWUNEL) {
        killed_and_the_call_is_over(w, BUSY);
}

WORLD_TEST(tuwunel, killed_and_the_call_goes_on, .homeserver.kind = HS_TUWUNEL) {
        killed_and_the_call_goes_on(w, BUSY);
}

/* Between the two things that giving back takes there. */
WORLD_TEST(tuwunel, killed_while_giving_back, .homeserver = { .kind = HS_TUWUNEL, .quiet_msec = 1 }) {
        struct hs_match put = HS_PRESENCE_PUT;
        size_t mark;

        person_is_in_call(w, BUSY);
        put.body = "offline";
        mark = hs_n_requests(w->hs);
        hs_fault(w->hs, &(struct hs_fault){ .match = put, .kind = HS_HOLD_AFTER });
        call_hangup(w, ROOM, "c1");
        check(w, hs_wait_request(w->hs, put, mark, patience(), NULL), "not given back");
        world_kill(w);
        hs_clear_faults(w->hs);
        world_start(w);
        expect_nothing_owed(w);
        check(w, hs_wait_presence(w->hs, "online", READING, 0), "it is not what it was");
        hs_person_sets(w->hs, PHONE, "online", NULL);
        check(w, hs_wait_presence(w->hs, "online", "", 0), "the message cannot be taken away");
}

WORLD_TEST(tuwunel, killed_and_the_server_restarts, .homeserver.kind = HS_TUWUNEL) {
        person_is_in_call(w, BUSY);
        world_kill(w);
        call_hangup(w, ROOM, "c1");
        hs_stop(w->hs);
        cr_assert_eq(hs_start(w->hs, HS_LOSES), 0);
        hs_client_polls(w->hs, PHONE, "online");
        check(w, hs_wait_presence(w->hs, "online", IN_CALL, 0), "a restart keeps the message");
        world_start(w);
        expect_presence(w, "online", READING);
        expect_nothing_owed(w);
}

WORLD_TEST(tuwunel, presence_is_disabled, .homeserver = { .kind = HS_TUWUNEL, .presence_off = true }) {
        presence_is_disabled(w);
}

/* What is owed is given back when it is switched on again. */
WORLD_TEST(tuwunel, presence_is_disabled_during_a_call, .homeserver.kind = HS_TUWUNEL) {
        person_is_in_call(w, BUSY);
        hs_set_presence_off(w->hs, true);
        call_hangup(w, ROOM, "c1");
        expect_claim(w, "leaving");
        expect_note(w, "switched off");
        hs_set_presence_off(w->hs, false);
        expect_presence(w, "online", READING);
        expect_nothing_owed(w);
}

WORLD_TEST(tuwunel, nobody_can_look, .homeserver = { .kind = HS_TUWUNEL, .alone = true }) {
        nobody_can_look(w);
}
