/* See synapse.h. Synapse says READY=1 to a socket of ours when it listens, and writes what it did to a log file that
 * inotify lets us follow: nothing here guesses how long anything takes. */
#include "interop/synapse.h"

#include <arpa/inet.h>
#include <criterion/criterion.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <poll.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <sys/inotify.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#include "system/pace.h"
#include "system/process.h"
#include "util/clock.h"

/* Below the range from which the kernel takes ports by itself: while Synapse is stopped nobody else gets its port. */
#define PORT_MIN 20000
#define PORT_MAX 32000

#define ARGUMENTS_MAX 16
#define DEADLINE_MSEC 90000

struct synapse {
        char dir[PATH_MAX];
        char url[64];
        char busy_timeout[64]; /* NAME=value, or "" */
        unsigned port;
        pid_t pid;
        int notify_fd; /* where READY=1 arrives */
        int watch_fd;  /* inotify on the log */
};

int64_t interop_deadline_msec(void) {
        return paced(DEADLINE_MSEC);
}

usec_t interop_deadline(void) {
        return clock_now() + (usec_t) interop_deadline_msec() * USEC_PER_MSEC;
}

static void path_in(char *buf, size_t size, const struct synapse *s, const char *name) {
        cr_assert_lt(snprintf(buf, size, "%s/%s", s->dir, name), (int) size);
}

__attribute__((format(printf, 3, 4))) static void write_file(const struct synapse *s, const char *name,
                                                             const char *format, ...) {
        char path[PATH_MAX];
        va_list ap;
        FILE *f;

        path_in(path, sizeof(path), s, name);
        f = fopen(path, "we");
        cr_assert_not_null(f, "%s: %m", path);
        va_start(ap, format);
        vfprintf(f, format, ap);
        va_end(ap);
        cr_assert_eq(fclose(f), 0);
}

static unsigned free_port(void) {
        for (unsigned tries = 0; tries < 1000; tries++) {
                unsigned port = PORT_MIN + random_u32() % (PORT_MAX - PORT_MIN);
                struct sockaddr_in address = { .sin_family = AF_INET,
                                               .sin_port = htons((uint16_t) port),
                                               .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
                int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
                bool is_free;

                cr_assert_geq(fd, 0);
                is_free = bind(fd, (struct sockaddr *) &address, sizeof(address)) == 0;
                close(fd);
                if (is_free)
                        return port;
        }
        cr_assert_fail("no free port");
        abort();
}

static void write_config(const struct synapse *s, const struct synapse_options *o) {
        char token[64] = "", renewable[64] = "";

        if (o->token_sec > 0)
                (void) snprintf(token, sizeof(token), "refreshable_access_token_lifetime: %us\n", o->token_sec);
        if (o->renewable_sec > 0)
                (void) snprintf(renewable, sizeof(renewable), "refresh_token_lifetime: %us\n", o->renewable_sec);
        write_file(s, "log.yaml",
                   "version: 1\n"
                   "disable_existing_loggers: false\n"
                   "formatters: {line: {format: '%%(asctime)s %%(name)s %%(levelname)s %%(message)s'}}\n"
                   "handlers: {file: {class: logging.FileHandler, formatter: line, filename: %s/synapse.log}}\n"
                   /* DEBUG: a line when a request arrives, not only when it is answered. */
                   "loggers: {synapse.access: {level: DEBUG}}\n"
                   "root: {level: INFO, handlers: [file]}\n",
                   s->dir);
        write_file(s, "homeserver.yaml",
                   "server_name: busyd.test\n"
                   "report_stats: false\n"
                   "pid_file: %1$s/synapse.pid\n"
                   "media_store_path: %1$s/media\n"
                   "log_config: %1$s/log.yaml\n"
                   "database: {name: sqlite3, args: {database: %1$s/homeserver.db}}\n"
                   "listeners: [{type: http, port: %2$u, bind_addresses: [127.0.0.1],\n"
                   "             resources: [{names: [client, federation]}]}]\n"
                   "signing_key: ed25519 a_test AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA\n"
                   "macaroon_secret_key: of this test\n"
                   "form_secret: of this test\n"
                   "registration_shared_secret: of this test\n"
                   "trusted_key_servers: []\n"
                   "federation_domain_whitelist: []\n"
                   "bcrypt_rounds: 4\n"
                   "rc_message: {per_second: 1000, burst_count: 1000}\n"
                   "rc_login:\n"
                   "  address: {per_second: 1000, burst_count: 1000}\n"
                   "  account: {per_second: 1000, burst_count: 1000}\n"
                   "  failed_attempts: {per_second: 1000, burst_count: 1000}\n"
                   "%3$s"
                   "%6$s"
                   "%8$s"
                   "%9$s"
                   "presence: {enabled: %4$s}\n"
                   "experimental_features: {msc3026_enabled: %5$s, msc4354_enabled: %7$s}\n",
                   s->dir, s->port,
                   o->no_presence_limit ? "rc_presence: {per_user: {per_second: 1000, burst_count: 1000}}\n" : "",
                   o->no_presence ? "false" : "true", o->no_busy ? "false" : "true",
                   o->delayed_events ? "max_event_delay_duration: 1h\n" : "", o->sticky_events ? "true" : "false",
                   token, renewable);
}

static void listen_for_ready(struct synapse *s) {
        struct sockaddr_un address = { .sun_family = AF_UNIX };

        path_in(address.sun_path, sizeof(address.sun_path), s, "notify");
        s->notify_fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
        cr_assert_geq(s->notify_fd, 0);
        cr_assert_eq(bind(s->notify_fd, (struct sockaddr *) &address, sizeof(address)), 0, "notify socket: %m");
}

const char *synapse_python(void) {
        const char *p = getenv("BUSYD_SYNAPSE_PYTHON");

        cr_assert(p && *p, "BUSYD_SYNAPSE_PYTHON must name the python of a virtual environment with Synapse "
                           "(scripts/setup makes one)");
        return p;
}

/* Runs python with these arguments in the folder, output to a file there; dies with the test. `setting` is one more
 * variable of its environment, or NULL. */
static pid_t run_python(const struct synapse *s, const char *const *arguments, const char *setting) {
        const char *argv[ARGUMENTS_MAX] = { synapse_python() }, *env[] = { "LANG=C.UTF-8", NULL, setting, NULL };
        char out[PATH_MAX], notify[PATH_MAX + 32];
        pid_t pid;
        int fd;

        for (size_t i = 0; arguments[i]; i++) {
                cr_assert_lt(i + 2, ARRAY_SIZE(argv));
                argv[i + 1] = arguments[i];
        }
        (void) snprintf(notify, sizeof(notify), "NOTIFY_SOCKET=%s/notify", s->dir);
        env[1] = notify;
        path_in(out, sizeof(out), s, "output");
        fd = open(out, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600);
        cr_assert_geq(fd, 0, "%s: %m", out);
        pid = process_start(
                &(struct process_options){ .argv = argv, .env = env, .in = -1, .out = fd, .err = fd, .pass = -1 });
        close(fd);
        return pid;
}

/* For the reader of a failed test. */
static void show_file(const struct synapse *s, const char *name) {
        char path[PATH_MAX], line[1024];
        FILE *f;

        path_in(path, sizeof(path), s, name);
        f = fopen(path, "re");
        if (!f)
                return;
        fprintf(stderr, "---- Synapse's %s\n", name);
        while (fgets(line, sizeof(line), f))
                fputs(line, stderr);
        (void) fclose(f);
}

void synapse_show(const struct synapse *s) {
        show_file(s, "output");
        show_file(s, "synapse.log");
}

__attribute__((format(printf, 2, 3), noreturn)) static void give_up(const struct synapse *s, const char *format, ...) {
        char problem[512];
        va_list ap;

        va_start(ap, format);
        (void) vsnprintf(problem, sizeof(problem), format, ap);
        va_end(ap);
        synapse_show(s);
        cr_assert_fail("%s", problem);
        abort();
}

static int msec_left(usec_t deadline) {
        usec_t now = clock_now();

        return now >= deadline ? 0 : (int) ((deadline - now + USEC_PER_MSEC - 1) / USEC_PER_MSEC);
}

static void wait_ready(struct synapse *s) {
        usec_t deadline = interop_deadline();

        for (;;) {
                struct pollfd p = { .fd = s->notify_fd, .events = POLLIN };
                char message[256];
                ssize_t n;

                if (poll(&p, 1, msec_left(deadline)) == 0)
                        give_up(s, "Synapse did not get ready");
                n = recv(s->notify_fd, message, sizeof(message) - 1, MSG_DONTWAIT);
                if (n <= 0)
                        continue;
                message[n] = '\0';
                if (strncmp(message, "READY=1", 7) == 0)
                        return;
        }
}

void synapse_continue(struct synapse *s) {
        char config[PATH_MAX];

        cr_assert_eq(s->pid, 0, "Synapse runs already");
        path_in(config, sizeof(config), s, "homeserver.yaml");
        s->pid = run_python(s, (const char *const[]){ TEST_INTEROP_DIR "/synapse_launch.py", "-c", config, NULL },
                            s->busy_timeout[0] ? s->busy_timeout : NULL);
        wait_ready(s);
}

void synapse_stop(struct synapse *s, int signal) {
        if (s->pid == 0)
                return;
        (void) kill(s->pid, signal);
        (void) waitpid(s->pid, NULL, 0);
        s->pid = 0;
}

/* The administrator, made with Synapse's own tool: it knows how to sign with the shared secret. */
static void make_admin(struct synapse *s) {
        char config[PATH_MAX];
        pid_t pid;
        int status;

        path_in(config, sizeof(config), s, "homeserver.yaml");
        pid = run_python(s,
                         (const char *const[]){ "-m", "synapse._scripts.register_new_matrix_user", "-c", config, "-u",
                                                SYNAPSE_ADMIN, "-p", SYNAPSE_PASSWORD, "-a", s->url, NULL },
                         NULL);
        status = process_wait(pid, interop_deadline_msec());
        if (status != 0)
                give_up(s, "cannot register the administrator (status %#x)", (unsigned) status);
}

struct synapse *synapse_start(const char *dir, const struct synapse_options *options) {
        struct synapse *s = calloc(1, sizeof(*s));

        cr_assert_not_null(s);
        cr_assert_lt(snprintf(s->dir, sizeof(s->dir), "%s/synapse", dir), (int) sizeof(s->dir));
        cr_assert_eq(mkdir(s->dir, 0700), 0, "%s: %m", s->dir);
        s->port = free_port();
        (void) snprintf(s->url, sizeof(s->url), "http://127.0.0.1:%u", s->port);
        if (options->busy_timeout_msec > 0)
                (void) snprintf(s->busy_timeout, sizeof(s->busy_timeout), "SYNAPSE_BUSY_TIMEOUT_MSEC=%u",
                                options->busy_timeout_msec);
        write_config(s, options);
        write_file(s, "synapse.log", "%s", "");
        s->watch_fd = inotify_init1(IN_CLOEXEC | IN_NONBLOCK);
        cr_assert_geq(inotify_add_watch(s->watch_fd, s->dir, IN_MODIFY), 0);
        listen_for_ready(s);
        synapse_continue(s);
        make_admin(s);
        return s;
}

struct synapse *synapse_elsewhere(const char *folder, const char *url) {
        struct synapse *s = calloc(1, sizeof(*s));
        size_t n = strlen(url);

        cr_assert_not_null(s);
        (void) snprintf(s->dir, sizeof(s->dir), "%s", folder);
        (void) snprintf(s->url, sizeof(s->url), "%.*s", (int) (n - (n > 0 && url[n - 1] == '/')), url);
        s->notify_fd = -1;
        s->watch_fd = inotify_init1(IN_CLOEXEC | IN_NONBLOCK);
        cr_assert_geq(inotify_add_watch(s->watch_fd, s->dir, IN_MODIFY), 0);
        return s;
}

struct synapse *synapse_free(struct synapse *s) {
        if (!s)
                return NULL;
        synapse_stop(s, SIGTERM);
        if (s->notify_fd >= 0)
                close(s->notify_fd);
        close(s->watch_fd);
        free(s);
        return NULL;
}

void synapse_add_appservice(struct synapse *s, const char *registration) {
        char path[PATH_MAX];
        FILE *f;

        write_file(s, "registration.yaml", "%s", registration);
        path_in(path, sizeof(path), s, "homeserver.yaml");
        f = fopen(path, "ae");
        cr_assert_not_null(f, "%s: %m", path);
        (void) fprintf(f, "app_service_config_files: ['%s/registration.yaml']\n", s->dir);
        cr_assert_eq(fclose(f), 0);
}

const char *synapse_url(const struct synapse *s) {
        return s->url;
}

/* ---- the log ---- */

static FILE *log_open(const struct synapse *s, long from) {
        char path[PATH_MAX];
        FILE *f;

        path_in(path, sizeof(path), s, "synapse.log");
        f = fopen(path, "re");
        cr_assert_not_null(f, "%s: %m", path);
        cr_assert_eq(fseek(f, from, SEEK_SET), 0);
        return f;
}

long synapse_log_end(const struct synapse *s) {
        FILE *f = log_open(s, 0);
        long end;

        cr_assert_eq(fseek(f, 0, SEEK_END), 0);
        end = ftell(f);
        (void) fclose(f);
        return end;
}

static bool line_has(const char *line, const char *parts) {
        char copy[256], *rest = copy, *part;

        cr_assert_lt(snprintf(copy, sizeof(copy), "%s", parts), (int) sizeof(copy));
        while ((part = strsep(&rest, "|")))
                if (!strstr(line, part))
                        return false;
        return true;
}

/* The end of the first complete line after `*from` that has the parts: true, and *from is behind it. Else *from is
 * behind the last complete line. */
static bool log_find(const struct synapse *s, long *from, const char *parts) {
        FILE *f = log_open(s, *from);
        char *line = NULL;
        size_t size = 0;
        ssize_t n;
        bool found = false;

        while (!found && (n = getline(&line, &size, f)) > 0 && line[n - 1] == '\n') {
                found = line_has(line, parts);
                *from += n;
        }
        free(line);
        (void) fclose(f);
        return found;
}

long synapse_log_wait(struct synapse *s, long from, const char *parts) {
        usec_t deadline = interop_deadline();

        while (!log_find(s, &from, parts)) {
                struct pollfd p = { .fd = s->watch_fd, .events = POLLIN };
                char events[4096];

                if (poll(&p, 1, msec_left(deadline)) == 0)
                        give_up(s, "Synapse logged no line with: %s", parts);
                (void) !read(s->watch_fd, events, sizeof(events));
        }
        return from;
}

unsigned synapse_log_count(const struct synapse *s, long from, const char *parts) {
        unsigned n = 0;

        while (log_find(s, &from, parts))
                n++;
        return n;
}
