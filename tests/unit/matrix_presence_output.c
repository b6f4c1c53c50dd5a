/* The presence output alone: what whoever drives its claim hears of the server, and when. */
#include <criterion/criterion.h>
#include <stdio.h>

#include "matrix/outputs/other-clients.h"
#include "matrix/outputs/output.h"
#include "matrix/server/traits.h"
#include "unit/http_door.h"

#include "matrix_presence_stage.h"

TestSuite(presence_output, .init = setup, .fini = teardown);

static void watch(void) {
        output_presence.watching(f.output, true, START);
        output_presence.presence(f.output, "online", "Reading", START);
}

Test(presence_output, tells_what_is_pushed) {
        watch();
        cr_assert_eq(f.heard.n_seen, 1);
        cr_assert_str_eq(f.heard.seen.state, "online");
        cr_assert_str_eq(f.heard.seen.text, "Reading");
        cr_assert_eq(f.heard.n_unsure, 0);
}

/* What a person sets meanwhile nobody tells: it must not be written over as if it had been seen. */
Test(presence_output, is_unsure_as_soon_as_nobody_tells_of_changes) {
        watch();
        output_presence.watching(f.output, false, START + 1);
        cr_assert_eq(f.heard.n_unsure, 1);
}

Test(presence_output, is_unsure_of_what_no_claim_can_hold) {
        char endless[CLAIM_STATE_MAX + 1];

        memset(endless, 'x', sizeof(endless) - 1);
        endless[sizeof(endless) - 1] = '\0';
        watch();
        output_presence.presence(f.output, endless, "Reading", START + 1);
        cr_assert_eq(f.heard.n_seen, 1);
        cr_assert_eq(f.heard.n_unsure, 1);
}

/* What is read while nobody watches is of that moment only. */
Test(presence_output, is_unsure_after_a_look_while_nobody_watches) {
        output_presence.resynced(f.output, START);
        door_answer(200, "{\"presence\":\"online\",\"status_msg\":\"Reading\"}", START + 1);
        cr_assert_eq(f.heard.n_seen, 1);
        cr_assert_eq(f.heard.n_looked, 1);
        cr_assert_str_eq(f.heard.looked.text, "Reading");
        cr_assert_eq(f.heard.n_unsure, 1);
}

Test(presence_output, a_look_while_somebody_watches_is_as_what_is_pushed) {
        output_presence.watching(f.output, true, START);
        output_presence.resynced(f.output, START);
        door_answer(200, "{\"presence\":\"online\",\"status_msg\":\"Reading\"}", START + 1);
        cr_assert_eq(f.heard.n_seen, 1);
        cr_assert_eq(f.heard.n_looked, 0);
        cr_assert_eq(f.heard.n_unsure, 0);
}

/* An answer that does not say what was asked for, or says it in another way, is none: nothing is empty by it. */
Test(presence_output, takes_nothing_from_what_is_no_answer) {
        static const char *const answers[] = { "{}", "{\"presence\":7,\"status_msg\":\"x\"}", "{\"status_msg\":\"x\"}",
                                               "{\"presence\":\"online\",\"status_msg\":7}",
                                               "{\"presence\":\"online\",\"status_msg\":{}}" };

        for (size_t i = 0; i < ARRAY_SIZE(answers); i++) {
                struct output_request *request = NULL;

                output_presence.resynced(f.output, START);
                door_answer(200, answers[i], START + 1);
                cr_assert_eq(f.heard.n_seen, 0, "seen in %s", answers[i]);
                f.read = MATRIX_OK;
                cr_assert_eq(output_presence.read(f.output, on_read, NULL, &request), 0);
                door_answer(200, answers[i], START + 1);
                cr_assert_eq(f.read, MATRIX_UNSURE, "read in %s", answers[i]);
        }
}

/* Nobody has followed it meanwhile but the claim that was given back then, and the question of now may fail. */
Test(presence_output, what_was_there_before_presence_was_switched_on_is_not_known_after_it) {
        struct output_request *request;

        watch();
        f.settings.presence = PRESENCE_OFF;
        output_presence.configured(f.output, START + 1);
        cr_assert_eq(output_presence.read(f.output, on_read, NULL, &request), 0);
        door_answer(200, "{\"presence\":\"online\",\"status_msg\":\"Reading\"}", START + 1);
        output_presence.presence(f.output, "online", "Lunch", START + 2);
        f.settings.presence = PRESENCE_AUTO;
        output_presence.configured(f.output, START + 3);
        f.heard.n_seen = 0;
        output_presence.watching(f.output, true, START + 4);
        cr_assert_eq(f.heard.n_seen, 0, "'%s'", f.heard.seen.text);
        output_presence.presence(f.output, "online", "Lunch", START + 5);
        cr_assert_eq(f.heard.n_seen, 1);
}

/* An earlier run could not give it back: whoever switches presence off then is still seen as busy, and is told. */
Test(presence_output, busy_that_has_stuck_is_followed_though_presence_is_switched_off) {
        struct output_poll wish;

        for (unsigned sticks = 0; sticks < 2; sticks++) {
                f.output = output_free(f.output);
                f.settings.presence = PRESENCE_OFF;
                f.at.learned.sticks = sticks;
                f.heard.n_seen = 0;
                make_output();
                output_presence.resynced(f.output, START);
                cr_assert_eq(door_waiting() != NULL, sticks, "what shows at the start");
                if (sticks)
                        door_answer(200, "{\"presence\":\"org.matrix.msc3026.busy\"}", START);
                output_presence.watching(f.output, true, START);
                output_presence.presence(f.output, "online", "", START + 1);
                cr_assert_eq(f.heard.n_seen, sticks ? 3 : 0, "seen %u times", f.heard.n_seen);
                output_presence.poll(f.output, &wish, START);
                cr_assert_eq(wish.own_presence, sticks);
        }
}

/* It may be another machine's. People are told of it all the same. */
Test(presence_output, nothing_is_learned_of_a_busy_that_another_machine_may_hold) {
        struct output_claim claim = { .phase = CLAIM_STUCK };

        for (unsigned sticks = 0; sticks < 2; sticks++) {
                struct account_lessons lessons;
                struct output_poll wish;

                claim.sticks = sticks;
                output_presence.claim(f.output, &claim, START);
                output_presence.learned(f.output, &lessons);
                cr_assert_eq(lessons.sticks, sticks);
                f.settings.presence = PRESENCE_OFF;
                output_presence.configured(f.output, START + 1);
                output_presence.poll(f.output, &wish, START + 1);
                cr_assert(wish.own_presence);
        }
}

/* ---- other clients ---- */

static bool wants_busy(const struct claim_want *current, usec_t now) {
        struct output_situation here = { .now = now, .current = current };
        struct claim_want want;
        const char *why;

        output_presence.want(f.output, &here, &want, &why);
        return want.state_claimed;
}

/* A person who says offline looks like nobody, until the next poll of their client. */
Test(presence_output, sees_who_was_there_a_moment_ago) {
        f.facts.versions.busy_presence = true;
        output_presence.resynced(f.output, START);
        door_answer(200, "{\"presence\":\"offline\",\"last_active_ago\":14000}", START);
        output_presence.watching(f.output, true, START);
        cr_assert_not(wants_busy(NULL, START + 1));
        cr_assert(wants_busy(NULL, START + OTHER_CLIENTS_QUIET));
}

/* What was wished for is no choice before it was sent. */
Test(presence_output, sees_who_comes_before_busy_is_written) {
        struct claim_want wished = { .state_claimed = true };

        f.facts.versions.busy_presence = true;
        output_presence.watching(f.output, true, START);
        output_presence.presence(f.output, "offline", "", START);
        cr_assert(wants_busy(NULL, START + 1));
        output_presence.claim(f.output,
                              &(struct output_claim){ .phase = CLAIM_ENTERING, .owed = true, .state_claimed = true },
                              START + 2);
        cr_assert(wants_busy(&wished, START + 3));
        output_presence.presence(f.output, "online", "", START + 4);
        cr_assert_not(wants_busy(&wished, START + 5));
}

/* The server drops the state of a device that is silent, whatever the machine tells of it. */
Test(presence_output, sees_who_comes_while_another_machine_only_says_it_is_busy) {
        usec_t now = START + 2 * USEC_PER_HOUR;

        f.facts.versions.busy_presence = true;
        output_presence.watching(f.output, true, START);
        output_presence.presence(f.output, "offline", "", START);
        output_presence.machines(f.output, true, false, START + 1);
        output_presence.claim(f.output,
                              &(struct output_claim){ .phase = CLAIM_ENTERING, .owed = true, .state_claimed = true },
                              START + 2);
        output_presence.claim(f.output, &(struct output_claim){ .phase = CLAIM_FREE }, START + 3);
        output_presence.presence(f.output, "busy", "", START + 4);
        output_presence.presence(f.output, "offline", "", START + USEC_PER_HOUR);
        output_presence.presence(f.output, "online", "", now);
        cr_assert_not(wants_busy(NULL, now + 1));
}

/* Another client, which would catch ours if it were written again. */
Test(presence_output, what_is_seen_long_after_the_last_write_and_is_not_ours_is_somebodys) {
        struct output_claim claim = { .phase = CLAIM_ENTERING, .owed = true, .state_claimed = true };
        struct claim_want wished = { .state_claimed = true };
        struct claim_value busy = { .state = "busy", .text = "In a call" };
        usec_t late = START + OTHER_CLIENTS_OWN + 1;
        struct output_request *request;

        f.facts.versions.busy_presence = true;
        for (unsigned read = 0; read < 2; read++) {
                output_presence.watching(f.output, true, START);
                output_presence.presence(f.output, "offline", "", START);
                output_presence.claim(f.output, &claim, START);
                cr_assert_eq(output_presence.write(f.output, &busy, START + 1, on_written, NULL, &request), 0);
                door_answer(0, "", START + 1);
                output_presence.presence(f.output, "unavailable", "", late - 1);
                cr_assert(wants_busy(&wished, late - 1), "it may be from before ours");
                output_presence.presence(f.output, "busy", "", late);
                cr_assert(wants_busy(&wished, late), "ours");
                if (read) {
                        cr_assert_eq(output_presence.read(f.output, on_read, NULL, &request), 0);
                        door_answer(200, "{\"presence\":\"unavailable\"}", late + 1);
                } else
                        output_presence.presence(f.output, "unavailable", "", late + 1);
                cr_assert_not(wants_busy(&wished, late + 2), "%u", read);
                f.output = output_free(f.output);
                cr_assert_eq(output_presence.make(&f.output, &f.at), 0);
        }
}

/* What the server has not taken is not there, and no choice: another client may be there when it is written. */
Test(presence_output, a_busy_that_was_not_taken_is_no_choice) {
        static const struct answer_row {
                long status;
                const char *body;
                bool stands;
        } rows[] = {
                { 429, "{\"errcode\":\"M_LIMIT_EXCEEDED\",\"retry_after_ms\":8276}", false },
                { 401, "{\"errcode\":\"M_UNKNOWN_TOKEN\"}", false },
                { 502, "", true },
                { 200, "{}", true },
        };
        struct output_claim claim = { .phase = CLAIM_ENTERING, .owed = true, .state_claimed = true };
        struct claim_want wished = { .state_claimed = true };
        struct claim_value busy = { .state = "busy", .text = "In a call" };
        struct output_request *request;

        f.facts.versions.busy_presence = true;
        for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
                output_presence.watching(f.output, true, START);
                output_presence.presence(f.output, "unavailable", "", START);
                output_presence.presence(f.output, "unavailable", "", START + OTHER_CLIENTS_OWN);
                output_presence.claim(f.output, &claim, START + OTHER_CLIENTS_OWN);
                for (unsigned again = 0; again < 2; again++) {
                        cr_assert_eq(output_presence.write(f.output, &busy, START + OTHER_CLIENTS_OWN, on_written,
                                                           NULL, &request),
                                     0);
                        door_answer(rows[i].status, rows[i].body, START + OTHER_CLIENTS_OWN + 1);
                }
                cr_assert_eq(wants_busy(&wished, START + OTHER_CLIENTS_OWN + 2), rows[i].stands, "%ld",
                             rows[i].status);
                cr_assert_eq(wants_busy(NULL, START + OTHER_CLIENTS_OWN + 2), false, "%ld", rows[i].status);
                f.output = output_free(f.output);
                cr_assert_eq(output_presence.make(&f.output, &f.at), 0);
        }
}

/* An earlier one may be on its way. */
Test(presence_output, a_busy_that_may_stand_stays_a_choice_where_the_next_is_not_taken) {
        struct output_claim claim = { .phase = CLAIM_ENTERING, .owed = true, .state_claimed = true };
        struct claim_want wished = { .state_claimed = true };
        struct claim_value busy = { .state = "busy", .text = "In a call" };
        struct output_request *request;

        f.facts.versions.busy_presence = true;
        output_presence.claim(f.output, &claim, START);
        cr_assert_eq(output_presence.write(f.output, &busy, START, on_written, NULL, &request), 0);
        door_answer(0, "", START + 1);
        cr_assert_eq(output_presence.write(f.output, &busy, START + 2, on_written, NULL, &request), 0);
        door_answer(429, "{\"errcode\":\"M_LIMIT_EXCEEDED\"}", START + 3);
        cr_assert(wants_busy(&wished, START + 4));
}

/* What shows instead of it at the start is there since then. It may also have given it up. */
Test(presence_output, what_an_earlier_run_has_chosen_is_over_where_something_else_shows) {
        struct claim_owed owed = { .n_ours = 1, .state_claimed = true };
        struct output_claim claim = { .phase = CLAIM_LEAVING, .owed = true, .state_claimed = true };
        struct claim_want wished = { .state_claimed = true };

        f.facts.versions.busy_presence = true;
        cr_assert_eq(claim_value_set(&owed.ours[0], "busy", "In a call"), 0);
        cr_assert_eq(claim_value_set(&owed.ours[1], "offline", "In a call"), 0);
        for (unsigned i = 0; i < 3; i++) {
                owed.n_ours = i == 2 ? 2 : 1;
                output_presence.resumed(f.output, &owed);
                for (unsigned told = 0; told < 2; told++) {
                        output_presence.presence(f.output, i == 1 ? "unavailable" : "busy", "In a call", START);
                        cr_assert_eq(wants_busy(&wished, START + 1), i == 0, "%u %u", i, told);
                        output_presence.claim(f.output, &claim, START + 1);
                }
                f.output = output_free(f.output);
                cr_assert_eq(output_presence.make(&f.output, &f.at), 0);
        }
}

/* ---- an earlier run whose journal is lost ---- */

Test(presence_output, knows_its_words_and_idle_with_them_again) {
        struct claim_owed owed;

        cr_assert(output_presence.lost(f.output, &owed));
        cr_assert_str_eq(owed.ours[0].text, "In a call");
        cr_assert_str_eq(owed.prior.text, "");
        output_presence.resumed(f.output, &owed);
        output_presence.presence(f.output, "unavailable", "In a call", START);
        cr_assert_str_eq(f.heard.seen.state, owed.ours[0].state, "not taken for ours: %s", f.heard.seen.state);
        output_presence.presence(f.output, "unavailable", "Lunch", START + 1);
        cr_assert_str_eq(f.heard.seen.state, "unavailable");
        output_presence.claim(f.output, &(struct output_claim){ .phase = CLAIM_FREE }, START + 2);
        output_presence.presence(f.output, "unavailable", "In a call", START + 3);
        cr_assert_str_eq(f.heard.seen.state, "unavailable", "nothing is owed any more");
}

Test(presence_output, without_words_nothing_can_be_known_again) {
        struct claim_owed owed;

        f.settings.message = "";
        cr_assert_not(output_presence.lost(f.output, &owed));
}

/* ---- a value that would stay ---- */

static enum matrix_outcome wrote;

static void on_wrote(const struct output_result *result, void *userdata) {
        wrote = result->outcome;
}

/* The user's word may come while it is asked whether they have a client there. */
Test(presence_output, words_that_are_not_wanted_any_more_are_not_sent) {
        struct output_claim claim = { .phase = CLAIM_ENTERING, .owed = true, .text_claimed = true };
        struct claim_value words = { .state = "online", .text = "In a call" };
        struct output_request *request;

        f.facts.traits = server_traits_find("Dendrite", "0.15.0");
        for (unsigned gives_back = 0; gives_back < 2; gives_back++) {
                claim.phase = gives_back ? CLAIM_LEAVING : CLAIM_ENTERING;
                output_presence.claim(f.output, &claim, START);
                cr_assert_eq(output_presence.write(f.output, &words, START, on_wrote, NULL, &request), 0);
                claim.phase = CLAIM_LEAVING;
                output_presence.claim(f.output, &claim, START);
                door_answer(200, "{\"devices\":[]}", START);
                cr_assert_eq(door_waiting() != NULL, gives_back, "%u", gives_back);
                if (gives_back)
                        door_answer(200, "{}", START);
                cr_assert_eq(wrote, gives_back ? MATRIX_OK : MATRIX_RETRY);
        }
}

/* ---- refusals ---- */

static char problem[256];

static void on_refused(const struct output_result *result, void *userdata) {
        f.read = result->outcome;
        (void) snprintf(problem, sizeof(problem), "%s", result->problem);
}

/* Only a server without presence says that nobody may: what else it refuses is named. */
Test(presence_output, says_that_presence_may_be_off_where_the_server_forbids_it) {
        static const struct refusal_row {
                const char *errcode, *says;
        } rows[] = {
                { "M_FORBIDDEN", "presence may be switched off" },
                { "M_USER_SUSPENDED", "M_USER_SUSPENDED (HTTP 403)" },
                { "M_USER_DEACTIVATED", "M_USER_DEACTIVATED (HTTP 403)" },
        };
        struct claim_value busy = { .state = "busy", .text = "In a call" };

        for (size_t i = 0; i < 2 * ARRAY_SIZE(rows); i++) {
                const struct refusal_row *row = &rows[i / 2];
                struct output_request *request;
                char body[64];

                (void) snprintf(body, sizeof(body), "{\"errcode\":\"%s\"}", row->errcode);
                if (i % 2)
                        cr_assert_eq(output_presence.write(f.output, &busy, START, on_refused, NULL, &request), 0);
                else
                        cr_assert_eq(output_presence.read(f.output, on_refused, NULL, &request), 0);
                door_answer(403, body, START);
                cr_expect_eq(f.read, MATRIX_REFUSED, "%zu: %s", i, row->errcode);
                cr_expect(strstr(problem, row->says), "%zu: %s: '%s'", i, row->errcode, problem);
        }
}
