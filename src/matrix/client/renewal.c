/* Carrying out the renewal of tokens, see renewal.h. One goes like this: the keeper is asked for the session, and may
 * have a newer one; the request; what it brought is stored, which may take a while; the client gets it; the keeper is
 * let go. A pair that could not be stored is used all the same, and storing it is tried again. */
#include "matrix/client/renewal.h"

#include <errno.h>
#include <stdio.h>

#include "matrix/client/tokens.h"
#include "util/log.h"

#define STORE_AGAIN USEC_PER_MIN

struct renewal {
        char *account, *homeserver, *token_endpoint, *client_id;
        struct http *http;
        struct matrix_client *client;
        const struct token_keeper *keeper;
        uint32_t (*random)(void *userdata);
        void (*touched)(void *userdata);
        void *userdata;

        struct tokens tokens;
        bool begun; /* the clock was read */
        usec_t expires_wall;
        char *access, *refresh;

        bool fetched; /* whoever has given the token has answered */
        char *other;  /* ... with this one */

        struct renewing *request;
        bool keeping;    /* the keeper waits for its end() */
        usec_t store_at; /* the pair is not on disk yet; USEC_NEVER: it is */
        bool storing;    /* the keeper's put() goes on */
        bool unused;     /* ... and the client gets the pair after it */
        bool kept;       /* it is through, with this */
        int kept_error;

        bool wanted; /* the server had not taken the token */
        enum renewal_news news;
        struct matrix_reply failure;
        char problem[256];
};

/* ---- the keeper ---- */

static void end_keeping(struct renewal *r) {
        if (r->keeping)
                r->keeper->end(r->keeper->userdata);
        r->keeping = false;
}

static int begin_keeping(struct renewal *r, struct token_pair *ret) {
        int error = r->keeper->begin(r->keeper->userdata, ret);

        r->keeping = error >= 0;
        return error;
}

static struct token_pair pair_of(const struct renewal *r) {
        return (struct token_pair){ .access_token = r->access,
                                    .refresh_token = r->refresh,
                                    .expires_wall = r->expires_wall };
}

static void note_stored(struct renewal *r, int error, usec_t now) {
        r->store_at = error < 0 ? usec_add(now, STORE_AGAIN) : USEC_NEVER;
}

/* Returns whether it is over, one way or the other. */
static bool store(struct renewal *r, usec_t now) {
        struct token_pair pair = pair_of(r);
        int error = r->keeper->put(r->keeper->userdata, &pair);

        r->storing = error == -EINPROGRESS;
        if (r->storing)
                r->store_at = USEC_NEVER;
        else
                note_stored(r, error, now);
        return !r->storing;
}

/* ---- a new pair ---- */

static int take_pair(struct renewal *r, const struct token_pair *pair) {
        char *access = strdup(pair->access_token), *refresh = strdup(pair->refresh_token);

        if (!access || !refresh) {
                erase_and_free(access);
                erase_and_free(refresh);
                return -ENOMEM;
        }
        erase_and_free(r->access);
        erase_and_free(r->refresh);
        r->access = access;
        r->refresh = refresh;
        r->expires_wall = pair->expires_wall;
        return 0;
}

static void use_pair(struct renewal *r, const struct instant *at) {
        if (matrix_client_set_token(r->client, r->access) < 0) {
                tokens_failed(&r->tokens, USEC_NEVER, at->now, r->random(r->userdata));
                return;
        }
        if (r->tokens.rejected || r->wanted)
                r->news = RENEWAL_DONE;
        r->wanted = false;
        tokens_renewed(&r->tokens, r->expires_wall, at);
}

static void fail(struct renewal *r, const char *problem, usec_t retry_after, const struct instant *at) {
        tokens_failed(&r->tokens, retry_after, at->now, r->random(r->userdata));
        log_debug("Account %s: %s", r->account, problem);
        if (!tokens_hold(&r->tokens, at))
                return;
        (void) snprintf(r->problem, sizeof(r->problem), "%s", problem);
        r->news = RENEWAL_FAILED;
        r->wanted = true;
        r->failure = (struct matrix_reply){ .outcome = MATRIX_RETRY,
                                            .problem = r->problem,
                                            .retry_after = retry_after,
                                            .now = at->now,
                                            .wall = at->wall };
}

static void on_answer(const struct renew_answer *answer, void *userdata) {
        struct renewal *r = userdata;
        const struct instant at = { .now = answer->now, .wall = answer->wall };

        switch (answer->outcome) {
        case RENEW_DONE:
                if (take_pair(r, &answer->pair) < 0) {
                        fail(r, "there is no memory for the new token", USEC_NEVER, &at);
                        break;
                }
                r->unused = !store(r, at.now);
                if (!r->unused)
                        use_pair(r, &at);
                break;
        case RENEW_REFUSED:
                log_debug("Account %s: %s", r->account, answer->problem);
                tokens_refused(&r->tokens, at.now);
                r->news = RENEWAL_OVER;
                break;
        case RENEW_FAILED:
                fail(r, answer->problem, answer->retry_after, &at);
                break;
        }
        if (!r->storing)
                end_keeping(r);
        r->request = renewing_free(r->request);
        r->touched(r->userdata);
}

/* ---- the turn ---- */

static void send(struct renewal *r, const struct instant *at) {
        const struct renew_place place = { .homeserver = r->homeserver,
                                           .token_endpoint = r->token_endpoint,
                                           .client_id = r->client_id };
        int error = renew_start(&r->request, r->http, &place, r->refresh, on_answer, r);

        if (error >= 0)
                return;
        end_keeping(r);
        fail(r,
             error == -EPERM ? "the token cannot be renewed: the address for that is not a safe one"
                             : strerror(-error),
             USEC_NEVER, at);
}

static void refuse(struct renewal *r, usec_t now) {
        tokens_refused(&r->tokens, now);
        r->news = RENEWAL_OVER;
}

static void renew(struct renewal *r, const struct instant *at) {
        struct token_pair newer;
        int error;

        if (r->refresh[0] == '\0') {
                if (r->keeper->fetch(r->keeper->userdata) < 0)
                        refuse(r, at->now);
                return;
        }
        error = begin_keeping(r, &newer);
        if (error == -EBUSY)
                tokens_taken(&r->tokens, at->now);
        else if (error == -ENOENT) {
                tokens_refused(&r->tokens, at->now);
                r->news = RENEWAL_OVER;
        } else if (error != 1)
                send(r, at);
        else {
                error = take_pair(r, &newer);
                end_keeping(r);
                if (error < 0)
                        fail(r, strerror(-error), USEC_NEVER, at);
                else
                        use_pair(r, at);
        }
}

/* The same one again is of no use. */
static void take_fetched(struct renewal *r, const struct instant *at) {
        SCOPED(erase_and_free) char *other = TAKE(r->other);
        const struct token_pair pair = { .access_token = other, .refresh_token = "" };

        r->fetched = false;
        if (r->tokens.state != TOKENS_RENEWING || r->request)
                return;
        if (other && !streq(other, r->access) && take_pair(r, &pair) == 0)
                use_pair(r, at);
        else
                refuse(r, at->now);
}

/* What somebody else has stored meanwhile is newer than what could not be. */
static void store_again(struct renewal *r, const struct instant *at) {
        struct token_pair newer;
        int error = begin_keeping(r, &newer);

        if (error == -EBUSY)
                r->store_at = usec_add(at->now, TOKENS_BUSY_WAIT);
        else if (error == 0)
                (void) store(r, at->now);
        else
                r->store_at = USEC_NEVER;
        if (error == 1 && take_pair(r, &newer) == 0)
                use_pair(r, at);
        if (!r->storing)
                end_keeping(r);
}

static void end_storing(struct renewal *r, const struct instant *at) {
        r->kept = false;
        if (!r->storing)
                return;
        r->storing = false;
        note_stored(r, r->kept_error, at->now);
        if (r->unused)
                use_pair(r, at);
        r->unused = false;
        end_keeping(r);
}

enum renewal_news renewal_run(struct renewal *r, const struct instant *at, bool *ret_held, usec_t *ret_deadline) {
        enum renewal_news news;

        if (!r->begun)
                tokens_begin(&r->tokens, r->refresh[0] != '\0' || (r->keeper && r->keeper->fetch), r->expires_wall,
                             at);
        r->begun = true;
        if (r->fetched)
                take_fetched(r, at);
        if (r->kept)
                end_storing(r, at);
        if (!r->request && !r->storing && at->now >= r->store_at)
                store_again(r, at);
        if (!r->storing && tokens_renew(&r->tokens, at))
                renew(r, at);
        *ret_held = tokens_hold(&r->tokens, at);
        /* What cannot be stored while a request is out is looked at with its answer. */
        *ret_deadline = usec_min(tokens_deadline(&r->tokens), r->request ? USEC_NEVER : r->store_at);
        news = r->news;
        r->news = RENEWAL_NOTHING;
        return news;
}

const struct matrix_reply *renewal_failure(const struct renewal *r) {
        return &r->failure;
}

void renewal_set_token(struct renewal *r, const char *token) {
        erase_and_free(r->other);
        r->other = token ? strdup(token) : NULL;
        r->fetched = true;
}

void renewal_kept(struct renewal *r, int error) {
        r->kept = true;
        r->kept_error = error;
}

void renewal_retry(struct renewal *r) {
        tokens_retry(&r->tokens);
}

void renewal_worked(struct renewal *r) {
        tokens_worked(&r->tokens);
}

/* ---- the object ---- */

static bool on_rejected(void *userdata, bool old, usec_t now) {
        struct renewal *r = userdata;

        if (old)
                r->news = RENEWAL_DONE;
        else if (!tokens_rejected(&r->tokens, now))
                return false;
        r->touched(r->userdata);
        return true;
}

static char *copy(const char *s) {
        return strdup(s ? s : "");
}

int renewal_new(struct renewal **ret, struct http *http, struct matrix_client *client,
                const struct renewal_options *o) {
        SCOPED(renewal_free) struct renewal *r = calloc(1, sizeof(*r));

        if (!r)
                return -ENOMEM;
        r->http = http;
        r->client = client;
        r->keeper = o->keeper;
        r->random = o->random;
        r->touched = o->touched;
        r->userdata = o->userdata;
        r->store_at = USEC_NEVER;
        r->expires_wall = o->pair.expires_wall;
        r->account = copy(o->account);
        r->homeserver = copy(o->place.homeserver);
        r->token_endpoint = copy(o->place.token_endpoint);
        r->client_id = copy(o->place.client_id);
        r->access = copy(o->pair.access_token);
        r->refresh = copy(o->keeper ? o->pair.refresh_token : "");
        if (!r->account || !r->homeserver || !r->token_endpoint || !r->client_id || !r->access || !r->refresh)
                return -ENOMEM;
        matrix_client_on_rejected(client, on_rejected, r);
        *ret = TAKE(r);
        return 0;
}

/* The last chance for what could not be stored so far: with it the session would be lost. */
static void store_at_last(struct renewal *r) {
        struct token_pair newer;

        if (r->store_at != USEC_NEVER && !r->storing && (r->keeping || begin_keeping(r, &newer) == 0))
                (void) store(r, 0);
}

struct renewal *renewal_free(struct renewal *r) {
        if (!r)
                return NULL;
        store_at_last(r);
        if (r->client)
                matrix_client_on_rejected(r->client, NULL, NULL);
        renewing_free(r->request);
        end_keeping(r);
        erase_and_free(r->access);
        erase_and_free(r->refresh);
        erase_and_free(r->other);
        free(r->account);
        free(r->homeserver);
        free(r->token_endpoint);
        free(r->client_id);
        free(r);
        return NULL;
}
