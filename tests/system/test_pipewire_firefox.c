/* What a page does with the microphone in a real Firefox, at a real sound server. Its engine plays, if only silence,
 * whenever it records, so that its streams are the same in a call and for a voice message. */
#include <signal.h>
#include <stdio.h>
#include <sys/stat.h>

#include "system/sound.h"

#define SOUND   BUSYD_PATH "/source/pipewire"
#define BROWSER "browser.log"

static const char page[] =
        "<!doctype html>\n"
        "<script>\n"
        "const what = location.hash.slice(1), after = ms => new Promise(r => setTimeout(r, ms));\n"
        "const load = src => new Promise(r => {\n"
        "  const e = document.createElement('script');\n"
        "  e.onload = () => r(true);\n"
        "  e.onerror = () => r(false);\n"
        "  e.src = src;\n"
        "  document.head.append(e);\n"
        "});\n"
        "async function join(s) {\n"
        "  const a = new RTCPeerConnection(), b = new RTCPeerConnection();\n"
        "  window.peers = [a, b];\n"
        "  a.onicecandidate = e => e.candidate && b.addIceCandidate(e.candidate);\n"
        "  b.onicecandidate = e => e.candidate && a.addIceCandidate(e.candidate);\n"
        "  a.onconnectionstatechange = () => a.connectionState === 'connected' && console.log('it is on');\n"
        "  if (what !== 'alone')\n"
        "    b.ontrack = e => {\n"
        "      window.heard = new Audio();\n"
        "      window.heard.srcObject = e.streams[0];\n"
        "      window.heard.play();\n"
        "    };\n"
        "  const sender = a.addTrack(s.getTracks()[0], s);\n"
        "  await a.setLocalDescription(await a.createOffer());\n"
        "  await b.setRemoteDescription(a.localDescription);\n"
        "  await b.setLocalDescription(await b.createAnswer());\n"
        "  await a.setRemoteDescription(b.localDescription);\n"
        "  return sender;\n"
        "}\n"
        "async function passData() {\n"
        "  const a = new RTCPeerConnection(), b = new RTCPeerConnection();\n"
        "  window.passing = [a, b, a.createDataChannel('files')];\n"
        "  a.onicecandidate = e => e.candidate && b.addIceCandidate(e.candidate);\n"
        "  b.onicecandidate = e => e.candidate && a.addIceCandidate(e.candidate);\n"
        "  await a.setLocalDescription(await a.createOffer());\n"
        "  await b.setRemoteDescription(a.localDescription);\n"
        "  await b.setLocalDescription(await b.createAnswer());\n"
        "  await a.setRemoteDescription(b.localDescription);\n"
        "  await new Promise(r => passing[2].onopen = r);\n"
        "}\n"
        "async function start() {\n"
        "  if (what === 'data' || what === 'data-and-call')\n"
        "    await passData();\n"
        "  const s = await navigator.mediaDevices.getUserMedia({ audio: true });\n"
        "  if (what === 'note' || what === 'data') {\n"
        "    window.note = new MediaRecorder(s);\n"
        "    window.note.onstart = () => console.log('it is on');\n"
        "    window.note.start(100);\n"
        "  } else if (what === 'dictation') {\n"
        "    window.context = new AudioContext();\n"
        "    window.analyser = context.createAnalyser();\n"
        "    window.source = context.createMediaStreamSource(s);\n"
        "    source.connect(analyser);\n"
        "    console.log('it is on');\n"
        "  } else {\n"
        "    if (what === 'lobby')\n"
        "      await after(3000);\n"
        "    const sender = await join(s);\n"
        "    if (what === 'mute') {\n"
        "      while (!await load('mute.js'))\n"
        "        await after(200);\n"
        "      await sender.replaceTrack(null);\n"
        "      s.getTracks()[0].stop();\n"
        "    }\n"
        "  }\n"
        "}\n"
        "start().catch(e => console.log('failed: ' + e));\n"
        "</script>\n";

static const char settings[] = "user_pref(\"media.navigator.permission.disabled\", true);\n"
                               "user_pref(\"media.autoplay.default\", 0);\n"
                               "user_pref(\"media.peerconnection.ice.loopback\", true);\n"
                               "user_pref(\"media.peerconnection.ice.obfuscate_host_addresses\", false);\n"
                               "user_pref(\"devtools.console.stdout.content\", true);\n"
                               "user_pref(\"browser.shell.checkDefaultBrowser\", false);\n"
                               "user_pref(\"app.update.auto\", false);\n"
                               "user_pref(\"datareporting.policy.dataSubmissionEnabled\", false);\n";

static struct sound start(struct world *w) {
        struct sound s;

        /* The moment between two streams is for the grace. */
        world_config(w, "[busyd]\nhint-delay = 1s\nhint-end-grace = 5s\nlog-level = debug\n");
        s = sound_start(w);

        free(sound_run(w, (const char *const[]){ "pactl", "set-default-source", MIC, NULL }));
        world_start(w);
        check(w, peer_wait_is(w->peer, SOUND, BUSYD_SOURCE, "State", "watching"), "microphones are not watched");
        return s;
}

/* Waits until the page has said that it is on. */
static pid_t browse(struct world *w, const char *what) {
        char url[256], profile[256], log[256];
        pid_t pid;

        file_put(world_path(w, "page.html"), page);
        (void) snprintf(profile, sizeof(profile), "%s", world_path(w, "profile"));
        cr_assert_eq(mkdir(profile, 0700), 0);
        file_put(world_path(w, "profile/user.js"), settings);
        (void) snprintf(url, sizeof(url), "file://%s#%s", world_path(w, "page.html"), what);
        (void) snprintf(log, sizeof(log), "%s", world_path(w, BROWSER));
        pid = world_program(
                w,
                (const char *const[]){ "firefox-esr", "--headless", "--no-remote", "--profile", profile, url, NULL },
                -1, BROWSER);
        sound_await(w, "it is on", (const char *const[]){ "cat", log, NULL });
        return pid;
}

/* The page looks for this file; not before it is on a call, however long that takes. */
static void mute(struct world *w) {
        file_put(world_path(w, "mute.js"), "\n");
}

static void close_browser(pid_t pid) {
        (void) kill(pid, SIGTERM);
        if (process_wait(pid, patience()) == -1)
                process_kill(pid);
}

static void expect_busy_for_firefox(struct world *w) {
        expect_availability(w, "busy");
        expect_busy_history(w, 1, "firefox");
}

/* By the time that another program makes busy, the browser did not. */
static void expect_only_zoom_counts(struct world *w) {
        pid_t call =
                sound_record(w, MIC, "application.name=ZOOM VoiceEngine", "application.process.binary=zoom", NULL);

        expect_availability(w, "busy");
        expect_busy_history(w, 1, "zoom");
        process_kill(call);
        expect_availability(w, "free");
}

static void expect_call(struct world *w, const char *what) {
        struct sound s = start(w);
        pid_t browser = browse(w, what);

        expect_busy_for_firefox(w);
        close_browser(browser);
        expect_availability(w, "free");
        expect_busy_history(w, 1, "firefox");
        sound_kill(w, &s);
}

static void expect_no_call(struct world *w, const char *what) {
        struct sound s = start(w);
        pid_t browser = browse(w, what);

        check(w, world_wait_log(w, "of firefox holds the microphone and is connected to nobody"),
              "taken for something else");
        expect_only_zoom_counts(w);
        close_browser(browser);
        sound_kill(w, &s);
}

WORLD_TEST(firefox, a_call_is_busy, .no_homeserver = true) {
        expect_call(w, "call");
}

WORLD_TEST(firefox, a_room_without_others_is_busy, .no_homeserver = true) {
        expect_call(w, "alone");
}

WORLD_TEST(firefox, a_call_that_is_joined_from_a_lobby_is_busy, .no_homeserver = true) {
        expect_call(w, "lobby");
}

WORLD_TEST(firefox, a_mute_that_closes_the_microphone_is_outlived, .no_homeserver = true) {
        struct sound s = start(w);
        pid_t browser = browse(w, "mute");

        expect_busy_for_firefox(w);
        mute(w);
        check(w, world_wait_log(w, "has closed the microphone and plays on"), "the call ended with the mute");
        expect_availability(w, "busy");
        close_browser(browser);
        expect_availability(w, "free");
        expect_busy_history(w, 1, "firefox");
        sound_kill(w, &s);
}

WORLD_TEST(firefox, a_voice_note_stays_free, .no_homeserver = true) {
        expect_no_call(w, "note");
}

WORLD_TEST(firefox, a_voice_note_beside_a_page_that_passes_data_stays_free, .no_homeserver = true) {
        expect_no_call(w, "data");
}

WORLD_TEST(firefox, a_call_beside_a_page_that_passes_data_is_busy, .no_homeserver = true) {
        expect_call(w, "data-and-call");
}

WORLD_TEST(firefox, dictation_stays_free, .no_homeserver = true) {
        expect_no_call(w, "dictation");
}
