/* The loop of /sync where a position is refused, events were left out, or something in between cuts a poll. */
#include "unit/matrix_poll_stage.h"

#include "matrix/sync/gaps.h"

/* ---- positions ---- */

Test(matrix_poll_faults, a_position_refused_time_and_again_is_backed_off) {
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
Test(matrix_poll_faults, what_works_now_and_then_is_not_started_over_at_once_each_time) {
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
Test(matrix_poll_faults, a_whole_state_does_not_skip_what_came_since_the_position) {
        struct owner o;

        open_at(&o, "s1", START);
        cr_assert_null(strstr(poll_of(&o), "since="), "%s", asked());
        answer(&o, 200, EMPTY("s9"));
        cr_assert(strstr(poll_of(&o), "since=s1"), "%s", asked());
        close_it(&o);
}

Test(matrix_poll_faults, one_position_refused_is_started_over_at_once) {
        struct owner o;

        begin(&o);
        answer(&o, 400, UNKNOWN_POS);
        cr_assert_null(strstr(poll_of(&o), "since="), "%s", asked());
        cr_assert_eq(o.n_failed, 0);
        cr_assert_eq(o.n_lost, 1);
        close_it(&o);
}

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

Test(matrix_poll_faults, any_refusal_that_may_be_of_the_position_drops_it_once) {
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

/* A server that was refusing all for a while may have been started anew meanwhile, without what it kept: no number of
 * refusals makes the filter one that need not be uploaded again. */
Test(matrix_poll_faults, a_filter_that_is_refused_is_uploaded_again_however_often) {
        for (unsigned first = 0; first < 2; first++) {
                struct owner o;
                unsigned waits = 0;

                if (first) {
                        open_at(&o, NULL, START);
                        (void) poll_of(&o);
                } else
                        begin(&o);
                for (unsigned n = 0; n < 10; n++) {
                        answer(&o, 400, "{\"errcode\":\"M_INVALID_PARAM\",\"error\":\"No such filter\"}");
                        if (o.n_failed > waits) {
                                waits++;
                                go_on(&o);
                        }
                        cr_assert_null(strstr(asked(), "filter=1&"), "%u: %s", n, asked());
                        (void) poll_of(&o);
                }
                cr_assert_geq(waits, 6, "without a pause");
                answer(&o, 200, EMPTY("s2"));
                cr_assert_eq(o.n_lost, 0);
                close_it(&o);
        }
}

/* One that was put back to a backup may stumble over a position of before, and say no more than that. */
Test(matrix_poll_faults, a_position_over_which_the_server_stumbles_for_minutes_is_dropped_once) {
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
Test(matrix_poll_faults, a_position_that_something_in_between_refuses_is_given_up_in_the_end) {
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
Test(matrix_poll_faults, a_portal_costs_no_position) {
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
Test(matrix_poll_faults, a_whole_state_that_is_refused_is_asked_with_a_new_filter) {
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
Test(matrix_poll_faults, a_filter_is_that_of_what_was_asked_for_when_it_was_sent) {
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
Test(matrix_poll_faults, a_page_that_is_no_matrix_answer_does_not_fill_a_gap) {
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
Test(matrix_poll_faults, a_room_that_is_not_read_back_whole_is_told) {
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

Test(matrix_poll_faults, rooms_that_are_too_many_to_read_back_are_told) {
        json_t *rooms = json_object();
        SCOPED(json_decref)
        json_t *v = json_pack("{ss s{so}}", "next_batch", "s2", "rooms", "join", rooms);
        SCOPED(free) char *body = NULL;
        struct owner o;

        for (int i = 0; i < GAP_ROOMS_MAX + 2; i++) {
                char room[16];

                (void) snprintf(room, sizeof(room), "!%d:hs", i);
                json_object_set_new(
                        rooms, room,
                        json_pack("{s{sb ss s[]}}", "timeline", "limited", 1, "prev_batch", "p", "events"));
        }
        body = json_dumps(v, JSON_COMPACT);
        begin(&o);
        (void) poll_of(&o);
        answer(&o, 200, body);
        for (int i = 0; i < GAP_ROOMS_MAX; i++) {
                expect_gap_asked();
                answer(&o, 200, SAID(""));
        }
        cr_assert(strstr(poll_of(&o), "since=s2"), "%s", asked());
        cr_assert_eq(o.n_pages, GAP_ROOMS_MAX);
        cr_assert_eq(o.n_torn, 2);
        close_it(&o);
}

Test(matrix_poll_faults, what_cannot_be_read_back_in_three_times_is_told) {
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

Test(matrix_poll_faults, a_server_that_refuses_to_tell_is_not_asked_for_ever) {
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

Test(matrix_poll_faults, what_a_proxy_cuts_is_asked_again_for_less_and_is_no_failure) {
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

Test(matrix_poll_faults, any_cut_in_the_middle_shortens_the_next_poll_and_is_no_failure) {
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
Test(matrix_poll_faults, what_comes_at_once_is_a_failure) {
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
