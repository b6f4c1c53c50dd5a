/* See homeserver.h. */
#include "busyctl/homeserver.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <systemd/sd-event.h>

#include "json/json.h"
#include "matrix/client/renew.h"
#include "matrix/server/probe.h"
#include "matrix/sync/events.h"
#include "util/clock.h"

#define TRIES 4
/* Who asks for more is left alone: the user can come back. */
#define WAIT_MAX (20 * USEC_PER_SEC)

/* What is asked, by the function that sends it; of the rest that reads what it needs. */
struct question {
        int (*begin)(struct homeserver *h, const struct question *q, struct http_request **ret);
        const char *text, *txn;
        const json_t *body;
        usec_t timeout;
};

struct homeserver {
        const struct session *session;
        sd_event *event;
        struct http *http;
        struct matrix_client *client;
        json_t *myself; /* the query */
        bool answered;
        sigset_t ending, not_held; /* the signals that end a question; what was blocked before they were held */
        bool interrupted;
        sd_event_source *input; /* NULL: nothing is listened to */
        bool heard;
        usec_t retry_after;
        int (*keep)(void *userdata, const struct token_pair *pair); /* NULL: somebody else renews */
        void *keep_userdata;
        int renewed;                        /* 1: not yet; else what has become of it */
        const struct server_traits *traits; /* NULL: not known yet */
        enum set_presence said;             /* to the last /sync */
        bool insists;                       /* the server, on a word of the spec there */
        struct homeserver_answer answer;
};

static int on_signal(sd_event_source *source, const struct signalfd_siginfo *si, void *userdata) {
        struct homeserver *h = userdata;

        h->interrupted = true;
        return 0;
}

/* They are blocked while a question is under way, and here, since that is how they are watched. */
static int watch_signals(struct homeserver *h) {
        static const int ending[] = { SIGINT, SIGTERM, SIGHUP };
        sigset_t before;
        int r = 0;

        (void) sigemptyset(&h->ending);
        for (size_t i = 0; i < ARRAY_SIZE(ending); i++)
                (void) sigaddset(&h->ending, ending[i]);
        (void) sigprocmask(SIG_BLOCK, &h->ending, &before);
        for (size_t i = 0; i < ARRAY_SIZE(ending) && r >= 0; i++)
                r = sd_event_add_signal(h->event, NULL, ending[i], on_signal, h);
        (void) sigprocmask(SIG_SETMASK, &before, NULL);
        return r;
}

int homeserver_new(struct homeserver **ret, const struct session *session, const char *ca_file) {
        SCOPED(homeserver_free) struct homeserver *h = calloc(1, sizeof(*h));
        int r;

        if (!h)
                return -ENOMEM;
        h->session = session;
        h->myself = json_pack("{s{s[]}}", "device_keys", session->user_id);
        r = h->myself ? sd_event_new(&h->event) : -ENOMEM;
        if (r >= 0)
                r = watch_signals(h);
        if (r >= 0)
                r = http_new(&h->http, h->event, ca_file);
        if (r >= 0)
                r = matrix_client_new(&h->client, h->http, session->homeserver, session->access_token);
        if (r < 0)
                return r;
        *ret = TAKE(h);
        return 0;
}

struct homeserver *homeserver_free(struct homeserver *h) {
        if (!h)
                return NULL;
        matrix_client_free(h->client);
        http_free(h->http);
        sd_event_source_unref(h->input);
        sd_event_unref(h->event);
        json_decref(h->myself);
        json_decref(h->answer.body);
        free(h);
        return NULL;
}

void homeserver_renew(struct homeserver *h, int (*keep)(void *userdata, const struct token_pair *pair),
                      void *userdata) {
        h->keep = keep;
        h->keep_userdata = userdata;
}

bool homeserver_interrupted(const struct homeserver *h) {
        return h->interrupted;
}

void homeserver_hold_signals(struct homeserver *h) {
        (void) sigprocmask(SIG_BLOCK, &h->ending, &h->not_held);
}

void homeserver_release_signals(struct homeserver *h) {
        while (sigtimedwait(&h->ending, NULL, &(const struct timespec){ 0 }) > 0)
                ;
        (void) sigprocmask(SIG_SETMASK, &h->not_held, NULL);
}

void homeserver_go_on(struct homeserver *h) {
        h->interrupted = false;
}

/* One look at it: who is told reads it, or comes back. */
static int on_input(sd_event_source *source, int fd, uint32_t events, void *userdata) {
        struct homeserver *h = userdata;

        h->heard = true;
        return sd_event_source_set_enabled(source, SD_EVENT_OFF);
}

int homeserver_hear(struct homeserver *h, int fd) {
        h->input = sd_event_source_unref(h->input);
        h->heard = false;
        return fd < 0 ? 0 : sd_event_add_io(h->event, &h->input, fd, EPOLLIN, on_input, h);
}

bool homeserver_heard(struct homeserver *h) {
        const bool heard = h->heard;

        h->heard = false;
        if (heard && h->input)
                (void) sd_event_source_set_enabled(h->input, SD_EVENT_ON);
        return heard;
}

/* Nobody waits for an answer any more. */
static bool is_called_away(const struct homeserver *h) {
        return h->interrupted || h->heard;
}

static void on_answer(const struct matrix_reply *reply, void *userdata) {
        struct homeserver *h = userdata;

        h->answered = true;
        h->retry_after = reply->retry_after;
        h->answer.outcome = reply->outcome;
        h->answer.body = reply->outcome == MATRIX_OK ? json_incref(reply->body) : NULL;
        (void) snprintf(h->answer.problem, sizeof(h->answer.problem), "%s", reply->problem);
}

static int begin_account_data(struct homeserver *h, const struct question *q, struct http_request **ret) {
        return matrix_account_data_get(h->client, h->session->user_id, q->text, on_answer, h, ret);
}

static int begin_keys(struct homeserver *h, const struct question *q, struct http_request **ret) {
        return matrix_keys_query(h->client, h->myself, on_answer, h, ret);
}

static int begin_upload(struct homeserver *h, const struct question *q, struct http_request **ret) {
        return matrix_keys_upload(h->client, q->body, on_answer, h, ret);
}

static int begin_upload_signatures(struct homeserver *h, const struct question *q, struct http_request **ret) {
        return matrix_signatures_upload(h->client, q->body, on_answer, h, ret);
}

static int begin_send_to_device(struct homeserver *h, const struct question *q, struct http_request **ret) {
        return matrix_send_to_device(h->client, q->text, q->txn, q->body, on_answer, h, ret);
}

static void on_heard(const struct matrix_reply *reply, void *userdata) {
        struct homeserver *h = userdata;

        h->insists |= set_presence_is_refused(h->said, reply);
        on_answer(reply, h);
        if (!h->answer.body || sync_next_batch(h->answer.body))
                return;
        json_decref(TAKE(h->answer.body));
        h->answer.outcome = MATRIX_RETRY;
        (void) snprintf(h->answer.problem, sizeof(h->answer.problem), "%s", SYNC_NO_ANSWER);
}

/* busyd polls no more meanwhile: what we say of the user's presence is what it would say while it shows nothing. */
static int begin_hear_of_device(struct homeserver *h, const struct question *q, struct http_request **ret) {
        const struct server_traits *t = h->traits ?: server_traits_find(NULL, NULL);

        h->said = set_presence_word(&t->says, /* held= */ false, h->insists);
        return matrix_to_device_poll(h->client, q->text, q->timeout, set_presence_to_string(h->said), on_heard, h,
                                     ret);
}

static void ask_once(struct homeserver *h, const struct question *q) {
        struct http_request *request = NULL;
        int r;

        json_decref(h->answer.body);
        h->answer = (struct homeserver_answer){ .outcome = MATRIX_RETRY, .problem = "interrupted" };
        h->answered = false;
        h->retry_after = USEC_NEVER;
        r = q->begin(h, q, &request);
        while (r >= 0 && !h->answered && !is_called_away(h))
                r = sd_event_run(h->event, UINT64_MAX);
        if (!h->answered && request)
                http_request_free(request);
        if (r < 0) {
                h->answer.outcome = MATRIX_REFUSED;
                (void) snprintf(h->answer.problem, sizeof(h->answer.problem), "%s", strerror(-r));
        }
}

static void on_renewed(const struct renew_answer *answer, void *userdata) {
        struct homeserver *h = userdata;

        h->renewed = answer->outcome == RENEW_DONE ? h->keep(h->keep_userdata, &answer->pair) : -EKEYEXPIRED;
        if (h->renewed >= 0)
                h->renewed = matrix_client_set_token(h->client, h->session->access_token) < 0 ? -ENOMEM : 0;
}

static bool renew(struct homeserver *h) {
        const struct session *s = h->session;
        const struct renew_place place = { .homeserver = s->homeserver,
                                           .token_endpoint = s->token_endpoint,
                                           .client_id = s->client_id };
        SCOPED(renewing_free) struct renewing *renewing = NULL;
        int r = renew_start(&renewing, h->http, &place, s->refresh_token, on_renewed, h);

        h->renewed = 1;
        while (r >= 0 && h->renewed > 0)
                r = sd_event_run(h->event, UINT64_MAX);
        return r >= 0 && h->renewed == 0;
}

/* The token has ended, and there may be another. */
static bool may_renew(const struct homeserver *h) {
        return h->answer.outcome == MATRIX_SIGNED_OUT && h->keep && h->session->refresh_token;
}

static void let_pass(struct homeserver *h, usec_t wait) {
        usec_t end = usec_add(clock_now(), wait), now;

        while (!is_called_away(h) && (now = clock_now()) < end)
                if (sd_event_run(h->event, end - now) < 0)
                        break;
}

static const struct homeserver_answer *ask(struct homeserver *h, const struct question *q) {
        usec_t wait = USEC_PER_SEC / 2;
        sigset_t before;

        (void) sigprocmask(SIG_BLOCK, &h->ending, &before);
        for (int i = 1;; i++, wait *= 2) {
                ask_once(h, q);
                if (i == 1 && may_renew(h) && renew(h))
                        ask_once(h, q);
                if (is_called_away(h) || (h->answer.outcome != MATRIX_RETRY && h->answer.outcome != MATRIX_UNSURE))
                        break;
                if (h->retry_after != USEC_NEVER && h->retry_after > wait)
                        wait = h->retry_after;
                if (i == TRIES || wait > WAIT_MAX)
                        break;
                let_pass(h, wait);
        }
        (void) sigprocmask(SIG_SETMASK, &before, NULL);
        return &h->answer;
}

const struct homeserver_answer *homeserver_account_data(struct homeserver *h, const char *type) {
        return ask(h, &(struct question){ .begin = begin_account_data, .text = type });
}

const struct homeserver_answer *homeserver_keys(struct homeserver *h) {
        return ask(h, &(struct question){ .begin = begin_keys });
}

const struct homeserver_answer *homeserver_upload(struct homeserver *h, const json_t *body) {
        return ask(h, &(struct question){ .begin = begin_upload, .body = body });
}

const struct homeserver_answer *homeserver_upload_signatures(struct homeserver *h, const json_t *body) {
        return ask(h, &(struct question){ .begin = begin_upload_signatures, .body = body });
}

const struct homeserver_answer *homeserver_send_to_device(struct homeserver *h, const char *type, const char *txn,
                                                          const json_t *body) {
        return ask(h, &(struct question){ .begin = begin_send_to_device, .text = type, .txn = txn, .body = body });
}

static void on_probed(const struct matrix_reply *failure, const struct probe_facts *facts, void *userdata) {
        struct homeserver *h = userdata;

        h->answered = true;
        if (facts)
                h->traits = facts->traits;
}

/* Which server it is, if it can be had now. */
static void probe(struct homeserver *h) {
        SCOPED(probe_free) struct probe *p = NULL;
        sigset_t before;
        int r;

        (void) sigprocmask(SIG_BLOCK, &h->ending, &before);
        h->answered = false;
        r = probe_start(&p, h->client, on_probed, h);
        while (r >= 0 && !h->answered && !is_called_away(h))
                r = sd_event_run(h->event, UINT64_MAX);
        (void) sigprocmask(SIG_SETMASK, &before, NULL);
}

const struct homeserver_answer *homeserver_hear_of_device(struct homeserver *h, const char *since, usec_t timeout) {
        const struct question q = { .begin = begin_hear_of_device, .text = since, .timeout = timeout };
        const bool insisted = h->insists;
        const struct homeserver_answer *a;

        if (!h->traits)
                probe(h);
        a = ask(h, &q);
        return h->insists == insisted ? a : ask(h, &q);
}
