/* A whole account against a homeserver in process, on a virtual clock: the functions of http.h are the test's own. */
#pragma once

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

static inline int64_t msec(const struct http *h) {
        return (int64_t) (h->now / USEC_PER_MSEC);
}

static inline void forget(struct http_request *r) {
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
static inline bool deliver(struct http *h) {
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

static inline int journal_find(struct world *w, const char *output) {
        for (int i = 0; i < OUTPUTS_MAX; i++)
                if (streq(w->owed_on[i], output))
                        return i;
        return -1;
}

static inline int journal_get(void *userdata, const char *account, const char *output, struct claim_owed *ret) {
        struct world *w = userdata;
        int i = journal_find(w, output);

        if (i < 0)
                return -ENOENT;
        *ret = w->owed[i];
        return 0;
}

static inline int journal_put(void *userdata, const char *account, const char *output, const struct claim_owed *owed) {
        struct world *w = userdata;
        int i = journal_find(w, output);

        if (i < 0)
                i = journal_find(w, "");
        cr_assert_geq(i, 0);
        (void) snprintf(w->owed_on[i], sizeof(w->owed_on[i]), "%s", output);
        w->owed[i] = *owed;
        return 0;
}

static inline int journal_remove(void *userdata, const char *account, const char *output) {
        struct world *w = userdata;
        int i = journal_find(w, output);

        if (i >= 0)
                w->owed_on[i][0] = '\0';
        return 0;
}

static inline void on_report(void *userdata, const struct call_report *r) {
        struct world *w = userdata;

        w->n_calls_begun++;
}

static inline void on_end(void *userdata, const char *source, const char *id) {
        struct world *w = userdata;

        w->n_calls_ended++;
}

static inline void on_doubt(void *userdata, const char *source, bool doubted) {
        struct world *w = userdata;

        cr_assert_str_eq(source, "matrix/home");
        w->doubted = doubted;
}

static inline uint32_t no_random(void *userdata) {
        return 0;
}

static inline void on_touched(void *userdata) {
        struct world *w = userdata;

        w->touched = true;
}

static inline void on_position(void *userdata, const char *since, usec_t now, usec_t wall) {
}

static inline void on_learned(void *userdata, const struct account_lessons *l) {
        struct world *w = userdata;

        w->learned = *l;
}

static inline void on_shown(void *userdata, const char *state, const char *message) {
        struct world *w = userdata;

        w->times_busy += streq(state, HS_BUSY);
}

static inline int keeper_begin(void *userdata, struct token_pair *ret) {
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

static inline int keeper_put(void *userdata, const struct token_pair *pair) {
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

static inline void keeper_end(void *userdata) {
        struct world *w = userdata;

        cr_assert(w->is_kept);
        w->is_kept = false;
}

/* What a login, or an earlier run, has stored. */
static inline void store_tokens(struct world *w) {
        struct model_tokens tokens;

        cr_assert(model_tokens(w->http.model, SELF, &tokens));
        (void) snprintf(w->access, sizeof(w->access), "%s", tokens.access);
        (void) snprintf(w->refresh, sizeof(w->refresh), "%s", tokens.refresh);
        w->expires_wall = (usec_t) tokens.ends * USEC_PER_MSEC;
}

static inline void start(struct world *w) {
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

static inline struct world *world_new(const struct hs_options *options) {
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
static inline usec_t turn(struct world *w) {
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

static inline usec_t poll_deadline(const struct http *h) {
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

static inline void pass(struct world *w, usec_t span) {
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
static inline void pass_time(struct world *w, usec_t span) {
        w->http.now += span;
        model_run(w->http.model, msec(&w->http));
}

static inline void call(struct world *w, bool on) {
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

static inline struct driver_report report(struct world *w) {
        struct driver_report r;

        cr_assert(account_report(w->account, 0, &r));
        return r;
}

/* Requests since `mark` that contain that. */
static inline unsigned asked(const struct world *w, size_t mark, const char *what) {
        unsigned n = 0;

        for (size_t i = mark; i < w->http.n_log; i++)
                n += strstr(w->http.log[i].what, what) != NULL;
        return n;
}

static inline void expect_online(struct world *w) {
        pass(w, 10 * USEC_PER_SEC);
        cr_assert_eq(account_state(w->account), CONNECTION_ONLINE, "%s: %s",
                     connection_state_to_string(account_state(w->account)), account_problem(w->account));
}

/* Something in between answers the next polls. */
static inline void fail_polls(struct world *w, unsigned times) {
        w->http.fault = (struct fault){ "GET", "/sync", 502, "<html>Bad gateway</html>", times, false };
}

static inline void expect_nothing_owed(struct world *w) {
        cr_assert_not(account_owes(w->account));
        for (size_t i = 0; i < OUTPUTS_MAX; i++)
                cr_assert_str_eq(w->owed_on[i], "");
}

static inline struct world *world_online(const struct hs_options *options) {
        struct world *w = world_new(options);

        start(w);
        expect_online(w);
        return w;
}
