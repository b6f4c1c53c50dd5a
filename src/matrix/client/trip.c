/* See trip.h. A trip is out, from trip_set_origin() on, until one request has come that is its own. */
#include <errno.h>
#include <stdio.h>

#include "matrix/client/oauth.h"
#include "matrix/client/pkce.h"
#include "matrix/client/trip.h"
#include "util/later.h"

#define PROBLEM_MAX 192

struct trip {
        enum trip_kind kind;
        char state[SECRET_WORD_SIZE];
        char *path, *redirect, *issuer;
        char *brought;
        char problem[PROBLEM_MAX];
        bool over;
        struct later give_up;
};

/* ---- what comes back ---- */

static enum trip_answer refuse(struct trip *t, const char *error) {
        const char *word = oauth_word(error);

        t->over = true;
        if (word && streq(word, "access_denied"))
                (void) snprintf(t->problem, sizeof(t->problem),
                                "the login was refused in the browser; if that was not meant, "
                                "run `busyctl login` again");
        else
                (void) snprintf(t->problem, sizeof(t->problem),
                                "the login server has ended the login%s%s%s: try again, or another way to "
                                "log in",
                                word ? " (" : "", word ? word : "", word ? ")" : "");
        return TRIP_REFUSED;
}

static enum trip_answer bring(struct trip *t, const char *secret) {
        t->over = true;
        t->brought = strdup(secret);
        if (t->brought)
                return TRIP_BACK;
        (void) snprintf(t->problem, sizeof(t->problem), "%s", strerror(ENOMEM));
        return TRIP_REFUSED;
}

/* RFC 9207: one login server must not pass for another. Not every one says who it is. */
static bool is_by_another(const struct trip *t, const char *issuer) {
        return issuer && t->issuer && !streq(issuer, t->issuer);
}

static enum trip_answer take_code(struct trip *t, trip_value_t value, void *request) {
        const char *state = value(request, "state"), *code = value(request, "code");
        const char *error = value(request, "error");

        if (!state || !streq(state, t->state) || (!error && (!code || !*code)))
                return TRIP_STRANGE;
        if (is_by_another(t, value(request, "iss"))) {
                t->over = true;
                (void) snprintf(t->problem, sizeof(t->problem),
                                "another login server than the homeserver's has answered: tell "
                                "its administrator");
                return TRIP_REFUSED;
        }
        return error ? refuse(t, error) : bring(t, code);
}

enum trip_answer trip_take(struct trip *t, trip_value_t value, void *request) {
        const char *token;

        if (t->over || !t->redirect)
                return TRIP_STRANGE;
        if (t->kind == TRIP_CODE)
                return take_code(t, value, request);
        token = value(request, "loginToken");
        return token && *token ? bring(t, token) : TRIP_STRANGE;
}

const char *trip_brought(const struct trip *t, const char **ret_problem) {
        *ret_problem = t->problem;
        return t->brought;
}

int trip_run(struct trip *t, usec_t now, usec_t *ret_next) {
        *ret_next = USEC_NEVER;
        if (t->over)
                return 0;
        if (later_run(&t->give_up, now))
                return 1;
        *ret_next = later_at(&t->give_up, now);
        return 0;
}

/* ---- where ---- */

const char *trip_path(const struct trip *t) {
        return t->path;
}

const char *trip_state(const struct trip *t) {
        return t->state;
}

const char *trip_redirect(const struct trip *t) {
        return t->redirect;
}

int trip_set_origin(struct trip *t, const char *origin) {
        char *redirect;

        if (asprintf(&redirect, "%s%s", origin, t->path) < 0)
                return -ENOMEM;
        free(t->redirect);
        t->redirect = redirect;
        later_set(&t->give_up, TRIP_TIME_MAX);
        return 0;
}

/* ---- the object ---- */

struct trip *trip_free(struct trip *t) {
        if (!t)
                return NULL;
        erase_and_free(t->brought);
        free(t->path);
        free(t->redirect);
        free(t->issuer);
        free(t);
        return NULL;
}

int trip_new(struct trip **ret, enum trip_kind kind, const char *issuer) {
        SCOPED(trip_free) struct trip *t = calloc(1, sizeof(*t));
        int r;

        if (!t)
                return -ENOMEM;
        t->kind = kind;
        r = secret_word(t->state);
        if (r < 0)
                return r;
        t->issuer = issuer ? strdup(issuer) : NULL;
        if (issuer && !t->issuer)
                return -ENOMEM;
        if (asprintf(&t->path, "/%s", kind == TRIP_CODE ? OAUTH_REDIRECT_PATH : t->state) < 0) {
                t->path = NULL;
                return -ENOMEM;
        }

        *ret = TAKE(t);
        return 0;
}
