/* The entries of the user's machines: good and broken ones of others, and our own. */
#include "matrix_heard_stage.h"

#define REPEAT_10(s)          s s s s s s s s s s
#define REPEAT_100(s)         REPEAT_10(REPEAT_10(s))
#define LONGEST_TEXT          REPEAT_100("0123456789") "01234567890123456789012"
#define LONGEST_STATE         REPEAT_10("0123456789ab") "0123456"
#define LONGEST_OUTPUT        "0123456789012345678901234567890"
#define VALUE(state, text)    "{\"state\":\"" state "\",\"text\":\"" text "\"}"
#define PRIOR_OF(state, text) WITH("\"prior\":" VALUE(state, text), OURS, CLAIMED)
#define OURS_OF(values)       WITH(PRIOR, "\"ours\":" values, CLAIMED)

/* ---- those of others ---- */

static const struct {
        const char *what, *content;
        bool exists;
        size_t n; /* claims on the presence */
} entries[] = {
        { "as busyd writes it", PRESENCE(CLAIM), true, 1 },
        { "nothing owed", WITHOUT_CLAIMS, true, 0 },
        { "on another output only", ENTRY("{\"profile\":" CLAIM "}"), true, 0 },
        { "members nobody knows",
          "{\"version\":1,\"x\":7,\"claims\":{\"presence\":{\"y\":[]," PRIOR "," OURS "," CLAIMED "," ORDER "}}," TIMES
          "}",
          true, 1 },

        { "logged out", "{}", false, 0 },
        { "a newer version", "{\"version\":2,\"claims\":{\"presence\":" CLAIM "}," TIMES "}", false, 0 },
        { "an older version", "{\"version\":0,\"claims\":{\"presence\":" CLAIM "}," TIMES "}", false, 0 },
        { "a version of another type", "{\"version\":\"1\",\"claims\":{\"presence\":" CLAIM "}," TIMES "}", false, 0 },
        { "a version with a fraction", "{\"version\":1.0,\"claims\":{\"presence\":" CLAIM "}," TIMES "}", false, 0 },
        { "no version", "{\"claims\":{\"presence\":" CLAIM "}," TIMES "}", false, 0 },
        { "no claims", "{\"version\":1," TIMES "}", false, 0 },
        { "claims as a list", ENTRY("[" CLAIM "]"), false, 0 },
        { "claims null", ENTRY("null"), false, 0 },
        { "a list", "[]", false, 0 },
        { "a number", "7", false, 0 },
        { "null", "null", false, 0 },

        { "a claim that is a number", PRESENCE("7"), true, 0 },
        { "a claim that is null", PRESENCE("null"), true, 0 },
        { "a claim that is a list", PRESENCE("[" CLAIM "]"), true, 0 },
        { "an empty claim", PRESENCE("{}"), true, 0 },
        { "a broken claim beside a good one", ENTRY("{\"profile\":7,\"presence\":" CLAIM ",\"x\":{}}"), true, 1 },

        { "live and done", PRESENCE("{" PRIOR "," OURS "," CLAIMED ",\"live\":true,\"done\":true}"), true, 0 },
        { "done", PRESENCE(DONE), true, 1 },
        { "flags missing", PRESENCE("{" PRIOR "," OURS "," CLAIMED "," ORDER "}"), true, 1 },
        { "an order too large", PRESENCE("{" PRIOR "," OURS "," CLAIMED ",\"order\":1000001}"), true, 0 },
        { "a negative order", PRESENCE("{" PRIOR "," OURS "," CLAIMED ",\"order\":-1}"), true, 0 },
        { "claimed is missing", PRESENCE(WITH(PRIOR, OURS, "\"text_claimed\":true")), true, 0 },
        { "claimed is a number", PRESENCE(WITH(PRIOR, OURS, "\"state_claimed\":1,\"text_claimed\":true")), true, 0 },

        { "no prior", PRESENCE("{" OURS "," CLAIMED "," FLAGS "}"), true, 0 },
        { "a prior that is a text", PRESENCE(WITH("\"prior\":\"online\"", OURS, CLAIMED)), true, 0 },
        { "a prior without a text", PRESENCE(WITH("\"prior\":{\"state\":\"online\"}", OURS, CLAIMED)), true, 0 },
        { "an empty prior", PRESENCE(PRIOR_OF("", "")), true, 1 },
        { "a text with a NUL", PRESENCE(PRIOR_OF("online", "a\\u0000b")), true, 0 },
        { "the longest prior", PRESENCE(PRIOR_OF(LONGEST_STATE, LONGEST_TEXT)), true, 1 },
        { "a state too long", PRESENCE(PRIOR_OF(LONGEST_STATE "x", "")), true, 0 },
        { "a text too long", PRESENCE(PRIOR_OF("", LONGEST_TEXT "x")), true, 0 },
        { "nothing of ours", PRESENCE(OURS_OF("[]")), true, 0 },
        { "two of ours", PRESENCE(OURS_OF("[" VALUE("busy", "a") "," VALUE("busy", "b") "]")), true, 1 },
        { "five of ours",
          PRESENCE(OURS_OF("[" VALUE("busy", "a") "," VALUE("busy", "b") "," VALUE("busy", "c") "," VALUE(
                  "busy", "d") "," VALUE("busy", "e") "]")),
          true, 0 },
        { "ours as an object", PRESENCE(OURS_OF(VALUE("busy", "a"))), true, 0 },
        { "a second one of ours that is none", PRESENCE(OURS_OF("[" VALUE("busy", "a") ",{}]")), true, 0 },
        { "a text of ours too long", PRESENCE(OURS_OF("[" VALUE("busy", LONGEST_TEXT "x") "]")), true, 0 },

        { "no time", TIMED("", ""), true, 0 },
        { "not told", TIMED("", ",\"expires\":1700003600000"), true, 0 },
        { "no end", TIMED(",\"told\":1700000000000", ""), true, 0 },
        { "told before the beginning", TIMED(",\"told\":-1", ",\"expires\":1700003600000"), true, 0 },
        { "an end before the beginning", TIMED(",\"told\":1700000000000", ",\"expires\":-1"), true, 0 },
        { "an end before it was told", TIMED(",\"told\":1700000000000", ",\"expires\":1699999999999"), true, 0 },
        { "no life at all", TIMED(",\"told\":1700000000000", ",\"expires\":1700000000000"), true, 0 },
        { "the smallest numbers", TIMED(",\"told\":-9223372036854775808", ",\"expires\":9223372036854775807"), true,
          0 },
        { "the largest numbers", TIMED(",\"told\":9223372036854775807", ",\"expires\":9223372036854775807"), true, 0 },
        { "an end that never comes", TIMED(",\"told\":0", ",\"expires\":9223372036854775807"), true, 1 },
        { "times as texts", TIMED(",\"told\":\"1700000000000\"", ",\"expires\":\"1700003600000\""), true, 0 },
        { "times with a fraction", TIMED(",\"told\":1.7e12", ",\"expires\":1.8e12"), true, 0 },
};

Test(peers, entries) {
        for (size_t i = 0; i < ARRAY_SIZE(entries); i++) {
                SCOPED(heard_free) struct heard *p = new_peers();

                cr_expect_eq(take(p, TYPE, entries[i].content), entries[i].exists, "%s", entries[i].what);
                cr_expect_eq(heard_any(p), entries[i].exists, "%s", entries[i].what);
                cr_expect_eq(n_claims(p, "presence"), entries[i].n, "%s", entries[i].what);
        }
}

Test(peers, what_a_claim_says) {
        SCOPED(heard_free) struct heard *p = new_peers();
        struct claim_other c;

        cr_assert(take(p, TYPE, PRESENCE(CLAIM)));
        c = only_claim(p, "presence");
        cr_expect_str_eq(c.owed.prior.state, "online");
        cr_expect_str_eq(c.owed.prior.text, "Working");
        cr_expect_eq(c.owed.n_ours, 1);
        cr_expect_str_eq(c.owed.ours[0].state, "busy");
        cr_expect_str_eq(c.owed.ours[0].text, "In a call");
        cr_expect_eq(c.owed.order, 1);
        cr_expect(c.owed.state_claimed && c.owed.text_claimed);
        cr_expect(c.live && !c.waits && !c.done && !c.text_lost);

        cr_assert(take(p, TYPE,
                       PRESENCE("{" PRIOR "," OURS "," CLAIMED "," ORDER
                                ",\"live\":1,\"waits\":true,\"done\":null,\"text_lost\":\"true\"}")));
        c = only_claim(p, "presence");
        cr_expect(!c.live && c.waits && !c.done && !c.text_lost, "only true is true");
}

Test(peers, outputs) {
        SCOPED(heard_free) struct heard *p = new_peers();
        size_t n = 0;

        cr_assert(take(p, TYPE,
                       ENTRY("{\"a\":" CLAIM ",\"b\":" CLAIM ",\"c\":" CLAIM ",\"d\":" CLAIM ",\"e\":" CLAIM
                             ",\"f\":" CLAIM "}")));
        for (char output[] = "a"; output[0] <= 'f'; output[0]++)
                n += n_claims(p, output);
        cr_expect_eq(n, ENTRY_CLAIMS_MAX);

        cr_assert(take(p, TYPE, ENTRY("{\"" LONGEST_OUTPUT "\":" CLAIM ",\"" LONGEST_OUTPUT "x\":" CLAIM "}")));
        cr_expect_eq(n_claims(p, LONGEST_OUTPUT), 1);
        cr_expect_eq(n_claims(p, LONGEST_OUTPUT "x"), 0, "too long");
        cr_expect(only_claim(p, "a").done, "no longer told");
}

Test(peers, other_types_are_no_entries) {
        static const char *const types[] = { "", "m.direct", "org.busyd.claim", "org.busyd.claims.D",
                                             "x." ENTRY_TYPE "D" };
        SCOPED(heard_free) struct heard *p = new_peers();

        for (size_t i = 0; i < ARRAY_SIZE(types); i++)
                cr_expect_not(take(p, types[i], PRESENCE(CLAIM)), "%s", types[i]);
        cr_expect_not(heard_any(p));
}

/* ---- our own ---- */

static struct claim_value value(const char *state, const char *text) {
        struct claim_value v;

        cr_assert_eq(claim_value_set(&v, state, text), 0);
        return v;
}

static void expect_same_claim(const struct claim_other *a, const struct claim_other *b, const char *what) {
        cr_expect(claim_value_equal(&a->owed.prior, &b->owed.prior), "%s", what);
        cr_assert_eq(a->owed.n_ours, b->owed.n_ours, "%s", what);
        for (unsigned i = 0; i < a->owed.n_ours; i++)
                cr_expect(claim_value_equal(&a->owed.ours[i], &b->owed.ours[i]), "%s", what);
        cr_expect_eq(a->owed.order, b->owed.order, "%s", what);
        cr_expect_eq(a->owed.state_claimed, b->owed.state_claimed, "%s", what);
        cr_expect_eq(a->owed.text_claimed, b->owed.text_claimed, "%s", what);
        cr_expect_eq(a->live, b->live, "%s", what);
        cr_expect_eq(a->waits, b->waits, "%s", what);
        cr_expect_eq(a->done, b->done, "%s", what);
        cr_expect_eq(a->withdrawn, b->withdrawn, "%s", what);
        cr_expect_eq(a->text_lost, b->text_lost, "%s", what);
        cr_expect_eq(a->late, b->late, "%s", what);
        cr_expect_eq(a->overwritten, b->overwritten, "%s", what);
        cr_expect_eq(a->put_back, b->put_back, "%s", what);
}

Test(peers, what_is_told_is_what_is_taken) {
        const struct entry_claim told[] = {
                { "presence",
                  { .live = true,
                    .text_lost = true,
                    .owed = { .prior = value("online", "\"at\" my desk \303\244"),
                              .ours = { value("busy", "In a call"), value("busy", "On the phone") },
                              .n_ours = 2,
                              .order = CLAIM_ORDER_MAX,
                              .state_claimed = true,
                              .text_claimed = true } } },
                { LONGEST_OUTPUT,
                  { .waits = true,
                    .withdrawn = true,
                    .overwritten = true,
                    .late = true,
                    .put_back = true,
                    .owed = { .prior = value("", ""),
                              .ours = { value("{}", "") },
                              .n_ours = 1,
                              .state_claimed = true } } },
                { "longest",
                  { .done = true,
                    .owed = { .prior = value(LONGEST_STATE, LONGEST_TEXT),
                              .ours = { value(LONGEST_STATE, LONGEST_TEXT) },
                              .n_ours = 1,
                              .order = 7,
                              .text_claimed = true } } },
                { "gives back", { .owed = { .n_ours = 1 } } },
        };
        SCOPED(heard_free) struct heard *p = new_peers();
        SCOPED(json_decref) json_t *entry = entry_new(told, ARRAY_SIZE(told), NOW);
        SCOPED(free) char *bytes = json_dumps(entry, 0);

        cr_assert_eq(ARRAY_SIZE(told), ENTRY_CLAIMS_MAX);
        cr_assert(take(p, TYPE, bytes));
        for (size_t i = 0; i < ARRAY_SIZE(told); i++) {
                struct claim_other taken = only_claim(p, told[i].output);

                expect_same_claim(&taken, &told[i].claim, told[i].output);
        }
        cr_expect_eq(heard_deadline(p), NOW + ENTRY_LIFE_MAX);
        cr_expect_eq(entry_told(entry), NOW);
}

Test(peers, that_it_exists) {
        SCOPED(heard_free) struct heard *p = new_peers();
        SCOPED(json_decref) json_t *entry = entry_new(NULL, 0, NOW);

        cr_assert(heard_take(p, TYPE, entry, 0, NOW));
        cr_expect(heard_any(p));
        cr_expect_eq(heard_deadline(p), USEC_NEVER);
        cr_expect_eq(json_object_size(json_object_get(entry, "claims")), 0);
}

static const struct {
        const char *what, *a, *b;
        bool same;
} sames[] = {
        { "all the same", PRESENCE(CLAIM), PRESENCE(CLAIM), true },
        { "told at another time", PRESENCE(CLAIM), TIMED(",\"told\":1", ",\"expires\":2"), true },
        { "without a time", PRESENCE(CLAIM), TIMED("", ""), true },
        { "in another order", PRESENCE(CLAIM), PRESENCE("{" FLAGS "," ORDER "," CLAIMED "," OURS "," PRIOR "}"),
          true },
        { "nothing owed", WITHOUT_CLAIMS, "{\"version\":1,\"claims\":{}}", true },
        { "another version", PRESENCE(CLAIM), "{\"version\":2,\"claims\":{\"presence\":" CLAIM "}," TIMES "}", false },
        { "another claim", PRESENCE(CLAIM), PRESENCE(DONE), false },
        { "on another output", PRESENCE(CLAIM), ENTRY("{\"profile\":" CLAIM "}"), false },
        { "one more", PRESENCE(CLAIM), ENTRY("{\"presence\":" CLAIM ",\"profile\":" CLAIM "}"), false },
        { "no longer", PRESENCE(CLAIM), WITHOUT_CLAIMS, false },
        { "logged out", WITHOUT_CLAIMS, "{}", false },
};

Test(peers, same) {
        for (size_t i = 0; i < ARRAY_SIZE(sames); i++) {
                SCOPED(json_decref) json_t *a = json(sames[i].a), *b = json(sames[i].b);

                cr_expect_eq(entry_same(a, b), sames[i].same, "%s", sames[i].what);
                cr_expect_eq(entry_same(b, a), sames[i].same, "%s", sames[i].what);
                cr_expect_not(entry_same(a, NULL), "%s", sames[i].what);
        }
}

static const struct {
        const char *what, *entry;
        usec_t told;
} tolds[] = {
        { "as busyd writes it", PRESENCE(CLAIM), UINT64_C(1700000000000000) },
        { "at the beginning", "{\"told\":0}", 0 },
        { "before it", "{\"told\":-1}", USEC_NEVER },
        { "after the end", "{\"told\":9223372036854775807}", USEC_NEVER },
        { "a text", "{\"told\":\"1\"}", USEC_NEVER },
        { "not at all", "{}", USEC_NEVER },
        { "no entry", "[]", USEC_NEVER },
};

Test(peers, told) {
        for (size_t i = 0; i < ARRAY_SIZE(tolds); i++) {
                SCOPED(json_decref) json_t *entry = json(tolds[i].entry);

                cr_expect_eq(entry_told(entry), tolds[i].told, "%s", tolds[i].what);
        }
        cr_expect_eq(entry_told(NULL), USEC_NEVER);
}
