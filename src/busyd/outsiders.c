/* Accounts without a session on disk, see outsiders.h. Each is
 *
 *   asking    there is a search for the homeserver, or a request to it
 *   known     `whose` is there: its account is taken up
 *   in vain   `problem` says why; asked again after a while, or when there is another token */
#include "busyd/outsiders.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>

#include "config/config.h"
#include "control/control.h"
#include "http/http.h"
#include "matrix/client/api.h"
#include "matrix/client/find.h"
#include "matrix/connection.h"
#include "util/later.h"
#include "util/log.h"

/* After an answer that was of no use: so long, then twice as long. */
#define AGAIN_FIRST (5 * USEC_PER_SEC)
#define AGAIN_MAX   (5 * USEC_PER_MIN)

struct outsider {
        struct outsiders *all;
        char name[ACCOUNT_NAME_MAX];
        char *homeserver, *user_id, *ca_file; /* as configured; NULL: not */
        char *token;
        struct http *http; /* its own: ca-file differs by account */
        struct matrix_find *find;
        struct matrix_client *client;
        char *address, *whose, *device; /* what came out */
        bool answered;                  /* ... or why nothing did: what asked is released in the next turn */
        bool rejected;                  /* not told yet */
        bool wanted;
        struct later again;
        usec_t wait; /* before it is asked again; 0: it was not in vain */
        char problem[512], told[512];
};

/* ---- what there is ---- */

static void release(struct outsider *x) {
        x->find = matrix_find_free(x->find);
        x->client = matrix_client_free(x->client);
        x->http = http_free(x->http);
        x->answered = false;
}

static bool is_asking(const struct outsider *x) {
        return x->http && !x->answered;
}

static struct outsider *outsider_free(struct outsider *x) {
        if (!x)
                return NULL;
        release(x);
        erase_and_free(x->token);
        free(x->homeserver);
        free(x->user_id);
        free(x->ca_file);
        free(x->address);
        free(x->whose);
        free(x->device);
        free(x);
        return NULL;
}
CLEANUP(struct outsider, outsider_free);

static struct outsider **find(struct outsiders *o, const char *name) {
        for (size_t i = 0; i < o->n; i++)
                if (streq(o->all[i]->name, name))
                        return &o->all[i];
        return NULL;
}

static void drop(struct outsiders *o, struct outsider **at) {
        outsider_free(*at);
        *at = o->all[--o->n];
}

void outsiders_sweep(struct outsiders *o) {
        for (size_t i = o->n; i > 0; i--)
                if (!o->all[i - 1]->wanted)
                        drop(o, &o->all[i - 1]);
        for (size_t i = 0; i < o->n; i++)
                o->all[i]->wanted = false;
}

void outsiders_done(struct outsiders *o) {
        while (o->n > 0)
                drop(o, &o->all[o->n - 1]);
}

/* ---- how asking ends ---- */

static void end(struct outsider *x) {
        x->answered = true;
        x->all->touched(x->all->userdata);
}

/* Said once, however often it is tried. */
static void set_problem(struct outsider *x, const char *format, ...) __attribute__((format(printf, 2, 3)));
static void set_problem(struct outsider *x, const char *format, ...) {
        va_list ap;

        va_start(ap, format);
        (void) vsnprintf(x->problem, sizeof(x->problem), format, ap);
        va_end(ap);
        if (!streq(x->told, x->problem))
                log_warning("Account %s is not taken up yet: %s", x->name, x->problem);
        (void) snprintf(x->told, sizeof(x->told), "%s", x->problem);
}

static void try_again(struct outsider *x, usec_t at_least) {
        x->wait = x->wait == 0 ? AGAIN_FIRST : usec_min(2 * x->wait, AGAIN_MAX);
        later_set(&x->again, at_least == USEC_NEVER || at_least < x->wait ? x->wait : at_least);
}

static void keep(struct outsider *x, const char *user_id, const char *device_id) {
        char *address = strdup(matrix_client_base_url(x->client)), *whose = strdup(user_id),
             *device = strdup(device_id);

        if (address && whose && device) {
                x->address = address;
                x->whose = whose;
                x->device = device;
                x->wait = 0;
                x->problem[0] = x->told[0] = '\0';
                return;
        }
        free(address);
        free(whose);
        free(device);
        set_problem(x, "%s", strerror(ENOMEM));
        try_again(x, USEC_NEVER);
}

static void on_whoami(const struct matrix_reply *reply, void *userdata) {
        struct outsider *x = userdata;
        const char *user_id, *device_id;

        if (reply->outcome == MATRIX_SIGNED_OUT) {
                x->rejected = true;
                set_problem(x, "%s does not take its token: give it another one", matrix_client_base_url(x->client));
                try_again(x, reply->retry_after);
        } else if (reply->outcome != MATRIX_OK) {
                set_problem(x, "%s: %s", matrix_client_base_url(x->client), reply->problem);
                try_again(x, reply->retry_after);
        } else if (matrix_whoami_parse(reply->body, &user_id, &device_id) < 0) {
                set_problem(x, "%s does not say whose its token is", matrix_client_base_url(x->client));
                try_again(x, USEC_NEVER);
        } else if (x->user_id && !streq(x->user_id, user_id))
                set_problem(x,
                            "its token is one of %s, and busyd.conf says user-id = %s: mend one of the two, then "
                            "'busyctl reload'",
                            user_id, x->user_id);
        else
                keep(x, user_id, device_id);
        end(x);
}

static void on_step(const char *what, const char *where, void *userdata) {
        const struct outsider *x = userdata;

        log_debug("Account %s: %s: %s", x->name, what, where);
}

static void on_found(struct matrix_client *client, const char *problem, void *userdata) {
        struct outsider *x = userdata;
        struct http_request *request;
        int r = 0;

        x->client = client;
        if (client)
                r = matrix_client_set_token(client, x->token);
        if (client && r >= 0)
                r = matrix_whoami_get(client, on_whoami, x, &request);
        if (client && r >= 0)
                return;
        set_problem(x, "%s", client ? strerror(-r) : problem);
        try_again(x, USEC_NEVER);
        end(x);
}

static void ask(struct outsider *x) {
        const struct matrix_find_handler handler = { .step = on_step, .done = on_found, .userdata = x };
        int r;

        later_clear(&x->again);
        release(x);
        if (!x->homeserver && !x->user_id) {
                set_problem(x,
                            "where is its homeserver? Give user-id = @me:example.org, or homeserver = "
                            "https://matrix.example.org, in the section [account %s] of busyd.conf, then "
                            "'busyctl reload'",
                            x->name);
                return;
        }
        r = http_new(&x->http, x->all->event, x->ca_file);
        if (r >= 0)
                r = matrix_find_new(&x->find, x->http, &handler);
        if (r >= 0) {
                matrix_find_begin(x->find, x->homeserver, x->user_id);
                return;
        }
        set_problem(x, "%s", strerror(-r));
        try_again(x, USEC_NEVER);
        release(x);
}

/* ---- asking ---- */

static bool same(const char *a, const char *b) {
        return a == b || (a && b && streq(a, b));
}

static bool is_about(const struct outsider *x, const struct account_config *config, const char *token) {
        return same(x->homeserver, config->homeserver) && same(x->user_id, config->user_id) &&
               same(x->ca_file, config->ca_file) && streq(x->token, token);
}

static bool copy(char **ret, const char *s) {
        *ret = s ? strdup(s) : NULL;
        return *ret || !s;
}

static int begin(struct outsiders *o, const char *name, const struct account_config *config, const char *token) {
        SCOPED(outsider_free) struct outsider *x = NULL;

        if (o->n >= ACCOUNTS_MAX)
                return -E2BIG;
        x = calloc(1, sizeof(*x));
        if (!x)
                return -ENOMEM;
        x->all = o;
        x->wanted = true;
        (void) snprintf(x->name, sizeof(x->name), "%s", name);
        if (!copy(&x->homeserver, config->homeserver) || !copy(&x->user_id, config->user_id) ||
            !copy(&x->ca_file, config->ca_file) || !copy(&x->token, token))
                return -ENOMEM;
        ask(x);
        o->all[o->n++] = TAKE(x);
        return -EAGAIN;
}

static int fill(const struct outsider *x, struct session *s) {
        char *homeserver = strdup(x->address), *user_id = strdup(x->whose), *device_id = strdup(x->device);

        if (homeserver && user_id && device_id) {
                s->homeserver = homeserver;
                s->user_id = user_id;
                s->device_id = device_id;
                return 0;
        }
        free(homeserver);
        free(user_id);
        free(device_id);
        return -ENOMEM;
}

int outsiders_get(struct outsiders *o, const char *name, const struct account_config *config,
                  struct session *session) {
        struct outsider **at = find(o, name);

        if (at && !is_about(*at, config, session->access_token)) {
                drop(o, at);
                at = NULL;
        }
        if (!at)
                return begin(o, name, config, session->access_token);
        (*at)->wanted = true;
        return (*at)->whose ? fill(*at, session) : -EAGAIN;
}

void outsiders_retry(struct outsiders *o) {
        for (size_t i = 0; i < o->n; i++)
                if (!o->all[i]->whose && !is_asking(o->all[i]))
                        later_set(&o->all[i]->again, 0);
}

usec_t outsiders_run(struct outsiders *o, usec_t now, bool *ret_news) {
        usec_t wake_at = USEC_NEVER;

        *ret_news = false;
        for (size_t i = 0; i < o->n; i++) {
                struct outsider *x = o->all[i];

                if (x->answered) {
                        *ret_news = *ret_news || x->whose;
                        release(x);
                }
                if (later_run(&x->again, now))
                        ask(x);
                wake_at = usec_min(wake_at, later_at(&x->again, now));
        }
        return wake_at;
}

const char *outsiders_take_rejected(struct outsiders *o) {
        for (size_t i = 0; i < o->n; i++)
                if (o->all[i]->rejected) {
                        o->all[i]->rejected = false;
                        return o->all[i]->name;
                }
        return NULL;
}

bool outsiders_are_open(const struct outsiders *o) {
        for (size_t i = 0; i < o->n; i++)
                if (o->all[i]->http && o->all[i]->told[0] == '\0')
                        return true;
        return false;
}

/* ---- what the bus shows ---- */

const char *outsiders_name(const struct outsiders *o, size_t i) {
        return i < o->n ? o->all[i]->name : NULL;
}

bool outsiders_wait(const struct outsiders *o, const char *name) {
        for (size_t i = 0; i < o->n; i++)
                if (streq(o->all[i]->name, name))
                        return !o->all[i]->whose;
        return false;
}

bool outsiders_publish(struct outsiders *o, size_t i, struct control *control, const struct instant *at) {
        struct outsider *x = o->all[i];

        if (x->whose)
                return false;
        if (control_set_account(control, &(struct control_account_view){
                                                 .name = x->name,
                                                 .user_id = x->user_id ? x->user_id : "",
                                                 .homeserver = x->homeserver ? x->homeserver : "",
                                                 .server = "",
                                                 .state = connection_state_to_string(
                                                         *x->problem ? CONNECTION_WAITING : CONNECTION_CONNECTING),
                                                 .problem = x->problem,
                                                 .retry_at_wall = instant_to_wall(at, later_at(&x->again, at->now)),
                                         }) < 0)
                log_debug("Account %s cannot be published", x->name);
        return true;
}
