/* The loop of /sync: who decides first, how long it rests, and how a run begins and goes on. */
#include "unit/matrix_poll_stage.h"

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
        /* After two pauses two go at once, before the other client's next turn. */
        cr_assert_leq(polls_in_a_minute(true, PAUSE, RINGS("s2")),
                      4 + 4 * USEC_PER_MIN / (SYNC_TURN - SYNC_HEAD_START));
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

/* What the poll before was answered with cannot be what this one is refused for; two in a row may be. */
Test(matrix_poll, a_word_that_was_taken_is_not_what_the_next_poll_is_refused_for) {
        struct owner o;

        open_at(&o, "s1", START);
        sync_set_options(o.sync, &(struct sync_options){ .poll_timeout = POLL,
                                                         .says.while_idle = SET_PRESENCE_NONE,
                                                         .says.idle_if_refused = SET_PRESENCE_UNAVAILABLE });
        answer(&o, 200, EMPTY("s2"));
        cr_assert(strstr(poll_of(&o), "=none"), "%s", asked());
        answer(&o, 200, EMPTY("s3"));
        cr_assert(strstr(poll_of(&o), "=none"), "%s", asked());
        answer(&o, 400, ERRCODE("M_UNKNOWN"));
        cr_assert_eq(o.n_lost, 1, "the position may be");
        cr_assert(strstr(poll_of(&o), "=none"), "%s", asked());
        answer(&o, 400, ERRCODE("M_UNKNOWN"));
        cr_assert(strstr(poll_of(&o), "=unavailable"), "%s", asked());
        close_it(&o);
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
