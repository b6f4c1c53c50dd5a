/* The profile output alone, where another client's value is longer than a claim can hold. */
#include <criterion/criterion.h>

#include "matrix_presence_stage.h"

#define FIELD PROFILE_FIELD_UNSTABLE
#define LONGER                                                                                                        \
        "{\"" FIELD "\":{\"call_joined_ts\":7,\"devices\":[\"0123456789012345678901234567890123456789012345678901\"," \
        "\"0123456789012345678901234567890123456789012345678901234567890123456789012345678901234567890123456789\"]}}"

static struct claim_value value;

static void on_value(const struct output_result *result, void *userdata) {
        f.read = result->outcome;
        value = result->value;
}

static void make_profile(void) {
        f.output = output_free(f.output);
        cr_assert_eq(output_profile.make(&f.output, &f.at), 0);
}

static void begin(void) {
        setup();
        f.facts.profile.field = FIELD;
        make_profile();
}

TestSuite(profile_longer, .init = begin, .fini = teardown);

static void read_longer(void) {
        struct output_request *request;

        cr_assert_eq(output_profile.read(f.output, on_value, NULL, &request), 0);
        door_answer(200, LONGER, START);
        cr_assert_eq(f.read, MATRIX_OK);
}

static void expect_written(const char *method, const char *body) {
        struct output_request *request;

        cr_assert_eq(output_profile.write(f.output, &value, START, on_written, NULL, &request), 0);
        cr_assert_str_eq(door_waiting()->method, method);
        cr_assert_str_eq(door_waiting()->body, body);
        door_answer(200, "{}", START);
}

Test(profile_longer, it_is_somebodys_and_written_whole) {
        struct claim_traits traits;

        output_profile.traits(f.output, &traits);
        read_longer();
        cr_assert(traits.stands_in(&value), "'%s'", value.state);
        cr_assert_str_eq(output_profile.words(value.state), "a long value of another client");
        expect_written("PUT", LONGER);
}

/* Nothing is better than ours, and half of a value is none. */
Test(profile_longer, another_run_removes_ours_alone) {
        read_longer();
        make_profile();
        expect_written("DELETE", "");
}
