#include "matrix/machines/gone.h"

#include <errno.h>
#include <stdio.h>

#include "core/backoff.h"
#include "matrix/client/api.h"
#include "json/json.h"
#include "util/log.h"

#define RETRY_FIRST (5 * USEC_PER_SEC)
#define RETRY_MAX   (5 * USEC_PER_MIN)

#define DEVICE_MAX 256

struct gone {
        struct matrix_client *client;
        struct heard *heard;
        struct gone_handler handler;
        struct http_request *request;
        char own_device[DEVICE_MAX]; /* when it was asked */
        usec_t asked_at;             /* 0: never */
        usec_t ask_at;               /* while something waits */
        bool wakes;                  /* ... also without other traffic */
        struct backoff backoff;
};

static bool may_be_tried_again(enum matrix_outcome outcome) {
        return outcome == MATRIX_RETRY || outcome == MATRIX_UNSURE || outcome == MATRIX_NOT_MATRIX ||
               outcome == MATRIX_LOCKED;
}

static void try_again(struct gone *g, usec_t asked, usec_t now) {
        usec_t at = usec_add(now, backoff_next(&g->backoff, g->handler.random(g->handler.userdata)));

        g->wakes = true;
        g->ask_at = asked != USEC_NEVER && usec_add(now, asked) > at ? usec_add(now, asked) : at;
}

static void on_answer(const struct matrix_reply *reply, void *userdata) {
        struct gone *g = userdata;
        bool changed = false;

        g->request = NULL;
        if (reply->outcome == MATRIX_OK) {
                backoff_reset(&g->backoff);
                changed = heard_take_devices(g->heard, json_member_array(reply->body, "devices"), g->own_device,
                                             g->asked_at);
        } else {
                log_debug("Whether other machines are still logged in cannot be asked: %s", reply->problem);
                if (may_be_tried_again(reply->outcome))
                        try_again(g, reply->retry_after, reply->now);
        }
        g->handler.answered(g->handler.userdata, changed, reply->now);
}

static void ask(struct gone *g, const char *own_device, usec_t now) {
        int r;

        (void) snprintf(g->own_device, sizeof(g->own_device), "%s", own_device);
        g->asked_at = now;
        g->ask_at = usec_add(now, GONE_ASK_EVERY);
        g->wakes = false;
        r = matrix_devices_get(g->client, on_answer, g, &g->request);
        if (r >= 0)
                return;
        log_debug("Whether other machines are still logged in cannot be asked: %s", strerror(-r));
        try_again(g, USEC_NEVER, now);
}

usec_t gone_run(struct gone *g, bool waits, const char *own_device, usec_t now) {
        if (g->request || !*own_device)
                return USEC_NEVER;
        if (!waits) {
                /* Some waits end and begin again within seconds. */
                g->ask_at = g->asked_at > 0 ? usec_min(g->ask_at, usec_add(g->asked_at, GONE_ASK_AGAIN)) : 0;
                g->wakes = true;
                return USEC_NEVER;
        }
        if (now >= g->ask_at)
                ask(g, own_device, now);
        return g->wakes ? g->ask_at : USEC_NEVER;
}

int gone_new(struct gone **ret, struct matrix_client *client, struct heard *heard,
             const struct gone_handler *handler) {
        struct gone *g = calloc(1, sizeof(*g));

        if (!g)
                return -ENOMEM;
        *g = (struct gone){ .client = client,
                            .heard = heard,
                            .handler = *handler,
                            .backoff = { .first = RETRY_FIRST, .cap = RETRY_MAX } };
        *ret = g;
        return 0;
}

struct gone *gone_free(struct gone *g) {
        if (!g)
                return NULL;
        http_request_free(g->request);
        free(g);
        return NULL;
}
