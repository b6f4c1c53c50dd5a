/* See loopback.h. Assertions are made on the test's thread only; the server's thread just answers. */
#include <arpa/inet.h>
#include <criterion/criterion.h>
#include <ftw.h>
#include <microhttpd.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "util/file.h"
#include "unit/loopback/loopback.h"
#include "util/path.h"

#define SEEN_MAX       64
#define URLS_MAX       16
#define DEADLINE       (30 * USEC_PER_SEC)
#define BLOCK          (64U << 10)
#define HEADERS_MEMORY (512U << 10)

struct loopback {
        struct MHD_Daemon *daemon;
        const struct loopback_route *routes;
        bool tls;
        unsigned port;
        char *key, *certificate;
        char *urls[URLS_MAX];
        size_t n_urls;
        pthread_mutex_t lock;
        struct loopback_seen seen[SEEN_MAX];
        size_t n_seen;
        unsigned n_connections;
        struct loopback_seen last; /* given out */
};

/* ---- answering, on the server's thread ---- */

static void copy_header(struct MHD_Connection *c, const char *name, char *to, size_t size) {
        const char *value = MHD_lookup_connection_value(c, MHD_HEADER_KIND, name);

        (void) snprintf(to, size, "%s", value ? value : "");
}

static enum MHD_Result add_argument(void *userdata, enum MHD_ValueKind kind, const char *key, const char *value) {
        struct loopback_seen *s = userdata;
        size_t n = strlen(s->query);

        (void) snprintf(s->query + n, sizeof(s->query) - n, "%s%s=%s", n ? "&" : "", key, value ? value : "");
        return MHD_YES;
}

static ssize_t endless(void *userdata, uint64_t at, char *to, size_t max) {
        memset(to, 'x', max);
        return (ssize_t) max;
}

static struct MHD_Response *make_response(const struct loopback_route *route) {
        struct MHD_Response *r;
        char name[32];

        if (route->kind == LOOPBACK_ENDLESS)
                return MHD_create_response_from_callback(MHD_SIZE_UNKNOWN, BLOCK, endless, NULL, NULL);
        if (route->kind == LOOPBACK_LARGE)
                return MHD_create_response_from_callback(UINT64_C(1) << 40, BLOCK, endless, NULL, NULL);
        r = MHD_create_response_from_buffer(strlen(route->body), (void *) (uintptr_t) route->body,
                                            MHD_RESPMEM_PERSISTENT);
        if (route->header)
                (void) MHD_add_response_header(r, route->header, route->value);
        for (unsigned i = 0; route->kind == LOOPBACK_HEADERS && i < 2000; i++) {
                (void) snprintf(name, sizeof(name), "X-Filler-%u", i);
                (void) MHD_add_response_header(r, name, "a header that says nothing at some length");
        }
        return r;
}

static enum MHD_Result answer(struct loopback *l, struct MHD_Connection *c, const struct loopback_seen *seen) {
        static const struct loopback_route nothing = { .status = 404, .body = "nothing here" };
        const struct loopback_route *route;
        struct MHD_Response *response;
        enum MHD_Result r;

        (void) pthread_mutex_lock(&l->lock);
        route = l->routes;
        (void) pthread_mutex_unlock(&l->lock);
        while (route->path && (!streq(route->path, seen->path) || !streq(route->method, seen->method) ||
                               (route->first > 0 && loopback_n_seen(l, seen->path) > route->first)))
                route++;
        if (!route->path)
                route = &nothing;
        if (route->kind == LOOPBACK_HANGS_UP)
                return MHD_NO;
        response = make_response(route);
        r = MHD_queue_response(c, route->status, response);
        MHD_destroy_response(response);
        return r;
}

/* Called first with the headers, then with pieces of the body, then without. */
static enum MHD_Result on_request(void *userdata, struct MHD_Connection *c, const char *url, const char *method,
                                  const char *version, const char *data, size_t *size, void **state) {
        struct loopback_seen *s = *state;
        struct loopback *l = userdata;

        if (!s) {
                s = *state = calloc(1, sizeof(*s));
                (void) snprintf(s->method, sizeof(s->method), "%s", method);
                (void) snprintf(s->path, sizeof(s->path), "%s", url);
                copy_header(c, "Authorization", s->authorization, sizeof(s->authorization));
                copy_header(c, "User-Agent", s->user_agent, sizeof(s->user_agent));
                copy_header(c, "Content-Type", s->content_type, sizeof(s->content_type));
                (void) MHD_get_connection_values(c, MHD_GET_ARGUMENT_KIND, add_argument, s);
                return MHD_YES;
        }
        if (*size > 0) {
                size_t n = strlen(s->body);

                (void) snprintf(s->body + n, sizeof(s->body) - n, "%.*s", (int) *size, data);
                *size = 0;
                return MHD_YES;
        }
        (void) pthread_mutex_lock(&l->lock);
        if (l->n_seen < SEEN_MAX)
                l->seen[l->n_seen++] = *s;
        (void) pthread_mutex_unlock(&l->lock);
        return answer(l, c, s);
}

static void on_completed(void *userdata, struct MHD_Connection *c, void **state, enum MHD_RequestTerminationCode how) {
        free(TAKE(*state));
}

static void on_connection(void *userdata, struct MHD_Connection *c, void **state,
                          enum MHD_ConnectionNotificationCode what) {
        struct loopback *l = userdata;

        if (what != MHD_CONNECTION_NOTIFY_STARTED)
                return;
        (void) pthread_mutex_lock(&l->lock);
        l->n_connections++;
        (void) pthread_mutex_unlock(&l->lock);
}

/* Paths are compared as they came: encoded. */
static size_t keep_encoded(void *userdata, struct MHD_Connection *c, char *s) {
        return strlen(s);
}

static void be_quiet(void *userdata, const char *format, va_list ap) {
}

/* ---- starting and asking, on the test's thread ---- */

static char *read_text(const char *dir, const char *name) {
        SCOPED(free) char *path = path_join(dir, name);
        char *text = NULL;

        cr_assert_eq(file_read(path, 1U << 16, &text, NULL), 0, "%s", path);
        return text;
}

struct loopback *loopback_new(const struct loopback_route *routes, const char *tls_dir) {
        struct sockaddr_in address = { .sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
        struct loopback *l = calloc(1, sizeof(*l));
        unsigned flags = MHD_USE_INTERNAL_POLLING_THREAD | MHD_USE_ERROR_LOG;

        cr_assert_not_null(l);
        l->routes = routes;
        l->tls = tls_dir;
        (void) pthread_mutex_init(&l->lock, NULL);
        if (tls_dir) {
                l->key = read_text(tls_dir, "key.pem");
                l->certificate = read_text(tls_dir, "certificate.pem");
                flags |= MHD_USE_TLS;
        }
        l->daemon =
                MHD_start_daemon(flags, 0, NULL, NULL, on_request, l, MHD_OPTION_EXTERNAL_LOGGER, be_quiet, NULL,
                                 MHD_OPTION_SOCK_ADDR, (struct sockaddr *) &address, MHD_OPTION_UNESCAPE_CALLBACK,
                                 keep_encoded, NULL, MHD_OPTION_NOTIFY_COMPLETED, on_completed, NULL,
                                 MHD_OPTION_NOTIFY_CONNECTION, on_connection, l, MHD_OPTION_CONNECTION_MEMORY_LIMIT,
                                 (size_t) HEADERS_MEMORY, tls_dir ? MHD_OPTION_HTTPS_MEM_KEY : MHD_OPTION_END, l->key,
                                 MHD_OPTION_HTTPS_MEM_CERT, l->certificate, MHD_OPTION_END);
        cr_assert_not_null(l->daemon, "no HTTP server");
        l->port = MHD_get_daemon_info(l->daemon, MHD_DAEMON_INFO_BIND_PORT)->port;
        return l;
}

struct loopback *loopback_free(struct loopback *l) {
        if (!l)
                return NULL;
        MHD_stop_daemon(l->daemon);
        for (size_t i = 0; i < l->n_urls; i++)
                free(l->urls[i]);
        free(l->key);
        free(l->certificate);
        (void) pthread_mutex_destroy(&l->lock);
        free(l);
        return NULL;
}

unsigned loopback_port(const struct loopback *l) {
        return l->port;
}

const char *loopback_url(struct loopback *l, const char *path) {
        char *url = NULL;

        cr_assert_lt(l->n_urls, URLS_MAX);
        cr_assert_gt(asprintf(&url, "%s://127.0.0.1:%u%s", l->tls ? "https" : "http", l->port, path), 0);
        l->urls[l->n_urls++] = url;
        return url;
}

const struct loopback_seen *loopback_seen(struct loopback *l, const char *path) {
        const struct loopback_seen *found = NULL;

        (void) pthread_mutex_lock(&l->lock);
        for (size_t i = 0; i < l->n_seen; i++)
                if (streq(l->seen[i].path, path)) {
                        l->last = l->seen[i];
                        found = &l->last;
                }
        (void) pthread_mutex_unlock(&l->lock);
        return found;
}

unsigned loopback_n_seen(struct loopback *l, const char *path) {
        unsigned n = 0;

        (void) pthread_mutex_lock(&l->lock);
        for (size_t i = 0; i < l->n_seen; i++)
                if (streq(l->seen[i].path, path))
                        n++;
        (void) pthread_mutex_unlock(&l->lock);
        return n;
}

void loopback_set_routes(struct loopback *l, const struct loopback_route *routes) {
        (void) pthread_mutex_lock(&l->lock);
        l->routes = routes;
        (void) pthread_mutex_unlock(&l->lock);
}

unsigned loopback_n_connections(struct loopback *l) {
        unsigned n;

        (void) pthread_mutex_lock(&l->lock);
        n = l->n_connections;
        (void) pthread_mutex_unlock(&l->lock);
        return n;
}

int loopback_dead_port(bool listening, unsigned *ret_port) {
        struct sockaddr_in address = { .sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
        socklen_t size = sizeof(address);
        int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

        cr_assert_geq(fd, 0);
        cr_assert_eq(bind(fd, (struct sockaddr *) &address, size), 0);
        if (listening)
                cr_assert_eq(listen(fd, 8), 0);
        cr_assert_eq(getsockname(fd, (struct sockaddr *) &address, &size), 0);
        *ret_port = ntohs(address.sin_port);
        return fd;
}

void loopback_make_certificate(const char *dir) {
        int status = -1;
        pid_t pid = fork();

        cr_assert_geq(pid, 0);
        if (pid == 0) {
                (void) prctl(PR_SET_PDEATHSIG, SIGKILL);
                if (chdir(dir) < 0 || !freopen("/dev/null", "w", stderr))
                        _exit(1);
                execlp("openssl", "openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt",
                       "ec_paramgen_curve:prime256v1", "-nodes", "-days", "2", "-subj", "/CN=localhost", "-addext",
                       "subjectAltName=DNS:localhost,IP:127.0.0.1", "-keyout", "key.pem", "-out", "certificate.pem",
                       (char *) NULL);
                _exit(1);
        }
        cr_assert_eq(waitpid(pid, &status, 0), pid);
        cr_assert_eq(status, 0, "openssl could not make a certificate");
}

char *temp_dir_new(void) {
        char *dir = NULL;

        cr_assert_gt(asprintf(&dir, "%s/busyd-test-XXXXXX", getenv("TMPDIR") ? getenv("TMPDIR") : "/tmp"), 0);
        cr_assert_not_null(mkdtemp(dir));
        return dir;
}

static int remove_one(const char *path, const struct stat *st, int type, struct FTW *ftw) {
        return remove(path);
}

void temp_dir_remove(char *dir) {
        if (dir)
                (void) nftw(dir, remove_one, 8, FTW_DEPTH | FTW_PHYS);
        free(dir);
}

void loop_until(sd_event *event, const bool *done) {
        sd_event_source *deadline = NULL;

        /* Without a handler, a timer ends the loop. */
        cr_assert_geq(sd_event_add_time_relative(event, &deadline, CLOCK_MONOTONIC, DEADLINE, 0, NULL, NULL), 0);
        while (!*done) {
                cr_assert_geq(sd_event_run(event, UINT64_MAX), 0);
                cr_assert_neq(sd_event_get_state(event), SD_EVENT_FINISHED, "nothing came within the deadline");
        }
        sd_event_source_disable_unref(deadline);
}
