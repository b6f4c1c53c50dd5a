/* The authorisation code, see auth-code.h. States:
 *
 *   REGISTERING  the server gets to know the client            -> OPEN
 *   OPEN         the user is in the browser                    -> EXCHANGING, by auth_code_exchange()
 *   EXCHANGING   the tokens are asked for, once: a code that is used again is taken for theft -> OVER
 *   OVER         the handler has been told */
#include <curl/curl.h>
#include <errno.h>
#include <stdarg.h>
#include <stdio.h>

#include "matrix/client/auth-code.h"
#include "matrix/client/pkce.h"

#define PROBLEM_MAX 512

enum auth_code_state {
        AUTH_CODE_REGISTERING,
        AUTH_CODE_OPEN,
        AUTH_CODE_EXCHANGING,
        AUTH_CODE_OVER,
};

struct auth_code {
        enum auth_code_state state;
        struct http *http;
        struct http_request *request;
        struct auth_code_handler handler;
        struct session session;
        char *authorization, *scope, *redirect, *word;
        char verifier[SECRET_WORD_SIZE];
        char problem[PROBLEM_MAX];
};

static void fail(struct auth_code *a, const char *format, ...) __attribute__((format(printf, 2, 3)));
static void fail(struct auth_code *a, const char *format, ...) {
        va_list ap;

        va_start(ap, format);
        (void) vsnprintf(a->problem, sizeof(a->problem), format, ap);
        va_end(ap);
        a->state = AUTH_CODE_OVER;
        a->handler.done(NULL, a->problem, a->handler.userdata);
}

static void fail_with_errno(struct auth_code *a, int error) {
        fail(a, "the request could not be made: %s", strerror(-error));
}

static void fail_with_reply(struct auth_code *a, const struct oauth_reply *reply, const char *what) {
        char text[PROBLEM_MAX];

        fail(a, "%s", oauth_failure(reply, what, text, sizeof(text)));
}

/* ---- the tokens ---- */

static void on_tokens(const struct oauth_reply *reply, void *userdata) {
        struct auth_code *a = userdata;

        a->request = NULL;
        if (oauth_tokens_take(reply, &a->session) >= 0) {
                a->state = AUTH_CODE_OVER;
                a->handler.done(&a->session, NULL, a->handler.userdata);
        } else if (reply->error && streq(reply->error, "invalid_grant"))
                fail(a,
                     "the login server does not know this login any more, as after a long time: run `busyctl login` "
                     "again");
        else
                fail_with_reply(a, reply, "the login");
}

void auth_code_exchange(struct auth_code *a, const char *code) {
        const struct oauth_field fields[] = {
                { "grant_type", "authorization_code" }, { "code", code },
                { "redirect_uri", a->redirect },        { "client_id", a->session.client_id },
                { "code_verifier", a->verifier },       {},
        };
        int r;

        if (a->state != AUTH_CODE_OPEN)
                return;
        a->state = AUTH_CODE_EXCHANGING;
        r = oauth_post_form(a->http, a->session.token_endpoint, fields, on_tokens, a, &a->request);
        if (r < 0)
                fail_with_errno(a, r);
}

bool auth_code_stop(struct auth_code *a) {
        return a->state == AUTH_CODE_EXCHANGING;
}

/* ---- the address ---- */

/* NULL: out of memory, or no address can be made of what the server gave. */
static char *make_address(const struct auth_code *a, const char *challenge) {
        const struct oauth_field query[] = {
                { "response_type", "code" },
                { "client_id", a->session.client_id },
                { "redirect_uri", a->redirect },
                { "scope", a->scope },
                { "state", a->word },
                { "code_challenge", challenge },
                { "code_challenge_method", "S256" },
                {},
        };
        char *address = NULL, *own = NULL;

        if (oauth_address_with(a->authorization, query, &address) >= 0 && oauth_address_is_plain(address))
                own = strdup(address);
        free(address);
        return own;
}

static void open_page(struct auth_code *a) {
        char challenge[SECRET_WORD_SIZE];
        SCOPED(free) char *address = NULL;
        int r = secret_word(a->verifier);

        if (r >= 0)
                r = pkce_challenge(a->verifier, challenge);
        if (r < 0) {
                fail(a, "the proof of this login cannot be made: %s", strerror(-r));
                return;
        }
        address = make_address(a, challenge);
        if (!address) {
                fail(a, "the login server gives no address that a browser can open: tell its administrator");
                return;
        }
        a->state = AUTH_CODE_OPEN;
        a->handler.open(address, a->handler.userdata);
}

static void on_registered(const struct oauth_reply *reply, void *userdata) {
        struct auth_code *a = userdata;
        int r = oauth_client_take(reply, &a->session);

        a->request = NULL;
        if (r == -EBADMSG)
                fail_with_reply(a, reply, "registering busyd");
        else if (r < 0)
                fail_with_errno(a, r);
        else
                open_page(a);
}

/* ---- the object ---- */

struct auth_code *auth_code_free(struct auth_code *a) {
        if (!a)
                return NULL;
        http_request_free(a->request);
        session_done(&a->session);
        free(a->authorization);
        free(a->scope);
        free(a->redirect);
        free(a->word);
        explicit_bzero(a->verifier, sizeof(a->verifier));
        free(a);
        return NULL;
}

static int copy(char **ret, const char *s) {
        *ret = s ? strdup(s) : NULL;
        return !s || *ret ? 0 : -ENOMEM;
}

int auth_code_start(struct auth_code **ret, struct http *http, const struct oauth_server *server,
                    const char *device_id, const char *redirect, const char *state,
                    const struct auth_code_handler *handler) {
        SCOPED(auth_code_free) struct auth_code *a = NULL;
        char made[32];
        int r;

        if (!oauth_has_code(server))
                return -EOPNOTSUPP;
        a = calloc(1, sizeof(*a));
        if (!a)
                return -ENOMEM;
        a->http = http;
        a->handler = *handler;
        if (copy(&a->authorization, server->authorization) < 0 || copy(&a->redirect, redirect) < 0 ||
            copy(&a->word, state) < 0 || copy(&a->session.token_endpoint, server->token) < 0 ||
            copy(&a->session.revocation_endpoint, server->revocation) < 0)
                return -ENOMEM;
        r = device_id ? 0 : oauth_device_id(made, sizeof(made));
        if (r < 0)
                return r;
        a->scope = oauth_scope(device_id ? device_id : made);
        if (!a->scope)
                return -ENOMEM;
        r = oauth_register(http, server, redirect, on_registered, a, &a->request);
        if (r < 0)
                return r;

        *ret = TAKE(a);
        return 0;
}
