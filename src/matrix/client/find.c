/* .well-known (reference 8.1), then /versions. */
#include <errno.h>
#include <stdarg.h>
#include <stdio.h>

#include "json/json.h"
#include "matrix/client/api.h"
#include "matrix/client/find.h"

#define WELL_KNOWN_TIMEOUT (30 * USEC_PER_SEC)
#define WELL_KNOWN_MAX     (64U << 10)
#define PROBLEM_MAX        768

struct matrix_find {
        struct http *http;
        struct http_request *request;
        struct matrix_client *client;
        char *server_name; /* that .well-known is asked of */
        struct matrix_find_handler handler;
};

/* ---- how it ends; the callback may free the search, so nothing follows ---- */

static void fail(struct matrix_find *f, const char *format, ...) __attribute__((format(printf, 2, 3)));
static void fail(struct matrix_find *f, const char *format, ...) {
        char problem[PROBLEM_MAX];
        va_list ap;

        va_start(ap, format);
        (void) vsnprintf(problem, sizeof(problem), format, ap);
        va_end(ap);
        f->handler.done(NULL, problem, f->handler.userdata);
}

static void fail_with_errno(struct matrix_find *f, int error) {
        fail(f, "the request could not be made: %s", strerror(-error));
}

static void on_versions(const struct matrix_reply *reply, void *userdata) {
        struct matrix_find *f = userdata;
        struct matrix_versions versions;

        f->request = NULL;
        if (reply->status == 0)
                fail(f, "%s: %s; check the address if that lasts", matrix_client_base_url(f->client), reply->problem);
        else if (reply->outcome == MATRIX_RETRY || reply->outcome == MATRIX_UNSURE ||
                 reply->outcome == MATRIX_NOT_MATRIX)
                fail(f, "%s: %s", matrix_client_base_url(f->client), reply->problem);
        else if (reply->outcome != MATRIX_OK || matrix_versions_parse(reply->body, &versions) < 0)
                fail(f, "%s is not a Matrix homeserver: check its address", matrix_client_base_url(f->client));
        else
                f->handler.done(TAKE(f->client), NULL, f->handler.userdata);
}

static void use_homeserver(struct matrix_find *f, const char *url) {
        const char *problem;
        int r;

        r = matrix_base_url_check(url, &problem);
        if (r == -EINVAL || r == -EPERM) {
                fail(f, "%s", problem);
                return;
        }
        if (r >= 0)
                r = matrix_client_new(&f->client, f->http, url, NULL);
        if (r >= 0) {
                f->handler.step("Asking whether it is a homeserver", matrix_client_base_url(f->client),
                                f->handler.userdata);
                r = matrix_versions_get(f->client, on_versions, f, &f->request);
        }
        if (r < 0)
                fail_with_errno(f, r);
}

static void use_server_name(struct matrix_find *f) {
        SCOPED(free) char *url = NULL;

        if (asprintf(&url, "https://%s", f->server_name) < 0) {
                url = NULL;
                fail_with_errno(f, -ENOMEM);
                return;
        }
        use_homeserver(f, url);
}

static void on_well_known(const struct http_reply *reply, void *userdata) {
        SCOPED(json_decref) json_t *body = NULL;
        struct matrix_find *f = userdata;
        const char *url = NULL;
        int r;

        f->request = NULL;
        if (reply->error < 0) {
                fail(f,
                     "%s; if the homeserver of %s has another address, give that by --homeserver, or by \"homeserver "
                     "=\" in busyd.conf",
                     reply->problem, f->server_name);
                return;
        }
        if (reply->status == 404) {
                use_server_name(f);
                return;
        }
        r = reply->status == 200 ? json_parse(reply->body, reply->size, &body) : -EBADMSG;
        if (r >= 0)
                url = json_member_string(json_member_object(body, "m.homeserver"), "base_url");
        if (url)
                use_homeserver(f, url);
        else if (r == -ENOMEM)
                fail_with_errno(f, r);
        else
                fail(f,
                     "https://%s/.well-known/matrix/client does not name a homeserver: give the homeserver's address",
                     f->server_name);
}

/* With a port in it as it stands, as other clients do: the port is then one the server listens on. */
static void ask_well_known(struct matrix_find *f) {
        SCOPED(free) char *url = NULL;
        int r;

        f->handler.step("Looking up the homeserver", f->server_name, f->handler.userdata);
        if (asprintf(&url, "https://%s/.well-known/matrix/client", f->server_name) < 0) {
                url = NULL;
                fail_with_errno(f, -ENOMEM);
                return;
        }
        r = http_start(f->http,
                       &(struct http_call){
                               .method = "GET",
                               .url = url,
                               .timeout = WELL_KNOWN_TIMEOUT,
                               .body_max = WELL_KNOWN_MAX,
                               .follow = true,
                       },
                       on_well_known, f, &f->request);
        if (r < 0)
                fail_with_errno(f, r);
}

static const char *server_name_of(const char *user) {
        const char *colon = user && user[0] == '@' ? strchr(user, ':') : NULL;

        return colon ? colon + 1 : NULL;
}

void matrix_find_begin(struct matrix_find *f, const char *homeserver, const char *user) {
        const char *name = homeserver ? homeserver : server_name_of(user);

        if (homeserver && strstr(homeserver, "://")) {
                use_homeserver(f, homeserver);
                return;
        }
        if (!name) {
                fail(f, "which homeserver? Give the whole user id, like @me:example.org, or the homeserver's address "
                        "by --homeserver");
                return;
        }
        if (!*name || name[strspn(name, "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789.-:[]")]) {
                fail(f, "there is no server name in what was given: it must look like example.org");
                return;
        }
        f->server_name = strdup(name);
        if (f->server_name)
                ask_well_known(f);
        else
                fail_with_errno(f, -ENOMEM);
}

/* ---- the object ---- */

struct matrix_find *matrix_find_free(struct matrix_find *f) {
        if (!f)
                return NULL;
        http_request_free(f->request);
        matrix_client_free(f->client);
        free(f->server_name);
        free(f);
        return NULL;
}

int matrix_find_new(struct matrix_find **ret, struct http *http, const struct matrix_find_handler *handler) {
        struct matrix_find *f = calloc(1, sizeof(*f));

        if (!f)
                return -ENOMEM;
        f->http = http;
        f->handler = *handler;

        *ret = f;
        return 0;
}
