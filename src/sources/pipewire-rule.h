/* What PipeWire says of an object, and whether a stream is somebody at the microphone. Pure: properties and state in,
 * a verdict out. */
#pragma once

#include "core/base.h"

/* The properties that are kept, by their keys in pipewire-rule.c. */
enum fact {
        FACT_SERIAL,
        FACT_MEDIA_CLASS,
        FACT_MEDIA_ROLE,
        FACT_APP_NAME,
        FACT_APP_ID,
        FACT_APP_BINARY,
        FACT_APP_PID,
        FACT_CLIENT_ID,
        FACT_CLIENT_API,
        FACT_CLIENT_PID,
        FACT_ACCESS,
        FACT_CLIENT_ACCESS,
        FACT_PORTAL_APP_ID,
        FACT_METER,
        FACT_CAPTURES_SINK,
        FACT_CORKED,
        FACT_VIRTUAL,
        FACT_LINK_GROUP,
        FACTS,
};

/* Longer values are cut. */
#define FACT_LENGTH_MAX 255

struct facts {
        char *values[FACTS];
};

/* Takes a property over if it is one that is kept; `value` NULL: it is gone. Others stay. -ENOMEM. */
int facts_set(struct facts *f, const char *key, const char *value);
void facts_done(struct facts *f);
const char *fact(const struct facts *f, enum fact which); /* "" if not there */

/* Names that a program goes by: four of the node, four of the client, and the one of identity.h. */
#define APP_NAMES_MAX 9

struct app_names {
        const char *list[APP_NAMES_MAX + 1]; /* NULL-terminated; borrowed */
};

/* Both leave out what is empty or there already. */
void app_names_add(struct app_names *n, const char *name);
void app_names_add_facts(struct app_names *n, const struct facts *f);

/* Lists of users, which go before the shipped ones. NULL: empty. */
struct app_lists {
        const char *const *ignore, *const *only, *const *call_apps;
};

/* By the user's lists, else by the shipped one. */
bool apps_are_left_out(const struct app_names *names, const struct app_lists *lists);

enum mic_verdict {
        MIC_NOT_RUNNING = 1, /* 0 is left for streams not looked at */
        MIC_OTHER,           /* no capture stream */
        MIC_METER,           /* shows a level */
        MIC_OUTPUT,          /* records what is heard */
        MIC_CORKED,          /* paused */
        MIC_FILTER,          /* a part of PipeWire itself */
        MIC_ANONYMOUS,       /* no program behind it */
        MIC_EXCLUDED,        /* no program of calls */
        MIC_WEAK,
        MIC_STRONG,
};

/* `with_call_output`: the same program also plays a running stream in role Communication. */
enum mic_verdict mic_judge(const struct facts *node, bool running, const struct app_names *names,
                           const struct app_lists *lists, bool with_call_output);
/* In a few words. */
const char *mic_verdict_to_string(enum mic_verdict v);

/* Camera devices, as against shared screens, which are video sources too. */
bool facts_are_camera(const struct facts *f);
bool facts_are_video_consumer(const struct facts *f);
bool facts_are_capture(const struct facts *f);
bool facts_are_call_output(const struct facts *f);
