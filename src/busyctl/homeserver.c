/* See homeserver.h. */
#include "busyctl/homeserver.h"

#include <errno.h>
#include <stdio.h>
#include <systemd/sd-event.h>
#include <unistd.h>

#include "json/json.h"
#include "util/text.h"

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
        usec_t retry_after;
        struct homeserver_answer answer;
};

int homeserver_new(struct homeserver **ret, const struct session *session, const char *ca_file) {
        SCOPED(homeserver_free) struct homeserver *h = calloc(1, sizeof(*h));
        int r;

        if (!h)
                return -ENOMEM;
        h->session = session;
        h->myself = json_pack("{s{s[]}}", "device_keys", session->user_id);
        r = h->myself ? sd_event_new(&h->event) : -ENOMEM;
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

static void on_answer(const struct matrix_reply *reply, void *userdata) {
        struct homeserver *h = userdata;

        h->answered = true;
        h->retry_after = reply->retry_after;
        h->answer.outcome = reply->outcome;
        h->answer.body = reply->outcome == MATRIX_OK ? json_incref(reply->body) : NULL;
        (void) snprintf(h->answer.problem, sizeof(h->answer.problem), "%s", reply->problem);
}

static int begin(struct homeserver *h, enum homeserver_question what, const char *text, const json_t *body) {
        struct http_request *request;

        switch (what) {
        case ASK_ACCOUNT_DATA:
                return matrix_account_data_get(h->client, h->session->user_id, text, on_answer, h, &request);
        case ASK_KEYS:
                return matrix_keys_query(h->client, h->myself, on_answer, h, &request);
        case ASK_UPLOAD:
                return matrix_keys_upload(h->client, body, on_answer, h, &request);
        case ASK_SIGNATURES_UPLOAD:
                return matrix_signatures_upload(h->client, body, on_answer, h, &request);
        }
        return -EINVAL;
}

static void ask_once(struct homeserver *h, enum homeserver_question what, const char *text, const json_t *body) {
        int r;

        json_decref(h->answer.body);
        h->answer = (struct homeserver_answer){ .outcome = MATRIX_REFUSED };
        h->answered = false;
        r = begin(h, what, text, body);
        while (r >= 0 && !h->answered)
                r = sd_event_run(h->event, UINT64_MAX);
        if (r < 0)
                (void) snprintf(h->answer.problem, sizeof(h->answer.problem), "%s", strerror(-r));
}

const struct homeserver_answer *homeserver_ask(struct homeserver *h, enum homeserver_question what, const char *text,
                                               const json_t *body) {
        usec_t wait = USEC_PER_SEC / 2;

        for (int i = 1;; i++, wait *= 2) {
                ask_once(h, what, text, body);
                if (h->answer.outcome != MATRIX_RETRY && h->answer.outcome != MATRIX_UNSURE)
                        return &h->answer;
                if (h->retry_after != USEC_NEVER && h->retry_after > wait)
                        wait = h->retry_after;
                if (i == TRIES || wait > WAIT_MAX)
                        return &h->answer;
                (void) usleep((useconds_t) wait);
        }
}
