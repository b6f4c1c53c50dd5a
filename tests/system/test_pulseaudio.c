/* The microphone on a real PulseAudio, without PipeWire and without hardware. */
#include <poll.h>
#include <stdio.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "system/sound_scenes.h"

#define SOUND  BUSYD_PATH "/source/pulseaudio"
#define NATIVE BUSYD_PATH "/source/pipewire"

static const struct sound_place here = { SOUND, sound_start_pulseaudio, "PulseAudio is not running" };

static void expect_detail(struct world *w, const char *source, const char *detail) {
        check(w, peer_wait_is(w->peer, source, BUSYD_SOURCE, "Detail", detail), "%s says not: %s", source, detail);
}

static void expect_state(struct world *w, const char *source, const char *state) {
        check(w, peer_wait_is(w->peer, source, BUSYD_SOURCE, "State", state), "%s is not %s", source, state);
}

static struct sound start(struct world *w) {
        return start_at(w, &here);
}

/* Until the server has this stream: what busyd is told after that, it is told after what it is told of this one. */
static void await_capture(struct world *w, const char *property) {
        sound_await(w, property, (const char *const[]){ "pactl", "list", "source-outputs", NULL });
}

static void await_playback(struct world *w, const char *property) {
        sound_await(w, property, (const char *const[]){ "pactl", "list", "sink-inputs", NULL });
}

static bool is_said(struct world *w, const char *part, const char *verb, const char *option) {
        SCOPED_RUN run = world_busyctl(w, NULL, verb, option, NULL);

        return strstr(run.out, part) != NULL;
}

static void expect_said(struct world *w, const char *part, const char *verb, const char *option) {
        check(w, is_said(w, part, verb, option), "busyctl %s says not: %s", verb, part);
}

/* ---- what counts ---- */

WORLD_TEST(pulseaudio, a_page_that_records_and_plays_is_a_call, .no_homeserver = true) {
        struct sound s = start(w);
        pid_t plays = sound_play(w, PAGE_PLAYS, NULL), records;

        await_playback(w, "chromium");
        records = sound_record(w, MIC, PAGE, NULL);
        expect_availability(w, "busy");
        expect_busy_history(w, 1, "chromium");
        expect_calls(w, SOUND, "1");
        process_kill(records);
        process_kill(plays);
        expect_availability(w, "free");
        expect_calls(w, SOUND, "0");
        sound_kill(w, &s);
}

WORLD_TEST(pulseaudio, it_is_one_too_when_it_plays_last, .no_homeserver = true) {
        struct sound s = start(w);
        pid_t records = sound_record(w, MIC, PAGE, NULL), plays;

        expect_calls(w, SOUND, "1"); /* a weak one */
        plays = sound_play(w, PAGE_PLAYS, NULL);
        expect_availability(w, "busy");
        process_kill(records);
        process_kill(plays);
        sound_kill(w, &s);
}

WORLD_TEST(pulseaudio, recording_alone_is_none, .no_homeserver = true) {
        struct sound s = start(w);
        pid_t records = sound_record(w, MIC, PAGE, NULL), other = sound_play(w, UNKNOWN_APP, NULL);

        expect_calls(w, SOUND, "1");
        await_playback(w, "thing");
        expect_first_busy_now(w);
        process_kill(records);
        process_kill(other);
        sound_kill(w, &s);
}

WORLD_TEST(pulseaudio, a_stream_that_says_so_is_one, .no_homeserver = true) {
        a_stream_that_says_so_itself(w, &here);
}

WORLD_TEST(pulseaudio, what_is_heard_is_none, .no_homeserver = true) {
        struct sound s = start(w);
        pid_t records = sound_record(w, OUT ".monitor", ANOTHER_APP, NULL);

        await_capture(w, "mumble");
        expect_first_busy_now(w);
        process_kill(records);
        sound_kill(w, &s);
}

WORLD_TEST(pulseaudio, a_stream_that_is_moved_to_the_microphone_is_one, .no_homeserver = true) {
        struct sound s = start(w);
        pid_t records = sound_record(w, OUT ".monitor", ANOTHER_APP, NULL);
        SCOPED(free) char *list = NULL;
        char number[16];

        await_capture(w, "mumble");
        list = sound_run(w, (const char *const[]){ "pactl", "list", "short", "source-outputs", NULL });
        check(w, sscanf(list, "%15[0-9]", number) == 1, "no stream: %s", list);
        free(sound_run(w, (const char *const[]){ "pactl", "move-source-output", number, MIC, NULL }));
        expect_availability(w, "busy");
        expect_busy_history(w, 1, "mumble");
        process_kill(records);
        sound_kill(w, &s);
}

WORLD_TEST(pulseaudio, meters_and_paused_streams_are_none, .no_homeserver = true) {
        static const char *const kinds[] = { "meter", "corked" }, *const names[] = { "Mumble", "twinkle" };
        struct sound s = start(w);
        pid_t pids[2];

        for (size_t i = 0; i < 2; i++) {
                pids[i] = world_program(w, (const char *const[]){ PULSE_STREAM, kinds[i], MIC, names[i], NULL }, -1,
                                        "sound.log");
                await_capture(w, names[i]);
        }
        expect_first_busy_now(w);
        for (size_t i = 0; i < 2; i++)
                process_kill(pids[i]);
        sound_kill(w, &s);
}

WORLD_TEST(pulseaudio, modules_are_none, .no_homeserver = true) {
        struct sound s = start(w);

        free(sound_run(
                w, (const char *const[]){ "pactl", "load-module", "module-loopback", "source_dont_move=yes", NULL }));
        await_capture(w, "module-loopback.c");
        expect_first_busy_now(w);
        sound_kill(w, &s);
}

/* ---- while it lasts ---- */

WORLD_TEST(pulseaudio, is_found_at_start, .no_homeserver = true) {
        struct sound s = sound_start_pulseaudio(w);
        pid_t plays = sound_play(w, PAGE_PLAYS, NULL), records = sound_record(w, MIC, PAGE, NULL);

        await_playback(w, "chromium");
        await_capture(w, "chromium");
        world_start(w);
        expect_availability(w, "busy");
        process_kill(records);
        process_kill(plays);
        expect_availability(w, "free");
        sound_kill(w, &s);
}

WORLD_TEST(pulseaudio, a_mute_is_outlived, .no_homeserver = true) {
        struct sound s = start(w);
        pid_t plays = sound_play(w, PAGE_PLAYS, NULL), records;

        await_playback(w, "chromium");
        records = sound_record(w, MIC, PAGE, NULL);
        expect_availability(w, "busy");
        process_kill(records);
        check(w, world_wait_log(w, "has closed the microphone and plays on"), "the mute was not seen");
        records = sound_record(w, MIC, PAGE, NULL);
        await_capture(w, "chromium");
        process_kill(plays);
        process_kill(records);
        expect_availability(w, "free");
        expect_busy_history(w, 1, "chromium");
        sound_kill(w, &s);
}

WORLD_TEST(pulseaudio, what_is_played_on_and_off_is_told_anew, .no_homeserver = true) {
        struct sound s = start(w);

        for (size_t i = 0; i < 2; i++) {
                pid_t plays = sound_play(w, PAGE_PLAYS, NULL), records;

                await_playback(w, "chromium");
                records = sound_record(w, MIC, PAGE, NULL);
                expect_availability(w, "busy");
                process_kill(records);
                process_kill(plays);
                expect_availability(w, "free");
                expect_calls(w, SOUND, "0");
        }
        sound_kill(w, &s);
}

WORLD_TEST(pulseaudio, lists_and_reasons_are_those_of_microphones, .no_homeserver = true) {
        struct sound s;
        pid_t one, other;

        world_config(w, "[busyd]\nhint-delay = 0s\nhint-end-grace = 0s\n"
                        "[source pulseaudio]\nignore = zoom\ncall-apps = thing\n");
        s = start(w);
        one = sound_record(w, MIC, CALL_APP, NULL);
        await_capture(w, "zoom");
        other = sound_record(w, MIC, UNKNOWN_APP, NULL);
        expect_availability(w, "busy");
        expect_busy_history(w, 1, "thing");
        expect_said(w, "on the list ignore", "sources", "-v");
        process_kill(one);
        process_kill(other);
        sound_kill(w, &s);
}

/* ---- the server ---- */

static int listen_at(struct world *w) {
        struct sockaddr_un address = { .sun_family = AF_UNIX };
        int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);

        mkdir(world_path(w, "runtime/pulse"), 0700);
        snprintf(address.sun_path, sizeof(address.sun_path), "%s", world_path(w, "runtime/pulse/native"));
        cr_assert_eq(bind(fd, (const struct sockaddr *) &address, sizeof(address)), 0);
        cr_assert_eq(listen(fd, 8), 0);
        return fd;
}

static void await_connection(struct world *w, int fd) {
        struct pollfd waits = { .fd = fd, .events = POLLIN };

        check(w, poll(&waits, 1, patience()) == 1, "nobody has connected");
}

WORLD_TEST(pulseaudio, costs_nothing_without_a_server, .no_homeserver = true) {
        struct sound s;

        world_start(w);
        expect_detail(w, SOUND, "PulseAudio is not running");
        expect_detail(w, NATIVE, "PipeWire is not running");
        check(w, !world_has_loaded(w, "libpulse"), "libpulse is loaded");
        check(w, !world_has_loaded(w, "libpipewire"), "libpipewire is loaded");
        s = sound_start_pulseaudio(w);
        expect_state(w, SOUND, "watching");
        check(w, world_has_loaded(w, "libpulse"), "libpulse is not loaded");
        check(w, !world_has_loaded(w, "libpipewire"), "libpipewire is loaded");
        sound_kill(w, &s);
}

WORLD_TEST(pulseaudio, comes_later, .no_homeserver = true) {
        a_server_that_comes_later(w, &here);
}

/* A socket that systemd holds starts the server when somebody connects. */
WORLD_TEST(pulseaudio, is_not_started, .no_homeserver = true) {
        int fd = listen_at(w);

        world_start(w);
        expect_detail(w, SOUND, "PulseAudio is not running");
        check(w, accept(fd, NULL, NULL) < 0, "somebody has connected");
        close(fd);
}

/* ... and is there all the time: what a server writes when it starts tells, also over that of one that was killed. */
WORLD_TEST(pulseaudio, is_seen_to_start_behind_a_socket_that_was_there_before, .no_homeserver = true) {
        int fd = listen_at(w);
        char pid[16];

        file_put(world_path(w, "runtime/pulse/pid"), "2147483647\n");
        world_start(w);
        expect_detail(w, SOUND, "PulseAudio is not running");
        check(w, accept(fd, NULL, NULL) < 0, "somebody has connected");
        snprintf(pid, sizeof(pid), "%d\n", getpid());
        file_put(world_path(w, "runtime/pulse/pid"), pid);
        await_connection(w, fd);
        close(fd);
}

WORLD_TEST(pulseaudio, dies_in_a_call_and_comes_back, .no_homeserver = true) {
        a_server_that_dies_in_a_call_and_comes_back(w, &here);
}

WORLD_TEST(pulseaudio, a_server_that_ends_in_peace_ends_its_calls, .no_homeserver = true) {
        struct sound s = start(w);
        pid_t call = sound_record(w, MIC, CALL_APP, NULL);

        expect_availability(w, "busy");
        free(sound_run(w, (const char *const[]){ "pactl", "exit", NULL }));
        expect_availability(w, "free");
        expect_detail(w, SOUND, "PulseAudio is not running");
        process_kill(call);
        sound_kill(w, &s);
}

/* Its own streams are seen from within. */
WORLD_TEST(pulseaudio, that_of_pipewire_is_left_to_its_own_source, .no_homeserver = true) {
        struct sound s = sound_start(w);
        pid_t call;

        world_start(w);
        expect_state(w, NATIVE, "watching");
        expect_detail(w, SOUND, "PipeWire carries the sound: that is for the source pipewire");
        check(w, !world_has_loaded(w, "libpulse"), "libpulse is loaded");
        call = sound_record(w, MIC, CALL_APP, NULL);
        expect_calls(w, NATIVE, "1");
        expect_availability(w, "busy");
        expect_calls(w, SOUND, "0");
        process_kill(call);
        sound_kill(w, &s);
}

WORLD_TEST(pulseaudio, stands_beside_pipewire_that_has_pictures_only, .no_homeserver = true) {
        struct sound pictures = sound_start_pictures(w), s = start(w);
        pid_t call;

        expect_state(w, NATIVE, "watching");
        call = sound_record(w, MIC, CALL_APP, NULL);
        expect_availability(w, "busy");
        expect_calls(w, SOUND, "1");
        expect_calls(w, NATIVE, "0");
        process_kill(call);
        sound_kill(w, &s);
        sound_kill(w, &pictures);
}

WORLD_TEST(pulseaudio, gives_way_to_pipewire_and_back, .no_homeserver = true) {
        struct sound s = start(w);

        sound_kill(w, &s);
        expect_detail(w, SOUND, "PulseAudio is not running");
        s = sound_start(w);
        expect_detail(w, SOUND, "PipeWire carries the sound: that is for the source pipewire");
        expect_state(w, NATIVE, "watching");
        sound_kill(w, &s);
        s = sound_start_pulseaudio(w);
        expect_state(w, SOUND, "watching");
        expect_first_busy_now(w);
        sound_kill(w, &s);
}

/* What is not on this machine is not of it. */
WORLD_TEST(pulseaudio, one_elsewhere_is_not_asked, .no_homeserver = true) {
        setenv("BUSYD_WRAPPER", "env PULSE_SERVER=tcp:192.0.2.1", 1);
        world_start(w);
        expect_detail(w, SOUND, "PULSE_SERVER names a server that is not on this machine");
}

WORLD_TEST(pulseaudio, doctor_and_why_know_of_either_server, .no_homeserver = true) {
        static const char neither[] = "PipeWire is not running; PulseAudio is not running";
        struct sound s;

        world_start(w);
        expect_said(w, neither, "doctor", NULL);
        expect_said(w, neither, "why", NULL);
        s = sound_start_pulseaudio(w);
        expect_state(w, SOUND, "watching");
        expect_said(w, "the microphone is looked at", "doctor", NULL);
        check(w, !is_said(w, "nobody looks at the microphone", "why", NULL), "PulseAudio does");
        sound_kill(w, &s);
}
