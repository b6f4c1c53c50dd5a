/* What holds a microphone and is no call, on a real PipeWire: each stays free, and a call program then makes the one
 * and only busy of the history. Which rule decided is a matter of unit tests: releases of PipeWire differ in what they
 * say of a stream. */
#include <fcntl.h>
#include <inttypes.h>
#include <jansson.h>
#include <stdio.h>
#include <unistd.h>

#include "system/pace.h"
#include "system/sound.h"

#define SOUND    BUSYD_PATH "/source/pipewire"
#define CALL_APP "application.name=ZOOM VoiceEngine", "application.process.binary=zoom"

static struct sound start(struct world *w) {
        struct sound s = sound_start(w);

        world_start(w);
        check(w, peer_wait_is(w->peer, SOUND, BUSYD_SOURCE, "State", "watching"), "microphones are not watched");
        return s;
}

static pid_t start_program(struct world *w, const char *const *argv) {
        return world_program(w, argv, -1, "sound.log");
}

/* Beside the stream that the caller has waited for; `hints`: how many of its kind busyd shows, though they do not
 * count. PipeWire has told of it before it tells of the call. */
static void expect_free(struct world *w, unsigned hints) {
        dbus_uint32_t all = 100;
        SCOPED(free) char *history = NULL;
        char calls[16];
        const char *busy;
        pid_t call;

        snprintf(calls, sizeof(calls), "%u", hints);
        check(w, peer_wait_is(w->peer, SOUND, BUSYD_SOURCE, "Calls", calls), "not %u hints", hints);
        check(w, peer_wait_is(w->peer, BUSYD_PATH, BUSYD_MANAGER, "Availability", "free"), "not free");
        call = sound_record(w, MIC, CALL_APP, NULL);
        check(w, peer_wait_is(w->peer, BUSYD_PATH, BUSYD_MANAGER, "Availability", "busy"), "not busy at last");
        snprintf(calls, sizeof(calls), "%u", hints + 1);
        check(w, peer_wait_is(w->peer, SOUND, BUSYD_SOURCE, "Calls", calls), "not %u hints and a call", hints);
        history = peer_call(w->peer, BUSYD_PATH, BUSYD_MANAGER, "History", NULL, DBUS_TYPE_UINT32, &all,
                            DBUS_TYPE_INVALID);
        busy = strstr(history, "\"busy\"");
        check(w, busy && !strstr(busy + 1, "\"busy\""), "it was busy before: %s", history);
        check(w, strstr(history, "zoom"), "busy for another: %s", history);
        process_kill(call);
}

static void ends(struct world *w, struct sound *s, pid_t pid) {
        process_kill(pid);
        sound_kill(w, s);
}

WORLD_TEST(others, peak_meter, .no_homeserver = true) {
        struct sound s = start(w);
        pid_t pid = start_program(w, (const char *const[]){ PULSE_STREAM, "meter", MIC, "Chromium input", NULL });

        sound_await_stream(w, "application.process.binary", "Chromium input", true);
        expect_free(w, 0);
        ends(w, &s, pid);
}

WORLD_TEST(others, recording_of_the_output, .no_homeserver = true) {
        struct sound s = start(w);
        pid_t pid = sound_record(w, OUT ".monitor", "application.name=Chromium input",
                                 "application.process.binary=chromium", NULL);

        sound_await_stream(w, "application.process.binary", "chromium", true);
        expect_free(w, 0);
        ends(w, &s, pid);
}

WORLD_TEST(others, native_recording_of_the_output, .no_homeserver = true) {
        struct sound s = start(w);
        char wav[256];
        pid_t pid;

        snprintf(wav, sizeof(wav), "%s", world_path(w, "tmp/x.wav"));
        pid = start_program(w, (const char *const[]){ "pw-record", "-P", "{ stream.capture.sink=true }", wav, NULL });

        sound_await_stream(w, "node.name", "pw-record", true);
        expect_free(w, 0);
        ends(w, &s, pid);
}

WORLD_TEST(others, loopback, .no_homeserver = true) {
        struct sound s = start(w);
        pid_t pid = start_program(
                w, (const char *const[]){ "pw-loopback", "--capture-props", "{ node.name=loop }", NULL });

        sound_await_stream(w, "node.name", "loop", true);
        expect_free(w, 0);
        ends(w, &s, pid);
}

WORLD_TEST(others, echo_cancel, .no_homeserver = true) {
        struct sound s = start(w);

        free(sound_run(w, (const char *const[]){ "pactl", "load-module", "module-echo-cancel", NULL }));
        sound_await_stream(w, "node.name", "echo-cancel-capture", false);
        expect_free(w, 0);
        sound_kill(w, &s);
}

/* A paused stream runs for a moment when it is made: the delay is for that. */
WORLD_TEST(others, corked, .no_homeserver = true) {
        struct sound s;
        pid_t pid;

        world_config(w, "[busyd]\nhint-delay = 1s\nhint-end-grace = 0s\nlog-level = debug\n");
        s = start(w);
        pid = start_program(w, (const char *const[]){ PULSE_STREAM, "corked", MIC, "Chromium input", NULL });
        sound_await_stream(w, "application.process.binary", "Chromium input", false);
        expect_free(w, 0);
        ends(w, &s, pid);
}

/* Two seconds of speech, told by what was recorded, from a program that would count. */
WORLD_TEST(others, dictation_burst, .no_homeserver = true) {
        static const char *const properties[] = { "application.name=Mumble", "application.process.binary=mumble",
                                                  NULL };
        const ssize_t two_seconds = (ssize_t) 2 * 44100 * 2 * 2;
        struct sound s;
        char buf[4096], config[128];
        int ends_of_pipe[2];
        ssize_t n = 0;
        pid_t pid;

        snprintf(config, sizeof(config), "[busyd]\nhint-delay = %" PRId64 "s\nhint-end-grace = 0s\n",
                 paced(6000) / 1000);
        world_config(w, config);
        s = start(w);
        cr_assert_eq(pipe2(ends_of_pipe, O_CLOEXEC), 0);
        pid = sound_record_to(w, ends_of_pipe[1], MIC, properties);
        close(ends_of_pipe[1]);
        check(w, peer_wait_is(w->peer, SOUND, BUSYD_SOURCE, "Calls", "1"), "not taken for a call");
        while (n < two_seconds) {
                ssize_t k = read(ends_of_pipe[0], buf, sizeof(buf));

                check(w, k > 0, "nothing is recorded");
                n += k;
        }
        process_kill(pid);
        close(ends_of_pipe[0]);
        check(w, peer_wait_is(w->peer, SOUND, BUSYD_SOURCE, "Calls", "0"), "it stays");
        expect_free(w, 0);
        sound_kill(w, &s);
}

WORLD_TEST(others, recorder_like_obs, .no_homeserver = true) {
        struct sound s = start(w);
        pid_t pid = sound_record(w, MIC, "application.name=OBS", "application.process.binary=obs", NULL);

        sound_await_stream(w, "application.process.binary", "obs", true);
        expect_free(w, 0);
        ends(w, &s, pid);
}

WORLD_TEST(others, voice_memo, .no_homeserver = true) {
        struct sound s = start(w);
        pid_t pid = sound_record(w, MIC, "application.name=Sound Recorder", "application.id=org.gnome.SoundRecorder",
                                 "application.process.binary=gnome-sound-recorder", NULL);

        sound_await_stream(w, "application.process.binary", "gnome-sound-recorder", true);
        expect_free(w, 0);
        ends(w, &s, pid);
}

/* A recorder that nobody knows is a weak hint, which alone does not count. */
WORLD_TEST(others, unknown_recorder, .no_homeserver = true) {
        struct sound s = start(w);
        pid_t pid = sound_record(w, MIC, "application.name=Memo", "application.process.binary=memo", NULL);

        expect_free(w, 1);
        ends(w, &s, pid);
}

/* A shared screen is a video source, and no camera. */
WORLD_TEST(others, screen_share, .no_homeserver = true) {
        static const char screen[] = "{ factory.name=videotestsrc library.name=videotestsrc/libspa-videotestsrc "
                                     "node.name=screen0 media.class=Video/Source object.linger=true }";
        struct sound s = start(w);
        pid_t pid, hears;

        free(sound_run(w, (const char *const[]){ "pw-cli", "create-node", "spa-node-factory", screen, NULL }));
        pid = start_program(w, (const char *const[]){ CAMERA_STREAM, "screen0", MIC, NULL });
        check(w, peer_wait_is(w->peer, SOUND, BUSYD_SOURCE, "Calls", "1"), "no microphone");
        sound_await(w, "screen0:", (const char *const[]){ "pw-link", "-l", NULL });
        hears = sound_record(w, MIC, "application.name=Memo", "application.process.binary=memo", NULL);
        expect_free(w, 2);
        check(w, peer_wait_is(w->peer, BUSYD_PATH "/source/camera", BUSYD_SOURCE, "Calls", "0"), "taken for a camera");
        process_kill(hears);
        ends(w, &s, pid);
}

/* ---- what is told of it ---- */

/* Each stream that records, with what was decided and by what, whether it counts or not; what it records is told of
 * none. */
WORLD_TEST(others, every_stream_is_listed_with_what_was_decided, .no_homeserver = true) {
        static const char *const lines[] = {
                "  zoom: holds the microphone, for a call (it records with an engine for calls), strong\n"
                "    also called: zoom, ZOOM VoiceEngine\n",
                "  obs: belongs to a program that is left out (known to make no calls)\n"
                "    also called: obs, OBS\n",
                "  chromium: holds the microphone and plays nothing (its stream is one of a browser's engine), weak\n"
                "    also called: chromium, Chromium input, Chromium\n",
                "  thing: holds the microphone (nothing is known of the program), weak\n",
                "  studio: belongs to a program that is left out (on the list ignore)\n",
        };
        struct sound s = sound_start(w);
        pid_t pids[] = {
                sound_record(w, MIC, "application.name=OBS", "application.process.binary=obs", NULL),
                sound_record(w, MIC, "application.name=Chromium input", "application.process.binary=chromium", NULL),
                sound_record(w, MIC, "application.name=Thing", "application.process.binary=thing",
                             "media.name=Call with Bob", NULL),
                sound_record(w, MIC, "application.name=Studio", "application.process.binary=studio", NULL),
                sound_record(w, MIC, CALL_APP, NULL),
        };
        SCOPED_RUN sources = { 0 }, json = { 0 }, why = { 0 };
        json_t *list;

        world_config(w, "[busyd]\nhint-delay = 0s\n[source pipewire]\nignore = stud*\n");
        world_start(w);
        check(w, peer_wait_is(w->peer, SOUND, BUSYD_SOURCE, "Calls", "3"), "not three that may be calls");
        sources = world_busyctl(w, NULL, "sources", "-v", NULL);
        for (size_t i = 0; i < ARRAY_SIZE(lines); i++)
                check(w, strstr(sources.out, lines[i]), "not \"%s\" in: %s%s", lines[i], sources.out, sources.err);
        check(w, !strstr(sources.out, "Bob"), "says who it is with: %s", sources.out);
        why = world_busyctl(w, NULL, "why", "--verbose", NULL);
        check(w, strstr(why.out, "  obs (pipewire): belongs to"), "not in: %s%s", why.out, why.err);
        json = world_busyctl(w, NULL, "-j", "why", "-v", NULL);
        list = json_loads(json.out, 0, NULL);
        check(w, json_array_size(json_object_get(list, "streams")) == ARRAY_SIZE(pids) + /* the camera */ 1,
              "not all: %s", json.out);
        json_decref(list);
        for (size_t i = 0; i < ARRAY_SIZE(pids); i++)
                process_kill(pids[i]);
        sound_kill(w, &s);
}
