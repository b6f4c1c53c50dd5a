/* Do-not-disturb on a virtual clock: the program that switches a setting, whose service is on the bus, and the journal
 * are played by this file. Services with an interface of their own: system-quiet. */
#include <criterion/criterion.h>
#include <errno.h>
#include <stdio.h>

#include "desktop/quiet.h"
#include "util/bus-service.h"
#include "util/command.h"

#define S       USEC_PER_SEC
#define SERVICE "org.gnome.Shell" /* the one of the kind */

static struct {
        usec_t now;
        bool shown;  /* the setting */
        int n_fails; /* so many of the next commands ... */
        int failure; /* ... end so: with 1, unless it is a negative errno */
        unsigned n_started, n_set;
        bool runs, is_question;
        command_done_t done;
        void *done_userdata;
        bool is_there;
        const struct bus_service_ops *service;
        void *service_userdata;
        char journal[64];
        unsigned n_told;
        char outcome[256];
        struct desktop_facts facts;
        struct quiet *q;
} t;

int command_start(struct command **ret, sd_event *event, sd_bus *bus, const struct command_options *options,
                  command_done_t done, void *userdata) {
        cr_assert_not(t.runs, "two at once");
        t.runs = true;
        t.n_started++;
        t.is_question = streq(options->argv[1], "get");
        if (!t.is_question) {
                t.n_set++;
                if (t.n_fails == 0)
                        t.shown = streq(options->argv[4], "true");
        }
        t.done = done;
        t.done_userdata = userdata;
        *ret = (struct command *) &t;
        return 0;
}

usec_t command_run(struct command *c, usec_t now) {
        return USEC_NEVER;
}

struct command *command_free(struct command *c) {
        if (c)
                t.runs = false;
        return NULL;
}

/* Of all services but one nobody ever hears. */
int bus_service_new(struct bus_service **ret, sd_bus *bus, const char *name, const char *title,
                    const struct bus_service_ops *ops, void *userdata) {
        if (streq(name, SERVICE)) {
                t.service = ops;
                t.service_userdata = userdata;
        }
        *ret = (struct bus_service *) (streq(name, SERVICE) ? (void *) &t : (void *) &t.journal);
        return 0;
}

struct bus_service *bus_service_free(struct bus_service *s) {
        return NULL;
}

enum bus_service_state bus_service_state(const struct bus_service *s) {
        return s == (const void *) &t && t.is_there ? BUS_SERVICE_WATCHING : BUS_SERVICE_UNAVAILABLE;
}

const char *bus_service_owner(const struct bus_service *s) {
        return s == (const void *) &t && t.is_there ? ":1.1" : "";
}

usec_t bus_service_run(struct bus_service *s, usec_t now) {
        return USEC_NEVER;
}

static const char *journal_get(void *userdata, const char *name) {
        return streq(name, "quiet-GNOME") && t.journal[0] ? t.journal : NULL;
}

static int journal_put(void *userdata, const char *name, const char *value) {
        cr_assert_str_eq(name, "quiet-GNOME");
        (void) snprintf(t.journal, sizeof(t.journal), "%s", value ? value : "");
        return 0;
}

static void on_touched(void *userdata) {
}

static void on_done(void *userdata, const char *effect, bool ok, const char *outcome) {
        t.n_told++;
        (void) snprintf(t.outcome, sizeof(t.outcome), "%s: %s", ok ? "ok" : "no", outcome);
}

/* Until no command is left that could end. */
static usec_t turns(void) {
        usec_t wake_at = quiet_run(t.q, &t.facts, t.now);

        while (t.runs) {
                int status = t.n_fails == 0 ? 0 : t.failure < 0 ? t.failure : 1;

                t.n_fails -= status != 0;
                t.done(t.shown ? (char[]){ "true\n" } : (char[]){ "false\n" }, t.shown ? 5 : 6, status,
                       t.done_userdata);
                wake_at = quiet_run(t.q, &t.facts, t.now);
        }
        return wake_at;
}

static usec_t turns_as(bool busy) {
        t.facts.busy = busy;
        return turns();
}

static usec_t service_comes(void) {
        t.is_there = true;
        cr_assert_eq(t.service->start(t.service_userdata), 0);
        return turns();
}

static usec_t service_goes(void) {
        t.is_there = false;
        t.service->reset(t.service_userdata);
        return turns();
}

static void make(void) {
        const struct desktop_context context = { .journal = { .get = journal_get, .put = journal_put },
                                                 .touched = on_touched,
                                                 .done = on_done };

        cr_assert_eq(quiet_new(&t.q, &context), 0);
        quiet_configure(t.q, true);
        (void) turns();
        (void) service_comes();
}

static void setup(void) {
        t.now = 100 * S;
        t.shown = true;
        t.facts = (struct desktop_facts){ .known = true, .apps = "", .reason = "no call" };
        make();
}

static void teardown(void) {
        quiet_free(t.q);
        cr_assert_not(t.runs, "it outlives its owner");
}

TestSuite(quiet, .init = setup, .fini = teardown);

static void expect(bool shown, const char *outcome) {
        cr_assert_eq(t.shown, shown);
        cr_assert_str_eq(t.outcome, outcome);
        cr_assert_str_eq(t.journal, shown ? "" : "on");
}

Test(quiet, is_given_back) {
        (void) turns_as(true);
        expect(false, "ok: GNOME is quiet");
        (void) turns_as(false);
        expect(true, "ok: GNOME is as before");
        cr_assert(quiet_is_at_rest(t.q));
}

Test(quiet, a_question_that_fails_once_is_asked_again_while_something_is_owed) {
        usec_t wake_at;

        (void) turns_as(true);
        t.n_fails = 1;
        wake_at = turns_as(false);
        expect(false,
               "no: GNOME cannot be asked whether it is quiet, and will be asked again: Operation not supported");
        cr_assert_not(quiet_is_at_rest(t.q));
        cr_assert_lt(wake_at, t.now + 60 * S);
        t.now = wake_at;
        (void) turns();
        expect(true, "ok: GNOME is as before");
        cr_assert(quiet_is_at_rest(t.q));
}

/* What was asked for is gone: told once, asked ever less often, and in the end no more. */
Test(quiet, who_never_answers_again_is_left_alone_in_the_end) {
        unsigned asked;
        usec_t wake_at;

        (void) turns_as(true);
        t.n_told = 0;
        t.n_fails = 1000;
        wake_at = turns_as(false);
        asked = t.n_started;
        while (wake_at < USEC_NEVER) {
                cr_assert_gt(wake_at, t.now);
                t.now = wake_at;
                wake_at = turns();
                cr_assert_lt(t.n_started - asked, 20, "there is no end to it");
        }
        cr_assert_eq(t.n_told, 1);
        cr_assert(quiet_is_at_rest(t.q));
        cr_assert_gt(t.now, 100 * S + 30 * USEC_PER_MIN);
        cr_assert_str_eq(t.journal, "on");
        /* Once there is a reason to think of it again, it is. */
        t.n_fails = 0;
        (void) turns_as(true);
        cr_assert_eq(t.shown, false);
        (void) turns_as(false);
        expect(true, "ok: GNOME is as before");
}

Test(quiet, after_a_crash_a_question_that_fails_once_is_asked_again) {
        (void) turns_as(true);
        quiet_free(t.q);
        t.facts.busy = false;
        t.n_fails = 1;
        make();
        cr_assert_eq(t.shown, false);
        t.now += 60 * S;
        (void) turns();
        expect(true, "ok: GNOME is as before");
}

/* Nothing is owed: it has no such switch, and what cannot be done is said. */
Test(quiet, who_has_no_such_switch_is_asked_once_a_time_of_busy) {
        t.n_fails = 1;
        cr_assert_eq(turns_as(true), USEC_NEVER);
        expect(true, "no: no notification service is here that can be made quiet");
        cr_assert_eq(t.n_started, 1);
        (void) turns();
        cr_assert_eq(t.n_started, 1);
        (void) turns_as(false);
        cr_assert_eq(t.n_started, 1);
        (void) turns_as(true);
        expect(false, "ok: GNOME is quiet");
}

/* Such as another service that has come in its place while busyd did not run: it says so itself, and is not asked for
 * hours, nor waited for. */
Test(quiet, who_says_that_it_has_no_such_switch_is_believed) {
        (void) turns_as(true);
        quiet_free(t.q);
        t.n_fails = 1;
        t.failure = -EBADR;
        t.n_told = 0;
        t.facts.busy = false;
        make();
        cr_assert_eq(turns(), USEC_NEVER);
        cr_assert(quiet_is_at_rest(t.q));
        cr_assert_eq(t.n_told, 0);
        cr_assert_str_eq(t.journal, "on");
}

/* A setting on disk is as it was when its service comes back: what differs then is the user's word. */
Test(quiet, who_ended_it_by_hand_is_heard_also_where_the_service_is_started_anew) {
        (void) turns_as(true);
        t.shown = true;
        (void) service_goes();
        (void) service_comes();
        cr_assert(t.shown);
        cr_assert_str_eq(t.journal, "");
        cr_assert_eq(t.n_set, 1);
        (void) turns_as(false);
        cr_assert(t.shown);
        cr_assert_eq(t.n_set, 1);
}

Test(quiet, a_setting_is_given_back_also_where_the_service_is_started_anew) {
        (void) turns_as(true);
        (void) service_goes();
        (void) service_comes();
        cr_assert_not(t.shown);
        cr_assert_str_eq(t.journal, "on");
        (void) turns_as(false);
        expect(true, "ok: GNOME is as before");
}
