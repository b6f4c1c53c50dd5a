/* Players pause while busy: mpv itself, on the private bus. */
#include <signal.h>
#include <stdio.h>
#include <unistd.h>

#include "system/mock.h"

#define MPV "org.mpris.MediaPlayer2.mpv /org/mpris/MediaPlayer2 org.mpris.MediaPlayer2.Player"

/* What it is doing, "" while it is not on the bus. */
static void expect_player(struct world *w, const char *status) {
        char wanted[64];

        snprintf(wanted, sizeof(wanted), "s \"%s\"\n", status);
        expect_printed(w, "busctl --user get-property " MPV " PlaybackStatus", wanted);
}

static void tell_player(struct world *w, const char *method) {
        char command[256];

        snprintf(command, sizeof(command), "busctl --user call " MPV " %s", method);
        world_do(w, command);
}

/* A tone without an end, which nobody hears. */
static pid_t play_as(struct world *w, const char *program) {
        pid_t pid = world_program(w,
                                  (const char *const[]){ program, "--no-config", "--no-video", "--ao=null",
                                                         "--no-terminal", "--script=/etc/mpv/scripts/mpris.so",
                                                         "av://lavfi:sine", NULL },
                                  -1, "mpv.log");

        check(w, pid > 0, "mpv cannot be started");
        expect_player(w, "Playing");
        return pid;
}

static pid_t play(struct world *w) {
        return play_as(w, "mpv");
}

static void start(struct world *w) {
        world_config(w, "[busyd]\nend-grace = 0s\nlog-level = debug\npause-players = yes\n");
        world_start(w);
}

static void begin(struct world *w) {
        by_hand(w, "busy");
        check(w, world_wait_log(w, "pause-players: paused 1"), "not told");
        expect_player(w, "Paused");
}

WORLD_TEST(players, pause_while_busy, .no_homeserver = true) {
        (void) play(w);
        start(w);
        begin(w);
        by_hand(w, "auto");
        expect_player(w, "Playing");
        check(w, world_wait_log(w, "pause-players: 1 plays on"), "not told");
        by_hand(w, "busy");
        expect_player(w, "Paused");
        cr_assert_eq(world_stop(w), 0);
        expect_player(w, "Playing");
}

/* Once it is quiet no more, and after busyd. */
static void expect_left_paused(struct world *w) {
        by_hand(w, "auto");
        expect_availability(w, "free");
        cr_assert_eq(world_stop(w), 0);
        expect_player(w, "Paused");
}

WORLD_TEST(players, one_that_did_not_play_stays_paused, .no_homeserver = true) {
        (void) play(w);
        tell_player(w, "Pause");
        expect_player(w, "Paused");
        start(w);
        by_hand(w, "busy");
        expect_availability(w, "busy");
        expect_left_paused(w);
}

WORLD_TEST(players, one_that_was_set_going_and_paused_by_hand_stays_so, .no_homeserver = true) {
        (void) play(w);
        start(w);
        begin(w);
        tell_player(w, "Play");
        expect_player(w, "Playing");
        /* mpv says it a moment later, and no more if it has changed again by then. */
        check(w, world_wait_log(w, "pause-players: mpv goes its own way"), "not heard");
        tell_player(w, "Pause");
        expect_player(w, "Paused");
        expect_left_paused(w);
}

WORLD_TEST(players, another_process_of_that_name_is_not_resumed, .no_homeserver = true) {
        pid_t pid = play(w);

        start(w);
        begin(w);
        process_kill(pid);
        (void) play(w);
        tell_player(w, "Pause");
        expect_player(w, "Paused");
        expect_left_paused(w);
}

WORLD_TEST(players, a_crash_is_made_up_for, .no_homeserver = true) {
        (void) play(w);
        start(w);
        begin(w);
        world_kill(w);
        cr_assert_eq(unlink(world_state_path(w, "mode.json")), 0);
        world_start(w);
        expect_player(w, "Playing");
}

/* What is said within the call holds, however often busyd dies in it. */
WORLD_TEST(players, one_that_was_set_going_and_paused_by_hand_after_a_crash_stays_so, .no_homeserver = true) {
        (void) play(w);
        start(w);
        begin(w);
        world_kill(w);
        world_start(w);
        check(w, world_wait_log(w, "stays paused"), "not looked at");
        tell_player(w, "Play");
        expect_player(w, "Playing");
        check(w, world_wait_log(w, "goes its own way"), "not heard");
        tell_player(w, "Pause");
        expect_player(w, "Paused");
        expect_left_paused(w);
}

WORLD_TEST(players, one_that_was_set_going_while_busyd_was_dead_and_paused_by_hand_stays_so, .no_homeserver = true) {
        (void) play(w);
        start(w);
        begin(w);
        world_kill(w);
        tell_player(w, "Play");
        expect_player(w, "Playing");
        world_start(w);
        check(w, world_wait_log(w, "has gone its own way"), "not seen");
        tell_player(w, "Pause");
        expect_player(w, "Paused");
        expect_left_paused(w);
}

/* A page that is on a call may be a player as well. */
WORLD_TEST(players, the_program_of_the_call_is_left_alone, .no_homeserver = true) {
        const char *app = "MPV Calls", *reason = "a call";
        bool ok;

        (void) play(w);
        world_config(w, "[busyd]\nend-grace = 0s\nlog-level = debug\npause-players = yes\non-busy = true\n");
        world_start(w);
        free(peer_call(w->peer, BUSYD_PATH, BUSYD_MANAGER, "Hold", &ok, DBUS_TYPE_STRING, &app, DBUS_TYPE_STRING,
                       &reason, DBUS_TYPE_INVALID));
        cr_assert(ok);
        check(w, world_wait_log(w, "pause-players: mpv is on the call"), "not looked at");
        cr_assert_eq(world_stop(w), 0);
        expect_player(w, "Playing");
}

static void start_call(struct world *w, const char *app) {
        const char *reason = "a call";
        bool ok;

        free(peer_call(w->peer, BUSYD_PATH, BUSYD_MANAGER, "Hold", &ok, DBUS_TYPE_STRING, &app, DBUS_TYPE_STRING,
                       &reason, DBUS_TYPE_INVALID));
        cr_assert(ok);
}

/* An engine has its name on the bus in every program that it is a part of. */
WORLD_TEST(players, the_program_of_the_call_is_known_by_its_process, .no_homeserver = true) {
        SCOPED(free) char *program = strdup(world_path(w, "home/caller"));

        world_do(w, "ln -s \"$(command -v mpv)\" $HOME/caller");
        (void) play_as(w, program);
        start(w);
        start_call(w, "Caller");
        check(w, world_wait_log(w, "pause-players: mpv is on the call"), "not looked at");
        cr_assert_eq(world_stop(w), 0);
        expect_player(w, "Playing");
}

/* What plays this track, and says this of itself. */
static struct mock *play_track(struct world *w, const char *name, const char *identity, const char *track) {
        char bus_name[64], setup[1024];

        snprintf(bus_name, sizeof(bus_name), "org.mpris.MediaPlayer2.%s", name);
        snprintf(setup, sizeof(setup),
                 "mock.AddProperties('org.mpris.MediaPlayer2', {'Identity': '%s', 'CanQuit': False}); "
                 "mock.AddProperties('org.mpris.MediaPlayer2.Player', {'PlaybackStatus': 'Playing', 'CanPause': True, "
                 "'Metadata': dbus.Dictionary({'mpris:length': dbus.Int64(7), 'mpris:trackid': "
                 "dbus.ObjectPath('%s')}, signature='sv')}); "
                 "mock.AddMethod('org.mpris.MediaPlayer2.Player', 'Pause', '', '', "
                 "\"self.UpdateProperties('org.mpris.MediaPlayer2.Player', {'PlaybackStatus': 'Paused'})\")",
                 identity, track);
        return mock_new(w, w->bus,
                        &(struct mock_options){ .name = bus_name,
                                                .path = "/org/mpris/MediaPlayer2",
                                                .interface = "org.mpris.MediaPlayer2",
                                                .setup = setup });
}

static void expect_status(struct world *w, const char *name, const char *status) {
        char command[256], wanted[64];

        snprintf(command, sizeof(command),
                 "busctl --user get-property org.mpris.MediaPlayer2.%s /org/mpris/MediaPlayer2 "
                 "org.mpris.MediaPlayer2.Player PlaybackStatus",
                 name);
        snprintf(wanted, sizeof(wanted), "s \"%s\"\n", status);
        expect_printed(w, command, wanted);
}

/* So is what it calls itself, and whoever plays what it plays is its go-between; who plays something else is neither.
 */
WORLD_TEST(players, the_program_of_the_call_is_known_by_what_it_says, .no_homeserver = true) {
        struct mock *page = play_track(w, "chromium.instance7", "Caller", "/page/1");
        struct mock *between = play_track(w, "between", "Between", "/page/1");
        struct mock *music = play_track(w, "music", "Music", "/music/1");

        start(w);
        start_call(w, "caller-desktop");
        check(w, world_wait_log(w, "pause-players: paused 1"), "not told");
        expect_status(w, "music", "Paused");
        expect_status(w, "between", "Playing");
        expect_status(w, "chromium.instance7", "Playing");
        mock_free(music);
        mock_free(between);
        mock_free(page);
}

/* That it plays nothing in particular two may say without having to do with each other. */
WORLD_TEST(players, who_plays_no_track_is_nobodys_go_between, .no_homeserver = true) {
        const char *none = "/org/mpris/MediaPlayer2/TrackList/NoTrack";
        struct mock *page = play_track(w, "chromium.instance7", "Caller", none);
        struct mock *music = play_track(w, "music", "Music", none);

        start(w);
        start_call(w, "caller-desktop");
        check(w, world_wait_log(w, "pause-players: paused 1"), "not told");
        expect_status(w, "music", "Paused");
        expect_status(w, "chromium.instance7", "Playing");
        mock_free(music);
        mock_free(page);
}

WORLD_TEST(players, one_that_answers_nothing_does_not_keep_the_music_on, .no_homeserver = true) {
        pid_t mute = play(w);
        struct mock *music = play_track(w, "music", "Music", "/music/1");
        SCOPED(free) char *log = NULL;
        const char *paused, *given_up;

        cr_assert_eq(kill(mute, SIGSTOP), 0);
        start(w);
        start_call(w, "caller-desktop");
        check(w, world_wait_log(w, "pause-players: mpv does not say what it does"), "not asked");
        log = world_log(w);
        paused = strstr(log, "pause-players: pausing music");
        given_up = strstr(log, "pause-players: mpv does not say what it does");
        check(w, paused && paused < given_up, "it plays on");
        expect_status(w, "music", "Paused");
        process_kill(mute);
        mock_free(music);
}

/* One that is slow, as on a machine that is busy with the call, has been paused all the same. */
WORLD_TEST(players, one_that_was_slow_to_pause_plays_on, .no_homeserver = true) {
        struct mock *music = play_track(w, "music", "Music", "/music/1");

        mock_call(music, "/org/mpris/MediaPlayer2", "AddMethod", "sssss", "org.mpris.MediaPlayer2.Player", "Pause", "",
                  "",
                  "import time; time.sleep(4); self.UpdateProperties('org.mpris.MediaPlayer2.Player', "
                  "{'PlaybackStatus': 'Paused'})");
        mock_call(music, "/org/mpris/MediaPlayer2", "AddMethod", "sssss", "org.mpris.MediaPlayer2.Player", "Play", "",
                  "", "self.UpdateProperties('org.mpris.MediaPlayer2.Player', {'PlaybackStatus': 'Playing'})");
        start(w);
        by_hand(w, "busy");
        expect_status(w, "music", "Paused");
        check(w, world_wait_log(w, "music has not said that it is paused"), "not told");
        by_hand(w, "auto");
        expect_status(w, "music", "Playing");
        mock_free(music);
}

WORLD_TEST(players, one_that_hangs_as_busy_ends_plays_on_once_it_answers, .no_homeserver = true) {
        pid_t slow = play(w);

        start(w);
        begin(w);
        cr_assert_eq(kill(slow, SIGSTOP), 0);
        by_hand(w, "auto");
        check(w, world_wait_log(w, "does not say what it does"), "not asked");
        cr_assert_eq(kill(slow, SIGCONT), 0);
        expect_player(w, "Playing");
        check(w, world_wait_log(w, "pause-players: 1 plays on"), "not told");
}

/* Others are paused in the next call, and it is not forgotten for that. */
WORLD_TEST(players, one_that_hangs_keeps_no_other_from_being_paused, .no_homeserver = true) {
        pid_t slow = play(w);
        struct mock *music;

        start(w);
        begin(w);
        cr_assert_eq(kill(slow, SIGSTOP), 0);
        by_hand(w, "auto");
        check(w, world_wait_log(w, "does not say what it does"), "not asked");
        music = play_track(w, "music", "Music", "/music/1");
        by_hand(w, "busy");
        check(w, world_wait_log(w, "pause-players: pausing music"), "it plays on");
        cr_assert_eq(kill(slow, SIGCONT), 0);
        by_hand(w, "auto");
        expect_player(w, "Playing");
        mock_free(music);
}

/* Nor is the end of busyd held up by it for long; what is owed then is made up for. */
WORLD_TEST(players, one_that_hangs_as_busyd_ends_plays_on_after_the_next_start, .no_homeserver = true) {
        pid_t slow = play(w);

        start(w);
        begin(w);
        cr_assert_eq(kill(slow, SIGSTOP), 0);
        cr_assert_eq(world_stop(w), 0);
        cr_assert_eq(kill(slow, SIGCONT), 0);
        cr_assert_eq(unlink(world_state_path(w, "mode.json")), 0);
        world_start(w);
        expect_player(w, "Playing");
}

WORLD_TEST(players, nothing_is_paused_unless_it_is_asked_for, .no_homeserver = true) {
        (void) play(w);
        world_config(w, "[busyd]\non-busy = true\n");
        world_start(w);
        by_hand(w, "busy");
        check(w, world_wait_log(w, "on-busy: it has run"), "not told");
        expect_player(w, "Playing");
}
