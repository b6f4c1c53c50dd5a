/* A browser in a real WebRTC call: Chromium, with the microphone of the sound rig, and its peer in the same page. */
#include <signal.h>
#include <stdio.h>

#include "system/session_manager.h"
#include "system/sound.h"

#define SOUND   BUSYD_PATH "/source/pipewire"
#define GNOME   "gnome-inhibitors"
#define BROWSER "browser.log"

static const char page[] = "<!doctype html>\n"
                           "<script>\n"
                           "async function join(a, b) {\n"
                           "  a.onicecandidate = e => e.candidate && b.addIceCandidate(e.candidate);\n"
                           "  b.onicecandidate = e => e.candidate && a.addIceCandidate(e.candidate);\n"
                           "  a.onconnectionstatechange = () => console.log('peers are ' + a.connectionState);\n"
                           "  await a.setLocalDescription(await a.createOffer());\n"
                           "  await b.setRemoteDescription(a.localDescription);\n"
                           "  await b.setLocalDescription(await b.createAnswer());\n"
                           "  await a.setRemoteDescription(b.localDescription);\n"
                           "}\n"
                           "async function start() {\n"
                           "  const a = new RTCPeerConnection(), b = new RTCPeerConnection();\n"
                           "  b.ontrack = e => {\n"
                           "    window.heard = new Audio();\n"
                           "    window.heard.srcObject = e.streams[0];\n"
                           "    window.heard.play();\n"
                           "  };\n"
                           "  if (location.hash === '#note') {\n"
                           "    const s = await navigator.mediaDevices.getUserMedia({ audio: true });\n"
                           "    window.note = new MediaRecorder(s);\n"
                           "    window.note.onstart = () => console.log('the note begins');\n"
                           "    window.note.start(100);\n"
                           "    return;\n"
                           "  }\n"
                           "  if (location.hash === '#call') {\n"
                           "    const s = await navigator.mediaDevices.getUserMedia({ audio: true });\n"
                           "    s.getTracks().forEach(t => a.addTrack(t, s));\n"
                           "  } else\n"
                           "    a.createDataChannel('data');\n"
                           "  await join(a, b);\n"
                           "}\n"
                           "start().catch(e => console.log('failed: ' + e));\n"
                           "</script>\n";

/* Waits until the page has said so. */
static pid_t browse_until(struct world *w, const char *what, const char *said) {
        char url[256], profile[256], log[256];
        pid_t pid;

        file_put(world_path(w, "page.html"), page);
        snprintf(url, sizeof(url), "file://%s#%s", world_path(w, "page.html"), what);
        snprintf(profile, sizeof(profile), "--user-data-dir=%s", world_path(w, "profile"));
        snprintf(log, sizeof(log), "%s", world_path(w, BROWSER));
        /* Its own fake devices would bypass the sound server, and with --headless it would keep nothing awake. */
        pid = world_program(w,
                            (const char *const[]){ "chromium", "--no-sandbox", "--ozone-platform=headless",
                                                   "--no-first-run", "--disable-gpu", "--use-fake-ui-for-media-stream",
                                                   "--enable-logging=stderr", "--disable-dev-shm-usage",
                                                   "--autoplay-policy=no-user-gesture-required", profile, url, NULL },
                            -1, BROWSER);
        sound_await(w, said, (const char *const[]){ "cat", log, NULL });
        return pid;
}

static pid_t browse(struct world *w, const char *what) {
        return browse_until(w, what, "peers are connected");
}

static void close_browser(pid_t pid) {
        kill(pid, SIGTERM);
        if (process_wait(pid, patience()) == -1)
                process_kill(pid);
}

static struct sound start(struct world *w) {
        struct sound s = sound_start(w);

        free(sound_run(w, (const char *const[]){ "pactl", "set-default-source", MIC, NULL }));
        world_start(w);
        check(w, peer_wait_is(w->peer, SOUND, BUSYD_SOURCE, "State", "watching"), "microphones are not watched");
        return s;
}

static char *history_of(struct world *w) {
        dbus_uint32_t all = 100;

        return peer_call(w->peer, BUSYD_PATH, BUSYD_MANAGER, "History", NULL, DBUS_TYPE_UINT32, &all,
                         DBUS_TYPE_INVALID);
}

static void expect_busy_for(struct world *w, const char *program) {
        SCOPED(free) char *history = history_of(w);

        check(w, strstr(history, program), "busy for another: %s", history);
}

WORLD_TEST(webrtc, call_is_busy, .no_homeserver = true) {
        struct sound s = start(w);
        pid_t browser = browse(w, "call");

        expect_availability(w, "busy");
        expect_busy_for(w, "chromium");
        close_browser(browser);
        expect_availability(w, "free");
        sound_kill(w, &s);
}

/* Whatever busyd knew of the browser by then, another program makes busy, and only that one. */
static void expect_only_zoom_counts(struct world *w) {
        pid_t call =
                sound_record(w, MIC, "application.name=ZOOM VoiceEngine", "application.process.binary=zoom", NULL);
        SCOPED(free) char *history = NULL;

        expect_availability(w, "busy");
        history = history_of(w);
        check(w, strstr(history, "zoom") && !strstr(history, "chromium"), "busy for another: %s", history);
        process_kill(call);
        expect_availability(w, "free");
}

WORLD_TEST(webrtc, data_channel_stays_free, .no_homeserver = true) {
        struct sound s = start(w);
        pid_t browser = browse(w, "data");

        expect_only_zoom_counts(w);
        close_browser(browser);
        sound_kill(w, &s);
}

WORLD_TEST(webrtc, voice_note_stays_free, .no_homeserver = true) {
        struct sound s = start(w);
        pid_t browser = browse_until(w, "note", "the note begins");

        check(w, world_wait_log(w, "of chromium holds the microphone and plays nothing"), "taken for something else");
        expect_only_zoom_counts(w);
        close_browser(browser);
        sound_kill(w, &s);
}

/* The browser itself keeps the session awake, and says why. */
WORLD_TEST(webrtc, call_is_seen_twice, .no_homeserver = true) {
        struct mock *manager = session_manager_new(w);
        struct sound s = start(w);
        pid_t browser;

        expect_source(w, GNOME, "watching");
        browser = browse(w, "call");
        expect_source_calls(w, GNOME, "1");
        expect_shown(w, "\"live WebRTC connection\"");
        expect_availability(w, "busy");
        expect_busy_for(w, "chromium");
        close_browser(browser);
        expect_availability(w, "free");
        sound_kill(w, &s);
        mock_free(manager);
}

WORLD_TEST(webrtc, data_channel_that_keeps_awake_stays_free, .no_homeserver = true) {
        struct mock *manager = session_manager_new(w);
        struct sound s = start(w);
        pid_t browser;

        expect_source(w, GNOME, "watching");
        browser = browse(w, "data");
        expect_source_calls(w, GNOME, "1");
        expect_shown(w, "\"weak evidence alone does not count\"");
        expect_only_zoom_counts(w);
        close_browser(browser);
        sound_kill(w, &s);
        mock_free(manager);
}
