/* The call table. */
#include <criterion/criterion.h>
#include <errno.h>
#include <stdio.h>

#include "core/backoff.h"
#include "core/calls.h"

static struct call_report usual = {
        .source = "matrix",
        .id = "1",
        .app = "app",
        .what = "answer",
        .phase = CALL_RINGING_IN,
        .evidence = EVIDENCE_PROOF,
        .lasts = USEC_NEVER,
};

static struct call_table *table;

static int report_at(struct call_table *t, const struct call_report *r, usec_t now) {
        int k = call_table_report(t, r);

        call_table_date(t, now);
        return k;
}

static void setup(void) {
        cr_assert_eq(call_table_new(&table), 0);
}

static void teardown(void) {
        table = call_table_free(table);
}

TestSuite(calls, .init = setup, .fini = teardown);

Test(calls, tells_new_from_changed_from_the_same) {
        struct call_report r = usual;
        const struct call *c;

        cr_assert_eq(report_at(table, &r, 10), 1, "new");
        cr_assert_eq(report_at(table, &r, 11), 0, "the same");
        r.lasts = 88;
        cr_assert_eq(report_at(table, &r, 12), 0, "only the deadline");
        cr_assert_eq(call_table_deadline(table), 100);
        r.phase = CALL_ACTIVE;
        cr_assert_eq(report_at(table, &r, 20), 1, "answered");
        c = call_table_next(table, NULL);
        cr_assert_eq(c->since, 10, "the call began when it rang");
        cr_assert_eq(c->steady_since, 20, "and counts from the answer on");
        r.phase = CALL_HELD;
        cr_assert_eq(report_at(table, &r, 30), 1);
        cr_assert_eq(call_table_next(table, NULL)->steady_since, 20, "a held call still is a call");
        cr_assert_null(call_table_next(table, c));
}

Test(calls, get_their_times_with_the_date) {
        struct call_report r = usual;
        const struct call *c;

        r.age = 5;
        r.lasts = 10;
        cr_assert_eq(call_table_report(table, &r), 1);
        c = call_table_next(table, NULL);
        cr_assert(c->since == USEC_NEVER && c->until == USEC_NEVER, "no clock, no time");
        r.phase = CALL_ACTIVE;
        r.age = 2;
        r.lasts = 30;
        cr_assert_eq(call_table_report(table, &r), 1, "answered before anybody looked");
        call_table_date(table, 100);
        cr_assert_eq(c->since, 95);
        cr_assert_eq(c->steady_since, 98);
        cr_assert_eq(c->until, 130);
        call_table_date(table, 110);
        cr_assert_eq(c->until, 130, "one date for one report");
}

Test(calls, are_answered_when_their_report_says_so) {
        struct call_report r = usual;
        const struct call *c;

        cr_assert_eq(report_at(table, &r, 10), 1);
        r.phase = CALL_ACTIVE;
        r.age = 5;
        cr_assert_eq(report_at(table, &r, 20), 1);
        c = call_table_next(table, NULL);
        cr_assert_eq(c->since, 10);
        cr_assert_eq(c->steady_since, 15);
        r.phase = CALL_RINGING_IN;
        r.age = 100;
        cr_assert_eq(report_at(table, &r, 30), 1);
        cr_assert_eq(c->steady_since, 10, "not before it began");
}

Test(calls, keep_that_they_are_announced) {
        struct call_report r = usual;

        r.announced = true;
        cr_assert_eq(report_at(table, &r, 10), 1);
        cr_assert(call_table_next(table, NULL)->announced);
        r.announced = false;
        cr_assert_eq(report_at(table, &r, 11), 1, "changed");
        cr_assert_not(call_table_next(table, NULL)->announced);
}

Test(calls, begins_in_the_past_but_not_before_the_boot) {
        struct call_report r = usual;

        r.age = 5;
        (void) report_at(table, &r, 10);
        cr_assert_eq(call_table_next(table, NULL)->since, 5);
        r.id = "2";
        r.age = 50;
        (void) report_at(table, &r, 10);
        cr_assert_eq(call_table_next(table, call_table_next(table, NULL))->since, 1);
}

Test(calls, ends_by_report_by_key_by_source_and_by_age) {
        struct call_report r = usual;

        (void) report_at(table, &r, 1);
        r.phase = CALL_GONE;
        cr_assert_eq(report_at(table, &r, 2), 1);
        cr_assert_eq(report_at(table, &r, 2), 0, "gone already");

        (void) report_at(table, &usual, 1);
        cr_assert_eq(call_table_end(table, "matrix", "2"), 0);
        cr_assert_eq(call_table_end(table, "matrix", "1"), 1);

        (void) report_at(table, &usual, 1);
        r = usual;
        r.source = "modem";
        r.lasts = 9;
        (void) report_at(table, &r, 1);
        cr_assert_eq(call_table_expire(table, 9), 0);
        cr_assert_eq(call_table_expire(table, 10), 1);
        cr_assert_eq(call_table_end_source(table, "matrix"), 1);
        cr_assert_null(call_table_next(table, NULL));
        cr_assert_eq(call_table_deadline(table), USEC_NEVER);

        r = usual;
        r.lasts = 0;
        cr_assert_eq(report_at(table, &r, 5), 0, "stale from the start");
        cr_assert_null(call_table_next(table, NULL));
}

Test(calls, refuses_what_has_no_key) {
        struct call_report r = usual;

        r.id = "";
        cr_assert_eq(report_at(table, &r, 1), -EINVAL);
        r = usual;
        r.source = "";
        cr_assert_eq(report_at(table, &r, 1), -EINVAL);
}

Test(calls, is_capped_by_source_and_in_all) {
        struct call_report r = usual;
        char source[16], id[16];
        size_t kept = 0;

        r.source = source;
        r.id = id;
        for (unsigned i = 0; i < 20; i++)
                for (unsigned j = 0; j < CALLS_PER_SOURCE_MAX + 5; j++) {
                        int k;

                        (void) snprintf(source, sizeof(source), "s%u", i);
                        (void) snprintf(id, sizeof(id), "%u", j);
                        k = report_at(table, &r, 1);
                        kept += k == 1;
                        if (j >= CALLS_PER_SOURCE_MAX)
                                cr_assert_eq(k, -E2BIG);
                }
        cr_assert_eq(kept, CALLS_MAX);
        (void) snprintf(source, sizeof(source), "s0");
        (void) snprintf(id, sizeof(id), "0");
        cr_assert_eq(report_at(table, &r, 1), 0, "one that is there can still change");
}

Test(calls, serials_grow_and_are_not_used_again) {
        struct call_report r = usual;
        uint64_t first;

        (void) report_at(table, &r, 1);
        first = call_table_next(table, NULL)->serial;
        (void) call_table_end(table, r.source, r.id);
        (void) report_at(table, &r, 1);
        cr_assert_gt(call_table_next(table, NULL)->serial, first);
}

Test(calls, move_to_another_table_as_they_are) {
        struct call_report r = usual;
        struct call_table *other;
        const struct call *c;

        cr_assert_eq(call_table_new(&other), 0);
        (void) report_at(table, &r, 5);
        r.id = "second";
        (void) report_at(table, &r, 6);
        cr_assert_eq(call_table_move(other, table, call_table_next(table, NULL)), 0);
        c = call_table_next(table, NULL);
        cr_assert(c && streq(c->id, "second") && !call_table_next(table, c));
        c = call_table_next(other, NULL);
        cr_assert(c && streq(c->id, usual.id) && !call_table_next(other, c));
        cr_assert_eq(c->since, 5);
        cr_assert_eq(call_table_move(table, other, c), 0);
        c = call_table_next(table, call_table_next(table, NULL));
        cr_assert(c && streq(c->id, usual.id), "behind the other one");
        cr_assert_eq(c->serial, 3, "as a new one");
        call_table_free(other);
}

Test(calls, do_not_move_to_a_full_table) {
        struct call_report r = usual;
        struct call_table *other;
        char id[16];

        cr_assert_eq(call_table_new(&other), 0);
        (void) report_at(table, &r, 1);
        for (unsigned i = 0; i < CALLS_PER_SOURCE_MAX; i++) {
                (void) snprintf(id, sizeof(id), "%u", i);
                r.id = id;
                cr_assert_eq(report_at(other, &r, 1), 1);
        }
        cr_assert_eq(call_table_move(other, table, call_table_next(table, NULL)), -E2BIG);
        cr_assert_not_null(call_table_next(table, NULL), "it stays");
        call_table_free(other);
}

Test(backoff, doubles_to_its_cap_within_the_jitter) {
        static const usec_t most[] = { 1, 2, 4, 8, 16, 32, 64, 100, 100 };
        struct backoff low = { .first = USEC_PER_SEC, .cap = 100 * USEC_PER_SEC }, high = low;

        for (size_t i = 0; i < ARRAY_SIZE(most); i++) {
                usec_t a = backoff_next(&low, 0), b = backoff_next(&high, 1000);

                cr_assert_eq(a, most[i] * USEC_PER_SEC / 2);
                cr_assert_eq(b, most[i] * USEC_PER_SEC);
        }
        backoff_reset(&low);
        cr_assert_eq(backoff_next(&low, 1000), USEC_PER_SEC);
}
