/* The hooks on a virtual clock: the commands and the journal are played by this file. Real commands: unit-util_command
 * and system-hooks. */
#include <criterion/criterion.h>
#include <errno.h>
#include <stdio.h>

#include "desktop/hooks.h"
#include "util/command.h"

#define S USEC_PER_SEC

/* The one command that can run at a time. */
static struct {
        usec_t now;
        bool runs;
        char program[64], environment[512]; /* of the last one, "|" between entries */
        usec_t deadline;
        command_done_t done;
        void *done_userdata;
        unsigned n_started, n_freed;
        int fails; /* negative errno: none can be started */
        char journal[32];
        bool journal_fails;
        char outcome[256]; /* "on-busy ok: words" */
        unsigned n_touched;
        struct desktop_facts facts;
        struct hooks *h;
} t;

int command_start(struct command **ret, sd_event *event, sd_bus *bus, const struct command_options *options,
                  command_done_t done, void *userdata) {
        cr_assert_not(t.runs, "two at once");
        cr_assert(options->output_is_log);
        if (t.fails < 0)
                return t.fails;
        t.runs = true;
        t.n_started++;
        (void) snprintf(t.program, sizeof(t.program), "%s", options->argv[0]);
        t.environment[0] = '\0';
        for (size_t i = 0; options->environment[i]; i++) {
                strcat(t.environment, options->environment[i]);
                strcat(t.environment, "|");
        }
        t.deadline = t.now + options->time_max;
        t.done = done;
        t.done_userdata = userdata;
        *ret = (struct command *) &t;
        return 0;
}

usec_t command_run(struct command *c, usec_t now) {
        cr_assert(t.runs);
        if (now < t.deadline)
                return t.deadline;
        t.deadline = USEC_NEVER;
        t.done((char[]){ "" }, 0, -ETIMEDOUT, t.done_userdata);
        return USEC_NEVER;
}

struct command *command_free(struct command *c) {
        t.n_freed += c ? 1 : 0;
        if (c)
                t.runs = false;
        return NULL;
}

static const char *journal_get(void *userdata, const char *name) {
        cr_assert_str_eq(name, "hooks");
        return t.journal[0] ? t.journal : NULL;
}

static int journal_put(void *userdata, const char *name, const char *value) {
        if (t.journal_fails)
                return -EROFS;
        (void) snprintf(t.journal, sizeof(t.journal), "%s", value ? value : "");
        return 0;
}

static void on_touched(void *userdata) {
        t.n_touched++;
}

static void on_done(void *userdata, const char *hook, bool ok, const char *outcome) {
        (void) snprintf(t.outcome, sizeof(t.outcome), "%s%s: %s", hook, ok ? " ok" : "", outcome);
}

static void configure(const char *on_busy, const char *on_free) {
        cr_assert_eq(hooks_configure(t.h, &(struct hooks_settings){ on_busy, on_free, 30 * S }), 0);
}

static void make(void) {
        const struct desktop_context context = { .journal = { .get = journal_get, .put = journal_put },
                                                 .touched = on_touched,
                                                 .done = on_done };

        cr_assert_eq(hooks_new(&t.h, &context), 0);
        configure("begin", "end");
}

static void setup(void) {
        t.now = 100 * S;
        t.facts = (struct desktop_facts){ .known = true, .apps = "", .reason = "no call" };
        make();
}

static void teardown(void) {
        hooks_free(t.h);
        cr_assert_not(t.runs, "it outlives its owner");
}

TestSuite(hooks, .init = setup, .fini = teardown);

static usec_t turn(void) {
        return hooks_run(t.h, &t.facts, t.now);
}

static usec_t turn_as(bool busy) {
        t.facts.busy = busy;
        return turn();
}

static void command_ends(int status) {
        unsigned touched = t.n_touched;

        t.done((char[]){ "" }, 0, status, t.done_userdata);
        cr_assert_eq(t.n_touched, touched + 1);
        (void) turn();
}

static void expect_runs(const char *program, unsigned n) {
        cr_assert(t.runs, "%s does not run", program);
        cr_assert_str_eq(t.program, program);
        cr_assert_eq(t.n_started, n);
}

/* ---- order ---- */

Test(hooks, one_runs_when_busy_begins_and_one_when_it_is_over) {
        cr_assert_eq(turn_as(false), USEC_NEVER);
        cr_assert_eq(t.n_started, 0);
        cr_assert_eq(turn_as(true), 130 * S);
        expect_runs("begin", 1);
        command_ends(0);
        cr_assert_str_eq(t.outcome, "on-busy ok: it has run");
        (void) turn();
        cr_assert(!t.runs && t.n_started == 1, "once is enough");
        (void) turn_as(false);
        expect_runs("end", 2);
        command_ends(0);
        cr_assert_str_eq(t.outcome, "on-free ok: it has run");
        cr_assert_eq(t.n_freed, 2);
}

Test(hooks, the_end_waits_for_the_beginning) {
        (void) turn_as(true);
        (void) turn_as(false);
        expect_runs("begin", 1);
        command_ends(0);
        expect_runs("end", 2);
}

Test(hooks, what_has_come_and_gone_meanwhile_is_not_told) {
        (void) turn_as(true);
        for (int i = 0; i < 5; i++) {
                (void) turn_as(false);
                (void) turn_as(true);
        }
        command_ends(0);
        cr_assert(!t.runs && t.n_started == 1);
        (void) turn_as(false);
        (void) turn_as(true);
        expect_runs("end", 2);
        command_ends(0);
        expect_runs("begin", 3);
}

Test(hooks, nothing_begins_before_it_is_known) {
        t.facts.known = false;
        (void) turn_as(true);
        cr_assert_eq(t.n_started, 0);
}

/* ---- environment ---- */

Test(hooks, are_told_what_is_so_when_they_begin) {
        t.facts.apps = "Element\nLinphone";
        t.facts.reason = "a Matrix call, Element";
        t.facts.since_wall = 1700000000 * S + 999999;
        (void) turn_as(true);
        cr_assert_str_eq(t.environment, "BUSYD_AVAILABILITY=busy|BUSYD_APPS=Element\nLinphone|BUSYD_SINCE=1700000000|"
                                        "BUSYD_REASON=a Matrix call, Element|");
        t.facts = (struct desktop_facts){ .known = true, .apps = "", .reason = "by hand", .since_wall = 5 * S };
        command_ends(0);
        cr_assert_str_eq(t.environment, "BUSYD_AVAILABILITY=free|BUSYD_APPS=|BUSYD_SINCE=5|BUSYD_REASON=by hand|");
}

/* systemd takes no control characters in an environment, and the bus nothing but UTF-8. */
Test(hooks, what_programs_say_of_themselves_can_be_handed_on) {
        t.facts.reason = "in\ta \033[1mcall\nAPPS=\377 \303\244";
        (void) turn_as(true);
        cr_assert(strstr(t.environment, "|BUSYD_REASON=in a ?[1mcall APPS=? \303\244|"), "%s", t.environment);
}

/* ---- failures ---- */

Test(hooks, one_that_hangs_is_ended_and_the_next_one_runs) {
        (void) turn_as(true);
        (void) turn_as(false);
        t.now = 130 * S;
        (void) turn();
        cr_assert_str_eq(t.outcome, "on-busy: it did not end within 30s, and was ended");
        expect_runs("end", 2);
}

Test(hooks, one_that_fails_is_told_and_not_tried_again) {
        (void) turn_as(true);
        command_ends(3);
        cr_assert_str_eq(t.outcome, "on-busy: it ended with code 3");
        (void) turn();
        cr_assert_eq(t.n_started, 1);
}

Test(hooks, one_that_cannot_be_started_is_told) {
        t.fails = -ENOENT;
        cr_assert_eq(turn_as(true), USEC_NEVER);
        cr_assert_str_eq(t.outcome, "on-busy: there is no such program");
        t.fails = -EACCES;
        cr_assert_eq(turn_as(false), USEC_NEVER);
        cr_assert_str_eq(t.outcome, "on-free: it cannot be started: Permission denied");
        cr_assert(hooks_are_at_rest(t.h));
        cr_assert_str_eq(t.journal, "");
}

Test(hooks, run_though_nothing_can_be_written_down) {
        t.journal_fails = true;
        (void) turn_as(true);
        command_ends(0);
        (void) turn_as(false);
        expect_runs("end", 2);
}

/* ---- what survives ---- */

Test(hooks, a_beginning_is_written_down_until_the_end_has_run) {
        (void) turn_as(true);
        cr_assert_str_eq(t.journal, "busy");
        command_ends(0);
        (void) turn_as(false);
        cr_assert_str_eq(t.journal, "busy", "it may not have run yet");
        command_ends(1);
        cr_assert_str_eq(t.journal, "");
}

Test(hooks, after_a_crash_the_end_is_made_up_for) {
        (void) turn_as(true);
        hooks_free(t.h);
        make();
        (void) turn_as(false);
        expect_runs("end", 2);
}

Test(hooks, after_a_crash_in_a_call_that_goes_on_nothing_is_repeated) {
        (void) turn_as(true);
        hooks_free(t.h);
        make();
        (void) turn_as(true);
        cr_assert(!t.runs && t.n_started == 1);
        (void) turn_as(false);
        expect_runs("end", 2);
}

Test(hooks, who_has_none_has_nothing_written_down) {
        configure(NULL, NULL);
        (void) turn_as(true);
        cr_assert_str_eq(t.journal, "");
        (void) turn_as(false);
        cr_assert_eq(t.n_started, 0);
        cr_assert(hooks_are_at_rest(t.h));
}

Test(hooks, who_has_only_one_of_them_gets_that) {
        configure(NULL, "end");
        (void) turn_as(true);
        cr_assert(!t.runs);
        cr_assert_str_eq(t.journal, "busy");
        (void) turn_as(false);
        expect_runs("end", 1);
        configure("begin", NULL);
        command_ends(0);
        (void) turn_as(true);
        expect_runs("begin", 2);
        command_ends(0);
        (void) turn_as(false);
        cr_assert(!t.runs);
        cr_assert_str_eq(t.journal, "");
}

/* ---- the end ---- */

Test(hooks, are_at_rest_once_the_end_has_run) {
        cr_assert(hooks_are_at_rest(t.h));
        (void) turn_as(true);
        cr_assert_not(hooks_are_at_rest(t.h));
        command_ends(0);
        cr_assert_not(hooks_are_at_rest(t.h));
        (void) turn_as(false);
        cr_assert_not(hooks_are_at_rest(t.h));
        command_ends(0);
        cr_assert(hooks_are_at_rest(t.h));
}
