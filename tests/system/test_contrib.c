/* The examples of contrib/, as their users run them. */
#include <jansson.h>
#include <signal.h>
#include <stdio.h>
#include <sys/wait.h>
#include <unistd.h>

#include "system/harness.h"

/* A shell with busyctl in its PATH. Returns the exit code; -1: it did not end by itself. */
static int shell(struct world *w, const char *command) {
        char script[2048];
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

WORLD_TEST(contrib, any_name_is_a_name_of_its_own, .no_homeserver = true) {
        world_start(w);
        cr_assert_eq(shell(w, "./busyd-hook start a/b && ./busyd-hook start a_b && ./busyd-hook stop a_b"), 0);
        expect_availability(w, "busy");
        cr_assert_eq(shell(w, "./busyd-hook stop a/b"), 0);
        expect_availability(w, "free");
        cr_assert_eq(shell(w, "./busyd-hook start --help"), 0);
        expect_availability(w, "busy");
        cr_assert_eq(shell(w, "./busyd-hook stop --help"), 0);
        expect_availability(w, "free");
        cr_assert_eq(shell(w, "./busyd-hook start \"$(printf %0400d 1)\""), 0);
        expect_availability(w, "busy");
        cr_assert_eq(shell(w, "./busyd-hook stop \"$(printf %0400d 1)\""), 0);
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

/* What an earlier busyd gave out releases nothing that this one holds. */
WORLD_TEST(contrib, a_hook_of_before_a_restart_ends_no_other_call, .no_homeserver = true) {
        world_start(w);
        cr_assert_eq(shell(w, "./busyd-hook start phone"), 0);
        cr_assert_eq(world_stop(w), 0);
        world_start(w);
        cr_assert_eq(shell(w, "./busyd-hook start zoom"), 0);
        cr_assert_eq(shell(w, "./busyd-hook stop phone"), 0);
        expect_availability(w, "busy");
        cr_assert_eq(shell(w, "./busyd-hook stop zoom"), 0);
        expect_availability(w, "free");
}

/* ---- bars: what stands in the snippets, run as the bars run it ---- */

/* What is printed by the command that `sed` finds in a snippet. timeout(1) ends all that it has started. */
static pid_t run_bar(struct world *w, const char *sed, const char *snippet) {
        char script[1024];

        snprintf(script, sizeof(script),
                 "PATH=${0%%/*}:$PATH; command=$(sed -n '%s' " SOURCE_FOLDER "/contrib/%s); "
                 "test -n \"$command\" || exit 1; exec timeout 600 sh -c \"$command\"",
                 sed, snippet);
        return world_program(w, (const char *const[]){ "sh", "-c", script, BUSYCTL_PROGRAM, NULL }, -1, "bar.log");
}

/* Waits until `n` lines were printed, and returns the last one. */
static char *bar_line(struct world *w, size_t n) {
        for (int64_t left = patience() / 100;; left--) {
                SCOPED(free) char *text = file_text(world_path(w, "bar.log"));
                char *line = text, *end = NULL;
                size_t i = 0;

                for (; i < n && (end = strchr(line, '\n')); i++)
                        if (i + 1 < n)
                                line = end + 1;
                if (i == n)
                        return strndup(line, (size_t) (end - line));
                check(w, left > 0, "not %zu lines: %s", n, text);
                world_look_again(w);
        }
}

static const struct bar {
        const char *snippet, *sed;
        const char *texts[4];             /* members of a JSON line that are texts; none: the line is plain text */
        const char *member, *free, *busy; /* a member, or the line itself, when free and when busy */
} bars[] = {
        { "waybar.jsonc",
          "s/.*\"exec\": \"\\(.*\\)\",$/\\1/p",
          { "text", "alt", "class", "tooltip" },
          "class",
          "free",
          "busy" },
        { "i3status-rust.toml", "s/^command = .\\(.*\\).$/\\1/p", { "text", "state" }, "state", "Idle", "Critical" },
        { "polybar.ini", "s/^exec = //p", {}, NULL, "free", "busy" },
        { "tmux.conf", "s/.*#(\\(.*\\)) %H.*/\\1/p", {}, NULL, "free", "busy" },
};

static void expect_line(struct world *w, const struct bar *bar, size_t n, const char *wanted) {
        SCOPED(free) char *line = bar_line(w, n);
        json_t *doc = bar->member ? json_loads(line, 0, NULL) : NULL;

        check(w, !bar->member || json_is_object(doc), "%s: no JSON in a line: %s", bar->snippet, line);
        for (size_t i = 0; i < ARRAY_SIZE(bar->texts) && bar->texts[i]; i++)
                check(w, json_is_string(json_object_get(doc, bar->texts[i])), "%s: no %s in %s", bar->snippet,
                      bar->texts[i], line);
        if (bar->member)
                check(w, streq(json_string_value(json_object_get(doc, bar->member)), wanted), "%s: %s", bar->snippet,
                      line);
        else
                check(w, strncmp(line, wanted, strlen(wanted)) == 0, "%s: %s", bar->snippet, line);
        json_decref(doc);
}

static void show(struct world *w, const struct bar *bar) {
        pid_t pid = run_bar(w, bar->sed, bar->snippet);

        cr_assert_gt(pid, 0);
        expect_line(w, bar, 1, bar->free);
        by_hand(w, "busy");
        expect_line(w, bar, 2, bar->busy);
        by_hand(w, "auto");
        expect_line(w, bar, 3, bar->free);
        cr_assert_eq(kill(pid, SIGTERM), 0);
        cr_assert_neq(process_wait(pid, patience()), -1, "%s: it goes on", bar->snippet);
}

WORLD_TEST(contrib, bars_are_told_in_their_own_format, .no_homeserver = true) {
        world_config(w, "[busyd]\nend-grace = 0s\n");
        world_start(w);
        for (size_t i = 0; i < ARRAY_SIZE(bars); i++) {
                show(w, &bars[i]);
                cr_assert_eq(unlink(world_path(w, "bar.log")), 0);
        }
}

/* All that stands behind a click, in any of them. */
WORLD_TEST(contrib, clicks_do_what_they_say, .no_homeserver = true) {
        world_start(w);
        cr_assert_eq(shell(w, "test $(grep -c 'busyctl busy --for 30min' waybar.jsonc polybar.ini i3status-rust.toml "
                              "busyd-busy.desktop gnome-shortcuts | grep -c ':1$') = 5"),
                     0);
        cr_assert_eq(shell(w, "busyctl busy --for 30min"), 0);
        expect_availability(w, "busy");
        cr_assert_eq(shell(w,
                           "test $(grep -c 'busyctl free --until-call-ends || busyctl auto' waybar.jsonc polybar.ini "
                           "i3status-rust.toml | grep -c ':1$') = 3"),
                     0);
        cr_assert_eq(shell(w, "busyctl free --until-call-ends || busyctl auto"), 0);
        expect_availability(w, "free");
}

#define GNOME_KEYS "org.gnome.settings-daemon.plugins.media-keys"
#define GNOME_AT   "/org/gnome/settings-daemon/plugins/media-keys/custom-keybindings"

/* GNOME's own program and settings, in a file of the world. */
WORLD_TEST(contrib, shortcuts_of_gnome_come_beside_those_that_are_there, .no_homeserver = true) {
        cr_assert_eq(shell(w, "export GSETTINGS_BACKEND=keyfile; keys=" GNOME_KEYS " at=" GNOME_AT "; set -e; "
                              "get() { gsettings get $keys custom-keybindings; }; "
                              "gsettings set $keys custom-keybindings \"['$at/custom0/']\"; "
                              "./gnome-shortcuts; ./gnome-shortcuts; "
                              "test \"$(get)\" = \"['$at/custom0/', '$at/busyd-busy/', '$at/busyd-free/', "
                              "'$at/busyd-auto/']\"; "
                              "test \"$(gsettings get $keys.custom-keybinding:$at/busyd-free/ command)\" = "
                              "\"'busyctl free --for 30min'\"; "
                              "./gnome-shortcuts remove; test \"$(get)\" = \"['$at/custom0/']\""),
                     0);
}
