/* Whether a player belongs to a program that is on a call, by what both go by. */
#pragma once

#include "core/base.h"

/* What a name on the bus says of the program: without the number of an instance, and of a name that is a domain's
 * turned round ("org.example.Player") the last part. Returns buf. */
const char *program_name_of(char *buf, size_t size, const char *name);

/* Whether `name` is all of an application of `apps` (one a line), or some whole words of it: "chrome" is in
 * "google-chrome". "" is in none. */
bool program_is_among(const char *name, const char *apps);
