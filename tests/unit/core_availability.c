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
        RINGS_IN,
        RINGS_OUT,
        HELD,
        ENDS,
        SAY_BUSY,
        SAY_FREE,
        SAY_FREE_FOR_A_MINUTE,
        SAY_FREE_UNTIL_CALLS_END,
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
        return call_table_report(calls,
                                 &(struct call_report){ .source = row->source,
                                                        .id = "1",
                                                        .app = "app",
                                                        .what = "test",
                                                        .phase = phase,
                                                        .evidence = evidence,
                                                        .lasts = USEC_NEVER },
                                 now);
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
                availability_set_mode(a, MODE_BUSY, USEC_NEVER, calls);
                return;
        case SAY_FREE:
                availability_set_mode(a, MODE_FREE, USEC_NEVER, calls);
                return;
        case SAY_FREE_FOR_A_MINUTE:
                availability_set_mode(a, MODE_FREE, now + 60 * S, calls);
                return;
        case SAY_FREE_UNTIL_CALLS_END:
                cr_assert_eq(availability_free_until_calls_end(a, calls), 0);
                return;
        case SAY_AUTO:
                availability_set_mode(a, MODE_AUTO, USEC_NEVER, calls);
                return;
        case SAY_PAUSED:
                availability_set_mode(a, MODE_PAUSED, USEC_NEVER, calls);
                return;
        }
}

static void play(const struct availability_policy *policy, const struct row *rows, size_t n) {
        struct call_table *calls = NULL;
        struct availability a;

        cr_assert_eq(call_table_new(&calls), 0);
        availability_init(&a, policy, START * S);
        availability_settle(&a, calls);
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

static const struct availability_policy usual = AVAILABILITY_POLICY_DEFAULT;

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
                { "a hint", 0, STRONG, "pipewire", false, 3 }, { "gone too soon", 2, ENDS, "pipewire", false, 0 },
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

Test(availability, ringing_counts_as_configured) {
        static const struct row no[] = {
                { "rings", 0, RINGS_IN, "a", false, 0 },
                { "rings out", 0, RINGS_OUT, "b", false, 0 },
                { "answered", 5, PROOF, "a", true, 0 },
        };
        static const struct row outgoing[] = {
                { "rings", 0, RINGS_IN, "a", false, 0 },
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

        availability_settle(&a, calls);
        v = availability_decide(&a, calls, START * S);
        cr_assert(v.busy && v.settled && v.write);
        availability_set_mode(&a, MODE_PAUSED, USEC_NEVER, calls);
        v = availability_decide(&a, calls, START * S);
        cr_assert(v.busy && !v.write);
        call_table_free(calls);
}

Test(availability, free_until_calls_end_survives_a_restart) {
        struct call_table *calls = NULL;
        struct availability_verdict v;
        struct availability a;

        cr_assert_eq(call_table_new(&calls), 0);
        cr_assert_eq(availability_free_until_calls_end(&a, calls), -ENOENT, "there is no call");
        availability_init(&a, &usual, START * S);
        availability_await_calls_end(&a);
        v = availability_decide(&a, calls, (START + 100) * S);
        cr_assert_eq(a.mode, MODE_FREE, "before the first snapshot nothing is known to have ended");

        (void) report(calls, &(struct row){ .source = "matrix" }, CALL_ACTIVE, EVIDENCE_PROOF, (START + 101) * S);
        availability_settle(&a, calls);
        v = availability_decide(&a, calls, (START + 101) * S);
        cr_assert(!v.busy && a.mode == MODE_FREE);
        (void) call_table_end_source(calls, "matrix");
        v = availability_decide(&a, calls, (START + 102) * S);
        v = availability_decide(&a, calls, v.wake_at);
        cr_assert_eq(a.mode, MODE_AUTO);
        call_table_free(calls);
}
