/* The call table without memory: what decides of a call is never lost. */
#include <errno.h>

#include "core/calls.h"
#include "scarce/scarce.h"

static const char *const names[] = { "app", "org.example.App", NULL };

static struct call_report report(const char *id, enum call_phase phase) {
        return (struct call_report){
                .source = "matrix/home",
                .id = id,
                .app = "app",
                .names = names,
                .what = "you answered",
                .phase = phase,
                .evidence = EVIDENCE_PROOF,
                .lasts = USEC_PER_HOUR,
        };
}

static struct call_table *table_new(void) {
        struct call_table *t = NULL;

        cr_assert_eq(call_table_new(&t), 0);
        return t;
}

static const struct call *only(const struct call_table *t, const struct scarce *s) {
        const struct call *c = call_table_next(t, NULL);

        cr_assert_not_null(c, "lost, %s", scarce_where(s));
        cr_assert_null(call_table_next(t, c), "there twice, %s", scarce_where(s));
        return c;
}

Test(calls_scarce, a_new_call_is_there_once) {
        for (struct scarce s = scarce(); scarce_again(&s);) {
                SCOPED(call_table_free) struct call_table *t = table_new();
                struct call_report r = report("1", CALL_RINGING_IN);
                const struct call *c;

                scarce_begin(&s);
                (void) call_table_report(t, &r);
                scarce_end(&s);
                call_table_date(t, 5);
                c = only(t, &s);
                cr_assert_eq(c->phase, CALL_RINGING_IN);
                cr_assert_str_eq(c->source, "matrix/home");
                cr_assert_str_eq(c->id, "1");
                cr_assert_str_eq(c->app, "app");
                cr_assert_str_eq(c->what, "you answered");
                cr_assert_str_eq(c->sign, "");
                cr_assert_eq(c->until, 5 + USEC_PER_HOUR);
        }
}

/* The turn after is as good as the first. */
Test(calls_scarce, one_call_of_each_turn_is_there) {
        for (struct scarce s = scarce(); scarce_again(&s);) {
                SCOPED(call_table_free) struct call_table *t = table_new();
                struct call_report one = report("1", CALL_ACTIVE), two = report("2", CALL_ACTIVE);

                scarce_begin(&s);
                (void) call_table_report(t, &one);
                scarce_end(&s);
                call_table_date(t, 5);
                scarce_begin(&s);
                (void) call_table_report(t, &two);
                scarce_end(&s);
                cr_assert_eq(call_table_count(t, "matrix/home"), 2, "%s", scarce_where(&s));
        }
}

Test(calls_scarce, what_is_told_too_long_is_no_call_of_another_id) {
        char id[8192];

        memset(id, 'x', sizeof(id) - 1);
        id[sizeof(id) - 1] = '\0';
        for (struct scarce s = scarce(); scarce_again(&s);) {
                SCOPED(call_table_free) struct call_table *t = table_new();
                struct call_report r = report(id, CALL_ACTIVE);
                int k;

                scarce_begin(&s);
                k = call_table_report(t, &r);
                scarce_end(&s);
                cr_assert(k == 1 || k == -ENOMEM);
                cr_assert_eq(call_table_count(t, "matrix/home"), k == 1, "%s", scarce_where(&s));
                if (k == 1)
                        cr_assert_str_eq(call_table_next(t, NULL)->id, id);
        }
}

/* It has ended for the other side: it rings no more, counts less, and runs out soon. */
Test(calls_scarce, a_change_is_never_lost) {
        for (struct scarce s = scarce(); scarce_again(&s);) {
                static const char *const others[] = { "other", NULL };
                SCOPED(call_table_free) struct call_table *t = table_new();
                struct call_report r = report("1", CALL_ACTIVE);
                const struct call *c;
                int k;

                cr_assert_eq(call_table_report(t, &r), 1);
                call_table_date(t, 5);
                r.phase = CALL_RINGING_OUT;
                r.evidence = EVIDENCE_WEAK;
                r.lasts = 10;
                r.app = "other";
                r.what = "it rings";
                r.sign = "another sign";
                r.names = others;
                scarce_begin(&s);
                k = call_table_report(t, &r);
                scarce_end(&s);
                cr_assert_eq(k, 1, "%s", scarce_where(&s));
                call_table_date(t, 20);
                c = only(t, &s);
                cr_assert_eq(c->phase, CALL_RINGING_OUT, "%s", scarce_where(&s));
                cr_assert_eq(c->evidence, EVIDENCE_WEAK);
                cr_assert_eq(c->steady_since, 20);
                cr_assert_eq(c->until, 30, "outlives its end, %s", scarce_where(&s));
                cr_assert_eq(call_table_expire(t, 30), 1);
        }
}
