/* The presence output alone, where each device has a message of its own. */
#include <criterion/criterion.h>
#include <errno.h>
#include <stdio.h>

#include "matrix_presence_stage.h"

TestSuite(presence_words, .init = setup, .fini = teardown);

/* Our first poll would bring up what an earlier run has put back. */
Test(presence_words, words_of_an_earlier_run_give_way_before_the_first_poll) {
        start_with_words("Lunch");
        cr_assert(output_presence.awaited(f.output, START));
        door_answer(200, "{\"presence\":\"online\",\"status_msg\":\"Gone\"}", START);
        cr_assert(strstr(door_waiting()->body, "\"status_msg\":\"\""), "%s", door_waiting()->body);
        cr_assert(output_presence.awaited(f.output, START));
        door_answer(200, "{}", START);
        cr_assert_str_empty(own_words());
        door_answer(200, "{\"presence\":\"online\"}", START);
        cr_assert(strstr(door_waiting()->body, "Gone"), "%s", door_waiting()->body);
        cr_assert_str_eq(own_words(), "Gone", "from the moment they are sent");
        door_answer(200, "{}", START);
        cr_assert_not(output_presence.awaited(f.output, START));
        cr_assert_str_eq(own_words(), "Gone");
}

/* The poll goes on all the same, and from then on ours show again. */
Test(presence_words, words_that_could_not_be_taken_away_give_way_later) {
        start_with_words("Lunch");
        for (unsigned i = 0; i < 2; i++) {
                cr_assert(output_presence.awaited(f.output, START));
                door_answer(200,
                            i == 0 ? "{\"presence\":\"online\",\"status_msg\":\"Gone\"}"
                                   : "{\"presence\":\"online\",\"status_msg\":\"Lunch\"}",
                            START);
                cr_assert(door_waiting() && strstr(door_waiting()->body, "\"status_msg\":\"\""), "%u", i);
                door_answer(i == 0 ? 502 : 200, "{}", START);
                cr_assert_eq(output_presence.awaited(f.output, START), i == 1);
        }
        door_answer(200, "{\"presence\":\"online\"}", START);
        cr_assert(strstr(door_waiting()->body, "Gone"), "%s", door_waiting()->body);
        door_answer(200, "{}", START);
        cr_assert_not(output_presence.awaited(f.output, START));
        cr_assert(output_presence.awaited(f.output, START));
        door_answer(200, "{\"presence\":\"online\",\"status_msg\":\"Gone\"}", START);
        cr_assert_null(door_waiting(), "once");
}

/* The answer alone was lost, and a server that was started again had those that showed on no device: they went with
 * ours. */
Test(presence_words, words_that_went_with_ours_come_back) {
        start_with_words("Lunch");
        cr_assert(output_presence.awaited(f.output, START));
        door_answer(200, "{\"presence\":\"online\",\"status_msg\":\"Gone\"}", START);
        door_answer(502, "{}", START);
        cr_assert(output_presence.awaited(f.output, START) || output_presence.awaited(f.output, START));
        door_answer(200, "{\"presence\":\"offline\"}", START);
        cr_assert(strstr(door_waiting()->body, "\"status_msg\":\"\""), "%s", door_waiting()->body);
        door_answer(200, "{}", START);
        door_answer(200, "{\"presence\":\"offline\"}", START);
        cr_assert(strstr(door_waiting()->body, "Gone"), "%s", door_waiting()->body);
        door_answer(200, "{}", START);
        cr_assert_str_eq(own_words(), "Gone");
}

/* ... also where the look after it fails: but not once somebody's show, or another machine of the user has words
 * there, which puts back what it finds. */
Test(presence_words, words_that_went_with_ours_are_not_forgotten_for_a_look_that_fails) {
        for (unsigned i = 0; i < 3; i++) {
                start_with_words("Lunch");
                cr_assert(output_presence.awaited(f.output, START));
                door_answer(200, "{\"presence\":\"online\",\"status_msg\":\"Gone\"}", START);
                door_answer(200, "{}", START);
                door_answer(502, "{}", START);
                cr_assert_str_empty(own_words());
                cr_assert(output_presence.awaited(f.output, START) || output_presence.awaited(f.output, START));
                output_presence.machines(f.output, i == 2, i == 2, START);
                door_answer(200,
                            i == 1 ? "{\"presence\":\"online\",\"status_msg\":\"Back\"}"
                                   : "{\"presence\":\"offline\"}",
                            START);
                if (i == 0) {
                        door_answer(200, "{}", START);
                        door_answer(200, "{\"presence\":\"offline\"}", START);
                        cr_assert(strstr(door_waiting()->body, "Gone"), "%s", door_waiting()->body);
                }
                while (door_waiting())
                        door_answer(200, "{}", START);
                cr_assert_str_eq(own_words(), i == 0 ? "Gone" : "");
                cr_assert_not(output_presence.awaited(f.output, START));
        }
}

Test(presence_words, words_that_show_once_ours_are_away_are_left_to_whoever_has_them) {
        start_with_words("Lunch");
        cr_assert(output_presence.awaited(f.output, START));
        door_answer(200, "{\"presence\":\"online\",\"status_msg\":\"Gone\"}", START);
        door_answer(200, "{}", START);
        door_answer(200, "{\"presence\":\"online\",\"status_msg\":\"Gone\"}", START);
        cr_assert_null(door_waiting());
        cr_assert_not(output_presence.awaited(f.output, START));
        cr_assert_not(output_presence.awaited(f.output, START), "nothing of ours is in the way");
}

/* A poll would bring ours up before what a person has said. */
Test(presence_words, a_look_that_fails_is_tried_again_before_the_poll) {
        usec_t now = START;

        start_with_words("Lunch");
        for (unsigned i = 0; i < 4; i++) {
                cr_assert(output_presence.awaited(f.output, now));
                cr_assert_eq(output_presence.awaited_until(f.output), USEC_NEVER);
                door_answer(i % 2 ? 0 : 502, "", now);
                cr_assert(output_presence.awaited(f.output, now), "the poll begins");
                cr_assert_null(door_waiting(), "at once");
                cr_assert_eq(output_presence.awaited_until(f.output), now + (2 << i) * USEC_PER_SEC);
                now += (2 << i) * USEC_PER_SEC;
        }
        cr_assert(output_presence.awaited(f.output, now));
        door_answer(200, "{\"presence\":\"online\",\"status_msg\":\"Lunch\"}", now);
        cr_assert_not(output_presence.awaited(f.output, now));
        cr_assert_eq(output_presence.awaited_until(f.output), USEC_NEVER);
        cr_assert(output_presence.awaited(f.output, now));
        door_answer(502, "", now);
        cr_assert_eq((output_presence.awaited(f.output, now), output_presence.awaited_until(f.output)),
                     now + 2 * USEC_PER_SEC, "it begins anew");
}

/* Calls are to be heard of all the same. */
Test(presence_words, a_poll_does_not_wait_for_ever_for_looks_that_fail) {
        usec_t now = START;

        start_with_words("Lunch");
        while (output_presence.awaited(f.output, now)) {
                if (door_waiting())
                        door_answer(502, "", now);
                cr_assert(output_presence.awaited(f.output, now) && !door_waiting());
                now = output_presence.awaited_until(f.output);
                cr_assert_leq(now, START + 6 * USEC_PER_MIN);
        }
        cr_assert_geq(now, START + 5 * USEC_PER_MIN);
        /* The next one looks once, until that has not failed. */
        now += 10 * USEC_PER_MIN;
        cr_assert(output_presence.awaited(f.output, now));
        door_answer(502, "", now);
        cr_assert_not(output_presence.awaited(f.output, now));
}

/* A hang-up is heard of by polls, and a refusal is an answer. */
Test(presence_words, a_look_that_fails_in_a_call_or_is_refused_is_not_tried_again) {
        struct output_claim held = { .phase = CLAIM_HELD, .owed = true, .text_claimed = true };

        for (unsigned refused = 0; refused < 2; refused++) {
                start_with_words("Lunch");
                if (!refused)
                        output_presence.claim(f.output, &held, START);
                cr_assert(output_presence.awaited(f.output, START));
                door_answer(refused ? 403 : 502, refused ? "{\"errcode\":\"M_FORBIDDEN\"}" : "", START);
                cr_assert_not(output_presence.awaited(f.output, START), "%u", refused);
        }
}

/* Whoever shows what our device has hides nothing. */
Test(presence_words, words_of_an_earlier_run_that_show_stay) {
        start_with_words("Lunch");
        cr_assert(output_presence.awaited(f.output, START));
        door_answer(200, "{\"presence\":\"online\",\"status_msg\":\"Lunch\"}", START);
        cr_assert_null(door_waiting());
        cr_assert_not(output_presence.awaited(f.output, START));
        cr_assert(output_presence.awaited(f.output, START), "each poll is looked before");
        door_answer(200, "{\"presence\":\"online\",\"status_msg\":\"Lunch\"}", START);
}

/* No request is spent on it. */
Test(presence_words, who_has_no_words_polls_at_once) {
        start_with_words("");
        cr_assert_not(output_presence.awaited(f.output, START));
        cr_assert_null(door_waiting());
}

/* The claim of an earlier run sees what a person wrote meanwhile before its poll hides that. */
Test(presence_words, what_shows_is_read_before_the_first_poll_where_something_is_owed) {
        struct output_claim claim = { .phase = CLAIM_LEAVING, .owed = true, .text_claimed = true };

        start_with_words("");
        output_presence.claim(f.output, &claim, START);
        cr_assert(output_presence.awaited(f.output, START));
        door_answer(200, "{\"presence\":\"online\",\"status_msg\":\"Gone\"}", START);
        cr_assert_str_eq(f.heard.seen.text, "Gone");
        cr_assert_not(output_presence.awaited(f.output, START));
        cr_assert_not(output_presence.awaited(f.output, START), "once");
}

/* Its answer was lost: it may be there, or what was there before. */
Test(presence_words, words_are_there_until_it_is_known_that_they_are_not) {
        struct claim_value busy = { .state = "busy", .text = "In a call" }, none = { .state = "offline" };
        struct output_request *request;

        for (unsigned had_some = 0; had_some < 2; had_some++) {
                start_with_words(had_some ? "Lunch" : "");
                cr_assert_eq(output_presence.write(f.output, &busy, START, on_written, NULL, &request), 0);
                door_answer(0, "", START);
                cr_assert_str_eq(own_words(), had_some ? "Lunch" : "In a call");
                cr_assert_eq(output_presence.write(f.output, &none, START, on_written, NULL, &request), 0);
                door_answer(0, "", START);
                cr_assert_str_eq(own_words(), had_some ? "Lunch" : "In a call");
                cr_assert_eq(output_presence.write(f.output, &none, START, on_written, NULL, &request), 0);
                door_answer(200, "{}", START);
                cr_assert_str_empty(own_words());
        }
}

/* ... and one that the server has not taken has put none there, whatever other words showed by then. */
Test(presence_words, words_that_were_not_taken_are_not_there) {
        static const char *const answers[] = { "{\"errcode\":\"M_UNKNOWN_TOKEN\",\"soft_logout\":true}",
                                               "{\"errcode\":\"M_FORBIDDEN\"}", "{\"errcode\":\"M_LIMIT_EXCEEDED\"}" };
        static const long statuses[] = { 401, 403, 429 };
        struct claim_value busy = { .state = "busy", .text = "In a call" };
        struct output_request *request;

        for (size_t i = 0; i < ARRAY_SIZE(answers); i++)
                for (unsigned lost = 0; lost < 2; lost++) {
                        start_with_words("");
                        if (lost) {
                                cr_assert_eq(output_presence.write(f.output, &busy, START, on_written, NULL, &request),
                                             0);
                                door_answer(0, "", START);
                        }
                        cr_assert_eq(output_presence.write(f.output, &busy, START, on_written, NULL, &request), 0);
                        door_answer(statuses[i], answers[i], START);
                        cr_assert_str_eq(own_words(), lost ? "In a call" : "", "%zu: %s", i, own_words());
                }
}

/* What a person writes meanwhile would hide behind them with our next poll. The other machine puts back what it has
 * found, which may have been ours: not before its words show. */
Test(presence_words, words_that_were_put_back_give_way_to_another_machine_in_a_call) {
        start_with_words("Gone");
        for (unsigned i = 0; i < 3; i++) {
                output_presence.machines(f.output, true, /* words= */ i > 0, START);
                cr_assert(output_presence.awaited(f.output, START));
                door_answer(200,
                            i < 2 ? "{\"presence\":\"online\",\"status_msg\":\"Gone\"}"
                                  : "{\"presence\":\"busy\",\"status_msg\":\"In a call\"}",
                            START + USEC_PER_MIN);
                cr_assert_eq(door_waiting() != NULL, i == 2, "%u", i);
                cr_assert_eq(output_presence.awaited(f.output, START), i == 2, "%u", i);
        }
        cr_assert(strstr(door_waiting()->body, "\"status_msg\":\"\""), "%s", door_waiting()->body);
        door_answer(200, "{}", START + USEC_PER_MIN);
        cr_assert_null(door_waiting(), "they are not put back");
        cr_assert_not(output_presence.awaited(f.output, START), "nothing of ours is left");
}

/* They are not a person's, that one takes them away itself, and ours were in nobody's way. */
Test(presence_words, words_of_another_machine_in_a_call_are_not_put_back_after_it) {
        start_with_words("Reading");
        output_presence.machines(f.output, true, /* words= */ true, START);
        cr_assert(output_presence.awaited(f.output, START));
        door_answer(200, "{\"presence\":\"busy\",\"status_msg\":\"In a call\"}", START);
        door_answer(403, "{\"errcode\":\"M_FORBIDDEN\"}", START);
        cr_assert_not(output_presence.awaited(f.output, START));
        output_presence.machines(f.output, false, /* words= */ false, START);
        cr_assert(output_presence.awaited(f.output, START));
        door_answer(200, "{\"presence\":\"online\",\"status_msg\":\"Reading\"}", START);
        cr_assert_null(door_waiting());
        cr_assert_str_eq(own_words(), "Reading");
}

/* Ours is the newest with each poll, and would hide a person's before the claim reads again. */
Test(presence_words, a_poll_in_a_call_waits_until_it_was_seen_whether_a_person_has_written) {
        struct output_claim claim = {
                .phase = CLAIM_ENTERING, .owed = true, .state_claimed = true, .text_claimed = true
        };
        struct claim_value busy = { .state = "busy", .text = "In a call" };
        struct output_request *request;

        f.facts.traits = server_traits_find("Tuwunel", "1.9.0");
        output_presence.resynced(f.output, START);
        door_answer(200, "{\"presence\":\"offline\"}", START);
        cr_assert_eq(output_presence.write(f.output, &busy, START, on_written, NULL, &request), 0);
        door_answer(200, "{}", START);
        output_presence.claim(f.output, &claim, START);
        cr_assert_not(output_presence.awaited(f.output, START), "its first poll takes busy away, and is not kept");
        claim.phase = CLAIM_HELD;
        output_presence.claim(f.output, &claim, START);
        cr_assert(output_presence.awaited(f.output, START));
        cr_assert(output_presence.awaited(f.output, START), "the answer is not there yet");
        door_answer(200, "{\"presence\":\"busy\",\"status_msg\":\"Lunch\"}", START + 1);
        cr_assert_str_eq(f.heard.seen.text, "Lunch");
        cr_assert_not(output_presence.awaited(f.output, START + 1));
        cr_assert_not(output_presence.awaited(f.output, START + 2), "many polls in a row");
        cr_assert_null(door_waiting());
        cr_assert(output_presence.awaited(f.output, START + USEC_PER_MIN));
        door_answer(500, "{}", START + USEC_PER_MIN);
        cr_assert_not(output_presence.awaited(f.output, START + USEC_PER_MIN), "it could not be seen");
}

/* Its poll is to begin before what the claim writes then. */
Test(presence_words, what_a_claim_has_read_needs_no_look) {
        struct output_request *request;

        start_with_words("Lunch");
        cr_assert_eq(output_presence.read(f.output, on_read, NULL, &request), 0);
        f.read = MATRIX_UNSURE;
        cr_assert(output_presence.awaited(f.output, START));
        door_answer_first(200, "{\"presence\":\"online\",\"status_msg\":\"Lunch\"}", START);
        cr_assert_eq(f.read, MATRIX_OK);
        cr_assert_not(output_presence.awaited(f.output, START));
        cr_assert_null(door_waiting());
        cr_assert_eq(output_presence.read(f.output, on_read, NULL, &request), 0);
        cr_assert(output_presence.awaited(f.output, START));
        door_answer_first(200, "{\"presence\":\"online\",\"status_msg\":\"Gone\"}", START);
        cr_assert(output_presence.awaited(f.output, START), "ours give way");
        door_answer(200, "{}", START);
        door_answer(200, "{\"presence\":\"online\",\"status_msg\":\"Gone\"}", START);
        cr_assert_str_empty(own_words());
}

/* A claim of the state alone repeats what stood there, and our device's would show again with each poll. */
Test(presence_words, words_that_are_repeated_follow_those_that_a_person_chooses) {
        struct output_claim claim = { .phase = CLAIM_HELD, .owed = true, .state_claimed = true, .standing = true };
        struct claim_value busy = { .state = "busy", .text = "Lunch" };
        struct output_request *request;

        f.facts.traits = server_traits_find("Tuwunel", "1.9.0");
        output_presence.resynced(f.output, START);
        door_answer(200, "{\"presence\":\"online\",\"status_msg\":\"Lunch\"}", START);
        cr_assert_eq(output_presence.write(f.output, &busy, START, on_written, NULL, &request), 0);
        door_answer(200, "{}", START);
        output_presence.claim(f.output, &claim, START);
        cr_assert(output_presence.awaited(f.output, START));
        door_answer(200, "{\"presence\":\"busy\",\"status_msg\":\"Lunch\"}", START);
        cr_assert_null(door_waiting(), "nothing has changed");
        cr_assert_not(output_presence.awaited(f.output, START));
        cr_assert(output_presence.awaited(f.output, START + USEC_PER_MIN));
        door_answer(200, "{\"presence\":\"busy\",\"status_msg\":\"Gone\"}", START + USEC_PER_MIN);
        cr_assert(strstr(door_waiting()->body, "Gone") && strstr(door_waiting()->body, "busy"), "%s",
                  door_waiting()->body);
        cr_assert(output_presence.awaited(f.output, START + USEC_PER_MIN), "the poll comes after it");
        cr_assert(output_presence.occupied(f.output), "and the claim as well");
        door_answer(200, "{}", START + USEC_PER_MIN);
        cr_assert_not(output_presence.awaited(f.output, START + USEC_PER_MIN));
}

/* What could not be written is hidden by the poll, and known all the same: in the call, and after it. */
Test(presence_words, words_that_are_repeated_follow_later_where_a_write_fails) {
        for (unsigned after = 0; after < 4; after++) {
                struct claim_value back = { .state = "offline" };
                struct output_request *request = NULL;
                struct output_claim claim = { .phase = CLAIM_HELD, .owed = true, .state_claimed = true };

                start_with_words("Lunch");
                output_presence.claim(f.output, &claim, START);
                cr_assert(output_presence.awaited(f.output, START));
                door_answer(200, "{\"presence\":\"busy\",\"status_msg\":\"Gone\"}", START);
                cr_assert(strstr(door_waiting()->body, "Gone"), "%s", door_waiting()->body);
                door_answer(502, "{}", START);
                if (after == 3)
                        claim_value_put_text(&back, "Lunch");
                if (after >= 2) { /* the claim takes its copy away, or repeats it */
                        cr_assert_eq(output_presence.write(f.output, &back, START, on_written, NULL, &request), 0);
                        door_answer(200, "{}", START);
                }
                if (after) {
                        claim = (struct output_claim){ .phase = CLAIM_FREE };
                        output_presence.claim(f.output, &claim, START);
                }
                (void) output_presence.awaited(f.output, START + USEC_PER_MIN);
                cr_assert(output_presence.awaited(f.output, START + USEC_PER_MIN));
                door_answer(200,
                            after == 2 ? "{\"presence\":\"busy\"}"
                                       : "{\"presence\":\"busy\",\"status_msg\":\"Lunch\"}",
                            START + USEC_PER_MIN);
                if (after) {
                        cr_assert(strstr(door_waiting()->body, "\"status_msg\":\"\""), "%s", door_waiting()->body);
                        door_answer(200, "{}", START + USEC_PER_MIN);
                        door_answer(200, "{\"presence\":\"offline\"}", START + USEC_PER_MIN);
                }
                cr_assert(door_waiting() && strstr(door_waiting()->body, "Gone"), "%u", after);
                door_answer(200, "{}", START + USEC_PER_MIN);
                cr_assert_str_eq(own_words(), "Gone");
        }
}

/* Words that were chosen while busyd did not run hide behind the copy with its first poll, and would be gone. A claim
 * of words as well has its own way. */
Test(presence_words, words_that_an_earlier_run_has_repeated_follow_those_of_meanwhile) {
        struct output_claim claim = { .phase = CLAIM_LEAVING, .owed = true, .state_claimed = true };

        for (unsigned i = 0; i < 2; i++) {
                claim.text_claimed = i == 0;
                start_with_words("Lunch");
                output_presence.claim(f.output, &claim, START);
                cr_assert(output_presence.awaited(f.output, START));
                door_answer(200, "{\"presence\":\"unavailable\",\"status_msg\":\"Reading\"}", START);
                cr_assert_eq(output_presence.awaited(f.output, START), i == 1, "%u", i);
        }
        cr_assert(strstr(door_waiting()->body, "Reading") && strstr(door_waiting()->body, "offline"), "%s",
                  door_waiting()->body);
        cr_assert(output_presence.occupied(f.output));
        door_answer(200, "{}", START);
        cr_assert_str_eq(own_words(), "Reading");
        cr_assert_not(output_presence.awaited(f.output, START));
        cr_assert_not(output_presence.awaited(f.output, START), "once");
}

/* A claim that has just given way to a person may still have its last write out: two of one device may land in either
 * order. */
Test(presence_words, words_that_are_repeated_wait_for_a_write_that_is_on_its_way) {
        struct output_claim claim = { .phase = CLAIM_HELD, .owed = true, .state_claimed = true, .standing = true };
        struct claim_value busy = { .state = "busy", .text = "Lunch" };
        struct output_request *request;

        start_with_words("Lunch");
        output_presence.claim(f.output, &claim, START);
        cr_assert(output_presence.awaited(f.output, START));
        door_answer(200, "{\"presence\":\"busy\",\"status_msg\":\"Lunch\"}", START);
        cr_assert_not(output_presence.awaited(f.output, START));
        cr_assert_eq(output_presence.write(f.output, &busy, START, on_written, NULL, &request), 0);
        claim.phase = CLAIM_YIELDED;
        output_presence.claim(f.output, &claim, START);
        for (unsigned i = 1; i < 3; i++) {
                cr_assert(output_presence.awaited(f.output, START + i * USEC_PER_MIN));
                door_answer_last(200, "{\"presence\":\"busy\",\"status_msg\":\"Gone\"}", START + i * USEC_PER_MIN);
                cr_assert_eq(output_presence.occupied(f.output), i == 2, "%u", i);
                door_answer(200, "{}", START + i * USEC_PER_MIN);
                cr_assert_not(output_presence.awaited(f.output, START + i * USEC_PER_MIN));
        }
        cr_assert_str_eq(own_words(), "Gone");
}

/* It is none that an answer would end. */
Test(presence_words, a_write_that_could_not_be_sent_is_not_on_its_way) {
        struct output_claim claim = { .phase = CLAIM_HELD, .owed = true, .state_claimed = true, .standing = true };
        struct claim_value busy = { .state = "busy", .text = "Lunch" };
        struct output_request *request;

        start_with_words("Lunch");
        output_presence.claim(f.output, &claim, START);
        door_start_error = -ENOMEM;
        cr_assert_lt(output_presence.write(f.output, &busy, START, on_written, NULL, &request), 0);
        door_start_error = 0;
        cr_assert(output_presence.awaited(f.output, START));
        door_answer(200, "{\"presence\":\"busy\",\"status_msg\":\"Gone\"}", START);
        cr_assert(output_presence.occupied(f.output));
        door_answer(200, "{}", START);
        cr_assert_str_eq(own_words(), "Gone");
}

static enum matrix_outcome given_back;
static bool is_given_back;

static void on_given_back(const struct output_result *result, void *userdata) {
        is_given_back = true;
        given_back = result->outcome;
}

static void begin_giving_back(void) {
        static struct claim_owed owed = { .n_ours = 1, .state_claimed = true, .text_claimed = true };
        struct claim_value back;
        struct output_request *request;

        f.facts.traits = server_traits_find("Tuwunel", "1.9.0");
        cr_assert_eq(claim_value_set(&owed.ours[0], "busy", "In a call"), 0);
        cr_assert_eq(claim_value_set(&back, "offline", "Reading"), 0);
        is_given_back = false;
        cr_assert_eq(output_presence.give_back(f.output, &back, &owed, START, on_given_back, NULL, &request), 0);
        cr_assert(strstr(door_waiting()->body, "\"status_msg\":\"\""), "%s", door_waiting()->body);
}

/* What shows once ours are away may be a newer word of the person's. */
Test(presence_words, words_are_put_back_only_over_what_was_seen) {
        static const struct {
                long status;
                const char *body;
                bool put_back;
        } looks[] = {
                { 200, "{\"presence\":\"online\"}", true },
                { 404, "{\"errcode\":\"M_NOT_FOUND\"}", true },
                { 200, "{\"presence\":\"online\",\"status_msg\":\"Lunch\"}", false },
                { 200, "{\"presence\":\"busy\",\"status_msg\":\"In a call\"}", false },
                { 200, "{\"presence\":\"unavailable\",\"status_msg\":\"In a call\"}", true },
                { 0, "", false },
                { 502, "<html>Bad gateway</html>", false },
                { 429, "{\"errcode\":\"M_LIMIT_EXCEEDED\"}", false },
                { 401, "{\"errcode\":\"M_UNKNOWN_TOKEN\"}", false },
                { 200, "<html>Please sign in</html>", false },
        };

        for (size_t i = 0; i < ARRAY_SIZE(looks); i++) {
                begin_giving_back();
                door_answer(200, "{}", START);
                door_answer(looks[i].status, looks[i].body, START);
                cr_assert_eq(door_waiting() != NULL, looks[i].put_back, "%zu", i);
                cr_assert_eq(is_given_back, !looks[i].put_back, "%zu", i);
                if (looks[i].put_back)
                        door_answer(200, "{}", START);
                cr_assert_eq(given_back, i < 5 ? MATRIX_OK : MATRIX_UNSURE, "%zu: %s", i,
                             matrix_outcome_to_string(given_back));
        }
}

/* ... and ours are away then, whatever became of the rest. */
Test(presence_words, half_of_what_gives_back_has_taken_effect) {
        begin_giving_back();
        door_answer(200, "{}", START);
        door_answer(200, "{\"presence\":\"online\"}", START);
        door_answer(429, "{\"errcode\":\"M_LIMIT_EXCEEDED\"}", START);
        cr_assert(is_given_back);
        cr_assert_eq(given_back, MATRIX_UNSURE, "%s", matrix_outcome_to_string(given_back));
        begin_giving_back();
        door_answer(429, "{\"errcode\":\"M_LIMIT_EXCEEDED\"}", START);
        cr_assert_eq(given_back, MATRIX_RETRY, "nothing has");
}

/* It takes ours away from beside a person's, which may be on no device: those, and not our own, are put back. */
Test(presence_words, what_a_claim_that_has_given_way_takes_away_stays_away) {
        static const char *const words[] = { "In a call", "Reading" };
        struct claim_owed owed = { .prior = { .text = "Reading" }, .n_ours = 1, .state_claimed = true };
        struct output_claim claim = { .phase = CLAIM_YIELDED, .owed = true, .state_claimed = true };
        struct claim_value none = { .state = "busy" };
        struct output_request *request;

        claim_value_put_text(&owed.ours[0], "In a call");
        f.facts.traits = server_traits_find("Tuwunel", "1.9.0");
        output_presence.claim(f.output, &claim, START);
        for (unsigned persons = 0; persons < 2; persons++) {
                char shows[80];

                (void) snprintf(shows, sizeof(shows), "{\"presence\":\"busy\",\"status_msg\":\"%s\"}", words[persons]);
                output_presence.resynced(f.output, START);
                door_answer(200, shows, START);
                is_given_back = false;
                cr_assert_eq(output_presence.give_back(f.output, &none, &owed, START, on_given_back, NULL, &request),
                             0);
                door_answer(200, "{}", START);
                if (persons) {
                        door_answer(200, "{\"presence\":\"busy\"}", START);
                        cr_assert(strstr(door_waiting()->body, "Reading"), "%s", door_waiting()->body);
                        door_answer(200, "{}", START);
                }
                cr_assert(is_given_back, "%u", persons);
                cr_assert_null(door_waiting());
        }
}
