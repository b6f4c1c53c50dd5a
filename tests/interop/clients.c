/* The clients of people.h that poll all the time: forked processes with a /sync loop, which tell of every answer. */
#include <criterion/criterion.h>
#include <curl/curl.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include "interop/people.h"
#include "interop/web.h"
#include "system/pace.h"
#include "util/clock.h"

/* As Element polls. */
#define POLL_TIMEOUT_MSEC 30000

/* Longer than what a user is told in a test. */
#define WITNESS_TEXT_MAX 8192

/* In the child, as all that it calls: no assertions, since they belong to the test's process. Below 0: cannot go on.
 */
typedef int (*tell_t)(const json_t *answer, int fd);

struct client {
        pid_t pid;
        int fd;
};

__attribute__((noreturn)) static void sync_loop(struct device *d, const char *query, int work_msec, tell_t tell,
                                                int fd) {
        char *since = NULL;

        for (;;) {
                char *url = NULL, *escaped = since ? curl_easy_escape(NULL, since, 0) : NULL;
                struct web_reply reply;
                const char *next;

                if (asprintf(&url, "%s/_matrix/client/v3/sync?%s&timeout=%d%s%s", device_base_url(d), query,
                             POLL_TIMEOUT_MSEC, escaped ? "&since=" : "", escaped ? escaped : "") < 0)
                        _exit(1);
                reply = web_request("GET", url, device_token(d), NULL, POLL_TIMEOUT_MSEC * 2);
                next = json_string_value(json_object_get(reply.body, "next_batch"));
                if (reply.status != 200 || !next || tell(reply.body, fd) < 0)
                        _exit(1);
                if (work_msec > 0)
                        (void) poll(NULL, 0, work_msec);
                free(since);
                since = strdup(next);
                json_decref(reply.body);
                curl_free(escaped);
                free(url);
        }
}

static void client_start(struct client *c, struct device *d, const char *query, int work_msec, tell_t tell) {
        pid_t test = getpid();
        int fds[2];

        cr_assert_eq(pipe2(fds, O_CLOEXEC), 0);
        c->pid = fork();
        cr_assert_geq(c->pid, 0);
        if (c->pid == 0) {
                if (prctl(PR_SET_PDEATHSIG, SIGKILL) < 0 || getppid() != test)
                        _exit(126);
                sync_loop(d, query, work_msec, tell, fds[1]);
        }
        close(fds[1]);
        c->fd = fds[0];
}

static void client_end(struct client *c) {
        (void) kill(c->pid, SIGKILL);
        (void) waitpid(c->pid, NULL, 0);
        close(c->fd);
}

/* Until it tells something, or the deadline. */
static void client_wait(const struct client *c, usec_t deadline) {
        struct pollfd p = { .fd = c->fd, .events = POLLIN };
        usec_t now = clock_now();

        (void) poll(&p, 1, now >= deadline ? 0 : (int) ((deadline - now) / USEC_PER_MSEC) + 1);
}

/* What it has told by now; never 0. */
static size_t client_read(const struct client *c, char *ret, size_t size) {
        ssize_t n = read(c->fd, ret, size);

        cr_assert_gt(n, 0, "a client of the test ended");
        return (size_t) n;
}

/* ---- one that keeps its user online: a byte for every answer ---- */

struct online_client {
        struct client client;
        unsigned polls;
};

static int tell_dot(const json_t *answer, int fd) {
        return write(fd, ".", 1) == 1 ? 0 : -1;
}

struct online_client *online_client_start_as(struct device *d, const char *set_presence, unsigned work_msec) {
        struct online_client *c = calloc(1, sizeof(*c));
        char query[64];

        cr_assert_not_null(c);
        cr_assert_lt(snprintf(query, sizeof(query), "set_presence=%s", set_presence), (int) sizeof(query));
        client_start(&c->client, d, query, (int) work_msec, tell_dot);
        online_client_wait_polls(c, 1);
        return c;
}

struct online_client *online_client_start(struct device *d) {
        return online_client_start_as(d, "online", 0);
}

unsigned online_client_polls(struct online_client *c) {
        struct pollfd p = { .fd = c->client.fd, .events = POLLIN };
        char dots[64];

        while (poll(&p, 1, 0) > 0)
                c->polls += (unsigned) client_read(&c->client, dots, sizeof(dots));
        return c->polls;
}

void online_client_wait_polls(struct online_client *c, unsigned n) {
        usec_t deadline = clock_now() + (usec_t) paced((int64_t) (n + 2) * POLL_TIMEOUT_MSEC) * USEC_PER_MSEC;

        while (online_client_polls(c) < n) {
                cr_assert_lt(clock_now(), deadline, "the online client polled %u times instead of %u", c->polls, n);
                client_wait(&c->client, deadline);
        }
}

struct online_client *online_client_free(struct online_client *c) {
        if (!c)
                return NULL;
        client_end(&c->client);
        free(c);
        return NULL;
}

/* ---- one that writes down what it is told: a line for every value, and one for every answer ---- */

struct witness {
        struct client client;
        char text[WITNESS_TEXT_MAX]; /* what was not asked for yet */
        size_t n;
};

static int tell_presence(const json_t *answer, int fd) {
        const json_t *events = json_object_get(json_object_get(answer, "presence"), "events"), *event;
        size_t i;

        json_array_foreach((json_t *) events, i, event) {
                const json_t *content = json_object_get(event, "content");
                const char *message = json_string_value(json_object_get(content, "status_msg"));

                if (dprintf(fd, "%s %s\n", json_string_value(json_object_get(content, "presence")) ?: "",
                            message ? message : "") < 0)
                        return -1;
        }
        return dprintf(fd, "\n") < 0 ? -1 : 0;
}

/* Each answer of its poll is something told: `deadline` is for all of what is waited for. */
static void witness_read(struct witness *w, usec_t deadline, const char *after) {
        cr_assert_lt(w->n + 1, sizeof(w->text), "more than a test should tell");
        client_wait(&w->client, deadline);
        cr_assert_lt(clock_now(), deadline, "the witness is told nothing more, after:\n%s", after);
        w->n += client_read(&w->client, w->text + w->n, sizeof(w->text) - w->n - 1);
        w->text[w->n] = '\0';
}

struct witness *witness_start(struct device *d, const char *user_id) {
        struct witness *w = calloc(1, sizeof(*w));
        char *filter = presence_filter(user_id), *escaped = curl_easy_escape(NULL, filter, 0), *query = NULL;

        cr_assert_not_null(w);
        cr_assert_geq(asprintf(&query, "set_presence=offline&filter=%s", escaped), 0);
        client_start(&w->client, d, query, 0, tell_presence);
        /* From its first answer on nothing is missed. */
        witness_read(w, interop_deadline(), "");
        curl_free(escaped);
        free(filter);
        free(query);
        return w;
}

/* The next complete line, taken out of what was told; false: there is none yet. */
static bool take_line(struct witness *w, char *line) {
        char *end = strchr(w->text, '\n');
        size_t length = end ? (size_t) (end - w->text) : 0;

        if (!end)
                return false;
        memcpy(line, w->text, length);
        line[length] = '\0';
        w->n -= length + 1;
        memmove(w->text, end + 1, w->n + 1);
        return true;
}

char *witness_until(struct witness *w, const char *value) {
        char line[WITNESS_TEXT_MAX], last[WITNESS_TEXT_MAX] = "", *story = strdup("");
        usec_t deadline = interop_deadline();

        for (;;) {
                char *longer = NULL;

                while (!take_line(w, line))
                        witness_read(w, deadline, story);
                if (strcmp(line, value) == 0)
                        return story;
                if (!line[0] || strcmp(line, last) == 0)
                        continue;
                cr_assert_geq(asprintf(&longer, "%s%s\n", story, line), 0);
                free(story);
                story = longer;
                memcpy(last, line, sizeof(last));
        }
}

struct witness *witness_free(struct witness *w) {
        if (!w)
                return NULL;
        client_end(&w->client);
        free(w);
        return NULL;
}
