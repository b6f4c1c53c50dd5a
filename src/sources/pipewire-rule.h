/* What PipeWire says of an object - what PulseAudio says is put into its words, see pulse-facts.h -, and what a single
 * stream at the microphone is. Pure: properties and state in, a
 * verdict out. What several streams of a program mean together: microphone.h. */
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
        FACT_STREAM_NAME, /* only the names that engines give: others are titles, which are nobody's business */
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

/* Names that a program goes by: four of the node, four of the client, the products within their application names, and
 * the one that is shown. */
#define APP_NAMES_MAX 11

/* "Chromium input" is Chromium's, "ALSA plug-in [Viber]" Viber's: the name of the product in an application name. */
const char *app_product(char *buf, size_t size, const char *name);

struct app_names {
        const char *list[APP_NAMES_MAX + 1]; /* NULL-terminated; borrowed, but for: */
        char products[2][FACT_LENGTH_MAX + 1];
        size_t n_products;
};

/* Both leave out what is empty or there already. */
void app_names_add(struct app_names *n, const char *name);
void app_names_add_facts(struct app_names *n, const struct facts *f);

/* What the streams of a program say who it is, canonical as in identity.h; "" if they say nothing. Its control group
 * is not asked: that is the launcher's - a game's is Steam's, a meeting's that of the browser with the link. `client`
 * NULL: not known. Returns buf. */
const char *facts_identify(char *buf, size_t size, const struct facts *node, const struct facts *client);

/* Lists of users, which go before the shipped ones. NULL: empty. */
struct app_lists {
        const char *const *ignore, *const *only, *const *call_apps;
};

/* By the user's lists, else by the shipped one. The second tells by which, in a few words; NULL: it is not. */
bool apps_are_left_out(const struct app_names *names, const struct app_lists *lists);
const char *apps_why_left_out(const struct app_names *names, const struct app_lists *lists);

enum mic_verdict {
        MIC_NOT_RUNNING = 1, /* 0 is left for streams not looked at */
        MIC_OTHER,           /* no capture stream */
        MIC_METER,           /* shows a level */
        MIC_OUTPUT,          /* records what is heard */
        MIC_CORKED,          /* paused */
        MIC_FILTER,          /* a part of the sound server itself */
        MIC_ANONYMOUS,       /* no program behind it */
        MIC_EXCLUDED,        /* no program of calls */
        MIC_WEAK,            /* nobody knows what for */
        MIC_LISTENS,         /* a program that makes calls, and plays nothing: a voice message, dictation */
        MIC_APART,           /* ... that plays because it records, and has a connection to nobody */
        MIC_TWO_WAY,         /* ... that plays as well: a call */
        MIC_STRONG,          /* a program that only makes calls, or a stream that says so */
        MIC_MUTED,           /* the microphone of a call is closed, and the call plays on */
};

/* What the same program plays meanwhile. */
enum mic_partner {
        PARTNER_NONE,
        PARTNER_APART, /* it plays because it records, see peers.h */
        PARTNER_PLAYS,
        PARTNER_PLAYS_CALL, /* in role Communication */
};

enum mic_verdict mic_judge(const struct facts *node, bool running, const struct app_names *names,
                           const struct app_lists *lists, enum mic_partner partner);
bool mic_verdict_is_strong(enum mic_verdict v);
/* In a few words. */
const char *mic_verdict_to_string(enum mic_verdict v);
/* By what it was judged so, in a few words; "" where the verdict says it all. What mic_judge() was asked, and what it
 * said. */
const char *mic_why(const struct facts *node, const struct app_names *names, const struct app_lists *lists,
                    enum mic_verdict v);

/* Camera devices, as against shared screens, which are video sources too. */
bool facts_are_camera(const struct facts *f);
bool facts_are_video_consumer(const struct facts *f);
bool facts_are_capture(const struct facts *f);
bool facts_are_playback(const struct facts *f);
bool facts_are_of_call(const struct facts *f); /* role Communication */
/* A capture of an engine that plays whenever it records: see peers.h. */
bool facts_play_always(const struct facts *f);
