/* The user's commands at the beginning and the end of busy. */
#include <jansson.h>
#include <signal.h>
#include <stdio.h>
#include <stdarg.h>
#include <sys/stat.h>
#include <time.h>

#include "system/harness.h"
#include "system/pace.h"

/* A script that writes a line into `told` in the world's folder. */
static void script(struct world *w, const char *name, const char *body) {
        SCOPED(free) char *text = NULL;

        cr_assert(asprintf(&text, "#!/bin/sh\nout='%s/told'\n%s\n", w->dir, body) > 0);
        file_put(world_path(w, "%s", name), text);
        cr_assert_eq(chmod(world_path(w, "%s", name), 0755), 0);
}

static void config(struct world *w, const char *format, ...) {
        SCOPED(free) char *hooks = NULL, *text = NULL;
        va_list ap;

        va_start(ap, format);
        cr_assert(vasprintf(&hooks, format, ap) > 0);
        va_end(ap);
        cr_assert(asprintf(&text, "[busyd]\nend-grace = 0s\nhint-end-grace = 0s\nlog-level = debug\n%s", hooks) > 0);
        world_config(w, text);
}

static void expect_told(struct world *w, const char *all) {
        for (int64_t left = patience() / 100;; left--) {
                SCOPED(free) char *told = file_text(world_path(w, "told"));

                if (streq(told, all))
                        return;
                check(w, left > 0, "\"%s\" instead of \"%s\"", told, all);
                world_look_again(w);
        }
}

#define BOTH_HOOKS "on-busy = %1$s/begin\non-free = %1$s/end\n"

static void both(struct world *w) {
        script(w, "begin", "echo begin >>$out");
        script(w, "end", "echo end >>$out");
        config(w, BOTH_HOOKS, w->dir);
}

WORLD_TEST(hooks, run_when_busy_begins_and_when_it_is_over, .no_homeserver = true) {
        both(w);
        world_start(w);
        by_hand(w, "busy");
        expect_told(w, "begin\n");
        check(w, world_wait_log(w, "on-busy: it has run"), "not told");
        by_hand(w, "auto");
        expect_told(w, "begin\nend\n");
        check(w, world_wait_log(w, "on-free: it has run"), "not told");
}

WORLD_TEST(hooks, never_overtake_each_other, .no_homeserver = true) {
        script(w, "begin", "echo begin >>$out; while ! test -e $out.go; do sleep 0.05; done; echo begun >>$out");
        script(w, "end", "echo end >>$out");
        config(w, BOTH_HOOKS, w->dir);
        world_start(w);
        by_hand(w, "busy");
        expect_told(w, "begin\n");
        by_hand(w, "auto");
        by_hand(w, "busy");
        by_hand(w, "auto");
        file_put(world_path(w, "told.go"), "");
        expect_told(w, "begin\nbegun\nend\n");
        by_hand(w, "busy");
        expect_told(w, "begin\nbegun\nend\nbegin\nbegun\n");
}

WORLD_TEST(hooks, busyd_goes_on_while_one_runs, .no_homeserver = true) {
        config(w, "on-busy = sleep 1000\n");
        world_start(w);
        by_hand(w, "busy");
        expect_availability(w, "busy");
        by_hand(w, "auto");
        expect_availability(w, "free");
}

WORLD_TEST(hooks, are_told_by_whom_and_why, .no_homeserver = true) {
        SCOPED(free) char *told = NULL;
        const char *app = "My \"Phone\" $HOME", *reason = "a call";
        unsigned long since = 0;
        bool ok;

        script(w, "begin",
               "printf '%s|%s|%s|%s\\n' \"$BUSYD_AVAILABILITY\" \"$BUSYD_APPS\" \"$BUSYD_REASON\" \"$BUSYD_SINCE\" "
               ">$out.part; mv $out.part $out");
        config(w, "on-busy = %s/begin\n", w->dir);
        world_start(w);
        free(peer_call(w->peer, BUSYD_PATH, BUSYD_MANAGER, "Hold", &ok, DBUS_TYPE_STRING, &app, DBUS_TYPE_STRING,
                       &reason, DBUS_TYPE_INVALID));
        cr_assert(ok);
        check(w, world_wait_log(w, "on-busy: it has run"), "not told");
        told = file_text(world_path(w, "told"));
        check(w, sscanf(told, "busy|My \"Phone\" $HOME|a call, My \"Phone\" $HOME|%lu\n", &since) == 1, "%s", told);
        cr_assert(since > 1700000000ul && since <= (unsigned long) time(NULL) + 1, "%lu", since);
}

WORLD_TEST(hooks, words_reach_the_program_as_they_are, .no_homeserver = true) {
        script(w, "begin", "printf '%s|' \"$@\" >$out.part; mv $out.part $out");
        config(w, "on-busy = %s/begin one 'two  words' \"it's $HOME\" * ~/x %%h > y\n", w->dir);
        world_start(w);
        by_hand(w, "busy");
        check(w, world_wait_log(w, "on-busy: it has run"), "not told");
        {
                SCOPED(free) char *told = file_text(world_path(w, "told")), *wanted = NULL;

                cr_assert(asprintf(&wanted, "one|two  words|it's $HOME|*|%s/x|%%h|>|y|", world_path(w, "home")) > 0);
                cr_assert_str_eq(told, wanted);
        }
}

WORLD_TEST(hooks, a_shell_runs_for_who_names_one, .no_homeserver = true) {
        config(w, "on-busy = sh -c 'echo \"$BUSYD_AVAILABILITY\" | tr a-z A-Z >%s/told'\n", w->dir);
        world_start(w);
        by_hand(w, "busy");
        expect_told(w, "BUSY\n");
}

WORLD_TEST(hooks, one_that_fails_is_told_with_its_code, .no_homeserver = true) {
        config(w, "on-busy = sh -c 'echo it is broken >&2; exit 7'\n");
        world_start(w);
        by_hand(w, "busy");
        check(w, world_wait_log(w, "on-busy: it ended with code 7"), "not told");
        check(w, world_wait_log(w, "it is broken"), "its own words are lost");
        expect_availability(w, "busy");
}

WORLD_TEST(hooks, one_that_is_not_there_is_told, .no_homeserver = true) {
        config(w, "on-busy = there-is-no-such-program\non-free = /nowhere/at/all\n");
        world_start(w);
        by_hand(w, "busy");
        check(w, world_wait_log(w, "on-busy: there is no such program"), "not told");
        by_hand(w, "auto");
        check(w, world_wait_log(w, "on-free: there is no such program"), "not told");
}

WORLD_TEST(hooks, one_that_hangs_is_ended_with_all_it_started, .no_homeserver = true) {
        const int limit = (int) (paced(1000) / 1000); /* it has begun by then */
        char ended[64];

        script(w, "begin", "sleep 1000 & echo $! >$out.part; mv $out.part $out; wait");
        script(w, "end", "echo end >$out.end");
        config(w, BOTH_HOOKS "hook-time-limit = %2$ds\n", w->dir, limit);
        world_start(w);
        by_hand(w, "busy");
        by_hand(w, "auto");
        (void) snprintf(ended, sizeof(ended), "on-busy: it did not end within %ds, and was ended", limit);
        check(w, world_wait_log(w, ended), "not told");
        check(w, world_wait_log(w, "on-free: it has run"), "the other one does not run");
        {
                SCOPED(free) char *told = file_text(world_path(w, "told"));
                pid_t pid = (pid_t) strtol(told, NULL, 10);
                int64_t left = patience() / 100;

                cr_assert_gt(pid, 1);
                while (kill(pid, 0) == 0) {
                        check(w, left-- > 0, "%d still runs", (int) pid);
                        world_look_again(w);
                }
        }
}

WORLD_TEST(hooks, the_end_runs_when_busyd_ends, .no_homeserver = true) {
        both(w);
        world_start(w);
        by_hand(w, "busy");
        expect_told(w, "begin\n");
        cr_assert_eq(world_stop(w), 0);
        expect_told(w, "begin\nend\n");
}

WORLD_TEST(hooks, the_end_is_made_up_for_after_a_crash, .no_homeserver = true) {
        const char *app = "tests", *reason = "";
        bool ok;

        both(w);
        world_start(w);
        free(peer_call(w->peer, BUSYD_PATH, BUSYD_MANAGER, "Hold", &ok, DBUS_TYPE_STRING, &app, DBUS_TYPE_STRING,
                       &reason, DBUS_TYPE_INVALID));
        cr_assert(ok);
        check(w, world_wait_log(w, "on-busy: it has run"), "not told");
        world_kill(w);
        world_start(w);
        expect_told(w, "begin\nend\n");
        check(w, world_wait_log(w, "on-free: it has run"), "not told");
        world_kill(w);
        world_start(w);
        by_hand(w, "busy");
        expect_told(w, "begin\nend\nbegin\n");
}

/* The mode is stored, and so it is busy again at once. */
WORLD_TEST(hooks, a_crash_in_a_busy_that_goes_on_repeats_nothing, .no_homeserver = true) {
        both(w);
        world_start(w);
        by_hand(w, "busy");
        check(w, world_wait_log(w, "on-busy: it has run"), "not told");
        world_kill(w);
        world_start(w);
        expect_availability(w, "busy");
        by_hand(w, "auto");
        expect_told(w, "begin\nend\n");
}

WORLD_TEST(hooks, a_start_in_a_call_runs_the_beginning, .no_homeserver = true) {
        world_config(w, "[busyd]\n");
        world_start(w);
        by_hand(w, "busy");
        cr_assert_eq(world_stop(w), 0);
        both(w);
        world_start(w);
        expect_told(w, "begin\n");
}

WORLD_TEST(hooks, do_not_run_while_paused, .no_homeserver = true) {
        both(w);
        world_start(w);
        by_hand(w, "busy");
        expect_told(w, "begin\n");
        by_hand(w, "pause");
        expect_told(w, "begin\nend\n");
}

WORLD_TEST(hooks, one_that_is_no_command_is_told_and_stays_what_it_was, .no_homeserver = true) {
        both(w);
        world_start(w);
        config(w, "on-busy = sh -c 'no end\non-free = bin/relative\n");
        {
                SCOPED_RUN run = world_busyctl(w, NULL, "reload", NULL);

                check(w, run.code == 1, "%d", run.code);
                check(w, strstr(run.err, "on-busy") && strstr(run.err, "quotes closed"), "%s", run.err);
        }
        by_hand(w, "busy");
        expect_told(w, "begin\n");
}

/* Of the last change: its availability, and its effects, the newest first. */
static json_t *last_change(struct world *w, const char *availability, size_t n_effects) {
        for (int64_t left = patience() / 100;; left--) {
                SCOPED_RUN run = world_busyctl(w, NULL, "history", "--json", NULL);
                json_t *list = json_loads(run.out, 0, NULL), *change = json_array_get(list, 0);

                check(w, run.code == 0, "%s", run.err);
                if (streq(json_string_value(json_object_get(change, "availability")), availability) &&
                    json_array_size(json_object_get(change, "effects")) == n_effects) {
                        json_incref(change);
                        json_decref(list);
                        return change;
                }
                json_decref(list);
                check(w, left > 0, "%s", run.out);
                world_look_again(w);
        }
}

WORLD_TEST(hooks, stay_in_the_history_with_how_they_went, .no_homeserver = true) {
        config(w, "on-busy = sh -c 'exit 7'\non-free = true\n");
        world_start(w);
        by_hand(w, "busy");
        json_decref(last_change(w, "busy", 1));
        by_hand(w, "auto");
        json_decref(last_change(w, "free", 1));
        world_stop(w);
        world_start(w);
        {
                SCOPED_RUN run = world_busyctl(w, NULL, "history", NULL);
                const char *free_again = strstr(run.out, "free  "), *busy = strstr(run.out, "busy  "),
                           *ended = strstr(run.out, "\n      on-free: it has run\n"),
                           *begun = strstr(run.out, "\n      on-busy: it ended with code 7\n");

                check(w, free_again && ended && busy && begun, "%s", run.out);
                check(w, free_again < ended && ended < busy && busy < begun, "%s", run.out);
        }
        {
                json_t *change = last_change(w, "free", 1),
                       *effect = json_array_get(json_object_get(change, "effects"), 0);

                cr_assert_str_eq(json_string_value(json_object_get(effect, "name")), "on-free");
                cr_assert_str_eq(json_string_value(json_object_get(effect, "outcome")), "it has run");
                cr_assert(json_is_true(json_object_get(effect, "ok")));
                cr_assert_gt(json_integer_value(json_object_get(effect, "at")), 1700000000);
                json_decref(change);
        }
}
