/* The wire side of the scripted homeserver: libmicrohttpd with a thread for each connection, the record of requests,
 * and the faults. What is answered is the model's (model.h). */
#include "homeserver.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fnmatch.h>
#include <microhttpd.h>
#include <poll.h>
#include <pthread.h>
#include <stdio.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include "model.h"

#define HS_BODY_MAX (1U << 20)

struct hs_waiter {
        int fd; /* eventfd, written at every change */
        struct hs_waiter *next;
};

struct hs_fault_slot {
        struct hs_fault fault;
        char *strings[7]; /* copies the fault points into */
        unsigned used;
        bool cleared;
};

/* Everything in it is under `lock`. */
struct hs {
        pthread_mutex_t lock;
        pthread_cond_t changed; /* for the test's thread */
        struct hs_waiter *waiters;
        struct MHD_Daemon *daemon;
        int reserved_fd; /* bound and never listening: keeps the port while stopped */
        uint16_t port;
        bool stopping;
        char url[64];

        struct model *model;
        char **shown; /* the states, as they came */
        size_t n_shown;
        void (*on_presence)(void *userdata, const char *presence, const char *message);
        void *on_presence_userdata;

        struct hs_request **requests;
        size_t n_requests;
        struct hs_fault_slot faults[HS_FAULTS_MAX];
        size_t n_faults;
        unsigned faults_cleared; /* how often */
        char *raw;               /* what stands for HS_RAW; NULL: itself */
};

/* One request under way. */
struct hs_context {
        struct hs *s;
        struct MHD_Connection *connection;
        struct hs_request *request;
        struct exchange *exchange;
};

static int64_t hs_now(void) {
        struct timespec t;

        clock_gettime(CLOCK_MONOTONIC, &t);
        return t.tv_sec * 1000 + t.tv_nsec / 1000000;
}

static int64_t hs_wall_now(void) {
        struct timespec t;

        clock_gettime(CLOCK_REALTIME, &t);
        return t.tv_sec * 1000 + t.tv_nsec / 1000000;
}

/* ---- waiting ---- */

/* Everything that waits looks again. */
static void hs_changed(struct hs *s) {
        for (struct hs_waiter *w = s->waiters; w; w = w->next)
                eventfd_write(w->fd, 1);
        pthread_cond_broadcast(&s->changed);
}

static void hs_waiter_add(struct hs *s, struct hs_waiter *w) {
        w->fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
        w->next = s->waiters;
        s->waiters = w;
}

static void hs_waiter_remove(struct hs *s, struct hs_waiter *w) {
        for (struct hs_waiter **p = &s->waiters; *p; p = &(*p)->next)
                if (*p == w) {
                        *p = w->next;
                        break;
                }
        close(w->fd);
}

/* Waits for a change, without the lock meanwhile. False: the client or the server is going. */
static bool hs_wait_change(struct hs_context *c, struct hs_waiter *w, int64_t until) {
        const union MHD_ConnectionInfo *info =
                MHD_get_connection_info(c->connection, MHD_CONNECTION_INFO_CONNECTION_FD);
        struct pollfd fds[] = {
                { .fd = info->connect_fd, .events = POLLRDHUP },
                { .fd = w->fd, .events = POLLIN },
        };
        int64_t left = until - hs_now();
        eventfd_t value;

        if (c->s->stopping)
                return false;
        if (left < 0)
                left = 0;
        pthread_mutex_unlock(&c->s->lock);
        (void) poll(fds, ARRAY_SIZE(fds), left > INT32_MAX ? -1 : (int) left);
        pthread_mutex_lock(&c->s->lock);
        eventfd_read(w->fd, &value);
        return !c->s->stopping && fds[0].revents == 0;
}

/* Waits until the faults of now are cleared. */
static bool wait_cleared(struct hs_context *c) {
        struct hs_waiter w;
        unsigned before = c->s->faults_cleared;
        bool there = true;

        hs_waiter_add(c->s, &w);
        while (there && c->s->faults_cleared == before)
                there = hs_wait_change(c, &w, INT64_MAX);
        hs_waiter_remove(c->s, &w);
        return there;
}

/* ---- one request, from its first byte to its answer ---- */

struct incoming {
        char *uri; /* raw, with the query */
        char *body;
        size_t size;
        bool seen;
};

static void *on_uri(void *userdata, const char *uri, struct MHD_Connection *connection) {
        struct incoming *in = calloc(1, sizeof(*in));

        if (in)
                in->uri = strdup(uri);
        return in;
}

static void on_completed(void *userdata, struct MHD_Connection *connection, void **state,
                         enum MHD_RequestTerminationCode code) {
        struct incoming *in = *state;

        if (!in)
                return;
        free(in->uri);
        free(in->body);
        free(in);
        *state = NULL;
}

static void record(struct hs_context *c, const char *method, const struct incoming *in) {
        const char *authorization = MHD_lookup_connection_value(c->connection, MHD_HEADER_KIND, "Authorization");
        const char *token = authorization && strncmp(authorization, "Bearer ", 7) == 0 ? authorization + 7 : NULL;
        struct hs_request *r = calloc(1, sizeof(*r));
        struct hs *s = c->s;

        c->exchange = exchange_begin(
                s->model,
                &(struct model_request){ .method = method, .uri = in->uri, .token = token, .body = in->body },
                hs_now());
        r->n = s->n_requests;
        r->method = strdup(method);
        r->path = strdup(exchange_path(c->exchange));
        r->query = strdup(exchange_query(c->exchange));
        r->body = strdup(in->body ?: "");
        r->device = strdup(exchange_device(c->exchange));
        r->token_in_header = token;
        r->token_in_url = strstr(in->uri, "access_token") || strstr(in->uri, "tok_");
        s->requests = reallocarray(s->requests, s->n_requests + 1, sizeof(struct hs_request *));
        s->requests[s->n_requests++] = r;
        c->request = r;
        hs_changed(s);
}

static bool matches(const struct hs_match *m, const struct hs_request *r) {
        return (!m->method || streq(m->method, r->method)) && (!m->path || fnmatch(m->path, r->path, 0) == 0) &&
               (!m->query || strstr(r->query, m->query)) && (!m->body || strstr(r->body, m->body));
}

static struct hs_fault_slot *find_fault(struct hs *s, const struct hs_request *r) {
        for (size_t i = 0; i < s->n_faults; i++) {
                struct hs_fault_slot *slot = &s->faults[i];

                if (slot->cleared || (slot->fault.times > 0 && slot->used >= slot->fault.times))
                        continue;
                if (!matches(&slot->fault.match, r))
                        continue;
                slot->used++;
                return slot;
        }
        return NULL;
}

/* Unset headers are left out, or what the library makes of them. */
static enum MHD_Result reply(struct hs_context *c, unsigned status, const char *body, const char *type,
                             const char *retry_after, const char *date) {
        struct MHD_Response *response = MHD_create_response_from_buffer(
                strlen(body), (void *) body, MHD_RESPMEM_MUST_COPY); /* NOLINT: the library's signature */
        enum MHD_Result result;

        MHD_add_response_header(response, "Content-Type", type);
        MHD_add_response_header(response, "Server", model_server_header(c->s->model));
        if (retry_after)
                MHD_add_response_header(response, "Retry-After", retry_after);
        if (date)
                MHD_add_response_header(response, "Date", date);
        c->request->status = status;
        hs_changed(c->s);
        result = MHD_queue_response(c->connection, status, response);
        MHD_destroy_response(response);
        return result;
}

static ssize_t endless(void *userdata, uint64_t position, char *buffer, size_t max) {
        memset(buffer, ' ', max);
        return (ssize_t) max;
}

static enum MHD_Result reply_endless(struct hs_context *c) {
        struct MHD_Response *response =
                MHD_create_response_from_callback(MHD_SIZE_UNKNOWN, 64 * 1024, endless, NULL, NULL);
        enum MHD_Result result;

        MHD_add_response_header(response, "Content-Type", "application/json");
        c->request->status = 200;
        hs_changed(c->s);
        result = MHD_queue_response(c->connection, 200, response);
        MHD_destroy_response(response);
        return result;
}

/* Does what is asked for, and waits where that takes time. */
static void run(struct hs_context *c) {
        struct hs_waiter w;

        exchange_run(c->exchange, hs_now());
        hs_changed(c->s);
        hs_waiter_add(c->s, &w);
        while (!exchange_look(c->exchange, hs_now()) &&
               hs_wait_change(c, &w, exchange_deadline(c->exchange, hs_now())))
                ;
        hs_waiter_remove(c->s, &w);
        hs_changed(c->s);
}

/* The text with each string HS_RAW replaced. */
static char *put_raw(const char *text, const char *raw) {
        static const char mark[] = "\"" HS_RAW "\"";
        char *out = NULL;
        size_t size = 0;
        FILE *f = open_memstream(&out, &size);

        for (const char *at; (at = strstr(text, mark)); text = at + strlen(mark))
                fprintf(f, "%.*s%s", (int) (at - text), text, raw);
        fputs(text, f);
        fclose(f);
        return out;
}

static enum MHD_Result answer(struct hs_context *c) {
        const json_t *body = exchange_answer(c->exchange);
        SCOPED(free) char *text = NULL, *with_raw = NULL;

        if (exchange_status(c->exchange) == 0)
                return MHD_NO; /* the client or the server went away meanwhile */
        text = body ? json_dumps(body, JSON_COMPACT | JSON_ENCODE_ANY) : strdup("{}");
        if (c->s->raw)
                with_raw = put_raw(text, c->s->raw);
        return reply(c, exchange_status(c->exchange), with_raw ?: text, "application/json", NULL, NULL);
}

static enum MHD_Result carry_out(struct hs_context *c) {
        struct hs_fault_slot *slot = find_fault(c->s, c->request);

        if (!slot) {
                run(c);
                return answer(c);
        }

        const struct hs_fault *f = &slot->fault;

        switch (f->kind) {
        case HS_ANSWER:
                return reply(c, f->status, f->body ?: "", f->content_type ?: "application/json", f->retry_after,
                             f->date);
        case HS_DROP_BEFORE:
                return MHD_NO;
        case HS_DROP_AFTER:
                run(c);
                return MHD_NO;
        case HS_HANG:
                (void) wait_cleared(c);
                return MHD_NO;
        case HS_HOLD_AFTER:
                run(c);
                return wait_cleared(c) ? answer(c) : MHD_NO;
        case HS_ENDLESS:
                return reply_endless(c);
        }
        return MHD_NO;
}

static enum MHD_Result append(struct incoming *in, const char *data, size_t *size) {
        char *grown = in->size + *size > HS_BODY_MAX ? NULL : realloc(in->body, in->size + *size + 1);

        if (!grown)
                return MHD_NO;
        memcpy(grown + in->size, data, *size);
        in->body = grown;
        in->size += *size;
        in->body[in->size] = 0;
        *size = 0;
        return MHD_YES;
}

static enum MHD_Result on_request(void *userdata, struct MHD_Connection *connection, const char *url,
                                  const char *method, const char *version, const char *data, size_t *size,
                                  void **state) {
        struct incoming *in = *state;
        struct hs_context c = { .s = userdata, .connection = connection };
        enum MHD_Result result;

        if (!in)
                return MHD_NO;
        if (!in->seen) {
                in->seen = true;
                return MHD_YES;
        }
        if (*size > 0)
                return append(in, data, size);

        pthread_mutex_lock(&c.s->lock);
        record(&c, method, in);
        result = carry_out(&c);
        exchange_free(c.exchange, hs_now());
        hs_changed(c.s);
        pthread_mutex_unlock(&c.s->lock);
        return result;
}

/* ---- there and gone ---- */

static int bind_socket(uint16_t port, int *ret_fd, uint16_t *ret_port) {
        struct sockaddr_in address = { .sin_family = AF_INET,
                                       .sin_port = htons(port),
                                       .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
        socklen_t size = sizeof(address);
        int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

        if (fd < 0)
                return -errno;
        (void) setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &(int){ 1 }, sizeof(int));
        if (bind(fd, (struct sockaddr *) &address, size) < 0 ||
            getsockname(fd, (struct sockaddr *) &address, &size) < 0) {
                int r = -errno;

                close(fd);
                return r;
        }
        *ret_fd = fd;
        *ret_port = ntohs(address.sin_port);
        return 0;
}

static int listen_again(struct hs *s) {
        uint16_t port;
        int fd, r;

        r = bind_socket(s->port, &fd, &port);
        if (r < 0)
                return r;
        if (listen(fd, 64) < 0) {
                r = -errno;
                close(fd);
                return r;
        }
        s->daemon =
                MHD_start_daemon(MHD_USE_POLL_INTERNAL_THREAD | MHD_USE_THREAD_PER_CONNECTION | MHD_USE_ITC, 0, NULL,
                                 NULL, on_request, s, MHD_OPTION_LISTEN_SOCKET, fd, MHD_OPTION_URI_LOG_CALLBACK,
                                 on_uri, NULL, MHD_OPTION_NOTIFY_COMPLETED, on_completed, NULL, MHD_OPTION_END);
        if (!s->daemon) {
                close(fd);
                return -EIO;
        }
        return 0;
}

void hs_stop(struct hs *s) {
        struct MHD_Daemon *daemon;

        pthread_mutex_lock(&s->lock);
        s->stopping = true;
        daemon = TAKE(s->daemon);
        hs_changed(s);
        pthread_mutex_unlock(&s->lock);
        if (daemon)
                MHD_stop_daemon(daemon);
}

int hs_start(struct hs *s, enum hs_memory memory) {
        int r;

        pthread_mutex_lock(&s->lock);
        if (memory == HS_LOSES)
                model_restart(s->model, hs_now());
        s->stopping = false;
        r = s->daemon ? 0 : listen_again(s);
        pthread_mutex_unlock(&s->lock);
        return r;
}

static void locks_init(struct hs *s) {
        pthread_condattr_t a;

        pthread_condattr_init(&a);
        pthread_condattr_setclock(&a, CLOCK_MONOTONIC);
        pthread_cond_init(&s->changed, &a);
        pthread_condattr_destroy(&a);
        pthread_mutex_init(&s->lock, NULL);
}

static void on_shown(void *userdata, const char *state, const char *message) {
        struct hs *s = userdata;

        s->shown = reallocarray(s->shown, s->n_shown + 1, sizeof(*s->shown));
        s->shown[s->n_shown++] = strdup(state);
        if (s->on_presence)
                s->on_presence(s->on_presence_userdata, state, message);
        hs_changed(s);
}

int hs_new(struct hs **ret, const struct hs_options *options) {
        SCOPED(hs_free) struct hs *s = calloc(1, sizeof(*s));
        int r;

        if (!s)
                return -ENOMEM;
        locks_init(s);
        s->reserved_fd = -1;
        r = model_new(&s->model, options, hs_now(), hs_wall_now());
        if (r < 0)
                return r;
        model_on_shown(s->model, on_shown, s);
        r = bind_socket(model_options(s->model)->port, &s->reserved_fd, &s->port);
        if (r < 0)
                return r;
        snprintf(s->url, sizeof(s->url), "http://127.0.0.1:%u", s->port);
        model_set_url(s->model, s->url);
        r = listen_again(s);
        if (r < 0)
                return r;
        *ret = TAKE(s);
        return 0;
}

static void faults_free(struct hs *s) {
        for (size_t i = 0; i < s->n_faults; i++)
                for (size_t k = 0; k < ARRAY_SIZE(s->faults[i].strings); k++)
                        free(s->faults[i].strings[k]);
}

struct hs *hs_free(struct hs *s) {
        if (!s)
                return NULL;
        hs_stop(s);
        if (s->reserved_fd >= 0)
                close(s->reserved_fd);
        for (size_t i = 0; i < s->n_requests; i++) {
                hs_request_done(s->requests[i]);
                free(s->requests[i]);
        }
        free(s->requests);
        faults_free(s);
        free(s->raw);
        model_free(s->model);
        for (size_t i = 0; i < s->n_shown; i++)
                free(s->shown[i]);
        free(s->shown);
        pthread_cond_destroy(&s->changed);
        pthread_mutex_destroy(&s->lock);
        free(s);
        return NULL;
}

/* ---- the record, from the test's side ---- */

static struct timespec deadline_of(int64_t msec) {
        struct timespec t;

        clock_gettime(CLOCK_MONOTONIC, &t);
        t.tv_sec += msec / 1000;
        t.tv_nsec += msec % 1000 * 1000000;
        if (t.tv_nsec >= 1000000000) {
                t.tv_sec++;
                t.tv_nsec -= 1000000000;
        }
        return t;
}

size_t hs_n_requests(struct hs *s) {
        size_t n;

        pthread_mutex_lock(&s->lock);
        n = s->n_requests;
        pthread_mutex_unlock(&s->lock);
        return n;
}

static struct hs_request *find_request(struct hs *s, const struct hs_match *m, size_t from, bool answered) {
        for (size_t i = from; i < s->n_requests; i++)
                if (matches(m, s->requests[i]) && (!answered || s->requests[i]->status > 0))
                        return s->requests[i];
        return NULL;
}

size_t hs_count(struct hs *s, struct hs_match match, size_t from) {
        size_t n = 0;

        pthread_mutex_lock(&s->lock);
        for (size_t i = from; i < s->n_requests; i++)
                n += matches(&match, s->requests[i]);
        pthread_mutex_unlock(&s->lock);
        return n;
}

static bool wait_request(struct hs *s, const struct hs_match *match, size_t from, bool answered, int64_t deadline_msec,
                         struct hs_request *ret) {
        struct timespec until = deadline_of(deadline_msec);
        struct hs_request *r;

        pthread_mutex_lock(&s->lock);
        while (!(r = find_request(s, match, from, answered)))
                if (pthread_cond_timedwait(&s->changed, &s->lock, &until) != 0)
                        break;
        if (r && ret) {
                *ret = *r;
                ret->method = strdup(r->method);
                ret->path = strdup(r->path);
                ret->query = strdup(r->query);
                ret->body = strdup(r->body);
                ret->device = strdup(r->device);
        }
        pthread_mutex_unlock(&s->lock);
        return r;
}

bool hs_wait_request(struct hs *s, struct hs_match match, size_t from, int64_t deadline_msec, struct hs_request *ret) {
        return wait_request(s, &match, from, false, deadline_msec, ret);
}

bool hs_wait_answered(struct hs *s, struct hs_match match, size_t from, int64_t deadline_msec,
                      struct hs_request *ret) {
        return wait_request(s, &match, from, true, deadline_msec, ret);
}

static bool wait_seen(struct hs *s, bool (*is_seen)(const struct model *m), int64_t deadline_msec) {
        struct timespec until = deadline_of(deadline_msec);
        bool seen;

        pthread_mutex_lock(&s->lock);
        while (!(seen = is_seen(s->model)))
                if (pthread_cond_timedwait(&s->changed, &s->lock, &until) != 0)
                        break;
        pthread_mutex_unlock(&s->lock);
        return seen;
}

bool hs_wait_seen(struct hs *s, int64_t deadline_msec) {
        return wait_seen(s, model_is_seen, deadline_msec);
}

bool hs_wait_presence_seen(struct hs *s, int64_t deadline_msec) {
        return wait_seen(s, model_presence_is_seen, deadline_msec);
}

void hs_request_done(struct hs_request *r) {
        free(r->method);
        free(r->path);
        free(r->query);
        free(r->body);
        free(r->device);
}

char *hs_requests_text(struct hs *s) {
        char *text = NULL;
        size_t size;
        FILE *f = open_memstream(&text, &size);

        pthread_mutex_lock(&s->lock);
        for (size_t i = 0; i < s->n_requests; i++) {
                const struct hs_request *r = s->requests[i];

                fprintf(f, "%3zu %s %s%s%.300s %.300s -> %u\n", r->n, r->method, r->path, r->query[0] ? "?" : "",
                        r->query, r->body, r->status);
        }
        pthread_mutex_unlock(&s->lock);
        fclose(f);
        return text;
}

bool hs_saw_token_in_url(struct hs *s) {
        bool saw = false;

        pthread_mutex_lock(&s->lock);
        for (size_t i = 0; i < s->n_requests; i++)
                saw = saw || s->requests[i]->token_in_url;
        pthread_mutex_unlock(&s->lock);
        return saw;
}

bool hs_wait_presence(struct hs *s, const char *presence, const char *message, int64_t deadline_msec) {
        struct timespec until = deadline_of(deadline_msec);
        const char *shown, *text;
        bool there;

        pthread_mutex_lock(&s->lock);
        for (;;) {
                model_run(s->model, hs_now());
                model_shown(s->model, &shown, &text);
                there = streq(shown, presence) && (!message || streq(text, message));
                if (there || pthread_cond_timedwait(&s->changed, &s->lock, &until) != 0)
                        break;
        }
        pthread_mutex_unlock(&s->lock);
        return there;
}

size_t hs_n_shown(struct hs *s) {
        size_t n;

        pthread_mutex_lock(&s->lock);
        model_run(s->model, hs_now());
        n = s->n_shown;
        pthread_mutex_unlock(&s->lock);
        return n;
}

bool hs_was_shown(struct hs *s, const char *presence, size_t from) {
        bool was = false;

        pthread_mutex_lock(&s->lock);
        model_run(s->model, hs_now());
        for (size_t i = from; i < s->n_shown; i++)
                was = was || streq(s->shown[i], presence);
        pthread_mutex_unlock(&s->lock);
        return was;
}

bool hs_wait_profile(struct hs *s, const char *field, bool there, int64_t deadline_msec) {
        struct timespec until = deadline_of(deadline_msec);
        bool is;

        pthread_mutex_lock(&s->lock);
        for (;;) {
                const json_t *value = model_profile(s->model, field);

                is = value && !json_is_null(value);
                if (is == there || pthread_cond_timedwait(&s->changed, &s->lock, &until) != 0)
                        break;
        }
        pthread_mutex_unlock(&s->lock);
        return is == there;
}

/* ---- the world, from the test's side ---- */

const char *hs_url(const struct hs *s) {
        return s->url;
}

char *hs_login(struct hs *s, const char *device_id) {
        char *token;

        pthread_mutex_lock(&s->lock);
        token = strdup(model_login(s->model, device_id));
        pthread_mutex_unlock(&s->lock);
        return token;
}

char *hs_login_renewable(struct hs *s, const char *device_id, char **ret_refresh, int64_t *ret_ends) {
        struct model_tokens tokens;
        char *token = NULL;

        pthread_mutex_lock(&s->lock);
        (void) model_login(s->model, device_id);
        model_make_renewable(s->model, device_id, hs_now());
        if (model_tokens(s->model, device_id, &tokens)) {
                token = strdup(tokens.access);
                *ret_refresh = strdup(tokens.refresh);
                *ret_ends = tokens.ends;
        }
        pthread_mutex_unlock(&s->lock);
        return token;
}

void hs_expire(struct hs *s, const char *device_id) {
        pthread_mutex_lock(&s->lock);
        model_expire(s->model, device_id);
        pthread_mutex_unlock(&s->lock);
}

bool hs_is_over(struct hs *s, const char *device_id) {
        struct model_tokens tokens;
        bool is;

        pthread_mutex_lock(&s->lock);
        is = !model_tokens(s->model, device_id, &tokens);
        pthread_mutex_unlock(&s->lock);
        return is;
}

unsigned hs_n_renewals(struct hs *s) {
        unsigned n;

        pthread_mutex_lock(&s->lock);
        n = model_renewals(s->model);
        pthread_mutex_unlock(&s->lock);
        return n;
}

void hs_set_appservice(struct hs *s, const char *token) {
        pthread_mutex_lock(&s->lock);
        model_set_appservice(s->model, token);
        pthread_mutex_unlock(&s->lock);
}

void hs_revoke(struct hs *s, const char *device_id, bool soft_logout) {
        pthread_mutex_lock(&s->lock);
        model_revoke(s->model, device_id, soft_logout);
        hs_changed(s);
        pthread_mutex_unlock(&s->lock);
}

const char *hs_send(struct hs *s, const char *room, json_t *event) {
        const char *id;

        pthread_mutex_lock(&s->lock);
        id = model_send(s->model, room, event, hs_now());
        hs_changed(s);
        pthread_mutex_unlock(&s->lock);
        return id;
}

void hs_leave(struct hs *s, const char *room) {
        pthread_mutex_lock(&s->lock);
        model_leave(s->model, room, hs_now());
        hs_changed(s);
        pthread_mutex_unlock(&s->lock);
}

void hs_person_sets(struct hs *s, const char *device, const char *presence, const char *message) {
        pthread_mutex_lock(&s->lock);
        model_person_sets(s->model, device, presence, message, hs_now());
        hs_changed(s);
        pthread_mutex_unlock(&s->lock);
}

void hs_client_polls(struct hs *s, const char *device, const char *presence) {
        pthread_mutex_lock(&s->lock);
        model_client_polls(s->model, device, presence, hs_now());
        hs_changed(s);
        pthread_mutex_unlock(&s->lock);
}

void hs_other_sets(struct hs *s, const char *user, const char *presence, const char *message) {
        pthread_mutex_lock(&s->lock);
        model_other_sets(s->model, user, presence, message);
        hs_changed(s);
        pthread_mutex_unlock(&s->lock);
}

void hs_presence(struct hs *s, char **ret_presence, char **ret_message) {
        const char *state, *message;

        pthread_mutex_lock(&s->lock);
        model_run(s->model, hs_now());
        model_shown(s->model, &state, &message);
        *ret_presence = strdup(state);
        *ret_message = strdup(message);
        pthread_mutex_unlock(&s->lock);
}

void hs_set_presence_off(struct hs *s, bool off) {
        pthread_mutex_lock(&s->lock);
        model_set_presence_off(s->model, off);
        pthread_mutex_unlock(&s->lock);
}

void hs_on_presence(struct hs *s, void (*changed)(void *userdata, const char *presence, const char *message),
                    void *userdata) {
        pthread_mutex_lock(&s->lock);
        s->on_presence = changed;
        s->on_presence_userdata = userdata;
        pthread_mutex_unlock(&s->lock);
}

json_t *hs_account_data(struct hs *s, const char *type) {
        json_t *value;

        pthread_mutex_lock(&s->lock);
        value = json_deep_copy(model_account_data(s->model, type));
        pthread_mutex_unlock(&s->lock);
        return value;
}

void hs_with_model(struct hs *s, void (*act)(struct model *m, int64_t now, void *userdata), void *userdata) {
        pthread_mutex_lock(&s->lock);
        act(s->model, hs_now(), userdata);
        hs_changed(s);
        pthread_mutex_unlock(&s->lock);
}

json_t *hs_profile(struct hs *s, const char *field) {
        json_t *value;

        pthread_mutex_lock(&s->lock);
        value = json_deep_copy(model_profile(s->model, field));
        pthread_mutex_unlock(&s->lock);
        return value;
}

void hs_set_account_data(struct hs *s, const char *type, json_t *content) {
        pthread_mutex_lock(&s->lock);
        model_set_account_data(s->model, type, content);
        hs_changed(s);
        pthread_mutex_unlock(&s->lock);
}

void hs_set_profile(struct hs *s, const char *field, json_t *value) {
        pthread_mutex_lock(&s->lock);
        model_set_profile(s->model, field, value);
        hs_changed(s);
        pthread_mutex_unlock(&s->lock);
}

/* ---- faults, from the test's side ---- */

static const char *keep(struct hs_fault_slot *slot, size_t i, const char *s) {
        slot->strings[i] = s ? strdup(s) : NULL;
        return slot->strings[i];
}

void hs_fault(struct hs *s, const struct hs_fault *f) {
        struct hs_fault_slot *slot;

        pthread_mutex_lock(&s->lock);
        if (s->n_faults == HS_FAULTS_MAX) {
                fprintf(stderr, "hs_fault: no more than %d in the life of a homeserver\n", HS_FAULTS_MAX);
                abort();
        }
        slot = &s->faults[s->n_faults++];
        slot->fault = *f;
        slot->fault.match.method = keep(slot, 0, f->match.method);
        slot->fault.match.path = keep(slot, 1, f->match.path);
        slot->fault.match.query = keep(slot, 2, f->match.query);
        slot->fault.match.body = keep(slot, 3, f->match.body);
        slot->fault.body = keep(slot, 4, f->body);
        slot->fault.retry_after = keep(slot, 5, f->retry_after);
        slot->fault.date = keep(slot, 6, f->date);
        pthread_mutex_unlock(&s->lock);
}

void hs_set_raw(struct hs *s, const char *bytes) {
        pthread_mutex_lock(&s->lock);
        free(s->raw);
        s->raw = strdup(bytes);
        pthread_mutex_unlock(&s->lock);
}

void hs_clear_faults(struct hs *s) {
        pthread_mutex_lock(&s->lock);
        for (size_t i = 0; i < s->n_faults; i++)
                s->faults[i].cleared = true;
        s->faults_cleared++;
        hs_changed(s);
        pthread_mutex_unlock(&s->lock);
}
