/* Text helpers. */
#pragma once

#include "core/base.h"

/* "5s", "3 min", "1h 30m", "90" (seconds) and "infinity", in the manner of systemd.time(7).
 * Returns -EINVAL for anything else, -ERANGE if it does not fit. */
int parse_duration(const char *s, usec_t *ret);
/* "1h 30min", "5s", "1s 500ms", "infinity": the two largest units. For people, round to seconds first. Returns buf. */
const char *format_duration(char *buf, size_t size, usec_t t);

/* "yes", "no", "true", "on", "1", ... -EINVAL else. */
int parse_bool(const char *s, bool *ret);
/* The whole of `s` must be a number in min..max: -EINVAL, -ERANGE. */
int parse_unsigned(const char *s, uint64_t min, uint64_t max, uint64_t *ret);

/* Edits needed from a to b, for "did you mean". */
size_t edit_distance(const char *a, const char *b);

/* Shell wildcards, case-insensitive: for lists of applications. */
bool glob_match(const char *pattern, const char *s);

/* `list` is NULL-terminated. */
bool text_is_among(char *const *list, const char *s);

/* Whether all of it is well-formed UTF-8. */
bool text_is_utf8(const char *s);

/* Takes off the beginning of a character at the end, which is left where a text was cut at a number of bytes. Returns
 * s. */
char *text_end_whole(char *s);

/* Replaces control characters and broken UTF-8 so that text from outside can be shown; at most size-1 bytes.
 * Returns buf. */
const char *text_printable(char *buf, size_t size, const char *s);
