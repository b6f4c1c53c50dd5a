/* Output for people and for programs. */
#pragma once

#include <jansson.h>
#include <stdio.h>

#include "core/base.h"

enum style {
        STYLE_BUSY,
        STYLE_FREE,
        STYLE_TROUBLE,
        STYLE_FAINT,
};

/* "busyctl: ..." on stderr, without control characters, with a line end. */
void complain(const char *format, ...) __attribute__((format(printf, 1, 2)));

/* The text in a colour, if stdout is a terminal and NO_COLOR is not set; else as it is. */
void print_styled(enum style style, const char *text);

/* Whole or as one line, with a line end. */
void print_json(const json_t *doc);
void print_json_line(const json_t *doc);

#define WHEN_MAX 96
/* "14:03 (12min ago)", with the day unless it is today; "" for 0. `at` and `now` in seconds since 1970. */
const char *format_when(char *buf, size_t size, int64_t at, int64_t now);
int64_t wall_seconds(void);
