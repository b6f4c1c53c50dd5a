/* A whole account against a homeserver in process, on a virtual clock: the functions of http.h are the test's own. */
#include <criterion/criterion.h>
#include <errno.h>
#include <limits.h>
#include <stdio.h>

#include "homeserver/model.h"
#include "http/http.h"
#include "matrix/account.h"

#define PHONE "PHONE"
#define SELF  "BUSYD"
#define START (1000 * USEC_PER_SEC)
#define WALL  (UINT64_C(1700000000) * USEC_PER_SEC)

#define REQUESTS_MAX 32
#define LOG_MAX      4096

/* What is answered instead of what the server says; `body` NULL: it gets through. */
struct fault {
        const char *method, *path; /* the path ends so, or goes on with a query */
        long status;               /* 0: it is never answered */
        const char *body;
        unsigned times;
        bool applied; /* and yet done */
};

struct http_request {
        struct http *http;
        struct exchange *exchange;
        struct http_request **slot;
        http_done_t done;
        void *userdata;
        void (*release)(void *userdata);
        void *release_data;
        bool begun, writes_presence;
        struct fault fault;
};

struct http {
        struct model *model;
        usec_t now;
        struct http_request *requests[REQUESTS_MAX];
        size_t n_requests;
        struct fault fault;
        unsigned n_refused; /* answers that the token is unknown */
        unsigned n_beside;  /* requests about the profile that were made while presence was being written */
        struct {
                usec_t at;
                char what[1024];
        } log[LOG_MAX];
        size_t n_log;
};

bool http_host_is_loopback(const char *host) {
        return streq(host, "localhost");
}

int http_new(struct http **ret, struct sd_event *event, const char *ca_file) {
        return -ENOSYS;
}

struct http *http_free(struct http *h) {
        return NULL;
}

static int64_t msec(const struct http *h) {
        return (int64_t) (h->now / USEC_PER_MSEC);
}

static void forget(struct http_request *r) {
        struct http *h = r->http;

        for (size_t i = 0; i < h->n_requests; i++)
                if (h->requests[i] == r) {
                        memmove(h->requests + i, h->requests + i + 1,
                                (h->n_requests - i - 1) * sizeof(h->requests[0]));
                        h->n_requests--;
                        break;
                }
}

struct http_request *http_request_free(struct http_request *r) {
        if (!r)
                return NULL;
        forget(r);
        exchange_free(r->exchange, msec(r->http));
        if (r->release)
                r->release(r->release_data);
        free(r);
        return NULL;
}

int http_start(struct http *h, const struct http_call *call, http_done_t done, void *userdata,
               struct http_request **ret) {
        struct http_request *r = calloc(1, sizeof(*r));
        const char *path = strstr(call->url, "/_");
        const char *fault = h->fault.times > 0 ? strstr(call->url, h->fault.path) : NULL;

        cr_assert(h->n_requests < REQUESTS_MAX && h->n_log < LOG_MAX, "a storm");
        *r = (struct http_request){
                .http = h, .done = done, .userdata = userdata, .release = call->release, .release_data = userdata
        };
        r->exchange =
                exchange_begin(h->model,
                               &(struct model_request){
                                       .method = call->method, .uri = path, .token = call->token, .body = call->body },
                               msec(h));
        if (fault && streq(h->fault.method, call->method)) {
                h->fault.times--;
                r->fault = h->fault;
        }
        for (size_t i = 0; i < h->n_requests; i++)
                h->n_beside += h->requests[i]->writes_presence && strstr(call->url, "/profile/") != NULL;
        r->writes_presence = streq(call->method, "PUT") && strstr(call->url, "/presence/");
        h->log[h->n_log].at = h->now;
        (void) snprintf(h->log[h->n_log].what, sizeof(h->log[0].what), "%s %s %s", call->method, path,
                        call->body ? call->body : "");
        h->n_log++;
        h->requests[h->n_requests++] = r;
        *ret = r;
        return 0;
}

void http_cut(struct http *h) {
        size_t n = h->n_requests;

        for (; n > 0 && h->n_requests > 0; n--) {
                struct http_request *r = h->requests[0];
                const struct http_reply reply = { .error = -ENETRESET,
                                                  .sent = true,
                                                  .problem = "the network has changed",
                                                  .retry_after = USEC_NEVER,
                                                  .now = h->now,
                                                  .wall = WALL + h->now };

                forget(r);
                r->done(&reply, r->userdata);
                http_request_free(r);
        }
}

/* Hands over one answer, if there is any. */
static bool deliver(struct http *h) {
        for (size_t i = 0; i < h->n_requests; i++) {
                struct http_request *r = h->requests[i];
                char *text = NULL;
                struct http_reply reply = { .sent = true,
                                            .retry_after = USEC_NEVER,
                                            .server = model_server_header(h->model),
                                            .now = h->now,
                                            .wall = WALL + h->now };

                if (!r->begun && (!r->fault.path || r->fault.applied))
                        exchange_run(r->exchange, msec(h));
                r->begun = true;
                if (r->fault.path ? r->fault.status == 0 : !exchange_look(r->exchange, msec(h)))
                        continue;
                if (r->fault.path)
                        reply.status = r->fault.status;
                else {
                        reply.status = exchange_status(r->exchange);
                        text = exchange_answer(r->exchange) ? json_dumps(exchange_answer(r->exchange), 0)
                                                            : strdup("{}");
                }
                h->n_refused += reply.status == 401;
                reply.body = text ? text : r->fault.body;
                reply.size = strlen(reply.body);
                forget(r);
                r->done(&reply, r->userdata);
                exchange_free(r->exchange, msec(h));
                if (r->release)
                        r->release(r->release_data);
                free(r);
                free(text);
                return true;
        }
        return false;
}

/* ---- the world ---- */

struct world {
        struct http http;
        struct account *account;
        struct account_settings settings;
        struct claim_journal journal;
        struct claim_owed owed[OUTPUTS_MAX];
        char owed_on[OUTPUTS_MAX][32];
        struct call_sink sink;
        struct account_situation situation;
        struct token_keeper keeper;
        char access[64], refresh[64]; /* as stored */
        usec_t expires_wall;
        const char *token_endpoint;
        unsigned n_puts;
        int keeper_error; /* of begin() */
        bool put_fails, is_kept;
        bool touched, doubted;
        struct account_lessons learned;
        unsigned times_busy, n_calls_begun, n_calls_ended;
};

static int journal_find(struct world *w, const char *output) {
        for (int i = 0; i < OUTPUTS_MAX; i++)
                if (streq(w->owed_on[i], output))
                        return i;
        return -1;
}

static int journal_get(void *userdata, const char *account, const char *output, struct claim_owed *ret) {
        struct world *w = userdata;
        int i = journal_find(w, output);

        if (i < 0)
                return -ENOENT;
        *ret = w->owed[i];
        return 0;
}

static int journal_put(void *userdata, const char *account, const char *output, const struct claim_owed *owed) {
        struct world *w = userdata;
        int i = journal_find(w, output);

        if (i < 0)
                i = journal_find(w, "");
        cr_assert_geq(i, 0);
        (void) snprintf(w->owed_on[i], sizeof(w->owed_on[i]), "%s", output);
        w->owed[i] = *owed;
        return 0;
}

static int journal_remove(void *userdata, const char *account, const char *output) {
        struct world *w = userdata;
        int i = journal_find(w, output);

        if (i >= 0)
                w->owed_on[i][0] = '\0';
        return 0;
}

static void on_report(void *userdata, const struct call_report *r) {
        struct world *w = userdata;

        w->n_calls_begun++;
}

static void on_end(void *userdata, const char *source, const char *id) {
        struct world *w = userdata;

        w->n_calls_ended++;
}

static void on_doubt(void *userdata, const char *source, bool doubted) {
        struct world *w = userdata;

        cr_assert_str_eq(source, "matrix/home");
        w->doubted = doubted;
}

static uint32_t no_random(void *userdata) {
        return 0;
}

static void on_touched(void *userdata) {
        struct world *w = userdata;

        w->touched = true;
}

static void on_position(void *userdata, const char *since, usec_t now, usec_t wall) {
}

static void on_learned(void *userdata, const struct account_lessons *l) {
        struct world *w = userdata;

        w->learned = *l;
}

static void on_shown(void *userdata, const char *state, const char *message) {
        struct world *w = userdata;

        w->times_busy += streq(state, HS_BUSY);
}

static int keeper_begin(void *userdata, struct token_pair *ret) {
        struct world *w = userdata;

        cr_assert_not(w->is_kept);
        if (w->keeper_error < 0)
                return w->keeper_error;
        w->is_kept = true;
        if (w->keeper_error == 0)
                return 0;
        w->keeper_error = 0;
        *ret = (struct token_pair){ w->access, w->refresh, w->expires_wall };
        return 1;
}

static int keeper_put(void *userdata, const struct token_pair *pair) {
        struct world *w = userdata;

        cr_assert(w->is_kept);
        if (w->put_fails)
                return -EROFS;
        (void) snprintf(w->access, sizeof(w->access), "%s", pair->access_token);
        (void) snprintf(w->refresh, sizeof(w->refresh), "%s", pair->refresh_token);
        w->expires_wall = pair->expires_wall;
        w->n_puts++;
        return 0;
}

static void keeper_end(void *userdata) {
        struct world *w = userdata;

        cr_assert(w->is_kept);
        w->is_kept = false;
}

/* What a login, or an earlier run, has stored. */
static void store_tokens(struct world *w) {
        struct model_tokens tokens;

        cr_assert(model_tokens(w->http.model, SELF, &tokens));
        (void) snprintf(w->access, sizeof(w->access), "%s", tokens.access);
        (void) snprintf(w->refresh, sizeof(w->refresh), "%s", tokens.refresh);
        w->expires_wall = (usec_t) tokens.ends * USEC_PER_MSEC;
}

static void start(struct world *w) {
        const struct account_handler handler = {
                .touched = on_touched, .position = on_position, .learned = on_learned, .userdata = w
        };

        if (!w->access[0]) {
                (void) model_login(w->http.model, SELF);
                model_make_renewable(w->http.model, SELF, msec(&w->http));
                store_tokens(w);
        }
        w->keeper =
                (struct token_keeper){ .begin = keeper_begin, .put = keeper_put, .end = keeper_end, .userdata = w };
        cr_assert_eq(account_new(&w->account, &w->http,
                                 &(struct account_options){ .name = "home",
                                                            .homeserver = "http://localhost:8008",
                                                            .user_id = HS_USER,
                                                            .device_id = SELF,
                                                            .tokens = { w->access, w->refresh, w->expires_wall },
                                                            .token_endpoint = w->token_endpoint,
                                                            .client_id = HS_CLIENT_ID,
                                                            .keeper = &w->keeper,
                                                            .learned = w->learned,
                                                            .settings = &w->settings,
                                                            .sink = &w->sink,
                                                            .journal = &w->journal,
                                                            .random = no_random },
                                 &handler),
                     0);
}

static struct world *world_new(const struct hs_options *options) {
        struct world *w = calloc(1, sizeof(*w));

        w->http.now = START;
        cr_assert_eq(model_new(&w->http.model, options, msec(&w->http), (int64_t) ((WALL + START) / USEC_PER_MSEC)),
                     0);
        model_on_shown(w->http.model, on_shown, w);
        w->settings = (struct account_settings){ .presence = PRESENCE_AUTO,
                                                 .message = "In a call",
                                                 .profile_call = true,
                                                 .poll_timeout = 10 * USEC_PER_MIN,
                                                 .poll_pause = 5 * USEC_PER_SEC,
                                                 .call_cap = 4 * USEC_PER_HOUR };
        w->journal = (struct claim_journal){
                .get = journal_get, .put = journal_put, .remove = journal_remove, .userdata = w
        };
        w->sink = (struct call_sink){ .report = on_report, .end = on_end, .doubt = on_doubt, .userdata = w };
        w->situation.acts = true;
        return w;
}

/* Turns of the loop until nothing happens any more at this instant; returns the next deadline. */
static usec_t turn(struct world *w) {
        usec_t deadline = USEC_NEVER;

        for (int i = 0; i < 500; i++) {
                w->touched = false;
                w->situation.wall = WALL + w->http.now;
                deadline = account_run(w->account, &w->situation, w->http.now);
                if (!deliver(&w->http) && !w->touched && deadline > w->http.now)
                        return deadline;
        }
        cr_assert_fail("no rest");
        return deadline;
}

static usec_t poll_deadline(const struct http *h) {
        usec_t next = USEC_NEVER;

        for (size_t i = 0; i < h->n_requests; i++) {
                const struct http_request *r = h->requests[i];
                int64_t at = r->fault.path ? -1 : exchange_deadline(r->exchange, msec(h));

                if (at >= 0)
                        next = usec_min(next, (usec_t) at * USEC_PER_MSEC);
        }
        if (model_deadline(h->model, msec(h)) >= 0)
                next = usec_min(next, (usec_t) model_deadline(h->model, msec(h)) * USEC_PER_MSEC);
        return next;
}

static void pass(struct world *w, usec_t span) {
        usec_t end = usec_add(w->http.now, span);

        for (;;) {
                usec_t next = turn(w);

                next = usec_min(next, poll_deadline(&w->http));
                if (next > end)
                        break;
                w->http.now = next > w->http.now ? next : w->http.now + USEC_PER_MSEC;
                model_run(w->http.model, msec(&w->http));
        }
        w->http.now = end;
        model_run(w->http.model, msec(&w->http));
        (void) turn(w);
}

/* Without an account. */
static void pass_time(struct world *w, usec_t span) {
        w->http.now += span;
        model_run(w->http.model, msec(&w->http));
}

static void call(struct world *w, bool on) {
        w->situation.busy = on;
        (void) turn(w);
}

static const char *shown(const struct world *w) {
        const char *state, *message;

        model_shown(w->http.model, &state, &message);
        return state;
}

static const char *message(const struct world *w) {
        const char *state, *text;

        model_shown(w->http.model, &state, &text);
        return text;
}

static struct driver_report report(struct world *w) {
        struct driver_report r;

        cr_assert(account_report(w->account, 0, &r));
        return r;
}

/* Requests since `mark` that contain that. */
static unsigned asked(const struct world *w, size_t mark, const char *what) {
        unsigned n = 0;

        for (size_t i = mark; i < w->http.n_log; i++)
                n += strstr(w->http.log[i].what, what) != NULL;
        return n;
}

static void expect_online(struct world *w) {
        pass(w, 10 * USEC_PER_SEC);
        cr_assert_eq(account_state(w->account), CONNECTION_ONLINE, "%s: %s",
                     connection_state_to_string(account_state(w->account)), account_problem(w->account));
}

static void expect_nothing_owed(struct world *w) {
        cr_assert_not(account_owes(w->account));
        for (size_t i = 0; i < OUTPUTS_MAX; i++)
                cr_assert_str_eq(w->owed_on[i], "");
}

/* ---- other clients (A4, A5, B10) ---- */

Test(matrix_account, nobody_else_is_there_and_nobody_ever_was) {
        struct world *w = world_new(NULL);

        start(w);
        expect_online(w);
        call(w, true);
        cr_assert_str_eq(shown(w), HS_BUSY);
        pass(w, USEC_PER_MIN);
        call(w, false);
        pass(w, USEC_PER_MIN);
        cr_assert_str_eq(shown(w), "offline");
        expect_nothing_owed(w);
}

Test(matrix_account, a_call_right_after_the_start_is_careful) {
        struct world *w = world_new(NULL);

        model_client_polls(w->http.model, PHONE, "online", msec(&w->http));
        start(w);
        expect_online(w);
        for (int i = 0; i < 12; i++) {
                call(w, true);
                cr_assert_str_eq(shown(w), "online");
                cr_assert_str_eq(message(w), "In a call");
                pass(w, 20 * USEC_PER_SEC);
                call(w, false);
                pass(w, 20 * USEC_PER_SEC);
        }
        cr_assert_eq(w->times_busy, 0);
        cr_assert_str_eq(message(w), "");
        expect_nothing_owed(w);
}

Test(matrix_account, busy_as_soon_as_nobody_else_is_there) {
        struct world *w = world_new(NULL);

        model_client_polls(w->http.model, PHONE, "online", msec(&w->http));
        start(w);
        pass(w, 5 * USEC_PER_MIN);
        call(w, true);
        pass(w, USEC_PER_MIN);
        cr_assert_str_eq(shown(w), "online");
        cr_assert(strstr(report(w).note, "only the message"), "%s", report(w).note);
        model_client_polls(w->http.model, PHONE, NULL, msec(&w->http));
        pass(w, 80 * USEC_PER_SEC);
        cr_assert_neq(w->times_busy, 1, "too early");
        pass(w, USEC_PER_MIN);
        cr_assert_str_eq(shown(w), HS_BUSY);
        cr_assert_str_eq(message(w), "In a call");
        cr_assert_str_eq(report(w).claim, "held");
        cr_assert_str_eq(report(w).note, "");
        call(w, false);
        pass(w, USEC_PER_MIN);
        cr_assert_str_eq(shown(w), "offline");
        cr_assert_str_eq(message(w), "");
        expect_nothing_owed(w);
}

/* Whatever else a server has to do in that moment delays what others are told. */
Test(matrix_account, nothing_is_asked_beside_the_write_that_others_see) {
        struct world *w = world_new(NULL);
        size_t mark;

        start(w);
        expect_online(w);
        pass(w, 2 * USEC_PER_MIN);
        w->situation.likely = true;
        (void) turn(w);
        pass(w, USEC_PER_SEC);
        mark = w->http.n_log;
        w->situation.likely = false;
        call(w, true);
        cr_expect(strstr(w->http.log[mark].what, "PUT /_matrix/client/v3/presence/"), "nothing goes before it: %s",
                  w->http.log[mark].what);
        pass(w, USEC_PER_SEC);
        cr_expect_eq(asked(w, 0, "PUT /_matrix/client/v3/profile/"), 1);
        call(w, false);
        pass(w, USEC_PER_MIN);
        cr_expect_eq(w->http.n_beside, 0);
        expect_nothing_owed(w);
}

/* ... but not for long, whatever becomes of it. */
Test(matrix_account, a_write_that_is_not_answered_holds_up_the_others_for_a_moment_only) {
        struct world *w = world_new(NULL);

        start(w);
        expect_online(w);
        pass(w, 2 * USEC_PER_MIN);
        w->http.fault = (struct fault){ "PUT", "/status", 0, NULL, 1, false };
        call(w, true);
        pass(w, USEC_PER_SEC);
        cr_expect_eq(asked(w, 0, "PUT /_matrix/client/v3/presence/"), 1);
        cr_expect_eq(asked(w, 0, "PUT /_matrix/client/v3/profile/"), 1);
}

/* ---- other machines ---- */

#define OLD "BUSYDOLD"

/* An earlier session, or another machine, is on a call as far as it has told. */
static void tell_of_a_call(struct world *w, const char *device, const char *state) {
        int64_t told = msec(&w->http) + (int64_t) (WALL / USEC_PER_MSEC);
        char type[64];

        (void) snprintf(type, sizeof(type), "org.busyd.claim.%s", device);
        model_set_account_data(w->http.model, type,
                               json_pack("{si s{s{s{ss ss} s[{ss ss}] sb sb si sb}} sI sI}", "version", 1, "claims",
                                         "presence", "prior", "state", "offline", "text", "", "ours", "state", state,
                                         "text", "In a call", "state_claimed", 1, "text_claimed", 1, "order", 1,
                                         "live", 1, "told", (json_int_t) told, "expires",
                                         (json_int_t) (told + 7200000)));
}

static struct world *world_with_a_call_elsewhere(void) {
        struct world *w = world_new(&(struct hs_options){ .busy_off = true });

        (void) model_login(w->http.model, OLD);
        tell_of_a_call(w, OLD, "unavailable");
        start(w);
        expect_online(w);
        return w;
}

/* One that was logged out while the server took no account data goes on as far as it has told. */
Test(matrix_account, a_machine_that_has_logged_out_is_not_waited_for) {
        struct world *w = world_with_a_call_elsewhere();

        model_revoke(w->http.model, OLD, false);
        call(w, true);
        pass(w, USEC_PER_MIN);
        cr_assert_eq(asked(w, 0, "/devices"), 0, "nothing is waited for");
        call(w, false);
        pass(w, 20 * USEC_PER_SEC);
        cr_assert_str_eq(message(w), "");
        cr_assert_eq(asked(w, 0, "/devices"), 1);
        expect_nothing_owed(w);
}

Test(matrix_account, a_machine_that_is_still_there_is_waited_for_and_asked_about_now_and_then) {
        struct world *w = world_with_a_call_elsewhere();

        call(w, true);
        pass(w, USEC_PER_MIN);
        call(w, false);
        pass(w, 20 * USEC_PER_SEC);
        cr_assert_str_eq(message(w), "In a call");
        cr_assert_eq(asked(w, 0, "/devices"), 1);
        pass(w, USEC_PER_HOUR / 2);
        cr_assert_leq(asked(w, 0, "/devices"), 4);
        cr_assert_str_eq(message(w), "In a call");
        model_revoke(w->http.model, OLD, false);
        pass(w, 21 * USEC_PER_MIN);
        cr_assert_str_eq(message(w), "");
        expect_nothing_owed(w);
}

Test(matrix_account, who_is_still_there_is_asked_again_where_it_failed) {
        struct world *w = world_with_a_call_elsewhere();

        model_revoke(w->http.model, OLD, false);
        call(w, true);
        pass(w, USEC_PER_MIN);
        w->http.fault = (struct fault){ "GET", "/devices", 502, "{\"errcode\":\"M_UNKNOWN\"}", 2, false };
        call(w, false);
        pass(w, 30 * USEC_PER_SEC);
        cr_assert_str_eq(message(w), "");
        cr_assert_eq(asked(w, 0, "/devices"), 3);
        expect_nothing_owed(w);
}

/* Who logs out while nothing is heard may be the last one. */
Test(matrix_account, what_another_machine_goes_on_with_is_left_to_it_as_long_as_it_is_heard) {
        struct world *w = world_new(&(struct hs_options){ .kind = HS_DENDRITE });

        start(w);
        expect_online(w);
        call(w, true);
        pass(w, 10 * USEC_PER_SEC);
        (void) model_login(w->http.model, OLD);
        tell_of_a_call(w, OLD, "busy");
        pass(w, 10 * USEC_PER_SEC);
        call(w, false);
        pass(w, 10 * USEC_PER_SEC);
        cr_assert(account_owes(w->account));
        cr_assert_not(account_owes_itself(w->account), "the other one puts it back");
        w->http.fault = (struct fault){ "GET", "/sync", 429, "{\"errcode\":\"M_LIMIT_EXCEEDED\"}", UINT_MAX, false };
        pass(w, 11 * USEC_PER_MIN);
        cr_assert_neq(account_state(w->account), CONNECTION_ONLINE);
        cr_assert(account_owes_itself(w->account), "as far as is known");
        w->http.fault.times = 0;
        pass(w, 11 * USEC_PER_MIN);
        cr_assert_eq(account_state(w->account), CONNECTION_ONLINE);
        cr_assert_not(account_owes_itself(w->account));
}

Test(matrix_account, whoever_came_during_a_sleep_is_there) {
        struct world *w = world_new(NULL);

        start(w);
        pass(w, 10 * USEC_PER_MIN);
        w->http.now += USEC_PER_HOUR;
        model_client_polls(w->http.model, PHONE, "online", msec(&w->http));
        account_wake(w->account, true);
        call(w, true);
        pass(w, 10 * USEC_PER_SEC);
        cr_assert_eq(w->times_busy, 0);
        cr_assert_str_eq(message(w), "In a call");
}

/* Where each device has words of its own, those of ours would come back with each poll. */
Test(matrix_account, words_that_were_put_back_give_way_to_newer_ones) {
        const struct hs_options options = { .kind = HS_TUWUNEL };
        struct world *w = world_new(&options);

        start(w);
        expect_online(w);
        model_person_sets(w->http.model, PHONE, "online", "Lunch", msec(&w->http));
        pass(w, 45 * USEC_PER_MIN);
        call(w, true);
        pass(w, USEC_PER_MIN);
        cr_assert_str_eq(message(w), "In a call");
        call(w, false);
        pass(w, USEC_PER_MIN);
        cr_assert_str_eq(message(w), "Lunch");
        model_person_sets(w->http.model, PHONE, "online", "In the garden", msec(&w->http));
        pass(w, 25 * USEC_PER_MIN);
        cr_assert_str_eq(message(w), "In the garden");
        pass(w, USEC_PER_HOUR);
        cr_assert_str_eq(message(w), "In the garden");
        expect_nothing_owed(w);
}

Test(matrix_account, also_once_presence_is_switched_off) {
        const struct hs_options options = { .kind = HS_TUWUNEL };
        struct world *w = world_new(&options);
        struct account_settings settings = w->settings;

        start(w);
        expect_online(w);
        model_person_sets(w->http.model, PHONE, "online", "Lunch", msec(&w->http));
        pass(w, 45 * USEC_PER_MIN);
        call(w, true);
        pass(w, USEC_PER_MIN);
        settings.presence = PRESENCE_OFF;
        cr_assert_eq(account_set_settings(w->account, &settings, w->http.now), 0);
        pass(w, USEC_PER_MIN);
        cr_assert_str_eq(message(w), "Lunch");
        model_person_sets(w->http.model, PHONE, "online", "In the garden", msec(&w->http));
        pass(w, USEC_PER_HOUR);
        cr_assert_str_eq(message(w), "In the garden");
        call(w, false);
        pass(w, USEC_PER_MIN);
        expect_nothing_owed(w);
}

/* What a person said in the call shows, and no device has it any more: it must not go with ours. */
Test(matrix_account, words_that_a_restarted_server_only_shows_stay) {
        const struct hs_options options = { .kind = HS_TUWUNEL };
        struct world *w = world_new(&options);

        start(w);
        expect_online(w);
        call(w, true);
        pass(w, USEC_PER_MIN);
        model_person_sets(w->http.model, PHONE, "offline", "Lunch", msec(&w->http));
        model_restart(w->http.model, msec(&w->http));
        pass(w, 10 * USEC_PER_MIN);
        cr_assert_str_eq(message(w), "Lunch");
        call(w, false);
        pass(w, USEC_PER_MIN);
        cr_assert_str_eq(message(w), "Lunch");
        expect_nothing_owed(w);
}

Test(matrix_account, words_that_an_earlier_run_has_left_give_way_to_newer_ones) {
        const struct hs_options options = { .kind = HS_TUWUNEL };
        struct world *w = world_new(&options);

        (void) snprintf(w->learned.words, sizeof(w->learned.words), "Lunch");
        model_person_sets(w->http.model, SELF, "offline", "Lunch", msec(&w->http));
        model_person_sets(w->http.model, PHONE, "online", "In the garden", msec(&w->http));
        start(w);
        expect_online(w);
        pass(w, 25 * USEC_PER_MIN);
        cr_assert_str_eq(message(w), "In the garden");
        cr_assert_str_empty(w->learned.words, "\"%s\"", w->learned.words);
        expect_nothing_owed(w);
}

Test(matrix_account, back_to_back_calls_are_busy_each_time) {
        struct world *w = world_new(NULL);

        start(w);
        expect_online(w);
        for (unsigned i = 1; i <= 6; i++) {
                call(w, true);
                cr_assert_str_eq(shown(w), HS_BUSY, "call %u", i);
                pass(w, (i + 30) * USEC_PER_SEC);
                call(w, false);
                pass(w, (3 * i + 30) * USEC_PER_SEC);
                cr_assert_str_eq(shown(w), "offline", "after call %u", i);
        }
        expect_nothing_owed(w);
}

/* ---- tokens that end ---- */

static struct world *renewable_world(enum hs_renewal renewal) {
        const struct hs_options options = { .renewal = renewal, .token_msec = 5 * 60 * 1000 };
        struct world *w = world_new(&options);

        if (renewal == HS_RENEWAL_OAUTH)
                w->token_endpoint = "http://localhost:8008" HS_TOKEN_PATH;
        return w;
}

static const enum hs_renewal renewals[] = { HS_RENEWAL_SYNAPSE, HS_RENEWAL_OAUTH, HS_RENEWAL_COMPAT };

Test(matrix_account, tokens_are_renewed_before_they_end_and_nobody_notices) {
        for (size_t i = 0; i < ARRAY_SIZE(renewals); i++) {
                struct world *w = renewable_world(renewals[i]);

                start(w);
                expect_online(w);
                for (int n = 0; n < 3; n++) {
                        call(w, true);
                        pass(w, 7 * USEC_PER_MIN);
                        cr_assert_str_eq(shown(w), HS_BUSY, "%zu", i);
                        call(w, false);
                        pass(w, 7 * USEC_PER_MIN);
                        cr_assert_str_eq(shown(w), "offline", "%zu", i);
                }
                cr_assert_eq(account_state(w->account), CONNECTION_ONLINE);
                cr_assert_geq(w->n_puts, 4);
                cr_assert_eq(w->n_puts, model_renewals(w->http.model), "one request each");
                cr_assert_eq(asked(w, 0, "whoami"), 1, "%zu: the server has never been in doubt", i);
                expect_nothing_owed(w);
        }
}

/* The first that is heard of it is the write at the start of a call. */
Test(matrix_account, a_token_that_ended_beneath_a_long_poll_is_renewed_before_the_write) {
        struct world *w = renewable_world(HS_RENEWAL_SYNAPSE);
        size_t mark;

        start(w);
        expect_online(w);
        pass(w, 9 * USEC_PER_MIN);
        mark = w->http.n_log;
        w->http.n_refused = 0;
        call(w, true);
        pass(w, 2 * USEC_PER_SEC);
        cr_assert_str_eq(shown(w), HS_BUSY);
        cr_assert_eq(w->http.n_refused, 0, "not felt at all");
        cr_assert_eq(model_renewals(w->http.model), 1);
        cr_assert_geq(asked(w, mark, "PUT /"), 1);
}

Test(matrix_account, nobody_is_woken_to_renew) {
        struct world *w = renewable_world(HS_RENEWAL_SYNAPSE);

        start(w);
        expect_online(w);
        pass(w, 2 * USEC_PER_HOUR);
        cr_assert_leq(model_renewals(w->http.model), 13, "the ends of the polls do it");
}

/* Whatever soft_logout says: the clock may be wrong, or the server has ended it early. */
Test(matrix_account, a_401_within_a_call_renews_and_the_claim_goes_on) {
        for (size_t i = 0; i < ARRAY_SIZE(renewals); i++) {
                struct world *w = renewable_world(renewals[i]);

                start(w);
                expect_online(w);
                call(w, true);
                pass(w, 20 * USEC_PER_SEC);
                model_expire(w->http.model, SELF);
                call(w, false);
                cr_assert_neq(account_state(w->account), CONNECTION_SIGNED_OUT, "%zu", i);
                pass(w, 2 * USEC_PER_SEC);
                cr_assert_str_eq(shown(w), "offline", "%zu: given back at once", i);
                cr_assert_eq(model_renewals(w->http.model), 1, "%zu", i);
                pass(w, USEC_PER_MIN);
                cr_assert_eq(account_state(w->account), CONNECTION_ONLINE, "%zu", i);
                expect_nothing_owed(w);
        }
}

Test(matrix_account, a_request_that_is_refused_whatever_the_token_makes_no_storm) {
        struct world *w = renewable_world(HS_RENEWAL_SYNAPSE);
        size_t mark;

        start(w);
        expect_online(w);
        mark = w->http.n_log;
        w->http.fault =
                (struct fault){ "PUT", "/presence/", 401, "{\"errcode\":\"M_UNKNOWN_TOKEN\"}", UINT_MAX, false };
        call(w, true);
        pass(w, 10 * USEC_PER_MIN);
        cr_assert_leq(model_renewals(w->http.model), 12);
        cr_assert_leq(asked(w, mark, "PUT /"), 300, "more than where nothing can be renewed");
        w->http.fault.times = 0;
        call(w, false);
        pass(w, 10 * USEC_PER_MIN);
        cr_assert_eq(account_state(w->account), CONNECTION_ONLINE);
        expect_nothing_owed(w);
}

static void lose_answers(struct world *w, const char *path, unsigned times) {
        w->http.fault = (struct fault){ "POST", path, 502, "<html>Bad gateway</html>", times, true };
}

/* Where the authorization server forgives it; the old one is sent again within its time for that. */
Test(matrix_account, a_lost_answer_to_a_renewal_is_asked_for_again_in_time) {
        static const char *const paths[] = { "/refresh", HS_TOKEN_PATH };

        for (size_t i = 0; i < ARRAY_SIZE(paths); i++) {
                struct world *w = renewable_world(renewals[i]);

                start(w);
                expect_online(w);
                call(w, true);
                pass(w, 20 * USEC_PER_SEC);
                model_expire(w->http.model, SELF);
                lose_answers(w, paths[i], 2);
                call(w, false);
                cr_assert_eq(account_state(w->account), CONNECTION_WAITING, "%zu", i);
                cr_assert_str_eq(shown(w), HS_BUSY);
                pass(w, 14 * USEC_PER_SEC);
                cr_assert_str_eq(shown(w), "offline", "%zu", i);
                pass(w, USEC_PER_MIN);
                cr_assert_eq(account_state(w->account), CONNECTION_ONLINE, "%zu: %s", i, account_problem(w->account));
                expect_nothing_owed(w);
        }
}

Test(matrix_account, where_a_lost_answer_loses_the_session_it_says_so_and_keeps_what_is_owed) {
        struct world *w = renewable_world(HS_RENEWAL_COMPAT);

        start(w);
        expect_online(w);
        call(w, true);
        pass(w, 20 * USEC_PER_SEC);
        model_expire(w->http.model, SELF);
        lose_answers(w, "/refresh", 1);
        call(w, false);
        pass(w, USEC_PER_MIN);
        cr_assert_eq(account_state(w->account), CONNECTION_SIGNED_OUT);
        cr_assert(strstr(account_problem(w->account), "busyctl login home"));
        cr_assert(account_owes(w->account));
}

/* A proxy, a login page, a server in trouble: none of them ends a session. */
Test(matrix_account, only_who_knows_the_session_can_end_it) {
        static const struct {
                long status;
                const char *body;
        } rows[] = {
                { 403, "<html>Forbidden</html>" },
                { 401, "" },
                { 503, "{\"errcode\":\"M_UNKNOWN\"}" },
                { 429, "{\"errcode\":\"M_LIMIT_EXCEEDED\"}" },
                { 200, "<html>Sign in to the network</html>" },
                { 404, "{\"errcode\":\"M_UNRECOGNIZED\"}" },
        };

        for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
                struct world *w = renewable_world(HS_RENEWAL_SYNAPSE);

                start(w);
                expect_online(w);
                call(w, true);
                pass(w, 20 * USEC_PER_SEC);
                model_expire(w->http.model, SELF);
                w->http.fault = (struct fault){ "POST", "/refresh", rows[i].status, rows[i].body, 4, false };
                call(w, false);
                cr_assert_eq(account_state(w->account), CONNECTION_WAITING, "%ld", rows[i].status);
                cr_assert_neq(account_problem(w->account)[0], '\0', "%ld", rows[i].status);
                pass(w, 5 * USEC_PER_MIN);
                cr_assert_eq(account_state(w->account), CONNECTION_ONLINE, "%ld", rows[i].status);
                cr_assert_str_eq(shown(w), "offline", "%ld", rows[i].status);
                expect_nothing_owed(w);
        }
}

/* The last that was told before is that nobody is there. */
Test(matrix_account, nothing_is_seen_while_no_poll_may_begin) {
        struct world *w = renewable_world(HS_RENEWAL_OAUTH);

        model_client_polls(w->http.model, PHONE, "online", msec(&w->http));
        start(w);
        pass(w, 9 * USEC_PER_MIN);
        call(w, true);
        cr_assert_str_eq(message(w), "In a call");
        lose_answers(w, HS_TOKEN_PATH, 1000);
        pass(w, 6 * USEC_PER_MIN);
        model_restart(w->http.model, msec(&w->http));
        (void) turn(w);
        cr_assert_str_eq(shown(w), "offline");
        model_client_polls(w->http.model, PHONE, "online", msec(&w->http));
        pass(w, 10 * USEC_PER_MIN);
        cr_assert_eq(account_state(w->account), CONNECTION_WAITING);
        w->http.fault.times = 0;
        pass(w, 6 * USEC_PER_MIN);
        cr_assert_eq(account_state(w->account), CONNECTION_ONLINE);
        cr_assert_eq(w->times_busy, 0);
}

/* What is left of the token serves meanwhile. */
Test(matrix_account, a_failed_renewal_in_time_stops_nothing) {
        struct world *w = renewable_world(HS_RENEWAL_SYNAPSE);

        start(w);
        expect_online(w);
        pass(w, 4 * USEC_PER_MIN + 22 * USEC_PER_SEC);
        w->http.fault = (struct fault){ "POST", "/refresh", 502, "", 1, false };
        call(w, true);
        cr_assert_str_eq(shown(w), HS_BUSY);
        cr_assert_eq(account_state(w->account), CONNECTION_ONLINE);
        pass(w, 10 * USEC_PER_SEC);
        cr_assert_eq(w->n_puts, 1);
}

Test(matrix_account, a_session_that_was_ended_while_away_is_told_at_the_start) {
        struct world *w = renewable_world(HS_RENEWAL_OAUTH);

        (void) model_login(w->http.model, SELF);
        model_make_renewable(w->http.model, SELF, msec(&w->http));
        store_tokens(w);
        model_revoke(w->http.model, SELF, false);
        pass_time(w, 20 * USEC_PER_MIN);
        start(w);
        (void) turn(w);
        cr_assert_eq(account_state(w->account), CONNECTION_SIGNED_OUT);
}

Test(matrix_account, a_token_that_ended_while_busyd_was_away_is_renewed_before_anything_is_asked) {
        struct world *w = renewable_world(HS_RENEWAL_OAUTH);

        (void) model_login(w->http.model, SELF);
        model_make_renewable(w->http.model, SELF, msec(&w->http));
        store_tokens(w);
        pass_time(w, 20 * USEC_PER_MIN);
        start(w);
        expect_online(w);
        cr_assert(strstr(w->http.log[0].what, HS_TOKEN_PATH), "%s", w->http.log[0].what);
}

Test(matrix_account, what_another_process_has_renewed_is_taken_up_without_a_request) {
        struct world *w = renewable_world(HS_RENEWAL_COMPAT);

        start(w);
        expect_online(w);
        model_make_renewable(w->http.model, SELF, msec(&w->http));
        store_tokens(w);
        w->keeper_error = 1;
        call(w, true);
        pass(w, 2 * USEC_PER_SEC);
        cr_assert_str_eq(shown(w), HS_BUSY);
        cr_assert_eq(model_renewals(w->http.model), 0);
}

Test(matrix_account, while_another_process_renews_it_is_waited_for) {
        struct world *w = renewable_world(HS_RENEWAL_COMPAT);

        start(w);
        expect_online(w);
        model_expire(w->http.model, SELF);
        w->keeper_error = -EBUSY;
        call(w, true);
        cr_assert_eq(model_renewals(w->http.model), 0);
        model_make_renewable(w->http.model, SELF, msec(&w->http));
        store_tokens(w);
        w->keeper_error = 1;
        pass(w, USEC_PER_SEC);
        cr_assert_str_eq(shown(w), HS_BUSY);
        cr_assert_eq(model_renewals(w->http.model), 0);
}

/* Where there is no grace, a crash between the two would lose the session. */
Test(matrix_account, a_new_pair_is_stored_before_it_is_used) {
        struct world *w = renewable_world(HS_RENEWAL_COMPAT);
        struct model_tokens tokens;

        start(w);
        expect_online(w);
        w->put_fails = true;
        model_expire(w->http.model, SELF);
        call(w, true);
        pass(w, 2 * USEC_PER_SEC);
        cr_assert_str_eq(shown(w), HS_BUSY, "what cannot be stored is used all the same");
        cr_assert_eq(w->n_puts, 0);
        w->put_fails = false;
        pass(w, 2 * USEC_PER_MIN);
        cr_assert_eq(w->n_puts, 1);
        cr_assert(model_tokens(w->http.model, SELF, &tokens));
        cr_assert_str_eq(w->refresh, tokens.refresh);
        cr_assert_not(w->is_kept);
}

/* ---- the session (A8, A9, E16) ---- */

Test(matrix_account, a_single_401_on_a_write_is_asked_about) {
        struct world *w = world_new(NULL);

        start(w);
        expect_online(w);
        w->http.fault = (struct fault){ "PUT", "/presence/", 401, "{\"errcode\":\"M_UNKNOWN_TOKEN\"}", 1, false };
        call(w, true);
        pass(w, 20 * USEC_PER_SEC);
        cr_assert_eq(account_state(w->account), CONNECTION_ONLINE);
        cr_assert_str_eq(shown(w), HS_BUSY);
        w->http.fault = (struct fault){ "PUT", "/presence/", 401, "{\"errcode\":\"M_UNKNOWN_TOKEN\"}", 1, false };
        call(w, false);
        cr_assert_not(account_is_at_rest(w->account), "counts as done");
        pass(w, 20 * USEC_PER_SEC);
        cr_assert_str_eq(shown(w), "offline");
        expect_nothing_owed(w);
}

Test(matrix_account, the_end_of_the_session_is_told_at_once) {
        struct world *w = world_new(NULL);

        start(w);
        expect_online(w);
        w->situation.busy = true;
        model_revoke(w->http.model, SELF, false);
        (void) turn(w);
        cr_assert_eq(account_state(w->account), CONNECTION_SIGNED_OUT, "%s",
                     connection_state_to_string(account_state(w->account)));
        cr_assert(strstr(account_problem(w->account), "busyctl login home"));
}

static struct world *signed_out_in_a_call(void) {
        struct world *w = world_new(NULL);

        start(w);
        expect_online(w);
        call(w, true);
        pass(w, 10 * USEC_PER_SEC);
        cr_assert_str_eq(shown(w), HS_BUSY);
        model_revoke(w->http.model, SELF, false);
        call(w, false);
        pass(w, 10 * USEC_PER_SEC);
        cr_assert_eq(account_state(w->account), CONNECTION_SIGNED_OUT);
        return w;
}

Test(matrix_account, while_something_is_owed_a_signed_out_account_is_asked_now_and_then) {
        struct world *w = signed_out_in_a_call();
        size_t mark = w->http.n_log;

        cr_assert_neq(account_retry_at(w->account), USEC_NEVER, "not told");
        pass(w, 5 * USEC_PER_HOUR);
        cr_assert_geq(asked(w, mark, "/account/whoami"), 5);
        cr_assert_leq(asked(w, mark, "/account/whoami"), 65);
        cr_assert_eq(asked(w, mark, "PUT /"), 0);
        model_unrevoke(w->http.model, SELF);
        pass(w, USEC_PER_HOUR + USEC_PER_MIN);
        cr_assert_eq(account_state(w->account), CONNECTION_ONLINE);
        cr_assert_str_neq(message(w), "In a call");
        expect_nothing_owed(w);
}

Test(matrix_account, and_when_a_person_asks_for_it) {
        struct world *w = signed_out_in_a_call();

        model_unrevoke(w->http.model, SELF);
        account_retry_now(w->account);
        pass(w, 10 * USEC_PER_SEC);
        cr_assert_eq(account_state(w->account), CONNECTION_ONLINE);
        cr_assert_str_neq(message(w), "In a call");
        expect_nothing_owed(w);
}

Test(matrix_account, and_after_a_sleep) {
        struct world *w = signed_out_in_a_call();

        model_unrevoke(w->http.model, SELF);
        account_wake(w->account, true);
        pass(w, 10 * USEC_PER_SEC);
        cr_assert_eq(account_state(w->account), CONNECTION_ONLINE);
        expect_nothing_owed(w);
}

Test(matrix_account, what_was_told_before_a_sleep_is_in_doubt_until_the_server_has_answered) {
        struct world *w = world_new(NULL);

        start(w);
        expect_online(w);
        w->http.fault = (struct fault){ "GET", "/sync", 502, "<html>Bad gateway</html>", 1, false };
        account_wake(w->account, true);
        cr_assert(w->doubted);
        (void) turn(w);
        cr_assert(account_state(w->account) == CONNECTION_WAITING && w->doubted);
        pass(w, 10 * USEC_PER_SEC);
        cr_assert(account_state(w->account) == CONNECTION_ONLINE && !w->doubted);
        account_wake(w->account, false);
        cr_assert_not(w->doubted, "another network tells nothing of the calls");
        pass(w, 10 * USEC_PER_SEC);
}

Test(matrix_account, what_was_told_is_in_doubt_when_nothing_has_come_for_minutes) {
        struct world *w = world_new(NULL);

        start(w);
        expect_online(w);
        w->situation.n_calls = 1;
        pass(w, 9 * USEC_PER_MIN);
        w->http.fault = (struct fault){ "GET", "/sync", 502, "<html>Bad gateway</html>", 1, false };
        account_wake(w->account, false);
        pass(w, 15 * USEC_PER_SEC);
        cr_assert(account_state(w->account) == CONNECTION_ONLINE && !w->doubted, "a moment is nothing");

        w->http.fault = (struct fault){ "GET", "/sync", 502, "<html>Bad gateway</html>", 1000, false };
        account_wake(w->account, false);
        pass(w, 4 * USEC_PER_MIN);
        cr_assert_not(w->doubted);
        pass(w, 2 * USEC_PER_MIN);
        cr_assert(w->doubted);
        w->http.fault.times = 0;
        pass(w, 10 * USEC_PER_MIN);
        cr_assert(account_state(w->account) == CONNECTION_ONLINE && !w->doubted);
}

/* The phone is in a call of a room. */
static void phone_joins(struct world *w, const char *room) {
        json_t *content = json_pack("{s:s,s:s,s:s,s:i}", "application", "m.call", "call_id", "", "device_id", PHONE,
                                    "expires", 14400000);

        model_send(w->http.model, room,
                   json_pack("{s:s,s:s,s:s,s:o}", "type", "org.matrix.msc3401.call.member", "sender", HS_USER,
                             "state_key", "_" HS_USER "_" PHONE, "content", content),
                   msec(&w->http));
}

/* The turn in which a call becomes known: its answer has ended the poll, so that the next one is due. */
static void report_is_busy(void *userdata, const struct call_report *r) {
        struct world *w = userdata;

        on_report(userdata, r);
        w->situation.busy = true;
        w->situation.likely = false;
}

/* Whether what is written for a call that rang comes after the poll that begins with it. */
static void expect_poll_first(struct world *w) {
        size_t mark, polled = 0, written = 0;

        w->situation.likely = true;
        pass(w, USEC_PER_SEC);
        cr_assert_neq(w->owed_on[0][0], (char) 0, "nothing is on disk ahead");
        w->sink.report = report_is_busy;
        mark = w->http.n_log;
        phone_joins(w, "!room:test");
        pass(w, USEC_PER_SEC);
        for (size_t i = mark; i < w->http.n_log; i++) {
                if (!polled && strstr(w->http.log[i].what, "/sync"))
                        polled = i;
                if (!written && strstr(w->http.log[i].what, "/status {"))
                        written = i;
        }
        cr_assert(polled > 0 && written > polled, "written before it");
        cr_assert_eq(w->http.log[written].at, w->http.log[polled].at, "not in the turn in which it begins");
        cr_assert_str_eq(shown(w), "busy");
}

Test(matrix_account, a_call_that_rang_is_written_after_the_poll_that_would_take_it_away) {
        struct world *w = world_new(&(struct hs_options){ .kind = HS_TUWUNEL });

        start(w);
        expect_online(w);
        expect_poll_first(w);
}

/* Words that an earlier call has left are looked at before that poll. */
Test(matrix_account, also_where_words_are_looked_at_before_that_poll) {
        struct world *w = world_new(&(struct hs_options){ .kind = HS_TUWUNEL });

        start(w);
        expect_online(w);
        model_person_sets(w->http.model, PHONE, "online", "Lunch", msec(&w->http));
        pass(w, 45 * USEC_PER_MIN);
        call(w, true);
        pass(w, USEC_PER_MIN);
        call(w, false);
        pass(w, 5 * USEC_PER_MIN);
        expect_poll_first(w);
}

/* It was seen before a poll that would bring ours up: that waits until it was read, too. */
Test(matrix_account, words_of_a_person_in_a_call_are_read_before_a_poll_hides_them) {
        const struct hs_options options = { .kind = HS_TUWUNEL };
        struct world *w = world_new(&options);

        start(w);
        expect_online(w);
        call(w, true);
        phone_joins(w, "!room:test");
        pass(w, 5 * USEC_PER_MIN);
        model_person_sets(w->http.model, PHONE, "offline", "In the garden", msec(&w->http));
        phone_joins(w, "!room:test");
        pass(w, 10 * USEC_PER_SEC);
        cr_assert_str_eq(message(w), "In the garden");
        call(w, false);
        pass(w, USEC_PER_MIN);
        cr_assert_str_eq(message(w), "In the garden");
        expect_nothing_owed(w);
}

/* The claim of a call that was there at the start waits for polls that begin: neither may wait for the other. */
Test(matrix_account, words_of_a_person_in_a_call_that_was_there_at_the_start_keep_no_poll_waiting) {
        struct world *w = world_new(&(struct hs_options){ .kind = HS_TUWUNEL });
        bool polled = false;
        size_t mark;

        start(w);
        call(w, true);
        expect_online(w);
        phone_joins(w, "!room:test");
        pass(w, 5 * USEC_PER_MIN);
        cr_assert_str_eq(shown(w), "busy");
        model_person_sets(w->http.model, PHONE, "offline", "In the garden", msec(&w->http));
        mark = w->http.n_log;
        phone_joins(w, "!room:test");
        pass(w, 10 * USEC_PER_SEC);
        for (size_t i = mark; i < w->http.n_log; i++)
                polled = polled || strstr(w->http.log[i].what, "/sync");
        cr_assert(polled, "nothing is heard any more");
        call(w, false);
        pass(w, USEC_PER_MIN);
        expect_nothing_owed(w);
}

Test(matrix_account, a_poll_that_does_not_begin_keeps_no_call_waiting) {
        struct world *w = world_new(&(struct hs_options){ .kind = HS_TUWUNEL });
        usec_t at;

        start(w);
        expect_online(w);
        w->situation.likely = true;
        pass(w, USEC_PER_SEC);
        w->sink.report = report_is_busy;
        w->http.fault = (struct fault){ "POST", "/filter", 0, NULL, 1, false };
        at = w->http.now;
        phone_joins(w, "!room:test");
        pass(w, 3 * USEC_PER_SEC);
        cr_assert_eq(w->http.fault.times, 0, "no filter is told to the server before that poll");
        cr_assert_str_eq(shown(w), "busy");
        for (size_t i = 0; i < w->http.n_log; i++)
                if (w->http.log[i].at >= at && strstr(w->http.log[i].what, "/status {")) {
                        cr_assert_geq(w->http.log[i].at - at, 2 * USEC_PER_SEC);
                        return;
                }
        cr_assert_fail("nothing is written");
}

Test(matrix_account, where_presence_is_switched_off_ringing_asks_for_none) {
        struct world *w = world_new(&(struct hs_options){ .kind = HS_TUWUNEL, .presence_off = true });
        size_t mark;

        start(w);
        expect_online(w);
        mark = w->http.n_log;
        w->situation.likely = true;
        pass(w, USEC_PER_MIN);
        cr_assert_eq(asked(w, mark, "/status"), 0);
        call(w, true);
        pass(w, USEC_PER_MIN);
        call(w, false);
        pass(w, USEC_PER_MIN);
        cr_assert_eq(asked(w, mark, "/status"), 1, "the call alone has asked");
        w->situation.likely = false;
        pass(w, USEC_PER_MIN);
        expect_nothing_owed(w);
}

Test(matrix_account, a_call_that_a_whole_state_does_not_have_is_over) {
        struct world *w = world_new(NULL);

        start(w);
        expect_online(w);
        phone_joins(w, "!room:test");
        pass(w, 10 * USEC_PER_SEC);
        cr_assert(w->n_calls_begun > 0 && w->n_calls_ended == 0);
        /* Nobody tells that the user leaves the room: the server is away, and has lost the position when it is back.
         */
        w->http.fault = (struct fault){ "GET", "/sync", 502, "<html>Bad gateway</html>", 2, false };
        account_wake(w->account, false);
        (void) turn(w);
        cr_assert_neq(account_state(w->account), CONNECTION_ONLINE);
        model_leave(w->http.model, "!room:test", msec(&w->http));
        model_restart(w->http.model, msec(&w->http));
        pass(w, 20 * USEC_PER_SEC);
        cr_assert_eq(account_state(w->account), CONNECTION_ONLINE);
        cr_assert_eq(w->n_calls_ended, 1);
}

/* Whether the slot of a group call is closed only others say, whom a whole state leaves out. A server that minds a
 * word that is not in the spec minds it there as well. */
Test(matrix_account, a_look_says_no_word_that_was_refused) {
        static const char joined[] =
                "{\"next_batch\":\"s0_0\",\"rooms\":{\"join\":{\"!room:test\":{\"msc4354_sticky\":{\"events\":[{"
                "\"type\":\"org.matrix.msc4143.rtc.member\",\"sender\":\"" HS_USER "\",\"event_id\":\"$1\","
                "\"origin_server_ts\":1700001000000,\"msc4354_sticky\":{\"duration_ms\":3600000},"
                "\"content\":{\"slot_id\":\"m.call#ROOM\",\"msc4354_sticky_key\":\"k\","
                "\"application\":{\"type\":\"m.call\"}}}]}}}}}";
        struct world *w = world_new(&(struct hs_options){ .kind = HS_UNKNOWN });

        w->http.fault = (struct fault){ "GET", "set_presence=offline", 200, joined, 1, false };
        start(w);
        expect_online(w);
        cr_assert_eq(w->http.fault.times, 0);
        cr_assert_eq(asked(w, 0, "%22rooms%22%3A%5B%22%21room%3Atest"), 1, "it has looked");
        cr_assert_eq(asked(w, 0, "set_presence=none"), 1, "it is said once");
        cr_assert(w->n_calls_begun > 0 && w->n_calls_ended == 0);
}

static void call_says(struct world *w, const char *type, const char *sender, json_t *content) {
        (void) json_object_set_new(content, "call_id", json_string("c1"));
        (void) json_object_set_new(content, "version", json_string("1"));
        (void) json_object_set_new(content, "party_id", json_string(streq(sender, HS_USER) ? PHONE : "THEIRS"));
        model_send(w->http.model, "!room:test",
                   json_pack("{s:s,s:s,s:o}", "type", type, "sender", sender, "content", content), msec(&w->http));
}

/* The hangup is among what the server does not tell: what it told before is no word of now. */
Test(matrix_account, a_call_in_a_room_that_cannot_be_read_back_is_over) {
        struct world *w = world_new(NULL);

        start(w);
        expect_online(w);
        call_says(w, "m.call.invite", "@you:test", json_pack("{s:i}", "lifetime", 90000));
        call_says(w, "m.call.answer", HS_USER, json_object());
        pass(w, 10 * USEC_PER_SEC);
        cr_assert(w->n_calls_begun > 0 && w->n_calls_ended == 0);
        w->http.fault = (struct fault){ "GET", "/sync", 502, "<html>Bad gateway</html>", 2, false };
        account_wake(w->account, false);
        (void) turn(w);
        cr_assert_neq(account_state(w->account), CONNECTION_ONLINE);
        call_says(w, "m.call.hangup", "@you:test", json_object());
        model_restart(w->http.model, msec(&w->http)); /* the position is lost */
        w->http.fault = (struct fault){ "GET", "/messages", 502, "<html>Bad gateway</html>", 1000, false };
        pass(w, 30 * USEC_PER_SEC);
        cr_assert(w->http.fault.times < 1000, "nothing was read back");
        cr_assert_eq(account_state(w->account), CONNECTION_ONLINE);
        cr_assert_eq(w->n_calls_ended, 1);
}

/* What goes on there can only be told by a session that works. */
Test(matrix_account, and_while_a_call_goes_on_there) {
        struct world *w = world_new(NULL);

        start(w);
        expect_online(w);
        w->situation.n_calls = 1;
        model_revoke(w->http.model, SELF, false);
        model_person_sets(w->http.model, PHONE, "online", "x", msec(&w->http));
        pass(w, 20 * USEC_PER_SEC);
        cr_assert_eq(account_state(w->account), CONNECTION_SIGNED_OUT);
        model_unrevoke(w->http.model, SELF);
        pass(w, 2 * USEC_PER_MIN);
        cr_assert_eq(account_state(w->account), CONNECTION_ONLINE);
}

Test(matrix_account, without_anything_owed_it_is_left_alone) {
        struct world *w = world_new(NULL);
        size_t mark;

        start(w);
        expect_online(w);
        model_revoke(w->http.model, SELF, false);
        model_person_sets(w->http.model, PHONE, "online", "x", msec(&w->http));
        pass(w, USEC_PER_MIN);
        cr_assert_eq(account_state(w->account), CONNECTION_SIGNED_OUT);
        cr_assert_eq(account_retry_at(w->account), USEC_NEVER);
        mark = w->http.n_log;
        pass(w, 5 * USEC_PER_HOUR);
        cr_assert_eq(w->http.n_log, mark);
}

/* ---- answers (A10, B7) ---- */

static const struct no_answer {
        const char *what, *path;
        long status;
        const char *body;
} no_answers[] = {
        { "1: nothing of presence", "/presence/", 200, "{}" },
        { "2: presence of another type", "/presence/", 200, "{\"presence\":7}" },
        { "3: a page", "/presence/", 200, "<html>" },
        { "4: nothing of the profile field", "/profile/", 200, "{}" },
        { "5: a profile without it", "/profile/", 200, "{\"displayname\":\"Me\"}" },
        { "6: a 404 of something in between", "/profile/", 404, "<html>not found</html>" },
        { "7: a 404 without a word", "/profile/", 404, "{}" },
        { "8: a 404 of something in between", "/presence/", 404, "<html>not found</html>" },
};

Test(matrix_account, an_answer_that_lacks_what_was_asked_for_is_none) {
        for (size_t i = 0; i < ARRAY_SIZE(no_answers); i++) {
                const struct no_answer *row = &no_answers[i];
                struct world *w = world_new(&(struct hs_options){ .kind = HS_TUWUNEL });

                model_person_sets(w->http.model, PHONE, "online", "Reading", msec(&w->http));
                start(w);
                expect_online(w);
                call(w, true);
                pass(w, USEC_PER_MIN);
                cr_assert_str_eq(message(w), "In a call", "%s", row->what);
                w->http.fault = (struct fault){ "GET", row->path, row->status, row->body, 3, false };
                call(w, false);
                pass(w, 5 * USEC_PER_MIN);
                cr_assert_str_eq(message(w), "Reading", "%s", row->what);
                cr_assert_null(model_profile(w->http.model, "m.call"), "%s", row->what);
                cr_assert_null(model_profile(w->http.model, "org.matrix.msc4426.call"), "%s", row->what);
                expect_nothing_owed(w);
        }
}

Test(matrix_account, a_page_says_nothing_for_the_server) {
        struct world *w = world_new(NULL);

        start(w);
        expect_online(w);
        w->http.fault = (struct fault){ "PUT", "/presence/", 403, "<html>blocked</html>", 2, false };
        call(w, true);
        pass(w, USEC_PER_MIN);
        cr_assert_str_eq(report(w).claim, "held");
        cr_assert_str_eq(shown(w), HS_BUSY);
}

/* ---- the words of the moment (B4) ---- */

Test(matrix_account, words_by_hand_and_from_the_settings_are_followed) {
        struct world *w = world_new(NULL);
        struct account_settings settings = w->settings;

        model_person_sets(w->http.model, PHONE, "offline", "Lunch", msec(&w->http));
        start(w);
        expect_online(w);
        w->situation.message = "At the dentist";
        call(w, true);
        pass(w, 20 * USEC_PER_SEC);
        cr_assert_str_eq(message(w), "At the dentist");
        w->situation.message = NULL;
        pass(w, USEC_PER_SEC);
        cr_assert_str_eq(message(w), "In a call");
        settings.message = "Talking";
        cr_assert_eq(account_set_settings(w->account, &settings, w->http.now), 0);
        pass(w, USEC_PER_SEC);
        cr_assert_str_eq(message(w), "Talking");
        settings.message = "";
        cr_assert_eq(account_set_settings(w->account, &settings, w->http.now), 0);
        pass(w, USEC_PER_MIN);
        cr_assert_str_eq(message(w), "");
        cr_assert_str_eq(shown(w), HS_BUSY);
        call(w, false);
        pass(w, USEC_PER_MIN);
        cr_assert_str_eq(message(w), "Lunch");
        expect_nothing_owed(w);
}

/* Whatever becomes of words that come up only within the call: busy is given back. */
Test(matrix_account, words_that_come_up_within_a_call_leave_nothing_behind) {
        struct world *w = world_new(&(struct hs_options){ .kind = HS_SYNAPSE_OLD });
        struct account_settings settings = w->settings;

        w->settings.message = "";
        start(w);
        expect_online(w);
        call(w, true);
        pass(w, USEC_PER_MIN);
        cr_assert_str_eq(shown(w), HS_BUSY);
        settings.message = "Talking";
        cr_assert_eq(account_set_settings(w->account, &settings, w->http.now), 0);
        pass(w, USEC_PER_MIN);
        cr_assert_str_eq(report(w).claim, "held");
        call(w, false);
        pass(w, USEC_PER_MIN);
        cr_assert_str_eq(shown(w), "offline");
        cr_assert_str_eq(message(w), "");
        expect_nothing_owed(w);
}

/* ---- what the server is (C9) ---- */

/* A firewall's page is nobody's word, as little as silence. */
Test(matrix_account, what_a_page_says_in_place_of_the_server_changes_nothing_of_what_it_can) {
        static const char *const questions[] = { "/client/versions", "/federation/v1/version", "/whoami",
                                                 "/capabilities" };

        for (size_t i = 0; i < ARRAY_SIZE(questions); i++) {
                struct world *w = world_new(NULL);
                struct driver_report profile;

                start(w);
                expect_online(w);
                cr_assert_str_eq(account_server(w->account), "Synapse 1.160.0");
                w->http.fault = (struct fault){ "GET", questions[i], 403, "<html>Blocked</html>", 1, false };
                account_retry_now(w->account);
                pass(w, 10 * USEC_PER_SEC);
                cr_assert_eq(w->http.fault.times, 0, "%s was not asked", questions[i]);
                cr_assert_eq(account_state(w->account), CONNECTION_ONLINE, "%s", questions[i]);
                cr_assert_str_eq(account_server(w->account), "Synapse 1.160.0", "%s", questions[i]);
                call(w, true);
                pass(w, 10 * USEC_PER_SEC);
                cr_assert_str_eq(shown(w), HS_BUSY, "%s", questions[i]);
                cr_assert(account_report(w->account, 1, &profile));
                cr_assert_str_eq(profile.claim, "held", "%s: %s", questions[i], profile.note);
                call(w, false);
                pass(w, 10 * USEC_PER_SEC);
        }
}

Test(matrix_account, what_the_server_is_is_asked_again_by_hand_and_now_and_then) {
        struct world *w = world_new(NULL);
        size_t mark;

        start(w);
        expect_online(w);
        mark = w->http.n_log;
        account_retry_now(w->account);
        pass(w, 10 * USEC_PER_SEC);
        cr_assert_eq(asked(w, mark, "/_matrix/client/versions"), 1);
        cr_assert_eq(asked(w, mark, "/sync"), 0, "the poll is given up for it");
        pass(w, 24 * USEC_PER_HOUR);
        cr_assert_geq(asked(w, mark, "/_matrix/client/versions"), 4);
        cr_assert_leq(asked(w, mark, "/_matrix/client/versions"), 6);
}
