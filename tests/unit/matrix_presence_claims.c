/* The presence output alone, where each device has a message of its own, and the words of a claim show, which nobody
 * has chosen. */
#include <criterion/criterion.h>

#include "matrix_presence_stage.h"

TestSuite(presence_claims, .init = setup, .fini = teardown);

/* A lost write has landed, of ours or of another machine that is not heard. The message of our device is a person's
 * that was put back there, and shows on no other one. */
Test(presence_claims, words_of_a_claim_are_not_put_in_place_of_a_persons) {
        f.heard.says = "In a call";
        start_with_words("Lunch");
        cr_assert(output_presence.awaited(f.output, START));
        door_answer(200, "{\"presence\":\"busy\",\"status_msg\":\"In a call\"}", START);
        cr_assert_null(door_waiting(), "%s", door_waiting() ? door_waiting()->body : "");
        cr_assert_not(output_presence.awaited(f.output, START));
        cr_assert_str_eq(own_words(), "Lunch");
}

/* ... but one that is in a call puts back what it has found. */
Test(presence_claims, words_of_a_claim_that_goes_on_are_given_way_to) {
        f.heard.says = "In a call";
        start_with_words("Lunch");
        output_presence.machines(f.output, true, true, START);
        cr_assert(output_presence.awaited(f.output, START));
        door_answer(200, "{\"presence\":\"busy\",\"status_msg\":\"In a call\"}", START);
        cr_assert(strstr(door_waiting()->body, "\"status_msg\":\"\""), "%s", door_waiting()->body);
        door_answer(200, "{}", START);
        cr_assert_null(door_waiting());
        cr_assert_str_empty(own_words());
}

/* A claim of the state alone repeats what a person has chosen. */
Test(presence_claims, words_of_a_claim_are_not_repeated) {
        f.heard.says = "In a call";
        start_with_words("Lunch");
        output_presence.claim(
                f.output, &(struct output_claim){ .phase = CLAIM_HELD, .owed = true, .state_claimed = true }, START);
        cr_assert(output_presence.awaited(f.output, START));
        door_answer(200, "{\"presence\":\"busy\",\"status_msg\":\"In a call\"}", START);
        cr_assert_null(door_waiting(), "%s", door_waiting() ? door_waiting()->body : "");
        cr_assert_str_eq(own_words(), "Lunch");
}
