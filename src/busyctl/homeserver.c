/* See homeserver.h. */
#include "busyctl/homeserver.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <systemd/sd-event.h>

#include "json/json.h"
#include "util/clock.h"

#define TRIES 4
/* Who asks for more is left alone: the user can come back. */
#define WAIT_MAX (20 * USEC_PER_SEC)

struct homeserver {
        const struct session *session;
        sd_event *event;
        struct http *http;
        struct matrix_client *client;
        json_t *myself; /* the query */
        bool answered;
        sigset_t ending; /* the signals that end a question */
        bool interrupted;
        usec_t retry_after;
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
        sd_event_unref(h->event);
        json_decref(h->myself);
        json_decref(h->answer.body);
        free(h);
        return NULL;
}

bool homeserver_interrupted(const struct homeserver *h) {
        return h->interrupted;
}

static void on_answer(const struct matrix_reply *reply, void *userdata) {
        struct homeserver *h = userdata;

        h->answered = true;
        h->retry_after = reply->retry_after;
        h->answer.outcome = reply->outcome;
        h->answer.body = reply->outcome == MATRIX_OK ? json_incref(reply->body) : NULL;
        (void) snprintf(h->answer.problem, sizeof(h->answer.problem), "%s", reply->problem);
}

static int begin(struct homeserver *h, enum homeserver_question what, const char *text, const json_t *body,
                 struct http_request **ret) {
        switch (what) {
        case ASK_ACCOUNT_DATA:
                return matrix_account_data_get(h->client, h->session->user_id, text, on_answer, h, ret);
        case ASK_KEYS:
                return matrix_keys_query(h->client, h->myself, on_answer, h, ret);
        case ASK_UPLOAD:
                return matrix_keys_upload(h->client, body, on_answer, h, ret);
        case ASK_SIGNATURES_UPLOAD:
                return matrix_signatures_upload(h->client, body, on_answer, h, ret);
        }
        return -EINVAL;
}

static void ask_once(struct homeserver *h, enum homeserver_question what, const char *text, const json_t *body) {
        struct http_request *request = NULL;
        int r;

        json_decref(h->answer.body);
        h->answer = (struct homeserver_answer){ .outcome = MATRIX_RETRY, .problem = "interrupted" };
        h->answered = false;
        h->retry_after = USEC_NEVER;
        r = begin(h, what, text, body, &request);
        while (r >= 0 && !h->answered && !h->interrupted)
                r = sd_event_run(h->event, UINT64_MAX);
        if (!h->answered && request)
                http_request_free(request);
        if (r < 0) {
                h->answer.outcome = MATRIX_REFUSED;
                (void) snprintf(h->answer.problem, sizeof(h->answer.problem), "%s", strerror(-r));
        }
}

static void let_pass(struct homeserver *h, usec_t wait) {
        usec_t end = usec_add(clock_now(), wait), now;

        while (!h->interrupted && (now = clock_now()) < end)
                if (sd_event_run(h->event, end - now) < 0)
                        break;
}

const struct homeserver_answer *homeserver_ask(struct homeserver *h, enum homeserver_question what, const char *text,
                                               const json_t *body) {
        usec_t wait = USEC_PER_SEC / 2;
        sigset_t before;

        (void) sigprocmask(SIG_BLOCK, &h->ending, &before);
        for (int i = 1;; i++, wait *= 2) {
                ask_once(h, what, text, body);
                if (h->interrupted || (h->answer.outcome != MATRIX_RETRY && h->answer.outcome != MATRIX_UNSURE))
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
