/* What the user's other machines have told: how long it is believed, what changes it, how many there are. */
#include "matrix_heard_stage.h"

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

/* Its first word in a new run replaces the last one of before: this machine slept meanwhile. */
Test(peers, who_has_started_anew_is_done_with_what_was_before) {
        SCOPED(heard_free) struct heard *p = new_peers();
        struct claim_other c;

        cr_assert(take(p, TYPE, ENTRY("{\"presence\":" CLAIM ",\"profile\":" CLAIM "}")));
        cr_expect(take(p, TYPE, ENTRY("{\"profile\":" CLAIM "}")));
        c = only_claim(p, "presence");
        cr_expect(c.done && !c.live && !c.silent);
        cr_expect_str_eq(c.owed.prior.text, "Working", "whoever sees its value still knows what was before it");
        cr_expect(only_claim(p, "profile").live);
        cr_expect(take(p, TYPE, WITHOUT_CLAIMS));
        cr_expect(only_claim(p, "presence").done);
        cr_expect(only_claim(p, "profile").done);
        cr_expect(take(p, TYPE, PRESENCE(CLAIM)));
        cr_expect(only_claim(p, "presence").live, "and it owes again");
        cr_expect(only_claim(p, "profile").done);
}

Test(peers, what_was_done_before_makes_room_for_what_is_told) {
        SCOPED(heard_free) struct heard *p = new_peers();
        static const char *const others[] = { "a", "b", "c", "d" };

        cr_assert(take(p, TYPE, PRESENCE(CLAIM)));
        cr_assert(take(p, TYPE, ENTRY("{\"a\":" CLAIM ",\"b\":" CLAIM ",\"c\":" CLAIM ",\"d\":" CLAIM "}")));
        for (size_t i = 0; i < ARRAY_SIZE(others); i++)
                cr_expect(only_claim(p, others[i]).live);
        cr_expect_eq(n_claims(p, "presence"), 0);
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
        cr_expect_eq(n_claims(p, "presence"), HEARD_MAX, "and whoever sees its value still knows what was before it");
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

/* No account takes up one itself. */
Test(peers, who_has_an_id_that_is_too_long_is_not_heard) {
        SCOPED(heard_free) struct heard *p = new_peers();
        char type[ENTRY_TYPE_SIZE + 1];

        (void) snprintf(type, sizeof(type), ENTRY_TYPE "%0255d", 0);
        cr_expect(take(p, type, PRESENCE(CLAIM)));
        (void) snprintf(type, sizeof(type), ENTRY_TYPE "%0256d", 0);
        cr_expect_not(take(p, type, PRESENCE(CLAIM)));
}
