/* An account beside the user's other clients and machines, and the words that it shows. */
#include "unit/matrix_account_stage.h"

/* ---- other clients (A4, A5, B10) ---- */

Test(matrix_account, nobody_else_is_there_and_nobody_ever_was) {
        struct world *w = world_online(NULL);

        call(w, true);
        cr_assert_str_eq(shown(w), HS_BUSY);
        pass(w, USEC_PER_MIN);
        call(w, false);
        pass(w, USEC_PER_MIN);
        cr_assert_str_eq(shown(w), "offline");
        expect_nothing_owed(w);
}

Test(matrix_account, a_call_right_after_the_start_is_careful) {
        struct world *w = world_new(NULL);

        model_client_polls(w->http.model, PHONE, "online", msec(&w->http));
        start(w);
        expect_online(w);
        for (int i = 0; i < 12; i++) {
                call(w, true);
                cr_assert_str_eq(shown(w), "online");
                cr_assert_str_eq(message(w), "In a call");
                pass(w, 20 * USEC_PER_SEC);
                call(w, false);
                pass(w, 20 * USEC_PER_SEC);
        }
        cr_assert_eq(w->times_busy, 0);
        cr_assert_str_eq(message(w), "");
        expect_nothing_owed(w);
}

Test(matrix_account, busy_as_soon_as_nobody_else_is_there) {
        struct world *w = world_new(NULL);

        model_client_polls(w->http.model, PHONE, "online", msec(&w->http));
        start(w);
        pass(w, 5 * USEC_PER_MIN);
        call(w, true);
        pass(w, USEC_PER_MIN);
        cr_assert_str_eq(shown(w), "online");
        cr_assert(strstr(report(w).note, "only the message"), "%s", report(w).note);
        model_client_polls(w->http.model, PHONE, NULL, msec(&w->http));
        pass(w, 80 * USEC_PER_SEC);
        cr_assert_neq(w->times_busy, 1, "too early");
        pass(w, USEC_PER_MIN);
        cr_assert_str_eq(shown(w), HS_BUSY);
        cr_assert_str_eq(message(w), "In a call");
        cr_assert_str_eq(report(w).claim, "held");
        cr_assert_str_eq(report(w).note, "");
        call(w, false);
        pass(w, USEC_PER_MIN);
        cr_assert_str_eq(shown(w), "offline");
        cr_assert_str_eq(message(w), "");
        expect_nothing_owed(w);
}

/* Whatever else a server has to do in that moment delays what others are told. */
Test(matrix_account, nothing_is_asked_beside_the_write_that_others_see) {
        struct world *w = world_online(NULL);
        size_t mark;

        pass(w, 2 * USEC_PER_MIN);
        w->situation.likely = true;
        (void) turn(w);
        pass(w, USEC_PER_SEC);
        mark = w->http.n_log;
        w->situation.likely = false;
        call(w, true);
        cr_expect(strstr(w->http.log[mark].what, "PUT /_matrix/client/v3/presence/"), "nothing goes before it: %s",
                  w->http.log[mark].what);
        pass(w, USEC_PER_SEC);
        cr_expect_eq(asked(w, 0, "PUT /_matrix/client/v3/profile/"), 1);
        call(w, false);
        pass(w, USEC_PER_MIN);
        cr_expect_eq(w->http.n_beside, 0);
        expect_nothing_owed(w);
}

/* ... but not for long, whatever becomes of it. */
Test(matrix_account, a_write_that_is_not_answered_holds_up_the_others_for_a_moment_only) {
        struct world *w = world_online(NULL);

        pass(w, 2 * USEC_PER_MIN);
        w->http.fault = (struct fault){ "PUT", "/status", 0, NULL, 1, false };
        call(w, true);
        pass(w, USEC_PER_SEC);
        cr_expect_eq(asked(w, 0, "PUT /_matrix/client/v3/presence/"), 1);
        cr_expect_eq(asked(w, 0, "PUT /_matrix/client/v3/profile/"), 1);
}

/* ---- other machines ---- */

#define OLD "BUSYDOLD"

/* An earlier session, or another machine, is on a call as far as it has told. */
static void tell_of(struct world *w, const char *device, const char *state, const char *live_or_done) {
        int64_t told = msec(&w->http) + (int64_t) (WALL / USEC_PER_MSEC);
        char type[64];

        (void) snprintf(type, sizeof(type), "org.busyd.claim.%s", device);
        model_set_account_data(w->http.model, type,
                               json_pack("{si s{s{s{ss ss} s[{ss ss}] sb sb si sb}} sI sI}", "version", 1, "claims",
                                         "presence", "prior", "state", "offline", "text", "", "ours", "state", state,
                                         "text", "In a call", "state_claimed", 1, "text_claimed", 1, "order", 1,
                                         live_or_done, 1, "told", (json_int_t) told, "expires",
                                         (json_int_t) (told + 7200000)));
}

static void tell_of_a_call(struct world *w, const char *device, const char *state) {
        tell_of(w, device, state, "live");
}

static struct world *world_with_a_call_elsewhere(void) {
        struct world *w = world_new(&(struct hs_options){ .busy_off = true });

        (void) model_login(w->http.model, OLD);
        tell_of_a_call(w, OLD, "unavailable");
        start(w);
        expect_online(w);
        return w;
}

/* One that was logged out while the server took no account data goes on as far as it has told. */
Test(matrix_account, a_machine_that_has_logged_out_is_not_waited_for) {
        struct world *w = world_with_a_call_elsewhere();

        model_revoke(w->http.model, OLD, false);
        call(w, true);
        pass(w, USEC_PER_MIN);
        cr_assert_eq(asked(w, 0, "/devices"), 0, "nothing is waited for");
        call(w, false);
        pass(w, 20 * USEC_PER_SEC);
        cr_assert_str_eq(message(w), "");
        cr_assert_eq(asked(w, 0, "/devices"), 1);
        expect_nothing_owed(w);
}

Test(matrix_account, a_machine_that_is_still_there_is_waited_for_and_asked_about_now_and_then) {
        struct world *w = world_with_a_call_elsewhere();

        call(w, true);
        pass(w, USEC_PER_MIN);
        call(w, false);
        pass(w, 20 * USEC_PER_SEC);
        cr_assert_str_eq(message(w), "In a call");
        cr_assert_eq(asked(w, 0, "/devices"), 1);
        pass(w, USEC_PER_HOUR / 2);
        cr_assert_leq(asked(w, 0, "/devices"), 4);
        cr_assert_str_eq(message(w), "In a call");
        model_revoke(w->http.model, OLD, false);
        pass(w, 21 * USEC_PER_MIN);
        cr_assert_str_eq(message(w), "");
        expect_nothing_owed(w);
}

Test(matrix_account, who_is_still_there_is_asked_again_where_it_failed) {
        struct world *w = world_with_a_call_elsewhere();

        model_revoke(w->http.model, OLD, false);
        call(w, true);
        pass(w, USEC_PER_MIN);
        w->http.fault = (struct fault){ "GET", "/devices", 502, "{\"errcode\":\"M_UNKNOWN\"}", 2, false };
        call(w, false);
        pass(w, 30 * USEC_PER_SEC);
        cr_assert_str_eq(message(w), "");
        cr_assert_eq(asked(w, 0, "/devices"), 3);
        expect_nothing_owed(w);
}

/* Who logs out while nothing is heard may be the last one. */
Test(matrix_account, what_another_machine_goes_on_with_is_left_to_it_as_long_as_it_is_heard) {
        struct world *w = world_online(&(struct hs_options){ .kind = HS_DENDRITE });

        call(w, true);
        pass(w, 10 * USEC_PER_SEC);
        (void) model_login(w->http.model, OLD);
        tell_of_a_call(w, OLD, "busy");
        pass(w, 10 * USEC_PER_SEC);
        call(w, false);
        pass(w, 10 * USEC_PER_SEC);
        cr_assert(account_owes(w->account));
        cr_assert_not(account_owes_itself(w->account), "the other one puts it back");
        w->http.fault = (struct fault){ "GET", "/sync", 429, "{\"errcode\":\"M_LIMIT_EXCEEDED\"}", UINT_MAX, false };
        pass(w, 11 * USEC_PER_MIN);
        cr_assert_neq(account_state(w->account), CONNECTION_ONLINE);
        cr_assert(account_owes_itself(w->account), "as far as is known");
        w->http.fault.times = 0;
        pass(w, 11 * USEC_PER_MIN);
        cr_assert_eq(account_state(w->account), CONNECTION_ONLINE);
        cr_assert_not(account_owes_itself(w->account));
}

/* On a call that another machine is on as well, or was. The poll is over then, and what follows dies in silence. */
static struct world *world_that_goes_unheard(const char *live_or_done) {
        struct world *w = world_with_a_call_elsewhere();

        call(w, true);
        pass(w, USEC_PER_MIN);
        w->http.fault = (struct fault){ "GET", "/sync", 0, NULL, UINT_MAX, false };
        tell_of(w, OLD, "unavailable", live_or_done);
        pass(w, 10 * USEC_PER_SEC);
        w->situation.goes = true;
        call(w, false);
        pass(w, 10 * USEC_PER_SEC);
        return w;
}

/* Two that end at the same moment would each leave it to the other. Whichever tells of that later hears of the other
 * one before its own word comes back. */
Test(matrix_account, what_is_left_to_another_machine_may_be_left_to_us_until_our_word_is_back) {
        for (unsigned ends = 0; ends < 2; ends++) {
                struct world *w = world_that_goes_unheard("live");

                cr_assert_str_eq(report(w).claim, "shared");
                cr_assert_not(account_is_at_rest(w->account), "it may be about to end as well");
                tell_of(w, OLD, "unavailable", ends ? "done" : "live");
                w->http.fault.times = 0;
                account_wake(w->account, /* gap= */ false);
                pass(w, 20 * USEC_PER_SEC);
                cr_assert(account_is_at_rest(w->account));
                cr_assert_str_eq(message(w), ends ? "" : "In a call");
        }
}

Test(matrix_account, where_nothing_is_left_to_another_machine_our_word_need_not_come_back) {
        struct world *w = world_that_goes_unheard("done");

        expect_nothing_owed(w);
        cr_assert(account_is_at_rest(w->account));
        cr_assert_str_eq(message(w), "");
}

Test(matrix_account, whoever_came_during_a_sleep_is_there) {
        struct world *w = world_new(NULL);

        start(w);
        pass(w, 10 * USEC_PER_MIN);
        w->http.now += USEC_PER_HOUR;
        model_client_polls(w->http.model, PHONE, "online", msec(&w->http));
        account_wake(w->account, true);
        call(w, true);
        pass(w, 10 * USEC_PER_SEC);
        cr_assert_eq(w->times_busy, 0);
        cr_assert_str_eq(message(w), "In a call");
}

/* Where each device has words of its own, those of ours would come back with each poll. */
Test(matrix_account, words_that_were_put_back_give_way_to_newer_ones) {
        const struct hs_options options = { .kind = HS_TUWUNEL };
        struct world *w = world_online(&options);

        model_person_sets(w->http.model, PHONE, "online", "Lunch", msec(&w->http));
        pass(w, 45 * USEC_PER_MIN);
        call(w, true);
        pass(w, USEC_PER_MIN);
        cr_assert_str_eq(message(w), "In a call");
        call(w, false);
        pass(w, USEC_PER_MIN);
        cr_assert_str_eq(message(w), "Lunch");
        model_person_sets(w->http.model, PHONE, "online", "In the garden", msec(&w->http));
        pass(w, 25 * USEC_PER_MIN);
        cr_assert_str_eq(message(w), "In the garden");
        pass(w, USEC_PER_HOUR);
        cr_assert_str_eq(message(w), "In the garden");
        expect_nothing_owed(w);
}

Test(matrix_account, also_once_presence_is_switched_off) {
        const struct hs_options options = { .kind = HS_TUWUNEL };
        struct world *w = world_online(&options);
        struct account_settings settings = w->settings;

        model_person_sets(w->http.model, PHONE, "online", "Lunch", msec(&w->http));
        pass(w, 45 * USEC_PER_MIN);
        call(w, true);
        pass(w, USEC_PER_MIN);
        settings.presence = PRESENCE_OFF;
        cr_assert_eq(account_set_settings(w->account, &settings, w->http.now), 0);
        pass(w, USEC_PER_MIN);
        cr_assert_str_eq(message(w), "Lunch");
        model_person_sets(w->http.model, PHONE, "online", "In the garden", msec(&w->http));
        pass(w, USEC_PER_HOUR);
        cr_assert_str_eq(message(w), "In the garden");
        call(w, false);
        pass(w, USEC_PER_MIN);
        expect_nothing_owed(w);
}

/* What a person said in the call shows, and no device has it any more: it must not go with ours. */
Test(matrix_account, words_that_a_restarted_server_only_shows_stay) {
        const struct hs_options options = { .kind = HS_TUWUNEL };
        struct world *w = world_online(&options);

        call(w, true);
        pass(w, USEC_PER_MIN);
        model_person_sets(w->http.model, PHONE, "offline", "Lunch", msec(&w->http));
        model_restart(w->http.model, msec(&w->http));
        pass(w, 10 * USEC_PER_MIN);
        cr_assert_str_eq(message(w), "Lunch");
        call(w, false);
        pass(w, USEC_PER_MIN);
        cr_assert_str_eq(message(w), "Lunch");
        expect_nothing_owed(w);
}

Test(matrix_account, words_that_an_earlier_run_has_left_give_way_to_newer_ones) {
        const struct hs_options options = { .kind = HS_TUWUNEL };
        struct world *w = world_new(&options);

        (void) snprintf(w->learned.words, sizeof(w->learned.words), "Lunch");
        model_person_sets(w->http.model, SELF, "offline", "Lunch", msec(&w->http));
        model_person_sets(w->http.model, PHONE, "online", "In the garden", msec(&w->http));
        start(w);
        expect_online(w);
        pass(w, 25 * USEC_PER_MIN);
        cr_assert_str_eq(message(w), "In the garden");
        cr_assert_str_empty(w->learned.words, "\"%s\"", w->learned.words);
        expect_nothing_owed(w);
}

Test(matrix_account, back_to_back_calls_are_busy_each_time) {
        struct world *w = world_online(NULL);

        for (unsigned i = 1; i <= 6; i++) {
                call(w, true);
                cr_assert_str_eq(shown(w), HS_BUSY, "call %u", i);
                pass(w, (i + 30) * USEC_PER_SEC);
                call(w, false);
                pass(w, (3 * i + 30) * USEC_PER_SEC);
                cr_assert_str_eq(shown(w), "offline", "after call %u", i);
        }
        expect_nothing_owed(w);
}

/* ---- the words of the moment (B4) ---- */

Test(matrix_account, words_by_hand_and_from_the_settings_are_followed) {
        struct world *w = world_new(NULL);
        struct account_settings settings = w->settings;

        model_person_sets(w->http.model, PHONE, "offline", "Lunch", msec(&w->http));
        start(w);
        expect_online(w);
        w->situation.message = "At the dentist";
        call(w, true);
        pass(w, 20 * USEC_PER_SEC);
        cr_assert_str_eq(message(w), "At the dentist");
        w->situation.message = NULL;
        pass(w, USEC_PER_SEC);
        cr_assert_str_eq(message(w), "In a call");
        settings.message = "Talking";
        cr_assert_eq(account_set_settings(w->account, &settings, w->http.now), 0);
        pass(w, USEC_PER_SEC);
        cr_assert_str_eq(message(w), "Talking");
        settings.message = "";
        cr_assert_eq(account_set_settings(w->account, &settings, w->http.now), 0);
        pass(w, USEC_PER_MIN);
        cr_assert_str_eq(message(w), "");
        cr_assert_str_eq(shown(w), HS_BUSY);
        call(w, false);
        pass(w, USEC_PER_MIN);
        cr_assert_str_eq(message(w), "Lunch");
        expect_nothing_owed(w);
}

/* Whatever becomes of words that come up only within the call: busy is given back. */
Test(matrix_account, words_that_come_up_within_a_call_leave_nothing_behind) {
        struct world *w = world_new(&(struct hs_options){ .kind = HS_SYNAPSE_OLD });
        struct account_settings settings = w->settings;

        w->settings.message = "";
        start(w);
        expect_online(w);
        call(w, true);
        pass(w, USEC_PER_MIN);
        cr_assert_str_eq(shown(w), HS_BUSY);
        settings.message = "Talking";
        cr_assert_eq(account_set_settings(w->account, &settings, w->http.now), 0);
        pass(w, USEC_PER_MIN);
        cr_assert_str_eq(report(w).claim, "held");
        call(w, false);
        pass(w, USEC_PER_MIN);
        cr_assert_str_eq(shown(w), "offline");
        cr_assert_str_eq(message(w), "");
        expect_nothing_owed(w);
}
