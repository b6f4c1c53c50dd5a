/* The file under test belongs to a program, not to a library: it is taken in whole. */
#include <criterion/criterion.h>

#include "busyctl/homeserver.c"

/* Nobody is there. */
static const struct session session = { .homeserver = (char *) "http://localhost:1",
                                        .user_id = (char *) "@me:hs",
                                        .device_id = (char *) "ME",
                                        .access_token = (char *) "token" };

Test(busyctl_homeserver, a_signal_between_questions_waits_for_the_next_one) {
        SCOPED(homeserver_free) struct homeserver *h = NULL;

        cr_assert_eq(homeserver_new(&h, &session, NULL), 0);
        homeserver_hold_signals(h);
        cr_assert_eq(raise(SIGINT), 0);
        cr_assert_not(homeserver_interrupted(h));
        cr_assert_eq(homeserver_keys(h)->outcome, MATRIX_RETRY);
        cr_assert(homeserver_interrupted(h));
        homeserver_release_signals(h);
}

Test(busyctl_homeserver, a_signal_after_the_last_question_ends_nothing) {
        SCOPED(homeserver_free) struct homeserver *h = NULL;

        cr_assert_eq(homeserver_new(&h, &session, NULL), 0);
        homeserver_hold_signals(h);
        cr_assert_eq(raise(SIGTERM), 0);
        homeserver_release_signals(h);
        cr_assert_not(homeserver_interrupted(h));
}

Test(busyctl_homeserver, one_that_is_not_held_does_what_it_always_does, .signal = SIGINT) {
        SCOPED(homeserver_free) struct homeserver *h = NULL;

        cr_assert_eq(homeserver_new(&h, &session, NULL), 0);
        homeserver_hold_signals(h);
        homeserver_release_signals(h);
        (void) raise(SIGINT);
}

/* From something between. */
Test(busyctl_homeserver, an_odd_answer_to_a_poll_is_asked_again) {
        struct matrix_reply reply = { .outcome = MATRIX_OK, .problem = "", .body = json_object() };
        struct homeserver h = { 0 };

        on_heard(&reply, &h);
        cr_expect(h.answer.outcome == MATRIX_RETRY && !h.answer.body && h.answer.problem[0]);
        json_object_set_new(reply.body, "next_batch", json_string("s1"));
        on_heard(&reply, &h);
        cr_expect(h.answer.outcome == MATRIX_OK && h.answer.body == reply.body);
        json_decref(h.answer.body);
        json_decref(reply.body);
}
