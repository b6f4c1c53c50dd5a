/* The rule, see pipewire-rule.h. Most call programs set no role, so that their names decide. */
#include "sources/pipewire-rule.h"

#include <errno.h>

#include "sources/apps.h"

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
        [FACT_VIRTUAL] = "node.virtual",
        [FACT_LINK_GROUP] = "node.link-group",
};

int facts_set(struct facts *f, const char *key, const char *value) {
        for (size_t i = 0; i < FACTS; i++) {
                char *copy = NULL;

                if (!streq(fact_keys[i], key))
                        continue;
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

void app_names_add_facts(struct app_names *n, const struct facts *f) {
        app_names_add(n, fact(f, FACT_PORTAL_APP_ID));
        app_names_add(n, fact(f, FACT_APP_ID));
        app_names_add(n, fact(f, FACT_APP_BINARY));
        app_names_add(n, fact(f, FACT_APP_NAME));
}

/* ---- kinds of nodes ---- */

bool facts_are_capture(const struct facts *f) {
        return streq(fact(f, FACT_MEDIA_CLASS), "Stream/Input/Audio");
}

bool facts_are_call_output(const struct facts *f) {
        return streq(fact(f, FACT_MEDIA_CLASS), "Stream/Output/Audio") &&
               streq(fact(f, FACT_MEDIA_ROLE), "Communication");
}

bool facts_are_camera(const struct facts *f) {
        return streq(fact(f, FACT_MEDIA_CLASS), "Video/Source") && streq(fact(f, FACT_MEDIA_ROLE), "Camera");
}

bool facts_are_video_consumer(const struct facts *f) {
        return streq(fact(f, FACT_MEDIA_CLASS), "Stream/Input/Video");
}

/* ---- the rule ---- */

bool apps_are_left_out(const struct app_names *names, const struct app_lists *lists) {
        if (apps_match(lists->ignore, names->list))
                return true;
        if (lists->only && lists->only[0])
                return !apps_match(lists->only, names->list);
        return !apps_match(lists->call_apps, names->list) && apps_match(apps_without_calls, names->list);
}

static bool is_of_calls(const struct facts *node, const struct app_names *names, const struct app_lists *lists) {
        return streq(fact(node, FACT_MEDIA_ROLE), "Communication") || apps_match(lists->call_apps, names->list) ||
               apps_match(apps_of_calls, names->list);
}

enum mic_verdict mic_judge(const struct facts *node, bool running, const struct app_names *names,
                           const struct app_lists *lists, bool with_call_output) {
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
        return with_call_output || is_of_calls(node, names, lists) ? MIC_STRONG : MIC_WEAK;
}

const char *mic_verdict_to_string(enum mic_verdict v) {
        static const char *const names[] = {
                [MIC_NOT_RUNNING] = "is not running",
                [MIC_OTHER] = "is no capture stream",
                [MIC_METER] = "shows a level",
                [MIC_OUTPUT] = "records what is heard",
                [MIC_CORKED] = "is paused",
                [MIC_FILTER] = "is a part of PipeWire",
                [MIC_ANONYMOUS] = "has no program behind it",
                [MIC_EXCLUDED] = "belongs to a program that is left out",
                [MIC_WEAK] = "holds the microphone",
                [MIC_STRONG] = "holds the microphone, for a call",
        };

        return names[v];
}
