/* What a machine tells the user's other ones, and when: against a server that takes it, limits it or refuses it. */
#include <criterion/criterion.h>
#include <stdio.h>

#include "matrix/machines/tell.h"
#include "matrix/client/api.h"
#include "matrix/machines/heard.h"
#include "unit/loopback/loopback.h"
#include "util/clock.h"
#include "json/json.h"

#define TYPE ENTRY_TYPE "D"
#define PATH "/_matrix/client/v3/user/%40me%3Atest/account_data/" TYPE

/* Longer than the first wait of its own. */
#define ASKED_WAIT (6 * USEC_PER_SEC)

#define ANSWERS(status_, body_)                                                                                       \
        {                                                                                                             \
                ROUTE("PUT", PATH, status_, body_), {                                                                 \
                }                                                                                                     \
        }

static const struct loopback_route takes[] = ANSWERS(200, "{}");
static const struct loopback_route limits[] =
        ANSWERS(429, "{\"errcode\":\"M_LIMIT_EXCEEDED\",\"retry_after_ms\":6000}");
static const struct loopback_route fails[] = ANSWERS(500, "{\"errcode\":\"M_UNKNOWN\"}");

struct fixture {
        sd_event *event;
        struct http *http;
        struct loopback *server;
        struct matrix_client *client;
        struct tell *tell;
        bool told;
        unsigned n_doubts;
        usec_t ahead; /* of the clocks: waits are skipped, not waited for */
};

static void on_told(void *userdata) {
        struct fixture *f = userdata;

        f->told = true;
}

static void on_doubt(void *userdata) {
        ((struct fixture *) userdata)->n_doubts++;
}

static uint32_t draw(void *userdata) {
        return 7;
}

static void fixture_init(struct fixture *f, const struct loopback_route *routes) {
        *f = (struct fixture){};
        cr_assert_geq(sd_event_new(&f->event), 0);
        cr_assert_eq(http_new(&f->http, f->event, NULL), 0);
        f->server = loopback_new(routes, NULL);
        cr_assert_eq(matrix_client_new(&f->client, f->http, loopback_url(f->server, ""), "s3cret"), 0);
        cr_assert_eq(
                tell_new(&f->tell, f->client, "@me:test",
                         &(struct tell_handler){ .told = on_told, .doubt = on_doubt, .random = draw, .userdata = f }),
                0);
}

static void fixture_done(struct fixture *f) {
        tell_free(f->tell);
        matrix_client_free(f->client);
        http_free(f->http);
        loopback_free(f->server);
        sd_event_unref(f->event);
}

static usec_t now_of(const struct fixture *f) {
        return clock_now() + f->ahead;
}

static usec_t run(struct fixture *f) {
        if (!f->tell)
                return USEC_NEVER;
        return tell_run(f->tell, now_of(f), clock_wall_now() + f->ahead);
}

static void resync(struct fixture *f) {
        tell_resync_begin(f->tell);
        tell_resync_end(f->tell);
        (void) run(f);
}

/* As after the first answer of /sync: there is another machine or not, and no entry of ours. */
static void begin(struct fixture *f, const struct loopback_route *routes, bool heard) {
        fixture_init(f, routes);
        tell_set_device(f->tell, "D");
        tell_set_heard(f->tell, heard);
        resync(f);
}

/* ... and what follows is not sent yet. */
static void wait_until_answered(struct fixture *f) {
        usec_t at = run(f), now = now_of(f);

        f->told = false;
        if (at != USEC_NEVER && at > now) {
                f->ahead += at - now;
                (void) run(f);
        }
        loop_until(f->event, &f->told);
}

static void wait_until_told(struct fixture *f) {
        wait_until_answered(f);
        (void) run(f);
}

static void on_other_answer(const struct matrix_reply *reply, void *userdata) {
        bool *done = userdata;

        *done = true;
}

/* Whatever was sent before is there by then. */
static void make_another_request(struct fixture *f) {
        struct http_request *request;
        bool done = false;

        (void) run(f);
        cr_assert_eq(matrix_versions_get(f->client, on_other_answer, &done, &request), 0);
        loop_until(f->event, &done);
}

static void expect_n_sent(struct fixture *f, unsigned n, const char *what) {
        make_another_request(f);
        cr_expect_eq(loopback_n_seen(f->server, PATH), n, "%s: sent %u times", what, loopback_n_seen(f->server, PATH));
}

static struct claim_other claim(const char *text) {
        struct claim_other c = { .live = true };

        cr_assert_eq(claim_value_set(&c.owed.prior, "online", "Working"), 0);
        cr_assert_eq(claim_value_set(&c.owed.ours[0], "busy", text), 0);
        c.owed.n_ours = 1;
        c.owed.order = 1;
        c.owed.state_claimed = c.owed.text_claimed = true;
        return c;
}

static void set(struct fixture *f, const char *output, const char *text) {
        struct claim_other c = claim(text);

        tell_set(f->tell, output, &c);
        (void) run(f);
}

/* The last one the server got; the caller's to json_decref(). */
static json_t *last_sent(struct fixture *f) {
        const struct loopback_seen *seen = loopback_seen(f->server, PATH);
        json_t *entry;

        cr_assert_not_null(seen, "nothing was sent");
        cr_assert_str_eq(seen->method, "PUT");
        cr_assert_str_eq(seen->authorization, "Bearer s3cret");
        entry = json_loads(seen->body, 0, NULL);
        cr_assert_not_null(entry, "%s", seen->body);
        return entry;
}

/* The other members are the times. */
static void expect_last(struct fixture *f, const struct entry_claim *claims, size_t n) {
        SCOPED(json_decref) json_t *sent = last_sent(f), *want = entry_new(claims, n, 0);
        usec_t told = entry_told(sent), wall = clock_wall_now() + f->ahead;

        cr_expect(entry_same(sent, want), "%s", loopback_seen(f->server, PATH)->body);
        cr_expect(told <= wall && wall - told < USEC_PER_MIN, "of now");
        cr_expect_eq((usec_t) json_member_int(sent, "expires", 0) * USEC_PER_MSEC, told + ENTRY_LIFE_MAX);
}

static void expect_last_claim(struct fixture *f, const char *text) {
        expect_last(f, &(struct entry_claim){ "presence", claim(text) }, 1);
}

/* An entry of ours as the server has it; told so long ago. */
static json_t *entry_of(const struct entry_claim *claims, size_t n, usec_t age) {
        json_t *entry = entry_new(claims, n, clock_wall_now() - age);

        cr_assert_not_null(entry);
        return entry;
}

static void take(struct fixture *f, json_t *entry) {
        cr_assert(tell_take(f->tell, TYPE, entry, now_of(f)));
        json_decref(entry);
}

/* ---- what is told ---- */

Test(matrix_tell, nothing_before_all_is_known) {
        struct fixture f;

        fixture_init(&f, takes);
        tell_set_device(f.tell, "D");
        tell_set_heard(f.tell, true);
        set(&f, "presence", "In a call");
        tell_refresh(f.tell);
        cr_expect_not(tell_is_pending(f.tell));
        tell_resync_begin(f.tell);
        tell_set_heard(f.tell, true);
        expect_n_sent(&f, 0, "before the resync ended");
        tell_resync_end(f.tell);
        cr_expect(tell_is_pending(f.tell));
        wait_until_told(&f);
        cr_expect_not(tell_is_pending(f.tell));
        expect_last_claim(&f, "In a call");
        expect_n_sent(&f, 1, "after it");
        fixture_done(&f);
}

Test(matrix_tell, alone_it_says_once_that_it_exists) {
        struct fixture f;

        begin(&f, takes, /* heard= */ false);
        cr_expect_not(tell_is_pending(f.tell), "nobody waits for it");
        wait_until_told(&f);
        expect_last(&f, NULL, 0);
        set(&f, "presence", "In a call");
        cr_expect_not(tell_is_pending(f.tell));
        tell_set(f.tell, "presence", NULL);
        tell_refresh(f.tell);
        expect_n_sent(&f, 1, "claims of a machine that is alone");
        fixture_done(&f);
}

Test(matrix_tell, others_come_and_go) {
        struct fixture f;

        begin(&f, takes, /* heard= */ false);
        set(&f, "presence", "In a call");
        wait_until_told(&f);
        tell_set_heard(f.tell, true);
        cr_expect(tell_is_pending(f.tell));
        wait_until_told(&f);
        expect_last_claim(&f, "In a call");
        tell_set_heard(f.tell, false);
        wait_until_told(&f);
        expect_last(&f, NULL, 0);
        expect_n_sent(&f, 3, "in all");
        fixture_done(&f);
}

Test(matrix_tell, what_is_over_is_told_as_done) {
        struct entry_claim want[] = { { "presence", claim("In a call") }, { "profile", claim("{}") } };
        struct fixture f;

        begin(&f, takes, /* heard= */ true);
        wait_until_told(&f);
        tell_set(f.tell, "presence", NULL);
        expect_n_sent(&f, 1, "the end of what was never begun");
        set(&f, "presence", "In a call");
        set(&f, "profile", "{}");
        tell_set(f.tell, "presence", NULL);
        wait_until_told(&f);
        wait_until_told(&f);
        want[0].claim.live = false;
        want[0].claim.done = true;
        expect_last(&f, want, 2);
        tell_set(f.tell, "presence", NULL);
        expect_n_sent(&f, 3, "the same again");
        fixture_done(&f);
}

Test(matrix_tell, each_fact_of_a_claim_is_news) {
        struct entry_claim want = { "presence", claim("In a call") };
        struct claim_other *c = &want.claim;
        bool *const facts[] = { &c->withdrawn, &c->text_lost, &c->overwritten, &c->late, &c->put_back };
        struct fixture f;

        begin(&f, takes, /* heard= */ true);
        wait_until_told(&f);
        for (size_t i = 0; i < ARRAY_SIZE(facts); i++) {
                *facts[i] = true;
                tell_set(f.tell, "presence", c);
                (void) run(&f);
                wait_until_told(&f);
                expect_last(&f, &want, 1);
        }
        fixture_done(&f);
}

Test(matrix_tell, outputs_are_limited) {
        static const char *const outputs[] = { "1", "2", "3", "4", "5" };
        SCOPED(json_decref) json_t *sent = NULL;
        struct fixture f;

        fixture_init(&f, takes);
        tell_set_device(f.tell, "D");
        tell_set_heard(f.tell, true);
        for (size_t i = 0; i < ARRAY_SIZE(outputs); i++)
                set(&f, outputs[i], "");
        resync(&f);
        wait_until_told(&f);
        sent = last_sent(&f);
        cr_expect_eq(json_object_size(json_object_get(sent, "claims")), ENTRY_CLAIMS_MAX);
        cr_expect_null(json_object_get(json_object_get(sent, "claims"), "5"));
        fixture_done(&f);
}

Test(matrix_tell, a_session_without_device_tells_nothing) {
        SCOPED(json_decref) json_t *entry = entry_of(NULL, 0, 0);
        struct fixture f;

        fixture_init(&f, takes);
        tell_set_device(f.tell, "");
        tell_set_heard(f.tell, true);
        cr_expect_not(tell_take(f.tell, ENTRY_TYPE, entry, 0));
        resync(&f);
        set(&f, "presence", "In a call");
        tell_refresh(f.tell);
        cr_expect_not(tell_is_pending(f.tell));
        expect_n_sent(&f, 0, "without a device");
        fixture_done(&f);
}

/* ---- what the server has ---- */

Test(matrix_tell, what_the_server_has_is_not_told_again) {
        const struct entry_claim owed = { "presence", claim("In a call") };
        SCOPED(json_decref) json_t *others = entry_of(NULL, 0, 0);
        struct fixture f;

        fixture_init(&f, takes);
        tell_set_device(f.tell, "D");
        tell_set_heard(f.tell, true);
        set(&f, "presence", "In a call");
        tell_resync_begin(f.tell);
        cr_expect_not(tell_take(f.tell, ENTRY_TYPE "E", others, now_of(&f)), "of another machine");
        take(&f, entry_of(&owed, 1, USEC_PER_MIN));
        tell_resync_end(f.tell);
        cr_expect_not(tell_is_pending(f.tell));
        expect_n_sent(&f, 0, "though it is there");
        resync(&f);
        wait_until_told(&f);
        expect_last_claim(&f, "In a call");
        expect_n_sent(&f, 1, "after it was gone");
        fixture_done(&f);
}

Test(matrix_tell, an_earlier_run_is_corrected) {
        const struct entry_claim owed = { "presence", claim("In a call") };
        struct fixture f;

        fixture_init(&f, takes);
        tell_set_device(f.tell, "D");
        tell_set_heard(f.tell, true);
        tell_resync_begin(f.tell);
        take(&f, entry_of(&owed, 1, 0));
        tell_resync_end(f.tell);
        wait_until_told(&f);
        expect_last(&f, NULL, 0);
        fixture_done(&f);
}

Test(matrix_tell, a_late_echo_is_no_news) {
        struct fixture f;

        begin(&f, takes, /* heard= */ true);
        wait_until_told(&f);
        set(&f, "presence", "In a call");
        wait_until_told(&f);
        take(&f, entry_of(NULL, 0, USEC_PER_SEC));
        tell_set_heard(f.tell, true);
        cr_expect_not(tell_is_pending(f.tell));
        cr_expect(tell_is_unseen(f.tell));
        tell_set_heard(f.tell, false);
        cr_expect_not(tell_is_unseen(f.tell), "nobody waits for it");
        tell_set_heard(f.tell, true);
        expect_n_sent(&f, 2, "in all");
        fixture_done(&f);
}

/* The poll is answered on a connection of its own. Returns the time of what was told. */
static usec_t hear_echo_before_acknowledgement(struct fixture *f, const struct entry_claim *owed) {
        usec_t wall;

        begin(f, takes, /* heard= */ true);
        wait_until_told(f);
        take(f, last_sent(f));
        tell_set(f->tell, owed->output, &owed->claim);
        wall = clock_wall_now();
        (void) tell_run(f->tell, now_of(f), wall);
        take(f, entry_new(owed, 1, wall));
        return wall;
}

Test(matrix_tell, an_echo_may_come_before_the_acknowledgement) {
        const struct entry_claim owed = { .output = "presence", .claim = claim("In a call") };
        struct fixture f;

        (void) hear_echo_before_acknowledgement(&f, &owed);
        tell_set_heard(f.tell, true);
        wait_until_told(&f);
        cr_expect_not(tell_is_pending(f.tell) || tell_is_unseen(f.tell), "what would come has come");
        set(&f, "presence", "In another call");
        wait_until_told(&f);
        cr_expect(tell_is_unseen(f.tell), "the next one is waited for again");
        expect_n_sent(&f, 3, "in all");
        fixture_done(&f);
}

/* ... and after it what lands on top of it, as of a copy of this machine. */
Test(matrix_tell, what_comes_between_an_echo_and_its_acknowledgement_is_put_right) {
        const struct entry_claim owed = { .output = "presence", .claim = claim("In a call") };
        struct fixture f;
        usec_t wall;

        wall = hear_echo_before_acknowledgement(&f, &owed);
        take(&f, entry_new(NULL, 0, wall));
        tell_set_heard(f.tell, true);
        wait_until_answered(&f);
        cr_expect(tell_is_pending(f.tell));
        cr_expect_not(tell_is_unseen(f.tell));
        wait_until_told(&f);
        expect_last_claim(&f, "In a call");
        expect_n_sent(&f, 3, "in all");
        fixture_done(&f);
}

/* ... and so may that of another one, which is none of what is on its way. */
Test(matrix_tell, an_older_echo_before_the_acknowledgement_is_not_that_of_the_newest) {
        struct fixture f;
        json_t *older;

        begin(&f, takes, /* heard= */ true);
        wait_until_told(&f);
        older = last_sent(&f);
        set(&f, "presence", "In a call");
        take(&f, older);
        tell_set_heard(f.tell, true);
        wait_until_told(&f);
        cr_expect(tell_is_unseen(f.tell));
        fixture_done(&f);
}

/* It was taken for lost. Others would wait for this machine. */
Test(matrix_tell, what_lands_after_the_echo_of_the_newest_is_put_right) {
        const struct entry_claim newest = { .output = "presence", .claim = claim("In a call") };
        struct fixture f;

        begin(&f, takes, /* heard= */ true);
        wait_until_told(&f);
        set(&f, "presence", "In a call");
        wait_until_told(&f);
        take(&f, entry_new(&newest, 1, clock_wall_now() + f.ahead));
        tell_set_heard(f.tell, true);
        cr_expect_not(tell_is_pending(f.tell) || tell_is_unseen(f.tell));
        take(&f, entry_of(NULL, 0, USEC_PER_MIN));
        tell_set_heard(f.tell, true);
        cr_expect(tell_is_pending(f.tell));
        wait_until_told(&f);
        expect_last_claim(&f, "In a call");
        fixture_done(&f);
}

/* Whatever is between it and us may have answered in its place. */
static void poll_without_echo(struct fixture *f, usec_t later) {
        f->ahead += later;
        tell_polled(f->tell, now_of(f));
        tell_set_heard(f->tell, true);
}

Test(matrix_tell, what_was_acknowledged_and_does_not_show_is_told_again) {
        struct fixture f;

        begin(&f, takes, /* heard= */ true);
        wait_until_told(&f);
        take(&f, last_sent(&f));
        set(&f, "presence", "In a call");
        wait_until_told(&f);
        poll_without_echo(&f, USEC_PER_SEC);
        cr_expect_not(tell_is_pending(f.tell), "its echo may be on its way");
        cr_expect(tell_is_unseen(f.tell));
        poll_without_echo(&f, USEC_PER_MIN);
        cr_expect(tell_is_pending(f.tell));
        wait_until_told(&f);
        expect_n_sent(&f, 3, "in all");
        take(&f, last_sent(&f));
        poll_without_echo(&f, USEC_PER_MIN);
        cr_expect_not(tell_is_pending(f.tell) || tell_is_unseen(f.tell));
        expect_n_sent(&f, 3, "it has come back");
        fixture_done(&f);
}

Test(matrix_tell, a_server_that_never_shows_it_is_believed) {
        struct fixture f;

        begin(&f, takes, /* heard= */ true);
        wait_until_told(&f);
        take(&f, last_sent(&f));
        set(&f, "presence", "In a call");
        for (unsigned i = 0; i < 10; i++) {
                if (tell_is_pending(f.tell))
                        wait_until_told(&f);
                poll_without_echo(&f, USEC_PER_MIN);
        }
        cr_expect_not(tell_is_pending(f.tell) || tell_is_unseen(f.tell));
        expect_n_sent(&f, 5, "in all");
        set(&f, "presence", "In another call");
        wait_until_told(&f);
        take(&f, last_sent(&f));
        set(&f, "presence", "In a call");
        wait_until_told(&f);
        poll_without_echo(&f, USEC_PER_MIN);
        cr_expect(tell_is_pending(f.tell), "it shows them again");
        fixture_done(&f);
}

Test(matrix_tell, others_hear_that_a_call_is_over) {
        struct entry_claim owed = { "presence", claim("In a call") };
        struct fixture f;

        begin(&f, takes, /* heard= */ true);
        take(&f, entry_of(NULL, 0, 0));
        cr_expect_not(tell_take_over(f.tell), "none was told");
        take(&f, entry_of(&owed, 1, 0));
        cr_expect_not(tell_take_over(f.tell));
        owed.claim.live = false;
        take(&f, entry_of(&owed, 1, 0));
        cr_expect(tell_take_over(f.tell));
        cr_expect_not(tell_take_over(f.tell), "once");
        fixture_done(&f);
}

/* By a copy of this machine, which has the same session. */
Test(matrix_tell, somebody_else_writes_the_same_entry) {
        struct fixture f;

        begin(&f, takes, /* heard= */ true);
        wait_until_told(&f);
        set(&f, "presence", "In a call");
        wait_until_told(&f);
        take(&f, entry_new(NULL, 0, clock_wall_now() + USEC_PER_SEC));
        tell_set_heard(f.tell, true);
        tell_refresh(f.tell);
        cr_expect(tell_is_pending(f.tell));
        expect_n_sent(&f, 2, "in a fight");
        resync(&f);
        wait_until_told(&f);
        expect_last_claim(&f, "In a call");
        fixture_done(&f);
}

/* ---- one at a time ---- */

Test(matrix_tell, only_the_newest_after_what_is_under_way) {
        struct fixture f;

        begin(&f, takes, /* heard= */ true);
        set(&f, "presence", "One");
        set(&f, "presence", "Two");
        set(&f, "presence", "Three");
        tell_refresh(f.tell);
        cr_expect(tell_is_pending(f.tell));
        wait_until_answered(&f);
        expect_last(&f, NULL, 0);
        (void) run(&f);
        cr_expect(tell_is_pending(f.tell), "the newest is still on its way");
        wait_until_told(&f);
        expect_last_claim(&f, "Three");
        cr_expect_not(tell_is_pending(f.tell));
        expect_n_sent(&f, 2, "in all");
        fixture_done(&f);
}

Test(matrix_tell, back_at_what_is_under_way) {
        struct fixture f;

        fixture_init(&f, takes);
        tell_set_device(f.tell, "D");
        tell_set_heard(f.tell, true);
        set(&f, "presence", "One");
        resync(&f);
        set(&f, "presence", "Two");
        set(&f, "presence", "One");
        wait_until_told(&f);
        expect_last_claim(&f, "One");
        expect_n_sent(&f, 1, "in all");
        fixture_done(&f);
}

Test(matrix_tell, freed_while_under_way) {
        struct fixture f;

        begin(&f, takes, /* heard= */ true);
        f.tell = tell_free(f.tell);
        make_another_request(&f);
        cr_expect_not(f.told);
        fixture_done(&f);
}

/* ---- failures ---- */

/* In spite of all that happens meanwhile, and then the newest. */
Test(matrix_tell, a_limit_is_kept) {
        struct fixture f;
        usec_t before = clock_now();

        begin(&f, limits, /* heard= */ true);
        set(&f, "presence", "One");
        wait_until_told(&f);
        loopback_set_routes(f.server, takes);
        set(&f, "presence", "Two");
        tell_set_heard(f.tell, true);
        tell_refresh(f.tell);
        resync(&f);
        cr_expect(tell_is_pending(f.tell));
        expect_n_sent(&f, 1, "within the limit");
        wait_until_told(&f);
        cr_expect_geq(now_of(&f) - before, ASKED_WAIT);
        expect_last_claim(&f, "Two");
        cr_expect_not(tell_is_pending(f.tell));
        expect_n_sent(&f, 2, "in all");
        fixture_done(&f);
}

Test(matrix_tell, a_failure_is_tried_again_after_a_while) {
        struct fixture f;

        begin(&f, fails, /* heard= */ true);
        wait_until_told(&f);
        loopback_set_routes(f.server, takes);
        set(&f, "presence", "In a call");
        tell_set_heard(f.tell, true);
        tell_refresh(f.tell);
        cr_expect(tell_is_pending(f.tell));
        expect_n_sent(&f, 1, "at once");
        wait_until_told(&f);
        expect_last_claim(&f, "In a call");
        fixture_done(&f);
}

Test(matrix_tell, a_server_that_is_back_is_told_at_once) {
        struct fixture f;

        begin(&f, fails, /* heard= */ true);
        set(&f, "presence", "In a call");
        wait_until_told(&f);
        loopback_set_routes(f.server, takes);
        resync(&f);
        expect_n_sent(&f, 2, "after a resync");
        fixture_done(&f);
}

static const struct refusal {
        const char *what;
        unsigned status;
        const char *body;
        unsigned n_doubts; /* of the session */
} refusals[] = {
        { "forbidden", 403, "{\"errcode\":\"M_FORBIDDEN\"}", 0 },
        { "no JSON for this server", 400, "{\"errcode\":\"M_BAD_JSON\"}", 0 },
        { "no account data", 404, "{\"errcode\":\"M_UNRECOGNIZED\"}", 0 },
        { "not there", 404, "{\"errcode\":\"M_NOT_FOUND\"}", 0 },
        { "signed out", 401, "{\"errcode\":\"M_UNKNOWN_TOKEN\"}", 1 },
};

static void refuse(const struct refusal *row) {
        const struct loopback_route refuses[] = ANSWERS(row->status, row->body);
        struct fixture f;

        begin(&f, refuses, /* heard= */ true);
        set(&f, "presence", "In a call");
        cr_expect(tell_is_pending(f.tell), "%s", row->what);
        wait_until_told(&f);
        cr_expect_eq(tell_is_pending(f.tell), row->n_doubts > 0, "%s: a session may go on", row->what);
        cr_expect_eq(f.n_doubts, row->n_doubts, "%s", row->what);
        set(&f, "presence", "In another call");
        tell_refresh(f.tell);
        (void) run(&f);
        if (row->n_doubts == 0)
                resync(&f); /* of which a session that has ended has none */
        expect_n_sent(&f, 1, row->what);
        loopback_set_routes(f.server, takes);
        tell_set_device(f.tell, "D");
        tell_set_heard(f.tell, true);
        wait_until_told(&f);
        expect_last_claim(&f, "In another call");
        fixture_done(&f);
}

Test(matrix_tell, a_refusal_holds_until_the_next_connection) {
        for (size_t i = 0; i < ARRAY_SIZE(refusals); i++)
                refuse(&refusals[i]);
}

/* As a proxy does for a while: a server that has account data has it still. */
Test(matrix_tell, where_it_was_taken_before_a_refusal_passes) {
        for (size_t i = 0; i < ARRAY_SIZE(refusals); i++) {
                const struct refusal *row = &refusals[i];
                const struct loopback_route refuses[] = ANSWERS(row->status, row->body);
                struct fixture f;

                if (row->n_doubts > 0)
                        continue;
                begin(&f, takes, /* heard= */ true);
                set(&f, "presence", "In a call");
                wait_until_answered(&f);
                loopback_set_routes(f.server, refuses);
                tell_set(f.tell, "presence", NULL);
                for (unsigned n = 2; n <= 4; n++) {
                        cr_assert(tell_is_pending(f.tell), "%s: who logs out now would leave a call behind",
                                  row->what);
                        wait_until_told(&f);
                        expect_n_sent(&f, n, row->what);
                }
                cr_expect_not(tell_is_pending(f.tell), "%s: it keeps nobody waiting", row->what);
                loopback_set_routes(f.server, takes);
                wait_until_told(&f);
                expect_n_sent(&f, 5, row->what);
                cr_expect_eq(run(&f), USEC_NEVER, "%s", row->what);
                fixture_done(&f);
        }
}

/* What the server is may be known well enough for it not to be asked again. */
Test(matrix_tell, a_session_that_goes_on_tells_again) {
        static const struct loopback_route refuses[] = ANSWERS(401, "{\"errcode\":\"M_UNKNOWN_TOKEN\"}");
        struct fixture f;

        begin(&f, refuses, /* heard= */ true);
        set(&f, "presence", "In a call");
        wait_until_told(&f);
        tell_set(f.tell, "presence", NULL);
        (void) run(&f);
        expect_n_sent(&f, 1, "while it has ended");
        cr_assert(tell_is_pending(f.tell), "who logs out now would leave a call behind");
        loopback_set_routes(f.server, takes);
        tell_resync_begin(f.tell);
        tell_resync_end(f.tell);
        cr_assert(tell_is_pending(f.tell));
        wait_until_told(&f);
        expect_n_sent(&f, 2, "afterwards");
        cr_expect_not(tell_is_pending(f.tell));
        fixture_done(&f);
}

/* ... and its position holds, so that no whole state comes. */
Test(matrix_tell, a_session_of_which_other_requests_are_answered_goes_on) {
        static const struct loopback_route refuses[] = ANSWERS(401, "{\"errcode\":\"M_UNKNOWN_TOKEN\"}");
        struct fixture f;

        begin(&f, refuses, /* heard= */ true);
        set(&f, "presence", "In a call");
        wait_until_told(&f);
        tell_polled(f.tell, now_of(&f));
        (void) run(&f);
        expect_n_sent(&f, 1, "a refusal of all that is told makes no storm");
        loopback_set_routes(f.server, takes);
        wait_until_told(&f);
        expect_n_sent(&f, 2, "afterwards");
        cr_expect_not(tell_is_pending(f.tell));
        fixture_done(&f);
}

Test(matrix_tell, a_server_that_never_takes_it_keeps_nobody_waiting) {
        static const struct loopback_route refuses[] = ANSWERS(401, "{\"errcode\":\"M_UNKNOWN_TOKEN\"}");
        struct fixture f;

        begin(&f, refuses, /* heard= */ true);
        set(&f, "presence", "In a call");
        for (unsigned i = 1; i <= 3; i++) {
                cr_assert(tell_is_pending(f.tell), "%u", i);
                wait_until_told(&f);
                expect_n_sent(&f, i, "asked again");
                tell_set_device(f.tell, "D");
        }
        cr_assert_not(tell_is_pending(f.tell));
        loopback_set_routes(f.server, takes);
        wait_until_told(&f);
        cr_assert_not(tell_is_pending(f.tell));
        set(&f, "presence", "In another call");
        cr_assert(tell_is_pending(f.tell));
        wait_until_told(&f);
        expect_last_claim(&f, "In another call");
        fixture_done(&f);
}

/* ---- telling again ---- */

static const struct refresh_row {
        const char *what;
        usec_t age;
        bool heard, done, sent;
} refreshes[] = {
        { "told just now", 0, true, false, false },
        { "not yet", ENTRY_LIFE_MAX / 4 - USEC_PER_MIN, true, false, false },
        { "a quarter of its life is over", ENTRY_LIFE_MAX / 4, true, false, true },
        { "all of it is", 2 * ENTRY_LIFE_MAX, true, false, true },
        { "nothing is owed any more", ENTRY_LIFE_MAX, true, true, false },
        { "nobody is there", ENTRY_LIFE_MAX, false, false, false },
};

static void refresh(const struct refresh_row *row) {
        struct entry_claim owed = { "presence", claim("In a call") };
        struct fixture f;

        fixture_init(&f, takes);
        tell_set_device(f.tell, "D");
        tell_set_heard(f.tell, row->heard);
        tell_set(f.tell, "presence", &owed.claim);
        if (row->done)
                tell_set(f.tell, "presence", NULL);
        owed.claim.live = !row->done;
        owed.claim.done = row->done;
        tell_resync_begin(f.tell);
        take(&f, entry_of(&owed, row->heard ? 1 : 0, row->age));
        tell_resync_end(f.tell);
        tell_refresh(f.tell);
        tell_refresh(f.tell);
        cr_expect_not(tell_is_pending(f.tell), "%s: it is told, if not lately", row->what);
        if (row->sent) {
                wait_until_told(&f);
                expect_last(&f, &owed, 1);
                tell_refresh(f.tell);
        }
        expect_n_sent(&f, row->sent ? 1 : 0, row->what);
        fixture_done(&f);
}

Test(matrix_tell, refresh) {
        for (size_t i = 0; i < ARRAY_SIZE(refreshes); i++)
                refresh(&refreshes[i]);
}

/* Its time says nothing: the clock was put back. */
Test(matrix_tell, refresh_of_what_was_told_in_the_future) {
        const struct entry_claim owed = { "presence", claim("In a call") };
        struct fixture f;

        begin(&f, takes, /* heard= */ true);
        set(&f, "presence", "In a call");
        wait_until_told(&f);
        wait_until_told(&f);
        tell_refresh(f.tell);
        expect_n_sent(&f, 2, "before");
        take(&f, entry_new(&owed, 1, clock_wall_now() + ENTRY_LIFE_MAX));
        tell_refresh(f.tell);
        wait_until_told(&f);
        expect_last_claim(&f, "In a call");
        fixture_done(&f);
}
