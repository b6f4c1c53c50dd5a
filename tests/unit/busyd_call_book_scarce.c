/* The book of calls without memory: a call that goes on is in it once. */
#include "busyd/call-book.h"
#include "config/config.h"
#include "control/control.h"
#include "sources/source.h"
#include "state/state.h"

#include "scarce/scarce.h"
#include "util_temp.h"

/* ---- what stands around it ---- */

const struct source_kind *const source_kinds[] = { NULL };

int control_set_call(struct control *c, const struct control_call_view *view) {
        return 0;
}

void control_remove_call(struct control *c, uint64_t serial) {
}

static void nothing(void *userdata) {
}

static void no_hold(void *userdata, uint32_t id) {
}

static struct call_book *book_new(struct state *state) {
        struct call_book *b = NULL;

        cr_assert_eq(
                call_book_new(&b, state, &(struct call_book_handler){ .touched = nothing, .hold_ended = no_hold }), 0);
        return b;
}

static size_t count(struct call_book *b) {
        size_t n = 0;

        for (const struct call *c = call_table_next(call_book_calls(b), NULL); c;
             c = call_table_next(call_book_calls(b), c))
                n++;
        return n;
}

static struct call_report call_of(const char *app) {
        return (struct call_report){ .source = "telephony",
                                     .id = "1",
                                     .app = app,
                                     .what = "a call",
                                     .phase = CALL_ACTIVE,
                                     .evidence = EVIDENCE_PROOF,
                                     .lasts = USEC_NEVER };
}

/* It is told under the name of one that is ignored, and then under its own; and the reverse. */
static void tell_as(const char *before, const char *after, bool counts) {
        SCOPED(temp_dir) struct temp_dir dir = temp_dir();
        SCOPED(state_free) struct state *state = NULL;

        cr_assert_eq(state_open(&state, dir.path, NULL, NULL), 0);
        cr_assert_eq(state_add_ignored(state, &(struct state_ignored){ .app = "recorder", .source = "" }), 1);
        for (struct scarce s = scarce(); scarce_again(&s);) {
                SCOPED(call_book_free) struct call_book *b = book_new(state);
                struct call_report r = call_of(before);

                cr_assert_eq(call_book_report(b, &r), 1);
                (void) call_book_run(b, 5);
                cr_assert_eq(count(b), !counts);
                r.app = after;
                scarce_begin(&s);
                (void) call_book_report(b, &r);
                scarce_end(&s);
                (void) call_book_run(b, 6);
                cr_assert_eq(count(b), counts, "%s", scarce_where(&s));
                call_book_end(b, "telephony", NULL);
                cr_assert_eq(count(b), 0);
        }
}

Test(call_book_scarce, a_call_that_comes_to_count_does) {
        tell_as("recorder", "phone", true);
}

Test(call_book_scarce, a_call_that_counts_no_more_does_not) {
        tell_as("phone", "recorder", false);
}
