/* libpulse's main loop, as libpulse uses it. */
#include <criterion/criterion.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <unistd.h>

#include "pulse/loop.h"
#include "util/clock.h"

struct bench {
        sd_event *event;
        struct pulse_loop *loop;
        pa_mainloop_api *api;
        int fds[2];
        unsigned n;   /* callbacks */
        unsigned max; /* after so many the event is freed, from within; 0: not */
        unsigned n_destroyed;
        unsigned flags; /* of the last one */
};

static void set_up(struct bench *b) {
        *b = (struct bench){ .max = 0 };
        cr_assert_geq(sd_event_new(&b->event), 0);
        cr_assert_eq(pulse_loop_new(&b->loop, b->event), 0);
        b->api = pulse_loop_api(b->loop);
        cr_assert_eq(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, b->fds), 0);
}

static void tear_down(struct bench *b) {
        pulse_loop_free(b->loop);
        sd_event_unref(b->event);
        close(b->fds[0]);
        if (b->fds[1] >= 0)
                close(b->fds[1]);
}

/* All that is ready, a few times over. */
static void turn(struct bench *b) {
        for (size_t i = 0; i < 4; i++)
                cr_assert_geq(sd_event_run(b->event, 0), 0);
}

static bool counts_on(struct bench *b) {
        b->n++;
        return b->max == 0 || b->n < b->max;
}

static void on_io(pa_mainloop_api *api, pa_io_event *e, int fd, pa_io_event_flags_t flags, void *userdata) {
        struct bench *b = userdata;

        cr_expect_eq(fd, b->fds[0]);
        b->flags = flags;
        if (!counts_on(b))
                api->io_free(e);
}

static void on_io_destroyed(pa_mainloop_api *api, pa_io_event *e, void *userdata) {
        ((struct bench *) userdata)->n_destroyed++;
}

static void on_time(pa_mainloop_api *api, pa_time_event *e, const struct timeval *at, void *userdata) {
        if (!counts_on(userdata))
                api->time_free(e);
}

static void on_time_destroyed(pa_mainloop_api *api, pa_time_event *e, void *userdata) {
        ((struct bench *) userdata)->n_destroyed++;
}

static void on_defer(pa_mainloop_api *api, pa_defer_event *e, void *userdata) {
        if (!counts_on(userdata))
                api->defer_free(e);
}

static void on_defer_destroyed(pa_mainloop_api *api, pa_defer_event *e, void *userdata) {
        ((struct bench *) userdata)->n_destroyed++;
}

Test(pulse_loop, sockets_are_told_as_they_are) {
        struct bench b;
        pa_io_event *e;

        set_up(&b);
        e = b.api->io_new(b.api, b.fds[0], PA_IO_EVENT_INPUT, on_io, &b);
        cr_assert(e);
        b.api->io_set_destroy(e, on_io_destroyed);
        turn(&b);
        cr_expect_eq(b.n, 0, "nothing came");
        b.api->io_enable(e, PA_IO_EVENT_OUTPUT);
        turn(&b);
        cr_expect_gt(b.n, 0);
        cr_expect_eq(b.flags, PA_IO_EVENT_OUTPUT);
        b.api->io_enable(e, PA_IO_EVENT_INPUT);
        cr_assert_eq(write(b.fds[1], "x", 1), 1);
        b.n = 0;
        turn(&b);
        cr_expect_gt(b.n, 0);
        cr_expect_eq(b.flags, PA_IO_EVENT_INPUT);
        cr_expect_eq(b.n_destroyed, 0);
        b.api->io_free(e);
        cr_expect_eq(b.n_destroyed, 1);
        tear_down(&b);
}

/* epoll tells that even of a socket of which nothing is asked, again and again. */
Test(pulse_loop, a_socket_that_is_not_asked_for_is_silent_even_hung_up) {
        struct bench b;
        pa_io_event *e;

        set_up(&b);
        e = b.api->io_new(b.api, b.fds[0], PA_IO_EVENT_NULL, on_io, &b);
        close(b.fds[1]);
        b.fds[1] = -1;
        turn(&b);
        cr_expect_eq(b.n, 0);
        b.api->io_enable(e, PA_IO_EVENT_INPUT);
        turn(&b);
        cr_expect(b.flags & PA_IO_EVENT_HANGUP);
        b.api->io_free(e);
        tear_down(&b);
}

Test(pulse_loop, a_socket_may_be_freed_from_within) {
        struct bench b;
        pa_io_event *e;

        set_up(&b);
        b.max = 1;
        e = b.api->io_new(b.api, b.fds[0], PA_IO_EVENT_OUTPUT, on_io, &b);
        b.api->io_set_destroy(e, on_io_destroyed);
        turn(&b);
        cr_expect_eq(b.n, 1);
        cr_expect_eq(b.n_destroyed, 1);
        tear_down(&b);
}

static struct timeval wall(int64_t from_now_msec) {
        usec_t at = clock_wall_now() + (usec_t) (from_now_msec * (int64_t) USEC_PER_MSEC);

        return (struct timeval){ .tv_sec = (time_t) (at / USEC_PER_SEC),
                                 .tv_usec = (suseconds_t) (at % USEC_PER_SEC) };
}

Test(pulse_loop, timers_are_points_of_the_wall_clock) {
        const struct timeval past = wall(-1), later = wall(3600000);
        struct bench b;
        pa_time_event *e;

        set_up(&b);
        e = b.api->time_new(b.api, &later, on_time, &b);
        cr_assert(e);
        b.api->time_set_destroy(e, on_time_destroyed);
        turn(&b);
        cr_expect_eq(b.n, 0);
        b.api->time_restart(e, &past);
        turn(&b);
        cr_expect_eq(b.n, 1, "once, not %u times", b.n);
        b.api->time_restart(e, &past);
        turn(&b);
        cr_expect_eq(b.n, 2, "again when it is set again");
        b.api->time_restart(e, &past);
        b.api->time_restart(e, NULL);
        turn(&b);
        cr_expect_eq(b.n, 2, "never");
        b.api->time_free(e);
        cr_expect_eq(b.n_destroyed, 1);
        tear_down(&b);
}

Test(pulse_loop, a_timer_comes_by_itself_and_may_be_freed_from_within) {
        const struct timeval soon = wall(50);
        struct bench b;

        set_up(&b);
        b.max = 1;
        cr_assert(b.api->time_new(b.api, &soon, on_time, &b));
        while (b.n == 0)
                cr_assert_gt(sd_event_run(b.event, 10 * USEC_PER_SEC), 0, "it never came");
        turn(&b);
        cr_expect_eq(b.n, 1);
        tear_down(&b);
}

Test(pulse_loop, deferred_calls_come_each_turn_as_long_as_they_are_on) {
        struct bench b;
        pa_defer_event *e;

        set_up(&b);
        e = b.api->defer_new(b.api, on_defer, &b);
        cr_assert(e);
        b.api->defer_set_destroy(e, on_defer_destroyed);
        turn(&b);
        cr_expect_geq(b.n, 3);
        b.api->defer_enable(e, 0);
        b.n = 0;
        turn(&b);
        cr_expect_eq(b.n, 0);
        b.api->defer_enable(e, 1);
        b.max = 1;
        turn(&b);
        cr_expect_eq(b.n, 1);
        cr_expect_eq(b.n_destroyed, 1);
        tear_down(&b);
}

Test(pulse_loop, the_loop_is_not_for_it_to_end) {
        struct bench b;

        set_up(&b);
        b.api->quit(b.api, 1);
        turn(&b);
        cr_expect_neq(sd_event_get_state(b.event), SD_EVENT_FINISHED);
        tear_down(&b);
}
