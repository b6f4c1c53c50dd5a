/* Reading tokens from the keyring, see vault.h. A wait is
 *
 *   asking    there is a job
 *   there     the secret was read, and is taken by the next vault_get()
 *   in vain   `problem` says why; asked again when the keyring tells of a change, or after a while */
#include "busyd/vault.h"

#include <errno.h>
#include <stdio.h>

#include "control/control.h"
#include "keyring/keyring.h"
#include "matrix/connection.h"
#include "util/log.h"

/* After a keyring has answered something else than that it is locked or absent, of which it tells the end: so long,
 * then twice as long. */
#define AGAIN_FIRST (5 * USEC_PER_SEC)
#define AGAIN_MAX   (5 * USEC_PER_MIN)
#define LOADING_MAX USEC_PER_SEC

struct vault_wait {
        struct vault *vault;
        char name[ACCOUNT_NAME_MAX];
        char *user_id, *homeserver, *id;
        struct keyring_job *job;
        char *secret;
        bool news, wanted;
        bool missing; /* the last answer was that it has no such entry */
        char problem[128], told[128];
};

static void wait_free(struct vault_wait *w) {
        keyring_job_free(w->job);
        erase_and_free(w->secret);
        free(w->user_id);
        free(w->homeserver);
        free(w->id);
        free(w);
}

static struct vault_wait **find(struct vault *v, const char *name) {
        for (size_t i = 0; i < v->n; i++)
                if (streq(v->waits[i]->name, name))
                        return &v->waits[i];
        return NULL;
}

static void drop(struct vault *v, struct vault_wait **at) {
        wait_free(*at);
        *at = v->waits[--v->n];
}

void vault_forget(struct vault *v, const char *name) {
        struct vault_wait **at = find(v, name);

        if (at)
                drop(v, at);
}

void vault_sweep(struct vault *v) {
        for (size_t i = v->n; i > 0; i--)
                if (!v->waits[i - 1]->wanted)
                        drop(v, &v->waits[i - 1]);
        for (size_t i = 0; i < v->n; i++)
                v->waits[i]->wanted = false;
}

/* Said once, however often it is tried. */
static void set_problem(struct vault_wait *w, const struct keyring_answer *answer) {
        const char *advice = answer->outcome == KEYRING_MISSING ? ": log in again with 'busyctl login'"
                             : answer->outcome == KEYRING_LOCKED
                                     ? "; the account is taken up once it is unlocked"
                                     : "; the account is taken up once the keyring can be read";

        (void) snprintf(w->problem, sizeof(w->problem), "%s", answer->problem);
        if (!streq(w->told, w->problem))
                log_warning("Account %s: %s in the keyring, and cannot be had: %s%s", w->name, w->vault->what,
                            w->problem, advice);
        (void) snprintf(w->told, sizeof(w->told), "%s", w->problem);
}

static void try_again(struct vault *v) {
        v->wait = v->wait == 0 ? AGAIN_FIRST : usec_min(2 * v->wait, AGAIN_MAX);
        later_set(&v->again, v->wait);
}

/* A keyring that has just come is on the bus before it has read what it has. */
static void note_failure(struct vault_wait *w, const struct keyring_answer *answer) {
        struct vault *v = w->vault;
        bool missing = answer->outcome == KEYRING_MISSING;

        if (missing && !w->missing)
                later_set(&v->again, LOADING_MAX);
        else {
                set_problem(w, answer);
                if (answer->outcome == KEYRING_FAILED || (missing && v->wait < AGAIN_MAX))
                        try_again(v);
        }
        w->missing = missing;
}

static void on_answer(const struct keyring_answer *answer, void *userdata) {
        struct vault_wait *w = userdata;
        struct vault *v = w->vault;

        if (answer->outcome == KEYRING_DONE) {
                v->wait = 0;
                w->secret = strdup(answer->secret);
                w->news = true;
        } else
                note_failure(w, answer);
        w->job = keyring_job_free(w->job);
        v->touched(v->userdata);
}

static void ask(struct vault_wait *w) {
        int r = keyring_get(&w->job, w->vault->bus, w->id, KEYRING_ASKS_NOBODY, on_answer, w);

        if (r < 0)
                set_problem(w, &(struct keyring_answer){ .outcome = KEYRING_ABSENT, .problem = strerror(-r) });
}

static void on_changed(void *userdata) {
        struct vault *v = userdata;

        v->changed = true;
        v->touched(v->userdata);
}

void vault_watch(struct vault *v) {
        if (!v->watch && keyring_watch_new(&v->watch, v->bus, on_changed, v) < 0)
                log_debug("The keyring cannot be watched");
}

static int begin(struct vault *v, const char *name, const struct session *s, const char *id) {
        struct vault_wait *w;

        if (v->n >= ACCOUNTS_MAX)
                return -E2BIG;
        w = calloc(1, sizeof(*w));
        if (!w)
                return -ENOMEM;
        w->vault = v;
        w->wanted = true;
        (void) snprintf(w->name, sizeof(w->name), "%s", name);
        w->user_id = strdup(s->user_id);
        w->homeserver = strdup(s->homeserver);
        w->id = strdup(id);
        if (!w->user_id || !w->homeserver || !w->id) {
                wait_free(w);
                return -ENOMEM;
        }
        v->waits[v->n++] = w;
        vault_watch(v);
        ask(w);
        return -EAGAIN;
}

int vault_look(struct vault *v, const char *name, const struct session *session, const char *id, const char **ret) {
        struct vault_wait **at = find(v, name), *w;

        if (at && !streq((*at)->id, id)) {
                drop(v, at);
                at = NULL;
        }
        if (!at)
                return begin(v, name, session, id);
        w = *at;
        w->wanted = true;
        if (!w->secret)
                return -EAGAIN;
        *ret = w->secret;
        return 0;
}

bool vault_is_in_vain(const struct vault *v, const char *name) {
        for (size_t i = 0; i < v->n; i++)
                if (streq(v->waits[i]->name, name))
                        return !v->waits[i]->job && !v->waits[i]->secret && v->waits[i]->told[0] != '\0';
        return false;
}

static void spend(struct vault_wait *w) {
        erase_and_free(w->secret);
        w->secret = NULL;
}

void vault_refuse(struct vault *v, const char *name) {
        struct vault_wait **at = find(v, name);

        if (!at)
                return;
        spend(*at);
        set_problem(*at,
                    &(struct keyring_answer){ .outcome = KEYRING_MISSING, .problem = "the entry there is broken" });
}

int vault_get(struct vault *v, const char *name, struct session *session) {
        const char *secret;
        int r = vault_look(v, name, session, session->keyring_id, &secret);

        if (r < 0)
                return r;
        if (session_secret_take(session, secret) < 0) {
                vault_refuse(v, name);
                return -EAGAIN;
        }
        spend(*find(v, name));
        return 0;
}

void vault_retry(struct vault *v) {
        for (size_t i = 0; i < v->n; i++)
                if (!v->waits[i]->job && !v->waits[i]->secret)
                        ask(v->waits[i]);
}

usec_t vault_run(struct vault *v, usec_t now, bool *ret_news, bool *ret_changed) {
        *ret_changed = v->changed;
        v->changed = false;
        if (later_run(&v->again, now) || *ret_changed)
                vault_retry(v);
        *ret_news = false;
        for (size_t i = 0; i < v->n; i++) {
                *ret_news = *ret_news || v->waits[i]->news;
                v->waits[i]->news = false;
        }
        return later_at(&v->again, now);
}

bool vault_is_open(const struct vault *v) {
        for (size_t i = 0; i < v->n; i++)
                if (v->waits[i]->secret || (v->waits[i]->job && v->waits[i]->told[0] == '\0'))
                        return true;
        return false;
}

bool vault_has(const struct vault *v, const char *name) {
        for (size_t i = 0; i < v->n; i++)
                if (streq(v->waits[i]->name, name))
                        return true;
        return false;
}

const char *vault_publish(const struct vault *v, size_t i, struct control *control) {
        const struct vault_wait *w = i < v->n ? v->waits[i] : NULL;
        char problem[256] = "";

        if (!w)
                return NULL;
        if (*w->problem)
                (void) snprintf(problem, sizeof(problem), "%s in the keyring: %s", w->vault->what, w->problem);
        if (control_set_account(control, &(struct control_account_view){
                                                 .name = w->name,
                                                 .user_id = w->user_id,
                                                 .homeserver = w->homeserver,
                                                 .server = "",
                                                 .state = connection_state_to_string(*problem ? CONNECTION_WAITING
                                                                                              : CONNECTION_CONNECTING),
                                                 .problem = problem,
                                         }) < 0)
                log_debug("Account %s cannot be published", w->name);
        return w->name;
}

static void on_removed(const struct keyring_answer *answer, void *userdata) {
        struct keyring_job **job = userdata;

        if (answer->outcome != KEYRING_DONE)
                log_debug("An entry of the keyring that is of no use any more stays there: %s", answer->problem);
        *job = keyring_job_free(*job);
}

void vault_remove(struct vault *v, const char *id) {
        struct keyring_job **job = v->removals, **end = v->removals + ARRAY_SIZE(v->removals);

        if (!v->bus)
                return;
        while (job < end && *job)
                job++;
        if (job == end || keyring_remove(job, v->bus, id, KEYRING_ASKS_NOBODY, on_removed, job) < 0)
                log_debug("An entry of the keyring that is of no use any more stays there");
}

void vault_done(struct vault *v) {
        for (size_t i = 0; i < ARRAY_SIZE(v->removals); i++)
                v->removals[i] = keyring_job_free(v->removals[i]);
        while (v->n > 0)
                drop(v, &v->waits[v->n - 1]);
        v->watch = keyring_watch_free(v->watch);
}
