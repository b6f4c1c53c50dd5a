/* The driver of one claim, on an output and a journal of our own and a clock by hand: what it does with answers. */
#include <criterion/criterion.h>
#include <errno.h>
#include <stdio.h>

#include "matrix/outputs/driver.h"

enum asked { NOTHING, READ, WRITE };

struct stage {
        struct output output;
        struct output_endpoint at;
        struct probe_facts facts;
        struct account_settings settings;
        struct claim_driver *driver;

        /* What stands on the server. */
        struct claim_value shown;

        /* The request under way. */
        enum asked asked;
        struct output_request *request;
        output_done_t done;
        void *userdata;
        struct claim_value written;
        unsigned reads, writes;

        /* What the output is to answer. */
        struct claim_want want;
        bool fixed; /* one value, and a changed text is a person's */
        bool words_per_device;
        bool pushed;
        bool denied; /* the server refuses everything */

        struct claim_owed journal;
        bool stored, refused, full;
        bool deaf; /* to other machines */
        unsigned puts;
        usec_t now;
};

static struct stage *stage_of(struct output *o) {
        return (struct stage *) o;
}

static bool usable(const struct output *o, const char **ret_why) {
        return true;
}

static void traits(const struct output *o, struct claim_traits *ret) {
        const struct stage *s = (const struct stage *) o;

        *ret = (struct claim_traits){
                .per_device = !s->fixed,
                .text_per_device = s->words_per_device,
                .withdrawn = "offline",
                .taken = "busy",
                .person_writes_whole = s->fixed,
                .text_tells_person = true,
                .pushed = s->pushed,
                .refresh_interval = USEC_NEVER,
        };
}

static void want(struct output *o, const struct output_situation *s, struct claim_want *ret, const char **ret_why) {
        *ret = stage_of(o)->want;
        if (s->message)
                (void) claim_value_set(&ret->value, ret->value.state, s->message);
        *ret_why = NULL;
}

static bool fall_back(const struct output *o, struct claim_want *w) {
        if (!streq(w->value.state, "busy"))
                return false;
        (void) claim_value_set(&w->value, "unavailable", w->value.text);
        return true;
}

static int ask(struct output *o, enum asked what, output_done_t done, void *userdata, struct output_request **ret) {
        struct stage *s = stage_of(o);

        cr_assert_eq(s->asked, NOTHING, "one request at a time");
        s->asked = what;
        s->done = done;
        s->userdata = userdata;
        return output_request_new(ret, o, NULL, done, userdata);
}

static int read_it(struct output *o, output_done_t done, void *userdata, struct output_request **ret) {
        struct stage *s = stage_of(o);

        s->reads++;
        return ask(o, READ, done, userdata, &s->request) < 0 ? -ENOMEM : (*ret = s->request, 0);
}

static int write_it(struct output *o, const struct claim_value *v, usec_t now, output_done_t done, void *userdata,
                    struct output_request **ret) {
        struct stage *s = stage_of(o);

        s->writes++;
        s->written = *v;
        return ask(o, WRITE, done, userdata, &s->request) < 0 ? -ENOMEM : (*ret = s->request, 0);
}

static const struct output_kind kind = {
        .name = "scripted",
        .usable = usable,
        .traits = traits,
        .want = want,
        .fall_back = fall_back,
        .read = read_it,
        .write = write_it,
};

static int journal_get(void *userdata, const char *account, const char *output, struct claim_owed *ret) {
        struct stage *s = userdata;

        if (!s->stored)
                return -ENOENT;
        *ret = s->journal;
        return 0;
}

static int journal_put(void *userdata, const char *account, const char *output, const struct claim_owed *owed) {
        struct stage *s = userdata;

        s->puts++;
        if (s->full)
                return -ENOSPC;
        s->journal = *owed;
        s->stored = true;
        return 0;
}

static int journal_remove(void *userdata, const char *account, const char *output) {
        struct stage *s = userdata;

        s->stored = false;
        return 0;
}

static uint32_t no_random(void *userdata) {
        return 0;
}

static void nothing(void *userdata) {
}

static void refused(void *userdata, const struct output_result *result) {
        struct stage *s = userdata;

        s->refused = true;
}

static void tell_nobody(void *userdata, const char *output, const struct claim_other *claim) {
}

static bool no(void *userdata) {
        return false;
}

static bool is_deaf(void *userdata) {
        const struct stage *s = userdata;

        return s->deaf;
}

static usec_t hear_at_once(void *userdata, bool wanted) {
        return 0;
}

/* busyd is started (again) on what the journal has. */
static void start(struct stage *s) {
        struct claim_journal *journal = calloc(1, sizeof(*journal));

        *journal = (struct claim_journal){
                .get = journal_get, .put = journal_put, .remove = journal_remove, .userdata = s
        };
        cr_assert_eq(driver_new(&s->driver, &s->output,
                                &(struct driver_doors){ .account = "home",
                                                        .journal = journal,
                                                        .random = no_random,
                                                        .touched = nothing,
                                                        .refused = refused,
                                                        .tell = tell_nobody,
                                                        .is_telling = no,
                                                        .hear = hear_at_once,
                                                        .is_hearing = is_deaf,
                                                        .is_polling = no,
                                                        .userdata = s }),
                     0);
}

static struct stage *stage_new(bool fixed) {
        struct stage *s = calloc(1, sizeof(*s));

        *s = (struct stage){
                .output = { .kind = &kind, .at = &s->at },
                .at = { .facts = &s->facts, .settings = &s->settings, .known = true },
                .fixed = fixed,
                .now = 1000 * USEC_PER_SEC,
                .shown = { "online", "Reading" },
                .want = { .value = { "busy", "In a call" }, .state_claimed = true, .text_claimed = true },
        };
        start(s);
        return s;
}

static void run(struct stage *s) {
        for (int i = 0; i < 50 && driver_step(s->driver, /* may= */ true, s->now); i++)
                ;
}

static void set_busy(struct stage *s, bool busy, const char *message) {
        driver_set_want(s->driver, &(struct driver_want){ .busy = busy, .message = message, .now = s->now });
        run(s);
}

/* The server answers what is asked. */
static void answer(struct stage *s, enum matrix_outcome outcome) {
        struct output_result result = {
                .outcome = outcome, .retry_after = USEC_NEVER, .now = s->now, .problem = "", .value = s->shown
        };
        struct output_request *request = s->request;

        cr_assert_neq(s->asked, NOTHING, "nothing is asked");
        if (s->asked == WRITE && outcome == MATRIX_OK)
                s->shown = s->written;
        s->asked = NOTHING;
        s->done(&result, s->userdata);
        output_request_free(request);
}

/* Answers everything, and lets `span` pass. */
static void go_on(struct stage *s, usec_t span) {
        usec_t end = usec_add(s->now, span);

        for (int i = 0; i < 200; i++) {
                run(s);
                if (s->asked != NOTHING)
                        answer(s, s->denied ? MATRIX_REFUSED : MATRIX_OK);
                else if (driver_deadline(s->driver) <= end)
                        s->now = driver_deadline(s->driver) > s->now ? driver_deadline(s->driver) : s->now;
                else
                        break;
        }
        s->now = end;
        run(s);
}

static const char *phase(struct stage *s) {
        struct driver_report report;

        driver_report(s->driver, &report);
        return report.claim;
}

static void enter(struct stage *s) {
        set_busy(s, true, NULL);
        go_on(s, 5 * USEC_PER_SEC);
        cr_assert_str_eq(phase(s), "held");
        cr_assert(s->stored);
}

Test(matrix_driver, one_call) {
        struct stage *s = stage_new(true);

        enter(s);
        cr_assert_str_eq(s->shown.state, "busy");
        set_busy(s, false, NULL);
        go_on(s, 10 * USEC_PER_SEC);
        cr_assert_str_eq(phase(s), "free");
        cr_assert_str_eq(s->shown.state, "online");
        cr_assert_str_eq(s->shown.text, "Reading");
        cr_assert_not(s->stored);
}

/* A8 */
Test(matrix_driver, a_401_on_one_write_is_told_and_the_claim_acts_again) {
        struct stage *s = stage_new(true);

        set_busy(s, true, NULL);
        answer(s, MATRIX_OK);
        run(s);
        cr_assert_eq(s->asked, WRITE);
        answer(s, MATRIX_SIGNED_OUT);
        run(s);
        cr_assert(s->refused, "who owns the session is not told");
        driver_reconnected(s->driver);
        go_on(s, 5 * USEC_PER_SEC);
        cr_assert_str_eq(phase(s), "held");
        set_busy(s, false, NULL);
        go_on(s, 10 * USEC_PER_SEC);
        cr_assert_str_eq(s->shown.text, "Reading");
        cr_assert_not(s->stored);
}

Test(matrix_driver, a_401_on_giving_back_is_no_end) {
        struct stage *s = stage_new(true);

        enter(s);
        set_busy(s, false, NULL);
        while (s->asked == READ) {
                answer(s, MATRIX_OK);
                run(s);
        }
        cr_assert_eq(s->asked, WRITE);
        answer(s, MATRIX_SIGNED_OUT);
        run(s);
        cr_assert_not(driver_is_at_rest(s->driver), "counts as done");
        go_on(s, 10 * USEC_PER_MIN);
        cr_assert_str_eq(s->shown.text, "Reading");
        cr_assert_not(s->stored);
}

/* B4 */
Test(matrix_driver, words_are_followed_within_the_call) {
        struct stage *s = stage_new(true);

        set_busy(s, true, "At the dentist");
        go_on(s, 5 * USEC_PER_SEC);
        cr_assert_str_eq(s->shown.text, "At the dentist");
        set_busy(s, true, NULL);
        go_on(s, USEC_PER_MIN);
        cr_assert_str_eq(s->shown.text, "In a call");
        set_busy(s, false, NULL);
        go_on(s, USEC_PER_MIN);
        cr_assert_str_eq(s->shown.text, "Reading");
}

/* E30 */
Test(matrix_driver, restore_says_only_what_will_happen) {
        struct stage *s = stage_new(true);
        struct driver_report report;

        enter(s);
        driver_report(s->driver, &report);
        cr_assert_str_eq(report.restore, "online, \"Reading\"");
        s->shown = (struct claim_value){ "online", "Lunch" };
        s->output.listener.seen(s->output.listener.userdata, &s->shown, s->now);
        go_on(s, USEC_PER_MIN);
        cr_assert_str_eq(phase(s), "yielded");
        driver_report(s->driver, &report);
        cr_assert_str_eq(report.restore, "", "promises %s", report.restore);
}

/* What was caught by another session outlives the run that could not give it back. The server is known by then, though
 * nothing was wanted of it yet. */
Test(matrix_driver, busy_that_we_do_not_owe_is_named) {
        struct stage *s = stage_new(true);
        struct driver_report report;

        s->pushed = true;
        s->shown = (struct claim_value){ "busy", "" };
        s->output.listener.seen(s->output.listener.userdata, &s->shown, s->now);
        driver_report(s->driver, &report);
        cr_assert(strstr(report.note, "another session"), "says '%s'", report.note);
        s->shown = (struct claim_value){ "online", "" };
        s->output.listener.seen(s->output.listener.userdata, &s->shown, s->now);
        driver_report(s->driver, &report);
        cr_assert_str_eq(report.note, "");
}

/* E13 */
Test(matrix_driver, nothing_is_said_of_a_server_that_is_not_known_yet) {
        struct stage *s = stage_new(true);
        struct driver_report report;

        s->at.known = false;
        set_busy(s, true, NULL);
        cr_assert_eq(s->asked, NOTHING);
        driver_report(s->driver, &report);
        cr_assert_str_eq(report.note, "");
        cr_assert_str_eq(report.claim, "free");
}

/* What was refused is not asked for again in every turn. */
Test(matrix_driver, what_was_refused_stays_so_for_the_call) {
        struct stage *s = stage_new(true);

        set_busy(s, true, NULL);
        answer(s, MATRIX_OK);
        run(s);
        answer(s, MATRIX_REFUSED);
        run(s);
        go_on(s, 30 * USEC_PER_SEC);
        set_busy(s, true, "At the dentist");
        go_on(s, USEC_PER_MIN);
        cr_assert_str_eq(s->shown.state, "unavailable");
        cr_assert_str_eq(s->shown.text, "At the dentist");
}

Test(matrix_driver, what_may_be_another_machines_is_left_alone_while_none_is_heard) {
        struct stage *s = stage_new(true);
        struct driver_report report;

        s->deaf = true;
        (void) claim_value_set(&s->shown, "busy", "In a call");
        set_busy(s, true, NULL);
        go_on(s, 60 * USEC_PER_SEC);
        cr_expect_str_eq(phase(s), "foreign");
        driver_report(s->driver, &report);
        cr_expect(strstr(report.note, "another machine of yours"), "%s", report.note);
        cr_expect_eq(s->writes, 0);
        s->deaf = false;
        go_on(s, 20 * USEC_PER_SEC);
        cr_expect_str_eq(phase(s), "held");
}

/* ---- ahead of a call ---- */

static void tell(struct stage *s) {
        s->output.listener.seen(s->output.listener.userdata, &s->shown, s->now);
}

static void ring(struct stage *s, bool rings) {
        driver_set_want(s->driver, &(struct driver_want){ .likely = rings, .now = s->now });
        go_on(s, 0);
}

/* busyd is killed: what is under way is lost, the journal is as it was. */
static void crash(struct stage *s) {
        s->asked = NOTHING;
        s->request = NULL;
        s->output.listener = (struct output_listener){ .userdata = NULL };
        start(s);
}

Test(matrix_driver, a_call_that_rang_is_written_without_a_look_at_the_journal) {
        struct stage *s = stage_new(true);

        tell(s);
        ring(s, true);
        cr_assert(s->stored && s->journal.given_back && s->journal.ahead && s->journal.unsure,
                  "it is put there ahead");
        cr_assert_eq(s->writes, 0);
        cr_assert_not(driver_owes(s->driver));
        set_busy(s, true, NULL);
        cr_assert_eq(s->asked, WRITE, "at once");
        cr_assert_eq(s->puts, 1, "nothing is put there between the answer of a call and the write");
        cr_assert(driver_owes(s->driver));
        answer(s, MATRIX_OK);
        run(s);
        cr_assert(s->puts == 2 && !s->journal.given_back, "now it is owed");
        set_busy(s, false, NULL);
        go_on(s, 10 * USEC_PER_SEC);
        cr_assert_str_eq(phase(s), "free");
        cr_assert_not(s->stored);
}

/* A crash from then on must not find that perhaps nothing was ever sent. */
Test(matrix_driver, what_was_put_there_ahead_is_owed_also_where_the_answer_is_lost) {
        struct stage *s = stage_new(true);

        tell(s);
        ring(s, true);
        set_busy(s, true, NULL);
        cr_assert_eq(s->asked, WRITE);
        answer(s, MATRIX_UNSURE);
        s->now = usec_add(s->now, USEC_PER_MIN);
        run(s);
        if (s->asked == READ)
                answer(s, MATRIX_OK);
        run(s);
        cr_assert_eq(s->asked, WRITE);
        cr_expect_not(s->journal.given_back);
        cr_expect_not(s->journal.ahead);
}

Test(matrix_driver, what_was_put_there_ahead_goes_when_no_call_comes) {
        struct stage *s = stage_new(true);

        ring(s, true);
        ring(s, false);
        cr_assert_not(s->stored);
        cr_assert_eq(s->writes, 0);
        ring(s, true);
        cr_assert(s->stored);
        driver_free(s->driver);
        cr_assert_not(s->stored, "nor does it stay behind");
}

Test(matrix_driver, it_is_put_there_ahead_once) {
        struct stage *s = stage_new(true);

        for (unsigned i = 0; i < 20; i++) {
                ring(s, true);
                go_on(s, 5 * USEC_PER_SEC);
        }
        cr_expect_eq(s->puts, 1);
        cr_expect_eq(s->reads, 1, "nothing is asked again and again where nobody tells");
}

Test(matrix_driver, a_disk_that_is_full_ahead_of_a_call_delays_nothing_when_it_is_not_any_more) {
        struct stage *s = stage_new(true);

        s->full = true;
        ring(s, true);
        go_on(s, USEC_PER_SEC);
        cr_assert_eq(s->puts, 1, "it is tried once");
        s->full = false;
        set_busy(s, true, NULL);
        if (s->asked == READ)
                answer(s, MATRIX_OK);
        run(s);
        cr_assert_eq(s->asked, WRITE);
        cr_assert(s->stored && !s->journal.given_back, "as a claim that begins");
}

Test(matrix_driver, what_was_put_there_ahead_and_never_sent_costs_nothing_after_a_crash) {
        struct stage *s = stage_new(true);

        ring(s, true);
        /* By hand, meanwhile. */
        (void) claim_value_set(&s->shown, "busy", "Lunch");
        crash(s);
        ring(s, false);
        go_on(s, 5 * USEC_PER_MIN);
        cr_assert_str_eq(s->shown.state, "busy");
        cr_assert_str_eq(s->shown.text, "Lunch");
        cr_assert_eq(s->writes, 0);
        cr_assert_not(s->stored);
}

Test(matrix_driver, what_was_put_there_ahead_and_sent_is_given_back_after_a_crash) {
        struct stage *s = stage_new(true);

        tell(s);
        ring(s, true);
        set_busy(s, true, NULL);
        cr_assert_eq(s->asked, WRITE);
        /* It arrives, and busyd does not live to hear so. */
        s->shown = s->written;
        crash(s);
        ring(s, false);
        go_on(s, 5 * USEC_PER_MIN);
        cr_assert_str_eq(s->shown.state, "online");
        cr_assert_str_eq(s->shown.text, "Reading");
        cr_assert_not(s->stored);
}

Test(matrix_driver, what_was_put_there_ahead_and_arrives_after_a_crash_is_given_back) {
        struct stage *s = stage_new(true);

        tell(s);
        ring(s, true);
        set_busy(s, true, NULL);
        crash(s);
        ring(s, false);
        go_on(s, 10 * USEC_PER_SEC);
        cr_assert(s->stored, "it may still arrive");
        s->shown = s->written;
        go_on(s, 5 * USEC_PER_MIN);
        cr_assert_str_eq(s->shown.state, "online");
        cr_assert_str_eq(s->shown.text, "Reading");
        cr_assert_not(s->stored);
}

Test(matrix_driver, who_writes_between_the_ringing_and_a_crash_is_found_there_before_the_call) {
        struct stage *s = stage_new(true);

        tell(s);
        ring(s, true);
        (void) claim_value_set(&s->shown, "online", "Lunch");
        crash(s);
        set_busy(s, true, NULL);
        go_on(s, 5 * USEC_PER_SEC);
        cr_assert_str_eq(phase(s), "held");
        cr_assert_str_eq(s->shown.state, "busy");
        set_busy(s, false, NULL);
        go_on(s, 5 * USEC_PER_MIN);
        cr_assert_str_eq(s->shown.state, "online");
        cr_assert_str_eq(s->shown.text, "Lunch");
        cr_assert_not(s->stored);
}

/* Where each device has its own words those are put back that a lost write of ours has taken away: here none was sent.
 */
Test(matrix_driver, words_that_go_between_the_ringing_and_a_crash_stay_away) {
        struct stage *s = stage_new(false);

        s->words_per_device = true;
        tell(s);
        ring(s, true);
        cr_assert(s->stored && s->journal.ahead);
        (void) claim_value_set(&s->shown, "online", "");
        crash(s);
        ring(s, false);
        go_on(s, 5 * USEC_PER_MIN);
        cr_assert_str_eq(s->shown.text, "");
        cr_assert_not(s->stored);
}

Test(matrix_driver, what_was_refused_is_not_asked_again_because_it_rings) {
        struct stage *s = stage_new(true);

        s->denied = true;
        ring(s, true);
        cr_assert_eq(s->reads, 1);
        ring(s, false);
        ring(s, true);
        cr_assert_eq(s->reads, 1, "the next ringing");
        set_busy(s, true, NULL);
        go_on(s, USEC_PER_MIN);
        cr_assert_str_eq(phase(s), "refused");
        cr_assert_eq(s->reads, 2, "a call may ask");
        set_busy(s, false, NULL);
        ring(s, true);
        go_on(s, USEC_PER_MIN);
        cr_assert_eq(s->reads, 2, "and after it");
        s->denied = false;
        enter(s);
        set_busy(s, false, NULL);
        go_on(s, USEC_PER_MIN);
        cr_assert_not(s->stored);
        ring(s, true);
        cr_assert(s->stored, "it is allowed again");
}

Test(matrix_driver, what_the_output_was_refused_by_itself_is_not_asked_because_it_rings) {
        struct stage *s = stage_new(true);

        s->output.listener.refused(s->output.listener.userdata);
        ring(s, true);
        cr_assert_eq(s->reads, 0);
        driver_try_again(s->driver);
        ring(s, true);
        cr_assert(s->reads == 1 && s->stored, "a person has asked for everything anew");
}
