/* Tokens of a session on disk, see session-keeper.h. */
#include "busyd/session-keeper.h"

#include <errno.h>

#include "util/log.h"

/* The same session of the same device: tokens of another one are nobody's here. */
static bool is_ours(const struct session *a, const struct session *b) {
        return streq(a->homeserver, b->homeserver) && streq(a->user_id, b->user_id) &&
               streq(a->device_id, b->device_id);
}

static struct token_pair pair_of(const struct session *s) {
        return (struct token_pair){ .access_token = s->access_token,
                                    .refresh_token = s->refresh_token ? s->refresh_token : "",
                                    .expires_wall = s->expires_at };
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
                session_keeper_done(k);
                if (r >= 0)
                        session_done(&found);
                return -ENOENT;
        }
        if (r < 0)
                return 0; /* what we have is better than a file that cannot be read */
        if (streq(found.access_token, k->session->access_token)) {
                session_done(&found);
                return 0;
        }
        session_done(k->session);
        *k->session = found;
        *ret = pair_of(k->session);
        return 1;
}

static int put(void *userdata, const struct token_pair *pair) {
        struct session_keeper *k = userdata;
        SCOPED(session_done) struct session next;
        int r = session_copy(&next, k->session);

        if (r >= 0)
                r = session_set_tokens(&next, pair);
        if (r >= 0)
                r = session_save(k->state_dir, k->name, &next);
        if (r < 0) {
                if (!k->told)
                        log_error("Account %s: the new tokens of the session cannot be stored: %s; going on with them,"
                                  " and trying again. If busyd ends before that, the session may be lost",
                                  k->name, strerror(-r));
                k->told = true;
                return r;
        }
        session_done(k->session);
        *k->session = next;
        next = (struct session){ 0 };
        if (k->told)
                log_info("Account %s: the tokens of the session are stored again", k->name);
        k->told = false;
        return 0;
}

static void end(void *userdata) {
        session_keeper_done(userdata);
}

static int fetch(void *userdata) {
        const struct session_keeper *k = userdata;

        return k->fetch(k->userdata);
}

void session_keeper_init(struct session_keeper *k, const char *state_dir, const char *name, struct session *session) {
        *k = (struct session_keeper){ .state_dir = state_dir, .name = name, .session = session, .lock = -1 };
}

void session_keeper_done(struct session_keeper *k) {
        session_unlock(k->lock);
        k->lock = -1;
}

struct token_keeper session_keeper_doors(struct session_keeper *k) {
        return (struct token_keeper){
                .begin = begin, .put = put, .end = end, .fetch = k->fetch ? fetch : NULL, .userdata = k
        };
}
