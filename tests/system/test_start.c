/* Starting: without anything configured, with something wrong, and twice. */
#include <limits.h>
#include <signal.h>
#include <stdio.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "state/session.h"
#include "system/harness.h"

WORLD_TEST(start, without_an_account_is_free, .no_homeserver = true) {
        SCOPED(free) char *version = NULL, *mode = NULL;

        world_start(w);
        check(w, peer_wait_is(w->peer, BUSYD_PATH, BUSYD_MANAGER, "Settled", "true"), "not settled");
        expect_availability(w, "free");
        mode = peer_get(w->peer, BUSYD_PATH, BUSYD_MANAGER, "Mode");
        version = peer_get(w->peer, BUSYD_PATH, BUSYD_MANAGER, "Version");
        cr_assert_str_eq(mode, "auto");
        cr_assert_str_eq(version, BUSYD_VERSION);
}

/* Whoever starts it by asking is not told what is not known yet. */
WORLD_TEST(start, takes_its_name_when_there_is_something_true_to_say, .no_homeserver = true) {
        SCOPED(free) char *settled = NULL;

        world_start(w);
        settled = peer_get(w->peer, BUSYD_PATH, BUSYD_MANAGER, "Settled");
        cr_assert_str_eq(settled, "true");
}

/* Neither a sound server nor keys of encrypted rooms: each of these is memory and time of a start. */
WORLD_TEST(start, loads_no_library_that_is_for_others) {
        static const char *const libraries[] = {
                "libolm.",
                "libpulse.",
                "libpipewire-",
#ifndef __SANITIZE_ADDRESS__ /* UBSan brings it along */
                "libstdc++.",
#endif
        };

        world_start_online(w);
        for (size_t i = 0; i < ARRAY_SIZE(libraries); i++)
                check(w, getenv("BUSYD_WRAPPER") || !world_has_loaded(w, libraries[i]), "%s is loaded", libraries[i]);
}

WORLD_TEST(start, ends_in_order, .no_homeserver = true) {
        world_start(w);
        cr_assert_eq(world_stop(w), 0);
        world_wait_nameless(w);
}

/* From now on busyd is started by this line of the shell, with itself as the first argument. */
static void start_by(struct world *w, const char *line) {
        SCOPED(free) char *text = NULL;
        static char path[PATH_MAX];

        (void) snprintf(path, sizeof(path), "%s", world_path(w, "starter"));
        cr_assert(asprintf(&text, "#!/bin/sh\nset -- '%s' \"$@\"\n%s\n", BUSYD_PROGRAM, line) > 0);
        file_put(path, text);
        cr_assert_eq(chmod(path, 0755), 0);
        w->program = path;
}

/* As a start script of a desktop may: what busyd opens next is a lock, a file or a connection to the server, and is
 * not to get its log, or what a hook prints. */
WORLD_TEST(start, with_its_descriptors_closed_shows_calls_and_writes_no_log_anywhere) {
        struct stat lock;

        world_config(w, "[busyd]\nlog-level = debug\non-busy = sh -c 'echo hook; echo hook >&2'\n");
        start_by(w, "exec \"$@\" <&- >&- 2>&-");
        world_start_online(w);
        for (int fd = 0; fd <= 2; fd++) {
                char name[64], is[64] = "";

                (void) snprintf(name, sizeof(name), "/proc/%d/fd/%d", (int) w->busyd, fd);
                check(w, readlink(name, is, sizeof(is) - 1) > 0 && streq(is, "/dev/null"), "%d is \"%s\"", fd, is);
        }
        call_starts(w, ROOM, "c1");
        expect_presence(w, HS_BUSY, NULL);
        expect_claim(w, "held");
        cr_assert_eq(world_stop(w), 0);
        cr_assert_eq(stat(world_state_path(w, "lock"), &lock), 0);
        check(w, lock.st_size == 0, "the log is in the lock");
}

/* As after `trap '' CHLD` of whoever starts it. Hooks, and commands that print tokens, are waited for all the same. */
WORLD_TEST(start, where_ends_of_children_are_ignored_hooks_are_waited_for, .no_homeserver = true) {
        world_config(w, "[busyd]\nend-grace = 0s\non-busy = sh -c 'exit 7'\non-free = true\n");
        start_by(w, "exec env --ignore-signal=CHLD \"$@\"");
        world_start(w);
        by_hand(w, "busy");
        check(w, world_wait_log(w, "on-busy: it ended with code 7"), "not waited for");
        by_hand(w, "auto");
        check(w, world_wait_log(w, "on-free: it has run"), "not waited for");
        {
                SCOPED_RUN run = world_run(w, NULL,
                                           (const char *const[]){ "env", "--ignore-signal=CHLD", BUSYCTL_PROGRAM,
                                                                  "run", "--", "sh", "-c", "exit 3", NULL });

                check(w, run.code == 3, "%d, %s", run.code, run.err);
        }
}

/* With a poll under way, and a call that is given back. */
WORLD_TEST(start, an_end_is_nothing_to_warn_of) {
        SCOPED(free) char *log = NULL;

        world_start_online(w);
        call_starts(w, ROOM, "c1");
        expect_presence(w, HS_BUSY, NULL);
        expect_claim(w, "held");
        cr_assert_eq(world_stop(w), 0);
        log = world_log(w);
        check(w, !strstr(log, "error:"), "it complains");
        /* Under valgrind the seconds for giving back, or for sources to begin, may really be over, which is something
         * to warn of. */
        check(w,
              !strstr(log, "warning:") || (getenv("BUSYD_WRAPPER") && (strstr(log, "given back in time") ||
                                                                       strstr(log, "has told what goes on yet"))),
              "it warns");
}

WORLD_TEST(start, second_instance_is_refused, .no_homeserver = true) {
        pid_t second;
        int status;

        world_start(w);
        second = world_spawn(w);
        status = process_wait(second, patience());
        check(w, status != -1 && WIFEXITED(status) && WEXITSTATUS(status) == 69, "the second one did not give up");
        expect_availability(w, "free");
}

/* A wrong value names what is wrong, and its default stays. */
WORLD_TEST(start, config_errors_are_told, .no_homeserver = true) {
        world_config(w, "[busyd]\nstart-delay = soon\nringin = all\n[nonsense]\nx = 1\n");
        world_start(w);
        expect_availability(w, "free");
        check(w, world_wait_log(w, "start-delay"), "the key is not named");
        check(w, world_wait_log(w, "soon"), "the value is not named");
        check(w, world_wait_log(w, "ringing"), "the nearest known key is not named");
        check(w, world_wait_log(w, "busyd.conf:2"), "file and line are not named");
}

/* Else its presence would go on being written, and the user would look for the reason elsewhere. */
WORLD_TEST(start, a_section_of_no_account_is_told_with_the_one_that_was_meant) {
        world_config(w, "[account hoem]\nenabled = no\n[account elsewhere]\nprofile-call = no\n"
                        "[account " ACCOUNT "]\nprofile-call = no\n");
        world_start_online(w);
        check(w, world_wait_log(w, "No account is called \"hoem\", did you mean \"" ACCOUNT "\"? [account hoem]"),
              "not told");
        check(w, world_wait_log(w, "No account is called \"elsewhere\": [account elsewhere] is"), "not told");
        {
                SCOPED(free) char *log = world_log(w);

                check(w, !strstr(log, "No account is called \"" ACCOUNT "\""), "one too many");
        }
}

/* A code of its own, on which the unit does not start it again and again. */
WORLD_TEST(start, configuration_that_cannot_be_read_is_final, .no_homeserver = true) {
        int status;

        world_config(w, "");
        cr_assert_eq(unlink(world_path(w, "config/busyd/busyd.conf")), 0);
        cr_assert_eq(mkdir(world_path(w, "config/busyd/busyd.conf"), 0700), 0);
        status = process_wait(world_spawn(w), patience());
        check(w, status != -1 && WIFEXITED(status) && WEXITSTATUS(status) == 78, "status %#x", (unsigned) status);
        check(w, world_wait_log(w, "busyd.conf"), "the file is not named");
}

WORLD_TEST(start, readable_session_is_refused) {
        chmod(world_state_path(w, "session-" ACCOUNT ".json"), 0644);
        world_start(w);
        check(w, world_wait_log(w, "session-" ACCOUNT ".json"), "the file is not named");
        expect_availability(w, "free");
        cr_assert_eq(hs_count(w->hs, (struct hs_match){ .path = "*/sync" }, 0), 0);
}

WORLD_TEST(start, foreign_session_is_refused) {
        if (geteuid() != 0)
                cr_skip_test("only root can give a file away");
        cr_assert_eq(chown(world_state_path(w, "session-" ACCOUNT ".json"), 65534, 65534), 0);
        world_start(w);
        check(w, world_wait_log(w, "session-" ACCOUNT ".json"), "the file is not named");
        cr_assert_eq(hs_count(w->hs, (struct hs_match){ .path = "*/sync" }, 0), 0);
}

WORLD_TEST(start, broken_session_is_told) {
        file_put(world_state_path(w, "session-" ACCOUNT ".json"), "{");
        world_start(w);
        check(w, world_wait_log(w, "session-" ACCOUNT ".json"), "the file is not named");
        expect_availability(w, "free");
}

/* The session on disk has another token than the one that the command prints. */
static void keep_token_elsewhere(struct world *w) {
        struct session session;
        char *token;

        cr_assert_eq(session_load(world_state_path(w, ""), ACCOUNT, &session), 0);
        token = session.access_token;
        file_put(world_path(w, "token"), token);
        session.access_token = strdup("of-no-use");
        cr_assert_eq(session_save(world_state_path(w, ""), ACCOUNT, &session), 0);
        session_done(&session);
        free(token);
}

WORLD_TEST(start, token_command_gives_the_token) {
        keep_token_elsewhere(w);
        world_config(w, "[account " ACCOUNT "]\ntoken-command = cat \"$HOME/../token\"\n");
        world_start_online(w);
}

WORLD_TEST(start, token_command_that_fails_is_told) {
        keep_token_elsewhere(w);
        world_config(w, "[account " ACCOUNT "]\ntoken-command = cat \"$HOME/../token\"; exit 3\n");
        world_start(w);
        check(w, world_wait_log(w, "token-command is of no use: it ended with code 3"), "not told");
        check(w, peer_wait_is(w->peer, ACCOUNT_PATH, BUSYD_ACCOUNT, "State", "waiting"), "it does not wait");
        {
                SCOPED_RUN status = world_busyctl(w, NULL, "status", NULL);

                check(w,
                      strstr(status.out, HS_USER) && strstr(status.out, "it ended with code 3") &&
                              strstr(status.out, "busyctl reload"),
                      "%s", status.out);
        }
        cr_assert_eq(hs_count(w->hs, (struct hs_match){ .path = "*/whoami" }, 0), 0);
        expect_availability(w, "free");
}

WORLD_TEST(start, broken_journal_is_kept_aside) {
        file_put(world_state_path(w, "claims.json"), "not json");
        world_start_online(w);
        check(w, access(world_state_path(w, "claims.json.broken"), F_OK) == 0, "it is gone");
}
