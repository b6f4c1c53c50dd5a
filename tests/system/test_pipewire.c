/* Microphone and camera, on a real PipeWire without hardware. */
#include <stdio.h>
#include <unistd.h>

#include "system/sound_scenes.h"

#define SOUND BUSYD_PATH "/source/pipewire"
#define VIDEO BUSYD_PATH "/source/camera"
#define GECKO "application.name=Firefox", "application.process.binary=firefox-esr", "media.name=AudioCallbackDriver"

static const struct sound_place here = { SOUND, sound_start, "PipeWire is not running" };

static void expect_watching(struct world *w) {
        expect_watched(w, &here);
        check(w, peer_wait_is(w->peer, VIDEO, BUSYD_SOURCE, "State", "watching"), "cameras are not watched");
}

static struct sound start(struct world *w) {
        struct sound s = start_at(w, &here);

        expect_watching(w);
        return s;
}

static void reload(struct world *w) {
        bool ok;

        free(peer_call(w->peer, BUSYD_PATH, BUSYD_MANAGER, "Reload", &ok, DBUS_TYPE_INVALID));
        check(w, ok, "not reloaded");
}

/* ---- what counts ---- */

WORLD_TEST(pipewire, call_program_is_busy, .no_homeserver = true) {
        struct sound s = start(w);
        pid_t call = sound_record(w, MIC, CALL_APP, NULL);

        expect_availability(w, "busy");
        expect_calls(w, SOUND, "1");
        process_kill(call);
        expect_availability(w, "free");
        expect_calls(w, SOUND, "0");
        sound_kill(w, &s);
}

WORLD_TEST(pipewire, role_of_calls_is_busy, .no_homeserver = true) {
        a_stream_that_says_so_itself(w, &here);
}

WORLD_TEST(pipewire, native_client_with_role_is_busy, .no_homeserver = true) {
        struct sound s = start(w);
        /* pw-record is left out by its name unless somebody wants it. */
        char wav[256];
        pid_t call;

        snprintf(wav, sizeof(wav), "%s", world_path(w, "tmp/x.wav"));
        world_config(w, "[busyd]\nhint-delay = 0s\nhint-end-grace = 0s\nlog-level = debug\n"
                        "[source pipewire]\ncall-apps = pw-*\n");
        reload(w);
        expect_watching(w);
        call = world_program(
                w, (const char *const[]){ "pw-record", "--target", MIC, "--media-role", "Communication", wav, NULL },
                -1, "sound.log");
        expect_availability(w, "busy");
        process_kill(call);
        expect_availability(w, "free");
        sound_kill(w, &s);
}

WORLD_TEST(pipewire, is_found_at_start, .no_homeserver = true) {
        struct sound s = sound_start(w);
        pid_t call = sound_record(w, MIC, CALL_APP, NULL);

        sound_await(w, "RUNNING", (const char *const[]){ "pactl", "list", "short", "sources", NULL });
        world_start(w);
        expect_availability(w, "busy");
        expect_calls(w, SOUND, "1");
        process_kill(call);
        expect_availability(w, "free");
        sound_kill(w, &s);
}

WORLD_TEST(pipewire, two_at_once, .no_homeserver = true) {
        struct sound s = start(w);
        pid_t one = sound_record(w, MIC, CALL_APP, NULL), other;

        expect_availability(w, "busy");
        other = sound_record(w, MIC, ANOTHER_APP, NULL);
        expect_calls(w, SOUND, "2");
        process_kill(one);
        expect_calls(w, SOUND, "1");
        expect_availability(w, "busy");
        process_kill(other);
        expect_availability(w, "free");
        expect_busy_history(w, 1, "zoom");
        sound_kill(w, &s);
}

/* PipeWire gives the same ids again. */
WORLD_TEST(pipewire, one_after_another, .no_homeserver = true) {
        struct sound s = start(w);

        for (int i = 0; i < 5; i++) {
                pid_t call = sound_record(w, MIC, CALL_APP, NULL);

                expect_availability(w, "busy");
                process_kill(call);
                expect_availability(w, "free");
                expect_calls(w, SOUND, "0");
        }
        expect_busy_history(w, 5, "zoom");
        sound_kill(w, &s);
}

/* A mute that closes the stream. */
WORLD_TEST(pipewire, short_pause_does_not_show, .no_homeserver = true) {
        struct sound s;
        pid_t call;

        world_config(w, GRACE);
        s = start(w);
        for (int i = 0; i < 3; i++) {
                call = sound_record(w, MIC, CALL_APP, NULL);
                expect_calls(w, SOUND, "1");
                expect_availability(w, "busy");
                process_kill(call);
                expect_calls(w, SOUND, "0");
        }
        expect_availability(w, "busy");
        expect_busy_history(w, 1, "zoom");
        sound_kill(w, &s);
}

/* ---- two ways ---- */

WORLD_TEST(pipewire, a_page_that_records_and_plays_is_busy, .no_homeserver = true) {
        struct sound s = start(w);
        pid_t records = sound_record(w, MIC, PAGE, NULL), plays;

        check(w, world_wait_log(w, "of chromium holds the microphone and plays nothing"), "taken for something else");
        expect_availability(w, "free");
        plays = sound_play(w, PAGE_PLAYS, NULL);
        expect_availability(w, "busy");
        expect_busy_history(w, 1, "chromium");
        process_kill(plays);
        expect_availability(w, "free");
        process_kill(records);
        expect_calls(w, SOUND, "0");
        sound_kill(w, &s);
}

WORLD_TEST(pipewire, what_another_program_plays_makes_no_call, .no_homeserver = true) {
        struct sound s = start(w);
        pid_t plays = sound_play(w, "application.name=Music", "application.process.binary=music", NULL);
        pid_t records = sound_record(w, MIC, PAGE, NULL);

        check(w, world_wait_log(w, "of chromium holds the microphone and plays nothing"), "taken for something else");
        expect_first_busy_now(w);
        process_kill(records);
        process_kill(plays);
        sound_kill(w, &s);
}

WORLD_TEST(pipewire, a_mute_that_closes_the_microphone_is_outlived, .no_homeserver = true) {
        struct sound s = start(w);
        pid_t plays = sound_play(w, PAGE_PLAYS, NULL), records = sound_record(w, MIC, PAGE, NULL);

        expect_availability(w, "busy");
        process_kill(records);
        check(w, world_wait_log(w, "has closed the microphone and plays on"), "the call ended with the mute");
        expect_availability(w, "busy");
        records = sound_record(w, MIC, PAGE, NULL);
        expect_calls(w, SOUND, "1");
        process_kill(records);
        process_kill(plays);
        expect_availability(w, "free");
        expect_busy_history(w, 1, "chromium");
        sound_kill(w, &s);
}

/* As Firefox does it: the mute closes the microphone and makes the playback anew, its end makes both anew. */
WORLD_TEST(pipewire, a_mute_that_makes_the_playback_anew_is_outlived, .no_homeserver = true) {
        struct sound s;
        pid_t plays, records, again;

        /* The moment between two streams is for the grace. */
        world_config(w, "[busyd]\nhint-delay = 0s\nhint-end-grace = 10s\nlog-level = debug\n");
        s = start(w);
        plays = sound_play(w, GECKO, NULL);
        records = sound_record(w, MIC, GECKO, NULL);
        expect_availability(w, "busy");
        again = sound_play(w, GECKO, NULL);
        process_kill(records);
        process_kill(plays);
        check(w, world_wait_log(w, "has closed the microphone and plays on"), "the call ended with the mute");
        plays = sound_play(w, GECKO, NULL);
        records = sound_record(w, MIC, GECKO, NULL);
        process_kill(again);
        expect_calls(w, SOUND, "1");
        expect_availability(w, "busy");
        process_kill(records);
        process_kill(plays);
        expect_availability(w, "free");
        expect_busy_history(w, 1, "firefox");
        sound_kill(w, &s);
}

/* ---- a server that comes and goes ---- */

WORLD_TEST(pipewire, server_restarts_in_a_call, .no_homeserver = true) {
        a_server_that_dies_in_a_call_and_comes_back(w, &here);
}

/* The same call, although server, stream and serial are others. */
WORLD_TEST(pipewire, free_outlives_a_restart_of_the_server, .no_homeserver = true) {
        struct sound s;
        pid_t call;
        bool ok;

        world_config(w, "[busyd]\nhint-delay = 0s\nhint-end-grace = 5s\n");
        s = start(w);
        call = sound_record(w, MIC, CALL_APP, NULL);
        expect_availability(w, "busy");
        free(peer_call(w->peer, BUSYD_PATH, BUSYD_MANAGER, "SetFreeUntilCallsEnd", &ok, DBUS_TYPE_INVALID));
        cr_assert(ok);
        sound_kill(w, &s);
        process_kill(call);
        expect_calls(w, SOUND, "0");
        s = sound_start(w);
        expect_watching(w);
        call = sound_record(w, MIC, CALL_APP, NULL);
        expect_calls(w, SOUND, "1");
        check(w, peer_wait_is(w->peer, BUSYD_PATH, BUSYD_MANAGER, "ModeUntilCallsEnd", "true"), "free is over");
        expect_availability(w, "free");
        expect_busy_history(w, 1, "zoom");
        process_kill(call);
        check(w, peer_wait_is(w->peer, BUSYD_PATH, BUSYD_MANAGER, "Mode", "auto"), "free goes on");
        sound_kill(w, &s);
}

WORLD_TEST(pipewire, server_comes_later, .no_homeserver = true) {
        a_server_that_comes_later(w, &here);
}

WORLD_TEST(pipewire, reload_in_a_call, .no_homeserver = true) {
        struct sound s;
        pid_t call;

        world_config(w, GRACE);
        s = start(w);
        call = sound_record(w, MIC, CALL_APP, NULL);
        expect_availability(w, "busy");
        reload(w);
        expect_calls(w, SOUND, "1");
        expect_availability(w, "busy");
        expect_busy_history(w, 1, "zoom");
        process_kill(call);
        sound_kill(w, &s);
}

/* ---- the camera ---- */

/* A recorder. */
WORLD_TEST(pipewire, camera_and_microphone_of_one_program_are_no_call, .no_homeserver = true) {
        struct sound s = start(w);
        pid_t both = world_program(w, (const char *const[]){ CAMERA_STREAM, CAMERA, MIC, NULL }, -1, "sound.log");

        expect_calls(w, VIDEO, "1");
        expect_calls(w, SOUND, "1");
        expect_availability(w, "free");
        expect_first_busy_now(w);
        process_kill(both);
        expect_calls(w, VIDEO, "0");
        sound_kill(w, &s);
}

WORLD_TEST(pipewire, camera_of_another_program_does_not_help, .no_homeserver = true) {
        struct sound s = start(w);
        pid_t sees = world_program(w, (const char *const[]){ CAMERA_STREAM, CAMERA, "", NULL }, -1, "sound.log");
        pid_t hears = sound_record(w, MIC, UNKNOWN_APP, NULL);

        expect_calls(w, VIDEO, "1");
        expect_calls(w, SOUND, "1");
        expect_availability(w, "free");
        expect_first_busy_now(w);
        process_kill(sees);
        process_kill(hears);
        sound_kill(w, &s);
}

/* ---- lists of users ---- */

WORLD_TEST(pipewire, lists, .no_homeserver = true) {
        struct sound s;
        pid_t ignored, mine;

        world_config(w, "[busyd]\nhint-delay = 0s\nhint-end-grace = 0s\nlog-level = debug\n"
                        "[source pipewire]\nignore = mumb*\ncall-apps = thing\n");
        s = start(w);
        ignored = sound_record(w, MIC, ANOTHER_APP, NULL);
        sound_await_stream(w, "application.process.binary", "mumble", true);
        expect_availability(w, "free");
        mine = sound_record(w, MIC, UNKNOWN_APP, NULL);
        expect_availability(w, "busy");
        process_kill(mine);
        expect_availability(w, "free");
        expect_busy_history(w, 1, "thing");
        process_kill(ignored);
        sound_kill(w, &s);
}

static void must_say(struct world *w, const char *verb, const char *app) {
        SCOPED_RUN r = world_busyctl(w, NULL, verb, app, NULL);

        check(w, r.code == 0, "%s", r.err);
}

/* It is shown as "zoom". */
WORLD_TEST(pipewire, by_hand_any_name_of_a_program_will_do, .no_homeserver = true) {
        struct sound s = start(w);
        pid_t pid = sound_record(w, MIC, CALL_APP, NULL);

        expect_availability(w, "busy");
        must_say(w, "ignore", "ZOOM Voice*");
        expect_availability(w, "free");
        process_kill(pid);
        pid = sound_record(w, MIC, CALL_APP, NULL);
        sound_await_stream(w, "application.process.binary", "zoom", true);
        expect_availability(w, "free");
        must_say(w, "allow", "ZOOM Voice*");
        expect_availability(w, "busy");
        process_kill(pid);
        sound_kill(w, &s);
}
