/* The driver of one claim, on an output and a journal of our own and a clock by hand: what it does with answers. */
#include "matrix_driver_stage.h"

/* Of this test; gone with it. */
static struct stage *stages[4];
static size_t n_stages;

static struct stage *stage_keep(void) {
        cr_assert_lt(n_stages, ARRAY_SIZE(stages));
        return stages[n_stages++] = calloc(1, sizeof(struct stage));
}

static struct stage *stage_new(bool fixed) {
        struct stage *s = stage_keep();

        *s = stage_of_kind(s, fixed);
        start(s);
        return s;
}

static void teardown(void) {
        while (n_stages > 0) {
                struct stage *s = stages[--n_stages];

                driver_free(s->driver);
                driver_free(s->killed);
                free(s);
        }
}

TestSuite(matrix_driver, .fini = teardown);

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

/* A lost write of it may show them later, which nobody else has chosen then. */
Test(matrix_driver, words_of_a_call_are_known_for_its_own_after_it) {
        struct stage *s = stage_new(true);
        const struct output_listener *l = &s->output.listener;
        struct claim_value said, other = s->shown;

        cr_assert_not(l->is_said(l->userdata, &other));
        enter(s);
        said = s->shown;
        set_busy(s, false, NULL);
        go_on(s, 10 * USEC_PER_SEC);
        cr_assert_str_eq(phase(s), "free");
        cr_assert(l->is_said(l->userdata, &said));
        cr_assert_not(l->is_said(l->userdata, &other));
}

/* With a message of none, and a state that has to wait: a write would repeat the words of others, and those of another
 * machine's call may be gone when it lands. */
Test(matrix_driver, who_claims_nothing_writes_nothing) {
        struct stage *s = stage_new(true);
        const struct claim_want wanted = s->want;

        s->want = (struct claim_want){ .state_claimed = false };
        set_busy(s, true, NULL);
        go_on(s, 10 * USEC_PER_SEC);
        cr_assert_str_eq(phase(s), "free");
        cr_assert_str_eq(s->shown.state, "online");
        cr_assert_not(s->stored);
        s->want = wanted; /* once the state need not wait any more */
        set_busy(s, true, NULL);
        go_on(s, 10 * USEC_PER_SEC);
        cr_assert_str_eq(phase(s), "held");
        cr_assert_str_eq(s->shown.state, "busy");
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

static void tell(struct stage *s) {
        s->output.listener.seen(s->output.listener.userdata, &s->shown, s->now);
}

/* ---- beside polls that take away what was written before ---- */

/* The poll that is about to begin would bring ours up again. */
static void person_says(struct stage *s, const char *words) {
        s->polling = true;
        (void) claim_value_set(&s->shown, "busy", words);
        tell(s);
        cr_assert(driver_is_looking(s->driver, s->now), "the poll does not wait");
}

Test(matrix_driver, what_had_to_wait_for_the_first_word_of_others_does_not_wait_for_each_poll) {
        struct stage *s = stage_new(false);

        s->words_per_device = true;
        s->hear = USEC_NEVER;
        s->deaf = true;
        set_busy(s, true, NULL);
        go_on(s, 10 * USEC_PER_MIN);
        cr_assert_eq(s->reads, 0, "others were not heard");
        s->deaf = false;
        enter(s);
        person_says(s, "In the garden");
        run(s);
        cr_assert_eq(s->asked, READ, "the claim waits for the poll");
        go_on(s, 10 * USEC_PER_SEC);
        cr_expect_str_eq(phase(s), "yielded");
}

/* Words of a person may be on no device, and would go with ours: that is more than a write. */
Test(matrix_driver, what_takes_our_words_away_from_beside_a_persons_gives_back) {
        struct stage *s = stage_new(false);

        s->words_per_device = true;
        enter(s);
        cr_assert_not(s->gave_back);
        person_says(s, "In the garden");
        go_on(s, 10 * USEC_PER_SEC);
        cr_assert_str_eq(phase(s), "yielded");
        cr_assert_str_eq(s->written.text, "");
        cr_assert(s->gave_back);
}

Test(matrix_driver, a_poll_waits_for_what_is_to_be_read_even_where_that_waits_for_the_poll) {
        struct stage *s = stage_new(false);

        s->words_per_device = true;
        s->hear = 20 * USEC_PER_SEC;
        enter(s);
        person_says(s, "In the garden");
        run(s);
        cr_assert_eq(s->asked, NOTHING);
        go_on(s, 20 * USEC_PER_SEC);
        cr_expect_not(driver_is_looking(s->driver, s->now), "they wait for each other");
        cr_expect_str_eq(phase(s), "yielded");
}

/* ---- what the output itself has looked for ---- */

static void look(struct stage *s, const char *words) {
        const struct output_listener *l = &s->output.listener;

        (void) claim_value_set(&s->shown, "unavailable", words);
        tell(s);
        l->looked(l->userdata, &s->shown, s->now);
        l->unsure(l->userdata);
}

Test(matrix_driver, what_a_look_shows_in_a_call_is_as_good_as_a_read) {
        struct stage *s = stage_new(false);
        unsigned reads;

        s->words_per_device = true;
        enter(s);
        reads = s->reads;
        look(s, "In the garden");
        run(s);
        cr_expect_str_eq(phase(s), "yielded");
        cr_expect_eq(s->reads, reads);
}

Test(matrix_driver, what_a_look_shows_waits_for_what_others_tell) {
        struct stage *s = stage_new(false);

        s->words_per_device = true;
        s->hear = USEC_PER_MIN;
        enter(s);
        s->deaf = true;
        look(s, "In the garden");
        run(s);
        cr_expect_str_eq(phase(s), "held");
        s->deaf = false;
        go_on(s, 10 * USEC_PER_SEC);
        cr_expect_str_eq(phase(s), "yielded");
}

Test(matrix_driver, what_a_look_shows_is_not_taken_for_the_answer_to_a_read) {
        struct stage *s = stage_new(false);

        s->words_per_device = true;
        enter(s);
        (void) claim_value_set(&s->shown, "unavailable", "In the garden");
        tell(s);
        run(s);
        cr_assert_eq(s->asked, READ);
        look(s, "In the garden");
        cr_expect_str_eq(phase(s), "held");
        go_on(s, 10 * USEC_PER_SEC);
        cr_expect_str_eq(phase(s), "yielded");
}

/* ---- ahead of a call ---- */

static void ring(struct stage *s, bool rings) {
        driver_set_want(s->driver, &(struct driver_want){ .likely = rings, .now = s->now });
        go_on(s, 0);
}

/* busyd is killed: what is under way is lost, the journal is as it was. */
static void crash(struct stage *s) {
        driver_free(s->killed);
        s->killed = s->driver;
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
        s->driver = driver_free(s->driver);
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

/* ---- what another session holds, and what is not known any more ---- */

Test(matrix_driver, what_another_session_holds_is_cured) {
        struct stage *s = stage_new(true);

        s->curable = true;
        enter(s);
        s->caught = true;
        set_busy(s, false, NULL);
        go_on(s, 10 * USEC_PER_MIN);
        cr_expect_eq(s->cures, 1);
        cr_expect_str_eq(phase(s), "free");
        cr_expect_str_eq(s->shown.state, "online");
        cr_expect_str_eq(s->shown.text, "Reading");
        cr_expect_not(s->stored);
}

/* It may be another machine's that is not heard. */
Test(matrix_driver, an_output_is_told_of_what_sticks) {
        for (unsigned deaf = 0; deaf < 2; deaf++) {
                struct stage *s = stage_new(false);

                enter(s);
                s->caught = true;
                s->deaf = deaf;
                set_busy(s, false, NULL);
                go_on(s, 10 * USEC_PER_MIN);
                cr_expect_str_eq(phase(s), "stuck");
                cr_expect_eq(s->told.phase, CLAIM_STUCK);
                cr_expect_eq(s->told.sticks, !deaf);
        }
}

static struct stage *without_a_journal(bool known) {
        struct stage *s = stage_keep();

        *s = stage_of_kind(s, true);
        s->journal_lost = true;
        s->known = known;
        s->shown = (struct claim_value){ "busy", "In a call" };
        start(s);
        set_busy(s, false, NULL);
        go_on(s, 10 * USEC_PER_MIN);
        return s;
}

Test(matrix_driver, without_a_journal_our_words_are_taken_back) {
        struct stage *s = without_a_journal(true);

        cr_expect_str_eq(s->shown.state, "online");
        cr_expect_str_eq(s->shown.text, "");
        cr_expect_str_eq(phase(s), "free");
        cr_expect_not(s->stored);
}

Test(matrix_driver, without_a_journal_what_is_not_known_again_is_left_alone) {
        struct stage *s = without_a_journal(false);

        cr_expect_eq(s->writes, 0);
        cr_expect_str_eq(s->shown.state, "busy");
}

/* Where nobody may look, what was written last stands there. */
Test(matrix_driver, what_nobody_may_look_at_is_as_it_was_written) {
        struct stage *s = stage_new(true);

        enter(s);
        s->hidden = true;
        s->shown = (struct claim_value){ "online", "of somebody who cannot be seen" };
        go_on(s, USEC_PER_HOUR);
        cr_expect_str_eq(phase(s), "held");
        set_busy(s, false, NULL);
        go_on(s, 10 * USEC_PER_MIN);
        cr_expect_str_eq(phase(s), "free");
        cr_expect_str_eq(s->shown.text, "Reading");
}
