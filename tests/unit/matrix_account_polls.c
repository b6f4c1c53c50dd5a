/* What an account learns by its polls, and in which order it asks and writes. */
#include "unit/matrix_account_stage.h"

/* The phone is in a call of a room. */
static void phone_joins(struct world *w, const char *room) {
        json_t *content = json_pack("{s:s,s:s,s:s,s:i}", "application", "m.call", "call_id", "", "device_id", PHONE,
                                    "expires", 14400000);

        model_send(w->http.model, room,
                   json_pack("{s:s,s:s,s:s,s:o}", "type", "org.matrix.msc3401.call.member", "sender", HS_USER,
                             "state_key", "_" HS_USER "_" PHONE, "content", content),
                   msec(&w->http));
}

/* The turn in which a call becomes known: its answer has ended the poll, so that the next one is due. */
static void report_is_busy(void *userdata, const struct call_report *r) {
        struct world *w = userdata;

        on_report(userdata, r);
        w->situation.busy = true;
        w->situation.likely = false;
}

/* Whether what is written for a call that rang comes after the poll that begins with it. */
static void expect_poll_first(struct world *w) {
        size_t mark, polled = 0, written = 0;

        w->situation.likely = true;
        pass(w, USEC_PER_SEC);
        cr_assert_neq(w->owed_on[0][0], (char) 0, "nothing is on disk ahead");
        w->sink.report = report_is_busy;
        mark = w->http.n_log;
        phone_joins(w, "!room:test");
        pass(w, USEC_PER_SEC);
        for (size_t i = mark; i < w->http.n_log; i++) {
                if (!polled && strstr(w->http.log[i].what, "/sync"))
                        polled = i;
                if (!written && strstr(w->http.log[i].what, "/status {"))
                        written = i;
        }
        cr_assert(polled > 0 && written > polled, "written before it");
        cr_assert_eq(w->http.log[written].at, w->http.log[polled].at, "not in the turn in which it begins");
        cr_assert_str_eq(shown(w), "busy");
}

Test(matrix_account_polls, a_call_that_rang_is_written_after_the_poll_that_would_take_it_away) {
        struct world *w = world_online(&(struct hs_options){ .kind = HS_TUWUNEL });

        expect_poll_first(w);
}

/* Words that an earlier call has left are looked at before that poll. */
Test(matrix_account_polls, also_where_words_are_looked_at_before_that_poll) {
        struct world *w = world_online(&(struct hs_options){ .kind = HS_TUWUNEL });

        model_person_sets(w->http.model, PHONE, "online", "Lunch", msec(&w->http));
        pass(w, 45 * USEC_PER_MIN);
        call(w, true);
        pass(w, USEC_PER_MIN);
        call(w, false);
        pass(w, 5 * USEC_PER_MIN);
        expect_poll_first(w);
}

/* It was seen before a poll that would bring ours up: that waits until it was read, too. */
Test(matrix_account_polls, words_of_a_person_in_a_call_are_read_before_a_poll_hides_them) {
        const struct hs_options options = { .kind = HS_TUWUNEL };
        struct world *w = world_online(&options);

        call(w, true);
        phone_joins(w, "!room:test");
        pass(w, 5 * USEC_PER_MIN);
        model_person_sets(w->http.model, PHONE, "offline", "In the garden", msec(&w->http));
        phone_joins(w, "!room:test");
        pass(w, 10 * USEC_PER_SEC);
        cr_assert_str_eq(message(w), "In the garden");
        call(w, false);
        pass(w, USEC_PER_MIN);
        cr_assert_str_eq(message(w), "In the garden");
        expect_nothing_owed(w);
}

/* The claim of a call that was there at the start has waited for the first poll: from then on neither waits for the
 * other for long. */
Test(matrix_account_polls, words_of_a_person_in_a_call_that_was_there_at_the_start_keep_no_poll_waiting) {
        struct world *w = world_new(&(struct hs_options){ .kind = HS_TUWUNEL });
        bool polled = false;
        size_t mark;

        start(w);
        call(w, true);
        expect_online(w);
        phone_joins(w, "!room:test");
        pass(w, 5 * USEC_PER_MIN);
        cr_assert_str_eq(shown(w), "busy");
        model_person_sets(w->http.model, PHONE, "offline", "In the garden", msec(&w->http));
        mark = w->http.n_log;
        phone_joins(w, "!room:test");
        pass(w, 10 * USEC_PER_SEC);
        for (size_t i = mark; i < w->http.n_log; i++)
                polled = polled || strstr(w->http.log[i].what, "/sync");
        cr_assert(polled, "nothing is heard any more");
        cr_assert_str_eq(message(w), "In the garden");
        call(w, false);
        pass(w, USEC_PER_MIN);
        expect_nothing_owed(w);
}

Test(matrix_account_polls, a_poll_that_does_not_begin_keeps_no_call_waiting) {
        struct world *w = world_online(&(struct hs_options){ .kind = HS_TUWUNEL });
        usec_t at;

        w->situation.likely = true;
        pass(w, USEC_PER_SEC);
        w->sink.report = report_is_busy;
        w->http.fault = (struct fault){ "POST", "/filter", 0, NULL, 1, false };
        at = w->http.now;
        phone_joins(w, "!room:test");
        pass(w, 3 * USEC_PER_SEC);
        cr_assert_eq(w->http.fault.times, 0, "no filter is told to the server before that poll");
        cr_assert_str_eq(shown(w), "busy");
        for (size_t i = 0; i < w->http.n_log; i++)
                if (w->http.log[i].at >= at && strstr(w->http.log[i].what, "/status {")) {
                        cr_assert_geq(w->http.log[i].at - at, 2 * USEC_PER_SEC);
                        return;
                }
        cr_assert_fail("nothing is written");
}

Test(matrix_account_polls, where_presence_is_switched_off_ringing_asks_for_none) {
        struct world *w = world_online(&(struct hs_options){ .kind = HS_TUWUNEL, .presence_off = true });
        size_t mark;

        mark = w->http.n_log;
        w->situation.likely = true;
        pass(w, USEC_PER_MIN);
        cr_assert_eq(asked(w, mark, "/status"), 0);
        call(w, true);
        pass(w, USEC_PER_MIN);
        call(w, false);
        pass(w, USEC_PER_MIN);
        cr_assert_eq(asked(w, mark, "/status"), 1, "the call alone has asked");
        w->situation.likely = false;
        pass(w, USEC_PER_MIN);
        expect_nothing_owed(w);
}

/* A call has begun. What happens from here on is not told: the server is away. */
static void lose_server_in_a_call(struct world *w) {
        pass(w, 10 * USEC_PER_SEC);
        cr_assert(w->n_calls_begun > 0 && w->n_calls_ended == 0);
        fail_polls(w, 2);
        account_wake(w->account, false);
        (void) turn(w);
        cr_assert_neq(account_state(w->account), CONNECTION_ONLINE);
}

static void expect_call_over_within(struct world *w, usec_t span) {
        pass(w, span);
        cr_assert_eq(account_state(w->account), CONNECTION_ONLINE);
        cr_assert_eq(w->n_calls_ended, 1);
}

Test(matrix_account_polls, a_call_that_a_whole_state_does_not_have_is_over) {
        struct world *w = world_online(NULL);

        phone_joins(w, "!room:test");
        lose_server_in_a_call(w);
        model_leave(w->http.model, "!room:test", msec(&w->http));
        model_restart(w->http.model, msec(&w->http)); /* the position is lost */
        expect_call_over_within(w, 20 * USEC_PER_SEC);
}

/* Whether the slot of a group call is closed only others say, whom a whole state leaves out. A server that minds a
 * word that is not in the spec minds it there as well. */
Test(matrix_account_polls, a_look_says_no_word_that_was_refused) {
        static const char joined[] =
                "{\"next_batch\":\"s0_0\",\"rooms\":{\"join\":{\"!room:test\":{\"msc4354_sticky\":{\"events\":[{"
                "\"type\":\"org.matrix.msc4143.rtc.member\",\"sender\":\"" HS_USER "\",\"event_id\":\"$1\","
                "\"origin_server_ts\":1700001000000,\"msc4354_sticky\":{\"duration_ms\":3600000},"
                "\"content\":{\"slot_id\":\"m.call#ROOM\",\"msc4354_sticky_key\":\"k\","
                "\"application\":{\"type\":\"m.call\"}}}]}}}}}";
        struct world *w = world_new(&(struct hs_options){ .kind = HS_UNKNOWN });

        w->http.fault = (struct fault){ "GET", "set_presence=offline", 200, joined, 1, false };
        start(w);
        expect_online(w);
        cr_assert_eq(w->http.fault.times, 0);
        cr_assert_eq(asked(w, 0, "%22rooms%22%3A%5B%22%21room%3Atest"), 1, "it has looked");
        cr_assert_eq(asked(w, 0, "set_presence=none"), 1, "it is said once");
        cr_assert(w->n_calls_begun > 0 && w->n_calls_ended == 0);
}

static void call_says(struct world *w, const char *type, const char *sender, json_t *content) {
        (void) json_object_set_new(content, "call_id", json_string("c1"));
        (void) json_object_set_new(content, "version", json_string("1"));
        (void) json_object_set_new(content, "party_id", json_string(streq(sender, HS_USER) ? PHONE : "THEIRS"));
        model_send(w->http.model, "!room:test",
                   json_pack("{s:s,s:s,s:o}", "type", type, "sender", sender, "content", content), msec(&w->http));
}

/* The hangup is among what the server does not tell: what it told before is no word of now. */
Test(matrix_account_polls, a_call_in_a_room_that_cannot_be_read_back_is_over) {
        struct world *w = world_online(NULL);

        call_says(w, "m.call.invite", "@you:test", json_pack("{s:i}", "lifetime", 90000));
        call_says(w, "m.call.answer", HS_USER, json_object());
        lose_server_in_a_call(w);
        call_says(w, "m.call.hangup", "@you:test", json_object());
        model_restart(w->http.model, msec(&w->http)); /* the position is lost */
        w->http.fault = (struct fault){ "GET", "/messages", 502, "<html>Bad gateway</html>", 1000, false };
        expect_call_over_within(w, 30 * USEC_PER_SEC);
        cr_assert(w->http.fault.times < 1000, "nothing was read back");
}

/* The answer to the next poll says so. */
static void sign_out(struct world *w) {
        model_revoke(w->http.model, SELF, false);
        model_person_sets(w->http.model, PHONE, "online", "x", msec(&w->http));
        pass(w, 20 * USEC_PER_SEC);
        cr_assert_eq(account_state(w->account), CONNECTION_SIGNED_OUT);
}

/* What goes on there can only be told by a session that works. */
Test(matrix_account_polls, and_while_a_call_goes_on_there) {
        struct world *w = world_online(NULL);

        w->situation.n_calls = 1;
        sign_out(w);
        model_unrevoke(w->http.model, SELF);
        pass(w, 2 * USEC_PER_MIN);
        cr_assert_eq(account_state(w->account), CONNECTION_ONLINE);
}

Test(matrix_account_polls, without_anything_owed_it_is_left_alone) {
        struct world *w = world_online(NULL);
        size_t mark;

        sign_out(w);
        cr_assert_eq(account_retry_at(w->account), USEC_NEVER);
        mark = w->http.n_log;
        pass(w, 5 * USEC_PER_HOUR);
        cr_assert_eq(w->http.n_log, mark);
}
