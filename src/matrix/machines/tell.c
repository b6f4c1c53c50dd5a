/* One entry of account data, kept as it should be. States:
 *
 *   unknown  it is not known what the server has: nothing goes out (before and during a resync)
 *   shown    what the server has is what it should have
 *   due      it is not: the next tell_run() sends it
 *   sending  one is on its way; what has changed since goes out after the answer
 *   waiting  the server failed or asked to wait, or somebody else wrote there: due again at `wait_until`
 *   refused  by a server that has never taken one, until tell_set_device(); for want of a session, until
 *            tell_resync_end() too: one that is renewed goes on without the server being asked what it is */
#include "matrix/machines/tell.h"

#include <errno.h>
#include <stdio.h>

#include "core/backoff.h"
#include "matrix/client/api.h"
#include "matrix/machines/entry.h"
#include "json/json.h"
#include "util/log.h"

/* Often enough that one or two may be missed. */
#define REFRESH_AFTER (ENTRY_LIFE_MAX / 4)

#define RETRY_FIRST (5 * USEC_PER_SEC)
#define RETRY_MAX   (5 * USEC_PER_MIN)

/* What was acknowledged comes back by the poll within this time, if the server has it: whatever is between it and us
 * may have answered in its place. A server that takes it and never shows it is believed after so many. */
#define SEEN_WITHIN (5 * USEC_PER_SEC)
#define UNSEEN_MAX  3

/* A server that refuses this one request time after time, and says that the session goes on, keeps nobody waiting. */
#define REFUSED_MAX 3

/* Before it is put right what somebody else has written there. */
#define OTHERS_WAIT (USEC_PER_MIN / CLAIM_WRITES_PER_MINUTE_MAX)

struct tell {
        struct matrix_client *client;
        char *user_id;
        char type[ENTRY_TYPE_SIZE]; /* "": this device has none */
        struct tell_handler handler;
        struct backoff backoff;
        usec_t wait_until; /* whatever there is to tell meanwhile; 0: no wait */
        bool wait_asked;   /* by the server, which knows best */
        bool refresh;      /* tell again what is about to be too old */

        bool begun; /* it is known what the server has */
        bool heard, refused;
        bool signed_out;    /* refused because of that */
        bool taken;         /* one, at least once: a refusal is of a moment */
        unsigned n_refused; /* in a row */
        json_t *shown;      /* what the server has; NULL: nothing */
        bool live, over;    /* ... said that the user is on a call here, when it was seen last; and does no more */
        bool acked;         /* ... as it has answered; its echo has yet to come */
        usec_t acked_at;    /* when it has */
        unsigned n_unseen;  /* told again for want of an echo, in a row */
        json_t *sent;       /* on its way */
        bool echoed;        /* ... though the poll has told of it already */
        struct http_request *request;
        struct entry_claim claims[ENTRY_CLAIMS_MAX];
        size_t n;
        bool compared, outdated; /* the entry with what is shown, since either changed last; the server has another */
};

static bool is_live(const struct tell *t) {
        for (size_t i = 0; i < t->n; i++)
                if (!t->claims[i].claim.done)
                        return true;
        return false;
}

static json_t *entry_at(const struct tell *t, usec_t wall) {
        return entry_new(t->claims, t->heard ? t->n : 0, wall);
}

static bool may_send(const struct tell *t) {
        return t->begun && t->type[0] && !t->refused && !t->signed_out;
}

/* Takes the reference. */
static void set_shown(struct tell *t, json_t *content) {
        json_decref(t->shown);
        t->shown = content;
        t->compared = false;
}

/* The server has something else than it should. Asked several times in each turn, and seldom anything has changed. */
static bool is_outdated(struct tell *t) {
        SCOPED(json_decref) json_t *entry = NULL;

        if (t->compared)
                return t->outdated;
        entry = entry_at(t, 0);
        t->compared = entry;
        t->outdated = !entry_same(entry, t->shown);
        return t->outdated;
}

static bool is_due(struct tell *t) {
        return may_send(t) && is_outdated(t);
}

/* A session that has ended may go on. */
bool tell_is_pending(struct tell *t) {
        return t->heard && t->begun && t->type[0] && !t->refused && t->n_refused < REFUSED_MAX && is_outdated(t);
}

bool tell_is_unseen(const struct tell *t) {
        return t->heard && t->acked;
}

static void end_wait(struct tell *t) {
        t->wait_until = 0;
        t->wait_asked = false;
}

static uint32_t draw(const struct tell *t) {
        return t->handler.random(t->handler.userdata);
}

static void take_sent(struct tell *t, usec_t now) {
        /* What the poll has told since is newer. */
        if (!t->echoed)
                set_shown(t, json_incref(t->sent));
        json_decref(t->sent);
        t->sent = NULL;
        t->acked = !t->echoed;
        t->acked_at = now;
        t->taken = true;
        t->n_refused = 0;
        backoff_reset(&t->backoff);
}

/* A server without account data is one where machines cannot know of each other: nothing to be done about it. */
static void take_failure(struct tell *t, const struct matrix_reply *reply) {
        usec_t wait = backoff_next(&t->backoff, draw(t));
        bool refused = reply->outcome == MATRIX_REFUSED || reply->outcome == MATRIX_UNRECOGNIZED ||
                       reply->outcome == MATRIX_NOT_FOUND;

        json_decref(t->sent);
        t->sent = NULL;
        t->refused = refused && !t->taken;
        t->signed_out = reply->outcome == MATRIX_SIGNED_OUT;
        t->n_refused += refused || t->signed_out;
        log_debug("What is owed cannot be told to other machines: %s", reply->problem);
        if ((reply->outcome == MATRIX_SIGNED_OUT || reply->outcome == MATRIX_LOCKED) && t->handler.doubt)
                t->handler.doubt(t->handler.userdata);
        if (t->refused)
                return;
        t->wait_asked = reply->retry_after != USEC_NEVER;
        if (t->wait_asked && reply->retry_after > wait)
                wait = reply->retry_after;
        t->wait_until = usec_add(reply->now, wait);
}

static void on_answer(const struct matrix_reply *reply, void *userdata) {
        struct tell *t = userdata;

        t->request = NULL;
        if (reply->outcome == MATRIX_OK)
                take_sent(t, reply->now);
        else
                take_failure(t, reply);
        t->handler.told(t->handler.userdata);
}

/* What is told stands for a while only. */
static bool is_old(const struct tell *t, usec_t wall) {
        usec_t told = entry_told(t->shown);

        return t->heard && is_live(t) && !(told <= wall && wall - told < REFRESH_AFTER);
}

static void send(struct tell *t, usec_t now, usec_t wall) {
        SCOPED(json_decref) json_t *entry = entry_at(t, wall);
        int r = entry ? matrix_account_data_put(t->client, t->user_id, t->type, entry, on_answer, t, &t->request)
                      : -ENOMEM;

        if (r >= 0) {
                t->sent = TAKE(entry);
                t->echoed = false;
                return;
        }
        log_debug("What is owed cannot be told to other machines: %s", strerror(-r));
        t->wait_until = usec_add(now, backoff_next(&t->backoff, draw(t)));
}

usec_t tell_run(struct tell *t, usec_t now, usec_t wall) {
        bool refresh = t->refresh;

        t->refresh = false;
        if (t->wait_until > 0 && t->wait_until <= now)
                end_wait(t);
        if (t->request || !may_send(t))
                return USEC_NEVER;
        if (t->wait_until == 0 && (is_due(t) || (refresh && is_old(t, wall))))
                send(t, now, wall);
        return t->wait_until > 0 && is_due(t) ? t->wait_until : USEC_NEVER;
}

void tell_refresh(struct tell *t) {
        t->refresh = true;
}

static bool is_done(const struct claim_other *c) {
        return c->done && !c->live && !c->waits;
}

static bool is_same_owed(const struct claim_owed *a, const struct claim_owed *b) {
        if (a->n_ours != b->n_ours || !claim_value_equal(&a->prior, &b->prior))
                return false;
        for (size_t i = 0; i < a->n_ours; i++)
                if (!claim_value_equal(&a->ours[i], &b->ours[i]))
                        return false;
        return a->order == b->order && a->state_claimed == b->state_claimed && a->text_claimed == b->text_claimed &&
               a->added == b->added && a->unsure == b->unsure && a->given_back == b->given_back &&
               a->ahead == b->ahead;
}

/* As far as an entry tells of it. */
static bool is_same(const struct claim_other *a, const struct claim_other *b) {
        return a->live == b->live && a->waits == b->waits && a->done == b->done && a->withdrawn == b->withdrawn &&
               a->text_lost == b->text_lost && a->overwritten == b->overwritten && a->late == b->late &&
               a->put_back == b->put_back && is_same_owed(&a->owed, &b->owed);
}

void tell_set(struct tell *t, const char *output, const struct claim_other *claim) {
        struct claim_other *c;
        size_t i = 0;

        while (i < t->n && !streq(t->claims[i].output, output))
                i++;
        if (i == t->n && (!claim || t->n == ENTRY_CLAIMS_MAX))
                return;
        c = &t->claims[i].claim;
        if (i < t->n && (claim ? is_same(c, claim) : is_done(c)))
                return;
        t->compared = false;
        t->claims[i].output = output;
        if (claim)
                *c = *claim;
        else {
                c->live = c->waits = false;
                c->done = true;
        }
        if (i == t->n)
                t->n++;
}

void tell_set_heard(struct tell *t, bool heard) {
        t->compared = t->compared && t->heard == heard;
        t->heard = heard;
}

/* The echo of one that was followed by another, which has been acknowledged by now. After the echo of that one it is a
 * write that was taken for lost, and has landed after it. */
static bool is_late(const struct tell *t, const json_t *content) {
        usec_t told = entry_told(t->shown);

        return t->acked && told != USEC_NEVER && entry_told(content) < told;
}

bool tell_take(struct tell *t, const char *type, const json_t *content, usec_t now) {
        if (!t->type[0] || !streq(type, t->type))
                return false;
        if (is_late(t, content))
                return true;
        /* As a copy of this machine does, with the same session: that must not become a fight. */
        if (may_send(t) && !t->request && t->wait_until == 0 && !entry_same(content, t->shown))
                t->wait_until = usec_add(now, OTHERS_WAIT);
        set_shown(t, json_incref((json_t *) content));
        t->over = t->over || (t->live && !entry_is_live(content));
        t->live = entry_is_live(content);
        t->acked = false;
        t->n_unseen = 0;
        t->echoed = t->echoed || (t->request && json_equal(content, t->sent));
        t->taken = t->taken || entry_is_one(content);
        return true;
}

bool tell_take_over(struct tell *t) {
        bool over = t->over;

        t->over = false;
        return over;
}

void tell_resync_begin(struct tell *t) {
        t->begun = false;
        set_shown(t, NULL);
}

void tell_resync_end(struct tell *t) {
        t->begun = true;
        t->signed_out = false;
        /* The server answers again. */
        if (!t->wait_asked)
                end_wait(t);
}

void tell_polled(struct tell *t, usec_t now) {
        t->signed_out = false;
        if (!t->acked || now < usec_add(t->acked_at, SEEN_WITHIN))
                return;
        t->acked = false;
        if (t->n_unseen == UNSEEN_MAX)
                return;
        t->n_unseen++;
        set_shown(t, NULL);
}

void tell_set_device(struct tell *t, const char *device_id) {
        (void) snprintf(t->type, sizeof(t->type), "%s%s", *device_id ? ENTRY_TYPE : "", device_id);
        t->refused = t->signed_out = false;
}

int tell_new(struct tell **ret, struct matrix_client *client, const char *user_id,
             const struct tell_handler *handler) {
        SCOPED(tell_free) struct tell *t = calloc(1, sizeof(*t));

        if (!t)
                return -ENOMEM;
        t->client = client;
        t->handler = *handler;
        t->backoff = (struct backoff){ .first = RETRY_FIRST, .cap = RETRY_MAX };
        t->user_id = strdup(user_id);
        if (!t->user_id)
                return -ENOMEM;
        *ret = TAKE(t);
        return 0;
}

struct tell *tell_free(struct tell *t) {
        if (!t)
                return NULL;
        http_request_free(t->request);
        json_decref(t->shown);
        json_decref(t->sent);
        free(t->user_id);
        free(t);
        return NULL;
}
