/* What an answer means for the connection of an account, and what is tried next: no server, no clock. */
#include <criterion/criterion.h>
#include <stdio.h>

#include "matrix/connection.h"

#define SEC  USEC_PER_SEC
#define MIN  USEC_PER_MIN
#define HOUR USEC_PER_HOUR

enum fact {
        NOTHING,
        KNOWN,       /* the server has told what it is, and that the token is ours */
        ANOTHERS,    /* ... somebody else's */
        PROBE_FAILS, /* as `outcome` says */
        ANSWERED,    /* by /sync */
        ANSWERED_PARTLY,
        LOST, /* /sync has failed as `outcome` says */
        DOUBT,
        WAKE,
        WAKE_WITH_GAP,
        RETRY,
};

struct row {
        const char *what;
        usec_t at; /* since START */
        enum fact fact;
        enum matrix_outcome outcome;
        bool at_stake;
        enum connection_state state; /* afterwards */
        struct connection_order order;
};

#define STAY                                                                                                          \
        { CONNECTION_STAY, CONNECTION_KEEPS_POSITION }
#define STOP                                                                                                          \
        { CONNECTION_STOP, CONNECTION_KEEPS_POSITION }
#define ASK                                                                                                           \
        { CONNECTION_ASK, CONNECTION_KEEPS_POSITION }
#define ASIDE                                                                                                         \
        { CONNECTION_ASK_ASIDE, CONNECTION_KEEPS_POSITION }
#define POLL                                                                                                          \
        { CONNECTION_POLL, CONNECTION_KEEPS_POSITION }
#define POLL_ANEW                                                                                                     \
        { CONNECTION_POLL, CONNECTION_RESYNCS }

#define START (3 * HOUR)
#define BEGIN                                                                                                         \
        { "it begins by asking", 0, .state = CONNECTION_CONNECTING, .order = ASK },                                   \
                { "the server is known", 1, KNOWN, .state = CONNECTION_SYNCING, .order = POLL },                      \
                { "part of what came", 2, ANSWERED_PARTLY, .state = CONNECTION_SYNCING, .order = STAY }, {            \
                "all of it", 3, ANSWERED, .state = CONNECTION_ONLINE, .order = STAY                                   \
        }

static uint32_t draw(void *userdata) {
        return 1000; /* the longest wait */
}

static void answered(struct connection *c, const struct row *row) {
        bool more = row->fact == ANSWERED_PARTLY, was_syncing = connection_state(c) == CONNECTION_SYNCING;

        cr_assert_eq(connection_answered(c, more, START + row->at), was_syncing && !more, "%s", row->what);
}

static void tell(struct connection *c, const struct row *row) {
        struct matrix_reply reply = {
                .outcome = row->outcome, .problem = "so it is", .retry_after = USEC_NEVER, .now = START + row->at
        };
        struct probe_facts facts = { .now = START + row->at };

        (void) snprintf(facts.user_id, sizeof(facts.user_id), "%s", row->fact == ANOTHERS ? "@you:hs" : "@me:hs");
        switch (row->fact) {
        case NOTHING:
                break;
        case KNOWN:
        case ANOTHERS:
                connection_probed(c, &facts);
                break;
        case PROBE_FAILS:
                connection_probe_failed(c, &reply);
                break;
        case ANSWERED:
        case ANSWERED_PARTLY:
                answered(c, row);
                break;
        case LOST:
                connection_lost(c, &reply);
                break;
        case DOUBT:
                connection_doubt(c);
                break;
        case WAKE:
        case WAKE_WITH_GAP:
                connection_wake(c, row->fact == WAKE_WITH_GAP);
                break;
        case RETRY:
                connection_retry(c);
                break;
        }
}

static struct connection *open(void) {
        struct connection *c;
        const struct connection_options options = {
                .account = "home", .homeserver = "https://hs", .user_id = "@me:hs", .random = draw
        };

        cr_assert_eq(connection_new(&c, &options), 0);
        return c;
}

/* Rows end with one that says nothing. */
static struct connection *play(const struct row *rows) {
        struct connection *c = open();

        for (const struct row *row = rows; row->what; row++) {
                struct connection_order order;

                tell(c, row);
                order = connection_next(c, row->at_stake, START + row->at);
                cr_assert_eq(order.step, row->order.step, "%s: step %d", row->what, order.step);
                cr_assert_eq(order.position, row->order.position, "%s: position %d", row->what, order.position);
                cr_assert_eq(connection_state(c), row->state, "%s: %s", row->what,
                             connection_state_to_string(connection_state(c)));
        }
        return c;
}

#define PLAY(...)                                                                                                     \
        SCOPED(connection_free)                                                                                       \
        __attribute__((unused)) struct connection *c = play((const struct row[]){ __VA_ARGS__, {} })

Test(matrix_connection, a_failure_is_waited_out_and_the_server_not_asked_again_what_it_is) {
        PLAY(BEGIN, { "cut", MIN, LOST, MATRIX_UNSURE, .state = CONNECTION_WAITING, .order = STAY },
             { "too early", MIN + 1, .state = CONNECTION_WAITING, .order = STAY },
             { "again", MIN + SEC, .state = CONNECTION_SYNCING, .order = POLL },
             { "a proxy answers", 2 * MIN, LOST, MATRIX_NOT_MATRIX, .state = CONNECTION_WAITING, .order = STAY });

        cr_assert_str_eq(connection_problem(c), "https://hs: so it is");
        cr_assert(connection_is_trusted(c));
}

/* What answers one request and fails the next is asked no more often for the one that it has answered. */
Test(matrix_connection, a_server_that_answers_now_and_then_is_asked_ever_less_often) {
        SCOPED(connection_free)
        struct connection *c = play((const struct row[]){ BEGIN, {} });
        struct row answers = { .what = "an answer", .fact = ANSWERED };
        struct row fails = { .what = "a failure", .fact = LOST, .outcome = MATRIX_UNSURE };
        usec_t now = MIN, longest = 0;
        unsigned n = 0;

        for (; now < 2 * MIN; n++) {
                usec_t wait;

                answers.at = fails.at = now;
                tell(c, &fails);
                (void) connection_next(c, false, START + now);
                wait = connection_retry_at(c, false) - (START + now);
                longest = wait > longest ? wait : longest;
                now += wait;
                cr_assert_eq(connection_next(c, false, START + now).step, CONNECTION_POLL);
                answers.at = now;
                tell(c, &answers);
        }
        cr_expect_leq(n, 8, "%u times in a minute", n);
        cr_expect_leq(longest, 16 * SEC, "and as it answers, not seldom");

        fails.at = now + MIN;
        tell(c, &fails);
        cr_expect_eq(connection_retry_at(c, false), START + fails.at + SEC, "it has worked for a while");
}

Test(matrix_connection, an_address_that_never_worked_is_wrong_and_still_tried) {
        PLAY({ "it begins by asking", 0, .state = CONNECTION_CONNECTING, .order = ASK },
             { "a page", 1, PROBE_FAILS, MATRIX_NOT_MATRIX, .state = CONNECTION_BROKEN, .order = STAY },
             { "again", MIN, .state = CONNECTION_CONNECTING, .order = ASK });

        cr_assert(connection_is_settled(c), "the others wait for it");
        cr_assert_not(connection_is_trusted(c));
}

Test(matrix_connection, after_a_silence_the_whole_state_is_asked_for) {
        PLAY(BEGIN, { "away", MIN, LOST, MATRIX_RETRY, .state = CONNECTION_WAITING, .order = STAY },
             { "for a while", 12 * MIN, .state = CONNECTION_SYNCING, .order = POLL_ANEW });
}

Test(matrix_connection, a_day_later_the_position_is_of_no_use) {
        PLAY(BEGIN, { "away", MIN, LOST, MATRIX_RETRY, .state = CONNECTION_WAITING, .order = STAY },
             { "asked again what it is", 25 * HOUR, .state = CONNECTION_CONNECTING, .order = ASK },
             { "the server is known", 25 * HOUR + 1, KNOWN, .state = CONNECTION_SYNCING,
               .order = { CONNECTION_POLL, CONNECTION_FORGETS_POSITION } });
}

Test(matrix_connection, after_a_sleep_the_poll_is_made_anew) {
        PLAY(BEGIN, { "a gap", MIN, WAKE_WITH_GAP, .state = CONNECTION_SYNCING, .order = POLL_ANEW },
             { "online", MIN + 1, ANSWERED, .state = CONNECTION_ONLINE, .order = STAY },
             { "the network changed", 2 * MIN, WAKE, .state = CONNECTION_SYNCING, .order = POLL });
}

Test(matrix_connection, a_gap_outlasts_the_question_what_the_server_is) {
        PLAY(BEGIN, { "a gap", 2 * HOUR, WAKE_WITH_GAP, .state = CONNECTION_CONNECTING, .order = ASK },
             { "known", 2 * HOUR + 1, KNOWN, .state = CONNECTION_SYNCING, .order = POLL_ANEW });
}

Test(matrix_connection, a_doubt_is_asked_about_and_nothing_written_meanwhile) {
        PLAY(BEGIN, { "a 401 on one request", MIN, DOUBT, .state = CONNECTION_CONNECTING, .order = ASK });

        cr_assert_not(connection_is_trusted(c));
        tell(c, &(struct row){ .fact = KNOWN, .at = MIN + 1 });
        cr_assert(connection_is_trusted(c));
}

Test(matrix_connection, a_request_that_is_always_refused_is_not_asked_about_all_the_time) {
        PLAY(BEGIN, { "a 401 on one request", MIN, DOUBT, .state = CONNECTION_CONNECTING, .order = ASK },
             { "it is ours", MIN + 1, KNOWN, .state = CONNECTION_SYNCING, .order = POLL },
             { "the next 401", MIN + 2, DOUBT, .state = CONNECTION_SYNCING, .order = STAY },
             { "later", 2 * MIN + 1, DOUBT, .state = CONNECTION_CONNECTING, .order = ASK });
}

/* Nothing else would end it, for hours. */
Test(matrix_connection, a_doubt_that_is_not_asked_about_keeps_nothing_from_being_written) {
        PLAY(BEGIN, { "a 401 on one request", MIN, DOUBT, .state = CONNECTION_CONNECTING, .order = ASK },
             { "it is ours", MIN + 1, KNOWN, .state = CONNECTION_SYNCING, .order = POLL },
             { "cut", MIN + 2, LOST, MATRIX_RETRY, .state = CONNECTION_WAITING, .order = STAY },
             { "again, with the next 401", MIN + 2 + SEC, DOUBT, .state = CONNECTION_SYNCING, .order = POLL },
             { "the poll works", MIN + 3 + SEC, ANSWERED, .state = CONNECTION_ONLINE, .order = STAY });

        cr_assert(connection_is_trusted(c));
}

Test(matrix_connection, the_end_of_the_session_is_final_only_while_nothing_is_at_stake) {
        PLAY(BEGIN, { "signed out", MIN, LOST, MATRIX_SIGNED_OUT, .state = CONNECTION_SIGNED_OUT, .order = STOP },
             { "nothing at stake", 5 * HOUR, .state = CONNECTION_SIGNED_OUT, .order = STAY },
             { "a call there", 5 * HOUR + 1, .at_stake = true, .state = CONNECTION_CONNECTING, .order = ASK },
             { "still so", 5 * HOUR + 2, PROBE_FAILS, MATRIX_SIGNED_OUT, .at_stake = true,
               .state = CONNECTION_SIGNED_OUT, .order = STOP },
             { "by hand", 5 * HOUR + 3, RETRY, .state = CONNECTION_CONNECTING, .order = ASK },
             { "it lives", 5 * HOUR + 4, KNOWN, .state = CONNECTION_SYNCING, .order = POLL_ANEW });
}

Test(matrix_connection, what_is_still_on_its_way_does_not_revive_a_session) {
        PLAY(BEGIN, { "reload", MIN, RETRY, .state = CONNECTION_ONLINE, .order = ASIDE },
             { "the end", MIN + 1, PROBE_FAILS, MATRIX_SIGNED_OUT, .state = CONNECTION_SIGNED_OUT, .order = STOP },
             { "an answer", MIN + 2, ANSWERED, .state = CONNECTION_SIGNED_OUT, .order = STAY },
             { "a failure", MIN + 3, LOST, MATRIX_RETRY, .state = CONNECTION_SIGNED_OUT, .order = STAY });
}

Test(matrix_connection, somebody_elses_session_is_not_used) {
        PLAY(BEGIN, { "reload", MIN, RETRY, .state = CONNECTION_ONLINE, .order = ASIDE },
             { "theirs", MIN + 1, ANOTHERS, .state = CONNECTION_BROKEN, .order = STOP },
             { "asked again", MIN + 1 + MIN, .state = CONNECTION_CONNECTING, .order = ASK });
}

Test(matrix_connection, what_a_server_is_is_asked_again_along_with_other_traffic) {
        PLAY(BEGIN, { "hours later", 7 * HOUR, ANSWERED, .state = CONNECTION_ONLINE, .order = ASIDE },
             { "while it is asked", 7 * HOUR + 1, ANSWERED, .state = CONNECTION_ONLINE, .order = STAY },
             { "it says nothing", 7 * HOUR + 2, PROBE_FAILS, MATRIX_RETRY, .state = CONNECTION_ONLINE, .order = STAY },
             { "not at each answer", 8 * HOUR, ANSWERED, .state = CONNECTION_ONLINE, .order = STAY },
             { "but hours later", 14 * HOUR, ANSWERED, .state = CONNECTION_ONLINE, .order = ASIDE },
             { "known", 14 * HOUR + 1, KNOWN, .state = CONNECTION_ONLINE, .order = STAY });
}

Test(matrix_connection, a_locked_account_is_tried_in_minutes_and_nothing_written) {
        PLAY(BEGIN, { "locked", MIN, LOST, MATRIX_LOCKED, .state = CONNECTION_LOCKED, .order = STAY },
             { "too early", 5 * MIN, .state = CONNECTION_LOCKED, .order = STAY });

        cr_assert_not(connection_is_trusted(c));
        cr_assert_eq(connection_retry_at(c, false), START + 6 * MIN);
}

Test(matrix_connection, a_person_ends_every_wait) {
        PLAY(BEGIN, { "locked", MIN, LOST, MATRIX_LOCKED, .state = CONNECTION_LOCKED, .order = STAY },
             { "by hand", MIN + 1, RETRY, .state = CONNECTION_CONNECTING, .order = ASK });
}
