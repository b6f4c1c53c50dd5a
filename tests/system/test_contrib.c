/* The examples of contrib/, as their users run them. */
#include <stdio.h>
#include <sys/wait.h>

#include "system/harness.h"

/* A shell with busyctl in its PATH. Returns the exit code; -1: it did not end by itself. */
static int shell(struct world *w, const char *command) {
        char script[1024];
        pid_t pid;
        int status;

        snprintf(script, sizeof(script), "PATH=${0%%/*}:$PATH; cd " SOURCE_FOLDER "/contrib && %s", command);
        pid = world_program(w, (const char *const[]){ "sh", "-c", script, BUSYCTL_PROGRAM, NULL }, -1, "contrib.log");
        status = process_wait(pid, patience());
        if (status == -1)
                process_kill(pid);
        return status != -1 && WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}

WORLD_TEST(contrib, busy_while_a_command_runs, .no_homeserver = true) {
        world_start(w);
        cr_assert_eq(shell(w, "./busyd-while Studio busyctl is-busy"), 0);
        expect_availability(w, "free");
        cr_assert_eq(shell(w, "./busyd-while Studio sh -c 'exit 7'"), 7);
        cr_assert_eq(shell(w, "./busyd-while"), 2);
        cr_assert_eq(shell(w, "./busyd-while Studio"), 2);
}

WORLD_TEST(contrib, busy_between_two_hooks, .no_homeserver = true) {
        world_start(w);
        cr_assert_eq(shell(w, "./busyd-hook start Studio"), 0);
        expect_availability(w, "busy");
        cr_assert_eq(shell(w, "./busyd-hook stop Studio"), 0);
        expect_availability(w, "free");
        cr_assert_eq(shell(w, "./busyd-hook start"), 2);
        cr_assert_eq(shell(w, "./busyd-hook begin Studio"), 2);
}

/* However often a beginning is told, also by two at the same time, and whatever the name is. */
WORLD_TEST(contrib, one_hold_a_name, .no_homeserver = true) {
        world_start(w);
        cr_assert_eq(shell(w, "./busyd-hook start Studio && ./busyd-hook start Studio"), 0);
        cr_assert_eq(shell(w, "./busyd-hook start Studio & ./busyd-hook start Studio; wait $!"), 0);
        expect_availability(w, "busy");
        cr_assert_eq(shell(w, "./busyd-hook start 'a/b c'"), 0);
        cr_assert_eq(shell(w, "./busyd-hook stop Studio"), 0);
        expect_availability(w, "busy");
        cr_assert_eq(shell(w, "./busyd-hook stop 'a/b c'"), 0);
        expect_availability(w, "free");
}

/* An end without a beginning, and one whose beginning an earlier busyd was told. */
WORLD_TEST(contrib, nothing_to_stop, .no_homeserver = true) {
        world_start(w);
        cr_assert_eq(shell(w, "./busyd-hook stop Studio"), 0);
        cr_assert_eq(shell(w, "./busyd-hook start Studio"), 0);
        cr_assert_eq(world_stop(w), 0);
        world_start(w);
        cr_assert_eq(shell(w, "./busyd-hook stop Studio"), 0);
        cr_assert_eq(shell(w, "./busyd-hook start Studio"), 0);
        expect_availability(w, "busy");
        cr_assert_eq(shell(w, "./busyd-hook stop Studio"), 0);
        expect_availability(w, "free");
}
