/* Waiting for what keyring.h does, see keep.h. */
#include "busyctl/keep.h"

#include <errno.h>
#include <stdio.h>
#include <sys/random.h>

#include "keyring/keyring.h"
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
        const struct keep_patience *patience; /* NULL: it ends us with its process alone */
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

static bool is_interrupted(const struct wait *w) {
        return w->patience && *w->patience->interrupted;
}

static int run_once(struct wait *w, usec_t max) {
        int r;

        if (w->patience)
                return sd_event_run(w->patience->event, max);
        r = sd_bus_process(w->bus, NULL);
        return r == 0 && !w->over ? sd_bus_wait(w->bus, max) : r;
}

/* Until then, or it is over. */
static int run_until(struct wait *w, usec_t end) {
        usec_t now;
        int r = 0;

        while (!w->over && !is_interrupted(w) && r >= 0 && (now = clock_now()) < end)
                r = run_once(w, end - now);
        return r < 0 ? r : w->over ? 0 : is_interrupted(w) ? -EINTR : -ETIMEDOUT;
}

static int run_until_over(struct wait *w, enum keyring_may_ask ask) {
        usec_t begun = clock_now();
        int r = run_until(w, usec_add(begun, ask == KEYRING_MAY_ASK ? TELL_AFTER : ASK_MAX));

        if (r != -ETIMEDOUT || ask == KEYRING_ASKS_NOBODY)
                return r;
        (void) fprintf(stderr, "Waiting for your keyring; if it has opened a window, answer there\n");
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

static int open_bus(struct wait *w) {
        int r = sd_bus_open_user(&w->bus);

        return r < 0 || !w->patience ? r : sd_bus_attach_event(w->bus, w->patience->event, SD_EVENT_PRIORITY_NORMAL);
}

static int outcome_of(const struct wait *w, int r) {
        if (r == -EINTR)
                return r;
        if (r == -ETIMEDOUT || (r >= 0 && w->outcome == KEYRING_DISMISSED))
                return -ECANCELED;
        if (r < 0)
                return -ENOKEY;
        return w->outcome == KEYRING_DONE ? 0 : w->outcome == KEYRING_MISSING ? -ENOENT : -ENOKEY;
}

/* 0 and, of GET, the secret for erase_and_free(). -ENOENT: there is no such entry. -ECANCELED: who was asked has said
 * no, or nothing. */
static int do_it(enum what what, const struct keyring_item *item, enum keyring_may_ask ask,
                 const struct keep_patience *patience, char **ret_secret, const char **ret_problem) {
        static char problem[128];
        struct wait w = { .patience = patience, .outcome = KEYRING_FAILED, .problem = "there is no user bus" };
        int r = open_bus(&w);

        if (r >= 0)
                r = start(&w, what, item, ask);
        if (r >= 0)
                r = run_until_over(&w, ask);
        if (r == -ETIMEDOUT)
                (void) snprintf(w.problem, sizeof(w.problem),
                                "the keyring was waited for, and nobody has answered it");
        keyring_job_free(w.job);
        (void) sd_bus_detach_event(w.bus);
        sd_bus_flush_close_unref(w.bus);
        (void) snprintf(problem, sizeof(problem), "%s", w.problem);
        *ret_problem = problem;
        r = outcome_of(&w, r);
        if (r == 0 && ret_secret)
                *ret_secret = TAKE(w.secret);
        erase_and_free(w.secret);
        return r;
}

static enum keyring_may_ask may_ask(bool ask) {
        return ask ? KEYRING_MAY_ASK : KEYRING_ASKS_NOBODY;
}

int keep_probe(bool ask, const char **ret_problem) {
        return do_it(PROBE, NULL, may_ask(ask), NULL, NULL, ret_problem);
}

int keep_load(const char *folder, const char *name, bool ask, struct session *ret, const char **ret_problem) {
        SCOPED(erase_and_free) char *secret = NULL;
        int r = session_load(folder, name, ret);

        *ret_problem = r < 0 ? strerror(-r) : "";
        if (r < 0 || *ret->access_token)
                return r;
        r = do_it(GET, &(struct keyring_item){ .id = ret->keyring_id }, may_ask(ask), NULL, &secret, ret_problem);
        if (r >= 0) {
                r = session_secret_take(ret, secret);
                *ret_problem = "the entry there is broken";
        }
        return r < 0 ? -ENOKEY : 0;
}

int keep_put(const struct session *s, const struct keep_patience *patience, const char **ret_problem) {
        SCOPED(erase_and_free) char *secret = NULL;
        SCOPED(free) char *label = NULL;
        int r = session_secret_make(s, &secret);

        *ret_problem = strerror(ENOMEM);
        if (r < 0 || asprintf(&label, KEYRING_LABEL, s->user_id) < 0) {
                label = NULL;
                return -ENOMEM;
        }
        return do_it(PUT, &(struct keyring_item){ .id = s->keyring_id, .label = label, .secret = secret },
                     may_ask(patience), patience, NULL, ret_problem);
}

int keep_save(const char *folder, const char *name, const struct session *s, const char **ret_problem) {
        int r = s->keyring_id ? keep_put(s, NULL, ret_problem) : 0;

        if (r < 0)
                return r;
        r = s->keyring_id ? session_save_bare(folder, name, s) : session_save(folder, name, s);
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
        r = do_it(REMOVE, &(struct keyring_item){ .id = s->keyring_id }, KEYRING_ASKS_NOBODY, NULL, NULL, ret_problem);
        return r == -ENOENT ? 0 : r;
}

int keep_crypto_load(const char *folder, const char *name, bool ask, struct crypto_store *ret,
                     const char **ret_problem) {
        SCOPED(erase_and_free) char *secret = NULL;
        int r = crypto_store_load(folder, name, ret);

        *ret_problem = r < 0 ? strerror(-r) : "";
        if (r < 0 || ret->has_key)
                return r;
        r = do_it(GET, &(struct keyring_item){ .id = ret->keyring_id }, may_ask(ask), NULL, &secret, ret_problem);
        if (r >= 0) {
                r = crypto_store_take_key(ret, secret);
                *ret_problem = "the entry there is broken";
        }
        if (r < 0)
                crypto_store_done(ret);
        return r < 0 ? -ENOKEY : 0;
}

static int put_key(struct crypto_store *s, bool ask, const char **ret_problem) {
        SCOPED(erase_and_free) char *secret = NULL;
        SCOPED(free) char *label = NULL;
        int r = keep_new_entry(&s->keyring_id);

        if (r >= 0)
                r = crypto_store_key_text(s, &secret);
        if (r < 0 || asprintf(&label, CRYPTO_STORE_LABEL, s->user_id) < 0)
                return -ENOMEM;
        return do_it(PUT, &(struct keyring_item){ .id = s->keyring_id, .label = label, .secret = secret },
                     may_ask(ask), NULL, NULL, ret_problem) < 0
                       ? -ENOKEY
                       : 0;
}

int keep_crypto_make(const struct session *s, bool ask, struct crypto_store *ret, const char **ret_problem) {
        struct crypto_store made = { .user_id = strdup(s->user_id), .device_id = strdup(s->device_id) };
        int r = made.user_id && made.device_id ? crypto_store_new_key(&made) : -ENOMEM;

        *ret_problem = r < 0 ? strerror(-r) : "";
        if (r >= 0 && s->keyring_id)
                r = put_key(&made, ask, ret_problem);
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
        r = do_it(REMOVE, &(struct keyring_item){ .id = s.keyring_id }, KEYRING_ASKS_NOBODY, NULL, NULL, ret_problem);
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
