/* Who is at the microphone, by what PipeWire says of a stream. */
#include <criterion/criterion.h>
#include <stdio.h>

#include "sources/pipewire-rule.h"

#define CAPTURE "media.class", "Stream/Input/Audio"
#define GECKO   "media.name", "AudioCallbackDriver"
#define RUNS    .running = true

static const char *const studio[] = { "studio*", NULL };
static const char *const meeting[] = { "meeting", NULL };
static const char *const recorder[] = { "parec", NULL };
static const char *const nothing[] = { NULL };

static const struct row {
        const char *what;
        const char *props[16]; /* key, value, ... */
        bool running;
        enum mic_partner partner;
        struct app_lists lists;
        enum mic_verdict verdict;
} rows[] = {
        /* what counts */
        { "1 unknown program", { CAPTURE, "application.name", "Thing" }, RUNS, .verdict = MIC_WEAK },
        { "2 role Communication",
          { CAPTURE, "application.name", "Thing", "media.role", "Communication" },
          RUNS,
          .verdict = MIC_STRONG },
        { "3 another role",
          { CAPTURE, "application.name", "Thing", "media.role", "Music" },
          RUNS,
          .verdict = MIC_WEAK },
        { "4 Chromium alone", { CAPTURE, "application.name", "Chromium input" }, RUNS, .verdict = MIC_LISTENS },
        { "4 Chromium in a call",
          { CAPTURE, "application.name", "Chromium input", "media.name", "RecordStream" },
          RUNS,
          .partner = PARTNER_PLAYS,
          .verdict = MIC_TWO_WAY },
        { "5 Gecko alone", { CAPTURE, "application.name", "Zen", GECKO }, RUNS, .verdict = MIC_LISTENS },
        { "5 Gecko in a call",
          { CAPTURE, "application.name", "Zen", GECKO },
          RUNS,
          .partner = PARTNER_PLAYS,
          .verdict = MIC_TWO_WAY },
        { "5 Electron of its own name",
          { CAPTURE, "application.name", "Vesktop", "media.name", "RecordStream" },
          RUNS,
          .partner = PARTNER_PLAYS,
          .verdict = MIC_TWO_WAY },
        { "5 a voice message", { CAPTURE, "application.name", "Telegram Desktop" }, RUNS, .verdict = MIC_LISTENS },
        { "5 a messenger's call",
          { CAPTURE, "application.name", "ALSA plug-in [Viber]" },
          RUNS,
          .partner = PARTNER_PLAYS,
          .verdict = MIC_TWO_WAY },
        { "5 a game with voice",
          { CAPTURE, "application.name", "Some Game" },
          RUNS,
          .partner = PARTNER_PLAYS,
          .verdict = MIC_WEAK },
        { "6 Zoom",
          { CAPTURE, "application.name", "ZOOM VoiceEngine", "application.process.binary", "zoom" },
          RUNS,
          .verdict = MIC_STRONG },
        { "7 libwebrtc's engine", { CAPTURE, "application.name", "WEBRTC VoiceEngine" }, RUNS, .verdict = MIC_STRONG },
        { "8 Element on Electron",
          { CAPTURE, "application.name", "Element input" },
          RUNS,
          .partner = PARTNER_PLAYS,
          .verdict = MIC_TWO_WAY },
        { "8 wireplumber is not Wire", { CAPTURE, "application.name", "wireplumber" }, RUNS, .verdict = MIC_WEAK },
        { "8 wireshark is not Wire",
          { CAPTURE, "application.process.binary", "wireshark" },
          RUNS,
          .verdict = MIC_WEAK },
        { "8 zoomer is not Zoom", { CAPTURE, "application.process.binary", "zoomer" }, RUNS, .verdict = MIC_WEAK },
        { "8 telegraph is not Telegram", { CAPTURE, "application.name", "Telegraphist" }, RUNS, .verdict = MIC_WEAK },
        { "8 a messenger on Electron, by its streams",
          { CAPTURE, "application.process.binary", "wire-desktop", "media.name", "RecordStream" },
          RUNS,
          .verdict = MIC_LISTENS },
        { "8 WebKit, whatever browser it is in",
          { CAPTURE, "application.name", "WebKitNetworkProcess" },
          RUNS,
          .partner = PARTNER_PLAYS,
          .verdict = MIC_TWO_WAY },
        { "8 no process of WebKit",
          { CAPTURE, "application.name", "WebKitten" },
          RUNS,
          .partner = PARTNER_PLAYS,
          .verdict = MIC_WEAK },
        { "9 by binary alone", { CAPTURE, "application.process.binary", "baresip" }, RUNS, .verdict = MIC_STRONG },
        { "10 by application id", { CAPTURE, "application.id", "org.gnome.Calls" }, RUNS, .verdict = MIC_STRONG },
        { "11 upper and lower case", { CAPTURE, "application.name", "mUMBLE" }, RUNS, .verdict = MIC_STRONG },
        { "12 unknown, and plays a call",
          { CAPTURE, "application.name", "Thing" },
          RUNS,
          .partner = PARTNER_PLAYS_CALL,
          .verdict = MIC_STRONG },
        { "13 Chromium where nothing names its engine",
          { CAPTURE, "application.name", "Chromium" },
          RUNS,
          .verdict = MIC_LISTENS },

        /* streams that are none */
        { "20 not running", { CAPTURE, "application.name", "Chromium input" }, .verdict = MIC_NOT_RUNNING },
        { "21 playback",
          { "media.class", "Stream/Output/Audio", "application.name", "Chromium" },
          RUNS,
          .verdict = MIC_OTHER },
        { "22 the microphone itself",
          { "media.class", "Audio/Source", "node.name", "alsa_input" },
          RUNS,
          .verdict = MIC_OTHER },
        { "23 video", { "media.class", "Stream/Input/Video", "application.name", "OBS" }, RUNS, .verdict = MIC_OTHER },
        { "24 no class", { "application.name", "Thing" }, RUNS, .verdict = MIC_OTHER },
        { "25 peak meter",
          { CAPTURE, "application.name", "Meter", "stream.monitor", "true" },
          RUNS,
          .verdict = MIC_METER },
        { "26 peak meter of a call program",
          { CAPTURE, "application.name", "Chromium input", "stream.monitor", "true" },
          RUNS,
          .verdict = MIC_METER },
        { "27 monitor recording",
          { CAPTURE, "application.name", "Thing", "stream.capture.sink", "true" },
          RUNS,
          .verdict = MIC_OUTPUT },
        { "28 monitor recording, as a number",
          { CAPTURE, "application.name", "Thing", "stream.capture.sink", "1" },
          RUNS,
          .verdict = MIC_OUTPUT },
        { "29 not of a monitor",
          { CAPTURE, "application.name", "Thing", "stream.capture.sink", "false" },
          RUNS,
          .verdict = MIC_WEAK },
        { "30 corked", { CAPTURE, "application.name", "Zoom", "pulse.corked", "true" }, RUNS, .verdict = MIC_CORKED },
        { "31 no longer corked",
          { CAPTURE, "application.name", "Zoom", "pulse.corked", "false" },
          RUNS,
          .verdict = MIC_STRONG },
        { "32 loopback",
          { CAPTURE, "node.virtual", "true", "node.link-group", "loopback-1-2", "application.name", "pw-loopback" },
          RUNS,
          .verdict = MIC_FILTER },
        { "33 echo cancel",
          { CAPTURE, "node.link-group", "echo-cancel-1-2", "node.passive", "true", "application.name", "x" },
          RUNS,
          .verdict = MIC_FILTER },
        { "34 virtual only",
          { CAPTURE, "node.virtual", "true", "application.name", "Zoom" },
          RUNS,
          .verdict = MIC_FILTER },
        { "35 passive is no boolean",
          { CAPTURE, "node.passive", "in-follow", "application.name", "Zoom" },
          RUNS,
          .verdict = MIC_STRONG },
        { "36 nobody's", { CAPTURE, "node.name", "filter" }, RUNS, .verdict = MIC_ANONYMOUS },
        { "37 empty names", { CAPTURE, "application.name", "" }, RUNS, .verdict = MIC_ANONYMOUS },

        /* programs that are left out */
        { "40 OBS",
          { CAPTURE, "application.name", "OBS", "application.process.binary", "obs" },
          RUNS,
          .verdict = MIC_EXCLUDED },
        { "41 voice memo",
          { CAPTURE, "application.name", "Sound Recorder", "application.id", "org.gnome.SoundRecorder" },
          RUNS,
          .verdict = MIC_EXCLUDED },
        { "42 by application id",
          { CAPTURE, "application.id", "org.gnome.SoundRecorder" },
          RUNS,
          .verdict = MIC_EXCLUDED },
        { "43 screen share", { CAPTURE, "application.name", "Kooha" }, RUNS, .verdict = MIC_EXCLUDED },
        { "44 left out, in spite of its role",
          { CAPTURE, "application.name", "OBS", "media.role", "Communication" },
          RUNS,
          .verdict = MIC_EXCLUDED },
        { "45 left out by one of its names",
          { CAPTURE, "application.name", "ZOOM VoiceEngine", "application.process.binary", "parec" },
          RUNS,
          .verdict = MIC_EXCLUDED },

        /* lists of users */
        { "50 ignored",
          { CAPTURE, "application.name", "Studio 3" },
          RUNS,
          .lists = { .ignore = studio },
          .verdict = MIC_EXCLUDED },
        { "51 another is ignored",
          { CAPTURE, "application.name", "Zoom" },
          RUNS,
          .lists = { .ignore = studio },
          .verdict = MIC_STRONG },
        { "52 not among the only ones",
          { CAPTURE, "application.name", "Zoom" },
          RUNS,
          .lists = { .only = meeting },
          .verdict = MIC_EXCLUDED },
        { "53 among the only ones",
          { CAPTURE, "application.name", "x", "application.process.binary", "meeting" },
          RUNS,
          .lists = { .only = meeting },
          .verdict = MIC_WEAK },
        { "54 the only one is left out otherwise",
          { CAPTURE, "application.name", "parec" },
          RUNS,
          .lists = { .only = recorder },
          .verdict = MIC_WEAK },
        { "55 an empty list",
          { CAPTURE, "application.name", "Zoom" },
          RUNS,
          .lists = { .ignore = nothing, .only = nothing, .call_apps = nothing },
          .verdict = MIC_STRONG },
        { "56 made a call program",
          { CAPTURE, "application.name", "meeting" },
          RUNS,
          .lists = { .call_apps = meeting },
          .verdict = MIC_STRONG },
        { "57 made a call program that is left out otherwise",
          { CAPTURE, "application.name", "parec" },
          RUNS,
          .lists = { .call_apps = recorder },
          .verdict = MIC_STRONG },
        { "58 ignoring goes first",
          { CAPTURE, "application.name", "meeting" },
          RUNS,
          .lists = { .ignore = meeting, .call_apps = meeting },
          .verdict = MIC_EXCLUDED },
};

static void take(struct facts *f, const char *const *props) {
        for (; props[0]; props += 2)
                cr_assert_eq(facts_set(f, props[0], props[1]), 0);
}

Test(pipewire, rule) {
        for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
                const struct row *row = &rows[i];
                struct app_names names = { 0 };
                struct facts f = { 0 };
                enum mic_verdict v;

                take(&f, row->props);
                app_names_add_facts(&names, &f);
                v = mic_judge(&f, row->running, &names, &row->lists, row->partner);
                cr_expect_eq(v, row->verdict, "%s: %s", row->what, mic_verdict_to_string(v));
                facts_done(&f);
        }
}

/* Info events bring what changed. */
Test(pipewire, properties_are_merged) {
        struct facts f = { 0 };

        take(&f, (const char *const[]){ CAPTURE, "application.name", "Zoom", "media.name", "private", NULL });
        take(&f, (const char *const[]){ "media.role", "Communication", NULL });
        cr_assert_str_eq(fact(&f, FACT_APP_NAME), "Zoom");
        cr_assert_str_eq(fact(&f, FACT_MEDIA_ROLE), "Communication");
        cr_assert_eq(facts_set(&f, "media.role", NULL), 0);
        cr_assert_str_eq(fact(&f, FACT_MEDIA_ROLE), "");
        for (size_t i = 0; i < FACTS; i++)
                cr_assert(!f.values[i] || !strstr(f.values[i], "private"), "titles are not kept");
        facts_done(&f);
}

Test(pipewire, values_are_capped) {
        SCOPED(free) char *large = calloc(1, 1 << 20);
        struct facts f = { 0 };

        memset(large, 'x', (1 << 20) - 1);
        cr_assert_eq(facts_set(&f, "application.name", large), 0);
        cr_assert_eq(strlen(fact(&f, FACT_APP_NAME)), FACT_LENGTH_MAX);
        facts_done(&f);
}

Test(pipewire, names_are_capped) {
        struct app_names names = { 0 };
        char many[2 * APP_NAMES_MAX][8];
        size_t n = 0;

        app_names_add(&names, "");
        for (size_t i = 0; i < ARRAY_SIZE(many); i++) {
                snprintf(many[i], sizeof(many[i]), "n%zu", i);
                app_names_add(&names, many[i]);
                app_names_add(&names, many[i]);
        }
        while (names.list[n])
                n++;
        cr_assert_eq(n, APP_NAMES_MAX);
}

static const struct video_row {
        const char *what, *props[6];
        bool camera, consumer;
} video_rows[] = {
        { "1 camera", { "media.class", "Video/Source", "media.role", "Camera" }, true, false },
        { "2 shared screen", { "media.class", "Video/Source" }, false, false },
        { "3 shared screen with a role", { "media.class", "Video/Source", "media.role", "Screen" }, false, false },
        { "4 consumer", { "media.class", "Stream/Input/Video" }, false, true },
        { "5 consumer with a camera's role",
          { "media.class", "Stream/Input/Video", "media.role", "Camera" },
          false,
          true },
        { "6 sound", { "media.class", "Audio/Source", "media.role", "Camera" }, false, false },
};

Test(pipewire, cameras) {
        for (size_t i = 0; i < ARRAY_SIZE(video_rows); i++) {
                struct facts f = { 0 };

                take(&f, video_rows[i].props);
                cr_expect_eq(facts_are_camera(&f), video_rows[i].camera, "%s", video_rows[i].what);
                cr_expect_eq(facts_are_video_consumer(&f), video_rows[i].consumer, "%s", video_rows[i].what);
                facts_done(&f);
        }
}

static const struct {
        const char *name, *product;
} products[] = {
        { "Chromium input", "Chromium" },
        { "ALSA plug-in [Viber]", "Viber" },
        { "Firefox", "Firefox" },
        { " input", " input" },
        { "input", "input" },
        { "odd []", "odd []" },
        { "odd [a] b", "odd [a] b" },
        { "PipeWire ALSA [zoom]", "zoom" },
};

Test(pipewire, names_of_products) {
        char buf[64];

        for (size_t i = 0; i < ARRAY_SIZE(products); i++)
                cr_expect_str_eq(app_product(buf, sizeof(buf), products[i].name), products[i].product, "%s",
                                 products[i].name);
}

/* The title of a page says what its user does. */
Test(pipewire, only_names_of_engines_are_kept) {
        struct facts f = { 0 };

        take(&f, (const char *const[]){ "media.name", "RecordStream", NULL });
        cr_assert_str_eq(fact(&f, FACT_STREAM_NAME), "RecordStream");
        take(&f, (const char *const[]){ "media.name", "Meeting with somebody", NULL });
        cr_assert_str_eq(fact(&f, FACT_STREAM_NAME), "");
        facts_done(&f);
}
