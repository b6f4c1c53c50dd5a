#include "matrix/machines/tell.h"

#include <errno.h>

#include "core/backoff.h"
#include "matrix/client/api.h"
#include "matrix/machines/heard.h"
#include "util/clock.h"
#include "json/json.h"
#include "util/log.h"

/* Often enough that one or two may be missed. */
#define REFRESH_AFTER (PEER_LIFE_MAX / 4)

#define RETRY_FIRST (5 * USEC_PER_SEC)
#define RETRY_MAX   (5 * USEC_PER_MIN)

/* Before it is put right what somebody else has written there. */
#define OTHERS_WAIT (USEC_PER_MIN / CLAIM_WRITES_PER_MINUTE_MAX)

struct announce {
        struct matrix_client *client;
        char *user_id, *type;
        void (*told)(void *userdata);
        void *userdata;
        sd_event_source *timer;
        struct backoff backoff;
        bool waits, wait_asked; /* until the timer; by the server, which knows best */

        bool begun; /* it is known what the server has */
        bool heard, refused;
        json_t *shown; /* what the server has; NULL: nothing */
        json_t *sent;  /* on its way */
        struct http_request *request;
        struct peer_claim claims[PEER_CLAIMS_MAX];
        size_t n;
};

static void send_news(struct announce *a);

static bool is_live(const struct announce *a) {
        for (size_t i = 0; i < a->n; i++)
                if (!a->claims[i].claim.done)
                        return true;
        return false;
}

static json_t *entry_new(const struct announce *a) {
        return peer_entry_new(a->claims, a->heard ? a->n : 0, clock_wall_now());
}

static bool may_send(const struct announce *a) {
        return a->begun && a->type && !a->refused;
}

static bool can_send_now(const struct announce *a) {
        return may_send(a) && !a->request && !a->waits;
}

bool announce_is_telling(const struct announce *a) {
        SCOPED(json_decref) json_t *entry = NULL;

        if (!may_send(a) || !a->heard)
                return false;
        entry = entry_new(a);
        return !peer_entry_same(entry, a->shown);
}

/* Whatever there is to tell meanwhile. */
static void begin_wait(struct announce *a, usec_t until) {
        a->waits = true;
        (void) sd_event_source_set_time(a->timer, until);
        (void) sd_event_source_set_enabled(a->timer, SD_EVENT_ONESHOT);
}

static void end_wait(struct announce *a) {
        a->waits = a->wait_asked = false;
        (void) sd_event_source_set_enabled(a->timer, SD_EVENT_OFF);
}

static void take_sent(struct announce *a) {
        json_decref(a->shown);
        a->shown = TAKE(a->sent);
        backoff_reset(&a->backoff);
}

/* A server without account data is one where machines cannot know of each other: nothing to be done about it. */
static void take_failure(struct announce *a, const struct matrix_reply *reply) {
        usec_t wait = backoff_next(&a->backoff, random_u32());

        json_decref(a->sent);
        a->sent = NULL;
        a->refused = reply->outcome == MATRIX_REFUSED || reply->outcome == MATRIX_UNRECOGNIZED ||
                     reply->outcome == MATRIX_NOT_FOUND || reply->outcome == MATRIX_SIGNED_OUT;
        log_debug("What is owed cannot be told to other machines: %s", reply->problem);
        if (a->refused)
                return;
        a->wait_asked = reply->retry_after != USEC_NEVER;
        if (a->wait_asked && reply->retry_after > wait)
                wait = reply->retry_after;
        begin_wait(a, usec_add(clock_now(), wait));
}

static void on_answer(const struct matrix_reply *reply, void *userdata) {
        struct announce *a = userdata;

        a->request = NULL;
        if (reply->outcome == MATRIX_OK) {
                take_sent(a);
                send_news(a);
        } else
                take_failure(a, reply);
        a->told(a->userdata);
}

static void send_entry(struct announce *a, json_t *entry) {
        int r = matrix_account_data_put(a->client, a->user_id, a->type, entry, on_answer, a, &a->request);

        if (r < 0) {
                log_debug("What is owed cannot be told to other machines: %s", strerror(-r));
                return;
        }
        a->sent = json_incref(entry);
}

/* The newest only: what has changed meanwhile goes out when the answer is there. */
static void send_news(struct announce *a) {
        SCOPED(json_decref) json_t *entry = NULL;

        if (!can_send_now(a))
                return;
        entry = entry_new(a);
        if (entry && !peer_entry_same(entry, a->shown))
                send_entry(a, entry);
}

static int on_timer(sd_event_source *source, uint64_t usec, void *userdata) {
        struct announce *a = userdata;

        end_wait(a);
        send_news(a);
        return 0;
}

void announce_refresh(struct announce *a) {
        SCOPED(json_decref) json_t *entry = NULL;
        usec_t told = peer_entry_told(a->shown), wall = clock_wall_now();

        if (!can_send_now(a) || !a->heard || !is_live(a))
                return;
        if (told <= wall && wall - told < REFRESH_AFTER)
                return;
        entry = entry_new(a);
        if (entry)
                send_entry(a, entry);
}

void announce_set(struct announce *a, const char *output, const struct claim_other *claim) {
        size_t i = 0;

        while (i < a->n && !streq(a->claims[i].output, output))
                i++;
        if (i == a->n && (!claim || a->n == PEER_CLAIMS_MAX))
                return;
        a->claims[i].output = output;
        if (claim)
                a->claims[i].claim = *claim;
        else {
                a->claims[i].claim.live = a->claims[i].claim.waits = false;
                a->claims[i].claim.done = true;
        }
        if (i == a->n)
                a->n++;
        send_news(a);
}

void announce_set_heard(struct announce *a, bool heard) {
        a->heard = heard;
        send_news(a);
}

/* The echo of one that was followed by another, which has been acknowledged by now. */
static bool is_late(const struct announce *a, const json_t *content) {
        usec_t told = peer_entry_told(a->shown);

        return told != USEC_NEVER && peer_entry_told(content) <= told;
}

bool announce_take(struct announce *a, const char *type, const json_t *content) {
        if (!a->type || !streq(type, a->type))
                return false;
        if (is_late(a, content))
                return true;
        /* As a copy of this machine does, with the same session: that must not become a fight. */
        if (can_send_now(a) && !peer_entry_same(content, a->shown))
                begin_wait(a, usec_add(clock_now(), OTHERS_WAIT));
        json_decref(a->shown);
        a->shown = json_incref((json_t *) content);
        return true;
}

void announce_resync_begin(struct announce *a) {
        a->begun = false;
        json_decref(TAKE(a->shown));
}

void announce_resync_end(struct announce *a) {
        a->begun = true;
        /* The server answers again. */
        if (!a->wait_asked)
                end_wait(a);
        send_news(a);
}

void announce_set_device(struct announce *a, const char *device_id) {
        char *type = NULL;

        if (*device_id && asprintf(&type, PEERS_TYPE "%s", device_id) < 0)
                type = NULL;
        free(a->type);
        a->type = type;
        a->refused = false;
}

int announce_new(struct announce **ret, sd_event *event, struct matrix_client *client, const char *user_id,
                 void (*told)(void *userdata), void *userdata) {
        SCOPED(announce_free) struct announce *a = calloc(1, sizeof(*a));
        int r;

        if (!a)
                return -ENOMEM;
        a->client = client;
        a->told = told;
        a->userdata = userdata;
        a->backoff = (struct backoff){ .first = RETRY_FIRST, .cap = RETRY_MAX };
        a->user_id = strdup(user_id);
        if (!a->user_id)
                return -ENOMEM;
        r = sd_event_add_time(event, &a->timer, CLOCK_BOOTTIME, 0, 0, on_timer, a);
        if (r < 0)
                return r;
        (void) sd_event_source_set_description(a->timer, "matrix-announce");
        end_wait(a);
        *ret = TAKE(a);
        return 0;
}

struct announce *announce_free(struct announce *a) {
        if (!a)
                return NULL;
        http_request_free(a->request);
        sd_event_source_disable_unref(a->timer);
        json_decref(a->shown);
        json_decref(a->sent);
        free(a->user_id);
        free(a->type);
        free(a);
        return NULL;
}
