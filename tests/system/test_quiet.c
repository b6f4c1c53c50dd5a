/* Do-not-disturb while busy, of each kind of notification service: played, and dunst, mako and swaync themselves too.
 */
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

#include "system/mock.h"

#define NOTIFICATIONS "org.freedesktop.Notifications"
#define AT            "/org/freedesktop/Notifications"
#define DUNST         NOTIFICATIONS " " AT " org.dunstproject.cmd0"
#define MAKO          NOTIFICATIONS " /fr/emersion/Mako fr.emersion.Mako"
#define SWAYNC        "org.erikreider.swaync.cc /org/erikreider/swaync/cc org.erikreider.swaync.cc"

/* One kind: what plays it, how somebody else asks it and switches it, and what that prints. */
struct kind {
        const char *name, *service, *path, *interface, *setup;
        const char *ask, *quiet, *not_quiet;
        const char *by_hand_on, *by_hand_off;
};

static const struct kind dunst = {
        .name = "dunst",
        .service = NOTIFICATIONS,
        .path = AT,
        .interface = NOTIFICATIONS,
        .setup = "mock.AddProperties('org.dunstproject.cmd0', {'paused': False})",
        .ask = "busctl --user get-property " DUNST " paused",
        .quiet = "b true\n",
        .not_quiet = "b false\n",
        .by_hand_on = "busctl --user set-property " DUNST " paused b true",
        .by_hand_off = "busctl --user set-property " DUNST " paused b false",
};
static const struct kind mako = {
        .name = "mako",
        .service = NOTIFICATIONS,
        .path = "/fr/emersion/Mako",
        .interface = "fr.emersion.Mako",
        .setup = "mock.modes = ['default', 'away']; mock.AddMethods('fr.emersion.Mako', ["
                 "('ListModes', '', 'as', 'ret = self.modes'), ('SetModes', 'as', '', 'self.modes = args[0]')])",
        .ask = "busctl --user call " MAKO " ListModes",
        .quiet = "as 3 \"default\" \"away\" \"do-not-disturb\"\n",
        .not_quiet = "as 2 \"default\" \"away\"\n",
        .by_hand_on = "busctl --user call " MAKO " SetModes as 3 default away do-not-disturb",
        .by_hand_off = "busctl --user call " MAKO " SetModes as 2 default away",
};
static const struct kind swaync = {
        .name = "swaync",
        .service = "org.erikreider.swaync.cc",
        .path = "/org/erikreider/swaync/cc",
        .interface = "org.erikreider.swaync.cc",
        .setup = "mock.dnd = False; mock.AddMethods('org.erikreider.swaync.cc', ["
                 "('GetDnd', '', 'b', 'ret = self.dnd'), ('SetDnd', 'b', '', 'self.dnd = args[0]')])",
        .ask = "busctl --user call " SWAYNC " GetDnd",
        .quiet = "b true\n",
        .not_quiet = "b false\n",
        .by_hand_on = "busctl --user call " SWAYNC " SetDnd b true",
        .by_hand_off = "busctl --user call " SWAYNC " SetDnd b false",
};
static const struct kind gnome = {
        .name = "GNOME",
        .service = "org.gnome.Shell",
        .path = "/org/gnome/Shell",
        .interface = "org.gnome.Shell",
        .setup = "pass",
        .ask = "gsettings get org.gnome.desktop.notifications show-banners",
        .quiet = "false\n",
        .not_quiet = "true\n",
        .by_hand_on = "gsettings set org.gnome.desktop.notifications show-banners false",
        .by_hand_off = "gsettings set org.gnome.desktop.notifications show-banners true",
};

static struct mock *play(struct world *w, const struct kind *kind) {
        return mock_new(w, w->bus,
                        &(struct mock_options){ .name = kind->service,
                                                .path = kind->path,
                                                .interface = kind->interface,
                                                .setup = kind->setup });
}

/* The last thing that the history has of it is this. */
static void expect_history(struct world *w, const struct kind *kind, const char *what) {
        char line[256];

        snprintf(line, sizeof(line), "\n      do-not-disturb: %s %s\n", kind->name, what);
        for (int64_t left = patience() / 100;; left--) {
                SCOPED_RUN run = world_busyctl(w, NULL, "history", NULL);
                const char *first = strstr(run.out, "\n      do-not-disturb: ");

                if (first && strncmp(first, line, strlen(line)) == 0)
                        return;
                check(w, left > 0, "no \"%s\" in %s", line, run.out);
                world_look_again(w);
        }
}

static void start(struct world *w) {
        world_config(w, "[busyd]\nend-grace = 0s\nlog-level = debug\ndo-not-disturb = yes\n");
        world_start(w);
}

/* ---- what holds for each kind ---- */

static void is_quiet_while_busy(struct world *w, const struct kind *kind) {
        expect_printed(w, kind->ask, kind->not_quiet);
        start(w);
        by_hand(w, "busy");
        expect_history(w, kind, "is quiet");
        expect_printed(w, kind->ask, kind->quiet);
        by_hand(w, "auto");
        expect_history(w, kind, "is as before");
        expect_printed(w, kind->ask, kind->not_quiet);
        by_hand(w, "busy");
        expect_printed(w, kind->ask, kind->quiet);
        cr_assert_eq(world_stop(w), 0);
        expect_printed(w, kind->ask, kind->not_quiet);
}

static void stays_quiet_if_it_was(struct world *w, const struct kind *kind) {
        char told[128];

        world_do(w, kind->by_hand_on);
        start(w);
        by_hand(w, "busy");
        snprintf(told, sizeof(told), "do-not-disturb: %s is quiet already", kind->name);
        check(w, world_wait_log(w, told), "it has not been looked at");
        by_hand(w, "auto");
        expect_availability(w, "free");
        cr_assert_eq(world_stop(w), 0);
        expect_printed(w, kind->ask, kind->quiet);
}

static void a_person_ends_it(struct world *w, const struct kind *kind) {
        start(w);
        by_hand(w, "busy");
        expect_history(w, kind, "is quiet");
        world_do(w, kind->by_hand_off);
        by_hand(w, "auto");
        expect_history(w, kind, "was changed meanwhile and is left so");
        expect_printed(w, kind->ask, kind->not_quiet);
}

static void a_crash_is_made_up_for(struct world *w, const struct kind *kind) {
        start(w);
        by_hand(w, "busy");
        expect_history(w, kind, "is quiet");
        world_kill(w);
        expect_printed(w, kind->ask, kind->quiet);
        cr_assert_eq(unlink(world_state_path(w, "mode.json")), 0);
        world_start(w);
        expect_history(w, kind, "is as before");
        expect_printed(w, kind->ask, kind->not_quiet);
}

#define FOR_KIND(kind)                                                                                                \
        QUIET_TEST(kind, is_quiet_while_busy)                                                                         \
        QUIET_TEST(kind, stays_quiet_if_it_was)                                                                       \
        QUIET_TEST(kind, a_person_ends_it)                                                                            \
        QUIET_TEST(kind, a_crash_is_made_up_for)
#define QUIET_TEST(kind, what)                                                                                        \
        WORLD_TEST(quiet, kind##_##what, .no_homeserver = true) {                                                     \
                struct mock *mock = play(w, &kind);                                                                   \
                                                                                                                      \
                what(w, &kind);                                                                                       \
                mock_free(mock);                                                                                      \
        }

FOR_KIND(dunst)
FOR_KIND(mako)
FOR_KIND(swaync)

/* GNOME's own program, which keeps its settings in a file of the world. */
static void have_gsettings(struct world *w) {
        SCOPED(free) char *path = NULL;
        const char *program = world_path(w, "home/gsettings");

        file_put(program, "#!/bin/sh\nGSETTINGS_BACKEND=keyfile exec /usr/bin/gsettings \"$@\"\n");
        cr_assert_eq(chmod(program, 0755), 0);
        cr_assert(asprintf(&path, "%s:%s", world_path(w, "home"), getenv("PATH")) > 0);
        cr_assert_eq(setenv("PATH", path, 1), 0);
}

#define GNOME_TEST(what)                                                                                              \
        WORLD_TEST(quiet, gnome_##what, .no_homeserver = true) {                                                      \
                struct mock *mock = play(w, &gnome);                                                                  \
                                                                                                                      \
                have_gsettings(w);                                                                                    \
                what(w, &gnome);                                                                                      \
                mock_free(mock);                                                                                      \
        }

GNOME_TEST(is_quiet_while_busy)
GNOME_TEST(stays_quiet_if_it_was)
GNOME_TEST(a_person_ends_it)
GNOME_TEST(a_crash_is_made_up_for)

/* dunst itself, on a screen that nobody sees. */
static void run_dunst(struct world *w) {
        char *screen = NULL;
        char command[256];

        cr_assert_gt(world_program(w,
                                   (const char *const[]){
                                           "sh", "-c",
                                           "exec Xvfb -displayfd 3 -nolisten tcp 3>$XDG_RUNTIME_DIR/screen", NULL },
                                   -1, "xvfb.log"),
                     0);
        for (int64_t left = patience() / 100;; left--) {
                screen = file_text(world_path(w, "runtime/screen"));
                if (strchr(screen, '\n'))
                        break;
                check(w, left > 0, "Xvfb does not start");
                free(screen);
                world_look_again(w);
        }
        snprintf(command, sizeof(command), "DISPLAY=:%d exec dunst", atoi(screen));
        free(screen);
        cr_assert_gt(world_program(w, (const char *const[]){ "sh", "-c", command, NULL }, -1, "dunst.log"), 0);
        expect_printed(w, dunst.ask, dunst.not_quiet);
}

#define DUNST_TEST(what)                                                                                              \
        WORLD_TEST(quiet, dunst_itself_##what, .no_homeserver = true) {                                               \
                run_dunst(w);                                                                                         \
                what(w, &dunst);                                                                                      \
        }

DUNST_TEST(is_quiet_while_busy)
DUNST_TEST(stays_quiet_if_it_was)
DUNST_TEST(a_person_ends_it)
DUNST_TEST(a_crash_is_made_up_for)

/* ---- the same for those of Wayland, in a session that nobody sees ---- */

static bool have_program(const char *name) {
        char command[64];

        (void) snprintf(command, sizeof(command), "command -v %s >/dev/null", name);
        return system(command) == 0;
}

/* sway runs as nobody who could be root, and what the bus belongs to may be: so the program starts beside it. */
static void run_in_sway(struct world *w, const char *program, const struct kind *kind) {
        char command[128];

        if (!have_program("sway") || !have_program(program))
                cr_skip_test("there is no sway, or no %s", program);
        file_put(world_path(w, "home/sway"), "xwayland disable\noutput HEADLESS-1 resolution 320x200\n");
        cr_assert_gt(world_program(w,
                                   (const char *const[]){ "sh", "-c",
                                                          "export WLR_BACKENDS=headless WLR_LIBINPUT_NO_DEVICES=1 "
                                                          "WLR_RENDERER=pixman; exec unshare --user --map-user=1000 "
                                                          "--map-group=1000 sway -c ~/sway",
                                                          NULL },
                                   -1, "sway.log"),
                     0);
        for (int64_t left = patience() / 100; access(world_path(w, "runtime/wayland-1"), F_OK) < 0; left--) {
                check(w, left > 0, "sway does not start: %s", world_path(w, "sway.log"));
                world_look_again(w);
        }
        /* There is no dconf on this bus, in which swaync keeps what it is told. */
        (void) snprintf(command, sizeof(command), "GSETTINGS_BACKEND=memory WAYLAND_DISPLAY=wayland-1 exec %s",
                        program);
        cr_assert_gt(world_program(w, (const char *const[]){ "sh", "-c", command, NULL }, -1, "service.log"), 0);
        if (kind == &mako) {
                expect_printed(w, kind->ask, "as 1 \"default\"\n");
                world_do(w, kind->by_hand_off);
        }
        expect_printed(w, kind->ask, kind->not_quiet);
}

#define SWAY_TEST(kind, program, what)                                                                                \
        WORLD_TEST(quiet, kind##_itself_##what, .no_homeserver = true) {                                              \
                run_in_sway(w, program, &kind);                                                                       \
                what(w, &kind);                                                                                       \
        }

SWAY_TEST(mako, "mako", is_quiet_while_busy)
SWAY_TEST(mako, "mako", stays_quiet_if_it_was)
SWAY_TEST(mako, "mako", a_person_ends_it)
SWAY_TEST(mako, "mako", a_crash_is_made_up_for)
SWAY_TEST(swaync, "swaync", is_quiet_while_busy)
SWAY_TEST(swaync, "swaync", stays_quiet_if_it_was)
SWAY_TEST(swaync, "swaync", a_person_ends_it)
SWAY_TEST(swaync, "swaync", a_crash_is_made_up_for)

/* ---- Plasma counts who inhibits, and forgets who leaves the bus ---- */

static const struct kind plasma = {
        .name = "Plasma",
        .service = NOTIFICATIONS,
        .path = AT,
        .interface = NOTIFICATIONS,
        .setup = "mock.by = []; mock.AddProperties('org.freedesktop.Notifications', {'Inhibited': False}); "
                 "mock.AddMethods('org.freedesktop.Notifications', ["
                 "('Inhibit', 'ssa{sv}', 'u', 'self.by.append(args[0]); ret = 6 + len(self.by)'), "
                 "('UnInhibit', 'u', '', 'self.by.pop(args[0] - 7)'), "
                 "('By', '', 's', 'ret = \" \".join(self.by)')])",
        .ask = "busctl --user call " NOTIFICATIONS " " AT " " NOTIFICATIONS " By",
        .quiet = "s \"busyd\"\n",
        .not_quiet = "s \"\"\n",
};

QUIET_TEST(plasma, is_quiet_while_busy)

WORLD_TEST(quiet, plasma_is_left_to_itself_after_a_crash, .no_homeserver = true) {
        struct mock *mock = play(w, &plasma);

        start(w);
        by_hand(w, "busy");
        expect_printed(w, plasma.ask, plasma.quiet);
        world_kill(w);
        cr_assert_eq(unlink(world_state_path(w, "mode.json")), 0);
        mock_use(mock, AT, NOTIFICATIONS, "UnInhibit", "u", 7u); /* as Plasma does for whoever leaves */
        world_start(w);
        by_hand(w, "busy");
        expect_history(w, &plasma, "is quiet");
        expect_printed(w, plasma.ask, plasma.quiet);
        mock_free(mock);
}

/* ---- services that come and go, or are not there ---- */

WORLD_TEST(quiet, a_service_that_is_started_anew_is_made_quiet_again, .no_homeserver = true) {
        struct mock *mock = play(w, &dunst);

        start(w);
        by_hand(w, "busy");
        expect_printed(w, dunst.ask, dunst.quiet);
        mock_free(mock);
        mock = play(w, &dunst);
        expect_printed(w, dunst.ask, dunst.quiet);
        by_hand(w, "auto");
        expect_printed(w, dunst.ask, dunst.not_quiet);
        mock_free(mock);
}

/* What a crash has left quiet is gone with its service; the one in its place is quiet by the user's word. */
static void another_is_left_as_the_person_had_it(struct world *w, const struct kind *kind) {
        struct mock *mock = play(w, kind);
        char told[128];

        start(w);
        by_hand(w, "busy");
        expect_history(w, kind, "is quiet");
        world_kill(w);
        mock_free(mock);
        mock = play(w, kind);
        world_do(w, kind->by_hand_on);
        cr_assert_eq(unlink(world_state_path(w, "mode.json")), 0);
        world_start(w);
        by_hand(w, "busy");
        snprintf(told, sizeof(told), "do-not-disturb: %s is quiet already", kind->name);
        check(w, world_wait_log(w, told), "it has not been looked at");
        by_hand(w, "auto");
        expect_availability(w, "free");
        cr_assert_eq(world_stop(w), 0);
        expect_printed(w, kind->ask, kind->quiet);
        mock_free(mock);
}

WORLD_TEST(quiet, another_dunst_is_left_as_the_person_had_it, .no_homeserver = true) {
        another_is_left_as_the_person_had_it(w, &dunst);
}

WORLD_TEST(quiet, another_mako_is_left_as_the_person_had_it, .no_homeserver = true) {
        another_is_left_as_the_person_had_it(w, &mako);
}

WORLD_TEST(quiet, one_that_comes_later_is_made_quiet, .no_homeserver = true) {
        struct mock *mock;

        start(w);
        by_hand(w, "busy");
        check(w, world_wait_log(w, "do-not-disturb: no notification service is here that can be made quiet"),
              "not told");
        mock = play(w, &mako);
        expect_printed(w, mako.ask, mako.quiet);
        mock_free(mock);
}

WORLD_TEST(quiet, is_given_back_when_it_is_turned_off, .no_homeserver = true) {
        struct mock *mock = play(w, &dunst);

        start(w);
        by_hand(w, "busy");
        expect_history(w, &dunst, "is quiet");
        world_config(w, "[busyd]\ndo-not-disturb = no\n");
        by_hand(w, "reload");
        expect_printed(w, dunst.ask, dunst.not_quiet);
        expect_availability(w, "busy");
        mock_free(mock);
}

WORLD_TEST(quiet, nothing_is_done_unless_it_is_asked_for, .no_homeserver = true) {
        struct mock *mock = play(w, &dunst);

        world_config(w, "[busyd]\nlog-level = debug\non-busy = true\n");
        world_start(w);
        by_hand(w, "busy");
        check(w, world_wait_log(w, "on-busy: it has run"), "not told");
        expect_printed(w, dunst.ask, dunst.not_quiet);
        mock_free(mock);
}
