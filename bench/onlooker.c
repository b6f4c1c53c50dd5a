/* See onlooker.h. */
#include "onlooker.h"

#include <criterion/criterion.h>
#include <curl/curl.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include "interop/web.h"
#include "util/clock.h"

#define POLL_TIMEOUT_MSEC 30000

struct onlooker {
        pid_t pid;
        int fd;
};

static char *escaped_filter(const char *const *user_ids, size_t n) {
        json_t *senders = json_array(), *filter;
        char *text, *escaped;

        for (size_t i = 0; i < n; i++)
                json_array_append_new(senders, json_string(user_ids[i]));
        filter = json_pack("{s:{s:[s], s:o}, s:{s:[]}, s:{s:[]}}", "presence", "types", "m.presence", "senders",
                           senders, "account_data", "types", "room", "rooms");
        text = json_dumps(filter, JSON_COMPACT);
        escaped = curl_easy_escape(NULL, text, 0);
        json_decref(filter);
        free(text);
        return escaped;
}

/* A write of less than PIPE_BUF is whole, and so is what is read. */
static void tell(int fd, const json_t *answer, const char *const *user_ids, size_t n) {
        const json_t *events = json_object_get(json_object_get(answer, "presence"), "events"), *event;
        usec_t now = clock_now();
        size_t i;

        json_array_foreach((json_t *) events, i, event) {
                const json_t *content = json_object_get(event, "content");
                const char *sender = json_string_value(json_object_get(event, "sender")),
                           *state = json_string_value(json_object_get(content, "presence")),
                           *message = json_string_value(json_object_get(content, "status_msg"));
                struct seen seen = { .at = now };

                while (seen.whom < n && (!sender || !streq(user_ids[seen.whom], sender)))
                        seen.whom++;
                (void) snprintf(seen.state, sizeof(seen.state), "%s", state ? state : "");
                (void) snprintf(seen.message, sizeof(seen.message), "%s", message ? message : "");
                if (seen.whom < n && write(fd, &seen, sizeof(seen)) != sizeof(seen))
                        _exit(1);
        }
}

/* In the child: no assertions. Its first answer is told by an entry of nobody. */
__attribute__((noreturn)) static void look(struct device *watcher, const char *const *user_ids, size_t n, int fd) {
        char *filter = escaped_filter(user_ids, n), *since = NULL;

        for (;;) {
                char *url = NULL, *position = since ? curl_easy_escape(NULL, since, 0) : NULL;
                const struct seen first = { .whom = n };
                struct web_reply reply;
                const char *next;

                if (asprintf(&url, "%s/_matrix/client/v3/sync?set_presence=offline&filter=%s&timeout=%d%s%s",
                             device_base_url(watcher), filter, POLL_TIMEOUT_MSEC, position ? "&since=" : "",
                             position ? position : "") < 0)
                        _exit(1);
                reply = web_request("GET", url, device_token(watcher), NULL, POLL_TIMEOUT_MSEC * 2);
                next = json_string_value(json_object_get(reply.body, "next_batch"));
                if (reply.status != 200 || !next || (!since && write(fd, &first, sizeof(first)) < 0))
                        _exit(1);
                tell(fd, reply.body, user_ids, n);
                free(since);
                since = strdup(next);
                json_decref(reply.body);
                curl_free(position);
                free(url);
        }
}

struct onlooker *onlooker_start(struct device *watcher, const char *const *user_ids, size_t n) {
        struct onlooker *o = calloc(1, sizeof(*o));
        pid_t bench = getpid();
        struct pollfd p;
        struct seen first;
        int fds[2];

        cr_assert_not_null(o);
        cr_assert_eq(pipe2(fds, O_CLOEXEC | O_NONBLOCK), 0);
        o->pid = fork();
        cr_assert_geq(o->pid, 0);
        if (o->pid == 0) {
                if (prctl(PR_SET_PDEATHSIG, SIGKILL) < 0 || getppid() != bench)
                        _exit(126);
                look(watcher, user_ids, n, fds[1]);
        }
        close(fds[1]);
        o->fd = fds[0];
        p = (struct pollfd){ .fd = o->fd, .events = POLLIN };
        cr_assert_eq(poll(&p, 1, (int) interop_deadline_msec()), 1, "the onlooker is told nothing");
        cr_assert(onlooker_take(o, &first));
        return o;
}

struct onlooker *onlooker_free(struct onlooker *o) {
        if (!o)
                return NULL;
        (void) kill(o->pid, SIGKILL);
        (void) waitpid(o->pid, NULL, 0);
        close(o->fd);
        free(o);
        return NULL;
}

int onlooker_fd(const struct onlooker *o) {
        return o->fd;
}

bool onlooker_take(struct onlooker *o, struct seen *ret) {
        return read(o->fd, ret, sizeof(*ret)) == sizeof(*ret);
}
