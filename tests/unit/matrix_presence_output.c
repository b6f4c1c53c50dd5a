/* The presence output alone: what whoever drives its claim hears of the server, and when. */
#include <criterion/criterion.h>
#include <errno.h>

#include "matrix/outputs/other-clients.h"
#include "matrix/outputs/output.h"
#include "matrix/server/traits.h"
#include "unit/http_door.h"

#define START USEC_PER_HOUR

struct listened {
        unsigned n_seen, n_unsure, n_erased;
        struct claim_value seen;
};

static void on_seen(void *userdata, const struct claim_value *v, usec_t now) {
        struct listened *l = userdata;

        l->n_seen++;
        l->seen = *v;
}

static void on_unsure(void *userdata) {
        ((struct listened *) userdata)->n_unsure++;
}

static void on_erased(void *userdata) {
        ((struct listened *) userdata)->n_erased++;
}

static void nothing(void *userdata) {
}

static struct fixture {
        struct probe_facts facts;
        struct account_settings settings;
        struct output_endpoint at;
        struct output *output;
        struct listened heard;
        enum matrix_outcome read; /* the last one */
} f;

static void on_read(const struct output_result *result, void *userdata) {
        f.read = result->outcome;
}

static void setup(void) {
        struct matrix_client *client;

        cr_assert_eq(matrix_client_new(&client, NULL, "http://localhost:1", "s3cret"), 0);
        f = (struct fixture){ .settings = { .presence = PRESENCE_AUTO, .message = "In a call" } };
        f.facts.traits = server_traits_find("Synapse", "1.160.0");
        f.at = (struct output_endpoint){ .client = client,
                                         .user_id = "@me:test",
                                         .facts = &f.facts,
                                         .known = true,
                                         .settings = &f.settings,
                                         .doubt = nothing,
                                         .touched = nothing };
        cr_assert_eq(output_presence.make(&f.output, &f.at), 0);
        f.output->listener = (struct output_listener){ on_seen, on_unsure, on_erased, NULL, &f.heard };
}

static void teardown(void) {
        output_free(f.output);
        matrix_client_free(f.at.client);
        cr_assert_null(door_waiting(), "what is asked goes with the output");
}

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
        char endless[CLAIM_TEXT_MAX + 1];

        memset(endless, 'x', sizeof(endless) - 1);
        endless[sizeof(endless) - 1] = '\0';
        watch();
        output_presence.presence(f.output, "online", endless, START + 1);
        cr_assert_eq(f.heard.n_seen, 1);
        cr_assert_eq(f.heard.n_unsure, 1);
}

/* What is read while nobody watches is of that moment only. */
Test(presence_output, is_unsure_after_a_look_while_nobody_watches) {
        output_presence.resynced(f.output, START);
        door_answer(200, "{\"presence\":\"online\",\"status_msg\":\"Reading\"}", START + 1);
        cr_assert_eq(f.heard.n_seen, 1);
        cr_assert_eq(f.heard.n_unsure, 1);
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
                cr_assert_eq(output_presence.make(&f.output, &f.at), 0);
                f.output->listener = (struct output_listener){ on_seen, on_unsure, on_erased, NULL, &f.heard };
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

/* ---- a message for each device ---- */

static const char *own_words(void) {
        static struct account_lessons l;

        memset(&l, 0, sizeof(l));
        output_presence.learned(f.output, &l);
        return l.words;
}

static void start_with_words(const char *words) {
        output_free(f.output);
        f.facts.traits = server_traits_find("Tuwunel", "1.9.0");
        (void) snprintf(f.at.learned.words, sizeof(f.at.learned.words), "%s", words);
        cr_assert_eq(output_presence.make(&f.output, &f.at), 0);
        f.output->listener = (struct output_listener){ on_seen, on_unsure, on_erased, NULL, &f.heard };
        cr_assert_str_eq(own_words(), words);
}

/* Our first poll would bring up what an earlier run has put back. */
Test(presence_output, words_of_an_earlier_run_give_way_before_the_first_poll) {
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
Test(presence_output, words_that_could_not_be_taken_away_give_way_later) {
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

/* Whoever shows what our device has hides nothing. */
Test(presence_output, words_of_an_earlier_run_that_show_stay) {
        start_with_words("Lunch");
        cr_assert(output_presence.awaited(f.output, START));
        door_answer(200, "{\"presence\":\"online\",\"status_msg\":\"Lunch\"}", START);
        cr_assert_null(door_waiting());
        cr_assert_not(output_presence.awaited(f.output, START));
        cr_assert(output_presence.awaited(f.output, START), "each poll is looked before");
        door_answer(200, "{\"presence\":\"online\",\"status_msg\":\"Lunch\"}", START);
}

/* No request is spent on it. */
Test(presence_output, who_has_no_words_polls_at_once) {
        start_with_words("");
        cr_assert_not(output_presence.awaited(f.output, START));
        cr_assert_null(door_waiting());
}

/* The claim of an earlier run sees what a person wrote meanwhile before its poll hides that. */
Test(presence_output, what_shows_is_read_before_the_first_poll_where_something_is_owed) {
        struct output_claim claim = { .phase = CLAIM_LEAVING, .owed = true, .text_claimed = true };

        start_with_words("");
        output_presence.claim(f.output, &claim, START);
        cr_assert(output_presence.awaited(f.output, START));
        door_answer(200, "{\"presence\":\"online\",\"status_msg\":\"Gone\"}", START);
        cr_assert_str_eq(f.heard.seen.text, "Gone");
        cr_assert_not(output_presence.awaited(f.output, START));
        cr_assert_not(output_presence.awaited(f.output, START), "once");
}

static void on_written(const struct output_result *result, void *userdata) {
}

/* Its answer was lost: it may be there, or what was there before. */
Test(presence_output, words_are_there_until_it_is_known_that_they_are_not) {
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
Test(presence_output, words_that_were_not_taken_are_not_there) {
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
Test(presence_output, words_that_were_put_back_give_way_to_another_machine_in_a_call) {
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
Test(presence_output, words_of_another_machine_in_a_call_are_not_put_back_after_it) {
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
Test(presence_output, a_poll_in_a_call_waits_until_it_was_seen_whether_a_person_has_written) {
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
Test(presence_output, what_a_claim_has_read_needs_no_look) {
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
Test(presence_output, words_that_are_repeated_follow_those_that_a_person_chooses) {
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

/* Words that were chosen while busyd did not run hide behind the copy with its first poll, and would be gone. A claim
 * of words as well has its own way. */
Test(presence_output, words_that_an_earlier_run_has_repeated_follow_those_of_meanwhile) {
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
Test(presence_output, words_that_are_repeated_wait_for_a_write_that_is_on_its_way) {
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
Test(presence_output, a_write_that_could_not_be_sent_is_not_on_its_way) {
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
Test(presence_output, words_are_put_back_only_over_what_was_seen) {
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
Test(presence_output, half_of_what_gives_back_has_taken_effect) {
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
