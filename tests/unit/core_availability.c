/* The availability policy on a virtual clock: rows of what happens when, and what the verdict must be then. */
#include <criterion/criterion.h>
#include <errno.h>

#include "core/availability.h"

#define S USEC_PER_SEC

enum what {
        LOOK,
        PROOF, /* a call with proof is reported, by the row's source */
        STRONG,
        WEAK,
        TAB, /* weak, of another program */
        RINGS_IN,
        RINGS_OUT,
        HELD,
        ENDS,
        SAY_BUSY,
        SAY_FREE,
        SAY_FREE_FOR_A_MINUTE,
        SAY_FREE_UNTIL_CALLS_END,
        SAY_FREE_UNTIL_CALLS_END_IN_VAIN,
        ENDS_AND_SAY_FREE,
        BLIND, /* the source cannot tell any more */
        SEES,
        SAY_AUTO,
        SAY_PAUSED,
};

struct row {
        const char *what;
        usec_t at; /* seconds */
        enum what input;
        const char *source;
        bool busy;
        usec_t wake_at; /* seconds; 0: not at all */
};

#define START 1000

static int report(struct call_table *calls, const struct row *row, enum call_phase phase, enum call_evidence evidence,
                  usec_t now) {
        int r = call_table_report(calls, &(struct call_report){ .source = row->source,
                                                                .id = "1",
                                                                .app = row->input == TAB ? "browser" : "app",
                                                                .what = "test",
                                                                .phase = phase,
                                                                .evidence = evidence,
                                                                .lasts = USEC_NEVER });

        call_table_date(calls, now);
        return r;
}

static void feed(struct availability *a, struct call_table *calls, const struct row *row, usec_t now) {
        switch (row->input) {
        case LOOK:
                return;
        case PROOF:
                cr_assert_geq(report(calls, row, CALL_ACTIVE, EVIDENCE_PROOF, now), 0);
                return;
        case STRONG:
                cr_assert_geq(report(calls, row, CALL_ACTIVE, EVIDENCE_STRONG, now), 0);
                return;
        case WEAK:
        case TAB:
                cr_assert_geq(report(calls, row, CALL_ACTIVE, EVIDENCE_WEAK, now), 0);
                return;
        case RINGS_IN:
                cr_assert_geq(report(calls, row, CALL_RINGING_IN, EVIDENCE_PROOF, now), 0);
                return;
        case RINGS_OUT:
                cr_assert_geq(report(calls, row, CALL_RINGING_OUT, EVIDENCE_PROOF, now), 0);
                return;
        case HELD:
                cr_assert_geq(report(calls, row, CALL_HELD, EVIDENCE_PROOF, now), 0);
                return;
        case ENDS:
                cr_assert_eq(call_table_end(calls, row->source, "1"), 1);
                return;
        case SAY_BUSY:
                availability_set_mode(a, MODE_BUSY, USEC_NEVER, calls, now);
                return;
        case SAY_FREE:
                availability_set_mode(a, MODE_FREE, USEC_NEVER, calls, now);
                return;
        case SAY_FREE_FOR_A_MINUTE:
                availability_set_mode(a, MODE_FREE, now + 60 * S, calls, now);
                return;
        case SAY_FREE_UNTIL_CALLS_END:
                cr_assert_eq(availability_free_until_calls_end(a, calls, now), 0);
                return;
        case SAY_FREE_UNTIL_CALLS_END_IN_VAIN:
                cr_assert_eq(availability_free_until_calls_end(a, calls, now), -ENOENT);
                return;
        case ENDS_AND_SAY_FREE:
                cr_assert_eq(call_table_end(calls, row->source, "1"), 1);
                availability_set_mode(a, MODE_FREE, USEC_NEVER, calls, now);
                return;
        case BLIND:
        case SEES:
                availability_set_blind(a, row->source, row->input == BLIND ? 30 * 60 * S : 0);
                return;
        case SAY_AUTO:
                availability_set_mode(a, MODE_AUTO, USEC_NEVER, calls, now);
                return;
        case SAY_PAUSED:
                availability_set_mode(a, MODE_PAUSED, USEC_NEVER, calls, now);
                return;
        }
}

static const struct availability_policy usual = AVAILABILITY_POLICY_DEFAULT;

/* No call yet, and each source has told all it knows. */
static void begin(struct availability *a, struct call_table **calls, const struct availability_policy *policy) {
        cr_assert_eq(call_table_new(calls), 0);
        availability_init(a, policy, START * S);
        availability_settle(a);
}

static void play(const struct availability_policy *policy, const struct row *rows, size_t n) {
        struct call_table *calls = NULL;
        struct availability a;

        begin(&a, &calls, policy);
        for (size_t i = 0; i < n; i++) {
                usec_t now = (START + rows[i].at) * S,
                       wake_at = rows[i].wake_at ? (START + rows[i].wake_at) * S : USEC_NEVER;
                struct availability_verdict v;

                feed(&a, calls, &rows[i], now);
                v = availability_decide(&a, calls, now);
                cr_expect_eq(v.busy, rows[i].busy, "%s: busy is %d", rows[i].what, v.busy);
                cr_expect_eq(v.wake_at, wake_at, "%s: wakes at %llu s", rows[i].what,
                             v.wake_at == USEC_NEVER ? 0ULL : (unsigned long long) (v.wake_at / S) - START);
        }
        call_table_free(calls);
}

#define PLAY(policy, rows) play(policy, rows, ARRAY_SIZE(rows))

Test(availability, proof_counts_at_once_and_outlives_the_call_by_its_grace) {
        static const struct row rows[] = {
                { "nothing", 0, LOOK, NULL, false, 0 },       { "a call", 1, PROOF, "matrix", true, 0 },
                { "held", 2, HELD, "matrix", true, 0 },       { "over", 10, ENDS, "matrix", true, 15 },
                { "in the grace", 14, LOOK, NULL, true, 15 }, { "free again", 15, LOOK, NULL, false, 0 },
        };

        PLAY(&usual, rows);
}

Test(availability, a_reconnect_within_the_grace_does_not_flap) {
        static const struct row rows[] = {
                { "a call", 0, PROOF, "matrix", true, 0 },
                { "cut", 10, ENDS, "matrix", true, 15 },
                { "back", 12, PROOF, "matrix", true, 0 },
                { "still", 16, LOOK, NULL, true, 0 },
        };

        PLAY(&usual, rows);
}

Test(availability, a_hint_must_stand_unbroken) {
        static const struct row rows[] = {
                { "a hint", 0, STRONG, "pipewire", false, 3 }, { "gone too soon", 2, ENDS, "pipewire", false, 60 },
                { "again", 4, STRONG, "pipewire", false, 7 },  { "not yet", 6, LOOK, NULL, false, 7 },
                { "counts", 7, LOOK, NULL, true, 0 },          { "over", 20, ENDS, "pipewire", true, 30 },
                { "free", 30, LOOK, NULL, false, 0 },
        };

        PLAY(&usual, rows);
}

Test(availability, weak_evidence_counts_only_seconded_by_another_source) {
        static const struct row rows[] = {
                { "weak", 0, WEAK, "pipewire", false, 0 }, { "seconded", 10, WEAK, "inhibitors", false, 13 },
                { "counts", 13, LOOK, NULL, true, 0 },     { "one gone", 20, ENDS, "inhibitors", true, 30 },
                { "free", 30, LOOK, NULL, false, 0 },
        };
        static const struct row counted[] = {
                { "weak", 0, WEAK, "pipewire", false, 3 },
                { "counts", 3, LOOK, NULL, true, 0 },
        };
        struct availability_policy count = AVAILABILITY_POLICY_DEFAULT;

        PLAY(&usual, rows);
        count.count_weak = true;
        PLAY(&count, counted);
}

/* Plays one row, and tells whether busy is likely then. */
static bool likely_after(struct availability *a, struct call_table *calls, struct row row) {
        usec_t now = (START + row.at) * S;

        feed(a, calls, &row, now);
        return availability_decide(a, calls, now).likely;
}

Test(availability, busy_is_likely_while_a_call_rings_or_has_to_stand_and_a_minute_after) {
        struct call_table *calls = NULL;
        struct availability a;

        begin(&a, &calls, &usual);
        cr_expect_not(likely_after(&a, calls, (struct row){ .input = LOOK }));
        cr_expect_not(likely_after(&a, calls, (struct row){ .at = 1, .input = WEAK, .source = "camera" }));
        cr_expect(likely_after(&a, calls, (struct row){ .at = 2, .input = STRONG, .source = "microphone" }));
        cr_expect(likely_after(&a, calls, (struct row){ .at = 3, .input = ENDS, .source = "microphone" }));
        cr_expect(likely_after(&a, calls, (struct row){ .at = 4, .input = RINGS_IN, .source = "matrix" }));
        cr_expect_not(likely_after(&a, calls, (struct row){ .at = 5, .input = PROOF, .source = "matrix" }), "it is");
        cr_expect_not(likely_after(&a, calls, (struct row){ .at = 6, .input = ENDS, .source = "matrix" }));
        cr_expect_not(likely_after(&a, calls, (struct row){ .at = 20, .input = LOOK }), "nothing of before counts");
        cr_expect(likely_after(&a, calls, (struct row){ .at = 21, .input = RINGS_OUT, .source = "matrix" }));
        cr_expect(likely_after(&a, calls, (struct row){ .at = 22, .input = ENDS, .source = "matrix" }));
        cr_expect(likely_after(&a, calls, (struct row){ .at = 80, .input = LOOK }), "for those that come and go");
        cr_expect_not(likely_after(&a, calls, (struct row){ .at = 81, .input = LOOK }));
        cr_expect(likely_after(&a, calls, (struct row){ .at = 82, .input = RINGS_IN, .source = "matrix" }));
        cr_expect_not(likely_after(&a, calls, (struct row){ .at = 83, .input = SAY_PAUSED }), "by hand it is not");
        call_table_free(calls);
}

Test(availability, ringing_counts_as_configured) {
        static const struct row no[] = {
                { "rings", 0, RINGS_IN, "a", false, 60 },
                { "rings out", 0, RINGS_OUT, "b", false, 60 },
                { "answered", 5, PROOF, "a", true, 0 },
        };
        static const struct row outgoing[] = {
                { "rings", 0, RINGS_IN, "a", false, 60 },
                { "rings out", 1, RINGS_OUT, "b", true, 0 },
        };
        static const struct row all[] = { { "rings", 0, RINGS_IN, "a", true, 0 } };
        struct availability_policy policy = AVAILABILITY_POLICY_DEFAULT;

        PLAY(&policy, no);
        policy.ringing = RINGING_OUTGOING;
        PLAY(&policy, outgoing);
        policy.ringing = RINGING_ALL;
        PLAY(&policy, all);
}

Test(availability, free_by_hand_lasts_as_long_as_the_calls_of_its_moment) {
        static const struct row rows[] = {
                { "a call", 0, PROOF, "matrix", true, 0 },
                { "free", 5, SAY_FREE, NULL, false, 0 },
                { "another call meanwhile", 8, PROOF, "modem", false, 0 },
                { "the first is over", 10, ENDS, "matrix", false, 20 },
                { "the other counts after it", 20, LOOK, NULL, true, 0 },
        };
        static const struct row alone[] = {
                { "a call", 0, PROOF, "matrix", true, 0 },
                { "free", 5, SAY_FREE_UNTIL_CALLS_END, NULL, false, 0 },
                { "over", 10, ENDS, "matrix", false, 20 },
                { "auto again", 20, LOOK, NULL, false, 0 },
                { "a new call counts", 25, PROOF, "matrix", true, 0 },
        };
        static const struct row without_a_call[] = {
                { "free", 0, SAY_FREE, NULL, false, 0 },
                { "a call does not count", 5, PROOF, "matrix", false, 0 },
                { "auto", 6, SAY_AUTO, NULL, true, 0 },
        };
        static const struct row timed[] = {
                { "free for a minute", 0, SAY_FREE_FOR_A_MINUTE, NULL, false, 60 },
                { "a call", 5, PROOF, "matrix", false, 60 },
                { "over", 60, LOOK, NULL, true, 0 },
        };

        PLAY(&usual, rows);
        PLAY(&usual, alone);
        PLAY(&usual, without_a_call);
        PLAY(&usual, timed);
}

Test(availability, free_holds_for_its_calls_however_often_their_streams_are_made_anew) {
        static const struct row rows[] = {
                { "a call", 0, STRONG, "pipewire", false, 3 },
                { "counts", 3, LOOK, NULL, true, 0 },
                { "free", 5, SAY_FREE, NULL, false, 0 },
                { "its stream is gone", 10, ENDS, "pipewire", false, 20 },
                { "and made anew", 12, STRONG, "pipewire", false, 15 },
                { "which is no new call", 30, LOOK, NULL, false, 0 },
                { "once more", 40, ENDS, "pipewire", false, 50 },
                { "just in time", 49, STRONG, "pipewire", false, 52 },
                { "still the same", 60, LOOK, NULL, false, 0 },
                { "over", 70, ENDS, "pipewire", false, 80 },
                { "the grace is over", 80, LOOK, NULL, false, 0 },
                { "after that it is a new one", 81, STRONG, "pipewire", false, 84 },
                { "and counts", 84, LOOK, NULL, true, 0 },
        };

        PLAY(&usual, rows);
}

/* What a program is called may be known only later. */
Test(availability, free_holds_for_a_call_whose_application_becomes_known) {
        struct call_report r = { .source = "pipewire",
                                 .id = "1",
                                 .app = "",
                                 .what = "test",
                                 .phase = CALL_ACTIVE,
                                 .evidence = EVIDENCE_PROOF,
                                 .lasts = USEC_NEVER };
        struct call_table *calls = NULL;
        struct availability a;

        begin(&a, &calls, &usual);
        cr_assert_eq(call_table_report(calls, &r), 1);
        call_table_date(calls, START * S);
        cr_assert_eq(availability_free_until_calls_end(&a, calls, START * S), 0);
        r.app = "zoom";
        cr_assert_eq(call_table_report(calls, &r), 1);
        (void) availability_decide(&a, calls, (START + 1) * S);
        cr_assert_eq(availability_decide(&a, calls, (START + 60) * S).wake_at, USEC_NEVER);
        cr_assert_eq(a.mode, MODE_FREE);
        call_table_free(calls);
}

/* The grace is over with the user's word, also for what they say next. */
Test(availability, free_ends_the_grace_of_a_call) {
        static const struct row rows[] = {
                { "a call", 0, PROOF, "matrix", true, 0 },
                { "it is over, and may come back", 10, ENDS, "matrix", true, 15 },
                { "free", 12, SAY_FREE_FOR_A_MINUTE, NULL, false, 72 },
                { "and all by itself again", 14, SAY_AUTO, NULL, false, 0 },
        };

        PLAY(&usual, rows);
}

/* A tab with a data channel is no call: it neither keeps a free going nor is one to wait for. */
Test(availability, free_is_for_what_counts_and_nothing_else) {
        static const struct row rows[] = {
                { "a tab", 0, TAB, "inhibitors", false, 0 },    { "a call elsewhere", 1, PROOF, "matrix", true, 0 },
                { "free", 2, SAY_FREE, NULL, false, 0 },        { "the call is over", 10, ENDS, "matrix", false, 20 },
                { "and so is free", 20, LOOK, NULL, false, 0 }, { "a new call counts", 21, PROOF, "matrix", true, 0 },
        };
        static const struct row pending[] = {
                { "a call that will count", 0, STRONG, "pipewire", false, 3 },
                { "free before it does", 1, SAY_FREE_UNTIL_CALLS_END, NULL, false, 3 },
                { "not when it would", 3, LOOK, NULL, false, 0 },
                { "over", 9, ENDS, "pipewire", false, 19 },
        };
        static const struct row alone[] = {
                { "a tab", 0, TAB, "inhibitors", false, 0 },
                { "nothing to wait for", 1, SAY_FREE_UNTIL_CALLS_END_IN_VAIN, NULL, false, 0 },
        };

        PLAY(&usual, rows);
        PLAY(&usual, pending);
        PLAY(&usual, alone);
}

Test(availability, free_said_in_the_grace_ends_with_it) {
        static const struct row rows[] = {
                { "a call", 0, PROOF, "matrix", true, 0 },
                { "over", 10, ENDS, "matrix", true, 15 },
                { "free in the grace", 12, SAY_FREE, NULL, false, 15 },
                { "the grace is over", 15, LOOK, NULL, false, 0 },
                { "a new call counts", 60, PROOF, "matrix", true, 0 },
        };
        static const struct row reconnect[] = {
                { "a call", 0, PROOF, "matrix", true, 0 },
                { "cut", 10, ENDS, "matrix", true, 15 },
                { "free in the grace", 12, SAY_FREE_UNTIL_CALLS_END, NULL, false, 15 },
                { "back: the call that was meant", 14, PROOF, "matrix", false, 0 },
                { "so it stays", 30, LOOK, NULL, false, 0 },
                { "over", 40, ENDS, "matrix", false, 50 },
                { "free once more in that grace", 45, SAY_FREE, NULL, false, 50 },
                { "over", 50, LOOK, NULL, false, 0 },
                { "a new call counts", 51, PROOF, "matrix", true, 0 },
        };
        static const struct row other[] = {
                { "a call", 0, PROOF, "matrix", true, 0 },
                { "over", 10, ENDS, "matrix", true, 15 },
                { "free", 15, LOOK, NULL, false, 0 },
                { "another call", 20, PROOF, "modem", true, 0 },
                { "over", 30, ENDS, "modem", true, 35 },
                { "free in its grace", 31, SAY_FREE, NULL, false, 35 },
                { "the first is not meant", 32, PROOF, "matrix", false, 35 },
                { "and counts", 35, LOOK, NULL, true, 0 },
        };
        static const struct row unseen[] = {
                { "a call", 0, PROOF, "matrix", true, 0 },
                { "free right after its end", 10, ENDS_AND_SAY_FREE, "matrix", false, 15 },
                { "over", 15, LOOK, NULL, false, 0 },
                { "a new call counts", 16, PROOF, "matrix", true, 0 },
        };

        /* Somebody else's session comes to the front: whether the call is over cannot be told. */
        static const struct row away[] = {
                { "a call", 0, PROOF, "pipewire", true, 0 },
                { "not seen any more", 10, ENDS, "pipewire", true, 15 },
                { "as its source rests", 10, BLIND, "pipewire", true, 15 },
                { "free in the grace", 12, SAY_FREE, NULL, false, 30 * 60 },
                { "not over with it", 15, LOOK, NULL, false, 30 * 60 },
                { "in front again: the call that was meant", 40, PROOF, "pipewire", false, 0 },
                { "and the source tells", 40, SEES, "pipewire", false, 0 },
                { "over", 50, ENDS, "pipewire", false, 60 },
                { "auto again", 60, LOOK, NULL, false, 0 },
        };

        PLAY(&usual, rows);
        PLAY(&usual, reconnect);
        PLAY(&usual, unseen);
        PLAY(&usual, other);
        PLAY(&usual, away);
}

/* Somebody else's session is in front for a while, or PipeWire starts anew: nobody says that the call is over. */
Test(availability, free_outlives_a_source_that_cannot_tell) {
        static const struct row rows[] = {
                { "a call", 0, PROOF, "telephony", true, 0 },
                { "free", 5, SAY_FREE, NULL, false, 0 },
                { "its source rests", 10, BLIND, "telephony", false, 0 },
                { "and ends what it told", 10, ENDS, "telephony", false, 10 + 30 * 60 },
                { "for long", 1000, LOOK, NULL, false, 10 + 30 * 60 },
                { "back, and looks", 1001, SEES, "telephony", false, 1011 },
                { "the same call", 1002, PROOF, "telephony", false, 0 },
                { "over", 1100, ENDS, "telephony", false, 1110 },
                { "and free is", 1110, LOOK, NULL, false, 0 },
                { "a new call counts", 1111, PROOF, "telephony", true, 0 },
        };
        static const struct row for_ever[] = {
                { "a call", 0, PROOF, "telephony", true, 0 },
                { "free", 5, SAY_FREE, NULL, false, 0 },
                { "its source goes", 10, BLIND, "telephony", false, 0 },
                { "with what it told", 10, ENDS, "telephony", false, 10 + 30 * 60 },
                { "and does not come back", 10 + 30 * 60, LOOK, NULL, false, 20 + 30 * 60 },
                { "over", 20 + 30 * 60, LOOK, NULL, false, 0 },
        };

        PLAY(&usual, rows);
        PLAY(&usual, for_ever);
}

Test(availability, busy_by_hand_ends_by_hand_and_at_once) {
        static const struct row rows[] = {
                { "busy", 0, SAY_BUSY, NULL, true, 0 },
                { "auto", 5, SAY_AUTO, NULL, false, 0 },
                { "busy in a call", 6, PROOF, "matrix", true, 0 },
                { "free ends its grace", 8, SAY_FREE, NULL, false, 0 },
                { "over", 9, ENDS, "matrix", false, 19 },
                { "auto", 10, SAY_AUTO, NULL, false, 0 },
        };

        PLAY(&usual, rows);
}

Test(availability, paused_is_shown_and_not_written) {
        struct call_table *calls = NULL;
        struct availability_verdict v;
        struct availability a;

        cr_assert_eq(call_table_new(&calls), 0);
        availability_init(&a, &usual, START * S);
        (void) report(calls, &(struct row){ .source = "matrix" }, CALL_ACTIVE, EVIDENCE_PROOF, START * S);
        v = availability_decide(&a, calls, START * S);
        cr_assert(!v.busy && !v.settled && !v.write, "nothing is told before every source has spoken");

        availability_settle(&a);
        v = availability_decide(&a, calls, START * S);
        cr_assert(v.busy && v.settled && v.write);
        availability_set_mode(&a, MODE_PAUSED, USEC_NEVER, calls, START * S);
        v = availability_decide(&a, calls, START * S);
        cr_assert(v.busy && !v.write);
        call_table_free(calls);
}

Test(availability, free_until_calls_end_survives_a_restart) {
        struct call_table *calls = NULL;
        struct availability_verdict v;
        struct availability a;

        cr_assert_eq(call_table_new(&calls), 0);
        availability_init(&a, &usual, START * S);
        cr_assert_eq(availability_free_until_calls_end(&a, calls, START * S), -ENOENT, "there is no call");
        availability_await_calls_end(&a);
        v = availability_decide(&a, calls, (START + 100) * S);
        cr_assert_eq(a.mode, MODE_FREE, "before the first snapshot nothing is known to have ended");

        (void) report(calls, &(struct row){ .source = "matrix" }, CALL_ACTIVE, EVIDENCE_PROOF, (START + 101) * S);
        availability_settle(&a);
        v = availability_decide(&a, calls, (START + 101) * S);
        cr_assert(!v.busy && a.mode == MODE_FREE);
        (void) report(calls, &(struct row){ .source = "modem" }, CALL_ACTIVE, EVIDENCE_PROOF, (START + 102) * S);
        v = availability_decide(&a, calls, (START + 102) * S);
        cr_assert_not(v.busy);
        (void) call_table_end_source(calls, "matrix");
        v = availability_decide(&a, calls, (START + 102) * S);
        cr_assert_eq(v.wake_at, (START + 112) * S, "what came after settling is none of its calls");
        v = availability_decide(&a, calls, v.wake_at);
        cr_assert_eq(a.mode, MODE_AUTO);
        call_table_free(calls);
}

/* A call that was found anew, as after a login. */
static void find(struct call_table *calls, const char *id, usec_t age, usec_t now) {
        cr_assert_geq(call_table_report(calls, &(struct call_report){ .source = "matrix/me",
                                                                      .id = id,
                                                                      .app = "matrix",
                                                                      .what = "test",
                                                                      .phase = CALL_ACTIVE,
                                                                      .evidence = EVIDENCE_PROOF,
                                                                      .age = age,
                                                                      .lasts = USEC_NEVER }),
                      0);
        call_table_date(calls, now);
}

/* Its account was logged out meanwhile, which ended the `free`. */
Test(availability, a_call_that_went_on_when_the_user_said_free_stays_free) {
        SCOPED(call_table_free) struct call_table *calls = NULL;
        struct availability a;
        usec_t now = START * S;

        begin(&a, &calls, &usual);
        find(calls, "1", 0, now);
        cr_assert(availability_decide(&a, calls, now).busy);
        availability_set_mode(&a, MODE_FREE, USEC_NEVER, calls, now + 60 * S);
        cr_assert_not(availability_decide(&a, calls, now + 60 * S).busy);
        call_table_end_source(calls, "matrix/me");
        (void) availability_decide(&a, calls, now + 70 * S);
        (void) availability_decide(&a, calls, now + 80 * S);
        cr_assert_eq(a.mode, MODE_AUTO);

        now += 100 * S;
        find(calls, "1", 100 * S, now);
        cr_assert_not(availability_decide(&a, calls, now).busy, "it began before the word");
        cr_assert(availability_is_spoken_for(&a, call_table_next(calls, NULL)));
        find(calls, "2", 30 * S, now);
        cr_assert(availability_decide(&a, calls, now).busy, "it began after the word");
        call_table_end(calls, "matrix/me", "2");
        (void) availability_decide(&a, calls, now);
        cr_assert_not(availability_decide(&a, calls, now + 20 * S).busy);
        availability_set_mode(&a, MODE_AUTO, USEC_NEVER, calls, now + 20 * S);
        cr_assert(availability_decide(&a, calls, now + 20 * S).busy, "they have thought better of it");
}

/* It rang for busyd when the user, who had answered, said free; the key of the answer came later. */
Test(availability, a_call_whose_answer_was_not_known_yet_when_the_user_said_free_stays_free) {
        for (unsigned late = 0; late < 2; late++) {
                SCOPED(call_table_free) struct call_table *calls = NULL;
                struct availability a;
                usec_t now = START * S;

                begin(&a, &calls, &usual);
                (void) report(calls, &(struct row){ .source = "hold" }, CALL_ACTIVE, EVIDENCE_PROOF, now);
                (void) report(calls, &(struct row){ .source = "matrix/me" }, CALL_RINGING_IN, EVIDENCE_PROOF, now);
                cr_assert(availability_decide(&a, calls, now).busy);
                availability_set_mode(&a, MODE_FREE, USEC_NEVER, calls, now + 10 * S);
                cr_assert_not(availability_decide(&a, calls, now + 10 * S).busy);
                find(calls, call_table_next(calls, call_table_next(calls, NULL))->id, late ? 2 * S : 12 * S,
                     now + 15 * S);
                (void) call_table_end_source(calls, "hold");
                (void) availability_decide(&a, calls, now + 20 * S);
                cr_assert_eq(availability_decide(&a, calls, now + 30 * S).busy, late, "answered after the word");
        }
}

/* What was no call then may become one later. */
Test(availability, what_did_not_count_when_the_user_said_free_is_another_call) {
        SCOPED(call_table_free) struct call_table *calls = NULL;
        static const struct row weak = { .input = WEAK, .source = "mic" },
                                strong = { .input = STRONG, .source = "mic" };
        struct availability a;
        usec_t now = START * S;

        begin(&a, &calls, &usual);
        feed(&a, calls, &weak, now);
        find(calls, "1", 0, now);
        availability_set_mode(&a, MODE_FREE, USEC_NEVER, calls, now + 60 * S);
        call_table_end_source(calls, "matrix/me");
        (void) availability_decide(&a, calls, now + 70 * S);
        (void) availability_decide(&a, calls, now + 80 * S);
        feed(&a, calls, &strong, now + 90 * S);
        cr_assert(availability_decide(&a, calls, now + 100 * S).busy);
}

/* What went on while the user said free is no call of theirs to come to an end, whether it is over in the very moment
 * in which the `free` is, or does not count after it either: its key came after the word. */
Test(availability, what_counted_under_a_free_by_hand_leaves_no_grace_behind) {
        SCOPED(call_table_free) struct call_table *calls = NULL;
        struct availability a;
        usec_t now = START * S;

        begin(&a, &calls, &usual);
        (void) report(calls, &(struct row){ .source = "hold" }, CALL_ACTIVE, EVIDENCE_PROOF, now);
        cr_assert(availability_decide(&a, calls, now).busy);
        availability_set_mode(&a, MODE_FREE, USEC_NEVER, calls, now + 60 * S);
        cr_assert_not(availability_decide(&a, calls, now + 60 * S).busy);
        find(calls, "2", 70 * S, now + 90 * S);
        cr_assert_not(availability_decide(&a, calls, now + 90 * S).busy);
        (void) call_table_end_source(calls, "hold");
        cr_assert_not(availability_decide(&a, calls, now + 100 * S).busy);
        cr_assert_not(availability_decide(&a, calls, now + 110 * S).busy, "it began before the word");
        cr_assert_eq(a.mode, MODE_AUTO);

        find(calls, "3", 0, now + 120 * S);
        cr_assert(availability_decide(&a, calls, now + 120 * S).busy);
        availability_set_mode(&a, MODE_FREE, now + 180 * S, calls, now + 130 * S);
        cr_assert_not(availability_decide(&a, calls, now + 130 * S).busy);
        call_table_end_source(calls, "matrix/me");
        cr_assert_not(availability_decide(&a, calls, now + 180 * S).busy, "it has ended with the mode");
}
