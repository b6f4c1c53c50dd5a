/* scripts/demo, interrupted: all that it has started ends with it, and its folder goes. What it shows is for people.
 */
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
                              "echo $$ >%s; " MARK "=%s exec " SOURCE_FOLDER "/scripts/demo --built " BUILD_FOLDER,
                              world_path(w, "pid"), w->dir),
                     0);
        return terminal_start(w, (const char *const[]){ "sh", "-c", command, NULL });
}

/* Of what has the mark, what this command of awk prints of NAME=VALUE lines of its environment, each once. */
static char *of_all(struct world *w, const char *print) {
        SCOPED(free) char *command = NULL;
        SCOPED_RUN run = { 0 };

        cr_assert_gt(asprintf(&command,
                              "for e in $(grep -lsz '^" MARK "=%s$' /proc/[0-9]*/environ); do "
                              "tr '\\0' '\\n' <$e 2>/dev/null | awk -F= -v e=$e '%s'; done | sort -u",
                              w->dir, print),
                     0);
        run = world_run(w, NULL, (const char *const[]){ "sh", "-c", command, NULL });
        return strdup(run.out);
}

/* While it runs. */
static char *its_folder(struct world *w) {
        char *folders = of_all(w, "/^XDG_RUNTIME_DIR=.*busyd-demo-/ { sub(\"/runtime$\", \"\", $2); print $2 }");

        folders[strcspn(folders, "\n")] = '\0';
        check(w, strstr(folders, "/busyd-demo-"), "it has no folder: \"%s\"", folders);
        return folders;
}

static void expect_nothing_left(struct world *w, const char *folder) {
        SCOPED(free) char *left = of_all(w, "/^" MARK "=/ { print e }");

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
