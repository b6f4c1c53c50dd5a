/* Questions, one after the other: /versions, the server's name, paths of some servers' own as long as nothing says
 * what it is, /account/whoami, /capabilities. */
#include "matrix/server/probe.h"

#include <errno.h>
#include <stdio.h>

#include "json/json.h"
#include "util/text.h"

struct connect {
        struct matrix_client *client;
        connect_done_t done;
        void *userdata;
        struct http_request *request;
        struct connect_facts facts;
        json_t *features;   /* unstable ones, of /versions; or NULL */
        size_t n_own_paths; /* asked */
        const char *own_name;
};

static void fail(struct connect *c, const struct matrix_reply *reply) {
        c->done(reply, NULL, c->userdata);
}

static void fail_with(struct connect *c, enum matrix_outcome outcome, const char *problem) {
        fail(c, &(struct matrix_reply){
                        .outcome = outcome, .problem = problem, .retry_after = USEC_NEVER, .now = c->facts.now });
}

/* Only the profile rests on it: a server that refuses to tell has none. */
static void on_capabilities(const struct matrix_reply *reply, void *userdata) {
        struct connect *c = userdata;

        c->request = NULL;
        c->facts.now = reply->now;
        switch (reply->outcome) {
        case MATRIX_OK:
        case MATRIX_REFUSED:
        case MATRIX_NOT_FOUND:
        case MATRIX_UNRECOGNIZED:
        case MATRIX_NOT_MATRIX:
        case MATRIX_BAD_TOKEN_POS:
        case MATRIX_BAD_FILTER:
                break;
        case MATRIX_RETRY:
        case MATRIX_UNSURE:
        case MATRIX_SIGNED_OUT:
        case MATRIX_LOCKED:
                fail(c, reply);
                return;
        }
        c->facts.profile = profile_support(&c->facts.versions, reply->outcome == MATRIX_OK ? reply->body : NULL);
        c->done(NULL, &c->facts, c->userdata);
}

static void on_whoami(const struct matrix_reply *reply, void *userdata) {
        struct connect *c = userdata;
        const char *user = json_member_string(reply->body, "user_id");
        const char *device = json_member_string(reply->body, "device_id");
        int r;

        c->request = NULL;
        c->facts.now = reply->now;
        if (reply->outcome != MATRIX_OK) {
                fail(c, reply);
                return;
        }
        if (!user || strlen(user) >= sizeof(c->facts.user_id) ||
            (device && strlen(device) >= sizeof(c->facts.device_id))) {
                fail_with(c, MATRIX_NOT_MATRIX, "the server does not say whose the session is");
                return;
        }
        (void) snprintf(c->facts.user_id, sizeof(c->facts.user_id), "%s", user);
        (void) snprintf(c->facts.device_id, sizeof(c->facts.device_id), "%s", device ? device : "");
        r = matrix_capabilities_get(c->client, on_capabilities, c, &c->request);
        if (r < 0)
                fail_with(c, MATRIX_RETRY, strerror(-r));
}

static int ask_whoami(struct connect *c) {
        return matrix_whoami_get(c->client, on_whoami, c, &c->request);
}

/* A proxy's name is of no use to anybody. */
static void name_server(struct connect *c, const struct server_signs *signs) {
        struct connect_facts *facts = &c->facts;
        const char *name = signs->name ? signs->name : signs->header;
        char text[sizeof(facts->server)];

        facts->traits = server_traits_of(signs);
        if (!signs->name && !server_is_known(server_traits_find(signs->header, NULL)))
                name = server_is_known(facts->traits) ? facts->traits->name : NULL;
        if (!name)
                return;
        (void) snprintf(text, sizeof(text), "%s%s%s", name, signs->version ? " " : "",
                        signs->version ? signs->version : "");
        (void) text_printable(facts->server, sizeof(facts->server), text);
}

static void take_signs(struct connect *c, const char *name, const char *version, const char *header) {
        name_server(c, &(struct server_signs){ .name = name,
                                               .version = version,
                                               .header = header,
                                               .features = c->features,
                                               .busy_flag = c->facts.versions.busy_presence });
}

static int ask_next_sign(struct connect *c);

/* A page that comes for every path says nothing; neither does an answer that names nobody. */
static void on_own_path(const struct matrix_reply *reply, void *userdata) {
        struct connect *c = userdata;
        const char *name = json_member_string(reply->body, "name"),
                   *version = json_member_string(reply->body, "version");
        int r;

        c->request = NULL;
        c->facts.now = reply->now;
        if (reply->status == 0) {
                fail(c, reply);
                return;
        }
        if (reply->status == 200 && reply->raw_size == 0)
                name = c->own_name;
        if (reply->status == 200 && name && server_is_known(server_traits_find(name, version)))
                take_signs(c, name, version, NULL);
        r = ask_next_sign(c);
        if (r < 0)
                fail_with(c, MATRIX_RETRY, strerror(-r));
}

static int ask_next_sign(struct connect *c) {
        const char *path = server_is_known(c->facts.traits) ? NULL : server_own_path(c->n_own_paths++, &c->own_name);

        return path ? matrix_own_path_get(c->client, path, on_own_path, c, &c->request) : ask_whoami(c);
}

/* Many set-ups do not let clients ask this; then other signs have to do. */
static void on_server(const struct matrix_reply *reply, void *userdata) {
        struct connect *c = userdata;
        const char *name = NULL, *version = NULL;
        int r;

        c->request = NULL;
        c->facts.now = reply->now;
        if (reply->status == 0) {
                fail(c, reply);
                return;
        }
        if (reply->outcome == MATRIX_OK)
                (void) matrix_server_version_parse(reply->body, &name, &version);
        take_signs(c, name, version, reply->server);
        r = ask_next_sign(c);
        if (r < 0)
                fail_with(c, MATRIX_RETRY, strerror(-r));
}

static void on_versions(const struct matrix_reply *reply, void *userdata) {
        struct connect *c = userdata;
        int r;

        c->request = NULL;
        c->facts.now = reply->now;
        if (reply->outcome != MATRIX_OK) {
                fail(c, reply);
                return;
        }
        if (matrix_versions_parse(reply->body, &c->facts.versions) < 0) {
                fail_with(c, MATRIX_NOT_MATRIX, "no Matrix homeserver answers there");
                return;
        }
        c->features = json_incref((json_t *) json_member_object(reply->body, "unstable_features"));
        r = matrix_server_version_get(c->client, on_server, c, &c->request);
        if (r < 0)
                fail_with(c, MATRIX_RETRY, strerror(-r));
}

int connect_start(struct connect **ret, struct matrix_client *client, connect_done_t done, void *userdata) {
        SCOPED(connect_free) struct connect *c = calloc(1, sizeof(*c));
        int r;

        if (!c)
                return -ENOMEM;
        c->client = client;
        c->done = done;
        c->userdata = userdata;
        r = matrix_versions_get(client, on_versions, c, &c->request);
        if (r < 0)
                return r;
        *ret = TAKE(c);
        return 0;
}

struct connect *connect_free(struct connect *c) {
        if (!c)
                return NULL;
        http_request_free(c->request);
        json_decref(c->features);
        free(c);
        return NULL;
}
