/* Calls of a user who has no other client that syncs: what is seen, what is not, and what comes back. */
#include <stdio.h>
#include <stdlib.h>

#include "interop/desk.h"
#include "util/clock.h"

/* The call of a test ends: what was there before is back, and nothing is owed. */
static void expect_restored(struct desk *d, const char *message) {
        desk_expect(d, "offline", message);
        desk_expect_claim(d, "free");
        expect_nothing_owed(d->world);
}

DESK_TEST(calls, incoming_call_that_i_answer, 0) {
        usec_t answered, seen;

        send_invite(d->peer, d->room, "call1", 60000);
        send_answer(d->phone, d->room, "call1");
        answered = clock_now();
        desk_expect(d, PRESENCE_BUSY_WIRE, DESK_MESSAGE);
        seen = clock_now();
        /* Told, not judged: the machine may be busy with other tests. */
        fprintf(stderr, "busy %.0f ms after the answer was sent\n", (double) (seen - answered) / USEC_PER_MSEC);
        send_select(d->peer, d->room, "call1", d->phone);
        desk_expect_claim(d, "held");
        send_hangup(d->peer, d->room, "call1", "user_hangup");
        expect_restored(d, "before");
        cr_assert_eq(desk_times_busy(d), 1);
}

DESK_TEST(calls, outgoing_call, 0) {
        send_invite(d->phone, d->room, "call1", 60000);
        send_answer(d->peer, d->room, "call1");
        send_select(d->phone, d->room, "call1", d->peer);
        desk_expect(d, PRESENCE_BUSY_WIRE, DESK_MESSAGE);
        desk_expect_claim(d, "held");
        send_hangup(d->phone, d->room, "call1", "user_hangup");
        expect_restored(d, "before");
        cr_assert_eq(desk_times_busy(d), 1);
}

DESK_TEST(calls, why_names_the_evidence_and_what_comes_back, 0) {
        json_t *why, *evidence, *restore;

        desk_call_in(d, "call1");
        desk_expect_claim(d, "held");
        why = desk_ask(d, "why");
        evidence = json_array_get(json_object_get(why, "evidence"), 0);
        restore = json_array_get(json_object_get(why, "restore"), 0);
        cr_assert_str_eq(json_string_value(json_object_get(evidence, "evidence")), "proof");
        cr_assert(json_is_true(json_object_get(evidence, "counts")));
        cr_assert_gt(json_integer_value(json_object_get(evidence, "since")), 0);
        cr_assert_not_null(strstr(json_string_value(json_object_get(restore, "restore")), "before"));
        cr_assert_null(strstr(json_string_value(json_object_get(evidence, "what")), "peer"),
                       "who the other party is, is nobody's business");
        json_decref(why);
        send_hangup(d->phone, d->room, "call1", "user_hangup");
        expect_restored(d, "before");
}

/* None of these makes busy; the real call after them shows that they had all been seen by then. */
DESK_TEST(calls, calls_that_i_am_not_in, 0) {
        char *group;

        send_invite(d->peer, d->room, "rejected", 60000);
        send_reject(d->phone, d->room, "rejected");

        send_invite(d->phone, d->room, "refused by them", 60000);
        send_reject(d->peer, d->room, "refused by them");

        send_invite(d->peer, d->room, "missed", 1);
        send_hangup(d->peer, d->room, "missed", "invite_timeout");

        send_invite(d->peer, d->room, "cancelled", 60000);
        send_hangup(d->peer, d->room, "cancelled", "user_hangup");

        /* Somebody else in the room took it. */
        group = room_new(d->peer, d->phone);
        room_join(d->peer, group, d->other);
        send_invite(d->peer, group, "taken", 60000);
        send_answer(d->other, group, "taken");
        send_select(d->peer, group, "taken", d->other);

        /* It rang until its lifetime was over, and nobody said a word. */
        send_invite(d->other, d->other_room, "never ended", 1);

        desk_call_in(d, "real");
        desk_expect(d, PRESENCE_BUSY_WIRE, DESK_MESSAGE);
        send_hangup(d->peer, d->room, "real", "user_hangup");
        expect_restored(d, "before");
        cr_assert_eq(desk_times_busy(d), 1);
        free(group);
}

DESK_TEST(calls, two_calls_in_two_rooms_are_one_busy, 0) {
        long log = synapse_log_end(d->synapse);

        desk_call_in(d, "first");
        desk_expect(d, PRESENCE_BUSY_WIRE, DESK_MESSAGE);
        send_invite(d->phone, d->other_room, "second", 60000);
        send_answer(d->other, d->other_room, "second");
        send_select(d->phone, d->other_room, "second", d->other);
        desk_expect_calls(d, 2);

        send_hangup(d->peer, d->room, "first", "user_hangup");
        desk_expect_calls(d, 1);
        desk_shows(d, PRESENCE_BUSY_WIRE, DESK_MESSAGE);

        send_hangup(d->other, d->other_room, "second", "user_hangup");
        expect_restored(d, "before");
        cr_assert_eq(desk_times_busy(d), 1);
        /* One to become busy, one to give it back. */
        cr_assert_eq(desk_writes(d, log), 2);
}

DESK_TEST(calls, a_message_i_change_during_the_call_is_kept, 0) {
        desk_call_in(d, "call1");
        desk_expect(d, PRESENCE_BUSY_WIRE, DESK_MESSAGE);
        desk_expect_claim(d, "held");
        device_presence_put(d->phone, "offline", "call me at noon");
        desk_expect_claim(d, "yielded");
        send_hangup(d->peer, d->room, "call1", "user_hangup");
        expect_restored(d, "call me at noon");
}
