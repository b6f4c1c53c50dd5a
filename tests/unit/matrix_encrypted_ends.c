/* A call in an encrypted room whose end cannot be read yet: it is not lost before what has begun the call is. The own
 * phone has answered, which was read; what bob says waits for the proof of his device. */
#include "unit/matrix_encrypted_stage.h"

static unsigned n_ended, n_events;

static void on_ended(void *userdata, const char *source, const char *id) {
        n_ended++;
}

static bool a_call_is_there(void *userdata, const char *room_id) {
        return kinds && kinds_has_room(kinds, room_id);
}

static void set_up_ends(void) {
        set_up();
        n_ended = n_events = 0;
        sink.end = on_ended;
        is_live_there = a_call_is_there;
        go(ENCRYPTED_CALLS_DM);
        claim(&phone);
}
TestSuite(matrix_encrypted_ends, .init = set_up_ends, .fini = tear_down);

static void says(struct sender *s, const char *type, const char *party_id) {
        char event_id[16];
        json_t *content = json_pack("{ss ss ss si s{ss ss}}", "call_id", "c1", "party_id", party_id, "version", "1",
                                    "lifetime", 60000, streq(type, "m.call.answer") ? "answer" : "offer", "type",
                                    streq(type, "m.call.answer") ? "answer" : "offer", "sdp", "v=0");

        (void) snprintf(event_id, sizeof(event_id), "$%u", n_events++);
        (void) said(
                s, ROOM, event_id,
                sender_room_encrypt(s, json_pack("{ss ss so}", "type", type, "room_id", ROOM, "content", content)));
}

static void commit(void) {
        const struct kind_time t = { .now = at.now, .wall = at.wall };

        (void) kinds_commit(kinds, &t);
}

static void bob_waits(void) {
        cr_assert_eq(come(json_pack("[o]", key_message_without_device(&bob))), 0);
        says(&bob, "m.call.invite", "THEIRS");
}

static void call_of_which_the_answer_is_known(void) {
        bob_waits();
        cr_assert_eq(come(key_for(&phone, ROOM)), 0);
        says(&phone, "m.call.answer", "PHONE");
        cr_assert_eq(n_reports, 1, "you answered");
}

static void expect_end(void) {
        (void) serve();
        cr_assert_gt(encrypted_apply_late(e, kinds, &at), 0);
        commit();
        cr_assert_eq(n_ended, 1);
        cr_assert_not(kinds_in_call(kinds));
}

Test(matrix_encrypted_ends, a_hangup_that_waits_outlasts_what_is_not_known_of_rooms) {
        call_of_which_the_answer_is_known();
        says(&bob, "m.call.hangup", "THEIRS");
        encrypted_torn(e, ROOM);
        encrypted_torn(e, NULL);
        cr_assert_eq(n_ended, 0);
        expect_end();
}

/* A room full of what cannot be read: the oldest of it goes. */
static void chats(struct sender *s, unsigned n) {
        for (unsigned i = 0; i < n; i++)
                says(s, "m.room.message", "");
}

Test(matrix_encrypted_ends, a_call_is_over_where_its_end_may_be_among_what_is_too_much_to_keep) {
        cr_assert_eq(come(json_pack("[o]", key_message_without_device(&bob))), 0);
        chats(&bob, LATE_PER_ROOM_MAX - 1);
        at.now += USEC_PER_SEC;
        at.wall += USEC_PER_SEC;
        cr_assert_eq(come(key_for(&phone, ROOM)), 0);
        says(&phone, "m.call.answer", "PHONE");
        cr_assert_eq(n_reports, 1, "you answered");
        says(&bob, "m.call.hangup", "THEIRS");
        chats(&bob, LATE_PER_ROOM_MAX - 1);
        cr_assert_eq(n_ended, 0, "what was said before it ends no call");
        chats(&bob, 1);
        cr_assert_eq(n_ended, 1);
}

/* Their server may have been away for a moment alone. */
Test(matrix_encrypted_ends, who_may_have_hung_up_is_asked_about_again_soon) {
        unsigned n;

        bob_s_server_is_away = true;
        call_of_which_the_answer_is_known();
        (void) serve();
        says(&bob, "m.call.hangup", "THEIRS");
        n = n_others_asked;
        at.now = serve();
        cr_assert_leq(at.now, USEC_PER_HOUR + 10 * USEC_PER_MIN);
        (void) serve();
        cr_assert_eq(n_others_asked, n + 1);
        bob_s_server_is_away = false;
        at.now = serve();
        expect_end();
        cr_assert_eq(n_others_asked, n + 2);
}

/* Whose devices have changed meanwhile, no answer says then. */
Test(matrix_encrypted_ends, after_a_lost_position_it_is_asked_anew_who_has_which_devices) {
        struct sender tablet;

        call_of_which_the_answer_is_known();
        (void) serve();
        sender_make(&tablet, BOB, "TABLET");
        put_user(BOB, "TABLET", json_incref(tablet.device_keys));
        claim(&tablet);
        encrypted_torn(e, NULL);
        cr_assert_eq(come(json_pack("[o]", key_message_without_device(&tablet))), 0);
        says(&tablet, "m.call.hangup", "THEIRS");
        expect_end();
        sender_done(&tablet);
}

/* ... time and again, and all else would be answered. */
Test(matrix_encrypted_ends, a_request_that_fails_does_not_keep_out_the_one_for_a_hangup) {
        at.now += USEC_PER_HOUR; /* new keys may be made */
        at.wall += USEC_PER_HOUR;
        call_of_which_the_answer_is_known();
        says(&bob, "m.call.hangup", "THEIRS");
        cr_assert_eq(come_with(NULL, 0), 0);
        for (int i = 0; i < 4; i++) {
                (void) encrypted_run(e, "offline", &at);
                if (asks_for("/keys/query"))
                        break;
                cr_assert(asks_for("/keys/upload"));
                door_answer(429, "{\"errcode\":\"M_LIMIT_EXCEEDED\"}", at.now);
                at.now = encrypted_run(e, NULL, &at);
        }
        cr_assert(asks_for("/keys/query"));
        expect_end();
}

Test(matrix_encrypted_ends, who_has_said_nothing_in_a_call_is_not) {
        const usec_t asked_at = at.now;

        bob_s_server_is_away = true;
        bob_waits();
        cr_assert_eq(serve(), asked_at + USEC_PER_HOUR);
}

Test(matrix_encrypted_ends, a_hangup_waits_for_as_long_as_the_call) {
        call_of_which_the_answer_is_known();
        says(&bob, "m.call.hangup", "THEIRS");
        bob_s_server_is_away = true;
        (void) serve();
        at.now += LATE_KEPT_USEC;
        at.wall += LATE_KEPT_USEC;
        cr_assert_gt(encrypted_run(e, "offline", &at), at.now, "nothing runs for that");
        (void) serve();
        at.now += LATE_KEPT_USEC;
        at.wall += LATE_KEPT_USEC;
        bob_s_server_is_away = false;
        expect_end();
}

Test(matrix_encrypted_ends, what_would_begin_a_call_does_not) {
        bob_waits();
        encrypted_torn(e, ROOM);
        (void) serve();
        cr_assert_eq(encrypted_apply_late(e, kinds, &at), 0);
        commit();
        cr_assert_eq(n_reports, 0);
}

Test(matrix_encrypted_ends, but_it_does_where_it_was_read_again) {
        json_t *content;

        cr_assert_eq(come(json_pack("[o]", key_message_without_device(&bob))), 0);
        content = rings(&bob, ROOM);
        cr_assert_eq(said(&bob, ROOM, "$1", json_incref(content)), 0);
        encrypted_torn(e, ROOM);
        cr_assert_eq(said(&bob, ROOM, "$1", content), 0);
        (void) serve();
        cr_assert_gt(encrypted_apply_late(e, kinds, &at), 0);
        commit();
        cr_assert_eq(n_reports, 1);
}
