/* See wire.h. A request's stages: on its way there, at the server (a poll waits there), on its way back. */
#include "wire.h"

#include <errno.h>
#include <stdio.h>
#include <sys/queue.h>

#include "http/http.h"
#include "torture.h"

#define LATE_MAX (60 * USEC_PER_SEC)

enum stage {
        TRAVELS,
        AT_SERVER, /* a poll */
        RETURNS,
        DONE,
};

struct http_request {
        struct wire *wire;
        struct http *http;
        struct http_request *next;
        enum request_kind kind;
        enum stage stage;
        usec_t at, give_up_at, cut_at;
        uint64_t looked;
        char *method, *uri, *token, *body;
        bool lands;   /* is carried out */
        bool ignored; /* the answer is not what comes back: `error` or `answer` is */
        bool orphan;  /* nobody waits for it */
        bool delivering, stranger, is_cut;
        const struct answer *answer;
        int error;
        bool unsent;
        struct exchange *exchange;
        unsigned status;
        char *text;
        http_done_t done;
        size_t (*thin)(void *thin_userdata, char *body, size_t had, size_t size);
        void *thin_userdata;
        void *userdata;
        void (*release)(void *userdata);
};

struct http {
        struct wire *wire;
};

struct wire {
        struct model *model;
        struct chance chance;
        struct wire_handler handler;
        struct http_request *requests; /* in the order of their start */
        struct wire_fault faults[WIRE_FAULTS_MAX];
        bool has_fault[WIRE_FAULTS_MAX];
        bool asleep;
        usec_t failed_at[REQUEST_KINDS], answered_at[REQUEST_KINDS]; /* as told to the product */
        struct wire_counters counters;
};

static struct wire *selected;

/* ---- answers that are not the server's own ---- */

static const struct answer {
        long status;
        const char *body;
        usec_t retry_after;
} answers[] = {
        { 429, "{\"errcode\":\"M_LIMIT_EXCEEDED\",\"error\":\"Too Many Requests\",\"retry_after_ms\":2000}", 0 },
        { 429, "{\"errcode\":\"M_LIMIT_EXCEEDED\",\"error\":\"Too Many Requests\"}", 0 },
        { 429, "{\"errcode\":\"M_LIMIT_EXCEEDED\",\"error\":\"Too Many Requests\",\"retry_after_ms\":0}", 0 },
        { 429, "{\"errcode\":\"M_LIMIT_EXCEEDED\",\"error\":\"Too Many Requests\",\"retry_after_ms\":-5}", 0 },
        { 429, "{\"errcode\":\"M_LIMIT_EXCEEDED\",\"error\":\"Too Many Requests\",\"retry_after_ms\":1e300}", 0 },
        { 429, "{\"errcode\":\"M_LIMIT_EXCEEDED\",\"retry_after_ms\":86400000}", 0 },
        { 429, "<html>slow down</html>", 30 * USEC_PER_SEC },
        { 500, "{\"errcode\":\"M_UNKNOWN\",\"error\":\"Internal server error\"}", 0 },
        { 502, "<html><h1>Bad gateway</h1></html>", 0 },
        { 503, "<html>back soon</html>", 20 * USEC_PER_SEC },
        { 504, "<html>Gateway timeout</html>", 0 },
        { 524, "<!DOCTYPE html><title>A timeout occurred</title>", 0 },
        { 403, "<html>Forbidden by policy</html>", 0 },
        { 404, "<html>Not found</html>", 0 },
        { 302, "<html>this way</html>", 0 },
        { 408, "", 0 },
        { 401, "{\"errcode\":\"M_UNKNOWN_TOKEN\",\"error\":\"Invalid access token passed.\"}", 0 },
        { 401, "{\"errcode\":\"M_UNKNOWN_TOKEN\",\"error\":\"expired\",\"soft_logout\":true}", 0 },
        { 401, "{\"errcode\":\"M_USER_LOCKED\",\"error\":\"locked\",\"soft_logout\":true}", 0 },
        { 400, "{\"errcode\":\"M_UNKNOWN_POS\",\"error\":\"unknown position\"}", 0 },
        { 400, "{\"errcode\":\"M_INVALID_PARAM\",\"error\":\"malformed sync token\"}", 0 },
};

static const struct answer odd[] = {
        { 200, "{}", 0 },
        { 200, "[]", 0 },
        { 200, "null", 0 },
        { 200, "", 0 },
        { 200, "<html>Welcome! Please sign in to the network.</html>", 0 },
        { 200, "{\"presence\":7,\"status_msg\":[],\"next_batch\":1,\"m.call\":0}", 0 },
        { 200, "{\"next_batch\":", 0 },
        { 204, "", 0 },
};

static const struct answer session_ended[] = {
        { 401, "{\"errcode\":\"M_UNKNOWN_TOKEN\",\"error\":\"Invalid access token passed.\"}", 0 },
        { 401, "{\"errcode\":\"M_UNKNOWN_TOKEN\",\"error\":\"expired\",\"soft_logout\":true}", 0 },
};

/* ---- words ---- */

const char *request_kind_to_string(enum request_kind k) {
        static const char *const names[] = {
                [REQUEST_VERSIONS] = "versions",
                [REQUEST_FACTS] = "facts",
                [REQUEST_FILTER] = "filter",
                [REQUEST_SYNC] = "sync",
                [REQUEST_MESSAGES] = "messages",
                [REQUEST_PRESENCE_GET] = "presence GET",
                [REQUEST_PRESENCE_PUT] = "presence PUT",
                [REQUEST_PROFILE_GET] = "profile GET",
                [REQUEST_PROFILE_PUT] = "profile PUT",
                [REQUEST_DATA_GET] = "account data GET",
                [REQUEST_DATA_PUT] = "account data PUT",
                [REQUEST_OTHER] = "other",
        };

        return names[k];
}

const char *wire_fault_kind_to_string(enum wire_fault_kind k) {
        static const char *const names[] = {
                [WIRE_REFUSED] = "refused", [WIRE_RESET] = "reset",           [WIRE_LOST_ANSWER] = "lost answer",
                [WIRE_LATE] = "late",       [WIRE_STALL] = "stall",           [WIRE_STALL_DONE] = "stall, done",
                [WIRE_SLOW] = "slow",       [WIRE_CUT] = "cut polls",         [WIRE_ANSWER] = "other answer",
                [WIRE_ODD] = "odd 200",     [WIRE_SESSION] = "session ended", [WIRE_STRANGER] = "a stranger",
        };

        return names[k];
}

static enum request_kind kind_of(const char *method, const char *uri) {
        bool get = streq(method, "GET");

        if (strstr(uri, "/sync?") || strstr(uri, "/sync"))
                return REQUEST_SYNC;
        if (strstr(uri, "/presence/"))
                return get ? REQUEST_PRESENCE_GET : REQUEST_PRESENCE_PUT;
        if (strstr(uri, "/profile/"))
                return get ? REQUEST_PROFILE_GET : REQUEST_PROFILE_PUT;
        if (strstr(uri, "/account_data/"))
                return get ? REQUEST_DATA_GET : REQUEST_DATA_PUT;
        if (strstr(uri, "/filter"))
                return REQUEST_FILTER;
        if (strstr(uri, "/messages"))
                return REQUEST_MESSAGES;
        if (strstr(uri, "client/versions"))
                return REQUEST_VERSIONS;
        if (strstr(uri, "whoami") || strstr(uri, "federation") || strstr(uri, "capabilities"))
                return REQUEST_FACTS;
        return REQUEST_OTHER;
}

/* ---- one request ---- */

static void unlink_request(struct http_request *r) {
        struct http_request **p = &r->wire->requests;

        while (*p != r)
                p = &(*p)->next;
        *p = r->next;
}

static void request_destroy(struct http_request *r) {
        unlink_request(r);
        exchange_free(r->exchange, (int64_t) (door_now() / USEC_PER_MSEC));
        free(r->method);
        free(r->uri);
        free(r->token);
        free(r->body);
        free(r->text);
        free(r);
}

static void let_go(struct http_request *r) {
        if (r->release)
                r->release(r->userdata);
        r->release = NULL;
        r->done = NULL;
        r->orphan = true;
}

static usec_t travel_time(struct wire *w) {
        return chance_between(&w->chance, 15 * USEC_PER_MSEC, 80 * USEC_PER_MSEC);
}

static void fails(struct http_request *r, int error, bool lands) {
        r->ignored = true;
        r->error = error;
        r->lands = lands;
}

static void answers_with(struct http_request *r, const struct answer *a, bool lands) {
        r->ignored = true;
        r->answer = a;
        r->lands = lands;
}

static void meet_fault(struct http_request *r, const struct wire_fault *f) {
        struct wire *w = r->wire;

        w->counters.faults[f->kind]++;
        switch (f->kind) {
        case WIRE_REFUSED:
                fails(r, -ECONNREFUSED, false);
                r->unsent = true;
                break;
        case WIRE_RESET:
                fails(r, -ECONNRESET, false);
                break;
        case WIRE_LOST_ANSWER:
                fails(r, -ECONNRESET, true);
                break;
        case WIRE_LATE:
                fails(r, -ECONNRESET, true);
                r->cut_at = chance_between(&w->chance, 100 * USEC_PER_MSEC, LATE_MAX);
                break;
        case WIRE_STALL:
                fails(r, -ETIMEDOUT, false);
                r->at = r->give_up_at;
                break;
        case WIRE_STALL_DONE:
                fails(r, -ETIMEDOUT, true);
                break;
        case WIRE_SLOW:
                r->at += chance_between(&w->chance, USEC_PER_SEC, 20 * USEC_PER_SEC);
                break;
        case WIRE_CUT:
                if (r->kind == REQUEST_SYNC)
                        r->cut_at = door_now() + chance_between(&w->chance, USEC_PER_SEC, 100 * USEC_PER_SEC);
                break;
        case WIRE_ANSWER:
                answers_with(r, &answers[f->answer % ARRAY_SIZE(answers)],
                             answers[f->answer % ARRAY_SIZE(answers)].status >= 500 && chance_percent(&w->chance, 40));
                break;
        case WIRE_ODD:
                answers_with(r, &odd[f->answer % ARRAY_SIZE(odd)], chance_percent(&w->chance, 50));
                break;
        case WIRE_STRANGER:
                r->stranger = r->kind == REQUEST_SYNC;
                break;
        case WIRE_SESSION:
                answers_with(r, &session_ended[f->answer % ARRAY_SIZE(session_ended)], false);
                break;
        case WIRE_FAULT_KINDS:
                break;
        }
}

static const struct wire_fault *pick_fault(struct wire *w, enum request_kind kind) {
        for (size_t i = 0; i < WIRE_FAULTS_MAX; i++) {
                const struct wire_fault *f = &w->faults[i];

                if (w->has_fault[i] && (f->kinds & 1U << kind) && chance_percent(&w->chance, f->percent))
                        return f;
        }
        return NULL;
}

int http_start(struct http *h, const struct http_call *call, http_done_t done, void *userdata,
               struct http_request **ret) {
        SPARED;
        struct wire *w = h->wire;
        const char *path = strstr(call->url, "://");
        struct http_request *r, **end = &w->requests;
        const struct wire_fault *f;

        if (!path)
                return -EINVAL;
        path = strchrnul(path + 3, '/');
        r = calloc(1, sizeof(*r));
        *r = (struct http_request){ .wire = w,
                                    .http = h,
                                    .kind = kind_of(call->method, path),
                                    .at = door_now() + travel_time(w),
                                    .give_up_at = usec_add(door_now(), call->timeout),
                                    .method = strdup(call->method),
                                    .uri = strdup(path),
                                    .token = call->token ? strdup(call->token) : NULL,
                                    .body = call->body ? strdup(call->body) : NULL,
                                    .lands = true,
                                    .done = done,
                                    .thin = call->thin,
                                    .thin_userdata = call->thin_userdata,
                                    .userdata = userdata,
                                    .release = call->release };
        while (*end)
                end = &(*end)->next;
        *end = r;
        *ret = r;
        if (!door_step()) {
                r->lands = false;
                r->ignored = true;
                return 0;
        }
        w->counters.requests[r->kind]++;
        f = pick_fault(w, r->kind);
        trace("  -> %s %s %s%s%s", r->method, r->uri, r->body ? r->body : "", f ? "  !" : "",
              f ? wire_fault_kind_to_string(f->kind) : "");
        if (f)
                meet_fault(r, f);
        w->handler.asked(w->handler.userdata, r->kind, r->method, r->uri, r->body);
        return 0;
}

struct http_request *http_request_free(struct http_request *r) {
        SPARED;

        if (!r || r->delivering || r->orphan)
                return NULL;
        let_go(r);
        /* What was sent may arrive all the same, and if not at once, then later. */
        if (r->stage == TRAVELS && r->lands && !door_is_dead() && chance_percent(&r->wire->chance, 70)) {
                r->wire->counters.orphans++;
                if (r->kind != REQUEST_SYNC && chance_percent(&r->wire->chance, 30)) {
                        r->wire->counters.late++;
                        r->at += chance_between(&r->wire->chance, 0, LATE_MAX);
                }
                return NULL;
        }
        request_destroy(r);
        return NULL;
}

static struct http_request *next_cut(const struct http *h) {
        for (struct http_request *r = h->wire->requests; r; r = r->next)
                if (r->http == h && r->is_cut)
                        return r;
        return NULL;
}

/* What becomes of such a request at the server is as open as with one that is cancelled. */
void http_cut(struct http *h) {
        SPARED;
        struct http_request *r;

        for (r = h->wire->requests; r; r = r->next)
                r->is_cut = r->http == h && !r->orphan && !r->delivering && (r->unsent || !streq(r->method, "POST"));
        while ((r = next_cut(h))) {
                const struct http_reply reply = { .error = -ENETRESET,
                                                  .sent = !r->unsent,
                                                  .problem = "the network has changed",
                                                  .retry_after = USEC_NEVER,
                                                  .now = door_now(),
                                                  .wall = door_wall() };

                trace("  <- %s cut", r->uri);
                h->wire->failed_at[r->kind] = door_now();
                r->is_cut = false;
                r->delivering = true;
                r->done(&reply, r->userdata);
                r->delivering = false;
                http_request_free(r);
        }
}

int http_new(struct http **ret, struct sd_event *event, const char *ca_file) {
        SPARED;

        *ret = calloc(1, sizeof(**ret));
        (*ret)->wire = selected;
        return 0;
}

struct http *http_free(struct http *h) {
        SPARED;

        if (!h)
                return NULL;
        for (struct http_request *r = h->wire->requests, *next; r; r = next) {
                next = r->next;
                if (r->http == h && !r->orphan)
                        http_request_free(r);
        }
        for (struct http_request *r = h->wire->requests; r; r = r->next)
                if (r->http == h)
                        r->http = NULL;
        free(h);
        return NULL;
}

bool http_host_is_loopback(const char *host) {
        return false;
}

/* ---- the server's end ---- */

static int64_t msec(usec_t t) {
        return (int64_t) (t / USEC_PER_MSEC);
}

static void answered(struct http_request *r) {
        const json_t *body = exchange_answer(r->exchange);

        r->status = exchange_status(r->exchange);
        r->text = body ? json_dumps(body, JSON_COMPACT | JSON_ENCODE_ANY) : strdup("{}");
        if (r->stranger && r->text[0] == '{') {
                char *text = NULL;

                if (asprintf(&text,
                             "{\"to_device\":{\"events\":[{\"type\":\"x\",\"sender\":\"@s:test\",\"content\":{"
                             "\"n\":18446744073709551615,\"r\":1e999,\"s\":\"\\ud800\"}}]}%s%s",
                             r->text[1] == '}' ? "" : ",", r->text + 1) >= 0) {
                        free(r->text);
                        r->text = text;
                }
        }
        r->exchange = exchange_free(r->exchange, msec(door_now()));
        r->stage = RETURNS;
        r->at = door_now() + travel_time(r->wire);
        if (door_is_traced() && !r->orphan && !r->ignored)
                trace("  <- %u %s %.400s", r->status, r->kind == REQUEST_SYNC ? "sync" : r->uri, r->text);
}

/* As a proxy cuts a poll: without a word, or with a page. */
static void cut(struct http_request *r) {
        r->exchange = exchange_free(r->exchange, msec(door_now()));
        r->ignored = true;
        if (chance_percent(&r->wire->chance, 50))
                r->error = -ECONNRESET;
        else
                r->answer = &answers[10 + chance_below(&r->wire->chance, 2)];
        r->stage = RETURNS;
        r->at = door_now() + travel_time(r->wire);
}

static void arrives(struct http_request *r) {
        if (!r->lands) {
                r->stage = RETURNS;
                return;
        }
        if (r->ignored && r->error == -ECONNRESET && r->cut_at > 0) {
                /* Told as lost now; another one of the same content lands later. */
                struct http_request *late = calloc(1, sizeof(*late));

                *late = (struct http_request){ .wire = r->wire,
                                               .kind = r->kind,
                                               .at = door_now() + r->cut_at,
                                               .give_up_at = USEC_NEVER,
                                               .method = strdup(r->method),
                                               .uri = strdup(r->uri),
                                               .token = r->token ? strdup(r->token) : NULL,
                                               .body = r->body ? strdup(r->body) : NULL,
                                               .lands = true,
                                               .orphan = true };
                late->next = r->next;
                r->next = late;
                r->wire->counters.late++;
                r->stage = RETURNS;
                return;
        }
        /* A renewal that was repeated, and lands after that was answered and before the new token was used, ends the
         * session: no client can do anything about it, and who reads `status` logs in again. */
        if (r->orphan && r->body && model_voids_tokens(r->wire->model, r->body)) {
                r->stage = RETURNS;
                return;
        }
        r->exchange = exchange_begin(
                r->wire->model,
                &(struct model_request){ .method = r->method, .uri = r->uri, .token = r->token, .body = r->body },
                msec(door_now()));
        exchange_run(r->exchange, msec(door_now()));
        if (r->orphan && door_is_traced())
                trace("  (lands: %s %s %s)", r->method, r->uri, r->body ? r->body : "");
        if (exchange_look(r->exchange, msec(door_now())) || r->orphan || r->ignored)
                answered(r);
        else {
                r->stage = AT_SERVER;
                r->looked = model_version(r->wire->model);
        }
        if (r->error == -ETIMEDOUT)
                r->at = r->give_up_at;
}

static usec_t due(const struct http_request *r) {
        usec_t at;

        if (r->stage == DONE)
                return USEC_NEVER;
        if (r->stage != AT_SERVER)
                return r->at;
        if (r->looked != model_version(r->wire->model))
                return 0;
        at = (usec_t) exchange_deadline(r->exchange, msec(door_now())) * USEC_PER_MSEC;
        if (r->cut_at > 0)
                at = usec_min(at, r->cut_at);
        return usec_min(at, r->give_up_at);
}

usec_t wire_deadline(struct wire *w) {
        usec_t at = USEC_NEVER;

        for (struct http_request *r = w->requests; r; r = r->next) {
                if (w->asleep && r->stage == RETURNS && !r->orphan)
                        continue;
                at = usec_min(at, due(r));
        }
        return at;
}

static bool is_ready(const struct http_request *r) {
        return r->stage == RETURNS && r->at <= door_now();
}

bool wire_run(struct wire *w) {
        SPARED;
        bool ready = false;

        for (struct http_request *r = w->requests, *next; r; r = next) {
                next = r->next;
                if (due(r) > door_now())
                        continue;
                if (r->stage == TRAVELS)
                        arrives(r);
                else if (r->stage == AT_SERVER) {
                        if (r->orphan || (r->cut_at > 0 && r->cut_at <= door_now()))
                                cut(r);
                        else if (exchange_look(r->exchange, msec(door_now())))
                                answered(r);
                        else if (door_now() >= r->give_up_at) {
                                r->exchange = exchange_free(r->exchange, msec(door_now()));
                                r->ignored = true;
                                r->error = -ETIMEDOUT;
                                r->stage = RETURNS;
                                r->at = door_now();
                        } else
                                r->looked = model_version(w->model);
                }
                next = r->next;
                if (r->stage == RETURNS && r->orphan)
                        request_destroy(r);
                else if (is_ready(r))
                        ready = true;
        }
        return ready && !w->asleep;
}

static void deliver(struct http_request *r) {
        struct http_reply reply = { .error = r->ignored ? r->error : 0,
                                    .sent = !r->unsent,
                                    .problem = r->error < 0 ? strerror(-r->error) : NULL,
                                    .retry_after = USEC_NEVER,
                                    .server = model_server_header(r->wire->model),
                                    .now = door_now(),
                                    .wall = door_wall() };

        if (r->ignored && r->answer) {
                reply.status = r->answer->status;
                reply.body = r->answer->body;
                if (r->answer->retry_after > 0)
                        reply.retry_after = r->answer->retry_after;
        } else if (!r->ignored) {
                reply.status = r->status;
                reply.body = r->text;
        }
        if (reply.status > 0)
                reply.date = (usec_t) model_wall(r->wire->model, msec(door_now())) / 1000 * USEC_PER_SEC;
        if (reply.body)
                reply.size = strlen(reply.body);
        if (reply.body == r->text && r->text && r->thin) {
                reply.size = r->thin(r->thin_userdata, r->text, 0, reply.size);
                r->text[reply.size] = '\0';
        }
        if (r->ignored)
                trace("  <- %s %s", r->uri, r->answer ? r->answer->body : strerror(-r->error));
        if (r->ignored)
                r->wire->failed_at[r->kind] = door_now();
        else
                r->wire->answered_at[r->kind] = door_now();
        r->delivering = true;
        r->done(&reply, r->userdata);
        r->delivering = false;
        let_go(r);
        request_destroy(r);
}

bool wire_deliver(struct wire *w) {
        for (struct http_request *r = w->requests; r; r = r->next)
                if (is_ready(r) && !r->orphan && r->done) {
                        deliver(r);
                        return true;
                }
        return false;
}

/* ---- the object ---- */

struct wire *wire_new(struct model *model, struct chance chance, const struct wire_handler *handler) {
        struct wire *w = calloc(1, sizeof(*w));

        w->model = model;
        w->chance = chance;
        w->handler = *handler;
        return w;
}

struct wire *wire_free(struct wire *w) {
        while (w && w->requests) {
                let_go(w->requests);
                request_destroy(w->requests);
        }
        free(w);
        return NULL;
}

void wire_select(struct wire *w) {
        selected = w;
}

void wire_set_fault(struct wire *w, size_t i, const struct wire_fault *f) {
        w->has_fault[i] = f;
        if (f)
                w->faults[i] = *f;
}

void wire_orphan(struct wire *w) {
        for (struct http_request *r = w->requests; r; r = r->next) {
                r->http = NULL;
                let_go(r);
                if (r->stage == AT_SERVER)
                        r->cut_at = door_now() + travel_time(w);
        }
}

void wire_set_asleep(struct wire *w, bool asleep) {
        w->asleep = asleep;
        for (struct http_request *r = w->requests; r && !asleep; r = r->next)
                if (!r->orphan && r->stage != TRAVELS) {
                        r->exchange = exchange_free(r->exchange, msec(door_now()));
                        r->ignored = true;
                        r->answer = NULL;
                        r->error = -ECONNRESET;
                        r->stage = RETURNS;
                        r->at = door_now() + travel_time(w);
                }
}

size_t wire_n_writes_in_flight(const struct wire *w, enum request_kind kind) {
        size_t n = 0;

        for (const struct http_request *r = w->requests; r; r = r->next)
                n += r->kind == kind && !r->orphan && r->stage != DONE;
        return n;
}

bool wire_is_under_way(const struct wire *w, enum request_kind kind) {
        for (const struct http_request *r = w->requests; r; r = r->next)
                if (r->kind == kind)
                        return true;
        return false;
}

bool wire_travels(const struct wire *w, enum request_kind kind) {
        for (const struct http_request *r = w->requests; r; r = r->next)
                if (r->kind == kind && r->stage == TRAVELS && r->lands)
                        return true;
        return false;
}

usec_t wire_failed_at(const struct wire *w, enum request_kind kind) {
        return w->failed_at[kind];
}

usec_t wire_answered_at(const struct wire *w, enum request_kind kind) {
        return w->answered_at[kind];
}

const struct wire_counters *wire_counters(const struct wire *w) {
        return &w->counters;
}
