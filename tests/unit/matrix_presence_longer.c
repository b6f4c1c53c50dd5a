/* The presence output alone, where a person's message is longer than a claim can hold. */
#include <criterion/criterion.h>
#include <stdio.h>

#include "matrix_presence_stage.h"

#define LONG 1400

TestSuite(presence_longer, .init = setup, .fini = teardown);

static char problem[256];
static struct claim_value value;

static void on_told(const struct output_result *result, void *userdata) {
        f.read = result->outcome;
        value = result->value;
        (void) snprintf(problem, sizeof(problem), "%s", result->problem);
}

static const char *message(size_t n) {
        static char text[LONG + 1];

        memset(text, 'x', n);
        text[n] = '\0';
        return text;
}

static void read_message(const char *text) {
        SCOPED(free) char *body = NULL;
        struct output_request *request;

        cr_assert_geq(asprintf(&body, "{\"presence\":\"online\",\"status_msg\":\"%s\"}", text), 0);
        cr_assert_eq(output_presence.read(f.output, on_told, NULL, &request), 0);
        door_answer(200, body, START);
}

static bool stands_in(const struct claim_value *v) {
        struct claim_traits traits;

        output_presence.traits(f.output, &traits);
        return traits.stands_in(v);
}

/* What is written of a value that a claim has, in each way there is. */
static void expect_written(const struct claim_value *v, const char *text) {
        static const char *const versions[][2] = { { "Synapse", "1.160.0" },
                                                   { "Synapse", "1.40.0" },
                                                   { "Dendrite", "0.15.0" } };
        struct claim_owed owed = { .n_ours = 1, .state_claimed = true, .text_claimed = true };
        SCOPED(free) char *part = NULL;

        cr_assert_geq(asprintf(&part, "\"status_msg\":\"%s\"", text), 0);
        for (size_t i = 0; i < ARRAY_SIZE(versions); i++) {
                struct output_request *request;

                f.facts.traits = server_traits_find(versions[i][0], versions[i][1]);
                cr_assert_eq(output_presence.give_back(f.output, v, &owed, START, on_written, NULL, &request), 0);
                if (strstr(door_waiting()->url, "devices"))
                        door_answer(200, "{\"devices\":[]}", START);
                cr_assert(strstr(door_waiting()->body, part), "%zu: %s", i, door_waiting()->body);
                door_answer(200, "{}", START);
        }
}

/* They cannot be ours, and so tell a person: seen and read as such, and written as they are. */
Test(presence_longer, it_is_somebodys_and_written_whole) {
        struct claim_value other;

        output_presence.watching(f.output, true, START);
        output_presence.claim(
                f.output, &(struct output_claim){ .phase = CLAIM_HELD, .owed = true, .state_claimed = true }, START);
        for (size_t n = CLAIM_TEXT_MAX; n <= LONG; n += LONG - CLAIM_TEXT_MAX) {
                output_presence.presence(f.output, "online", message(n), START + 1);
                cr_assert_str_eq(f.heard.seen.state, "online");
                cr_assert(stands_in(&f.heard.seen));
                other = value;
                read_message(message(n));
                cr_assert_eq(f.read, MATRIX_OK, "%s", problem);
                cr_assert_str_empty(problem);
                cr_assert(claim_value_equal(&value, &f.heard.seen));
                cr_assert_not(claim_value_equal(&value, &other));
                expect_written(&value, message(n));
        }
        cr_assert_eq(f.heard.n_unsure, 0);
        output_presence.presence(f.output, "online", message(CLAIM_TEXT_MAX - 1), START + 2);
        cr_assert_not(stands_in(&f.heard.seen));
        expect_written(&f.heard.seen, message(CLAIM_TEXT_MAX - 1));
}

/* Where nothing is owed no claim begins over it, and people are told why. */
Test(presence_longer, a_read_before_a_claim_says_why_none_begins) {
        read_message(message(LONG));
        cr_assert_eq(f.read, MATRIX_OK);
        cr_assert(stands_in(&value));
        cr_assert(strstr(problem, "too long"), "'%s'", problem);
}

/* It showed last to a run that has ended: what is known of it. */
Test(presence_longer, another_run_writes_how_it_began) {
        struct claim_value v;
        char begun[LONG + 8];

        read_message(message(LONG));
        v = value;
        f.output = output_free(f.output);
        make_output();
        (void) snprintf(begun, sizeof(begun), "%.*s…", (int) strspn(v.text, "x"), v.text);
        cr_assert_geq(strlen(begun), 900);
        expect_written(&v, begun);
}

/* Our device's copy of it is known again by a later run. */
Test(presence_longer, a_copy_on_our_device_is_the_whole) {
        struct account_lessons lessons = { .sticks = false };
        struct output_request *request;

        f.facts.traits = server_traits_find("Tuwunel", "1.9.0");
        output_presence.claim(
                f.output, &(struct output_claim){ .phase = CLAIM_HELD, .owed = true, .state_claimed = true }, START);
        read_message(message(LONG));
        cr_assert_eq(output_presence.write(f.output, &value, START, on_written, NULL, &request), 0);
        cr_assert(strstr(door_waiting()->body, message(LONG)), "%s", door_waiting()->body);
        door_answer(200, "{}", START);
        output_presence.learned(f.output, &lessons);
        cr_assert_str_eq(lessons.words, value.text);
}
