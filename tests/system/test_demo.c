/* scripts/demo, interrupted: all that it has started ends with it, and its folder goes. What it shows is for people.
 */
#include <glob.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "system/terminal.h"

/* All that it starts inherits this. */
#define MARK "BUSYD_TEST_DEMO"

static struct terminal *begin(struct world *w) {
        SCOPED(free) char *command = NULL;

        cr_assert_gt(asprintf(&command,
                              "echo $$ >%s/pid; BUSYD_DEMO_TMP=%s " MARK "=%s exec " SOURCE_FOLDER
                              "/scripts/demo --built " BUILD_FOLDER,
                              w->dir, w->dir, w->dir),
                     0);
        return terminal_start(w, (const char *const[]){ "sh", "-c", command, NULL });
}

/* What has the mark, a line for each. */
static char *all_of_it(struct world *w) {
        SCOPED(free) char *command = NULL;
        SCOPED_RUN run = { 0 };

        cr_assert_gt(asprintf(&command, "grep -lsz '^" MARK "=%s$' /proc/[0-9]*/environ", w->dir), 0);
        run = world_run(w, NULL, (const char *const[]){ "sh", "-c", command, NULL });
        return strdup(run.out);
}

/* While it runs. */
static char *its_folder(struct world *w) {
        glob_t found = { 0 };
        char *folder;

        check(w, glob(world_path(w, "busyd-demo-*"), GLOB_ONLYDIR, NULL, &found) == 0 && found.gl_pathc == 1,
              "it has no folder");
        folder = strdup(found.gl_pathv[0]);
        globfree(&found);
        return folder;
}

static void expect_nothing_left(struct world *w, const char *folder) {
        SCOPED(free) char *left = all_of_it(w);

        check(w, !*left, "these still run:\n%s", left);
        check(w, access(folder, F_OK) < 0, "%s is still there", folder);
}

/* By keys at the terminal, which tells all of its programs; or, with NULL, by the signal, which the demo alone gets.
 */
static void interrupted_at(struct world *w, const char *line, const char *keys, int signal) {
        SCOPED(terminal_free) struct terminal *t = begin(w);
        SCOPED(free) char *folder = NULL, *pid = NULL;

        terminal_expect(t, line);
        folder = its_folder(w);
        pid = file_text(world_path(w, "pid"));
        if (keys)
                terminal_type(t, keys);
        else
                cr_assert_eq(kill((pid_t) atol(pid), signal), 0);
        terminal_expect(t, "Interrupted: all that the demo had started is ended");
        check(w, terminal_end(t) == 128 + signal, "%s", terminal_text(t));
        expect_nothing_left(w, folder);
}

WORLD_TEST(demo, interrupted_before_there_is_an_account, .no_homeserver = true) {
        interrupted_at(w, "busyd runs, nothing is configured", "\003", SIGINT);
}

WORLD_TEST(demo, interrupted_in_a_call, .no_homeserver = true) {
        interrupted_at(w, "busyd has written it", "\003", SIGINT);
}

/* Whoever is impatient. */
WORLD_TEST(demo, interrupted_twice, .no_homeserver = true) {
        interrupted_at(w, "kill -9", "\003\003", SIGINT);
}

WORLD_TEST(demo, ended_while_a_sound_server_runs, .no_homeserver = true) {
        interrupted_at(w, "PipeWire runs, with a microphone", NULL, SIGTERM);
}

WORLD_TEST(demo, its_terminal_is_closed, .no_homeserver = true) {
        interrupted_at(w, "busyd has written it", NULL, SIGHUP);
}
