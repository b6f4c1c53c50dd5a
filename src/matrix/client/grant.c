/* The device grant, see grant.h. States:
 *
 *   REGISTERING  the server gets to know the client     -> ASKING
 *   ASKING       for a code that the user may type      -> WAITING
 *   WAITING      until the next poll is due             -> POLLING, or ASKING when the code has run out
 *   POLLING      asking whether the user has said yes   -> WAITING, ASKING, or over
 *   OVER         the handler has been told; nothing more is sent: a second poll after the tokens came is taken for
 * theft by some servers, and ends the session */
#include <errno.h>
#include <stdarg.h>
#include <stdio.h>

#include "json/json.h"
#include "matrix/client/grant.h"
#include "util/later.h"
#include "util/text.h"

#define DEFAULT_LASTS (5 * USEC_PER_MIN)
#define LASTS_MAX     (60 * USEC_PER_MIN)
#define INTERVAL      5 /* seconds; RFC 8628 */
#define INTERVAL_MAX  60
#define SLOWER        (5 * USEC_PER_SEC)
/* Codes of one minute are replaced while the user is probably still there; afterwards nobody is. */
#define CODES_MAX   30
#define PATIENCE    (30 * USEC_PER_MIN)
#define PROBLEM_MAX 512

enum grant_state {
        GRANT_REGISTERING,
        GRANT_ASKING,
        GRANT_WAITING,
        GRANT_POLLING,
        GRANT_OVER,
};

struct oauth_grant {
        enum grant_state state;
        struct http *http;
        struct http_request *request;
        struct oauth_grant_handler handler;
        struct session session;
        char *device_authorization, *scope;
        char *device_code;
        usec_t interval;
        struct later poll, code_ends, give_up;
        unsigned n_codes;
        bool again;     /* the device of an earlier login is asked for */
        bool undecided; /* the last poll was not answered, and the user knows */
        bool stopped;
        char problem[PROBLEM_MAX];
};

static void fail(struct oauth_grant *g, const char *format, ...) __attribute__((format(printf, 2, 3)));
static void fail(struct oauth_grant *g, const char *format, ...) {
        va_list ap;

        va_start(ap, format);
        (void) vsnprintf(g->problem, sizeof(g->problem), format, ap);
        va_end(ap);
        g->state = GRANT_OVER;
        g->handler.done(NULL, g->problem, g->handler.userdata);
}

static void fail_with_errno(struct oauth_grant *g, int error) {
        fail(g, "the request could not be made: %s", strerror(-error));
}

/* Of a step that is not repeated by itself. */
static void fail_with_reply(struct oauth_grant *g, const struct oauth_reply *reply, const char *what) {
        char text[PROBLEM_MAX];

        fail(g, "%s", oauth_failure(reply, what, text, sizeof(text)));
}

static const char *word(const json_t *body, const char *key) {
        const char *s = json_member_string(body, key);

        return s && *s ? s : NULL;
}

/* ---- the user's code ---- */

static void ask_for_code(struct oauth_grant *g);

/* The code is of no use any more. */
static void ask_again(struct oauth_grant *g, usec_t now) {
        later_clear(&g->code_ends);
        if (g->n_codes < CODES_MAX && !later_run(&g->give_up, now))
                ask_for_code(g);
        else
                fail(g, "nobody has said yes in the browser for a long time: run `busyctl login` again");
}

static usec_t seconds_of(const json_t *body, const char *key, usec_t otherwise, usec_t max) {
        int64_t s = json_member_int(body, key, 0);

        if (s <= 0)
                return otherwise;
        return (uint64_t) s > max / USEC_PER_SEC ? max : (usec_t) s * USEC_PER_SEC;
}

/* Addresses are opened by people: what is no web address, or does not fit a line, is none. */
static const char *web_address(const json_t *body, const char *key) {
        const char *s = word(body, key);

        return s && oauth_address_is_plain(s) ? s : NULL;
}

static void take_code(struct oauth_grant *g, const struct oauth_reply *reply) {
        const char *device_code = word(reply->body, "device_code"), *code = word(reply->body, "user_code");
        const char *address = web_address(reply->body, "verification_uri");
        usec_t lasts = seconds_of(reply->body, "expires_in", DEFAULT_LASTS, LASTS_MAX);
        char shown[64];

        erase_and_free(g->device_code);
        g->device_code = device_code ? strdup(device_code) : NULL;
        if (!g->device_code || !code || !address) {
                fail_with_reply(g, reply, "the code to log in with");
                return;
        }
        if (g->n_codes++ == 0)
                later_set(&g->give_up, PATIENCE);
        g->interval = seconds_of(reply->body, "interval", INTERVAL * USEC_PER_SEC, INTERVAL_MAX * USEC_PER_SEC);
        later_set(&g->code_ends, lasts);
        later_set(&g->poll, g->interval);
        g->state = GRANT_WAITING;
        g->handler.show(
                &(struct oauth_code){
                        .address = address,
                        .complete = web_address(reply->body, "verification_uri_complete"),
                        .code = text_printable(shown, sizeof(shown), code),
                        .lasts = lasts,
                },
                g->handler.userdata);
}

static int choose_device(struct oauth_grant *g, const char *device_id) {
        char made[32];
        int r = device_id ? 0 : oauth_device_id(made, sizeof(made));

        if (r < 0)
                return r;
        free(g->scope);
        g->scope = oauth_scope(device_id ? device_id : made);
        g->again = device_id;
        return g->scope ? 0 : -ENOMEM;
}

/* Some servers let nobody be a device that they know already. */
static bool is_of_the_device(const struct oauth_grant *g, const struct oauth_reply *reply) {
        return g->again && reply->error && streq(reply->error, "invalid_scope");
}

static void ask_as_new_device(struct oauth_grant *g) {
        int r = choose_device(g, NULL);

        if (r < 0)
                fail_with_errno(g, r);
        else
                ask_for_code(g);
}

static void on_code(const struct oauth_reply *reply, void *userdata) {
        struct oauth_grant *g = userdata;

        g->request = NULL;
        if (reply->granted)
                take_code(g, reply);
        else if (is_of_the_device(g, reply))
                ask_as_new_device(g);
        else
                fail_with_reply(g, reply, "the code to log in with");
}

static void ask_for_code(struct oauth_grant *g) {
        const struct oauth_field fields[] = {
                { "client_id", g->session.client_id },
                { "scope", g->scope },
                {},
        };
        int r;

        g->state = GRANT_ASKING;
        r = oauth_post_form(g->http, g->device_authorization, fields, on_code, g, &g->request);
        if (r < 0)
                fail_with_errno(g, r);
}

/* ---- polling ---- */

static void go_on_waiting(struct oauth_grant *g, const struct oauth_reply *reply) {
        bool undecided = !reply->error;

        g->state = GRANT_WAITING;
        later_set(&g->poll, g->interval);
        if (undecided && !g->undecided)
                g->handler.waiting(reply->problem, g->handler.userdata);
        g->undecided = undecided;
}

static void give_code_up(struct oauth_grant *g) {
        g->state = GRANT_WAITING;
        later_set(&g->code_ends, 0);
}

static void take_tokens(struct oauth_grant *g, const struct oauth_reply *reply) {
        int r = oauth_tokens_take(reply, &g->session);

        if (r < 0) {
                fail_with_reply(g, reply, "the login");
                return;
        }
        g->state = GRANT_OVER;
        g->handler.done(&g->session, NULL, g->handler.userdata);
}

static void on_poll(const struct oauth_reply *reply, void *userdata) {
        struct oauth_grant *g = userdata;
        const char *error = reply->error ? reply->error : "";

        g->request = NULL;
        if (reply->granted)
                take_tokens(g, reply);
        else if (g->stopped)
                fail(g, "interrupted");
        else if (!reply->error || streq(error, "authorization_pending"))
                go_on_waiting(g, reply);
        else if (streq(error, "slow_down")) {
                g->interval = usec_min(g->interval + SLOWER, INTERVAL_MAX * USEC_PER_SEC);
                go_on_waiting(g, reply);
        } else if (streq(error, "access_denied"))
                fail(g, "the login was refused in the browser; if that was not meant, run `busyctl login` again");
        else if (is_of_the_device(g, reply))
                ask_as_new_device(g);
        else if (streq(error, "expired_token") || streq(error, "invalid_grant"))
                give_code_up(g); /* the latter also where the answer with the tokens was lost on the way */
        else
                fail_with_reply(g, reply, "the login");
}

static void poll_once(struct oauth_grant *g) {
        const struct oauth_field fields[] = {
                { "grant_type", OAUTH_DEVICE_GRANT },
                { "device_code", g->device_code },
                { "client_id", g->session.client_id },
                {},
        };
        int r;

        g->state = GRANT_POLLING;
        r = oauth_post_form(g->http, g->session.token_endpoint, fields, on_poll, g, &g->request);
        if (r < 0)
                fail_with_errno(g, r);
}

bool oauth_grant_stop(struct oauth_grant *g) {
        g->stopped = true;
        return g->state == GRANT_POLLING;
}

usec_t oauth_grant_run(struct oauth_grant *g, usec_t now) {
        if (g->state != GRANT_WAITING)
                return USEC_NEVER;
        (void) later_at(&g->give_up, now);
        if (later_run(&g->code_ends, now))
                ask_again(g, now);
        else if (later_run(&g->poll, now))
                poll_once(g);
        else
                return usec_min(later_at(&g->poll, now), later_at(&g->code_ends, now));
        return USEC_NEVER;
}

/* ---- the client ---- */

static void on_registered(const struct oauth_reply *reply, void *userdata) {
        struct oauth_grant *g = userdata;
        int r = oauth_client_take(reply, &g->session);

        g->request = NULL;
        if (r == -EBADMSG)
                fail_with_reply(g, reply, "registering busyd");
        else if (r < 0)
                fail_with_errno(g, r);
        else
                ask_for_code(g);
}

/* ---- the object ---- */

struct oauth_grant *oauth_grant_free(struct oauth_grant *g) {
        if (!g)
                return NULL;
        http_request_free(g->request);
        session_done(&g->session);
        erase_and_free(g->device_code);
        free(g->device_authorization);
        free(g->scope);
        free(g);
        return NULL;
}

static int copy(char **ret, const char *s) {
        *ret = s ? strdup(s) : NULL;
        return !s || *ret ? 0 : -ENOMEM;
}

int oauth_grant_start(struct oauth_grant **ret, struct http *http, const struct oauth_server *server,
                      const char *device_id, const struct oauth_grant_handler *handler) {
        SCOPED(oauth_grant_free) struct oauth_grant *g = NULL;
        int r;

        if (!server->device_authorization)
                return -EOPNOTSUPP;
        g = calloc(1, sizeof(*g));
        if (!g)
                return -ENOMEM;
        g->http = http;
        g->handler = *handler;
        if (copy(&g->device_authorization, server->device_authorization) < 0 ||
            copy(&g->session.token_endpoint, server->token) < 0 ||
            copy(&g->session.revocation_endpoint, server->revocation) < 0)
                return -ENOMEM;
        r = choose_device(g, device_id);
        if (r < 0)
                return r;
        g->state = GRANT_REGISTERING;
        r = oauth_register(http, server, NULL, on_registered, g, &g->request);
        if (r < 0)
                return r;

        *ret = TAKE(g);
        return 0;
}
