/* Waiting for what keyring.h does, see keep.h. */
#include "busyctl/keep.h"

#include <errno.h>
#include <stdio.h>
#include <sys/random.h>

#include "keyring/keyring.h"
#include "state/token.h"
#include "util/clock.h"
#include "util/file.h"

/* Somebody types a password, or has left. */
#define ASK_MAX (3 * USEC_PER_MIN)
/* An answer takes less; where it is a person's, they are told on the terminal, too. */
#define TELL_AFTER (3 * USEC_PER_SEC / 2)

#define ID_BYTES 16

/* As large as a session with long tokens. */
#define TRIED_SIZE (8U << 10)

int keep_try(const char *folder) {
        static const char nothing[TRIED_SIZE];
        SCOPED(free) char *path = NULL;
        int r = dir_make(folder), removed;

        if (r < 0)
                return r;
        if (asprintf(&path, "%s/login.tried", folder) < 0) {
                path = NULL;
                return -ENOMEM;
        }
        r = file_write(path, nothing, sizeof(nothing), 0600);
        removed = file_remove(path);
        return r < 0 ? r : removed;
}

struct wait {
        sd_bus *bus;
        struct keyring_job *job;
        bool over;
        enum keyring_outcome outcome;
        char *secret;
        char problem[128];
};

static void on_done(const struct keyring_answer *answer, void *userdata) {
        struct wait *w = userdata;

        w->over = true;
        w->outcome = answer->outcome;
        w->secret = answer->secret ? strdup(answer->secret) : NULL;
        (void) snprintf(w->problem, sizeof(w->problem), "%s", answer->problem);
}

/* Until then, or it is over. */
static int run_until(struct wait *w, usec_t end) {
        usec_t now;
        int r = 0;

        while (!w->over && r >= 0 && (now = clock_now()) < end) {
                r = sd_bus_process(w->bus, NULL);
                if (r == 0 && !w->over)
                        r = sd_bus_wait(w->bus, end - now);
        }
        return r < 0 ? r : w->over ? 0 : -ETIMEDOUT;
}

static int run_until_over(struct wait *w, bool ask) {
        usec_t begun = clock_now();
        int r = run_until(w, usec_add(begun, ask ? TELL_AFTER : ASK_MAX));

        if (r != -ETIMEDOUT || !ask)
                return r;
        (void) fprintf(stderr, "Waiting for your keyring; if it has opened a window, unlock it there\n");
        return run_until(w, usec_add(begun, ASK_MAX));
}

enum what { GET, PUT, PROBE, REMOVE };

static int start(struct wait *w, enum what what, const struct keyring_item *item, enum keyring_may_ask ask) {
        switch (what) {
        case GET:
                return keyring_get(&w->job, w->bus, item->id, ask, on_done, w);
        case PUT:
                return keyring_put(&w->job, w->bus, item, ask, on_done, w);
        case PROBE:
                return keyring_probe(&w->job, w->bus, ask, on_done, w);
        case REMOVE:
                return keyring_remove(&w->job, w->bus, item->id, ask, on_done, w);
        }
        return -EINVAL;
}

/* 0 and, of GET, the secret for token_free(). -ENOENT: there is no such entry. */
static int do_it(enum what what, const struct keyring_item *item, bool ask, char **ret_secret,
                 const char **ret_problem) {
        static char problem[128];
        struct wait w = { .outcome = KEYRING_FAILED, .problem = "there is no user bus" };
        int r = sd_bus_open_user(&w.bus);

        if (r >= 0)
                r = start(&w, what, item, ask ? KEYRING_MAY_ASK : KEYRING_ASKS_NOBODY);
        if (r >= 0)
                r = run_until_over(&w, ask);
        if (r == -ETIMEDOUT)
                (void) snprintf(w.problem, sizeof(w.problem), "the keyring is locked, and was not unlocked");
        keyring_job_free(w.job);
        sd_bus_flush_close_unref(w.bus);
        (void) snprintf(problem, sizeof(problem), "%s", w.problem);
        *ret_problem = problem;
        if (r >= 0 && w.outcome == KEYRING_DONE) {
                if (ret_secret)
                        *ret_secret = TAKE(w.secret);
                return 0;
        }
        token_free(w.secret);
        return w.outcome == KEYRING_MISSING ? -ENOENT : -ENOKEY;
}

int keep_probe(bool ask, const char **ret_problem) {
        return do_it(PROBE, NULL, ask, NULL, ret_problem);
}

int keep_load(const char *folder, const char *name, bool ask, struct session *ret, const char **ret_problem) {
        SCOPED(token_free) char *secret = NULL;
        int r = session_load(folder, name, ret);

        *ret_problem = r < 0 ? strerror(-r) : "";
        if (r < 0 || *ret->access_token)
                return r;
        r = do_it(GET, &(struct keyring_item){ .id = ret->keyring_id }, ask, &secret, ret_problem);
        if (r >= 0) {
                r = session_secret_take(ret, secret);
                *ret_problem = "the entry there is broken";
        }
        return r < 0 ? -ENOKEY : 0;
}

int keep_save(const char *folder, const char *name, const struct session *s, const char **ret_problem) {
        SCOPED(token_free) char *secret = NULL;
        SCOPED(free) char *label = NULL;
        int r;

        if (!s->keyring_id) {
                r = session_save(folder, name, s);
                *ret_problem = r < 0 ? strerror(-r) : "";
                return r;
        }
        *ret_problem = strerror(ENOMEM);
        r = session_secret_make(s, &secret);
        if (r < 0 || asprintf(&label, KEYRING_LABEL, s->user_id) < 0)
                return -ENOMEM;
        r = do_it(PUT, &(struct keyring_item){ .id = s->keyring_id, .label = label, .secret = secret }, false, NULL,
                  ret_problem);
        if (r < 0)
                return -ENOKEY;
        r = session_save_bare(folder, name, s);
        *ret_problem = r < 0 ? strerror(-r) : "";
        return r;
}

int keep_new_entry(char **ret) {
        unsigned char raw[ID_BYTES];
        char hex[2 * ID_BYTES + 1];

        if (getrandom(raw, sizeof(raw), 0) != (ssize_t) sizeof(raw))
                return -EIO;
        for (size_t i = 0; i < sizeof(raw); i++)
                (void) snprintf(hex + 2 * i, 3, "%02x", raw[i]);
        *ret = strdup(hex);
        return *ret ? 0 : -ENOMEM;
}

int keep_forget(const struct session *s, const char **ret_problem) {
        int r;

        *ret_problem = "";
        if (!s->keyring_id)
                return 0;
        r = do_it(REMOVE, &(struct keyring_item){ .id = s->keyring_id }, false, NULL, ret_problem);
        return r == -ENOENT ? 0 : r;
}

int keep_crypto_load(const char *folder, const char *name, bool ask, struct crypto_store *ret,
                     const char **ret_problem) {
        SCOPED(token_free) char *secret = NULL;
        int r = crypto_store_load(folder, name, ret);

        *ret_problem = r < 0 ? strerror(-r) : "";
        if (r < 0 || ret->has_key)
                return r;
        r = do_it(GET, &(struct keyring_item){ .id = ret->keyring_id }, ask, &secret, ret_problem);
        if (r >= 0) {
                r = crypto_store_take_key(ret, secret);
                *ret_problem = "the entry there is broken";
        }
        if (r < 0)
                crypto_store_done(ret);
        return r < 0 ? -ENOKEY : 0;
}

static int put_key(struct crypto_store *s, const char **ret_problem) {
        SCOPED(token_free) char *secret = NULL;
        SCOPED(free) char *label = NULL;
        int r = keep_new_entry(&s->keyring_id);

        if (r >= 0)
                r = crypto_store_key_text(s, &secret);
        if (r < 0 || asprintf(&label, CRYPTO_STORE_LABEL, s->user_id) < 0)
                return -ENOMEM;
        return do_it(PUT, &(struct keyring_item){ .id = s->keyring_id, .label = label, .secret = secret }, false, NULL,
                     ret_problem) < 0
                       ? -ENOKEY
                       : 0;
}

int keep_crypto_make(const struct session *s, struct crypto_store *ret, const char **ret_problem) {
        struct crypto_store made = { .user_id = strdup(s->user_id), .device_id = strdup(s->device_id) };
        int r = made.user_id && made.device_id ? crypto_store_new_key(&made) : -ENOMEM;

        *ret_problem = r < 0 ? strerror(-r) : "";
        if (r >= 0 && s->keyring_id)
                r = put_key(&made, ret_problem);
        if (r < 0)
                crypto_store_done(&made);
        else
                *ret = made;
        return r;
}

int keep_crypto_forget(const char *folder, const char *name, const char **ret_problem) {
        SCOPED(crypto_store_done) struct crypto_store s = { 0 };
        int known = crypto_store_load(folder, name, &s), r = crypto_store_remove(folder, name);

        *ret_problem = r < 0 ? strerror(-r) : "";
        if (r < 0 || known < 0 || !s.keyring_id)
                return r;
        r = do_it(REMOVE, &(struct keyring_item){ .id = s.keyring_id }, false, NULL, ret_problem);
        return r == -ENOENT ? 0 : r;
}

int keep_crypto_forget_other(const char *folder, const char *name, const struct session *s, const char **ret_problem) {
        SCOPED(crypto_store_done) struct crypto_store kept = { 0 };

        *ret_problem = "";
        if (crypto_store_load(folder, name, &kept) < 0 ||
            (streq(kept.user_id, s->user_id) && streq(kept.device_id, s->device_id)))
                return 0;
        return keep_crypto_forget(folder, name, ret_problem);
}
