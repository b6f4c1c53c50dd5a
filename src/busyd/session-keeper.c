/* Tokens of a session on disk and in the keyring, see session-keeper.h. */
#include "busyd/session-keeper.h"

#include <errno.h>
#include <stdio.h>

#include "keyring/keyring.h"
#include "util/log.h"

/* Whoever wants to send something waits for the tokens to be kept. */
#define KEYRING_PATIENCE (5 * USEC_PER_SEC)
/* After a keyring has answered something else than that it is locked or absent, of which it tells the end: so long,
 * then twice as long. */
#define AGAIN_FIRST (5 * USEC_PER_SEC)
#define AGAIN_MAX   (5 * USEC_PER_MIN)

static bool same_id(const char *a, const char *b) {
        return a == b || (a && b && streq(a, b));
}

/* The same session of the same device: tokens of another one are nobody's here. */
static bool is_ours(const struct session *a, const struct session *b) {
        return streq(a->homeserver, b->homeserver) && streq(a->user_id, b->user_id) &&
               streq(a->device_id, b->device_id) && same_id(a->keyring_id, b->keyring_id);
}

static struct token_pair pair_of(const struct session *s) {
        return (struct token_pair){ .access_token = s->access_token,
                                    .refresh_token = s->refresh_token ? s->refresh_token : "",
                                    .expires_wall = s->expires_at };
}

static void release(struct session_keeper *k) {
        session_unlock(k->lock);
        k->lock = -1;
}

static int begin(void *userdata, struct token_pair *ret) {
        struct session_keeper *k = userdata;
        struct session found;
        int r;

        k->lock = session_lock(k->state_dir, k->name);
        if (k->lock == -EBUSY)
                return -EBUSY;
        r = session_load(k->state_dir, k->name, &found);
        if (r == -ENOENT || (r >= 0 && !is_ours(&found, k->session))) {
                release(k);
                if (r >= 0)
                        session_done(&found);
                return -ENOENT;
        }
        if (r < 0)
                return 0; /* what we have is better than a file that cannot be read */
        /* In the keyring nobody else renews: another login has another entry there. */
        if (k->session->keyring_id || streq(found.access_token, k->session->access_token)) {
                session_done(&found);
                return 0;
        }
        session_done(k->session);
        *k->session = found;
        *ret = pair_of(k->session);
        return 1;
}

/* ---- the keyring ---- */

static void try_again(struct session_keeper *k) {
        k->wait = k->wait == 0 ? AGAIN_FIRST : usec_min(2 * k->wait, AGAIN_MAX);
        later_set(&k->again, k->wait);
}

static void on_put(const struct keyring_answer *answer, void *userdata) {
        struct session_keeper *k = userdata;

        k->answered = true;
        k->done = answer->outcome == KEYRING_DONE;
        (void) snprintf(k->problem, sizeof(k->problem), "%s", answer->problem);
        /* One that is locked tells when it is not any more, and so does one that comes; but not when it has read what
         * it has. */
        if (answer->outcome == KEYRING_FAILED || (answer->outcome == KEYRING_ABSENT && k->wait < AGAIN_MAX))
                try_again(k);
        k->touched(k->userdata);
}

static void stop(struct session_keeper *k) {
        k->job = keyring_job_free(k->job);
        k->answered = k->done = false;
        later_clear(&k->give_up);
        session_done(&k->next);
}

static int start(struct session_keeper *k, const struct session *next) {
        SCOPED(erase_and_free) char *secret = NULL;
        SCOPED(free) char *label = NULL;
        int r;

        stop(k);
        r = session_copy(&k->next, next);
        if (r >= 0)
                r = session_secret_make(next, &secret);
        if (r >= 0 && asprintf(&label, KEYRING_LABEL, next->user_id) < 0) {
                label = NULL;
                r = -ENOMEM;
        }
        if (r >= 0)
                r = keyring_put(&k->job, k->bus,
                                &(struct keyring_item){ .id = next->keyring_id, .label = label, .secret = secret },
                                KEYRING_ASKS_NOBODY, on_put, k);
        if (r < 0) {
                session_done(&k->next);
                return r;
        }
        later_set(&k->give_up, KEYRING_PATIENCE);
        k->touched(k->userdata);
        return 0;
}

static void move(struct session_keeper *k) {
        later_clear(&k->again);
        if (k->aside && !k->job)
                (void) start(k, k->session);
}

void session_keeper_retry(struct session_keeper *k) {
        if (k->aside)
                later_set(&k->again, 0);
}

/* ---- storing ---- */

static int put_in_file(struct session_keeper *k, const struct session *next) {
        int r = session_save(k->state_dir, k->name, next);

        if (r < 0) {
                if (!k->told)
                        log_error("Account %s: the new tokens of the session cannot be stored: %s; going on with them,"
                                  " and trying again. If busyd ends before that, the session may be lost",
                                  k->name, strerror(-r));
                k->told = true;
                return r;
        }
        if (k->told)
                log_info("Account %s: the tokens of the session are stored again", k->name);
        k->told = false;
        return 0;
}

static void follow(struct session_keeper *k, struct session *next) {
        session_done(k->session);
        *k->session = *next;
        *next = (struct session){ 0 };
}

static int put(void *userdata, const struct token_pair *pair) {
        struct session_keeper *k = userdata;
        SCOPED(session_done) struct session next;
        int r = session_copy(&next, k->session);

        if (r >= 0)
                r = session_set_tokens(&next, pair);
        /* While the file has tokens, those count: newer ones go there too. */
        if (r >= 0 && next.keyring_id && !k->aside && start(k, &next) >= 0)
                return -EINPROGRESS;
        if (r >= 0)
                r = put_in_file(k, &next);
        if (r < 0)
                return r;
        if (next.keyring_id) {
                stop(k); /* it would move older ones */
                k->aside = true;
                session_keeper_retry(k);
        }
        follow(k, &next);
        return 0;
}

static int set_aside(struct session_keeper *k) {
        int r = put_in_file(k, &k->next);

        if (r < 0)
                return r;
        log_warning(
                "Account %s: the new tokens of the session cannot be kept in the keyring: %s; until they can, they "
                "are in %s/session-%s.json, which only you can read",
                k->name, k->problem, k->state_dir, k->name);
        k->aside = true;
        follow(k, &k->next);
        return 0;
}

static int end_putting(struct session_keeper *k) {
        int r = 0;

        if (k->done)
                follow(k, &k->next);
        else
                r = set_aside(k);
        stop(k);
        return r;
}

/* The file lets go of the tokens, if they are those that were moved. */
static int clear_file(struct session_keeper *k) {
        struct session found;
        int r, lock = session_lock(k->state_dir, k->name);

        if (lock == -EBUSY)
                return -EBUSY;
        r = session_load(k->state_dir, k->name, &found);
        if (r >= 0 && is_ours(&found, &k->next) && streq(found.access_token, k->next.access_token))
                r = session_save_bare(k->state_dir, k->name, &k->next);
        session_done(&found);
        session_unlock(lock);
        return r;
}

static void end_moving(struct session_keeper *k) {
        if (k->done && clear_file(k) >= 0) {
                k->aside = false;
                k->wait = 0;
                log_info("Account %s: the tokens of the session are in the keyring again", k->name);
        } else if (k->done)
                try_again(k);
        stop(k);
}

usec_t session_keeper_run(struct session_keeper *k, usec_t now, bool *ret_kept, int *ret_error) {
        *ret_kept = false;
        if (k->job && !k->answered && later_run(&k->give_up, now)) {
                k->answered = true;
                (void) snprintf(k->problem, sizeof(k->problem), "the keyring does not answer");
                try_again(k);
        }
        if (k->answered && k->aside)
                end_moving(k);
        else if (k->answered) {
                *ret_kept = true;
                *ret_error = end_putting(k);
        }
        if (later_run(&k->again, now))
                move(k);
        return usec_min(later_at(&k->give_up, now), later_at(&k->again, now));
}

static void end(void *userdata) {
        release(userdata);
}

static int fetch(void *userdata) {
        const struct session_keeper *k = userdata;

        return k->fetch(k->userdata);
}

/* What the file has of a session in the keyring is moved there. */
void session_keeper_init(struct session_keeper *k, const char *state_dir, const char *name, struct session *session) {
        *k = (struct session_keeper){ .state_dir = state_dir, .name = name, .session = session, .lock = -1 };
}

/* The end does not wait for the keyring: what it has not taken by then is in the file. */
void session_keeper_done(struct session_keeper *k) {
        struct session found;

        if (k->job && !k->aside && !k->done && k->lock < 0)
                k->lock = session_lock(k->state_dir, k->name);
        if (k->job && !k->aside && !k->done && k->lock >= 0 && session_load(k->state_dir, k->name, &found) >= 0) {
                if (is_ours(&found, &k->next))
                        (void) put_in_file(k, &k->next);
                session_done(&found);
        }
        stop(k);
        release(k);
}

struct token_keeper session_keeper_doors(struct session_keeper *k) {
        return (struct token_keeper){
                .begin = begin, .put = put, .end = end, .fetch = k->fetch ? fetch : NULL, .userdata = k
        };
}
