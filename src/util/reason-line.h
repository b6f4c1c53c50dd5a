/* A line by which users say what a program's reason for keeping the session awake means: "proof APP REASON". */
#pragma once

#include "core/base.h"
#include "core/calls.h"

#define REASON_APP_MAX 128

struct reason_line {
        enum call_evidence evidence;
        char app[REASON_APP_MAX]; /* shell patterns */
        const char *text;         /* in `line` */
};

/* -EINVAL: it is no such line. */
int reason_line_parse(const char *line, struct reason_line *ret);
