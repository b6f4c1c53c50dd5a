/* What the user's other machines have told: entries good and broken, how long they are believed, how many. */
#include <criterion/criterion.h>
#include <stdio.h>

#include "matrix/machines/heard.h"
#include "json/json.h"
#include "util/log.h"

/* The machine has been up for two hours. */
#define NOW (2 * USEC_PER_HOUR)

#define TYPE ENTRY_TYPE "D"

/* As busyd writes it; an hour of life. */
#define PRIOR   "\"prior\":{\"state\":\"online\",\"text\":\"Working\"}"
#define OURS    "\"ours\":[{\"state\":\"busy\",\"text\":\"In a call\"}]"
#define CLAIMED "\"state_claimed\":true,\"text_claimed\":true"
#define ORDER   "\"order\":1"
#define FLAGS   "\"live\":true,\"waits\":false,\"done\":false,\"text_lost\":false"
#define CLAIM   "{" PRIOR "," OURS "," CLAIMED "," ORDER "," FLAGS "}"
#define TIMES   "\"told\":1700000000000,\"expires\":1700003600000"

#define ENTRY(claims)              "{\"version\":1,\"claims\":" claims "," TIMES "}"
#define PRESENCE(claim)            ENTRY("{\"presence\":" claim "}")
#define TIMED(told, expires)       "{\"version\":1,\"claims\":{\"presence\":" CLAIM "}" told expires "}"
#define DONE                       "{" PRIOR "," OURS "," CLAIMED "," ORDER ",\"done\":true}"
#define WITH(prior, ours, claimed) "{" prior "," ours "," claimed "," FLAGS "}"
#define WITHOUT_CLAIMS             ENTRY("{}")
#define REPEAT_10(s)               s s s s s s s s s s
#define REPEAT_100(s)              REPEAT_10(REPEAT_10(s))
#define LONGEST_TEXT               REPEAT_100("0123456789") "01234567890123456789012"
#define LONGEST_STATE              REPEAT_10("0123456789ab") "0123456"
#define LONGEST_OUTPUT             "0123456789012345678901234567890"
#define VALUE(state, text)         "{\"state\":\"" state "\",\"text\":\"" text "\"}"
#define PRIOR_OF(state, text)      WITH("\"prior\":" VALUE(state, text), OURS, CLAIMED)
#define OURS_OF(values)            WITH(PRIOR, "\"ours\":" values, CLAIMED)

static json_t *json(const char *text) {
        json_t *v = NULL;

        cr_assert_eq(json_parse(text, strlen(text), &v), 0, "%s", text);
        return v;
}

static struct heard *new_peers(void) {
        struct heard *p = NULL;

        log_set_max_level(LOG_EMERG);
        cr_assert_eq(heard_new(&p), 0);
        return p;
}

static bool take(struct heard *p, const char *type, const char *content) {
        SCOPED(json_decref) json_t *v = json(content);

        return heard_take(p, type, v, 0, NOW);
}

/* One of many machines. */
static bool take_nth(struct heard *p, unsigned n, const char *content) {
        char type[64];

        snprintf(type, sizeof(type), ENTRY_TYPE "%u", n);
        return take(p, type, content);
}

static size_t n_claims(const struct heard *p, const char *output) {
        struct claim_other claims[HEARD_MAX];

        return heard_claims(p, output, "", claims);
}

static struct claim_other only_claim(const struct heard *p, const char *output) {
        struct claim_other claims[HEARD_MAX];

        cr_assert_eq(heard_claims(p, output, "", claims), 1, "%s", output);
        return claims[0];
}

/* ---- entries ---- */

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
        cr_expect_eq(n_claims(p, "a"), 0, "no longer told");
}

Test(peers, other_types_are_no_entries) {
        static const char *const types[] = { "", "m.direct", "org.busyd.claim", "org.busyd.claims.D",
                                             "x." ENTRY_TYPE "D" };
        SCOPED(heard_free) struct heard *p = new_peers();

        for (size_t i = 0; i < ARRAY_SIZE(types); i++)
                cr_expect_not(take(p, types[i], PRESENCE(CLAIM)), "%s", types[i]);
        cr_expect_not(heard_any(p));
}

/* ---- how long ---- */

#define TOLD            ",\"told\":1700000000000"
#define EXPIRES(msec)   ",\"expires\":" msec
#define IN_1_MINUTE     EXPIRES("1700000060000")
#define IN_2_HOURS      EXPIRES("1700007200000")
#define IN_2_HOURS_MORE EXPIRES("1700007200001")
#define IN_3_HOURS      EXPIRES("1700010800000")

static const struct {
        const char *what, *content;
        usec_t age;
        usec_t life; /* 0: over at the first sight */
} lives[] = {
        { "a minute", TIMED(TOLD, IN_1_MINUTE), 0, USEC_PER_MIN },
        { "a minute, half of it over", TIMED(TOLD, IN_1_MINUTE), USEC_PER_MIN / 2, USEC_PER_MIN / 2 },
        { "a minute, all but the last of it over", TIMED(TOLD, IN_1_MINUTE), USEC_PER_MIN - 1, 1 },
        { "a minute, all of it over", TIMED(TOLD, IN_1_MINUTE), USEC_PER_MIN, 0 },
        { "a minute, years ago", TIMED(TOLD, IN_1_MINUTE), 50000 * USEC_PER_HOUR, 0 },
        { "an age that cannot be", TIMED(TOLD, IN_1_MINUTE), USEC_NEVER, 0 },
        { "the longest", TIMED(TOLD, IN_2_HOURS), 0, ENTRY_LIFE_MAX },
        { "just above", TIMED(TOLD, IN_2_HOURS_MORE), 0, ENTRY_LIFE_MAX },
        { "longer than is believed", TIMED(TOLD, IN_3_HOURS), 0, ENTRY_LIFE_MAX },
        { "longer than is believed, an hour ago", TIMED(TOLD, IN_3_HOURS), USEC_PER_HOUR,
          ENTRY_LIFE_MAX - USEC_PER_HOUR },
        { "longer than is believed, two hours ago", TIMED(TOLD, IN_3_HOURS), ENTRY_LIFE_MAX, 0 },
        { "for ever", TIMED(TOLD, EXPIRES("9223372036854775807")), 0, ENTRY_LIFE_MAX },
        { "by a clock that never was set", TIMED(",\"told\":0", EXPIRES("60000")), 0, USEC_PER_MIN },
};

Test(peers, life) {
        for (size_t i = 0; i < ARRAY_SIZE(lives); i++) {
                SCOPED(heard_free) struct heard *p = new_peers();
                SCOPED(json_decref) json_t *content = json(lives[i].content);
                usec_t life = lives[i].life;

                cr_expect(heard_take(p, TYPE, content, lives[i].age, NOW), "%s", lives[i].what);
                cr_expect(heard_any(p), "%s", lives[i].what);
                cr_expect_eq(n_claims(p, "presence"), lives[i].age < ENTRY_KNOWN_MAX ? 1 : 0, "%s", lives[i].what);
                cr_expect_eq(heard_holds(p, "presence"), life > 0, "%s", lives[i].what);
                cr_expect_eq(heard_deadline(p), life > 0 ? NOW + life : USEC_NEVER, "%s", lives[i].what);
                cr_expect_not(heard_expire(p, NOW + (life > 0 ? life - 1 : 0)), "%s", lives[i].what);
                cr_expect_eq(heard_expire(p, NOW + life), life > 0, "%s", lives[i].what);
                cr_expect_not(heard_expire(p, NOW + life), "%s: once", lives[i].what);
        }
}

/* This machine was away for hours, and the other one has left to it what both had written. */
Test(peers, what_is_over_at_the_first_sight_is_done) {
        SCOPED(heard_free) struct heard *p = new_peers();
        SCOPED(json_decref) json_t *content = json(TIMED(TOLD, IN_2_HOURS));
        struct claim_other c;

        cr_assert(heard_take(p, TYPE, content, 3 * USEC_PER_HOUR, NOW));
        c = only_claim(p, "presence");
        cr_expect(c.done && c.silent && !c.live && !c.waits);
        cr_expect_str_eq(c.owed.prior.text, "Working");
}

/* Of one that has not said so nobody knows since when. */
Test(peers, who_says_that_it_is_done_has_been_for_as_long) {
        SCOPED(heard_free) struct heard *p = new_peers();
        SCOPED(json_decref) json_t *done = json(PRESENCE(DONE)), *over = json(TIMED(TOLD, IN_2_HOURS));

        cr_assert(heard_take(p, TYPE, done, USEC_PER_MIN, NOW));
        cr_expect_eq(only_claim(p, "presence").done_for, USEC_PER_MIN);
        cr_assert(heard_take(p, TYPE, over, 3 * USEC_PER_HOUR, NOW));
        cr_expect_eq(only_claim(p, "presence").done_for, 0);
        cr_assert(heard_take(p, TYPE, done, 3 * USEC_PER_HOUR, NOW));
        cr_expect_eq(only_claim(p, "presence").done_for, 3 * USEC_PER_HOUR);
}

Test(peers, what_is_not_believed_any_more_is_done) {
        SCOPED(heard_free) struct heard *p = new_peers();
        struct claim_other c;

        cr_assert(take(p, TYPE,
                       ENTRY("{\"presence\":" CLAIM ",\"profile\":{" PRIOR "," OURS "," CLAIMED ",\"waits\":true}}")));
        cr_assert(heard_expire(p, NOW + USEC_PER_HOUR));
        c = only_claim(p, "presence");
        cr_expect(c.done && c.silent && !c.live && !c.waits);
        cr_expect_str_eq(c.owed.prior.text, "Working", "whoever sees its value still knows what was before it");
        c = only_claim(p, "profile");
        cr_expect(c.done && !c.live && !c.waits);
        cr_expect_eq(heard_deadline(p), USEC_NEVER);
        cr_expect_not(heard_holds(p, "presence"));
        cr_expect(heard_any(p), "the machine is still there");
}

/* Neither one that has said so before it ran out, nor one that is logged out. */
Test(peers, who_was_done_has_not_fallen_silent) {
        SCOPED(heard_free) struct heard *p = new_peers();
        SCOPED(json_decref) json_t *done = json(PRESENCE(DONE)), *gone = json("{}");

        cr_assert(heard_take(p, TYPE, done, 3 * USEC_PER_HOUR, NOW));
        cr_expect_not(only_claim(p, "presence").silent);
        cr_assert(take(p, TYPE, ENTRY("{\"presence\":" CLAIM "}")));
        cr_assert(heard_expire(p, NOW + USEC_PER_HOUR));
        cr_expect(only_claim(p, "presence").silent);
        cr_assert(heard_take(p, TYPE, gone, 0, NOW));
        cr_expect_not(only_claim(p, "presence").silent);
}

Test(peers, what_is_done_needs_no_end) {
        SCOPED(heard_free) struct heard *p = new_peers();

        cr_assert(take(p, TYPE, PRESENCE(DONE)));
        cr_expect_eq(heard_deadline(p), USEC_NEVER);
        cr_expect_not(heard_expire(p, NOW + ENTRY_LIFE_MAX));
        cr_expect_eq(n_claims(p, "presence"), 1);
}

static const struct {
        const char *what, *devices;
        usec_t asked_at;
        bool gone;
} device_lists[] = {
        { "logged out", "[{\"device_id\":\"US\"}]", NOW, true },
        { "not the only one", "[{\"device_id\":\"PHONE\"},{\"device_id\":\"US\"}]", NOW + 1, true },
        { "still there", "[{\"device_id\":\"US\"},{\"device_id\":\"D\"}]", NOW, false },
        { "asked before it said that", "[{\"device_id\":\"US\"}]", NOW - 1, false },
        { "we are not there either", "[{\"device_id\":\"PHONE\"}]", NOW, false },
        { "nobody is", "[]", NOW, false },
        { "what makes no sense", "[7,{},{\"device_id\":1},{\"device_id\":\"US\"},null]", NOW, true },
};

Test(peers, who_has_logged_out_is_done) {
        for (size_t i = 0; i < ARRAY_SIZE(device_lists); i++) {
                SCOPED(heard_free) struct heard *p = new_peers();
                SCOPED(json_decref) json_t *devices = json(device_lists[i].devices);
                const char *what = device_lists[i].what;
                bool gone = device_lists[i].gone;

                cr_assert(take(p, TYPE, PRESENCE(CLAIM)));
                cr_assert(take_nth(p, 1, WITHOUT_CLAIMS));
                cr_expect_eq(heard_take_devices(p, devices, "US", device_lists[i].asked_at), gone, "%s", what);
                cr_expect_eq(only_claim(p, "presence").done, gone, "%s", what);
                cr_expect_eq(only_claim(p, "presence").live, !gone, "%s", what);
                cr_expect_eq(only_claim(p, "presence").silent, gone, "%s", what);
                cr_expect_not(heard_take_devices(p, devices, "US", device_lists[i].asked_at), "%s", what);
        }
}

Test(peers, the_first_deadline_of_all) {
        SCOPED(heard_free) struct heard *p = new_peers();

        cr_expect_eq(heard_deadline(p), USEC_NEVER);
        (void) take_nth(p, 1, PRESENCE(CLAIM));
        (void) take_nth(p, 2, TIMED(TOLD, IN_1_MINUTE));
        (void) take_nth(p, 3, TIMED(TOLD, IN_2_HOURS));
        (void) take_nth(p, 4, WITHOUT_CLAIMS);
        cr_expect_eq(heard_deadline(p), NOW + USEC_PER_MIN);
        cr_expect(heard_expire(p, NOW + USEC_PER_MIN));
        cr_expect_eq(heard_deadline(p), NOW + USEC_PER_HOUR);
}

/* ---- changes ---- */

Test(peers, the_same_again_changes_nothing) {
        SCOPED(heard_free) struct heard *p = new_peers();
        SCOPED(json_decref) json_t *content = json(PRESENCE(CLAIM));

        cr_assert(heard_take(p, TYPE, content, 0, NOW));
        cr_expect_not(heard_take(p, TYPE, content, 0, NOW + USEC_PER_MIN));
        cr_expect_not(take(p, TYPE, PRESENCE(CLAIM)), "in other bytes");
        cr_expect_eq(heard_deadline(p), NOW + USEC_PER_HOUR, "it does not live longer for it");
        cr_assert(heard_expire(p, NOW + USEC_PER_HOUR));
        cr_expect_not(heard_take(p, TYPE, content, 0, NOW + USEC_PER_HOUR));
        cr_expect(only_claim(p, "presence").done, "it does not come back");
}

Test(peers, told_again_it_lives_longer) {
        SCOPED(heard_free) struct heard *p = new_peers();
        SCOPED(json_decref) json_t *again = json(TIMED(",\"told\":1700001800000", ",\"expires\":1700005400000"));

        cr_assert(take(p, TYPE, PRESENCE(CLAIM)));
        cr_expect(heard_take(p, TYPE, again, 0, NOW + USEC_PER_HOUR / 2));
        cr_expect_eq(heard_deadline(p), NOW + USEC_PER_HOUR * 3 / 2);
        cr_expect(only_claim(p, "presence").live);
}

Test(peers, from_somebody_to_nobody) {
        SCOPED(heard_free) struct heard *p = new_peers();
        struct claim_other c;

        cr_expect_not(take(p, TYPE, "{}"), "nobody before");
        cr_assert(take(p, TYPE, PRESENCE(CLAIM)));
        cr_assert(take(p, ENTRY_TYPE "E", WITHOUT_CLAIMS));
        cr_expect(take(p, TYPE, "{}"));
        c = only_claim(p, "presence");
        cr_expect(c.done && !c.live);
        cr_expect_str_eq(c.owed.prior.text, "Working", "whoever sees its value still knows what was before it");
        cr_expect(heard_any(p), "the other one");
        cr_expect_not(take(p, TYPE, "{}"), "nobody again");
        cr_expect(take(p, ENTRY_TYPE "E", "{\"version\":2}"));
        cr_expect_not(heard_any(p));
}

Test(peers, resync) {
        SCOPED(heard_free) struct heard *p = new_peers();

        for (unsigned i = 0; i < 4; i++)
                cr_assert(take_nth(p, i, PRESENCE(CLAIM)));
        heard_resync_begin(p);
        cr_expect_not(take_nth(p, 3, PRESENCE(CLAIM)));
        cr_expect(take_nth(p, 1, PRESENCE(DONE)));
        cr_expect_eq(n_claims(p, "presence"), 4, "none is gone before the end");
        cr_expect(heard_resync_end(p));
        cr_expect_eq(n_claims(p, "presence"), 2);
        cr_expect_not(take_nth(p, 3, PRESENCE(CLAIM)), "it was kept");
        cr_expect(take_nth(p, 0, PRESENCE(CLAIM)), "it was not");

        heard_resync_begin(p);
        cr_expect(take_nth(p, 0, "{}"));
        (void) take_nth(p, 1, PRESENCE(DONE));
        (void) take_nth(p, 3, PRESENCE(CLAIM));
        cr_expect_not(heard_resync_end(p), "no more than those that said so");

        heard_resync_begin(p);
        cr_expect(heard_resync_end(p));
        cr_expect_not(heard_any(p));
        heard_resync_begin(p);
        cr_expect_not(heard_resync_end(p));
}

/* ---- many ---- */

Test(peers, a_limit_of_machines) {
        SCOPED(heard_free) struct heard *p = new_peers();

        for (unsigned i = 0; i < HEARD_MAX; i++)
                cr_assert(take_nth(p, i, PRESENCE(CLAIM)));
        cr_expect_not(take_nth(p, HEARD_MAX, PRESENCE(CLAIM)));
        cr_expect_eq(n_claims(p, "presence"), HEARD_MAX);
        cr_expect(take_nth(p, 3, WITHOUT_CLAIMS), "those that are known are still heard");
        cr_expect_eq(n_claims(p, "presence"), HEARD_MAX - 1);
        cr_expect(take_nth(p, HEARD_MAX, PRESENCE(CLAIM)), "one that owes nothing makes room");
        cr_expect_eq(n_claims(p, "presence"), HEARD_MAX);
        cr_expect_not(take_nth(p, 3, PRESENCE(CLAIM)), "it is not known any more");
        cr_expect(take_nth(p, 0, PRESENCE(DONE)));
        cr_expect(take_nth(p, 3, PRESENCE(CLAIM)), "nor does one that has given back");
        cr_expect(heard_expire(p, NOW + USEC_PER_HOUR));
        cr_expect(take_nth(p, 0, PRESENCE(CLAIM)), "nor one that is not believed any more");
        cr_expect_eq(n_claims(p, "presence"), HEARD_MAX);
}

static const struct {
        const char *what, *content;
        bool holds;
} holds[] = {
        { "on a call", PRESENCE(CLAIM), true },
        { "on a call, its text lost", PRESENCE("{" PRIOR "," OURS "," CLAIMED ",\"live\":true,\"text_lost\":true}"),
          true },
        { "the text only", PRESENCE(WITH(PRIOR, OURS, "\"state_claimed\":false,\"text_claimed\":true")), false },
        { "the state only", PRESENCE(WITH(PRIOR, OURS, "\"state_claimed\":true,\"text_claimed\":false")), true },
        { "gives back", PRESENCE("{" PRIOR "," OURS "," CLAIMED "}"), false },
        { "done", PRESENCE(DONE), false },
        { "elsewhere", ENTRY("{\"profile\":" CLAIM "}"), false },
        { "nothing", WITHOUT_CLAIMS, false },
};

Test(peers, hold) {
        for (size_t i = 0; i < ARRAY_SIZE(holds); i++) {
                SCOPED(heard_free) struct heard *p = new_peers();

                (void) take_nth(p, 1, PRESENCE(DONE));
                (void) take_nth(p, 2, holds[i].content);
                cr_expect_eq(heard_holds(p, "presence"), holds[i].holds, "%s", holds[i].what);
        }
}

Test(peers, who_comes_first) {
        SCOPED(heard_free) struct heard *p = new_peers();
        struct claim_other claims[HEARD_MAX];

        cr_assert(take(p, ENTRY_TYPE "AAAA", PRESENCE(CLAIM)));
        cr_assert(take(p, ENTRY_TYPE "ZZZZ", PRESENCE(DONE)));
        cr_assert_eq(heard_claims(p, "presence", "MMMM", claims), 2);
        for (size_t i = 0; i < 2; i++)
                cr_expect_eq(claims[i].first, claims[i].live, "AAAA before us, ZZZZ after us");
        cr_assert_eq(heard_claims(p, "presence", "ZZZZZ", claims), 2);
        cr_expect(claims[0].first && claims[1].first);
        cr_assert_eq(heard_claims(p, "presence", "AAA", claims), 2);
        cr_expect_not(claims[0].first || claims[1].first);
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
