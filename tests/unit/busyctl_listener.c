/* The listener of a login in a browser: one answer, and nothing for anybody else. */
#include <criterion/criterion.h>
#include <errno.h>
#include <fcntl.h>
#include <net/if.h>
#include <sched.h>
#include <sys/ioctl.h>
#include <sys/wait.h>

#include "busyctl/listener.c"
#include "http/http.h"

struct stage {
        sd_event *event;
        struct http *http;
        struct listener *listener;
        const char *wanted; /* "state" of what is waited for */
        enum listener_page page;
        unsigned n_asked, n_answered, n_overrun;
        bool done;
        long status; /* of the last answer; 0: none */
        char body[512];
};

static enum listener_page on_asked(listener_value_t value, void *request, void *userdata) {
        struct stage *s = userdata;
        const char *state = value(request, "state");

        s->n_asked++;
        return state && streq(state, s->wanted) ? s->page : LISTENER_NOT_FOUND;
}

static void on_answered(void *userdata) {
        struct stage *s = userdata;

        s->n_answered++;
}

static void on_overrun(void *userdata) {
        struct stage *s = userdata;

        s->n_overrun++;
}

static int open_stage(struct stage *s) {
        *s = (struct stage){ .wanted = "right", .page = LISTENER_DONE };
        cr_assert_geq(sd_event_new(&s->event), 0);
        cr_assert_eq(http_new(&s->http, s->event, NULL), 0);
        return listener_new(&s->listener, s->event, "/done",
                            &(struct listener_handler){ on_asked, on_answered, on_overrun, s });
}

static void close_stage(struct stage *s) {
        listener_free(s->listener);
        http_free(s->http);
        sd_event_unref(s->event);
}

static void on_reply(const struct http_reply *reply, void *userdata) {
        struct stage *s = userdata;

        s->status = reply->error < 0 ? 0 : reply->status;
        (void) snprintf(s->body, sizeof(s->body), "%s", reply->error < 0 ? "" : reply->body);
        s->done = true;
}

/* The status of what it answers; 0: it does not. */
static long ask(struct stage *s, const char *method, const char *host, const char *path) {
        const char *port = strrchr(listener_origin(s->listener), ':') + 1;
        struct http_request *request;
        char url[256];

        (void) snprintf(url, sizeof(url), "http://%s:%s%s", host, port, path);
        s->done = false;
        cr_assert_eq(http_start(s->http,
                                &(struct http_call){ .method = method, .url = url, .timeout = 20 * USEC_PER_SEC },
                                on_reply, s, &request),
                     0, "%s", url);
        while (!s->done)
                cr_assert_gt(sd_event_run(s->event, 30 * USEC_PER_SEC), 0, "%s: nothing happens", url);
        return s->status;
}

static void run_until(struct stage *s, const unsigned *n) {
        while (*n == 0)
                cr_assert_gt(sd_event_run(s->event, 30 * USEC_PER_SEC), 0, "nothing happens");
}

#define V4 "127.0.0.1"

Test(listener, one_answer_is_taken_and_everything_else_is_not_found) {
        struct stage s;

        cr_assert_eq(open_stage(&s), 0);
        cr_assert_eq(ask(&s, "GET", V4, "/"), 404);
        cr_assert_eq(ask(&s, "GET", V4, "/done/x?state=right"), 404);
        cr_assert_eq(ask(&s, "POST", V4, "/done?state=right"), 404);
        cr_assert_eq(ask(&s, "PUT", V4, "/done?state=right"), 404);
        cr_assert_eq(s.n_asked, 0, "nobody is asked about these");
        cr_assert_eq(ask(&s, "GET", V4, "/done?state=wrong"), 404);
        cr_assert_eq(ask(&s, "GET", V4, "/done"), 404);
        cr_assert_eq(s.n_answered, 0);
        cr_assert_eq(ask(&s, "GET", V4, "/done?state=right&code=s3cret"), 200);
        cr_assert(strstr(s.body, "You can close this window") && !strstr(s.body, "s3cret"), "%s", s.body);
        run_until(&s, &s.n_answered);
        cr_assert_eq(ask(&s, "GET", V4, "/done?state=right&code=s3cret"), 404, "a second one is not");
        cr_assert(s.n_answered == 1 && s.n_asked == 3 && s.n_overrun == 0);
        close_stage(&s);
}

Test(listener, a_refusal_has_a_page_too) {
        struct stage s;

        cr_assert_eq(open_stage(&s), 0);
        s.page = LISTENER_REFUSED;
        cr_assert_eq(ask(&s, "GET", V4, "/done?state=right&error=access_denied"), 200);
        cr_assert(strstr(s.body, "has not been let in"), "%s", s.body);
        run_until(&s, &s.n_answered);
        close_stage(&s);
}

static bool has_v6(void) {
        uint16_t port = 0;
        int fd = listen_at(AF_INET6, &port);

        if (fd >= 0)
                close(fd);
        return fd >= 0;
}

/* Where this machine has it, the port is ours there as well; and it is nobody's on any other address. */
Test(listener, on_each_kind_of_loopback_and_nowhere_else) {
        struct stage s;

        cr_assert_eq(open_stage(&s), 0);
        cr_assert_eq(strncmp(listener_origin(s.listener), "http://127.0.0.1:", 17), 0);
        cr_assert_eq(ask(&s, "GET", "127.0.0.2", "/done?state=right"), 0);
        cr_assert_eq(ask(&s, "GET", "[::1]", "/done?state=wrong"), has_v6() ? 404 : 0);
        cr_assert_eq(ask(&s, "GET", has_v6() ? "[::1]" : V4, "/done?state=right"), 200);
        run_until(&s, &s.n_answered);
        close_stage(&s);
}

/* Who floods it ends it, instead of keeping it at work. */
Test(listener, so_many_requests_are_no_browser) {
        struct stage s;

        cr_assert_eq(open_stage(&s), 0);
        for (unsigned i = 0; i < LISTENER_REQUESTS_MAX && s.n_overrun == 0; i++)
                cr_assert_eq(ask(&s, "GET", V4, i & 2 ? "/done?state=wrong" : "/x"), 404);
        run_until(&s, &s.n_overrun);
        cr_assert_eq(ask(&s, "GET", V4, "/done?state=right"), 404, "too late");
        cr_assert(s.n_overrun == 1 && s.n_answered == 0);
        close_stage(&s);
}

/* Who connects and says nothing is in nobody's way. */
Test(listener, silent_connections_do_not_keep_the_answer_out) {
        struct stage s;
        int silent[CONNECTIONS_MAX - 2];

        cr_assert_eq(open_stage(&s), 0);
        for (size_t i = 0; i < ARRAY_SIZE(silent); i++) {
                struct sockaddr_in a = { .sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };

                a.sin_port = htons((uint16_t) strtoul(strrchr(listener_origin(s.listener), ':') + 1, NULL, 10));
                silent[i] = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
                cr_assert(silent[i] >= 0 && connect(silent[i], (struct sockaddr *) &a, sizeof(a)) == 0);
        }
        cr_assert_eq(ask(&s, "GET", V4, "/done?state=right"), 200);
        run_until(&s, &s.n_answered);
        for (size_t i = 0; i < ARRAY_SIZE(silent); i++)
                close(silent[i]);
        close_stage(&s);
}

static bool set_loopback(unsigned long request, const struct ifreq *change) {
        int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
        bool ok = fd >= 0 && ioctl(fd, request, change) == 0;

        close(fd);
        return ok;
}

/* In a network of its own, without an address of IPv4. Returns what is wrong. */
static const char *listen_without_v4(void) {
        struct ifreq up = { .ifr_name = "lo", .ifr_flags = IFF_UP },
                     none = { .ifr_name = "lo", .ifr_addr = { .sa_family = AF_INET } };
        struct listener *l = NULL;
        sd_event *event = NULL;
        int r;

        if (unshare(CLONE_NEWUSER | CLONE_NEWNET) < 0 || sd_event_new(&event) < 0)
                return "no network of its own";
        if (!set_loopback(SIOCSIFFLAGS, &up) || !set_loopback(SIOCSIFADDR, &none))
                return "no loopback to change";
        r = listener_new(&l, event, "/done", &(struct listener_handler){ on_asked, on_answered, on_overrun, NULL });
        if (r < 0)
                return has_v6() ? "not on IPv6 alone" : NULL;
        return strncmp(listener_origin(l), "http://[::1]:", 13) == 0 ? NULL : "not the address of IPv6";
}

Test(listener, a_machine_of_ipv6_alone) {
        int pipe_fd[2];
        char says[64] = "";
        pid_t pid;

        cr_assert_eq(pipe2(pipe_fd, O_CLOEXEC), 0);
        pid = fork(); /* only a process of one thread leaves its user namespace */
        if (pid == 0) {
                const char *wrong = listen_without_v4();

                (void) !write(pipe_fd[1], wrong ? wrong : "fine", strlen(wrong ? wrong : "fine"));
                _exit(0);
        }
        close(pipe_fd[1]);
        cr_assert(pid > 0 && read(pipe_fd[0], says, sizeof(says) - 1) > 0);
        cr_assert_eq(waitpid(pid, NULL, 0), pid);
        cr_assert_str_eq(says, "fine");
        close(pipe_fd[0]);
}
