/* Programs that hold a microphone: which of them are on a call then, and which never are. Shell patterns, compared
 * with every name a program goes by: application name, application id, binary. NULL-terminated. */
#pragma once

#include "core/base.h"

extern const char *const apps_of_calls[];
extern const char *const apps_without_calls[]; /* goes before apps_of_calls */

/* Names of one program, NULL-terminated. */
bool apps_match(const char *const *globs, const char *const *names); /* `globs` NULL: false */
