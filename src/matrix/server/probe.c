/* Two rows of questions, each one after the other, both at the same time, as an account keeps two connections:
 *   what it is:       /versions, the server's name, paths of some servers' own as long as nothing says what it is
 *   what we are there: /account/whoami, /capabilities */
#include "matrix/server/probe.h"

#include <errno.h>
#include <stdio.h>

#include "json/json.h"
#include "util/text.h"

enum question {
        ASK_VERSIONS,
        ASK_SERVER,
        ASK_OWN_PATH,
        ASK_WHOAMI,
        ASK_CAPABILITIES,
        ASKED_ALL,
};

struct row {
        struct probe *probe;
        enum question question; /* in flight; ASKED_ALL: none is */
        struct http_request *request;
};

struct probe {
        struct matrix_client *client;
        probe_done_t done;
        void *userdata;
        struct row what, whose;
        struct matrix_reply failure; /* of `whose`, to be told if `what` knows of none: nothing there is the reason */
        bool failed;
        char problem[512]; /* of the failure */
        struct probe_facts facts;
        json_t *features;     /* unstable ones, of /versions; or NULL */
        json_t *capabilities; /* or NULL */
        bool answers_all;     /* also what nobody has: an empty answer means nothing */
        size_t n_own_paths;
        const struct server_own_path *own_path; /* the one in flight */
        const char *shown;                      /* by an empty answer at the last path where that shows something */
};

/* ---- what the answers tell: 0, or why there is no use in going on ---- */

/* An answer that does not say it. */
static int missing(struct matrix_reply *failure, const char *problem) {
        failure->outcome = MATRIX_NOT_MATRIX;
        failure->problem = problem;
        failure->retry_after = USEC_NEVER;
        return -EBADMSG;
}

static int take_versions(struct probe *p, const struct matrix_reply *reply, struct matrix_reply *failure) {
        if (reply->outcome != MATRIX_OK)
                return -EIO;
        if (matrix_versions_parse(reply->body, &p->facts.versions) < 0)
                return missing(failure, "no Matrix homeserver answers there");
        p->features = json_incref((json_t *) json_member_object(reply->body, "unstable_features"));
        return 0;
}

/* A proxy's name is of no use to anybody. */
static void name_server(struct probe *p, const struct server_signs *signs) {
        struct probe_facts *facts = &p->facts;
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

static void take_signs(struct probe *p, const char *name, const char *version, const char *header) {
        name_server(p, &(struct server_signs){ .name = name,
                                               .version = version,
                                               .header = header,
                                               .features = p->features,
                                               .busy_flag = p->facts.versions.busy_presence });
}

static bool is_empty(const struct matrix_reply *reply) {
        return reply->status == 200 && reply->raw_size == 0;
}

/* That there is no such thing: with that question the server says no more of what it is. */
static bool denies(const struct matrix_reply *reply) {
        return reply->outcome == MATRIX_UNRECOGNIZED || reply->outcome == MATRIX_NOT_FOUND ||
               reply->outcome == MATRIX_REFUSED;
}

/* Many set-ups do not let clients ask this; then other signs have to do. */
static int take_server(struct probe *p, const struct matrix_reply *reply) {
        const char *name = NULL, *version = NULL;

        if (reply->status == 0)
                return -EIO;
        p->answers_all = is_empty(reply);
        if (reply->outcome == MATRIX_OK)
                (void) matrix_server_version_parse(reply->body, &name, &version);
        p->facts.server_told = name || denies(reply);
        take_signs(p, name, version, reply->server);
        return 0;
}

/* A page that comes for every path says nothing; neither does an answer that names nobody. An empty one is a sign of a
 * server that does not offer busy, and of none where what nobody has is answered as well, by something in between. */
static int take_own_path(struct probe *p, const struct matrix_reply *reply) {
        const struct server_own_path *own = p->own_path;
        const char *name = json_member_string(reply->body, "name"),
                   *version = json_member_string(reply->body, "version");

        if (reply->status == 0)
                return -EIO;
        p->facts.server_told = p->facts.server_told && denies(reply);
        if (own->shows)
                p->shown = is_empty(reply) && !p->facts.versions.busy_presence ? own->shows : NULL;
        else if (is_empty(reply) || (own->confirms && reply->status != 404))
                p->answers_all = true;
        if (reply->status == 200 && name && server_is_known(server_traits_find(name, version))) {
                take_signs(p, name, version, NULL);
                p->facts.server_told = true;
        }
        return 0;
}

static bool is_shown(const struct probe *p) {
        return p->shown && !p->answers_all;
}

static void take_what_is_shown(struct probe *p) {
        if (server_is_known(p->facts.traits) || !is_shown(p))
                return;
        take_signs(p, p->shown, NULL, NULL);
        p->facts.server_told = true;
}

static int take_whoami(struct probe *p, const struct matrix_reply *reply, struct matrix_reply *failure) {
        const char *user = json_member_string(reply->body, "user_id");
        const char *device = json_member_string(reply->body, "device_id");

        if (reply->outcome != MATRIX_OK)
                return -EIO;
        if (!user || strlen(user) >= sizeof(p->facts.user_id) ||
            (device && strlen(device) >= sizeof(p->facts.device_id)))
                return missing(failure, "the server does not say whose the session is");
        (void) snprintf(p->facts.user_id, sizeof(p->facts.user_id), "%s", user);
        (void) snprintf(p->facts.device_id, sizeof(p->facts.device_id), "%s", device ? device : "");
        return 0;
}

/* Only the profile rests on it: a server that refuses to tell has none. */
static int take_capabilities(struct probe *p, const struct matrix_reply *reply) {
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
                return -EIO;
        }
        p->facts.profile_told = reply->outcome != MATRIX_NOT_MATRIX;
        if (reply->outcome == MATRIX_OK)
                p->capabilities = json_incref(reply->body);
        return 0;
}

/* `failure`: the answer itself, to be made more exact. */
static int take(struct probe *p, enum question question, const struct matrix_reply *reply,
                struct matrix_reply *failure) {
        switch (question) {
        case ASK_VERSIONS:
                return take_versions(p, reply, failure);
        case ASK_SERVER:
                return take_server(p, reply);
        case ASK_OWN_PATH:
                return take_own_path(p, reply);
        case ASK_WHOAMI:
                return take_whoami(p, reply, failure);
        case ASK_CAPABILITIES:
                return take_capabilities(p, reply);
        case ASKED_ALL:
                break;
        }
        return 0;
}

/* ---- the questions ---- */

static const struct server_own_path *next_own_path(struct probe *p) {
        const struct server_own_path *next;

        if (server_is_known(p->facts.traits))
                return NULL;
        do
                next = server_own_path(p->n_own_paths++);
        while (next && next->confirms && !is_shown(p));
        return next;
}

static enum question question_after(struct probe *p, enum question question) {
        switch (question) {
        case ASK_VERSIONS:
                return ASK_SERVER;
        case ASK_SERVER:
        case ASK_OWN_PATH:
                p->own_path = next_own_path(p);
                if (p->own_path)
                        return ASK_OWN_PATH;
                take_what_is_shown(p);
                break;
        case ASK_WHOAMI:
                return ASK_CAPABILITIES;
        case ASK_CAPABILITIES:
        case ASKED_ALL:
                break;
        }
        return ASKED_ALL;
}

static void on_reply(const struct matrix_reply *reply, void *userdata);

static int ask(struct row *row) {
        struct matrix_client *client = row->probe->client;

        switch (row->question) {
        case ASK_VERSIONS:
                return matrix_versions_get(client, on_reply, row, &row->request);
        case ASK_SERVER:
                return matrix_server_version_get(client, on_reply, row, &row->request);
        case ASK_OWN_PATH:
                return matrix_own_path_get(client, row->probe->own_path->path, on_reply, row, &row->request);
        case ASK_WHOAMI:
                return matrix_whoami_get(client, on_reply, row, &row->request);
        case ASK_CAPABILITIES:
                return matrix_capabilities_get(client, on_reply, row, &row->request);
        case ASKED_ALL:
                break;
        }
        return 0;
}

/* Where no homeserver answers, /versions says so. */
static void fail(struct row *row, const struct matrix_reply *failure) {
        struct probe *p = row->probe;

        if (row == &p->what || p->what.question != ASK_VERSIONS) {
                p->done(failure, NULL, p->userdata);
                return;
        }
        p->failed = true;
        p->failure = (struct matrix_reply){ .outcome = failure->outcome,
                                            .problem = p->problem,
                                            .status = failure->status,
                                            .retry_after = failure->retry_after,
                                            .now = failure->now,
                                            .wall = failure->wall };
        (void) snprintf(p->problem, sizeof(p->problem), "%s", failure->problem ? failure->problem : "");
        row->question = ASKED_ALL;
}

static void finish(struct probe *p) {
        p->facts.profile = profile_support(&p->facts.versions, p->capabilities);
        p->done(NULL, &p->facts, p->userdata);
}

static void on_reply(const struct matrix_reply *reply, void *userdata) {
        struct row *row = userdata;
        struct probe *p = row->probe;
        struct matrix_reply failure = *reply;
        int r;

        row->request = NULL;
        p->facts.now = reply->now;
        if (take(p, row->question, reply, &failure) < 0) {
                fail(row, &failure);
                return;
        }
        row->question = question_after(p, row->question);
        if (p->failed) {
                p->failure.now = reply->now;
                p->done(&p->failure, NULL, p->userdata);
                return;
        }
        r = ask(row);
        if (r < 0)
                fail(row, &(struct matrix_reply){ .outcome = MATRIX_RETRY,
                                                  .problem = strerror(-r),
                                                  .retry_after = USEC_NEVER,
                                                  .now = reply->now });
        else if (p->what.question == ASKED_ALL && p->whose.question == ASKED_ALL)
                finish(p);
}

int probe_start(struct probe **ret, struct matrix_client *client, probe_done_t done, void *userdata) {
        SCOPED(probe_free) struct probe *p = calloc(1, sizeof(*p));
        int r;

        if (!p)
                return -ENOMEM;
        p->client = client;
        p->done = done;
        p->userdata = userdata;
        p->what = (struct row){ .probe = p, .question = ASK_VERSIONS };
        p->whose = (struct row){ .probe = p, .question = ASK_WHOAMI };
        r = ask(&p->what);
        if (r >= 0)
                r = ask(&p->whose);
        if (r < 0)
                return r;
        *ret = TAKE(p);
        return 0;
}

struct probe *probe_free(struct probe *p) {
        if (!p)
                return NULL;
        http_request_free(p->what.request);
        http_request_free(p->whose.request);
        json_decref(p->features);
        json_decref(p->capabilities);
        free(p);
        return NULL;
}
