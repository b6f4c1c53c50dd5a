/* The loop of /sync against a server that is played by hand, on a clock that is set by hand. */
#include <criterion/criterion.h>
#include <inttypes.h>
#include <errno.h>
#include <stdio.h>

#include "json/json.h"
#include "matrix/sync/sync.h"
#include "unit/http_door.h"

#define START       (2 * USEC_PER_HOUR)
#define POLL        (600 * USEC_PER_SEC)
#define PAUSE       (5 * USEC_PER_SEC)
#define UNKNOWN_POS "{\"errcode\":\"M_UNKNOWN_POS\",\"error\":\"Unknown position\"}"
#define EMPTY(pos)  "{\"next_batch\":\"" pos "\"}"
/* Somebody's call in a room. */
#define RINGS(pos)                                                                                                    \
        "{\"next_batch\":\"" pos "\",\"rooms\":{\"join\":{\"!r:hs\":{\"timeline\":{\"events\":["                      \
        "{\"type\":\"m.call.invite\",\"sender\":\"@you:hs\",\"event_id\":\"$1\",\"content\":{}}]}}}}}"

/* What is of no concern, from a server that takes no heed of filters. */
#define TALK(pos)                                                                                                     \
        "{\"next_batch\":\"" pos "\",\"rooms\":{\"join\":{\"!r:hs\":{\"timeline\":{\"events\":["                      \
        "{\"type\":\"m.room.message\",\"sender\":\"@you:hs\",\"event_id\":\"$1\",\"content\":{}}]}}}}}"

struct owner {
        struct matrix_client *client;
        struct sync *sync;
        struct sync_handler handler;
        usec_t now, next;
        bool touched, concerned;
        unsigned n_answers, n_failed, n_lost, n_pages; /* pages: of gaps, in all answers */
        unsigned n_torn;                               /* rooms of the last answer, read in part or not at all */
        bool initial, more;                            /* of the last answer */
        usec_t retry_after;                            /* of the last failure */
        int take_error, answer_error;
        unsigned n_taken;
        enum matrix_outcome outcome;
};

static void on_touched(void *userdata) {
        ((struct owner *) userdata)->touched = true;
}

static int on_answer(void *userdata, const struct sync_answer *answer) {
        struct owner *o = userdata;

        cr_assert_eq(answer->now, o->now, "the answer carries the instant");
        o->n_answers++;
        o->initial = answer->initial;
        o->more = answer->more;
        o->n_pages += (unsigned) answer->n_gaps;
        o->n_torn = (unsigned) answer->n_torn;
        for (size_t i = 0; i < answer->n_gaps; i++)
                if (answer->gaps[i]->torn_room)
                        o->n_torn++;
        return o->answer_error < 0 ? o->answer_error : o->concerned;
}

static int on_take(void *userdata, const json_t *body, const struct instant *at) {
        struct owner *o = userdata;

        cr_assert_eq(at->now, o->now);
        cr_assert_not_null(json_member_string(body, "next_batch"));
        o->n_taken++;
        return o->take_error;
}

static void on_position_lost(void *userdata) {
        ((struct owner *) userdata)->n_lost++;
}

static void on_failed(void *userdata, const struct matrix_reply *reply) {
        struct owner *o = userdata;

        o->n_failed++;
        o->retry_after = reply->retry_after;
        o->outcome = reply->outcome;
}

static size_t on_rooms(void *userdata, const char **ret, size_t max) {
        return 0;
}

static uint32_t draw(void *userdata) {
        return 7;
}

static void run(struct owner *o) {
        o->next = sync_run(o->sync, o->now);
        cr_assert_gt(o->next, o->now, "what is due is done");
}

static void set_options_with(struct owner *o, bool turns_at_stake, usec_t pause) {
        sync_set_options(o->sync, &(struct sync_options){ .poll_timeout = POLL,
                                                          .poll_pause = pause,
                                                          .turns_at_stake = turns_at_stake,
                                                          .account_data = "org.example.",
                                                          .says.while_idle = SET_PRESENCE_OFFLINE,
                                                          .says.while_held = SET_PRESENCE_UNAVAILABLE });
}

static void set_options(struct owner *o, bool turns_at_stake) {
        set_options_with(o, turns_at_stake, PAUSE);
}

static void open_at(struct owner *o, const char *since, usec_t now) {
        SCOPED(json_decref) json_t *messages = json_pack("[s]", "m.call.invite");
        SCOPED(json_decref) json_t *state = json_pack("[s]", "m.call.member");
        SCOPED(json_decref) json_t *in_call = json_pack("[s]", "m.room.member");
        const struct sync_wants wants = { messages, state, in_call };

        *o = (struct owner){ .now = now };
        o->handler = (struct sync_handler){ .touched = on_touched,
                                            .answer = on_answer,
                                            .position_lost = on_position_lost,
                                            .failed = on_failed,
                                            .rooms = on_rooms,
                                            .random = draw,
                                            .userdata = o };
        cr_assert_eq(matrix_client_new(&o->client, NULL, "http://localhost:1", "s3cret"), 0);
        cr_assert_eq(sync_new(&o->sync, o->client, "@me:hs", since, &wants, &o->handler), 0);
        set_options(o, /* turns_at_stake= */ true);
        sync_go(o->sync);
        run(o);
}

static void close_it(struct owner *o) {
        sync_free(o->sync);
        matrix_client_free(o->client);
        cr_assert_null(door_waiting(), "what is dropped is cancelled");
}

static const char *asked(void) {
        cr_assert_not_null(door_waiting(), "nothing is asked");
        return door_waiting()->url;
}

/* Answers filters until a poll waits. */
static const char *poll_of(struct owner *o) {
        for (int i = 0; i < 4; i++) {
                if (!door_waiting()) {
                        cr_assert_neq(o->next, USEC_NEVER, "the loop stands still");
                        o->now = o->next;
                        run(o);
                }
                if (!strstr(asked(), "/filter"))
                        break;
                door_answer(200, "{\"filter_id\":\"1\"}", o->now);
                run(o);
        }
        cr_assert(strstr(asked(), "/sync?"), "%s", asked());
        return asked();
}

/* The owner decides and then lets it go on. */
static void answer(struct owner *o, long status, const char *body) {
        door_answer(status, body, o->now);
        cr_assert(o->touched);
        run(o);
}

static uint64_t timeout_of(const char *url) {
        const char *s = strstr(url, "timeout=");

        cr_assert_not_null(s, "%s", url);
        return strtoull(s + strlen("timeout="), NULL, 10);
}

/* A whole state, and the events since. */
static void begin(struct owner *o) {
        open_at(o, NULL, START);
        cr_assert_null(strstr(poll_of(o), "since="));
        answer(o, 200, EMPTY("s1"));
        cr_assert(strstr(poll_of(o), "since=s1"), "%s", asked());
        answer(o, 200, EMPTY("s1"));
        cr_assert_gt(timeout_of(poll_of(o)), 500000, "a long poll");
}

/* ---- our own trouble ---- */

Test(matrix_poll, a_poll_that_cannot_be_begun_is_told_once) {
        struct owner o;

        begin(&o);
        door_start_error = -ENOMEM;
        answer(&o, 200, EMPTY("s2"));
        if (o.next != USEC_NEVER) {
                o.now = o.next;
                run(&o);
        }
        cr_assert_eq(sync_error(o.sync), -ENOMEM);
        run(&o);
        cr_assert_eq(sync_error(o.sync), 0, "told again, which would be tried again at once");
        door_start_error = 0;
        sync_go(o.sync);
        run(&o);
        (void) poll_of(&o);
        close_it(&o);
}

/* ---- who decides first ---- */

Test(matrix_poll, nothing_is_asked_before_the_owner_has_decided) {
        struct owner o;

        begin(&o);
        sync_set_held(o.sync, true, true);
        run(&o);
        o.now += 20 * USEC_PER_SEC;
        cr_assert(strstr(poll_of(&o), "set_presence=unavailable"), "%s", asked());
        o.concerned = true;
        door_answer(200, RINGS("s2"), o.now += 20 * USEC_PER_SEC);
        cr_assert_null(door_waiting(), "no poll begins in the owner's turn");
        sync_set_held(o.sync, false, false);
        run(&o);
        cr_assert(strstr(poll_of(&o), "set_presence=offline"), "%s", asked());
        close_it(&o);
}

/* Synapse counts one poll in ten seconds: one that is not counted must not last for ten minutes (reference 2.1). */
Test(matrix_poll, a_counted_poll_without_a_turn_is_followed_by_one_that_has_it) {
        struct owner o;

        begin(&o);
        o.concerned = true;
        o.now += 20 * USEC_PER_SEC;
        answer(&o, 200, RINGS("s2"));
        (void) poll_of(&o);
        o.now += USEC_PER_SEC;
        door_answer(200, RINGS("s3"), o.now);
        sync_set_held(o.sync, true, false);
        run(&o);
        o.concerned = false;
        cr_assert(strstr(poll_of(&o), "set_presence=unavailable"), "%s", asked());
        cr_expect_leq(timeout_of(asked()), 10000, "it has no turn");
        cr_expect_geq(timeout_of(asked()), 9500, "the next one may be faster on its way");
        o.now += timeout_of(asked()) * USEC_PER_MSEC;
        answer(&o, 200, EMPTY("s3"));
        cr_assert(strstr(poll_of(&o), "set_presence=unavailable"), "%s", asked());
        cr_expect_gt(timeout_of(asked()), 500000, "it has one, and is long");
        close_it(&o);
}

/* So long after the answer the next poll begins. */
static usec_t rest_after(struct owner *o, bool concerned, const char *body) {
        usec_t answered = o->now += USEC_PER_MIN;

        o->concerned = concerned;
        door_answer(200, body, o->now);
        run(o);
        (void) poll_of(o);
        return o->now - answered;
}

/* Whatever it is that wakes both. */
Test(matrix_poll, a_client_woken_by_the_same_thing_begins_first) {
        struct owner o;

        begin(&o);
        cr_assert_eq(rest_after(&o, false, RINGS("s2")), SYNC_HEAD_START, "a stranger's call");
        cr_assert_eq(rest_after(&o, true, RINGS("s3")), SYNC_HEAD_START, "one of the user");
        close_it(&o);
}

/* Synapse gives a turn to whoever asks first once ten seconds are over since the last: at any distance of what wakes
 * both, in steps that fall between the two polls as well. */
Test(matrix_poll, a_turn_is_never_taken_from_a_client_woken_by_the_same_thing) {
        const usec_t its_own = 200 * USEC_PER_MSEC;

        for (usec_t every = USEC_PER_SEC; every < 25 * USEC_PER_SEC; every += 70 * USEC_PER_MSEC) {
                struct sync_rest rest = { 0 };
                usec_t now = 10 * USEC_PER_SEC, free_at = 0;

                for (unsigned i = 0; i < 100; i++, now += every) {
                        usec_t its = now + its_own, ours;

                        ours = now + sync_rest_next(&rest, &(struct sync_rest_facts){ .concerned = true,
                                                                                      .turns_at_stake = true,
                                                                                      .max = PAUSE,
                                                                                      .ran = every,
                                                                                      .now = now });
                        if (ours < its)
                                cr_assert_lt(ours, free_at, "every %" PRIu64 ", %u", every, i);
                        if (its >= free_at)
                                free_at = its + SYNC_TURN;
                        cr_assert_lt(ours, free_at, "every %" PRIu64 ", %u", every, i);
                }
        }
}

Test(matrix_poll, no_rest_is_made_for_a_client_that_is_not_there) {
        struct owner o;

        begin(&o);
        set_options(&o, /* turns_at_stake= */ false);
        run(&o);
        cr_assert_eq(rest_after(&o, false, RINGS("s2")), 0, "nobody needs it");
        cr_assert_eq(rest_after(&o, true, RINGS("s2")), 0);
        set_options(&o, /* turns_at_stake= */ true);
        run(&o);
        cr_assert_eq(rest_after(&o, false, RINGS("s3")), SYNC_HEAD_START, "somebody does");
        close_it(&o);
}

/* The owner learns by the answer itself that another client has come. */
Test(matrix_poll, how_long_to_rest_is_decided_after_the_answer) {
        struct owner o;

        begin(&o);
        set_options(&o, /* turns_at_stake= */ false);
        run(&o);
        door_answer(200, RINGS("s2"), o.now += USEC_PER_MIN);
        set_options(&o, /* turns_at_stake= */ true);
        run(&o);
        cr_assert_eq(o.next, o.now + SYNC_HEAD_START);
        close_it(&o);
}

/* Each poll is answered at once with this. */
static unsigned polls_in_a_minute(bool turns_at_stake, usec_t pause, const char *body) {
        struct owner o;
        usec_t end;
        unsigned n_polls = 0;

        begin(&o);
        set_options_with(&o, turns_at_stake, pause);
        run(&o);
        for (end = o.now + USEC_PER_MIN; o.now < end; n_polls++) {
                (void) poll_of(&o);
                door_answer(200, body, o.now += 20 * USEC_PER_MSEC);
                run(&o);
        }
        close_it(&o);
        return n_polls;
}

Test(matrix_poll, a_flood_of_what_concerns_nobody_is_slowed_down) {
        cr_assert_leq(polls_in_a_minute(true, PAUSE, RINGS("s2")), 4 + USEC_PER_MIN / PAUSE);
        cr_assert_leq(polls_in_a_minute(false, PAUSE, RINGS("s2")), 4 + USEC_PER_MIN / PAUSE);
}

Test(matrix_poll, without_a_pause_only_answers_at_once_with_nothing_are_slowed_down) {
        cr_assert_leq(polls_in_a_minute(false, 0, EMPTY("s2")), 8 + 2 * 60 + 1);
        cr_assert_eq(polls_in_a_minute(false, 0, RINGS("s2")), 3000, "a real call may be among them");
}

/* What another machine is about to tell may take as long as its call. */
Test(matrix_poll, a_flood_is_slowed_down_also_while_another_machine_is_about_to_tell) {
        struct owner o;
        usec_t end;
        unsigned n_polls = 0;

        begin(&o);
        sync_set_options(o.sync, &(struct sync_options){ .poll_timeout = POLL,
                                                         .poll_pause = PAUSE,
                                                         .expecting = true,
                                                         .costly = true,
                                                         .account_data = "org.example.",
                                                         .says.while_idle = SET_PRESENCE_OFFLINE });
        run(&o);
        for (unsigned i = 0; i < 10; i++)
                cr_assert_eq(rest_after(&o, false, RINGS("s2")), 0, "no pause is made for single answers");
        for (end = o.now + USEC_PER_MIN; o.now < end; n_polls++) {
                (void) poll_of(&o);
                door_answer(200, RINGS("s2"), o.now += 20 * USEC_PER_MSEC);
                run(&o);
        }
        cr_assert_leq(n_polls, 20 + USEC_PER_MIN / PAUSE);
        close_it(&o);
}

/* Our own writes come back to us, twice a call. */
Test(matrix_poll, calls_close_together_are_never_left_waiting_for_their_echoes) {
        struct owner o;

        begin(&o);
        set_options(&o, /* turns_at_stake= */ false);
        run(&o);
        for (unsigned call = 0; call < 20; call++)
                for (unsigned i = 0; i < 5; i++) {
                        bool echo = i == 2 || i == 4; /* invitation, answer, echo, end, echo */

                        o.concerned = !echo;
                        door_answer(200, echo ? EMPTY("s2") : RINGS("s2"), o.now += USEC_PER_SEC);
                        run(&o);
                        cr_assert_not_null(door_waiting(), "call %u, answer %u", call, i);
                }
        close_it(&o);
}

/* ---- positions ---- */

Test(matrix_poll, a_position_refused_time_and_again_is_backed_off) {
        struct owner o;
        unsigned n_polls = 0;

        begin(&o);
        while (o.now < START + USEC_PER_MIN && n_polls < 1000) {
                n_polls++;
                o.now += USEC_PER_MSEC;
                answer(&o, strstr(poll_of(&o), "since=") ? 400 : 200,
                       strstr(asked(), "since=") ? UNKNOWN_POS : EMPTY("s1"));
                if (o.n_failed == 0)
                        continue;
                /* As its owner does, whose own back-off a first answer has ended. */
                o.now += o.retry_after != USEC_NEVER && o.retry_after > USEC_PER_SEC ? o.retry_after : USEC_PER_SEC;
                o.n_failed = 0;
                sync_go(o.sync);
                run(&o);
        }
        cr_assert_leq(n_polls, 20, "%u polls in a minute", n_polls);
        cr_assert_geq(o.n_lost, 1);
        close_it(&o);
}

/* One that takes every second request looks, after each of those, like one that works. */
Test(matrix_poll, what_works_now_and_then_is_not_started_over_at_once_each_time) {
        struct owner o;
        unsigned n_polls = 0;

        begin(&o);
        for (; o.n_failed == 0 && n_polls < 100; n_polls++) {
                bool is_long = timeout_of(poll_of(&o)) > 100000;

                o.now += USEC_PER_MSEC;
                answer(&o, is_long ? 400 : 200, is_long ? UNKNOWN_POS : EMPTY("s1"));
        }
        cr_assert_eq(o.n_failed, 1, "its owner waits");
        cr_expect_leq(n_polls, 4, "%u", n_polls);
        cr_expect_geq(o.retry_after, 2 * USEC_PER_SEC);

        /* A minute later it is one position that is lost. */
        o.now += USEC_PER_MIN;
        sync_go(o.sync);
        run(&o);
        for (; timeout_of(poll_of(&o)) < 100000;)
                answer(&o, 200, EMPTY("s1"));
        answer(&o, 400, UNKNOWN_POS);
        cr_expect_eq(o.n_failed, 1);
        close_it(&o);
}

/* A state has no messages: those since the position come after it. */
Test(matrix_poll, a_whole_state_does_not_skip_what_came_since_the_position) {
        struct owner o;

        open_at(&o, "s1", START);
        cr_assert_null(strstr(poll_of(&o), "since="), "%s", asked());
        answer(&o, 200, EMPTY("s9"));
        cr_assert(strstr(poll_of(&o), "since=s1"), "%s", asked());
        close_it(&o);
}

Test(matrix_poll, one_position_refused_is_started_over_at_once) {
        struct owner o;

        begin(&o);
        answer(&o, 400, UNKNOWN_POS);
        cr_assert_null(strstr(poll_of(&o), "since="), "%s", asked());
        cr_assert_eq(o.n_failed, 0);
        cr_assert_eq(o.n_lost, 1);
        close_it(&o);
}

#define ERRCODE(code) "{\"errcode\":\"" code "\"}"

static const struct refused_row {
        const char *what;
        long status;
        const char *body;
        bool lost;
} refused[] = {
        { "malformed", 400, "{\"errcode\":\"M_INVALID_PARAM\",\"error\":\"malformed sync token\"}", true },
        { "no words", 400, ERRCODE("M_UNKNOWN"), true },
        { "bad json", 400, "{\"errcode\":\"M_BAD_JSON\",\"error\":\"no\"}", true },
        { "of its own", 400, "{\"errcode\":\"ORG_EXAMPLE_ODD\",\"error\":\"no\"}", true },
        { "not there", 404, ERRCODE("M_NOT_FOUND"), true },
        { "gone", 410, ERRCODE("M_UNKNOWN"), true },
        { "in conflict", 409, ERRCODE("M_UNKNOWN"), true },
        { "not to be processed", 422, ERRCODE("M_INVALID_PARAM"), true },
        { "too long for the server", 414, ERRCODE("M_TOO_LARGE"), true },
        { "the filter", 400, "{\"errcode\":\"M_INVALID_PARAM\",\"error\":\"No such filter\"}", false },
        { "a proxy's page", 400, "<html>Bad Request</html>", false },
        { "not allowed", 403, ERRCODE("M_FORBIDDEN"), false },
        { "the session", 401, ERRCODE("M_UNKNOWN_TOKEN"), false },
        { "locked", 401, ERRCODE("M_USER_LOCKED"), false },
        { "too many requests", 429, ERRCODE("M_LIMIT_EXCEEDED"), false },
        { "no such request", 404, ERRCODE("M_UNRECOGNIZED"), false },
        { "trouble in the server", 500, ERRCODE("M_UNKNOWN"), false },
};

Test(matrix_poll, any_refusal_that_may_be_of_the_position_drops_it_once) {
        for (size_t i = 0; i < ARRAY_SIZE(refused); i++) {
                struct owner o;

                begin(&o);
                answer(&o, refused[i].status, refused[i].body);
                cr_expect_eq(o.n_lost, refused[i].lost ? 1 : 0, "%s", refused[i].what);
                cr_expect_eq(o.n_failed, refused[i].lost || streq(refused[i].what, "the filter") ? 0 : 1, "%s",
                             refused[i].what);
                if (refused[i].lost)
                        cr_expect_null(strstr(poll_of(&o), "since="), "%s", refused[i].what);
                close_it(&o);
        }
}

/* As its owner does after a failure. */
static void go_on(struct owner *o) {
        o->now += USEC_PER_MIN;
        sync_go(o->sync);
        run(o);
}

/* One that was put back to a backup may stumble over a position of before, and say no more than that. */
Test(matrix_poll, a_position_over_which_the_server_stumbles_for_minutes_is_dropped_once) {
        struct owner o;
        unsigned n = 0;

        begin(&o);
        for (; n < 20 && o.n_lost == 0; n++) {
                answer(&o, 500, ERRCODE("M_UNKNOWN"));
                if (o.n_lost == 0)
                        go_on(&o);
        }
        cr_assert_eq(o.n_lost, 1);
        cr_assert(n > 3 && n < 10, "after %u", n);
        cr_assert_null(strstr(poll_of(&o), "since="), "%s", asked());
        answer(&o, 200, EMPTY("s9"));
        cr_assert(strstr(poll_of(&o), "since=s9"), "%s", asked());
        close_it(&o);
}

/* A proxy that takes offence at the position, as at one that is too long, does not say so in Matrix' words. */
Test(matrix_poll, a_position_that_something_in_between_refuses_is_given_up_in_the_end) {
        struct owner o;
        unsigned n = 0;

        begin(&o);
        while (o.n_lost == 0 && n++ < 10) {
                answer(&o, 414, "<html>URI Too Long</html>");
                if (o.n_lost == 0)
                        go_on(&o);
        }
        cr_assert_eq(o.n_lost, 1);
        cr_assert(n > 1 && n <= 3, "after %u", n);
        cr_assert_null(strstr(poll_of(&o), "since="), "%s", asked());
        answer(&o, 200, EMPTY("s9"));
        cr_assert(strstr(poll_of(&o), "since=s9"), "%s", asked());
        close_it(&o);
}

/* What asks for a password, or says that nobody may, is no judgement of the position. */
Test(matrix_poll, a_portal_costs_no_position) {
        static const long statuses[] = { 401, 403, 407, 302, 511, 200 };

        for (size_t i = 0; i < ARRAY_SIZE(statuses); i++) {
                struct owner o;

                begin(&o);
                for (int n = 0; n < 10; n++) {
                        answer(&o, statuses[i], "<html>Sign in</html>");
                        go_on(&o);
                }
                cr_expect_eq(o.n_lost, 0, "%ld", statuses[i]);
                close_it(&o);
        }
}

/* Without a position there is nothing left to be refused but the filter: it is made anew, and not for ever. */
Test(matrix_poll, a_whole_state_that_is_refused_is_asked_with_a_new_filter) {
        struct owner o;
        unsigned n_filters = 0;

        open_at(&o, NULL, START);
        for (unsigned i = 0; i < 20 && o.n_failed == 0; i++) {
                if (strstr(asked(), "/filter")) {
                        n_filters++;
                        answer(&o, 200, "{\"filter_id\":\"1\"}");
                } else
                        answer(&o, 400, ERRCODE("M_UNKNOWN"));
        }
        cr_assert_eq(o.n_failed, 1, "it goes on and on");
        cr_assert(n_filters >= 2 && n_filters <= 4, "%u filters", n_filters);
        close_it(&o);
}

/* A call begins, or presence is switched on, while the filter is on its way. */
Test(matrix_poll, a_filter_is_that_of_what_was_asked_for_when_it_was_sent) {
        struct sync_options options = { .poll_timeout = POLL, .account_data = "org.example." };
        struct owner o;

        open_at(&o, NULL, START);
        (void) poll_of(&o);
        answer(&o, 200, EMPTY("s1"));
        (void) poll_of(&o);
        answer(&o, 200, EMPTY("s1"));
        cr_assert(strstr(asked(), "/filter"));
        sync_set_in_call(o.sync, true);
        answer(&o, 200, "{\"filter_id\":\"idle\"}");
        cr_assert(strstr(asked(), "/filter"), "that of calls is another one: %s", asked());
        options.own_presence = true;
        sync_set_options(o.sync, &options);
        answer(&o, 200, "{\"filter_id\":\"calls\"}");
        cr_assert(strstr(asked(), "/filter"), "that with presence is another one: %s", asked());
        options.account_data = NULL;
        sync_set_options(o.sync, &options);
        answer(&o, 200, "{\"filter_id\":\"old\"}");
        cr_assert(strstr(asked(), "/filter"), "that with all account data is another one: %s", asked());
        answer(&o, 200, "{\"filter_id\":\"all\"}");
        cr_assert(strstr(asked(), "filter=all"), "%s", asked());
        close_it(&o);
}

/* ---- gaps ---- */

/* Events were left out in a room. */
#define TORN(pos)                                                                                                     \
        "{\"next_batch\":\"" pos "\",\"rooms\":{\"join\":{\"!r:hs\":{\"timeline\":{\"limited\":true,"                 \
        "\"prev_batch\":\"p1\",\"events\":[]}}}}}"

/* ... and nobody says where. */
#define TORN_ANYWHERE(pos)                                                                                            \
        "{\"next_batch\":\"" pos "\",\"rooms\":{\"join\":{\"!r:hs\":{\"timeline\":{\"limited\":true,"                 \
        "\"events\":[]}}}}}"

static void expect_gap_asked(void) {
        cr_assert(strstr(asked(), "/messages?"), "%s", asked());
}

/* Until the loop has told of a failure. */
static void gap_fails(struct owner *o, long status, const char *body) {
        (void) poll_of(o);
        answer(o, 200, TORN("s2"));
        expect_gap_asked();
        o->n_failed = 0;
        answer(o, status, body);
        cr_assert(o->n_failed == 1 && o->n_pages == 0, "counts as filled");
        sync_go(o->sync);
        run(o);
        cr_assert(strstr(poll_of(o), "since=s1"), "the position moved behind what was not read: %s", asked());
}

/* Only the server's word is one: not what a firewall in between says. */
Test(matrix_poll, a_page_that_is_no_matrix_answer_does_not_fill_a_gap) {
        static const struct {
                long status;
                const char *body;
        } rows[] = { { 403, "<html>Blocked by policy</html>" },
                     { 404, "<html>Not found</html>" },
                     { 200, "<html>Log in to this network</html>" },
                     { 403, "{\"blocked\":true}" },
                     { 502, "" } };

        for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
                struct owner o;

                begin(&o);
                gap_fails(&o, rows[i].status, rows[i].body);
                answer(&o, 200, TORN("s2"));
                expect_gap_asked();
                answer(&o, 200, "{\"chunk\":[]}");
                cr_assert(o.n_pages == 1 && o.n_torn == 0, "row %zu", i);
                close_it(&o);
        }
}

#define SAID(end)                                                                                                     \
        "{\"chunk\":[{\"type\":\"m.call.invite\",\"sender\":\"@you:hs\",\"event_id\":\"$2\",\"content\":{}}]" end "}"
#define MORE      ",\"end\":\"p2\""
#define FORBIDDEN "{\"errcode\":\"M_FORBIDDEN\",\"error\":\"no\"}"

/* A call may have ended in what was not read. */
Test(matrix_poll, a_room_that_is_not_read_back_whole_is_told) {
        static const struct {
                const char *what;
                long first, second; /* of the two pages; 0: not asked for */
                const char *page, *torn;
                unsigned n_torn;
        } rows[] = { { "all of it", 200, 0, SAID(""), TORN("s2"), 0 },
                     { "refused", 403, 0, FORBIDDEN, TORN("s2"), 1 },
                     { "refused in the middle", 200, 403, SAID(MORE), TORN("s2"), 1 },
                     { "nowhere to read from", 0, 0, NULL, TORN_ANYWHERE("s2"), 1 },
                     { "no page", 200, 0, "{}", TORN("s2"), 1 } };

        for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
                struct owner o;

                begin(&o);
                (void) poll_of(&o);
                answer(&o, 200, rows[i].torn);
                if (rows[i].first > 0) {
                        expect_gap_asked();
                        answer(&o, rows[i].first, rows[i].page);
                }
                if (rows[i].second > 0) {
                        expect_gap_asked();
                        answer(&o, rows[i].second, FORBIDDEN);
                }
                cr_assert_eq(o.n_torn, rows[i].n_torn, "%s: %u", rows[i].what, o.n_torn);
                cr_assert(strstr(poll_of(&o), "since=s2"), "%s: %s", rows[i].what, asked());
                close_it(&o);
        }
}

Test(matrix_poll, what_cannot_be_read_back_in_three_times_is_told) {
        struct owner o;

        begin(&o);
        for (unsigned i = 1; i <= 3; i++) {
                (void) poll_of(&o);
                answer(&o, 200, TORN("s2"));
                expect_gap_asked();
                answer(&o, 502, "");
                if (i == 3)
                        break;
                cr_assert(o.n_failed == i && o.n_torn == 0);
                sync_go(o.sync);
                run(&o);
        }
        cr_assert(o.n_failed == 2 && o.n_torn == 1, "%u failures, %u torn", o.n_failed, o.n_torn);
        cr_assert(strstr(poll_of(&o), "since=s2"), "%s", asked());
        close_it(&o);
}

Test(matrix_poll, a_server_that_refuses_to_tell_is_not_asked_for_ever) {
        struct owner o;

        begin(&o);
        (void) poll_of(&o);
        answer(&o, 200, TORN("s2"));
        expect_gap_asked();
        answer(&o, 403, "{\"errcode\":\"M_FORBIDDEN\",\"error\":\"no\"}");
        cr_assert_eq(o.n_failed, 0);
        cr_assert(strstr(poll_of(&o), "since=s2"), "%s", asked());
        close_it(&o);
}

/* ---- cuts ---- */

Test(matrix_poll, what_a_proxy_cuts_is_asked_again_for_less_and_is_no_failure) {
        struct owner o;
        uint64_t before;

        begin(&o);
        before = timeout_of(poll_of(&o));
        door_answer(524, "<html>A timeout occurred</html>", o.now += 9 * USEC_PER_SEC);
        run(&o);
        cr_assert_eq(o.n_failed, 0);
        cr_assert_leq(timeout_of(poll_of(&o)), before / 2 + 1000, "%s", asked());
        cr_assert_gt(timeout_of(poll_of(&o)), before / 2 - 1000, "a long one still");
        close_it(&o);
}

static const struct cut_row {
        const char *what;
        long status;
        const char *body;
        int error; /* of the transfer; 0: none */
} cuts[] = {
        { "bad gateway", 502, "<html>502</html>", 0 },
        { "gateway timeout", 504, "", 0 },
        { "a timeout of a CDN", 524, "error code: 524", 0 },
        { "not available", 503, "no healthy upstream", 0 },
        { "request timeout", 408, "stream timeout", 0 },
        { "a page and 200", 200, "<html>Please wait</html>", 0 },
        { "nothing and 204", 204, "", 0 },
        { "200 and nothing", 200, "", 0 },
        { "200 and no object", 200, "[]", 0 },
        { "200 without a position", 200, "{}", 0 },
        { "200 with a position of a wrong type", 200, "{\"next_batch\":7}", 0 },
        { "half a body", 200, "{\"next_batch\":\"s2\",\"ro", 0 },
        { "half a body, and the connection is gone", 200, "{\"next", -ECONNRESET },
        { "reset", 0, "", -ECONNRESET },
        { "an error that is no Matrix answer", 400, "bad request", 0 },
};

Test(matrix_poll, any_cut_in_the_middle_shortens_the_next_poll_and_is_no_failure) {
        for (size_t i = 0; i < ARRAY_SIZE(cuts); i++) {
                struct http_reply reply;
                struct owner o;
                uint64_t before;

                begin(&o);
                before = timeout_of(poll_of(&o));
                reply = door_reply(cuts[i].status, cuts[i].body, o.now += 60 * USEC_PER_SEC);
                reply.error = cuts[i].error;
                reply.problem = cuts[i].error < 0 ? "closed" : NULL;
                door_answer_with(&reply);
                run(&o);
                cr_expect_eq(o.n_failed, 0, "%s", cuts[i].what);
                if (o.n_failed == 0) {
                        cr_expect(strstr(poll_of(&o), "since=s1"), "%s", cuts[i].what);
                        cr_expect_leq(timeout_of(asked()), before / 2 + 1000, "%s", cuts[i].what);
                }
                close_it(&o);
        }
}

/* The same at once is a server in trouble, or the wrong one. */
Test(matrix_poll, what_comes_at_once_is_a_failure) {
        for (size_t i = 0; i < ARRAY_SIZE(cuts); i++) {
                struct http_reply reply;
                struct owner o;

                begin(&o);
                reply = door_reply(cuts[i].status, cuts[i].body, o.now += USEC_PER_SEC);
                reply.error = cuts[i].error;
                reply.problem = cuts[i].error < 0 ? "closed" : NULL;
                door_answer_with(&reply);
                run(&o);
                cr_expect_eq(o.n_failed, 1, "%s", cuts[i].what);
                cr_expect_eq(o.n_lost, 0, "%s", cuts[i].what);
                close_it(&o);
        }
}

/* ---- runs ---- */

Test(matrix_poll, no_poll_repeats_one_of_an_earlier_run) {
        char *seen[9];
        size_t n = 0;

        for (unsigned i = 0; i < ARRAY_SIZE(seen) / 3; i++) {
                struct owner o;

                open_at(&o, "s1", START + i * USEC_PER_SEC);
                seen[n++] = strdup(poll_of(&o));
                answer(&o, 200, EMPTY("s0")); /* the state */
                seen[n++] = strdup(poll_of(&o));
                answer(&o, 200, EMPTY("s1"));
                seen[n++] = strdup(poll_of(&o));
                close_it(&o);
        }
        for (size_t i = 0; i < n; i++)
                for (size_t j = 0; j < i; j++)
                        cr_assert_str_neq(seen[i], seen[j]);
        for (size_t i = 0; i < n; i++)
                free(seen[i]);
}

/* Until then it is not known whether there is a call, and who asks busyd waits. */
Test(matrix_poll, a_start_uploads_no_filter_and_waits_for_no_timeout_before_it_knows) {
        struct owner o;

        open_at(&o, "s1", START);
        cr_assert(strstr(asked(), "/sync?filter=%7B"), "%s", asked());
        answer(&o, 200, EMPTY("s2"));
        cr_assert(strstr(asked(), "/sync?filter=%7B"), "%s", asked());
        cr_assert(strstr(asked(), "since=s1"), "%s", asked());
        cr_assert_eq(timeout_of(asked()), 0, "%s", asked());
        answer(&o, 200, EMPTY("s2"));
        cr_assert_not(o.more);
        cr_assert(strstr(asked(), "/filter"), "%s", asked());
        cr_assert(strstr(poll_of(&o), "filter=1&"), "%s", asked());
        close_it(&o);
}

/* An address with a filter in it is long. */
Test(matrix_poll, who_minds_a_filter_in_the_address_is_given_one_to_keep) {
        static const struct {
                long status;
                const char *body;
        } answers[] = { { 414, "<html>URI Too Long</html>" },
                        { 431, "" },
                        { 413, "<html>Too Large</html>" },
                        { 404, "<html>Not Found</html>" },
                        { 403, "<html>Blocked</html>" },
                        { 400, "<html>Bad Request</html>" },
                        { 410, "<html>Gone</html>" },
                        { 406, "" },
                        { 400, ERRCODE("M_UNKNOWN") },
                        { 422, ERRCODE("M_INVALID_PARAM") },
                        { 404, ERRCODE("M_UNRECOGNIZED") },
                        { 400, "{\"errcode\":\"M_INVALID_PARAM\",\"error\":\"No such filter\"}" } };

        for (size_t i = 0; i < ARRAY_SIZE(answers); i++) {
                struct owner o;

                open_at(&o, "s1", START);
                answer(&o, answers[i].status, answers[i].body);
                cr_assert(strstr(asked(), "/filter"), "%zu: %s", i, asked());
                cr_assert(strstr(poll_of(&o), "filter=1&"), "%s", asked());
                answer(&o, 200, EMPTY("s2"));
                cr_assert(strstr(poll_of(&o), "filter=1&"), "%s", asked());
                cr_assert_gt(timeout_of(asked()), 0, "else it may be one of an earlier run: %s", asked());
                cr_assert(strstr(asked(), "since=s1"), "%s", asked());
                cr_assert_eq(o.n_failed + o.n_lost, 0);
                close_it(&o);
        }
}

/* What 400 is about, it does not say: the word is the first guess, the filter in the address the next. */
Test(matrix_poll, a_word_and_a_filter_in_the_address_are_told_apart) {
        for (int minded = 0; minded < 2; minded++) {
                struct owner o;

                open_at(&o, "s1", START);
                sync_set_options(o.sync, &(struct sync_options){ .poll_timeout = POLL,
                                                                 .says.while_idle = SET_PRESENCE_NONE,
                                                                 .says.while_held = SET_PRESENCE_NONE,
                                                                 .says.idle_if_refused = SET_PRESENCE_OFFLINE,
                                                                 .says.held_if_refused = SET_PRESENCE_UNAVAILABLE });
                answer(&o, 200, RINGS("s2")); /* there may be more */
                cr_assert(strstr(poll_of(&o), "=none"), "%s", asked());
                answer(&o, 400, ERRCODE("M_UNKNOWN"));
                cr_assert(strstr(asked(), "=offline"), "%s", asked());
                if (minded == 0)
                        answer(&o, 200, EMPTY("s3"));
                else {
                        answer(&o, 400, ERRCODE("M_UNKNOWN"));
                        cr_assert(strstr(poll_of(&o), "filter=1&"), "%s", asked());
                        answer(&o, 200, EMPTY("s3"));
                }
                cr_assert(strstr(poll_of(&o), minded == 0 ? "=offline" : "=none"), "%s", asked());
                cr_assert_eq(o.n_failed + o.n_lost, 0);
                close_it(&o);
        }
}

Test(matrix_poll, there_may_be_more_until_an_answer_that_brought_nothing) {
        struct owner o;

        open_at(&o, NULL, START);
        (void) poll_of(&o);
        answer(&o, 200, EMPTY("s1"));
        cr_assert(o.more, "what came since");
        (void) poll_of(&o);
        answer(&o, 200, RINGS("s2"));
        cr_assert(o.more, "it may be one of several");
        cr_assert_lt(timeout_of(poll_of(&o)), 1000, "so it is asked again, for an answer at once");
        cr_assert(strstr(asked(), "since=s2"));
        answer(&o, 200, TALK("s3"));
        cr_assert(o.more, "also where all of it is of no concern");
        (void) poll_of(&o);
        answer(&o, 200, EMPTY("s3"));
        cr_assert_not(o.more);
        cr_assert_gt(timeout_of(poll_of(&o)), 500000, "%s", asked());
        door_answer(200, RINGS("s4"), o.now += USEC_PER_MIN);
        cr_assert_not(o.more, "what comes live is whole");
        run(&o);
        close_it(&o);
}

Test(matrix_poll, a_room_that_is_never_quiet_keeps_nobody_waiting) {
        struct owner o;
        unsigned n = 0;

        open_at(&o, NULL, START);
        (void) poll_of(&o);
        answer(&o, 200, EMPTY("s1"));
        while (o.more) {
                cr_assert_lt(n++, 20);
                (void) poll_of(&o);
                answer(&o, 200, RINGS("s2"));
        }
        close_it(&o);
}

Test(matrix_poll, an_answer_that_is_not_taken_has_not_come) {
        struct owner o;

        open_at(&o, "before", START);
        o.handler.take = on_take;
        (void) poll_of(&o);
        answer(&o, 200, EMPTY("before")); /* of state */
        cr_assert_eq(o.n_taken, 1);
        o.take_error = -ENOSPC;
        cr_assert(strstr(poll_of(&o), "since=before"));
        door_answer(200, RINGS("after"), o.now);
        cr_assert_eq(o.n_taken, 2);
        cr_assert_eq(o.n_answers, 1);
        cr_assert_eq(o.n_failed, 1);
        cr_assert_eq(o.outcome, MATRIX_RETRY);
        o.take_error = 0;
        sync_go(o.sync);
        run(&o);
        cr_assert(strstr(poll_of(&o), "since=before"));
        answer(&o, 200, RINGS("after"));
        cr_assert_eq(o.n_answers, 2);
        cr_assert(strstr(poll_of(&o), "since=after"));
        close_it(&o);
}

/* What of it was taken counts once when it comes again. */
Test(matrix_poll, an_answer_that_is_not_taken_whole_comes_again) {
        struct owner o;

        open_at(&o, NULL, START);
        o.answer_error = -ENOMEM;
        cr_assert_not(strstr(poll_of(&o), "since="));
        door_answer(200, EMPTY("first"), o.now);
        cr_assert_eq(o.n_failed, 1);
        cr_assert_eq(o.outcome, MATRIX_RETRY);
        o.answer_error = 0;
        sync_go(o.sync);
        run(&o);
        cr_assert_not(strstr(poll_of(&o), "since="));
        answer(&o, 200, EMPTY("first"));
        cr_assert(o.initial, "a whole state is one again");
        o.answer_error = -ENOMEM;
        cr_assert(strstr(poll_of(&o), "since=first"));
        door_answer(200, RINGS("second"), o.now);
        cr_assert_eq(o.n_failed, 2);
        o.answer_error = 0;
        sync_go(o.sync);
        run(&o);
        cr_assert(strstr(poll_of(&o), "since=first"));
        answer(&o, 200, RINGS("second"));
        cr_assert(strstr(poll_of(&o), "since=second"));
        close_it(&o);
}

Test(matrix_poll, messages_to_the_device_are_asked_for_until_there_are_none) {
        struct owner o;

        open_at(&o, "1", START);
        o.handler.take = on_take;
        (void) poll_of(&o);
        answer(&o, 200, EMPTY("1"));
        (void) poll_of(&o);
        answer(&o, 200, "{\"next_batch\":\"2\",\"to_device\":{\"events\":[{}]}}");
        cr_assert(o.more, "keys may be in the next one");
        (void) poll_of(&o);
        answer(&o, 200, EMPTY("3"));
        cr_assert_not(o.more);
        close_it(&o);
}
