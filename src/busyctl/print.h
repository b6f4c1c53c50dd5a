/* Output for people and for programs. */
#pragma once

#include <jansson.h>
#include <stdio.h>

#include "core/base.h"

enum style {
        STYLE_PLAIN,
        STYLE_BUSY,
        STYLE_FREE,
        STYLE_TROUBLE,
        STYLE_FAINT,
};

/* "busyctl: ..." on stderr, without control characters, with a line end; on a terminal as print_wrapped() does. */
void complain(const char *format, ...) __attribute__((format(printf, 1, 2)));

/* The text in a colour, if stdout is a terminal and NO_COLOR is not set; else as it is. */
void print_styled(enum style style, const char *text);

/* The text behind `indent`, with a line end. On a terminal broken at words to its width, further lines indented by two
 * more columns; a word that does not fit in a line stays whole, so that it can be copied, but for wide characters. */
void print_wrapped(const char *indent, enum style style, const char *format, ...)
        __attribute__((format(printf, 3, 4)));

/* The same behind a word in that style: "busy  14:03 (12min ago)". */
void print_lead(const char *indent, enum style style, const char *word, const char *format, ...)
        __attribute__((format(printf, 4, 5)));

/* Columns on a terminal. */
size_t text_width(const char *text);

/* What print_wrapped() does where a line has `columns`, 0: no limit. For one line of text without control
 * characters. The caller frees the result; NULL if out of memory. */
char *wrap_text(const char *indent, const char *text, size_t columns);

/* With a line end. */
void print_json(const json_t *doc);

#define WHEN_MAX 96
/* "14:03 (12min ago)", with the day unless it is today; "" for 0. `at` and `now` in seconds since 1970. */
const char *format_when(char *buf, size_t size, int64_t at, int64_t now);
int64_t wall_seconds(void);
/* "14:30", "14:30:15": the next time the clock shows that, today or tomorrow; or with a day before it, "2026-12-24
 * 14:30". Local time, in seconds since 1970. -EINVAL for anything else, and for what is not after `now`. */
int parse_moment(const char *s, int64_t now, int64_t *ret);
