/* What is owed, as JSON: it comes back as it was written, and nothing else is taken for it. */
#include <criterion/criterion.h>

#include "state/owed.h"
#include "json/json.h"

#define PRIOR      "\"prior\":{\"state\":\"online\",\"text\":\"Working\"}"
#define BUSY(text) "{\"state\":\"busy\",\"text\":\"" text "\"}"
#define OURS       "\"ours\":[" BUSY("In a call") "]"
#define CLAIMED    "\"state_claimed\":true,\"text_claimed\":false"
#define ORDER      "\"order\":7"

#define WITH_PRIOR(prior)     "{" prior "," OURS "," CLAIMED "," ORDER "}"
#define WITH_OURS(ours)       "{" PRIOR "," ours "," CLAIMED "," ORDER "}"
#define WITH_CLAIMED(claimed) "{" PRIOR "," OURS "," claimed "," ORDER "}"
#define WITH_ORDER(order)     "{" PRIOR "," OURS "," CLAIMED "," order "}"

static struct claim_value value(const char *state, const char *text) {
        struct claim_value v;

        cr_assert_eq(claim_value_set(&v, state, text), 0);
        return v;
}

static void expect_same(const struct claim_owed *a, const struct claim_owed *b, const char *what) {
        cr_expect(claim_value_equal(&a->prior, &b->prior), "%s", what);
        cr_assert_eq(a->n_ours, b->n_ours, "%s", what);
        for (unsigned i = 0; i < a->n_ours; i++)
                cr_expect(claim_value_equal(&a->ours[i], &b->ours[i]), "%s", what);
        cr_expect_eq(a->order, b->order, "%s", what);
        cr_expect_eq(a->secondhand, b->secondhand, "%s", what);
        cr_expect_eq(a->alone, b->alone, "%s", what);
        cr_expect_eq(a->state_claimed, b->state_claimed, "%s", what);
        cr_expect_eq(a->text_claimed, b->text_claimed, "%s", what);
        cr_expect_eq(a->added, b->added, "%s", what);
        cr_expect_eq(a->unsure, b->unsure, "%s", what);
        cr_expect_eq(a->given_back, b->given_back, "%s", what);
        cr_expect_eq(a->ahead, b->ahead, "%s", what);
}

static json_t *json(const char *text) {
        json_t *o = NULL;

        cr_assert_eq(json_parse(text, strlen(text), &o), 0, "%s", text);
        return o;
}

Test(owed, round_trip) {
        const struct {
                const char *what;
                struct claim_owed owed;
        } rows[] = {
                { "both parts",
                  { .prior = value("online", "\"at\" my desk \303\244\n"),
                    .ours = { value("busy", "In a call") },
                    .n_ours = 1,
                    .order = 1,
                    .state_claimed = true,
                    .text_claimed = true } },
                { "a changed one not yet acknowledged",
                  { .prior = value("offline", ""),
                    .ours = { value("busy", "a"), value("busy", "b"), value("busy", ""), value("busy", "In a call") },
                    .n_ours = 4,
                    .order = CLAIM_ORDER_MAX,
                    .text_claimed = true } },
                { "a write under way",
                  { .prior = value("online", ""),
                    .ours = { value("busy", "In a call") },
                    .n_ours = 1,
                    .order = 1,
                    .state_claimed = true,
                    .unsure = true,
                    .given_back = true } },
                { "ahead of a call",
                  { .prior = value("online", ""),
                    .ours = { value("busy", "In a call") },
                    .n_ours = 1,
                    .order = 1,
                    .state_claimed = true,
                    .unsure = true,
                    .given_back = true,
                    .ahead = true } },
                { "grown by a state",
                  { .prior = value("offline", "Lunch"),
                    .ours = { value("busy", "In a call") },
                    .n_ours = 1,
                    .state_claimed = true,
                    .text_claimed = true,
                    .added = CLAIM_STATE } },
                { "grown by words",
                  { .prior = value("offline", "Lunch"),
                    .ours = { value("busy", "In a call") },
                    .n_ours = 1,
                    .state_claimed = true,
                    .text_claimed = true,
                    .added = CLAIM_TEXT } },
                { "a prior not found at first hand, as it is told",
                  { .prior = value("", ""), .ours = { value("{}", "") }, .n_ours = 1, .state_claimed = true } },
                { "... and as it is kept",
                  { .prior = value("", ""),
                    .ours = { value("{}", "") },
                    .n_ours = 1,
                    .order = 2,
                    .secondhand = true,
                    .alone = true,
                    .state_claimed = true } },
        };

        for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
                SCOPED(json_decref) json_t *o = owed_to_json(&rows[i].owed);
                SCOPED(free) char *bytes = json_dumps(o, 0);
                SCOPED(json_decref) json_t *again = json(bytes);
                struct claim_owed back;

                cr_assert(owed_from_json(again, &back), "%s: %s", rows[i].what, bytes);
                expect_same(&back, &rows[i].owed, rows[i].what);
        }
}

Test(owed, longest) {
        struct claim_owed owed = { .n_ours = 1, .order = 1, .state_claimed = true }, back;
        SCOPED(json_decref) json_t *o = NULL;

        memset(owed.prior.state, 's', CLAIM_STATE_MAX - 1);
        memset(owed.prior.text, 't', CLAIM_TEXT_MAX - 1);
        owed.ours[0] = owed.prior;
        o = owed_to_json(&owed);
        cr_assert(owed_from_json(o, &back));
        expect_same(&back, &owed, "longest");
}

static const struct {
        const char *what, *json;
        unsigned order; /* 0 to CLAIM_ORDER_MAX */
} good[] = {
        { "as it is written", WITH_ORDER(ORDER), 7 },
        { "of before there were other machines", "{" PRIOR "," OURS "," CLAIMED "}", 1 },
        { "the lowest order", WITH_ORDER("\"order\":0"), 0 },
        { "the highest order", WITH_ORDER("\"order\":1000000"), CLAIM_ORDER_MAX },
        { "members nobody knows", WITH_ORDER("\"x\":[]," ORDER ",\"since_wall\":1,\"account\":\"work\""), 7 },
};

Test(owed, good_ones) {
        const struct claim_owed want = { .prior = value("online", "Working"),
                                         .ours = { value("busy", "In a call") },
                                         .n_ours = 1,
                                         .state_claimed = true };

        for (size_t i = 0; i < ARRAY_SIZE(good); i++) {
                SCOPED(json_decref) json_t *o = json(good[i].json);
                struct claim_owed owed, expected = want;

                cr_assert(owed_from_json(o, &owed), "%s", good[i].what);
                expected.order = good[i].order;
                expect_same(&owed, &expected, good[i].what);
        }
}

static const struct {
        const char *what, *json;
} bad[] = {
        { "nothing in it", "{}" },
        { "a list", "[]" },
        { "null", "null" },
        { "order below", WITH_ORDER("\"order\":-1") },
        { "order above", WITH_ORDER("\"order\":1000001") },
        { "order far below", WITH_ORDER("\"order\":-9223372036854775808") },
        { "order far above", WITH_ORDER("\"order\":4294967297") },
        { "order of another type", WITH_ORDER("\"order\":\"7\"") },
        { "order with a fraction", WITH_ORDER("\"order\":7.0") },
        { "order null", WITH_ORDER("\"order\":null") },
        { "nothing of ours", WITH_OURS("\"ours\":[]") },
        { "five of ours",
          WITH_OURS("\"ours\":[" BUSY("a") "," BUSY("b") "," BUSY("c") "," BUSY("d") "," BUSY("e") "]") },
        { "ours missing", WITH_OURS("\"x\":1") },
        { "ours as an object", WITH_OURS("\"ours\":" BUSY("a")) },
        { "ours as texts", WITH_OURS("\"ours\":[\"busy\"]") },
        { "ours without a state", WITH_OURS("\"ours\":[{\"text\":\"a\"}]") },
        { "a second one that is none", WITH_OURS("\"ours\":[" BUSY("a") ",null]") },
        { "prior missing", WITH_PRIOR("\"x\":1") },
        { "prior null", WITH_PRIOR("\"prior\":null") },
        { "prior without a text", WITH_PRIOR("\"prior\":{\"state\":\"online\"}") },
        { "prior with a text of another type", WITH_PRIOR("\"prior\":{\"state\":\"online\",\"text\":null}") },
        { "prior with a NUL", WITH_PRIOR("\"prior\":{\"state\":\"online\\u0000\",\"text\":\"\"}") },
        { "state_claimed missing", WITH_CLAIMED("\"text_claimed\":true") },
        { "text_claimed missing", WITH_CLAIMED("\"state_claimed\":true") },
        { "state_claimed as a number", WITH_CLAIMED("\"state_claimed\":1,\"text_claimed\":true") },
        { "text_claimed as a text", WITH_CLAIMED("\"state_claimed\":true,\"text_claimed\":\"true\"") },
};

Test(owed, bad_ones_change_nothing) {
        const struct claim_owed before = { .prior = value("before", ""), .n_ours = 1, .order = 3 };

        for (size_t i = 0; i < ARRAY_SIZE(bad); i++) {
                SCOPED(json_decref) json_t *o = json(bad[i].json);
                struct claim_owed owed = before;

                cr_expect_not(owed_from_json(o, &owed), "%s", bad[i].what);
                expect_same(&owed, &before, bad[i].what);
        }
        cr_expect_not(owed_from_json(NULL, &(struct claim_owed){}));
}

Test(owed, too_long) {
        static const size_t too_long[] = { CLAIM_STATE_MAX, CLAIM_TEXT_MAX };
        static const char *const members[] = { "state", "text" };

        for (size_t i = 0; i < ARRAY_SIZE(members); i++) {
                SCOPED(json_decref) json_t *o = json(WITH_ORDER(ORDER));
                char text[CLAIM_TEXT_MAX + 1] = "";
                struct claim_owed owed;

                memset(text, 'x', too_long[i] - 1);
                json_object_set_new(json_object_get(o, "prior"), members[i], json_string(text));
                cr_expect(owed_from_json(o, &owed), "%s", members[i]);
                text[too_long[i] - 1] = 'x';
                json_object_set_new(json_object_get(o, "prior"), members[i], json_string(text));
                cr_expect_not(owed_from_json(o, &owed), "%s", members[i]);
        }
}
