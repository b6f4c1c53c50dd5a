/* What is known of programs that hold a microphone, by the names they go by: application name, application id, binary,
 * product. Engines of browsers are not here: their streams show what they
 * are (pipewire-rule.h). */
#pragma once

#include "core/base.h"

enum app_class {
        APP_UNKNOWN,
        APP_TALK,  /* makes calls, and records without one too: voice messages, dictation */
        APP_CALLS, /* opens a microphone for calls only */
        APP_NEVER, /* mixers, studios, recorders, filters, speech, cameras: no calls */
};

/* `names` of one program, NULL-terminated. A name is known if it begins with a known word, in upper or lower case
 * alike: "zoom" is in "Zoom" and "zoom-flatpak", not in "zoomer". Of several classes the last one. */
enum app_class apps_class(const char *const *names);

/* Shell patterns, as users list them. */
bool apps_match(const char *const *globs, const char *const *names); /* `globs` NULL: false */
