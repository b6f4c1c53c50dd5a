/* Programs at a microphone, and what holds of them at every sound server alike: for the tests of PipeWire and of
 * PulseAudio, which say where it plays. What stays free is shown by what comes after it: a call program that starts
 * last makes the one and only busy of the history. */
#pragma once

#include "system/sound.h"

#define CALL_APP    "application.name=ZOOM VoiceEngine", "application.process.binary=zoom"
#define ANOTHER_APP "application.name=Mumble", "application.process.binary=mumble"
#define PAGE        "application.name=Chromium input", "application.process.binary=chromium"
#define PAGE_PLAYS  "application.name=Chromium", "application.process.binary=chromium"
#define UNKNOWN_APP "application.name=Thing", "application.process.binary=thing"

#define GRACE "[busyd]\nhint-delay = 0s\nhint-end-grace = 1min\nlog-level = debug\n"

struct sound_place {
        const char *source; /* of busyd, as an object */
        struct sound (*start_server)(struct world *w);
        const char *absent; /* what the source says without a server */
};

static void expect_watched(struct world *w, const struct sound_place *place) {
        check(w, peer_wait_is(w->peer, place->source, BUSYD_SOURCE, "State", "watching"), "%s does not watch",
              place->source);
}

static void expect_calls(struct world *w, const char *source, const char *n) {
        check(w, peer_wait_is(w->peer, source, BUSYD_SOURCE, "Calls", n), "%s: not %s calls", source, n);
}

static struct sound start_at(struct world *w, const struct sound_place *place) {
        struct sound s = place->start_server(w);

        world_start(w);
        expect_watched(w, place);
        return s;
}

/* All before did not count. */
static void expect_first_busy_now(struct world *w) {
        pid_t call = sound_record(w, MIC, CALL_APP, NULL);

        expect_availability(w, "busy");
        expect_busy_history(w, 1, "zoom");
        process_kill(call);
        expect_availability(w, "free");
}

/* ---- scenes ---- */

static void a_stream_that_says_so_itself(struct world *w, const struct sound_place *place) {
        struct sound s = start_at(w, place);
        pid_t call = sound_record(w, MIC, UNKNOWN_APP, "media.role=phone", NULL);

        expect_availability(w, "busy");
        process_kill(call);
        expect_availability(w, "free");
        sound_kill(w, &s);
}

static void a_server_that_comes_later(struct world *w, const struct sound_place *place) {
        struct sound s;

        world_start(w);
        check(w, peer_wait_is(w->peer, place->source, BUSYD_SOURCE, "Detail", place->absent), "it says else");
        check(w, peer_wait_is(w->peer, BUSYD_PATH, BUSYD_MANAGER, "Settled", "true"), "it waits for the server");
        s = place->start_server(w);
        expect_watched(w, place);
        expect_first_busy_now(w);
        sound_kill(w, &s);
}

/* Within the grace it is one call. */
static void a_server_that_dies_in_a_call_and_comes_back(struct world *w, const struct sound_place *place) {
        struct sound s;
        pid_t call;

        world_config(w, GRACE);
        s = start_at(w, place);
        call = sound_record(w, MIC, CALL_APP, NULL);
        expect_availability(w, "busy");
        sound_kill(w, &s);
        process_kill(call);
        check(w, peer_wait_is(w->peer, place->source, BUSYD_SOURCE, "State", "unavailable"), "its end was missed");
        expect_calls(w, place->source, "0");
        s = place->start_server(w);
        expect_watched(w, place);
        call = sound_record(w, MIC, CALL_APP, NULL);
        expect_calls(w, place->source, "1");
        expect_availability(w, "busy");
        expect_busy_history(w, 1, "zoom");
        process_kill(call);
        sound_kill(w, &s);
}
