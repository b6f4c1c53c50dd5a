/* The rule, see pipewire-rule.h. Most call programs set no role, so that the shape of their streams decides, and their
 * names where that says nothing. */
#include "sources/pipewire-rule.h"

#include <errno.h>
#include <stdio.h>

#include "sources/apps.h"
#include "sources/identity.h"

static const char *const fact_keys[FACTS] = {
        [FACT_SERIAL] = "object.serial",
        [FACT_MEDIA_CLASS] = "media.class",
        [FACT_MEDIA_ROLE] = "media.role",
        [FACT_APP_NAME] = "application.name",
        [FACT_APP_ID] = "application.id",
        [FACT_APP_BINARY] = "application.process.binary",
        [FACT_APP_PID] = "application.process.id",
        [FACT_CLIENT_ID] = "client.id",
        [FACT_CLIENT_API] = "client.api",
        [FACT_CLIENT_PID] = "pipewire.sec.pid",
        [FACT_ACCESS] = "pipewire.access",
        [FACT_CLIENT_ACCESS] = "pipewire.client.access",
        [FACT_PORTAL_APP_ID] = "pipewire.access.portal.app_id",
        [FACT_METER] = "stream.monitor",
        [FACT_CAPTURES_SINK] = "stream.capture.sink",
        [FACT_CORKED] = "pulse.corked",
        [FACT_STREAM_NAME] = "media.name",
        [FACT_VIRTUAL] = "node.virtual",
        [FACT_LINK_GROUP] = "node.link-group",
};

/* What engines that pages and programs run in call the streams of a live conversation: Gecko, Chromium and with it
 * Electron. */
static const struct {
        const char *name;
        bool plays_always; /* it plays, if only silence, whenever it records */
} engine_streams[] = { { "AudioCallbackDriver", true }, { "RecordStream", false } };

/* WebKit does not name its streams, but the processes that they are in, whatever browser it is in:
 * "WebKitWebProcess", "WebKitGPUProcess". */
static const char webkit_prefix[] = "WebKit", webkit_suffix[] = "Process";

/* Chromium says so in the application's name as well. */
static const char engine_suffix[] = " input";

/* libwebrtc's own audio engine, without a browser around it, is for calls only: "WEBRTC VoiceEngine". */
static const char voice_engine[] = "VoiceEngine";

static bool is_engine_stream(const char *name) {
        for (size_t i = 0; i < ARRAY_SIZE(engine_streams); i++)
                if (streq(engine_streams[i].name, name))
                        return true;
        return false;
}

int facts_set(struct facts *f, const char *key, const char *value) {
        for (size_t i = 0; i < FACTS; i++) {
                char *copy = NULL;

                if (!streq(fact_keys[i], key))
                        continue;
                if (i == FACT_STREAM_NAME && value && !is_engine_stream(value))
                        value = NULL;
                if (value && !(copy = strndup(value, FACT_LENGTH_MAX)))
                        return -ENOMEM;
                free(f->values[i]);
                f->values[i] = copy;
                return 0;
        }
        return 0;
}

void facts_done(struct facts *f) {
        for (size_t i = 0; i < FACTS; i++)
                free(TAKE(f->values[i]));
}

const char *fact(const struct facts *f, enum fact which) {
        return f->values[which] ? f->values[which] : "";
}

/* As PipeWire reads them. */
static bool is_true(const struct facts *f, enum fact which) {
        return streq(fact(f, which), "true") || atoi(fact(f, which)) == 1;
}

/* ---- names ---- */

void app_names_add(struct app_names *n, const char *name) {
        size_t i = 0;

        if (name[0] == '\0')
                return;
        for (; n->list[i]; i++)
                if (streq(n->list[i], name))
                        return;
        if (i < APP_NAMES_MAX)
                n->list[i] = name;
}

static bool has_suffix(const char *text, const char *suffix) {
        size_t n = strlen(text), m = strlen(suffix);

        return n > m && streq(text + n - m, suffix);
}

const char *app_product(char *buf, size_t size, const char *name) {
        const char *open = strchr(name, '['), *close = open ? strrchr(open, ']') : NULL;

        if (close && close[1] == '\0' && close > open + 1)
                (void) snprintf(buf, size, "%.*s", (int) (close - open - 1), open + 1);
        else if (has_suffix(name, engine_suffix))
                (void) snprintf(buf, size, "%.*s", (int) (strlen(name) - strlen(engine_suffix)), name);
        else
                (void) snprintf(buf, size, "%s", name);
        return buf;
}

static void add_product(struct app_names *n, const char *name) {
        if (n->n_products < ARRAY_SIZE(n->products))
                app_names_add(n, app_product(n->products[n->n_products++], sizeof(n->products[0]), name));
}

void app_names_add_facts(struct app_names *n, const struct facts *f) {
        app_names_add(n, fact(f, FACT_PORTAL_APP_ID));
        app_names_add(n, fact(f, FACT_APP_ID));
        app_names_add(n, fact(f, FACT_APP_BINARY));
        app_names_add(n, fact(f, FACT_APP_NAME));
        add_product(n, fact(f, FACT_APP_NAME));
}

static const char *either(const struct facts *node, const struct facts *client, enum fact which) {
        return fact(node, which)[0] || !client ? fact(node, which) : fact(client, which);
}

const char *facts_identify(char *buf, size_t size, const struct facts *node, const struct facts *client) {
        const char *portal = either(node, client, FACT_PORTAL_APP_ID), *id = either(node, client, FACT_APP_ID);
        const char *binary = either(node, client, FACT_APP_BINARY), *name = either(node, client, FACT_APP_NAME);
        char product[FACT_LENGTH_MAX + 1];

        if (portal[0])
                return identity_of_name(buf, size, portal);
        if (id[0])
                return identity_of_name(buf, size, id);
        if (binary[0] && !program_is_runtime(binary))
                return identity_of_name(buf, size, binary);
        return identity_of_name(buf, size, app_product(product, sizeof(product), name));
}

/* ---- kinds of nodes ---- */

bool facts_are_capture(const struct facts *f) {
        return streq(fact(f, FACT_MEDIA_CLASS), "Stream/Input/Audio");
}

bool facts_are_playback(const struct facts *f) {
        return streq(fact(f, FACT_MEDIA_CLASS), "Stream/Output/Audio");
}

bool facts_are_of_call(const struct facts *f) {
        return streq(fact(f, FACT_MEDIA_ROLE), "Communication");
}

bool facts_play_always(const struct facts *f) {
        for (size_t i = 0; i < ARRAY_SIZE(engine_streams); i++)
                if (engine_streams[i].plays_always && streq(engine_streams[i].name, fact(f, FACT_STREAM_NAME)))
                        return true;
        return false;
}

bool facts_are_camera(const struct facts *f) {
        return streq(fact(f, FACT_MEDIA_CLASS), "Video/Source") && streq(fact(f, FACT_MEDIA_ROLE), "Camera");
}

bool facts_are_video_consumer(const struct facts *f) {
        return streq(fact(f, FACT_MEDIA_CLASS), "Stream/Input/Video");
}

/* ---- the rule ---- */

const char *apps_why_left_out(const struct app_names *names, const struct app_lists *lists) {
        if (apps_match(lists->ignore, names->list))
                return "on the list ignore";
        if (lists->only && lists->only[0])
                return apps_match(lists->only, names->list) ? NULL : "not on the list only";
        return !apps_match(lists->call_apps, names->list) && apps_class(names->list) == APP_NEVER
                       ? "known to make no calls"
                       : NULL;
}

bool apps_are_left_out(const struct app_names *names, const struct app_lists *lists) {
        return apps_why_left_out(names, lists) != NULL;
}

static bool is_of_webkit(const char *name) {
        return strncmp(name, webkit_prefix, strlen(webkit_prefix)) == 0 && has_suffix(name, webkit_suffix);
}

/* A page or a program that may do anything: what it does is seen by whether it plays too. */
static bool is_engine(const struct facts *node) {
        return node->values[FACT_STREAM_NAME] || has_suffix(fact(node, FACT_APP_NAME), engine_suffix) ||
               is_of_webkit(fact(node, FACT_APP_NAME)) || is_of_webkit(fact(node, FACT_APP_BINARY));
}

/* What makes a stream strong by itself; NULL: nothing does. */
static const char *why_strong(const struct facts *node, const struct app_names *names, const struct app_lists *lists) {
        if (apps_match(lists->call_apps, names->list))
                return "on the list call-apps";
        if (facts_are_of_call(node))
                return "the stream says so itself";
        if (has_suffix(fact(node, FACT_APP_NAME), voice_engine))
                return "it records with an engine for calls";
        if (apps_class(names->list) == APP_CALLS)
                return "known to use it for calls only";
        return NULL;
}

/* What makes it one that may be a call; NULL: nothing does. */
static const char *why_talk(const struct facts *node, const struct app_names *names) {
        if (is_engine(node))
                return "its stream is one of a browser's engine";
        return apps_class(names->list) == APP_TALK ? "known to make calls" : NULL;
}

static enum mic_verdict grade(const struct facts *node, const struct app_names *names, const struct app_lists *lists,
                              enum mic_partner partner) {
        if (partner == PARTNER_PLAYS_CALL || why_strong(node, names, lists))
                return MIC_STRONG;
        if (!why_talk(node, names))
                return MIC_WEAK;
        if (partner == PARTNER_APART)
                return MIC_APART;
        return partner == PARTNER_PLAYS ? MIC_TWO_WAY : MIC_LISTENS;
}

enum mic_verdict mic_judge(const struct facts *node, bool running, const struct app_names *names,
                           const struct app_lists *lists, enum mic_partner partner) {
        if (!facts_are_capture(node))
                return MIC_OTHER;
        if (is_true(node, FACT_METER))
                return MIC_METER;
        if (is_true(node, FACT_CAPTURES_SINK))
                return MIC_OUTPUT;
        if (is_true(node, FACT_VIRTUAL) || node->values[FACT_LINK_GROUP])
                return MIC_FILTER;
        if (is_true(node, FACT_CORKED))
                return MIC_CORKED;
        if (!running)
                return MIC_NOT_RUNNING;
        if (!names->list[0])
                return MIC_ANONYMOUS;
        if (apps_are_left_out(names, lists))
                return MIC_EXCLUDED;
        return grade(node, names, lists, partner);
}

bool mic_verdict_is_strong(enum mic_verdict v) {
        return v >= MIC_TWO_WAY;
}

const char *mic_verdict_to_string(enum mic_verdict v) {
        static const char *const names[] = {
                [MIC_NOT_RUNNING] = "is not running",
                [MIC_OTHER] = "is no capture stream",
                [MIC_METER] = "shows a level",
                [MIC_OUTPUT] = "records what is heard",
                [MIC_CORKED] = "is paused",
                [MIC_FILTER] = "is a part of the sound server",
                [MIC_ANONYMOUS] = "has no program behind it",
                [MIC_EXCLUDED] = "belongs to a program that is left out",
                [MIC_WEAK] = "holds the microphone",
                [MIC_LISTENS] = "holds the microphone and plays nothing",
                [MIC_APART] = "holds the microphone and is connected to nobody",
                [MIC_TWO_WAY] = "records and plays at the same time",
                [MIC_STRONG] = "holds the microphone, for a call",
                [MIC_MUTED] = "has closed the microphone and plays on",
        };

        return names[v];
}

const char *mic_why(const struct facts *node, const struct app_names *names, const struct app_lists *lists,
                    enum mic_verdict v) {
        const char *why = "";

        switch (v) {
        case MIC_EXCLUDED:
                why = apps_why_left_out(names, lists);
                break;
        case MIC_WEAK:
                why = "nothing is known of the program";
                break;
        case MIC_LISTENS:
        case MIC_APART:
        case MIC_TWO_WAY:
                why = why_talk(node, names);
                break;
        case MIC_STRONG:
                why = why_strong(node, names, lists);
                why = why ? why : "what it plays says so";
                break;
        case MIC_NOT_RUNNING:
        case MIC_OTHER:
        case MIC_METER:
        case MIC_OUTPUT:
        case MIC_CORKED:
        case MIC_FILTER:
        case MIC_ANONYMOUS:
        case MIC_MUTED:
                break;
        }
        return why ? why : "";
}
