/* The icon of the tray and its menu, as a tray uses them: one of the test's own, played. */
#include <stdio.h>

#include "system/mock.h"

#define WATCHER    "org.kde.StatusNotifierWatcher"
#define WATCHER_AT "/StatusNotifierWatcher"
#define ITEM       "org.kde.StatusNotifierItem"

/* What has been told to the watcher, one a line. */
#define LISTED "busctl --user --json=short call " WATCHER " " WATCHER_AT " " WATCHER " Listed | jq -r '.data[0][]'"
/* The name on the bus of the only icon there. */
#define NAME "name=$(busctl --user list --no-legend | sed -n 's/^\\(" ITEM "[^ ]*\\) .*/\\1/p'); "
#define GET  NAME "busctl --user --json=short get-property $name /StatusNotifierItem " ITEM " "
#define MENU NAME "busctl --user --json=short call -- $name /StatusNotifierItem/Menu com.canonical.dbusmenu "
#define ROWS MENU "GetLayout iias 0 -1 0 | jq -r '.data[1][2][].data | "

static struct mock *have_tray(struct world *w) {
        return mock_new(w, w->bus,
                        &(struct mock_options){
                                .name = WATCHER,
                                .path = WATCHER_AT,
                                .interface = WATCHER,
                                .setup = "mock.listed = []; mock.AddMethods('" WATCHER "', ["
                                         "('RegisterStatusNotifierItem', 's', '', 'self.listed.append(args[0])'), "
                                         "('Listed', '', 'as', 'ret = self.listed')])",
                        });
}

static void start(struct world *w) {
        world_config(w, "[busyd]\nend-grace = 0s\nlog-level = debug\ntray = yes\n");
        world_start(w);
}

/* What busyd's own name would be called. */
static void expect_listed_once(struct world *w) {
        char wanted[64];

        snprintf(wanted, sizeof(wanted), ITEM "-%d-1\n", (int) w->busyd);
        expect_printed(w, LISTED, wanted);
        expect_printed(w, NAME "echo $name", wanted);
}

/* The row with this label is clicked. */
static void choose(struct world *w, const char *label) {
        char command[1024];

        snprintf(command, sizeof(command),
                 "row=$(" ROWS "select(.[1].label.data == \"%s\") | .[0]'); " MENU
                 "Event isvu $row clicked s '' 0 >/dev/null",
                 label);
        world_do(w, command);
}

static void expect_mode(struct world *w, const char *mode) {
        check(w, peer_wait_is(w->peer, BUSYD_PATH, BUSYD_MANAGER, "Mode", mode), "not %s", mode);
}

/* The row says so and is marked, or is not. */
static void expect_marked(struct world *w, const char *label, bool is) {
        char command[1024];

        snprintf(command, sizeof(command), ROWS "select(.[1].label.data == \"%s\") | .[1].\"toggle-state\".data'",
                 label);
        expect_printed(w, command, is ? "1\n" : "0\n");
}

WORLD_TEST(tray, an_icon_is_listed_as_soon_as_there_is_a_tray, .no_homeserver = true) {
        struct mock *tray;

        start(w);
        expect_printed(w, GET "Category Id Status IconName IconThemePath ItemIsMenu Menu | jq -c .data",
                       "\"Communications\"\n\"busyd\"\n\"Active\"\n\"\"\n\"\"\ntrue\n\"/StatusNotifierItem/Menu\"\n");
        check(w, world_wait_log(w, "tray: no icon is shown: the desktop's tray is not running"), "not told");
        tray = have_tray(w);
        expect_listed_once(w);
        mock_free(tray);
        tray = have_tray(w);
        expect_listed_once(w);
        mock_free(tray);
}

WORLD_TEST(tray, nothing_is_on_the_bus_when_it_is_off, .no_homeserver = true) {
        struct mock *tray = have_tray(w);

        world_start(w);
        by_hand(w, "busy");
        expect_availability(w, "busy");
        expect_printed(w, NAME "echo \"$name\"", "\n");
        expect_printed(w, "busctl --user tree --list " BUSYD_NAME " | grep -c StatusNotifier", "0\n");
        expect_printed(w, LISTED, "");
        /* Turned on, and off again: a tray forgets an icon whose name is gone. */
        world_config(w, "[busyd]\ntray = yes\n");
        by_hand(w, "reload");
        expect_listed_once(w);
        expect_printed(w, "busctl --user tree --list " BUSYD_NAME " | grep -c StatusNotifier", "2\n");
        world_config(w, "[busyd]\ntray = no\n");
        by_hand(w, "reload");
        expect_printed(w, NAME "echo \"$name\"", "\n");
        expect_printed(w, "busctl --user tree --list " BUSYD_NAME " | grep -c StatusNotifier", "0\n");
        mock_free(tray);
}

WORLD_TEST(tray, it_says_what_is_so_and_why, .no_homeserver = true) {
        const char *app = "<Big & Old>_Phone", *reason = "a call";
        bool ok;

        start(w);
        expect_printed(w, GET "ToolTip | jq -r '.data[2] | sub(\" since .*\"; \"\")'", "Free\n");
        free(peer_call(w->peer, BUSYD_PATH, BUSYD_MANAGER, "Hold", &ok, DBUS_TYPE_STRING, &app, DBUS_TYPE_STRING,
                       &reason, DBUS_TYPE_INVALID));
        cr_assert(ok);
        expect_printed(w, GET "ToolTip | jq -r '.data[2] | sub(\" since .*\"; \"\")'", "Busy\n");
        /* Markup in the one, and a mark for the letter that chooses a row in the other. */
        expect_printed(w, GET "ToolTip | jq -r '.data[3]'", "a call, &lt;Big &amp; Old&gt;_Phone\n");
        expect_printed(w, ROWS ".[1].label.data // \"--\"' | sed -n '2,3p'", "a call, <Big & Old>__Phone\n--\n");
        by_hand(w, "pause");
        expect_printed(w, GET "ToolTip | jq -r '.data[2,3]'", "Paused: nobody is told\nBy hand\n");
}

static void hold(struct world *w, struct peer *owner, const char *app) {
        const char *reason = "a call";
        bool ok;

        free(peer_call(owner, BUSYD_PATH, BUSYD_MANAGER, "Hold", &ok, DBUS_TYPE_STRING, &app, DBUS_TYPE_STRING,
                       &reason, DBUS_TYPE_INVALID));
        check(w, ok, "%s is not held", app);
}

/* Within one busy or free, calls and the user's word take turns. */
WORLD_TEST(tray, it_says_why_it_still_is_so, .no_homeserver = true) {
        static const char why[] = GET "ToolTip | jq -r '.data[3]'";
        struct peer *studio;

        world_config(w, "[busyd]\nend-grace = 1h\nhint-end-grace = 0s\ntray = yes\n");
        world_start(w);
        studio = peer_new(w->bus);
        by_hand(w, "busy");
        expect_printed(w, why, "By hand\n");
        hold(w, studio, "Studio");
        by_hand(w, "auto");
        expect_printed(w, why, "a call, Studio\n");
        hold(w, w->peer, "Phone");
        peer_free(studio);
        expect_printed(w, why, "a call, Phone\n");
        by_hand(w, "free");
        expect_printed(w, why, "By hand, until this call ends\n");
        by_hand(w, "auto");
        expect_printed(w, why, "a call, Phone\n");
}

/* In the grace after a call that call is why; once a word has ended in it nobody knows which. */
WORLD_TEST(tray, it_says_why_after_the_call, .no_homeserver = true) {
        static const char why[] = GET "ToolTip | jq -r '.data[3]'";
        struct peer *studio;

        world_config(w, "[busyd]\nend-grace = 1h\ntray = yes\n");
        world_start(w);
        studio = peer_new(w->bus);
        hold(w, studio, "Studio");
        expect_printed(w, why, "a call, Studio\n");
        peer_free(studio);
        by_hand(w, "busy");
        by_hand(w, "auto");
        expect_printed(w, why, "a call\n");
        by_hand(w, "free");
        by_hand(w, "auto");
        expect_printed(w, why, "no call\n");
}

/* Of each look the middle of the smallest picture: alpha, red, green, blue. */
WORLD_TEST(tray, the_icon_changes_and_whoever_shows_it_is_told, .no_homeserver = true) {
        static const char middle[] = GET "IconPixmap | jq -c '.data[0] | [.[0], .[1], .[2][4*(16*8+8):4*(16*8+9)]]'";
        pid_t pid;

        start(w);
        expect_printed(w, middle, "[16,16,[0,0,0,0]]\n");
        pid = world_program(w, (const char *const[]){ "dbus-monitor", "--session", "type=signal", NULL }, -1,
                            "signals.log");
        cr_assert_gt(pid, 0);
        expect_printed(w, "grep -c -m1 NameAcquired $HOME/../signals.log", "1\n");
        by_hand(w, "busy");
        expect_printed(w, "grep -c 'member=NewIcon$' $HOME/../signals.log", "1\n");
        expect_printed(w, "grep -c 'member=NewToolTip$' $HOME/../signals.log", "1\n");
        expect_printed(w, "grep -c 'member=ItemsPropertiesUpdated$' $HOME/../signals.log", "1\n");
        expect_printed(w, middle, "[16,16,[255,255,255,255]]\n");
        by_hand(w, "pause");
        expect_printed(w, "grep -c 'member=NewIcon$' $HOME/../signals.log", "2\n");
        expect_printed(w, middle, "[16,16,[255,138,138,138]]\n");
}

WORLD_TEST(tray, a_choice_in_the_menu_is_the_users_word, .no_homeserver = true) {
        start(w);
        choose(w, "Busy for 30 minutes");
        expect_availability(w, "busy");
        expect_mode(w, "busy");
        expect_printed(w, BUSYCTL_PROGRAM " -j | jq '(.mode_until - now) / 60 | round'", "30\n");
        expect_printed(w, ROWS ".[1].label.data // \"--\"' | sed -n '2s/ until .*//p'", "By hand,\n");
        expect_marked(w, "As the calls say", false);
        choose(w, "Free");
        expect_availability(w, "free");
        expect_mode(w, "free");
        choose(w, "Pause");
        expect_mode(w, "paused");
        expect_marked(w, "Pause", true);
        choose(w, "Pause");
        expect_mode(w, "auto");
        expect_marked(w, "Pause", false);
        choose(w, "Busy");
        expect_mode(w, "busy");
        choose(w, "As the calls say");
        expect_availability(w, "free");
        expect_marked(w, "As the calls say", true);
}

/* As trays do that do not ask whether the item is a menu (LXQt). */
WORLD_TEST(tray, a_click_that_opens_no_menu_switches_busy, .no_homeserver = true) {
        static const char click[] = NAME "busctl --user call $name /StatusNotifierItem " ITEM " Activate ii 5 7";

        start(w);
        world_do(w, click);
        expect_availability(w, "busy");
        expect_mode(w, "busy");
        world_do(w, click);
        expect_availability(w, "free");
        expect_mode(w, "auto");
        by_hand(w, "pause");
        world_do(w, click);
        expect_mode(w, "auto");
}

WORLD_TEST(tray, free_until_the_call_ends_is_there_while_one_goes_on, .no_homeserver = true) {
        static const char can[] = ROWS "select(.[1].label.data == \"Free until this call ends\") | .[1].enabled.data'";
        const char *app = "Phone", *reason = "a call";
        bool ok;

        start(w);
        expect_printed(w, can, "false\n");
        choose(w, "Free until this call ends");
        free(peer_call(w->peer, BUSYD_PATH, BUSYD_MANAGER, "Hold", &ok, DBUS_TYPE_STRING, &app, DBUS_TYPE_STRING,
                       &reason, DBUS_TYPE_INVALID));
        cr_assert(ok);
        expect_availability(w, "busy");
        expect_mode(w, "auto");
        expect_printed(w, can, "true\n");
        choose(w, "Free until this call ends");
        expect_availability(w, "free");
        expect_printed(w, ROWS ".[1].label.data // \"--\"' | sed -n 2p", "By hand, until this call ends\n");
}

/* Anybody on the bus may ask for anything. */
WORLD_TEST(tray, odd_questions_are_answered_and_change_nothing, .no_homeserver = true) {
        static const struct {
                const char *asked, *said;
        } refused[] = {
                { "GetLayout iias 99 -1 0", "The menu has no row 99\n" },
                { "GetLayout iias -1 -1 0", "The menu has no row -1\n" },
                { "GetProperty is 99 label", "The menu has no row 99\n" },
                { "GetProperty is 4 colour", "Row 4 has no such property\n" },
                { "Event isvu 99 clicked s '' 0", "The menu has no row 99\n" },
                { "Event isvu -2147483648 clicked s '' 0", "The menu has no row -2147483648\n" },
                { "Event is 4 clicked", "Invalid arguments 'is' to call com.canonical.dbusmenu.Event()" },
        };

        start(w);
        for (size_t i = 0; i < ARRAY_SIZE(refused); i++) {
                char command[512];

                snprintf(command, sizeof(command), MENU "%s 2>&1", refused[i].asked);
                {
                        SCOPED_RUN run = world_run(w, NULL, (const char *const[]){ "sh", "-c", command, NULL });

                        check(w, run.code == 1 && strstr(run.out, refused[i].said), "%s: %d %s", refused[i].asked,
                              run.code, run.out);
                }
        }
        expect_printed(w, MENU "GetGroupProperties aias 5 1 99 -7 1 2147483647 0 | jq -c '[.data[0][][0]]'",
                       "[1,1]\n");
        expect_printed(w, MENU "GetLayout iias 0 0 0 | jq -c '.data[1][2]'", "[]\n");
        expect_printed(w, MENU "GetLayout iias 4 -1 0 | jq -c '.data[1][0,2]'", "4\n[]\n");
        expect_printed(w, MENU "AboutToShow i 0 | jq -c .data", "[false]\n");
        expect_printed(w, MENU "AboutToShowGroup ai 1 0 | jq -c .data", "[[],[]]\n");
        /* Lines, what only tells, and what is pointed at cannot be chosen. */
        world_do(w, MENU "Event isvu 1 clicked s '' 0; " MENU "Event isvu 3 clicked s '' 0; " MENU
                         "Event isvu 4 hovered s '' 0; " MENU "Event isvu 0 clicked s '' 0");
        expect_mode(w, "auto");
        /* Of several clicks the last one counts; who is not there is named. */
        expect_printed(w,
                       MENU "'EventGroup' 'a(isvu)' 4 9 clicked s '' 0 77 hovered s '' 0 4 clicked s '' 0 "
                            "0 opened s '' 0 | jq -c .data",
                       "[[77]]\n");
        expect_mode(w, "busy");
}
