/* A command as a child; as a unit it is tried under a real user manager (tests/manager). */
#include <criterion/criterion.h>
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <unistd.h>

#include "util/clock.h"
#include "util/command.h"

struct fixture {
        sd_event *event;
        struct command *command;
        char text[COMMAND_OUTPUT_MAX + 1];
        size_t size;
        int status;
        unsigned n; /* how often it was told */
};

static void on_done(char *output, size_t size, int status, void *userdata) {
        struct fixture *f = userdata;

        memcpy(f->text, output, size + 1);
        f->size = size;
        f->status = status;
        f->n++;
}

static void start_as(struct fixture *f, const struct command_options *options) {
        cr_assert_geq(sd_event_new(&f->event), 0);
        cr_assert_eq(command_start(&f->command, f->event, NULL, options, on_done, f), 0);
}

static void start(struct fixture *f, const char *line, usec_t time_max) {
        start_as(f, &(struct command_options){ .argv = COMMAND_SHELL(line), .time_max = time_max });
}

/* Until it is told, with the loop's own turns. */
static void finish(struct fixture *f) {
        while (f->n == 0) {
                usec_t now = clock_now(), next = command_run(f->command, now);

                if (f->n == 0)
                        cr_assert_geq(sd_event_run(f->event, next > now ? next - now : 0), 0);
        }
        command_free(f->command);
        sd_event_unref(f->event);
        cr_assert_eq(f->n, 1);
}

static struct fixture run(const char *line) {
        struct fixture f = { 0 };

        start(&f, line, 60 * USEC_PER_SEC);
        finish(&f);
        return f;
}

static void block_children(void) {
        sigset_t children;

        (void) sigemptyset(&children);
        (void) sigaddset(&children, SIGCHLD); /* as the loop of busyd does */
        (void) sigprocmask(SIG_BLOCK, &children, NULL);
}

TestSuite(command, .init = block_children, .timeout = 60);

Test(command, what_it_prints_and_how_it_ends) {
        struct fixture f = run("printf 'a\\nb'; exit 7");

        cr_assert_str_eq(f.text, "a\nb");
        cr_assert_eq(f.size, 3);
        cr_assert_eq(f.status, 7);
}

Test(command, a_signal_is_told_as_a_shell_does) {
        cr_assert_eq(run("kill -9 $$").status, 128 + 9);
}

Test(command, what_it_leaves_running_is_waited_for_while_it_may_print) {
        cr_assert_str_eq(run("(sleep 0.1; echo late) & echo soon").text, "soon\nlate\n");
}

/* As if systemd had started it: what the loop ignores, or whoever started that, is nothing to it. */
Test(command, begins_with_every_signal_as_it_is_by_default) {
        (void) signal(SIGPIPE, SIG_IGN);
        (void) signal(SIGHUP, SIG_IGN);
        cr_assert_eq(run("kill -PIPE $$").status, 128 + SIGPIPE);
        cr_assert_eq(run("kill -HUP $$").status, 128 + SIGHUP);
}

Test(command, too_much_is_not_waited_for) {
        cr_assert_eq(run("yes").status, -E2BIG);
        cr_assert_eq(run("head -c 8192 /dev/zero").status, -E2BIG);
        cr_assert_eq(run("head -c 8191 /dev/zero").size, 8191);
}

/* To the command it is a pipe like any other: it waits for its reader. */
Test(command, its_output_blocks) {
        cr_assert_eq(run("python3 -c 'import os; exit(0 if os.get_blocking(1) else 3)'").status, 0);
}

Test(command, takes_no_longer_than_it_may) {
        struct fixture f = { 0 };

        start(&f, "echo part; exec sleep 1000", 100 * USEC_PER_MSEC);
        finish(&f);
        cr_assert_eq(f.status, -ETIMEDOUT);
}

static int tried(const char *program) {
        struct command *c = NULL;
        sd_event *event = NULL;
        int r;

        cr_assert_geq(sd_event_new(&event), 0);
        r = command_start(
                &c, event, NULL,
                &(struct command_options){ .argv = (const char *const[]){ program, NULL }, .time_max = USEC_PER_MIN },
                on_done, NULL);
        cr_assert_null(c);
        sd_event_unref(event);
        return r;
}

Test(command, a_program_that_is_not_there_is_told) {
        cr_assert_eq(tried("there-is-no-such-program"), -ENOENT);
        cr_assert_eq(tried("/nowhere/at-all"), -ENOENT);
        cr_assert_eq(tried("/etc/passwd"), -EACCES);
}

Test(command, its_words_are_what_they_are) {
        struct fixture f = { 0 };

        start_as(&f, &(struct command_options){
                             .argv = (const char *const[]){ "printf", "%s|", "$HOME", "a  b", "", "*", NULL },
                             .time_max = USEC_PER_MIN });
        finish(&f);
        cr_assert_str_eq(f.text, "$HOME|a  b||*|");
}

Test(command, its_environment_is_ours_and_what_it_is_given) {
        struct fixture f = { 0 };

        setenv("OURS", "stays", 1);
        setenv("BOTH", "ours", 1);
        start_as(&f, &(struct command_options){ .argv = COMMAND_SHELL("echo $OURS $BOTH; env | grep -c ^BOTH="),
                                                .environment = (const char *const[]){ "BOTH=its own", NULL },
                                                .time_max = USEC_PER_MIN });
        finish(&f);
        cr_assert_str_eq(f.text, "stays its own\n1\n");
}

Test(command, what_goes_to_the_log_is_not_kept_and_has_no_limit) {
        struct fixture f = { 0 };

        start_as(&f,
                 &(struct command_options){ .argv = COMMAND_SHELL("head -c 100000 /dev/zero | tr '\\0' '\\n'; exit 4"),
                                            .output_is_log = true,
                                            .time_max = USEC_PER_MIN });
        finish(&f);
        cr_assert_eq(f.size, 0);
        cr_assert_eq(f.status, 4);
}
